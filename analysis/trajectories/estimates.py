"""Estimates in the units of the frame, and how they depend on the optimiser's parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories import params
from analysis.trajectories.design import Design

Array = NDArray[np.float64]


def names(design: Design) -> pd.DataFrame:
    """One row per reported parameter: `part`, `class` (1…k, 0: all), `term`.

    Parts are `membership` (logits against the last class), `fixed`, `covariance` (of random effects) and `residual`
    (standard deviations).
    """
    st, templates = design.st, design.templates
    rows: list[tuple[str, int, str]] = []
    rows += [("membership", g + 1, t) for g in range(st.k - 1) for t in templates.membership.column_names]
    rows += [("fixed", g + 1, t) for g in range(st.k) for t in templates.specific]
    rows += [("fixed", 0, t) for t in templates.common]
    if templates.random is not None:
        random = templates.random.column_names
        a, b = st.cov_pairs
        pairs = [f"var {random[i]}" if i == j else f"cov {random[i]}, {random[j]}" for i, j in zip(a, b, strict=True)]
        if st.diagonal:
            pairs = [p for p, i, j in zip(pairs, a, b, strict=True) if i == j]
        classes = range(1, st.k + 1) if st.own_covariance else [0]
        rows += [("covariance", g, t) for g in classes for t in pairs]
    label = [f"sd {g}".strip() for g in design.groups]
    rows += [("residual", g, t) for g in (range(1, st.k + 1) if st.own_residual else [0]) for t in label]
    return pd.DataFrame(rows, columns=["part", "class", "term"])


def reported(design: Design, phi: Array) -> tuple[Array, Array]:
    """Values (parameters,) in the order of `names`, and their derivatives (parameters, free) by `phi` (free,)."""
    st, to = design.st, design.to
    point = phi[None]
    nat = params.natural(st, point)
    jac = params.jacobian(st, point)[0]
    beta_at, cov_at = st.spread[:, st.at["beta"]], st.spread[:, st.at["cov"]]
    values: list[Array] = []
    slopes: list[Array] = []
    for g in range(st.k - 1):
        rows = g * st.n_membership + np.arange(st.n_membership)
        values.append(to.gamma(nat.gamma[0, g]))
        slopes.append(to.membership_inverse @ jac[rows])
    beta = to.beta(nat.beta[0])
    slope = [to.scale * to.fixed_inverse @ jac[beta_at[g]] for g in range(st.k)]
    for g in range(st.k):
        values.append(beta[g, : st.n_specific])
        slopes.append(slope[g][: st.n_specific])
    values.append(beta[0, st.n_specific :])
    slopes.append(slope[0][st.n_specific :])
    if st.q:
        a, b = st.cov_pairs
        linear = covariance_map(to.scale, to.random_inverse)
        keep = a == b if st.diagonal else np.ones(len(a), bool)
        cov = nat.cov[0]
        for g in range(st.k if st.own_covariance else 1):
            values.append((linear @ cov[g, a, b])[keep])
            slopes.append((linear @ jac[cov_at[g]])[keep])
    sd = to.scale * np.exp(phi[st.free["log_s"]])
    values.append(sd)
    change = np.zeros((len(sd), st.n_free))
    change[:, st.free["log_s"]] = np.diag(sd)
    slopes.append(change)
    return np.concatenate(values), np.concatenate(slopes)


def covariance_map(scale: float, inverse: Array) -> Array:
    """(entries, entries): the linear map of upper triangles D* -> scale^2 C D* C', C = `inverse`."""
    q = len(inverse)
    a, b = np.triu_indices(q)
    found = np.zeros((len(a), len(a)))
    for e, (i, j) in enumerate(zip(a, b, strict=True)):
        unit = np.zeros((q, q))
        unit[i, j] = unit[j, i] = 1.0
        found[:, e] = (scale**2 * inverse @ unit @ inverse.T)[a, b]
    return found


def permuted(design: Design, phi: Array, order: NDArray[np.intp]) -> Array:
    """The same point with the classes in another order; logits are taken against the new last class."""
    st = design.st
    nat = params.natural(st, phi[None])
    gamma = np.concatenate([nat.gamma, np.zeros((1, 1, st.n_membership))], axis=1)[:, order]
    index = order if st.regimes > 1 else np.array([0])
    return params.free(
        st,
        params.Natural(
            gamma[:, :-1] - gamma[:, -1:],
            nat.beta[:, order],
            nat.factor[:, index],
            nat.s2[:, index],
        ),
    )[0]
