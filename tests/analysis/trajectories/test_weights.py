"""Persons of weight zero, and weights that cannot be meant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.trajectories import DesignError, GrowthMixture
from analysis.trajectories.ordinal import OrdinalGrowth
from analysis.trajectories.ordinal.simulate import classes
from analysis.trajectories.simulate import mixture

GAUSSIAN = GrowthMixture(2, "score ~ week", random="~ week", cluster="site")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    found = mixture(150, seed=1)
    found["score"] = found["score"].clip(lower=0)
    return found.assign(w=(found["subject_id"] % 3 > 0).astype(float), site=found["subject_id"] % 25)


@pytest.mark.parametrize(
    "spec",
    [
        GAUSSIAN,
        GrowthMixture(2, "score ~ week", random="~ 1", family="censored", floor=0.0, cluster="site"),
        GrowthMixture(1, "score ~ week", cluster="site"),
    ],
    ids=lambda spec: f"{spec.family} {spec.k}",
)
def test_a_person_of_weight_zero_is_a_person_who_is_not_there(frame: pd.DataFrame, spec: GrowthMixture) -> None:
    from dataclasses import replace

    asked: dict[str, Any] = {"starts": 6, "max_starts": 6, "seed": 1}
    weighted = replace(spec, weights="w").fit(frame, **asked)
    part = spec.fit(frame[frame["w"] > 0], **asked)
    assert np.isfinite(weighted.solution.scores).all()
    assert weighted.loglik == pytest.approx(part.loglik, abs=1e-6)
    assert weighted.bic == pytest.approx(part.bic, abs=1e-6)
    for kind in ("model", "sandwich", "cluster"):
        theirs = part.parameters(kind)["se"].to_numpy()
        assert weighted.parameters(kind)["se"].to_numpy() == pytest.approx(theirs, rel=1e-4)
    assert np.isfinite(weighted.log_posterior_slopes()).all()
    assert len(weighted.posterior) == 150  # they are classified all the same


def test_an_ordinal_item_likewise() -> None:
    items = classes(200, 1, np.array([-1.0, 0.5, 2.0]), np.array([[0.5, 0.2], [2.0, -1.0]]), np.array([0.5, 0.5]))
    items = items.assign(w=(items["subject_id"] % 2).astype(float))
    weighted = OrdinalGrowth(2, "~ week", weights="w").fit(items, starts=4, max_starts=4)
    part = OrdinalGrowth(2, "~ week").fit(items[items["w"] > 0], starts=4, max_starts=4)
    assert weighted.loglik == pytest.approx(part.loglik, abs=1e-6)
    assert weighted.bic == pytest.approx(part.bic, abs=1e-6)
    assert np.isfinite(weighted.parameters("sandwich")["se"]).all()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1.0, "column w, subject_id 3: the weight is -1; weights are finite and 0 or more"),
        (np.inf, "column w, subject_id 3: the weight is inf; weights are finite"),
        (np.nan, "column w is missing in"),
    ],
)
def test_weights_that_cannot_be_meant_name_the_person(frame: pd.DataFrame, value: float, message: str) -> None:
    broken = frame.assign(w=np.where(frame["subject_id"] == 3, value, 1.0))
    with pytest.raises(DesignError, match=message):
        GrowthMixture(1, "score ~ week", weights="w").fit(broken)


def test_no_weight_at_all_is_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(DesignError, match="column w is 0 for everybody"):
        GrowthMixture(1, "score ~ week", weights="w").fit(frame.assign(w=0.0))
