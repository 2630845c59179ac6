"""The bootstrap of the chain: what is redrawn, what is refitted, and that its errors are those of the sandwich.

SYNTHETIC persons of STAR*D. The sandwich is computed by other code, so the two check each other.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.plan import read_plan
from analysis.results import stamp_of
from analysis.trajectories import labels
from analysis.treatment_failure import aim_a_run, chain
from analysis.treatment_failure.aim_a import three_rows, three_states
from analysis.treatment_failure.aim_a_run import population, weigh
from analysis.treatment_failure.chain import Chain, chain_bootstrap, once, redraw
from analysis.treatment_failure.door import class_door
from analysis.treatment_failure.finding import Search, about, find, read
from analysis.treatment_failure.next_step import fill, read_next_step
from analysis.treatment_failure.section import Context
from analysis.twostep import ClassStep
from analysis.warehouse import connect
from tests.analysis.treatment_failure.houses import warehouse_of
from validate.stard_worlds import draw

REPLICATES = 60


def test_sites_are_drawn_whole_and_every_study_keeps_their_number() -> None:
    sizes = {"a": [3, 1, 4, 2], "b": [5]}
    rows = [
        {"study_id": study, "site": f"{study}{i}", "subject_id": f"{study}{i}_{j}"}
        for study, own in sizes.items()
        for i, n in enumerate(own)
        for j in range(n)
    ]
    persons = pd.DataFrame(rows)
    found = redraw(persons, True, np.random.default_rng(3)).merge(persons, on="subject_id")
    assert found["copy"].is_unique
    times = found.groupby(["study_id", "site", "subject_id"]).size()
    assert times["a"].groupby("site").nunique().max() == 1, "who shares a site is drawn as often"
    whole = persons.groupby("site").size()
    drawn = found.groupby("site").size() / whole
    assert drawn[[s for s in drawn.index if s.startswith("a")]].sum() == 4
    assert times["b"].sum() == 5, "a study with one site has its persons drawn"
    alone = redraw(persons, False, np.random.default_rng(3))
    assert len(alone) == len(persons)
    assert alone["subject_id"].duplicated().any()


def context_of(folder: Path, n: int) -> Context:
    """`n` persons of W0 with four classes known in number."""
    database, plan = warehouse_of(draw("W0", n, 3), 3, folder), read_plan()
    with class_door(database) as door:
        cohort = read(door, plan, "trials", studies=("stard",))
        known = about(door, cohort)
    search = Search(k=(1, 4), families=("gaussian",), starts=10, seed=1)
    classes = find(plan, {"trials": cohort}, {"trials": known}, search, lambda what: None)
    stamp = stamp_of(database, seed=1, studies=["stard"])
    return Context(database, plan, stamp, classes, replicates=REPLICATES, jobs=1)


def test_a_replicate_refits_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is redrawn the replicate is the primary analysis, weights and filled-in covariates included."""
    context = context_of(tmp_path, 700)
    classes = context.classes["trials"]
    assert classes.fit is not None
    of = (classes.numbered(labels.TF), classes.numbered(labels.PR))
    with connect(context.database) as warehouse:
        ahead = read_next_step(warehouse, context.plan, "QIDS_SR16")
    measured = population(classes, ahead).query("in_class_model")
    everyone, _ = fill(measured)
    people = everyone[everyone["population"]].reset_index(drop=True)
    step = three_states(ClassStep.of(classes.fit), *of)
    weights = weigh(people, ahead.visits, [], "stard")
    assert weights is not None
    start = Chain(classes.fit, classes.single, classes.cohort.frame, measured, ahead.visits, *of)

    def same(persons: pd.DataFrame, by_site: bool, rng: np.random.Generator) -> pd.DataFrame:
        assert by_site, "there are enough sites"
        return persons[["subject_id"]].assign(copy=persons["subject_id"])

    monkeypatch.setattr(chain, "redraw", same)
    row = once(start, np.random.SeedSequence(1))
    expected = [c.estimate for c in three_rows(step, people, [1], [2], weights=weights)]
    assert row == pytest.approx(expected, abs=2e-4)
    unweighted = [c.estimate for c in three_rows(step, people, [1], [2])]
    assert max(abs(a - b) for a, b in zip(expected, unweighted, strict=True)) > 2e-3


@pytest.mark.slow
def test_its_errors_are_those_of_the_sandwich_within_monte_carlo_error(tmp_path: Path) -> None:
    context = context_of(tmp_path, 4_000)
    found = aim_a_run.run(context)
    assert found is not None
    table = chain_bootstrap(context, found).set_index("model")
    assert (table["failed"] <= 3).all()
    # an SE of B replicates is known to 1 / sqrt(2 B): three of that, for M0 and M1
    ratio = table["bootstrap SE"] / table["sandwich SE"]
    assert (ratio[["M0", "M1"]] - 1).abs().max() < 3 / np.sqrt(2 * REPLICATES)
