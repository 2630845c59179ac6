"""Aim C in the report: every number from the tables of the run, nothing small, every item answered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.early import course
from analysis.early.material import NONRESPONSE
from analysis.early.models import BOTH, CLASSES, LAST, LOGISTIC
from analysis.early.run import TARGETS, Asked, Run, predict_all, tabulate
from analysis.early.section import section
from analysis.early.simulate import material
from analysis.early.verdict import verdict
from analysis.report.figures import svg
from analysis.results import Stamp
from analysis.treatment_failure.section import Section, check


@pytest.fixture(scope="module")
def run() -> Run:
    world, _ = material(700, seed=9, studies=("alpha",))
    asking = Asked(bootstraps=30, folds=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "CLASSES", (1, 2))
        patch.setattr(course, "STARTS", 4)
        found, about = predict_all(world, ["alpha"], [], (2.0, 4.0), asking, lambda what: None)
    tables = tabulate(world, found, (2.0, 4.0), asking)
    tables["folds"] = pd.DataFrame(about)
    about_run = {"studies": "alpha", "transport": "", "landmarks": "2;4", "folds": 2}
    tables["runs"] = pd.DataFrame([about_run])
    said = tuple(verdict(tables["performance"], week, name) for name in TARGETS for week in (2.0, 4.0))
    stamp = Stamp(Path("trd.duckdb"), "landings-x", "hash", 1, True)
    return Run("early_alpha", stamp, said, ("a departure",), tables)


@pytest.fixture(scope="module")
def part(run: Run) -> Section:
    found = section(run, 30)
    check(found)
    return found


def test_numbers_of_the_text_are_those_of_the_tables(run: Run, part: Section) -> None:
    rows = run.tables["performance"].set_index(["landmark", "target", "predictor", "measure"])["estimate"]
    auc = rows[(2.0, NONRESPONSE, "baseline and last score", "auc")]
    assert f"AUC of {auc:.2f}" in part.verdict
    referral = run.tables["referral"].query(
        "landmark == 2 and predictor == 'baseline and last score' and threshold == 0.5 and quantity == 'weeks_saved'"
    )
    text = " ".join(part.results)
    assert f"{referral['estimate'].iloc[0]:.0f} (" in text


def test_tables_and_figures_can_be_shown(part: Section) -> None:
    assert {t.name for t in part.tables} == {
        "flow",
        "performance",
        "referral",
        "referral-thresholds",
        "subgroups",
        "fits",
    }
    every = next(t for t in part.tables if t.name == "referral-thresholds").frame
    assert every["threshold"].nunique() == 19
    shown = every[every["referred"] != "–"]
    assert shown["weeks saved"].str.contains(r"\(.* to .*\)").all(), "with uncertainty"
    assert not any("subject_id" in t.frame for t in part.tables)
    for drawing in part.figures:
        for width in (860, 350):
            assert svg(drawing.chart(width), "x").startswith("<svg")
    assert [d.name for d in part.figures] == ["calibration-plot", "decision-curves", "referral-curves"]


def test_each_item_of_tripod_ai_is_answered_once(part: Section) -> None:
    numbers = [int("".join(c for c in i.item.split("–")[0] if c.isdigit())) for i in part.checklist]
    assert sorted(set(numbers)) == list(range(1, 28))
    assert all(i.said for i in part.checklist)
    assert any("SYNTHETIC" in i.said for i in part.checklist)
    assert sum("Not said here" in i.said for i in part.checklist) == 3


def test_without_draws_there_is_no_interval(run: Run) -> None:
    bare = {k: t.copy() for k, t in run.tables.items()}
    bare["performance"][["lower", "upper"]] = np.nan
    assert "no bootstrap was asked" in verdict(bare["performance"], 2.0, NONRESPONSE)
    none = bare["performance"].assign(estimate=np.nan)
    assert verdict(none, 2.0, NONRESPONSE).startswith("Too few persons")


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.001, 0.007), "by too little to matter (less than 0.01)."),
        ((0.001, 0.02), "the classes tell more than one continuum does."),
        ((-0.001, 0.02), "the classes add nothing that these data can show."),
        ((-0.02, -0.01), "the classes tell less than one continuum does."),
    ],
)
def test_the_verdict_follows_the_interval(interval: tuple[float, float], words: str) -> None:
    measures = {"auc": (0.8, 0.8, 0.8), "auc_gain": (0.01, 0.0, 0.02), "auc_classes": (0.0, *interval)}
    rows = [(name, m, *v) for name in (LAST, LOGISTIC, BOTH, CLASSES) for m, v in measures.items()]
    table = pd.DataFrame(rows, columns=["predictor", "measure", "estimate", "lower", "upper"])
    table = table.assign(kind="cross-validation", landmark=2.0, target=NONRESPONSE)
    assert verdict(table, 2.0, NONRESPONSE).endswith(words)
