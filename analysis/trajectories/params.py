"""From the optimiser's parameters to those of the likelihood, and the chain rule back.

All functions take a leading axis of starts: many points at once cost little more than one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories.structure import Structure

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Natural:
    """Parameters as the likelihood reads them, for R points.

    `gamma` (R, k-1, membership columns); `beta` (R, k, p), specific then common; `factor` (R, regimes, q, q), any
    matrix whose product with its transpose is the covariance of the random effects; `s2` (R, regimes, groups).
    """

    gamma: Array
    beta: Array
    factor: Array
    s2: Array

    @property
    def cov(self) -> Array:
        """Covariance of the random effects, (R, regimes, q, q)."""
        return self.factor @ self.factor.swapaxes(-1, -2)

    def rows(self, which: slice | NDArray[np.intp]) -> Natural:
        """Some of the points."""
        return Natural(self.gamma[which], self.beta[which], self.factor[which], self.s2[which])


def factors(st: Structure, phi: Array) -> Array:
    """Cholesky factors, (R, regimes of the covariance, q, q): one, or one per class."""
    a, b = st.factor_entries
    n = len(a)
    given = phi[:, st.free["factor"]].reshape(len(phi), -1, n) if n else np.zeros((len(phi), 1, 0))
    found = np.zeros((len(phi), given.shape[1], st.q, st.q))
    found[:, :, a, b] = given
    ratio = phi[:, st.free["ratio"]]
    if ratio.shape[1]:
        scale = np.exp(np.concatenate([ratio, np.zeros((len(phi), 1))], axis=1))
        found = found * scale[:, :, None, None]
    return found


def natural(st: Structure, phi: Array) -> Natural:
    """The natural parameters at the points `phi` (R, free)."""
    r = len(phi)
    gamma = phi[:, st.free["logits"]].reshape(r, st.k - 1, st.n_membership)
    specific = phi[:, st.free["specific"]].reshape(r, st.k, st.n_specific)
    common = np.broadcast_to(phi[:, None, st.free["common"]], (r, st.k, st.n_common))
    s2 = np.exp(2 * phi[:, st.free["log_s"]]).reshape(r, -1, st.n_groups)
    factor = factors(st, phi)
    shape = (r, st.regimes)
    return Natural(
        gamma,
        np.concatenate([specific, common], axis=2),
        np.ascontiguousarray(np.broadcast_to(factor, (*shape, st.q, st.q))),
        np.ascontiguousarray(np.broadcast_to(s2, (*shape, st.n_groups))),
    )


def free(st: Structure, nat: Natural) -> Array:
    """The free parameters of natural ones."""
    r = len(nat.beta)
    phi = np.zeros((r, st.n_free))
    phi[:, st.free["logits"]] = nat.gamma.reshape(r, -1)
    phi[:, st.free["specific"]] = nat.beta[:, :, : st.n_specific].reshape(r, -1)
    phi[:, st.free["common"]] = nat.beta[:, 0, st.n_specific :]
    phi[:, st.free["log_s"]] = 0.5 * np.log(nat.s2 if st.own_residual else nat.s2[:, :1]).reshape(r, -1)
    if st.q:
        a, b = st.factor_entries
        wanted = nat.factor
        if not (st.own_covariance and st.covariance == "class"):
            wanted = wanted[:, -1:]  # proportional covariances are scaled against the last class
        if st.diagonal:
            diagonal = np.sqrt(np.einsum("rvij,rvij->rvi", wanted, wanted))
            phi[:, st.free["factor"]] = diagonal.reshape(r, -1)
        else:
            phi[:, st.free["factor"]] = _lower(wanted)[:, :, a, b].reshape(r, -1)
        if st.own_covariance and st.covariance == "proportional":
            size = np.log(np.einsum("rvij,rvij->rv", nat.factor, nat.factor) + 1e-300)
            phi[:, st.free["ratio"]] = 0.5 * (size[:, :-1] - size[:, -1:])
    return phi


def _lower(factor: Array) -> Array:
    """The lower triangular factor of the same covariance; exact at singular ones."""
    upper: Any = np.linalg.qr(factor.swapaxes(-1, -2), mode="r")
    lower: Array = upper.swapaxes(-1, -2)
    sign = np.where(np.einsum("...ii->...i", lower) < 0, -1.0, 1.0)
    return lower * sign[..., None, :]


def jacobian(st: Structure, phi: Array) -> Array:
    """Derivatives of the natural order by the free order, (R, natural, free)."""
    r = len(phi)
    found = np.zeros((r, st.n_natural, st.n_free))
    logits = np.arange(st.n_logits)
    found[:, logits, logits] = 1.0
    beta, cov, s2 = (st.spread[:, st.at[name]] for name in ("beta", "cov", "s2"))
    for g in range(st.k):
        specific = st.free["specific"].start + g * st.n_specific + np.arange(st.n_specific)
        found[:, beta[g, : st.n_specific], specific] = 1.0
    found[:, beta[0, st.n_specific :], st.free["common"].start + np.arange(st.n_common)] = 1.0
    variance = np.exp(2 * phi[:, st.free["log_s"]]).reshape(r, -1, st.n_groups)
    for g in range(variance.shape[1]):
        where = st.free["log_s"].start + g * st.n_groups + np.arange(st.n_groups)
        found[:, s2[g], where] = 2 * variance[:, g]
    if st.q:
        _covariance_jacobian(st, phi, found, cov)
    return found


def _covariance_jacobian(st: Structure, phi: Array, found: Array, cov: NDArray[np.intp]) -> None:
    """Fill in the derivatives of the covariances by the entries of their factors."""
    factor = factors(st, phi)
    rows, columns = st.factor_entries
    a, b = st.cov_pairs
    ratio = phi[:, st.free["ratio"]]
    for g in range(factor.shape[1]):
        shift = g * len(rows) if st.covariance == "class" and st.own_covariance else 0
        scale = np.exp(ratio[:, g]) if g < ratio.shape[1] else np.ones(len(phi))
        for e, (i, j) in enumerate(zip(rows, columns, strict=True)):
            # d(L L')_ab / dL_ij = [a = i] L_bj + [b = i] L_aj, L the factor of this class
            change = (a == i) * factor[:, g, b, j] + (b == i) * factor[:, g, a, j]
            found[:, cov[g], st.free["factor"].start + shift + e] = change * scale[:, None]
        if g < ratio.shape[1]:
            full = factor[:, g] @ factor[:, g].swapaxes(-1, -2)
            found[:, cov[g], st.free["ratio"].start + g] = 2 * full[:, a, b]


def chain_gradient(st: Structure, phi: Array, gradient: Array) -> Array:
    """Gradient (R, free) from that in the natural order."""
    found: Array = np.einsum("rnf,rn->rf", jacobian(st, phi), gradient)
    return found


def chain(st: Structure, phi: Array, gradient: Array, hessian: Array) -> tuple[Array, Array]:
    """Gradient (R, free) and Hessian (R, free, free) from those in the natural order."""
    jac = jacobian(st, phi)
    slope = np.einsum("rnf,rn->rf", jac, gradient)
    curve = jac.swapaxes(-1, -2) @ hessian @ jac
    s2 = st.spread[:, st.at["s2"]]
    variance = np.exp(2 * phi[:, st.free["log_s"]]).reshape(len(phi), -1, st.n_groups)
    for g in range(variance.shape[1]):
        where = st.free["log_s"].start + g * st.n_groups + np.arange(st.n_groups)
        curve[:, where, where] += 4 * variance[:, g] * gradient[:, s2[g]]
    if st.q:
        _covariance_curvature(st, phi, gradient, curve)
    return slope, 0.5 * (curve + curve.swapaxes(-1, -2))


def _covariance_curvature(st: Structure, phi: Array, gradient: Array, curve: Array) -> None:
    """Add what the bend of L -> L L' contributes: d2/dL_ij dL_lj = 2 x (symmetric gradient)_il."""
    factor = factors(st, phi)
    rows, columns = st.factor_entries
    a, b = st.cov_pairs
    ratio = phi[:, st.free["ratio"]]
    cov = st.spread[:, st.at["cov"]]
    same = columns[:, None] == columns[None, :]
    for g in range(factor.shape[1]):
        slope = np.zeros((len(phi), st.q, st.q))
        half = np.where(a == b, 1.0, 0.5) * gradient[:, cov[g]]
        slope[:, a, b] = half
        slope[:, b, a] = half
        shift = g * len(rows) if st.covariance == "class" and st.own_covariance else 0
        where = st.free["factor"].start + shift + np.arange(len(rows))
        scale = np.exp(ratio[:, g]) if g < ratio.shape[1] else np.ones(len(phi))
        bend = 2 * slope[:, rows[:, None], rows[None, :]] * same * (scale**2)[:, None, None]
        curve[:, where[:, None], where[None, :]] += bend
        if g < ratio.shape[1]:
            at = st.free["ratio"].start + g
            change = 2 * np.einsum("rab,rbj->raj", slope, factor[:, g])[:, rows, columns] * scale[:, None]
            curve[:, where, at] += 2 * change
            curve[:, at, where] += 2 * change
            curve[:, at, at] += 4 * np.einsum("rab,raj,rbj->r", slope, factor[:, g], factor[:, g])
