"""What predicts the class: lcmm's two-stage estimates on paquid, as its vignette on secondary models prints them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.trajectories import GrowthMixture, Trajectories
from analysis.twostep import ClassMembership
from analysis.twostep.conditional import conditional


@pytest.fixture(scope="module")
def paquid(public_data: Path) -> pd.DataFrame:
    return pd.read_csv(public_data / "lcmm_package" / "paquid.csv")


@pytest.fixture(scope="module")
def primary(paquid: pd.DataFrame) -> Trajectories:
    course = "age65 + I(age65**2)"
    spec = GrowthMixture(
        2, f"normMMSE ~ {course} + CEP", class_specific=f"~ {course}", random=f"~ {course}", person="ID", time="age65"
    )
    return spec.fit(paquid, starts=20, seed=1)


def test_paquid_two_stage(paquid: pd.DataFrame, primary: Trajectories) -> None:
    fit = ClassMembership("~ male + CEP", person="ID").fit(primary, paquid.drop_duplicates("ID"))
    assert fit.loglik == pytest.approx(-8894.28, abs=0.005)
    found = fit.parameters("model")
    assert list(found["estimate"]) == pytest.approx([-1.68614, -1.09687, 0.90387], abs=1e-5)
    # lcmm takes its second derivatives by differences
    assert list(found["se"]) == pytest.approx([0.50259, 0.44279, 0.50663], abs=5e-4)
    # to take the class model as known would be too sure of everything
    assert (fit.parameters("naive")["se"].to_numpy() < fit.parameters("sandwich")["se"].to_numpy()).all()
    assert np.isfinite(found["p_value"]).all()


def test_paquid_conditional(paquid: pd.DataFrame, primary: Trajectories) -> None:
    """What lcmm prints for `conditional` is the mean of its bootstrap draws (its source), known to about 0.03."""
    found = conditional(
        ClassMembership("~ male + CEP", person="ID"), primary, paquid.drop_duplicates("ID"), seed=2, draws=120
    )
    assert list(found["mean_of_draws"]) == pytest.approx([-1.56361, -1.44205, 0.88939], abs=0.12)
    assert (found["se"] > [0.4, 0.4, 0.4]).all()
    assert found["draws"].iloc[0] > 110
