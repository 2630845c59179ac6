"""Exact log-likelihood of a Gaussian growth mixture with gradient and Hessian, for many points at once.

Each class says y_i ~ N(X_i b_k, V_i), V_i = s2 I + Z_i D Z_i'. With D = L L' and N N' = s2 I + L'Z'Z L,

    M_i = [X Z y]' V_i^-1 [X Z y] = (T_i - R_i' L N^-T N^-1 L' R_i) / s2,     R_i the rows of Z in T_i,

holds at singular D too, and everything below is a contraction of M_i. It is free of the class where all classes share
their covariance. Second derivatives follow Louis (1982): the expected complete-data Hessian plus the spread of the
complete-data score over the classes. Persons and points are worked on in blocks that fit the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.trajectories.panel import Panel
from analysis.trajectories.params import Natural
from analysis.trajectories.structure import Structure

Array = NDArray[np.float64]

BLOCK = 24_000
"""Pairs of person and point worked on together, over the number of different matrices M."""
LOG_2PI = float(np.log(2 * np.pi))


def _nothing() -> Array:
    """Stands for what was not asked for."""
    return np.empty(0)


@dataclass
class Evaluation:
    """What the likelihood says at R points, in the natural order of parameters.

    `loglik` (R,); `gradient` (R, natural); `hessian` (R, natural, natural). `beta_information` (R, k, p, p) is the sum
    of w X'V^-1 X, `expected` (R, k) of w, `visits` (R, k, groups) of w times visits, `logit_information`
    (R, logits, logits) that of a multinomial logit: what an EM step needs. With `persons`: `log_joint` (R, k, N) is
    log prior + log density, `scores` (R, natural, N) each person's gradient.
    """

    loglik: Array
    gradient: Array = field(default_factory=_nothing)
    hessian: Array = field(default_factory=_nothing)
    beta_information: Array = field(default_factory=_nothing)
    expected: Array = field(default_factory=_nothing)
    visits: Array = field(default_factory=_nothing)
    logit_information: Array = field(default_factory=_nothing)
    log_joint: Array = field(default_factory=_nothing)
    scores: Array = field(default_factory=_nothing)


def evaluate(st: Structure, panel: Panel, nat: Natural, order: int = 0, persons: bool = False) -> Evaluation:
    """Evaluate at the points `nat`; `order` 0 gives the log-likelihood, 1 the gradient too, 2 the Hessian too.

    With `persons`, what each person contributes is kept (and `scores`, unweighted, if `order` is at least 1).
    """
    r, k = nat.beta.shape[:2]
    out = Evaluation(np.zeros(r))
    if order >= 1:
        out.gradient = np.zeros((r, st.n_natural))
        out.beta_information = np.zeros((r, k, st.p, st.p))
        out.expected = np.zeros((r, k))
        out.visits = np.zeros((r, k, st.n_groups))
        out.logit_information = np.zeros((r, st.n_logits, st.n_logits))
    if order >= 2:
        out.hessian = np.zeros((r, st.n_natural, st.n_natural))
    if persons:
        out.log_joint = np.empty((r, k, panel.n))
        if order >= 1:
            out.scores = np.empty((r, st.n_natural, panel.n))
    size = max(BLOCK // st.regimes, 64)
    n_block = min(panel.n, size)
    r_block = max(1, min(r, size // max(n_block, 1)))
    for begin in range(0, panel.n, n_block):
        part = slice(begin, min(begin + n_block, panel.n))
        people = panel if n_block == panel.n else panel.take(part)
        for first in range(0, r, r_block):
            which = slice(first, min(first + r_block, r))
            _Block(st, people, nat.rows(which), order, which, part).add_to(out)
    return out


@dataclass
class _Block:
    """One block of persons at some of the points. Shapes: r points, k classes, v regimes, n persons, last."""

    st: Structure
    panel: Panel
    nat: Natural
    order: int
    which: slice
    part: slice
    inverse: Array = field(init=False)
    moments: Array = field(init=False)

    def add_to(self, out: Evaluation) -> None:
        """Add this block's share."""
        panel = self.panel
        logdet = self._whiten()
        products = self._products()
        self.gx, self.quadratic = products[:, :, :-1], products[:, :, -1]
        log_joint = (self.quadratic + logdet) * -0.5
        log_joint -= (0.5 * LOG_2PI) * panel.visits
        log_prior = self._log_prior()
        log_joint += log_prior
        largest = log_joint.max(axis=1, keepdims=True)
        posterior = np.exp(log_joint - largest)
        total = posterior.sum(axis=1, keepdims=True)
        person = np.log(total[:, 0])
        person += largest[:, 0]
        out.loglik[self.which] += person.sum(axis=1) if panel.weight is None else person @ panel.weight
        if out.log_joint.size:
            out.log_joint[self.which, :, self.part] = log_joint
        if self.order == 0:
            return
        posterior /= total
        self.posterior = posterior
        self.weighted = posterior if panel.weight is None else posterior * panel.weight
        scores = self._class_scores()
        self._first_order(out, scores, np.exp(log_prior))
        if self.order >= 2:
            natural = self._second_order_of_scores(out, scores)
            self._expected_hessian(out, scores)
        elif out.scores.size:
            natural = self._stack(scores * posterior[:, :, None])
        if out.scores.size:
            self._person_scores(out, natural, np.exp(log_prior))

    # -- the covariance of one person ------------------------------------------------------------------------------

    def _whiten(self) -> Array:
        """Set `inverse` (r, v, 1 or n), 1/s2, and `moments` (r, v, pairs, n), M; gives log|V|, (r, v, n)."""
        st, panel, nat = self.st, self.panel, self.nat
        s2 = nat.s2[:, :, panel.group] if st.n_groups > 1 else nat.s2
        self.inverse = 1.0 / s2
        q, n = st.q, panel.n
        logdet = (panel.visits - q) * np.log(s2)
        if q == 0:
            self.moments = panel.products[None, None] * self.inverse[:, :, None]
            return logdet
        r, v = s2.shape[:2]
        a, b = st.cov_pairs
        z = np.array(st.random)
        entries = st.position[z][:, z]
        # L'Z'Z L and L'R are linear in the entries of T: two products of small matrices with long ones
        left, right = nat.factor[:, :, :, a], nat.factor[:, :, :, b]
        quad = left[:, :, a] * right[:, :, b] + (a != b)[:, None] * left[:, :, b] * right[:, :, a]
        inner = quad.swapaxes(-1, -2) @ panel.products[entries[a, b]]
        rows = panel.products[st.position[z]]
        solved = (nat.factor.swapaxes(-1, -2) @ rows.reshape(q, -1)).reshape(r, v, q, st.m, n)
        chol: dict[tuple[int, int], Array] = {}
        for e, (i, j) in enumerate(zip(a, b, strict=True)):  # i <= j: entry (j, i) of the lower factor
            value = inner[:, :, e]
            if i == j:
                value = value + s2
            for h in range(i):
                value = value - chol[i, h] * chol[j, h]
            chol[j, i] = np.sqrt(value) if i == j else value / chol[i, i]
        for j in range(q):
            for h in range(j):
                solved[:, :, j] -= chol[j, h][:, :, None] * solved[:, :, h]
            solved[:, :, j] /= chol[j, j][:, :, None]
            logdet = logdet + 2 * np.log(chol[j, j])
        moments = np.empty((r, v, len(st.pairs[0]), n))
        offset = 0
        for i in range(st.m):  # a run of pairs (i, i), (i, i + 1), ... at once
            run = slice(offset, offset + st.m - i)
            np.multiply(solved[:, :, 0, i, None], solved[:, :, 0, i:], out=moments[:, :, run])
            for j in range(1, q):
                moments[:, :, run] += solved[:, :, j, i, None] * solved[:, :, j, i:]
            offset += st.m - i
        np.subtract(panel.products, moments, out=moments)
        moments *= self.inverse[:, :, None]
        self.moments = moments
        return logdet

    def _by_regime(self, x: Array) -> Array:
        """Rows (r, k, j, n) times M transposed: (r, k, j, pairs)."""
        r, k, j, n = x.shape
        if self.moments.shape[1] == 1:
            found: Array = (x.reshape(r, 1, k * j, n) @ self.moments.swapaxes(-1, -2)).reshape(r, k, j, -1)
            return found
        return x @ self.moments.swapaxes(-1, -2)

    def _products(self) -> Array:
        """(r, k, outputs, n): the rows of M (-b, 0, 1)' but the last, and the quadratic form of the residual."""
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
        if self.moments.shape[1] == 1:
            found: Array = coefficients.reshape(r, k * st.m, -1) @ self.moments[:, 0]
            return found.reshape(r, k, st.m, -1)
        return coefficients @ self.moments

    def _log_prior(self) -> Array:
        """Logarithms of the membership probabilities, (r, k, n), or (r, k, 1) where they are those of everybody."""
        st, gamma = self.st, self.nat.gamma
        r = len(gamma)
        given = self.panel.membership[:, :1] if st.n_membership == 1 else self.panel.membership
        logits = np.zeros((r, st.k, given.shape[1]))
        logits[:, :-1] = gamma @ given
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits

    # -- first order -----------------------------------------------------------------------------------------------

    def _class_scores(self) -> Array:
        """(r, k, width, n): each person's complete-data score in each class, in the class order."""
        st, gx = self.st, self.gx
        r, k, _, n = gx.shape
        scores = np.empty((r, k, st.width, n))
        specific, own = st.n_specific, st.n_own
        scores[:, :, :specific] = gx[:, :, :specific]
        scores[:, :, own : own + st.n_common] = gx[:, :, specific : st.p]
        trace: Array | float = 0.0
        explained: Array | float = 0.0
        if st.q:
            a, b = st.cov_pairs
            z = list(st.random)
            zz = st.position[np.array(z)[a], np.array(z)[b]]
            self.g = self.moments[:, :, zz]
            self.f = gx[:, :, z]
            cov = self.nat.cov
            multiply = np.where(a == b, 1.0, 2.0)
            trace = np.einsum("rve,rven->rvn", cov[:, :, a, b] * multiply, self.g)
            shrunk = cov @ self.f
            self.df = shrunk
            explained = (self.f * shrunk).sum(axis=2)
            at = slice(int(st.at["cov"][0]), int(st.at["cov"][-1]) + 1)
            for e, (i, j) in enumerate(zip(a, b, strict=True)):
                np.multiply(self.f[:, :, i], self.f[:, :, j], out=scores[:, :, at.start + e])
            scores[:, :, at] -= self.g
            for e, (i, j) in enumerate(zip(a, b, strict=True)):
                if i == j:
                    scores[:, :, at.start + e] *= 0.5
        self.trace1 = (self.panel.visits - trace) * self.inverse
        self.quad2 = (self.quadratic - explained) * self.inverse
        change = (self.quad2 - self.trace1) * 0.5
        for e in range(st.n_groups):
            inside = 1.0 if st.n_groups == 1 else (self.panel.group == e)
            scores[:, :, st.at["s2"][e]] = change * inside
        return scores

    def _stack(self, weighted: Array) -> Array:
        """(r, k, width, n) scores times posterior, summed where classes share: (r, natural but the logits, n)."""
        st = self.st
        r, k, _, n = weighted.shape
        own = st.n_own
        found = np.empty((r, st.n_natural - st.n_logits, n))
        found[:, : k * own].reshape(r, k, own, n)[:] = weighted[:, :, :own]
        np.sum(weighted[:, :, own:], axis=1, out=found[:, k * own :])
        return found

    def _first_order(self, out: Evaluation, scores: Array, prior: Array) -> None:
        st, panel, w = self.st, self.panel, self.weighted
        r, k = w.shape[:2]
        sums = (scores @ w[..., None])[..., 0]
        for g in range(k):
            out.gradient[self.which, st.spread[g]] += sums[:, g]
        counted = w.sum(axis=2)
        out.expected[self.which] += counted
        onehot = (panel.group == np.arange(st.n_groups)[:, None]) * panel.visits
        out.visits[self.which] += w @ onehot.T
        self.w_moments = self._by_regime(w[:, :, None])[:, :, 0]
        p = np.arange(st.p)
        out.beta_information[self.which] += self.w_moments[:, :, st.position[p][:, p]]
        if st.n_logits == 0:
            return
        weight = np.ones(panel.n) if panel.weight is None else panel.weight
        m = panel.membership
        given = np.broadcast_to(prior[:, :-1], (r, k - 1, panel.n))
        difference = w[:, :-1] - given * weight
        out.gradient[self.which, : st.n_logits] += (difference @ m.T).reshape(r, -1)
        self.prior_information = _multinomial(given, m, weight)
        out.logit_information[self.which] += self.prior_information

    # -- second order ----------------------------------------------------------------------------------------------

    def _second_order_of_scores(self, out: Evaluation, scores: Array) -> Array:
        """Add sum w u u' - s s' and all that touches the logits; gives s without the logits, unweighted."""
        st, panel, w = self.st, self.panel, self.posterior
        r, k, _, n = scores.shape
        hessian = out.hessian[self.which]
        root = None if panel.weight is None else np.sqrt(panel.weight)
        scaled = scores if root is None else scores * root
        weighted = scaled * w[:, :, None]
        outer = weighted @ scaled.swapaxes(-1, -2)
        for g in range(k):
            hessian[:, st.spread[g][:, None], st.spread[g]] += outer[:, g]
        stacked = self._stack(weighted)
        rest = np.arange(st.n_logits, st.n_natural)
        hessian[:, rest[:, None], rest] -= stacked @ stacked.swapaxes(-1, -2)
        if st.n_logits:
            m = panel.membership
            lifted = w[:, :-1, None] * (m if root is None else m * root)
            lifted = lifted.reshape(r, st.n_logits, n)
            cross = -(lifted @ stacked.swapaxes(-1, -2))
            logits = np.arange(st.n_logits)
            hessian[:, logits[:, None], rest] += cross
            hessian[:, rest[:, None], logits] += cross.swapaxes(-1, -2)
            per_class = weighted[:, :-1] @ (m if root is None else m * root).T
            for g in range(k - 1):
                rows = g * st.n_membership + np.arange(st.n_membership)
                hessian[:, st.spread[g][:, None], rows] += per_class[:, g]
                hessian[:, rows[:, None], st.spread[g]] += per_class[:, g].swapaxes(-1, -2)
            weight = np.ones(n) if panel.weight is None else panel.weight
            hessian[:, logits[:, None], logits] += _multinomial(w[:, :-1], m, weight) - self.prior_information
        return stacked if root is None else stacked / root

    def _expected_hessian(self, out: Evaluation, scores: Array) -> None:
        """Add the expected complete-data Hessian, sum w h."""
        st, panel, w = self.st, self.panel, self.weighted
        r, k, _, n = scores.shape
        q, groups = st.q, st.n_groups
        a, b = st.cov_pairs
        h = np.zeros((r, k, st.width, st.width))
        beta, cov, s2 = st.at["beta"], st.at["cov"], st.at["s2"]
        p = np.arange(st.p)
        h[:, :, beta[:, None], beta] = -self.w_moments[:, :, st.position[p][:, p]]
        masks = np.ones((1, n)) if groups == 1 else (panel.group == np.arange(groups)[:, None]).astype(float)
        inverse = self.inverse
        by_s2 = (w * inverse)[:, :, None] * masks
        across = -(self.gx[:, :, : st.p] @ by_s2.swapaxes(-1, -2))
        if q:
            z = np.array(st.random)
            rows = np.empty((r, k, q + len(a) + q * groups, n))
            np.multiply(self.f, w[:, :, None], out=rows[:, :, :q])
            for e, (i, j) in enumerate(zip(a, b, strict=True)):
                np.multiply(rows[:, :, i], self.f[:, :, j], out=rows[:, :, q + e])
            for e in range(groups):
                start = q + len(a) + q * e
                np.multiply(self.df, by_s2[:, :, e, None], out=rows[:, :, start : start + q])
            sums = self._by_regime(rows)
            xz = st.position[p][:, z]
            for e, (i, j) in enumerate(zip(a, b, strict=True)):
                value = sums[:, :, j][:, :, xz[:, i]]
                if i != j:
                    value = value + sums[:, :, i][:, :, xz[:, j]]
                h[:, :, beta, cov[e]] = -value
            for e in range(groups):
                start = q + len(a) + q * e
                for i in range(q):
                    across[:, :, :, e] += sums[:, :, start + i][:, :, xz[:, i]]
            self._covariance_hessian(h, sums[:, :, q : q + len(a)])
            self._residual_hessian(h, masks)
        else:
            change = 0.5 * self.trace1 * inverse - self.quad2 * inverse
            h[:, :, s2, s2] = (w * change) @ masks.T
        h[:, :, beta[:, None], s2] = across
        hessian = out.hessian
        upper = np.concatenate([beta, cov])
        h[:, :, cov[:, None], beta] = h[:, :, beta[:, None], cov].swapaxes(-1, -2)
        h[:, :, s2[:, None], upper] = h[:, :, upper[:, None], s2].swapaxes(-1, -2)
        for g in range(k):
            hessian[self.which, st.spread[g][:, None], st.spread[g]] += h[:, g]

    def _covariance_hessian(self, h: Array, sums: Array) -> None:
        """tr(G E G F) / 2 - f'E G F f for all pairs of entries; `sums` (r, k, entries, pairs) holds w f f' M."""
        st, w = self.st, self.weighted
        a, b = st.cov_pairs
        z = np.array(st.random)
        position = st.position[z][:, z]
        entry = np.zeros((st.q, st.q), dtype=np.intp)
        entry[a, b] = entry[b, a] = np.arange(len(a))
        shared = self.g.shape[1] == 1
        weight = w.sum(axis=1, keepdims=True) if shared else w
        if shared and self.panel.weight is None:
            products = self.g @ self.g.swapaxes(-1, -2)
        else:
            products = (self.g * weight[:, :, None]) @ self.g.swapaxes(-1, -2)
        if shared:
            # the same for every class: put on the first alone where classes share it, as the sum is all that counts
            expanded = np.zeros((*h.shape[:2], len(a), len(a)))
            expanded[:, 0] = products[:, 0]
            products = expanded
        cov = st.at["cov"]
        for e in range(len(a)):
            for d in range(e, len(a)):
                value: Array = np.zeros(h.shape[:2])
                for i, j in {(a[e], b[e]), (b[e], a[e])}:
                    for s, t in {(a[d], b[d]), (b[d], a[d])}:
                        # E = e_i e_j', F = e_s e_t': tr(G E G F) = G_ti G_js, f'E G F f = f_i G_js f_t
                        value = value + 0.5 * products[:, :, entry[t, i], entry[j, s]]
                        value = value - sums[:, :, entry[i, t], position[j, s]]
                h[:, :, cov[e], cov[d]] = h[:, :, cov[d], cov[e]] = value

    def _residual_hessian(self, h: Array, masks: Array) -> None:
        """Second derivatives by the residual variance, alone and with the covariance."""
        st, w, g, f, inverse = self.st, self.weighted, self.g, self.f, self.inverse
        a, b = st.cov_pairs
        q = st.q
        r, k, _, n = f.shape
        v = g.shape[1]
        entry = np.zeros((q, q), dtype=np.intp)
        entry[a, b] = entry[b, a] = np.arange(len(a))
        cov = self.nat.cov
        # G D, then G D G; f2 = Z'V^-2 r = (f - G D f) / s2 and G2 = Z'V^-2 Z = (G - G D G) / s2
        full = g[:, :, entry]
        gd = np.einsum("rvijn,rvjl->rviln", full, cov) if q > 2 else _times(full, cov)
        g2 = np.empty((r, v, len(a), n))
        for e, (i, j) in enumerate(zip(a, b, strict=True)):
            g2[:, :, e] = g[:, :, e]
            for s in range(q):
                g2[:, :, e] -= gd[:, :, i, s] * g[:, :, entry[s, j]]
        g2 *= inverse[:, :, None]
        f2 = f.copy()
        for i in range(q):
            for j in range(q):
                f2[:, :, i] -= g[:, :, entry[i, j]] * self.df[:, :, j]
        f2 *= inverse[:, :, None]
        terms = np.empty((r, k, len(a) + 1, n))
        for e, (i, j) in enumerate(zip(a, b, strict=True)):
            if i == j:
                terms[:, :, e] = 0.5 * g2[:, :, e] - f[:, :, i] * f2[:, :, i]
            else:
                terms[:, :, e] = g2[:, :, e] - f[:, :, i] * f2[:, :, j] - f[:, :, j] * f2[:, :, i]
        multiply = np.where(a == b, 1.0, 2.0)
        trace2 = (self.trace1 - np.einsum("rve,rven->rvn", cov[:, :, a, b] * multiply, g2)) * inverse
        quad3 = (self.quad2 - (f2 * self.df).sum(axis=2)) * inverse
        terms[:, :, -1] = 0.5 * trace2 - quad3
        sums = (terms * w[:, :, None]) @ masks.T
        at, s2 = st.at["cov"], st.at["s2"]
        h[:, :, at[:, None], s2] = sums[:, :, :-1]
        h[:, :, s2, s2] = sums[:, :, -1]

    def _person_scores(self, out: Evaluation, natural: Array, prior: Array) -> None:
        st = self.st
        r, _, n = natural.shape
        out.scores[self.which, st.n_logits :, self.part] = natural
        if st.n_logits:
            difference = self.posterior[:, :-1] - prior[:, :-1]
            lifted = difference[:, :, None] * self.panel.membership
            out.scores[self.which, : st.n_logits, self.part] = lifted.reshape(r, st.n_logits, n)


def _times(full: Array, cov: Array) -> Array:
    """(r, v, q, q, n) times (r, v, q, q) on the inner axes."""
    q = cov.shape[-1]
    found = np.empty_like(full)
    for i in range(q):
        for j in range(q):
            found[:, :, i, j] = sum(full[:, :, i, s] * cov[:, :, s, j, None] for s in range(q))
    return found


def _multinomial(given: Array, m: Array, weight: Array) -> Array:
    """(r, logits, logits): sum over persons of weight (diag(p) - p p') (x) m m', p (r, k-1, n)."""
    r, k1, n = given.shape
    columns = len(m)
    lifted = (given[:, :, None] * m).reshape(r, k1 * columns, n)
    found = -((lifted * weight) @ lifted.swapaxes(-1, -2))
    a, b = np.triu_indices(columns)
    diagonal = (given * weight) @ (m[a] * m[b]).T
    for g in range(k1):
        rows = g * columns
        found[:, rows + a, rows + b] += diagonal[:, g]
        off = a != b
        found[:, rows + b[off], rows + a[off]] += diagonal[:, g][:, off]
    return found


def class_scores(st: Structure, panel: Panel, nat: Natural) -> tuple[Array, Array]:
    """Complete-data scores (k, natural, N) and posterior probabilities (k, N) at the one point `nat`."""
    k = st.k
    found = np.zeros((k, st.n_natural, panel.n))
    posterior = np.empty((k, panel.n))
    size = max(BLOCK // st.regimes, 64)
    one = slice(0, 1)
    for begin in range(0, panel.n, size):
        part = slice(begin, min(begin + size, panel.n))
        out = Evaluation(np.zeros(1), log_joint=np.empty((1, k, part.stop - begin)))
        block = _Block(st, panel.take(part), nat, 0, one, slice(0, part.stop - begin))
        block.add_to(out)
        joint = out.log_joint[0]
        p = np.exp(joint - joint.max(axis=0))
        posterior[:, part] = p / p.sum(axis=0)
        scores = block._class_scores()[0]
        prior = np.exp(block._log_prior()[0])
        for g in range(k):
            found[g][st.spread[g], part] = scores[g]
            for h in range(k - 1):
                rows = h * st.n_membership + np.arange(st.n_membership)
                found[g][rows, part] = ((g == h) - prior[h]) * block.panel.membership
    return found, posterior


def random_effects(st: Structure, panel: Panel, nat: Natural) -> tuple[Array, Array, Array]:
    """Given the scores, at the one point `nat`: log joint (k, N), means (k, N, q) and covariances (k, N, q, q)."""
    k, q = st.k, st.q
    joint = np.empty((k, panel.n))
    means, spread = np.zeros((k, panel.n, q)), np.zeros((k, panel.n, q, q))
    size = max(BLOCK // st.regimes, 64)
    a, b = st.cov_pairs
    entry = np.zeros((q, q), dtype=np.intp)
    entry[a, b] = entry[b, a] = np.arange(len(a))
    for begin in range(0, panel.n, size):
        part = slice(begin, min(begin + size, panel.n))
        out = Evaluation(np.zeros(1), log_joint=np.empty((1, k, part.stop - begin)))
        block = _Block(st, panel.take(part), nat, 0, slice(0, 1), slice(0, part.stop - begin))
        block.add_to(out)
        joint[:, part] = out.log_joint[0]
        if q:
            block._class_scores()
            means[:, part] = block.df[0].swapaxes(-1, -2)
            inner = np.moveaxis(block.g[0][:, entry], -1, 1)
            cov = nat.cov[0][:, None]
            spread[:, part] = cov - cov @ inner @ cov
    return joint, means, spread
