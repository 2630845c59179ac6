"""Aim D from a published file to results and report, and `trd biomarker` on it. Persons are invented (SYNTHETIC)."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from typer.testing import CliRunner

from analysis.biomarkers import Asked, run_biomarker
from analysis.biomarkers import run as run_module
from analysis.biomarkers.estimate import ADJUSTED, DIFFERENCE
from analysis.biomarkers.estimators import PRIMARY
from analysis.biomarkers.sensitivity import e_value
from analysis.genetics.errors import DerivationOverlap
from analysis.report.biomarkers import masked, sections
from analysis.report.page import _environment
from analysis.results import results_file
from analysis.trajectories.cohort import CohortError
from analysis.trajectories.run import Asked as Courses
from analysis.trajectories.run import run_trajectories
from analysis.trajectories.simulate import Courses as Truth
from analysis.trajectories.simulate import mixture
from analysis.warehouse import connect
from harmonize.cli import app

TWO = Truth(
    np.array([[16.0, -1.9, 0.08], [17.0, -0.12, 0.0]]), np.array([0.7, 0.3]), np.array([[4.0, -0.1], [-0.1, 0.02]]), 2.0
)
N = 700
TABLES = """
create schema quality; create schema marts; create schema cdm; create schema reference;
create table quality.landings (study varchar, form varchar, sha256 varchar, is_synthetic boolean);
insert into quality.landings values ('stard', 'f', 'ab', true), ('predict', 'f', 'cd', true);
create table reference.trajectory_rules (study_id varchar, instrument_id varchar);
create table marts.trajectory_input as
select
    who.subject_id, who.study_id, scores.subject_id % 25 as site_no, 'QIDS_SR16' as instrument_id,
    cast(week * 7 as bigint) as day, 'self' as rater, 'clinic' as contact, 1 as occasion, week, scores.score,
    0 as baseline_day, null as baseline_score, case when week = 0 then 'baseline' else 'follow_up' end as role,
    week > 0 as is_in_window, 1.4 * scores.score as hrsd17_equiv, scores.score as qids_sr16_equiv
from scores inner join who on scores.subject_id = who.number;
create table marts.first_line as
select
    subject_id, study_id, number % 25 as site_no, '1' as step_id, 'SSRI' as treatment_class, 'completed' as exit_kind,
    weeks as weeks_on_treatment, baseline_score, 'QIDS_SR16' as instrument_id, true as is_in_trajectories,
    true as is_evaluable, false as left_early, false as intolerant, 'yes' as adequate
from who;
create table marts.outcomes as
select subject_id, study_id, '1' as step_id, 'QIDS_SR16' as instrument_id, 'nonresponse' as definition_id,
    case when failed = 1 then 'met' else 'not_met' end as verdict
from who;
create table cdm.subjects as
select subject_id, study_id, sex, age, race, cast(null as varchar) as ethnicity from who;
create table cdm.history as
select subject_id, study_id, 'education_years' as variable_id, education as value_num from who;
create table cdm.genotypes as
select subject_id, study_id, 'rs10' as variant_id, 'A' as effect_allele, 'G' as other_allele, cast(null as varchar)
    as build, dosage
from who where typed = 1;
"""
WEIGHTS = "#derivation_studies=gendep\nrsid\teffect_allele\tother_allele\teffect_weight\nrs10\tA\tG\t0.5\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("biomarker")
    scores = mixture(N, 3, TWO)
    rng = np.random.default_rng(2)
    truth = scores.drop_duplicates("subject_id").set_index("subject_id")["truth"]
    failed = (truth == 2).astype(int).to_numpy()
    who = pd.DataFrame({"number": truth.index, "failed": failed})
    who["study_id"] = np.where(who["number"] % 3 == 0, "predict", "stard")
    who["subject_id"] = who["study_id"] + "-" + who["number"].astype(str)
    who["sex"], who["race"] = rng.choice(["female", "male"], N), rng.choice(["White", "Black"], N, p=[0.8, 0.2])
    who["age"] = np.where(rng.random(N) < 0.05, np.nan, rng.normal(45, 12, N).round())
    who["education"], who["weeks"] = rng.normal(13, 3, N).round(), rng.choice([1.0, 12.0], N, p=[0.1, 0.9])
    who["baseline_score"] = scores[scores["week"] == 0].set_index("subject_id")["score"].reindex(truth.index).to_numpy()
    who["score"] = rng.normal(size=N) + 0.6 * failed
    who["dosage"] = rng.binomial(2, np.where(failed == 1, 0.45, 0.25)).astype(float)
    left = set(who.loc[who["weeks"] < 2, "number"])
    scores = scores[(scores["week"] <= 1) | ~scores["subject_id"].isin(left)]
    chance = expit(0.4 + 0.15 * (who["education"] - 13) - 0.5 * failed)
    who["typed"] = ((rng.random(N) < chance) & (who["weeks"] > 1)).astype(int)
    path = folder / "trd.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.register("who", who)
        connection.register("scores", scores)
        connection.execute(TABLES)
    run_trajectories(path, Courses(k=(2,), families=("gaussian",), starts=6, replicates=0, seed=1))
    table = folder / "scores.csv"
    who.loc[who["typed"] == 1, ["subject_id", "score"]].to_csv(table, index=False)
    return path, table, who


@pytest.fixture
def unwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing is tested once; elsewhere it only takes time."""
    monkeypatch.setattr(run_module, "write_result", lambda *_, **__: None)


@pytest.fixture(scope="module")
def run(world):
    path, table, _ = world
    asked = Asked(scores=table, studies=("stard", "predict"), draw_week=2.0, shuffles=10, replicates=3, seed=4)
    return run_biomarker(path, asked)


def test_effect_is_found_written_and_stamped(world, run) -> None:
    path, _, who = world
    effects = run.tables["effects"].set_index(["study_id", "estimator", "measure"])
    for study in ("stard", "predict", "pooled"):
        line = effects.loc[(study, PRIMARY, ADJUSTED)]
        assert line["lower"] < np.exp(0.6 * 1.03) < line["upper"]
        assert effects.loc[(study, PRIMARY, DIFFERENCE), "estimate"] > 0.05
    assert effects.loc[("pooled", PRIMARY, DIFFERENCE), "se"] < effects.loc[("predict", PRIMARY, DIFFERENCE), "se"]
    naive = effects.loc[("stard", "P(failure) regressed (descriptive)", DIFFERENCE), "estimate"]
    assert naive < effects.loc[("stard", PRIMARY, DIFFERENCE), "estimate"]
    primary = run.tables["effects"].query("is_primary and measure == @DIFFERENCE")
    assert (primary["p_holm"] >= primary["p_value"]).all()
    assert set(run.tables["effects"]["estimator"]) >= {
        "unweighted",
        "raked to enrolled totals",
        "weighted, truncated 1/99 %",
    }
    flow = run.tables["flow"].query("study_id == 'stard'").set_index("stage")["n"]
    own = who[who["study_id"] == "stard"]
    assert flow["in study at week 2"] == (own["weeks"] > 1).sum()
    assert flow["and passed quality control"] == own["typed"].sum()
    chain = run.tables["effects"].query("estimator == 'weighted, bootstrap of the chain'")
    assert chain["note"].str.startswith("3 replicates, 0 failed").all()
    with connect(path) as opened:
        written = opened.table("results.biomarker_runs").iloc[0]
        stored = opened.table("results.biomarker_effects")
    assert (written["seed"], written["is_synthetic"]) == (4, True)
    assert "not adjusted for PC1" in written["deviations"]
    assert len(stored) == len(run.tables["effects"])
    assert results_file(path).is_file()


def test_shuffled_scores_find_nothing(run) -> None:
    check = run.tables["sensitivity"].query("study_id == 'stard' and check == 'sign-shuffled scores'").iloc[0]
    line = run.tables["effects"].query("study_id == 'stard' and is_primary and measure == @DIFFERENCE").iloc[0]
    assert check["value"] == pytest.approx(line["se"], rel=0.6)
    assert "0.0 % as far from 0" in check["text"]


def test_e_value_by_the_formula() -> None:
    assert e_value(2.0) == pytest.approx(2 + np.sqrt(2))
    assert e_value(0.5) == pytest.approx(e_value(2.0))
    assert e_value(1.0) == 1.0


def test_the_section_shows_no_person_and_no_small_count(world, run) -> None:
    path, _, who = world
    with connect(path) as opened:
        [section] = [s for s in sections(opened, 5) if s["run"]["run_id"] == run.run_id]
        [strict] = [s for s in sections(opened, 200) if s["run"]["run_id"] == run.run_id]
    assert section["synthetic"]
    assert section["is_current"]
    assert any(cell.value is None for _, stages in strict["flow"] for _, cell in stages)
    assert strict["run"]["power_text"] == ""
    page = _environment().from_string("{% include 'biomarkers.html.j2' %}").render(biomarkers=[section])
    assert "SYNTHETIC" in page
    assert "STREGA" in page
    assert not any(s in page for s in who["subject_id"])
    assert masked("age (3), race (30); 2 of 90 persons; 4.1 %", 5) == "age (<5), race (30); <5 of 90 persons; 4.1 %"


@pytest.mark.usefixtures("unwritten")
def test_a_seen_outcome_with_landmarks_and_imputation(world) -> None:
    path, table, _ = world
    plain = run_biomarker(path, Asked(scores=table, outcome="nonresponse", shuffles=0, landmarks=(2.0,)))
    assert "landmark week 2" in set(plain.tables["effects"]["estimator"])
    asked = Asked(scores=table, outcome="nonresponse", shuffles=0, missing="impute", landmarks=(), seed=2)
    found = run_biomarker(path, asked).tables["effects"]
    assert found.query("is_primary")["note"].str.contains("Rubin").all()


@pytest.mark.usefixtures("unwritten")
def test_weights_file_on_variants_of_the_warehouse(world, tmp_path: Path) -> None:
    path, _, _ = world
    file = tmp_path / "one.txt"
    file.write_text(WEIGHTS)
    found = run_biomarker(path, Asked(weights=file, shuffles=0, draw_week=2.0))
    line = found.tables["effects"].query("is_primary and measure == @DIFFERENCE").iloc[0]
    assert line["lower"] > 0
    file.write_text(WEIGHTS.replace("gendep", "stard"))
    with pytest.raises(DerivationOverlap, match="stard"):
        run_biomarker(path, Asked(weights=file, shuffles=0))
    marked = run_biomarker(path, Asked(weights=file, shuffles=0, draw_week=2.0, in_derivation=True))
    assert "CIRCULAR" in marked.verdict


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcome": "nowhere"}, "no outcome 'nowhere'.*nonresponse"),
        ({"studies": ("mars",)}, "no person of mars"),
        ({"ancestry": "nowhere == 1"}, "cannot be asked"),
        ({"ancestry": "race == 'Nobody'"}, "nobody of stard is of the ancestry race == 'Nobody'"),
        ({"draw_week": 400.0}, "nobody of stard is in study at week 400"),
        ({"scores": None}, "give a weights file"),
    ],
)
def test_refused_by_name(world, change: dict, message: str) -> None:
    path, table, _ = world
    asked = {"scores": table, "shuffles": 0} | change
    with pytest.raises(CohortError, match=message):
        run_biomarker(path, Asked(**asked))


def test_a_table_of_scores_is_checked(world, tmp_path: Path) -> None:
    path, _, _ = world
    for text, message in (
        ("subject_id,score\na,1\na,2\n", "row 3: subject_id a stands twice"),
        ("subject_id,score\na,x\n", "row 2, column score: 'x' is no number"),
        ("person,score\na,1\n", "no column subject_id"),
        ("subject_id,score\nelsewhere-1,1\n", "identifiers"),
        ("subject_id,score\na,inf\n", "row 2, column score: 'inf' is no number"),
        ("", "cannot be read as a table of scores"),
    ):
        file = tmp_path / "bad.csv"
        file.write_text(text)
        with pytest.raises(CohortError, match=message):
            run_biomarker(path, Asked(scores=file, shuffles=0))


def test_the_command_and_its_errors(world, monkeypatch: pytest.MonkeyPatch) -> None:
    path, table, _ = world
    monkeypatch.setenv("TRD_WAREHOUSE", str(path.parent))
    runner = CliRunner()
    done = runner.invoke(app, ["biomarker", "--scores", str(table), "--draw-week", "2", "--shuffles", "0", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["is_synthetic"]
    assert told["verdict"].startswith("+1 SD of the score: P(treatment failure)")
    assert runner.invoke(app, ["biomarker", "--scores", str(table), "--outcome", "nowhere"]).exit_code == 1
