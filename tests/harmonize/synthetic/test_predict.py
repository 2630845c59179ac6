"""Synthetic PReDICT: same persons whatever the number, files as a SAS export prints them, figures and truths."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.sources import study
from harmonize.synthetic import check, predict
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.predict_course import (
    ACUTE,
    ARMS,
    STAYS,
    WEEK_10,
    WEEK_12,
    Course,
    classed,
    draw_course,
    driver_of,
    randomised,
)
from harmonize.synthetic.predict_treatment import sessions
from harmonize.synthetic.worlds import WORLDS, world

MANY = 6000


def drawn(name: str = "W0", n: int = MANY, seed: int = 5) -> Course:
    return draw_course(np.arange(n), Draws(seed), world(name))


def read(folder: Path, name: str) -> list[str]:
    return (folder / f"predict_{name}.csv").read_text(encoding="ascii").splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("predict")
    predict.write(target, 120, 7)
    return target


def test_a_smaller_number_gives_the_first_of_the_same_persons(folder: Path, tmp_path: Path) -> None:
    written = predict.write(tmp_path, 31, 7)
    for name in ("visits", "persons"):
        small = read(tmp_path, name)
        assert small == read(folder, name)[: len(small)]
        assert len(small) == written.rows[name] + 1
    assert written.rows["persons"] == 31


def test_the_chunk_plays_no_part() -> None:
    at_once = predict.forms(50, 3)
    parts = list(predict.iter_chunks(50, 3, chunk=17))
    for name, whole in at_once.items():
        assert [row for part in parts for row in part[name].to_pylist()] == whole.to_pylist()


def test_nobody_makes_files_with_names_only_that_land(tmp_path: Path) -> None:
    written = predict.write(tmp_path / "delivered", 0, 1)
    assert written.rows == {"visits": 0, "persons": 0}
    land(study("predict"), tmp_path / "delivered", Warehouse(tmp_path / "house"), synthetic=True)
    assert predict.truth(0, 1).empty
    assert predict.marginals(0, 1) == {}
    with pytest.raises(ValueError, match="must not be negative"):
        predict.forms(-1, 1)


def test_files_are_what_a_sas_export_prints(folder: Path) -> None:
    """Upper-case names, CRLF, quotes only around a comma, DATE9., full stops and special missing numbers."""
    raw = (folder / "predict_visits.csv").read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == len(raw.splitlines())
    header, *rows = read(folder, "visits")
    names = header.split(",")
    assert names == [n.upper() for n in study("predict").form("visits").column_names]
    assert len(set(names)) == len(names)
    for row in rows:
        *cells, note = row.split(",", len(names) - 1)
        assert note.startswith('"SYNTHETIC, ')
        assert "INVENTED" in note
        assert all(re.fullmatch(r"\d+|\.[AN]?|\d\d[A-Z]{3}\d{4}", cell) for cell in cells), row
    data = pd.read_csv(folder / "predict_visits.csv", dtype=str, keep_default_na=False)
    assert {".", ".A"} == set(data["EXITRSN"]) - {"1", "2", "3", "4"}
    assert ".N" in set(data["BDI"])
    assert set(data["VISITDATE"].str[2:5]) <= set("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split())


def test_the_delivery_says_that_it_is_synthetic_and_the_layout_invented(folder: Path) -> None:
    said = (folder / predict.MARK_FILE).read_text(encoding="utf-8")
    assert said.startswith("SYNTHETIC DATA")
    assert "INVENTED" in said
    assert "LAYOUT IS INVENTED" in study("predict").path.read_text(encoding="utf-8")


def test_344_are_randomised_115_114_115() -> None:
    """Dossier section 1; the sizes of the arms are memory. Blocks of three: never more than one apart."""
    for seed in range(5):
        arm = randomised(np.arange(344), Draws(seed))
        assert np.bincount(arm).tolist() == [115, 114, 115]
        for n in (1, 7, 100):
            assert np.ptp(np.bincount(arm[:n], minlength=3)) <= 2


def test_entry_needs_a_score_of_15() -> None:
    assert drawn().hrsd[:, 0].min() == 15


def test_classes_of_completers_at_their_borders() -> None:
    """30 % and 50 % belong upwards; 7 at week 12 alone, or with week 10 unseen, is no remission."""
    hrsd = np.full((7, ACUTE), 20)
    hrsd[:, WEEK_10] = [20, 20, 20, 20, 8, 7, 7]
    hrsd[:, WEEK_12] = [15, 14, 11, 10, 7, 7, 7]
    seen = np.ones((7, ACUTE), dtype=bool)
    seen[6, WEEK_10] = False
    assert classed(hrsd, seen).tolist() == [0, 1, 1, 2, 2, 3, 2]


def test_only_those_not_remitted_at_week_12_are_combined() -> None:
    course = drawn()
    assert not (course.combined & ~np.isin(course.outcome, (0, 1, 2))).any()
    assert not (course.seen[:, ACUTE:] & ~course.combined[:, None]).any()
    assert course.seen[course.completer][:, WEEK_12].all()
    assert not course.seen[~course.completer][:, WEEK_12].any()
    assert (np.diff(course.day, axis=1) > 0).all(), "visits stand in their order"


def test_sessions_before_a_missed_visit_are_told_at_the_next() -> None:
    """At most 16 in twelve weeks, whoever missed what; nobody in a drug arm has any before the combination."""
    course, draws = drawn(n=900), Draws(5)
    told = sessions(course, draws)
    assert (told[course.arm != 0][:, :ACUTE] < 0).all()
    cbt = (course.arm == 0) & course.completer
    seen = course.seen[cbt][:, :ACUTE]
    total = np.where(seen, told[cbt][:, :ACUTE], 0).sum(axis=1)
    assert total.max() == 16
    missed_one = ~seen.all(axis=1)
    assert missed_one.any()
    assert abs(total[missed_one].mean() - total[~missed_one].mean()) < 0.5


@pytest.mark.parametrize("name", WORLDS)
def test_figures_meet_the_published_ones_in_every_world(name: str) -> None:
    """The published figures of targets.csv within their tolerance; the seed is not that of the calibration."""
    verdicts = check.check("predict", name, 12_000, 11)
    off = [(v.target.target_id, v.target.value, v.synthetic) for v in verdicts if v.verdict in ("off", "not given")]
    assert check.share_within(verdicts) >= check.PASS_SHARE, off
    assert len([v for v in verdicts if v.target.use == "test"]) >= 30
    classes = [v for v in verdicts if v.target.target_id.rsplit("_", 1)[0] in predict.CLASSES]
    assert len(classes) == 16
    assert sum(v.verdict == "off" for v in classes) <= 1, off


def test_a_figure_can_miss() -> None:
    """The check above fails where persons are others: with the arms' names changed remission is off."""
    given = dict(predict.marginals(12_000, 11))
    given["remission_DUL"] = (given["remission_DUL"][0] - 15, 1)
    off = [v.target.target_id for v in check.compare("predict", "W0", given) if v.verdict == "off"]
    assert off == ["remission_DUL"]


@pytest.mark.parametrize("name", ["W0", "W1", "W2", "W3"])
def test_the_driver_of_the_combination_is_that_of_those_who_enter(name: str) -> None:
    mean, sd = parameters("predict")["combination"]["driver"][world(name).family]
    found = driver_of(MANY, Draws(21), world(name))
    assert found == pytest.approx((mean, sd), abs=0.12 * sd)


def next_step_gap(name: str) -> tuple[float, float]:
    """Among those below 50 % fall in the combination: the difference in its propensity between treatment failure and
    partial response, and the same at equal exit severity (by regression)."""
    truth = predict.truth(30_000, 13, name)
    course = drawn(name, 30_000, 13)
    chosen = (
        truth["combined"] & (truth["class_1"] != "response_no_remission") & truth["course_1"].isin((0, 1))
    ).to_numpy()
    failed = (truth["course_1"] == 0).to_numpy()[chosen].astype(float)
    design = np.stack([np.ones(failed.size), failed, truth["exit_severity_1"].to_numpy()[chosen]], axis=1)
    y = course.step_2.propensity[chosen]
    crude = y[failed == 1].mean() - y[failed == 0].mean()
    return float(crude), float(np.linalg.lstsq(design, y, rcond=None)[0][1])


def test_worlds_differ_in_what_the_combination_depends_on() -> None:
    """W0: the course says more than the last score. W2: it says nothing beyond it, and failures still do worse."""
    crude, adjusted = next_step_gap("W0")
    assert crude < -0.3
    assert adjusted < -0.3
    crude, adjusted = next_step_gap("W2")
    assert crude < -0.3
    assert abs(adjusted) < 0.1
    assert set(predict.truth(200, 1, "W1")["course_1"]) == {-1}
    assert set(predict.truth(400, 1, "W0")["course_1"]) == {0, 1, 2, 3}


def test_who_leaves_depends_on_what_the_world_says() -> None:
    """W4c: failures are lost more often. W0: they are not (but give up more, for want of benefit)."""

    def lost(name: str) -> float:
        truth = predict.truth(20_000, 17, name)
        gone = truth["left_1"] == "lost"
        return float(gone[truth["course_1"] == 0].mean() - gone[truth["course_1"] > 1].mean())

    assert abs(lost("W0")) < 0.04
    assert lost("W4c") > 0.15


def test_genotyping_does_not_depend_on_response() -> None:
    """DNA was taken before randomisation (dossier section 7): ancestry and schooling count, staying does not."""
    course = drawn(n=20_000)
    share = course.dna[course.completer].mean() - course.dna[~course.completer].mean()
    assert abs(share) < 0.02
    european = course.persons.ancestry == 0
    assert course.dna[european].mean() > course.dna[~european].mean() + 0.03


def test_the_score_explains_little(folder: Path) -> None:
    """At most 1 % of the variance of the fall; nobody was treated before."""
    course = drawn(n=40_000)
    fall = (course.theta[:, 0] - course.theta[:, WEEK_12]) / course.theta[:, 0]
    assert np.corrcoef(course.persons.score, fall)[0, 1] ** 2 < 0.01
    assert course.persons.treatment_naive.all()
    assert not course.persons.n_failed_trials.any()
    assert len(ARMS) == 3
    assert STAYS == ACUTE


def test_the_truth_names_the_persons_of_the_files(folder: Path) -> None:
    truth = predict.truth(120, 7)
    data = pd.read_csv(folder / "predict_persons.csv", dtype=str)
    assert truth["pid"].tolist() == data["PID"].tolist()
    assert truth["genotyped"].map({True: "1", False: "0"}).tolist() == data["DNA"].tolist()
    scored = truth["genotyped"].to_numpy()
    assert np.allclose(truth["score"][scored], data["GRS"][scored].astype(float), atol=1e-4)
    assert set(data["GRS"][~scored]) == {".A"}
