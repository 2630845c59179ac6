"""Synthetic MARS: the files say what was drawn, the figures are the published ones, and the worlds differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.sources import study
from harmonize.synthetic import check, mars
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.instruments import expected_total
from harmonize.synthetic.mars_course import DISCHARGED, draw
from harmonize.synthetic.worlds import WORLDS, world

SEED = 4
MANY = 12_000
ITEMS = [f"hamd{i:02d}" for i in range(1, 22)]


@pytest.fixture(scope="module")
def forms() -> dict[str, pd.DataFrame]:
    return {name: data.to_pandas() for name, data in mars.forms(1500, SEED).items()}


@pytest.mark.parametrize("name", WORLDS)
def test_published_figures_are_met_in_every_world(name: str) -> None:
    """Response 80.8 %, remission 57.9 %, 11.8 weeks, 339 genotyped of 842 (dossier sections 2 and 7)."""
    verdicts = check.check("mars", name, MANY, SEED)
    missed = [(v.target.target_id, v.synthetic) for v in verdicts if v.verdict in ("off", "not given")]
    assert check.share_within(verdicts) >= check.PASS_SHARE, missed


def test_columns_are_those_of_the_contract(forms: dict[str, pd.DataFrame]) -> None:
    for form in study("mars").clinical_forms:
        assert tuple(forms[form.name].columns) == form.column_names


def test_fewer_persons_are_the_first_of_the_same() -> None:
    many, few = mars.forms(60, SEED), mars.forms(25, SEED)
    for name, data in few.items():
        assert 0 < data.num_rows < many[name].num_rows
        assert data.equals(many[name].slice(0, data.num_rows)), name
    pd.testing.assert_frame_equal(mars.truth(25, SEED), mars.truth(60, SEED).head(25))


def test_chunks_do_not_matter() -> None:
    whole = mars.forms(50, SEED)
    parts = list(mars.iter_chunks(50, SEED, chunk=17))
    for name, data in whole.items():
        assert data.num_rows == sum(p[name].num_rows for p in parts)
        assert data.to_pylist() == [row for p in parts for row in p[name].to_pylist()]


@pytest.mark.parametrize("delivery", ["xlsx", "csv"])
def test_nobody_and_one_person_can_be_landed(tmp_path: Path, delivery: mars.Delivery) -> None:
    for n in (0, 1):
        written = mars.write(tmp_path / f"{n}", n, SEED, delivery=delivery)
        warehouse = Warehouse(tmp_path / f"house_{n}")
        report = land(study("mars"), tmp_path / f"{n}", warehouse, synthetic=True)
        assert {f.form: f.rows for f in report.forms} == written.rows
        assert written.rows["patienten"] == n


def test_the_same_bytes_again(tmp_path: Path) -> None:
    for delivery in ("xlsx", "csv"):
        first = mars.write(tmp_path / f"{delivery}_1", 20, SEED, delivery=delivery)
        again = mars.write(tmp_path / f"{delivery}_2", 20, SEED, delivery=delivery)
        assert {n: p.read_bytes() for n, p in first.paths.items()} == {
            n: p.read_bytes() for n, p in again.paths.items()
        }


def test_files_say_that_they_are_synthetic_and_their_layout_invented(tmp_path: Path) -> None:
    written = mars.write(tmp_path, 3, SEED)
    (book,) = tmp_path.glob("*.xlsx")
    notes = CalamineWorkbook.from_path(book).get_sheet_by_name("Hinweise").to_python()
    for text in ("\n".join(str(row[0]) for row in notes), written.paths[mars.MARK_FILE].read_text(encoding="utf-8")):
        assert text.startswith("SYNTHETIC DATA")
        assert "INVENTED" in text


def test_a_sheet_that_would_be_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harmonize.synthetic.mars_files.MOST_ROWS", 50)
    with pytest.raises(ValueError, match="write the text files instead"):
        mars.write(tmp_path, 20, SEED, delivery="xlsx")


def test_totals_are_sums_and_entry_is_14_or_more(forms: dict[str, pd.DataFrame]) -> None:
    ratings = forms["hamd"]
    items = ratings[ITEMS].apply(pd.to_numeric)
    total = pd.to_numeric(ratings["hamd21_summe"])
    whole = items.notna().all(axis=1) & total.notna()
    assert 0.9 < whole.mean() < 1
    assert (items.sum(axis=1)[whole] == total[whole]).all()
    first = ratings[(ratings["aufnahme_nr"] == "1") & (ratings["woche"] == "0")]
    assert first["patid"].nunique() == len(first) == 1500
    assert pd.to_numeric(first["hamd21_summe"]).min() >= 14
    later = ratings[(ratings["aufnahme_nr"] != "1") & (ratings["woche"] == "0")]
    assert pd.to_numeric(later["hamd21_summe"]).min() < 14, "a readmission below 14 is possible"


def test_discharge_is_informative() -> None:
    """Those discharged by week 6 would not have done as well as the others had they stayed: they did better already."""
    index = draw(np.arange(MANY), Draws(SEED), "W0").stays[0]
    early = (index.kind == DISCHARGED) & (index.last <= 6)
    at_6 = np.minimum(index.last, 6)
    rows = np.arange(MANY)
    seen = index.total[rows, at_6] / index.total[:, 0]
    assert seen[early].mean() < 0.4 < seen[~early].mean()
    # Patients not yet discharged at week 16 are mostly those who did not respond.
    assert index.responded[index.kind == DISCHARGED].mean() > 0.9
    assert index.responded[index.kind == 3].mean() < 0.6


@pytest.mark.parametrize("name", WORLDS)
def test_truths_differ_as_the_plan_says(name: str) -> None:
    there = world(name)
    found = mars.truth(6000, SEED, name)
    course, failed = found["course_TAU"], found["n_failed_trials"]
    if there.has_courses:
        shares = course.value_counts(normalize=True)
        assert set(shares.index) == {"treatment_failure", "partial_response", "gradual", "rapid"}
        assert shares["treatment_failure"] > 0.04
        tf = course == "treatment_failure"
        gap = failed[tf].mean() - failed[~tf].mean()
        # History goes with the course only where the next step does.
        assert gap > 0.5 if there.next_step_on == "course" else abs(gap) < 0.2
    else:
        assert course.isna().all()
    if there.next_step_on == "exit_severity":
        assert np.corrcoef(failed, found["severity0"])[0, 1] > 0.25
    assert (found["link_shift"] == (1.5 if name == "W5" else 0.0)).all()


def test_the_link_is_shifted_in_w5_only() -> None:
    """Oracle: the mean HRSD21 at a known severity is what the true link says, with 1.5 points more severity in W5."""
    for name, shift in (("W0", 0.0), ("W5", 1.5)):
        index = draw(np.arange(MANY), Draws(SEED), name).stays[0]
        observed = index.total[:, 2]
        truth = expected_total("HRSD21", index.theta[:, 2], shift=shift)
        other = expected_total("HRSD21", index.theta[:, 2], shift=1.5 - shift)
        assert abs((observed - truth).mean()) < 0.25
        assert abs((observed - other).mean()) > 1.0


def test_the_score_explains_less_than_one_percent() -> None:
    found = mars.truth(MANY, SEED, "W0")
    assert np.corrcoef(found["score"], found["amplitude_TAU"])[0, 1] ** 2 < 0.01


def test_the_truth_is_read_back_from_the_files(forms: dict[str, pd.DataFrame]) -> None:
    """With the true course and severity in hand, the delivered ratings are what they should be."""
    truth = mars.truth(1500, SEED).set_index("patid")
    ratings = forms["hamd"][forms["hamd"]["aufnahme_nr"] == "1"].assign(
        total=lambda d: pd.to_numeric(d["hamd21_summe"]), week=lambda d: pd.to_numeric(d["woche"])
    )
    last = ratings.dropna(subset=["total"]).sort_values("week").groupby("patid")["total"].last()
    expected = pd.Series(expected_total("HRSD21", truth["exit_severity_TAU"].to_numpy()), truth.index)
    # Patients go home after a low rating, so the last one is a little lower than their true state; others are not.
    assert -1.2 < (last - expected).mean() < 0
    assert np.corrcoef(last, expected.loc[last.index])[0, 1] > 0.9
    first = ratings[ratings["week"] == 0].set_index("patid")["total"]
    fall = 1 - last / first
    by_course = fall.groupby(truth["course_TAU"]).mean()
    # Those who improve evenly go home before they have all of it.
    assert by_course["treatment_failure"] < 0.25 < by_course["partial_response"] < 0.5 < by_course["gradual"]
    assert by_course["gradual"] < by_course["rapid"]
    admitted = forms["patienten"][forms["patienten"]["aufnahme_nr"] == "1"].set_index("patid")
    assert (pd.to_numeric(admitted["vortherapien_ohne_erfolg"]) == truth["n_failed_trials"]).all()
    past = forms["medikation"].query("art == 'V'").groupby("patid").size().reindex(truth.index, fill_value=0)
    assert (past == truth["n_failed_trials"]).all()
    ends = admitted["entlassungsart"].map({"E": "discharge", "A": "withdrew", "V": "lost", "B": "completed"})
    assert (ends == truth["leaving_TAU"]).all()


def test_quirks_are_there(forms: dict[str, pd.DataFrame]) -> None:
    patients, drugs = forms["patienten"], forms["medikation"]
    assert set(patients["klinik"]) == {"München", "Augsburg", "Ingolstadt"}
    assert {"A", "N", "k.A."} == set(patients["ansprechen"])
    assert patients["diagnose_icd10"].str.startswith("F31").mean() == pytest.approx(0.10, abs=0.03)
    assert patients["diagnose_icd10"].isin(["F31.5", "F32.3", "F33.3"]).mean() == pytest.approx(0.10, abs=0.03)
    assert set(patients["aufnahme_nr"]) == {"1", "2", "3"}
    assert drugs["dosis_mg"].str.contains(",").any()
    assert (drugs["dosis_mg"] == "k.A.").any()
    assert drugs["spiegel_ng_ml"].str.contains(",").any()
    begun = pd.to_datetime(drugs["beginn"], format="%d.%m.%Y")
    joined = pd.to_datetime(drugs["ersteinschluss"], format="%d.%m.%Y")
    on_arrival = drugs["art"].eq("S") & (begun < joined)
    assert drugs.loc[on_arrival, "patid"].nunique() / 1500 == pytest.approx(0.7, abs=0.05)
    ended = pd.to_datetime(drugs["ende"], format="%d.%m.%Y")
    assert not (ended < begun).any()
    assert ended.isna().any()
    at_once = drugs[drugs["art"] == "S"].groupby("patid")["wirkstoff"].nunique()
    assert (at_once > 1).mean() > 0.5
