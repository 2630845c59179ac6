"""Likelihood of persons with censored scores: adaptive Gauss-Hermite quadrature over the random effects.

With b = L u, u standard normal, a person's scores given u are independent: normal where seen, a normal tail where
censored. The linear predictor x'b_k + z'L u is linear in the effects and in L, so class and node together act as one
finite mixture of censored regressions, and Louis' formula gives the Hessian as in the kernel. Nodes are placed at the
mode of each person's integrand in each class (it is log-concave) and held while derivatives are taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from analysis.trajectories import params, proportional
from analysis.trajectories.censored import CensoredPanel
from analysis.trajectories.structure import Structure

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

LOG_2PI = float(np.log(2 * np.pi))
MODE_STEPS = 6
BLOCK = 400_000
"""Cells (person x class x node) worked on together."""


def class_order(st: Structure) -> Indices:
    """(k, p + factor entries + groups): where each class's effects, factor and log standard deviations are free."""
    a = len(st.factor_entries[0])
    f = st.free
    rows = []
    for g in range(st.k):
        own_factor = g * a if st.own_covariance else 0
        own_sd = g * st.n_groups if st.own_residual else 0
        rows.append(
            np.r_[
                f["specific"].start + g * st.n_specific + np.arange(st.n_specific),
                f["common"].start + np.arange(st.n_common),
                f["factor"].start + own_factor + np.arange(a),
                f["log_s"].start + own_sd + np.arange(st.n_groups),
            ]
        )
    return np.array(rows, dtype=np.intp)


def grid(q: int, nodes: int) -> tuple[Array, Array]:
    """Nodes (q, M) and log weights (M,) of a product rule for the weight function exp(-x'x)."""
    at, weight = np.polynomial.hermite.hermgauss(nodes)
    points = np.array(list(product(at, repeat=q))).reshape(-1, q).T
    logs = np.array(list(product(np.log(weight), repeat=q))).reshape(-1, q).sum(axis=1)
    return points, logs


def tail(t: Array) -> tuple[Array, Array]:
    """log Phi(t) and its derivative phi / Phi."""
    logs = log_ndtr(t)
    return logs, np.exp(-0.5 * t * t - 0.5 * LOG_2PI - logs)


@dataclass
class Integrals:
    """What the quadrature says at one point, in the free order.

    `log_joint` (k, N); with order 2 `gradient`, `hessian`, `scores` (free, N), `class_scores` (k, free, N). `mean`
    (k, N, q) and `spread` (k, N, q, q): moments of the random effects given the scores, in internal coordinates.
    """

    log_joint: Array
    loglik: float = 0.0
    gradient: Array = field(default_factory=lambda: np.empty(0))
    hessian: Array = field(default_factory=lambda: np.empty(0))
    scores: Array = field(default_factory=lambda: np.empty(0))
    class_scores: Array = field(default_factory=lambda: np.empty(0))
    mean: Array = field(default_factory=lambda: np.empty(0))
    spread: Array = field(default_factory=lambda: np.empty(0))


def integrate(st: Structure, data: CensoredPanel, phi: Array, order: int, persons: bool = False) -> Integrals:
    """The likelihood of the persons of `data` at the one point `phi` (free,)."""
    if proportional.is_proportional(st):
        return _proportional(st, data, phi, order, persons)
    nodes = data.nodes**st.q
    size = max(8, BLOCK // (nodes * st.k * (st.p + 4)))
    parts = []
    for begin in range(0, data.n, size):
        some = data if size >= data.n else data.take(np.arange(begin, min(begin + size, data.n)))
        parts.append(_Persons(st, some, phi).integrals(order, persons))
    found = Integrals(np.concatenate([p.log_joint for p in parts], axis=1), sum(p.loglik for p in parts))
    if order:
        found.gradient = np.sum([p.gradient for p in parts], axis=0)
        found.hessian = np.sum([p.hessian for p in parts], axis=0)
    if persons:
        for name, axis in (("scores", 1), ("class_scores", 2), ("mean", 1), ("spread", 1)):
            setattr(found, name, np.concatenate([getattr(p, name) for p in parts], axis=axis))
    return found


def _proportional(st: Structure, data: CensoredPanel, phi: Array, order: int, persons: bool) -> Integrals:
    """Worked out with a covariance for each class, and led back."""
    wide, jac = proportional.widen(st, phi)
    found = integrate(proportional.widened(st), data, wide, order, persons)
    if order:
        bend = proportional.curvature(st, phi, found.gradient)
        found.gradient = jac.T @ found.gradient
        found.hessian = jac.T @ found.hessian @ jac + bend
    if persons:
        found.scores = jac.T @ found.scores
        found.class_scores = np.einsum("wf,kwn->kfn", jac, found.class_scores)
    return found


class _Persons:
    """A block of persons. Axes: k classes, m nodes, n persons or c censored rows, last."""

    def __init__(self, st: Structure, data: CensoredPanel, phi: Array) -> None:
        self.st, self.data = st, data
        nat = params.natural(st, phi[None])
        self.gamma = nat.gamma[0]
        self.beta = nat.beta[0]
        regimes = np.arange(st.k) if st.regimes > 1 else np.zeros(st.k, dtype=int)
        self.factor = nat.factor[0][regimes]
        group = data.seen.group
        self.s2 = nat.s2[0][regimes][:, group]  # (k, n)
        self.sd_row = np.sqrt(self.s2[:, data.person])  # (k, c)
        # every person of a block has censored rows, so reduceat is safe
        self.starts = np.flatnonzero(np.r_[True, np.diff(data.person) > 0])
        self._seen()
        self._modes()

    def _seen(self) -> None:
        """Sums over the scores that were seen: X'r, L'Z'r, L'Z'ZL, r'r."""
        st, t = self.st, self.data.seen.products
        k, n = st.k, self.data.n
        b = np.zeros((k, st.m))
        b[:, : st.p], b[:, -1] = -self.beta, 1.0
        rows = t[st.position]  # (m, m, n)
        tb = np.einsum("abn,kb->kan", rows, b)
        self.rss = np.einsum("kan,ka->kn", tb, b)
        self.xr = tb[:, : st.p]
        z = np.array(st.random, dtype=int)
        self.zr = tb[:, z] if st.q else np.zeros((k, 0, n))
        self.zz = rows[z][:, z] if st.q else np.zeros((0, 0, n))
        self.xz = rows[: st.p][:, z] if st.q else np.zeros((st.p, 0, n))
        self.xx = rows[: st.p, : st.p]
        self.lin = np.einsum("kab,kan->kbn", self.factor, self.zr)
        self.quad = np.einsum("kab,acn,kcd->kbdn", self.factor, self.zz, self.factor)
        # censored rows: limit minus the fixed part, and the loading of u
        self.gap = self.data.limit - np.einsum("kp,pc->kc", self.beta, self.data.x)
        self.load = np.einsum("kab,ac->kbc", self.factor, self.data.z)

    def _rows_to_persons(self, values: Array) -> Array:
        found: Array = np.add.reduceat(values, self.starts, axis=-1)
        return found

    def _modes(self) -> None:
        """Nodes u (k, m, q, n) and log weights (k, m, n), centred at the mode of each integrand."""
        st, side = self.st, self.data.side
        q, n = st.q, self.data.n
        if q == 0:
            self.u, self.log_weight = np.zeros((st.k, 1, 0, n)), np.zeros((st.k, 1, n))
            return
        points, logs = grid(q, self.data.nodes)
        eye = np.eye(q)[None, None]
        base = np.moveaxis(self.quad / self.s2[:, None, None], -1, 1) + eye  # (k, n, q, q)
        mode = np.linalg.solve(base, np.moveaxis(self.lin / self.s2[:, None], -1, 1)[..., None])[..., 0]
        person = self.data.person
        for step in range(MODE_STEPS + 1):
            at = (self.gap - (self.load * np.moveaxis(mode, -1, 1)[:, :, person]).sum(axis=1)) / self.sd_row
            t = side * at
            _, mills = tail(t)
            bend = mills * (mills + t) / self.sd_row**2
            outer = self.load[:, :, None] * self.load[:, None] * bend[:, None, None]
            curve = base + np.moveaxis(self._rows_to_persons(outer), -1, 1)
            if step == MODE_STEPS:
                break
            push = self._rows_to_persons(-self.load * (side * mills / self.sd_row)[:, None])
            slope = np.moveaxis(self.lin / self.s2[:, None] + push, -1, 1)
            slope = slope - (base @ mode[..., None])[..., 0]
            move = np.linalg.solve(curve, slope[..., None])[..., 0]
            mode = mode + np.clip(move, -2.0, 2.0)
        lower = np.linalg.cholesky(curve)
        spread = np.swapaxes(np.linalg.inv(lower), -1, -2)  # H^-1 = spread spread'
        shift = np.sqrt(2) * np.einsum("knab,bm->kman", spread, points)
        self.u = np.moveaxis(mode, -1, 1)[:, None] + shift
        logdet = np.log(np.einsum("knaa->kna", lower)).sum(axis=-1)
        self.log_weight = (logs + (points**2).sum(axis=0))[None, :, None] - logdet[:, None] + 0.5 * q * np.log(2)
        self.log_weight = self.log_weight - 0.5 * q * LOG_2PI

    def integrals(self, order: int, persons: bool) -> Integrals:
        """Everything asked for."""
        st, data = self.st, self.data
        u = self.u
        s2 = self.s2[:, None]
        lin, quad = self.lin[:, None], self.quad[:, None]
        self.node_rss = (
            self.rss[:, None] - 2 * (lin * u).sum(axis=2) + (quad * u[:, :, :, None] * u[:, :, None]).sum(axis=(2, 3))
        )
        eta = (self.load[:, None] * u[..., data.person]).sum(axis=2)
        self.t = data.side * (self.gap[:, None] - eta) / self.sd_row[:, None]
        logs, self.mills = tail(self.t)
        joint = self.log_weight - 0.5 * (u**2).sum(axis=2) - 0.5 * self.node_rss / s2
        joint = joint + self._rows_to_persons(logs)
        joint = joint - 0.5 * data.seen.visits * (np.log(s2) + LOG_2PI)
        logits = np.zeros((st.k, data.n))
        logits[:-1] = self.gamma @ data.panel.membership
        log_prior = logits - np.logaddexp.reduce(logits, axis=0)
        joint = joint + log_prior[:, None]
        top = joint.max(axis=(0, 1))
        weight = np.exp(joint - top)
        total = weight.sum(axis=(0, 1))
        loglik = np.log(total) + top
        by_class = weight.sum(axis=1)
        found = Integrals(np.log(np.maximum(by_class, 1e-300)) + top)
        found.loglik = float(loglik.sum() if data.weight is None else loglik @ data.weight)
        if order or persons:
            self._derivatives(found, weight / total, np.exp(log_prior), order, persons)
        return found

    def _derivatives(self, found: Integrals, rho: Array, prior: Array, order: int, persons: bool) -> None:
        st, data = self.st, self.data
        places = class_order(st)
        k, _, n = rho.shape
        scores = self._node_scores()  # (k, m, width, n)
        own = np.einsum("kmn,kmwn->kwn", rho, scores)  # sum over nodes of rho u
        posterior = rho.sum(axis=1)
        person = np.zeros((st.n_free, n))
        for g in range(k):
            person[places[g]] += own[g]
        difference = posterior[:-1] - prior[:-1]
        person[: st.n_logits] = (difference[:, None] * data.panel.membership).reshape(st.n_logits, n)
        weight = np.ones(n) if data.weight is None else data.weight
        if order:
            found.gradient = person @ weight
            found.hessian = self._hessian(rho, scores, own, posterior, prior, person, places, weight)
        if persons:
            found.scores = person
            found.class_scores = np.zeros((k, st.n_free, n))
            for g in range(k):
                found.class_scores[g][places[g]] = own[g] / np.maximum(posterior[g], 1e-300)
                for h in range(k - 1):
                    rows = h * st.n_membership + np.arange(st.n_membership)
                    found.class_scores[g][rows] = ((g == h) - prior[h]) * data.panel.membership
            self._moments(found, rho, posterior)

    def _moments(self, found: Integrals, rho: Array, posterior: Array) -> None:
        inside = rho / np.maximum(posterior[:, None], 1e-300)
        b = np.einsum("kab,kmbn->kman", self.factor, self.u)
        mean = np.einsum("kmn,kman->kan", inside, b)
        second = np.einsum("kmn,kman,kmbn->kabn", inside, b, b)
        found.mean = np.moveaxis(mean, -1, 1)
        found.spread = np.moveaxis(second - mean[:, :, None] * mean[:, None], -1, 1)

    def _node_scores(self) -> Array:
        """(k, m, width, n): complete-data score at every node, in the order of `class_order`."""
        st, data, u = self.st, self.data, self.u
        k, m, q, n = u.shape
        rows, columns = st.factor_entries
        width = st.p + len(rows) + st.n_groups
        scores = np.empty((k, m, width, n))
        b = np.einsum("kab,kmbn->kman", self.factor, u)
        s2 = self.s2[:, None, None]
        self.slope = -data.side * self.mills / self.sd_row[:, None]  # d log tail / d eta, (k, m, c)
        seen = (self.xr[:, None] - np.einsum("pan,kman->kmpn", self.xz, b)) / s2
        self.seen_x = seen
        scores[:, :, : st.p] = seen + self._rows_to_persons(self.slope[:, :, None] * data.x)
        zr = (self.zr[:, None] - np.einsum("acn,kmcn->kman", self.zz, b)) / s2
        self.seen_z = zr
        toward = zr + self._rows_to_persons(self.slope[:, :, None] * data.z) if q else zr
        for e, (a, j) in enumerate(zip(rows, columns, strict=True)):
            scores[:, :, st.p + e] = toward[:, :, a] * u[:, :, j]
        spread = self.node_rss / self.s2[:, None] - data.seen.visits - self._rows_to_persons(self.mills * self.t)
        for e in range(st.n_groups):
            inside = 1.0 if st.n_groups == 1 else (data.seen.group == e)
            scores[:, :, st.p + len(rows) + e] = spread * inside
        return scores

    def _hessian(
        self,
        rho: Array,
        scores: Array,
        own: Array,
        posterior: Array,
        prior: Array,
        person: Array,
        places: Indices,
        weight: Array,
    ) -> Array:
        """sum rho (h + u u') - s s', in the free order."""
        st, data = self.st, self.data
        k, m, width, n = scores.shape
        found = np.zeros((st.n_free, st.n_free))
        weighted = rho * weight
        expected = self._expected(weighted)
        for g in range(k):
            flat = scores[g].transpose(1, 0, 2).reshape(width, m * n)
            outer = (flat * weighted[g].reshape(-1)) @ flat.T
            found[np.ix_(places[g], places[g])] += outer + expected[g]
        rest = np.arange(st.n_logits, st.n_free)
        found[np.ix_(rest, rest)] -= (person[rest] * weight) @ person[rest].T
        if not st.n_logits:
            return found
        logits = np.arange(st.n_logits)
        membership = data.panel.membership
        lifted = (posterior[:-1, None] * membership).reshape(st.n_logits, n) * weight
        cross = -(lifted @ person[rest].T)
        found[np.ix_(logits, rest)] += cross
        found[np.ix_(rest, logits)] += cross.T
        for g in range(k - 1):
            at = g * st.n_membership + np.arange(st.n_membership)
            block = (membership * weight) @ own[g].T
            found[np.ix_(at, places[g])] += block
            found[np.ix_(places[g], at)] += block.T
        for g in range(k - 1):
            for h in range(k - 1):
                change = (g == h) * (posterior[g] - prior[g]) - posterior[g] * posterior[h] + prior[g] * prior[h]
                block = (membership * (change * weight)) @ membership.T
                row, column = g * st.n_membership, h * st.n_membership
                found[row : row + len(block), column : column + len(block)] += block
        return found

    def _expected(self, rho: Array) -> Array:
        """(k, width, width): sum over persons and nodes of rho times the complete-data Hessian."""
        st, data, u = self.st, self.data, self.u
        k, _, _, n = u.shape
        rows, columns = st.factor_entries
        p, a = st.p, len(rows)
        found = np.zeros((k, p + a + st.n_groups, p + a + st.n_groups))
        s2 = self.s2
        total, first = rho.sum(axis=1) / s2, np.einsum("kmn,kmqn->kqn", rho, u) / s2[:, None]
        second = np.einsum("kmn,kmqn,kmrn->kqrn", rho, u, u) / s2[:, None, None]
        # censored rows: curvature in eta, and the mixed and pure derivatives by log sd
        r = rho[..., data.person]
        bend = r * self.mills * (self.mills + self.t)
        row_u = u[..., data.person]
        curve = bend / self.sd_row[:, None] ** 2
        c0, c1 = curve.sum(axis=1), np.einsum("kmc,kmqc->kqc", curve, row_u)
        c2 = np.einsum("kmc,kmqc,kmrc->kqrc", curve, row_u, row_u)
        mixed = -data.side / self.sd_row[:, None] * (bend * self.t - r * self.mills)
        x, z = data.x, data.z
        found[:, :p, :p] = -np.einsum("kn,pqn->kpq", total, self.xx) - (x * c0[:, None]) @ x.T
        for e, (i, j) in enumerate(zip(rows, columns, strict=True)):
            cross = np.einsum("kn,pn->kp", first[:, j], self.xz[:, i]) + (c1[:, j] * z[i]) @ x.T
            found[:, :p, p + e] = found[:, p + e, :p] = -cross
            for d, (s, t) in enumerate(zip(rows, columns, strict=True)):
                value = (second[:, j, t] * self.zz[i, s]).sum(axis=-1) + (c2[:, j, t] * z[i] * z[s]).sum(axis=-1)
                found[:, p + e, p + d] = -value
        m0, m1 = mixed.sum(axis=1), np.einsum("kmc,kmqc->kqc", mixed, row_u)
        seen_x = np.einsum("kmn,kmpn->kpn", rho, self.seen_x)
        seen_z = np.einsum("kmn,kmzn,kmqn->kzqn", rho, self.seen_z, u)
        pure = (r * self.mills * self.t - bend * self.t**2).sum(axis=1)
        rss = (rho * self.node_rss).sum(axis=1) / s2
        for e in range(st.n_groups):
            inside = np.ones(n) if st.n_groups == 1 else (data.seen.group == e).astype(float)
            in_row = inside[data.person]
            at = p + a + e
            found[:, :p, at] = -2 * (seen_x @ inside) + (m0 * in_row) @ x.T
            for d, (i, j) in enumerate(zip(rows, columns, strict=True)):
                found[:, p + d, at] = -2 * (seen_z[:, i, j] @ inside) + ((m1[:, j] * in_row) @ z[i])
            found[:, at, : p + a] = found[:, : p + a, at]
            found[:, at, at] = -2 * (rss @ inside) + pure @ in_row
        return found
