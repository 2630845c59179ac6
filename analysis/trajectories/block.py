"""The likelihood of a block of persons with one residual variance, at some points: values and complete-data scores.

Axes, in this order: r points, k classes, v regimes (1, or k where classes differ in their covariance), n persons last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories.panel import Panel
from analysis.trajectories.params import Natural
from analysis.trajectories.structure import Structure

Array = NDArray[np.float64]

LOG_2PI = float(np.log(2 * np.pi))


class Block:
    """A block at the points `nat`; `group` says which residual variance its persons have.

    `moments` (r or 1, v, pairs, n) is s2 M, `inverse` (r, v, 1) is 1 / s2, `log_prior` (r, k, n or 1), `log_joint`
    (r, k, n) log prior + log density.
    """

    def __init__(self, st: Structure, panel: Panel, nat: Natural, group: int) -> None:
        self.st, self.panel, self.nat, self.group = st, panel, nat, group
        s2 = nat.s2[:, :, group, None]
        self.inverse = 1.0 / s2
        logdet = self._whiten(s2)
        products = self._products()
        self.gx, self.quadratic = products[:, :, :-1], products[:, :, -1]
        self.log_prior = self._log_prior()
        self.log_joint = self.quadratic + logdet
        self.log_joint *= -0.5
        self.log_joint -= (0.5 * LOG_2PI) * panel.visits
        self.log_joint += self.log_prior

    def classify(self) -> Array:
        """Set `posterior` and `weighted` (r, k, n), the latter times the persons' weights; log-likelihoods (r, n)."""
        largest = self.log_joint.max(axis=1, keepdims=True)
        posterior = self.log_joint - largest
        np.exp(posterior, out=posterior)
        total = posterior.sum(axis=1, keepdims=True)
        posterior /= total
        self.posterior = posterior
        self.weighted = posterior if self.panel.weight is None else posterior * self.panel.weight
        found: Array = np.log(total[:, 0]) + largest[:, 0]
        return found

    def _whiten(self, s2: Array) -> Array:
        """Set `moments`; gives log|V|, (r, v, n)."""
        st, panel, factor = self.st, self.panel, self.nat.factor
        q, n = st.q, panel.n
        logdet = (panel.visits - q) * np.log(s2)
        if q == 0:
            self.moments = panel.products[None, None]
            return logdet
        r, v = s2.shape[:2]
        a, b = st.cov_pairs
        z = np.array(st.random)
        entries = st.position[z][:, z]
        # L'Z'Z L and L'R are linear in the entries of T: two products of small matrices with long ones
        left, right = factor[:, :, :, a], factor[:, :, :, b]
        quad = left[:, :, a] * right[:, :, b] + (a != b)[:, None] * left[:, :, b] * right[:, :, a]
        inner = quad.swapaxes(-1, -2) @ panel.products[entries[a, b]]
        rows = panel.products[st.position[z]]
        solved = (factor.swapaxes(-1, -2) @ rows.reshape(q, -1)).reshape(r, v, q, st.m, n)
        chol: dict[tuple[int, int], Array] = {}
        det: Array | float = 1.0
        for e, (i, j) in enumerate(zip(a, b, strict=True)):  # i <= j: entry (j, i) of the lower factor
            value = inner[:, :, e]
            if i == j:
                value = value + s2
            for h in range(i):
                value = value - chol[i, h] * chol[j, h]
            if i == j:
                det = det * value
                chol[i, i] = 1 / np.sqrt(value)  # of the diagonal the reciprocals are kept
            else:
                chol[j, i] = value * chol[i, i]
        for j in range(q):
            row = solved[:, :, j]
            for h in range(j):
                row -= chol[j, h][:, :, None] * solved[:, :, h]
            row *= chol[j, j][:, :, None]
        logdet = logdet + np.log(det)
        moments = np.empty((r, v, len(st.pairs[0]), n))
        offset = 0
        for i in range(st.m):  # a run of pairs (i, i), (i, i + 1), ... at once
            run = slice(offset, offset + st.m - i)
            part = moments[:, :, run]
            np.multiply(solved[:, :, 0, i, None], solved[:, :, 0, i:], out=part)
            for j in range(1, q):
                part += solved[:, :, j, i, None] * solved[:, :, j, i:]
            np.subtract(panel.products[run], part, out=part)
            offset += st.m - i
        self.moments = moments
        return logdet

    def sums(self, x: Array) -> Array:
        """Rows (r, k, j, n) times M transposed: (r, k, j, pairs)."""
        r, k, j, n = x.shape
        if self.moments.shape[1] == 1:
            found = (x.reshape(r, 1, k * j, n) @ self.moments.swapaxes(-1, -2)).reshape(r, k, j, -1)
        else:
            found = x @ self.moments.swapaxes(-1, -2)
        found *= self.inverse[..., None]
        return found

    def _products(self) -> Array:
        """(r, k, m, n): the rows of M (-b, 0, 1)' but the last, and the quadratic form of the residual."""
        st, beta = self.st, self.nat.beta
        r, k = beta.shape[:2]
        tail = np.zeros((r, k, st.n_extra + 1))
        tail[:, :, -1] = 1.0
        b = np.concatenate([-beta, tail], axis=2)
        first, second = st.pairs
        coefficients = np.zeros((r, k, st.m, len(first)))
        for a in range(st.m - 1):
            coefficients[:, :, a, st.position[a]] = b
        coefficients[:, :, -1] = b[:, :, first] * b[:, :, second] * np.where(first == second, 1.0, 2.0)
        coefficients *= self.inverse[..., None]
        if self.moments.shape[1] == 1:
            found: Array = coefficients.reshape(r, k * st.m, -1) @ self.moments[:, 0]
            return found.reshape(r, k, st.m, -1)
        return coefficients @ self.moments

    def _log_prior(self) -> Array:
        """Logarithms of the membership probabilities; one column where they are those of everybody."""
        st, gamma, panel = self.st, self.nat.gamma, self.panel
        given = panel.membership[:, :1] if panel.same_membership else panel.membership
        logits = np.zeros((len(gamma), st.k, given.shape[1]))
        logits[:, :-1] = gamma @ given
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits

    def class_scores(self) -> Array:
        """(r, k, width, n): each person's complete-data score in each class, in the class order.

        Sets `g` (r, v, entries, n), the upper triangle of G = Z'V^-1 Z, `f` (r, k, q, n) = Z'V^-1 (y - X b), and
        `quad2` (r, k, n), the quadratic form of V^-2.
        """
        st, gx = self.st, self.gx
        r, k, _, n = gx.shape
        scores = np.empty((r, k, st.width, n))
        specific, own = st.n_specific, st.n_own
        scores[:, :, :specific] = gx[:, :, :specific]
        if st.n_common:
            scores[:, :, own : own + st.n_common] = gx[:, :, specific : st.p]
        trace: Array | float = 0.0
        quad2 = self.quadratic
        if st.q:
            a, b = st.cov_pairs
            z = np.array(st.random)
            self.g = self.moments[:, :, st.position[z[a], z[b]]] * self.inverse[..., None]
            contiguous = st.random == tuple(range(st.q))
            self.f = gx[:, :, : st.q] if contiguous else gx[:, :, list(st.random)]
            cov = self.nat.cov
            multiply = cov[:, :, a, b] * np.where(a == b, 1.0, 2.0)
            trace = (multiply[:, :, None] @ self.g)[:, :, 0]
            at = int(st.at["cov"][0])
            part = scores[:, :, at : at + st.n_cov]
            for e, (i, j) in enumerate(zip(a, b, strict=True)):
                np.multiply(self.f[:, :, i], self.f[:, :, j], out=part[:, :, e])
            quad2 = quad2 - (multiply[:, :, None] @ part)[:, :, 0]
            part -= self.g
            for e in range(st.n_cov):
                if a[e] == b[e]:
                    part[:, :, e] *= 0.5
        self.quad2 = quad2 * self.inverse
        change = self.quad2 - (self.panel.visits - trace) * self.inverse
        change *= 0.5
        for e in range(st.n_groups):
            scores[:, :, st.at["s2"][e]] = change if e == self.group else 0.0
        return scores
