"""Scores drawn anew from a fitted growth mixture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories import params
from analysis.trajectories.design import Design

Array = NDArray[np.float64]


def simulate_scores(design: Design, phi: Array, rng: np.random.Generator) -> Array:
    """Scores (rows,) in the units of the frame at the times of the design, drawn from the model at `phi`."""
    st, to = design.st, design.to
    nat = params.natural(st, phi[None])
    logits = np.zeros((design.n, st.k))
    logits[:, :-1] = (nat.gamma[0] @ design.panel.membership).T
    klass = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    regime = klass if st.regimes > 1 else np.zeros(design.n, dtype=int)
    lift = to.scale * to.random_inverse @ nat.factor[0]
    effects = np.einsum("nqr,nr->nq", lift[regime], rng.normal(size=(design.n, st.q)))
    sd = to.scale * np.sqrt(nat.s2[0][regime, design.panel.group])
    beta = to.beta(nat.beta[0])[klass]
    mean = (design.x * beta[design.person]).sum(axis=1) + (design.z * effects[design.person]).sum(axis=1)
    found: Array = mean + sd[design.person] * rng.normal(size=len(mean))
    if design.spec.family == "censored":
        low, high = design.spec.floor, design.spec.ceiling
        found = np.clip(found, -np.inf if low is None else low, np.inf if high is None else high)
    return found
