"""The same class model on other persons, climbed from a solution, so that classes keep their order and their labels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.trajectories import GrowthMixture, Trajectories, newton, params
from analysis.trajectories.design import build
from analysis.trajectories.likelihood import objective
from analysis.trajectories.threads import one_thread


def refit(spec: GrowthMixture, frame: pd.DataFrame, like: Trajectories) -> Trajectories:
    """`spec` on `frame` from the solution of `like`, which has the same columns: the maximum next to it.

    Fixed effects are carried over in the units of the frame; membership, covariance and residuals in the internal
    coordinates, which differ little between samples of one population. Raises DesignError as `build` does, and
    ValueError where the columns differ.
    """
    with one_thread():
        design = build(spec, frame)
        st, old = design.st, like.design
        if design.templates.columns != old.templates.columns or st.n_free != old.st.n_free:
            raise ValueError("the model has other columns than the solution it is to be climbed from")
        beta = old.to.beta(params.natural(old.st, like.phi[None]).beta[0])
        inside = ((beta - design.to.beta0) / design.to.scale) @ np.linalg.inv(design.to.fixed_inverse).T
        phi = like.phi.copy()
        phi[st.free["specific"]] = inside[:, : st.n_specific].ravel()
        phi[st.free["common"]] = inside[0, st.n_specific :]
        ends = newton.maximise(objective(st, design.data), phi[None])
    return Trajectories(design, ends.phi[0], like.search, int(ends.iterations[0]))
