"""The likelihood against scipy's multivariate normal, its derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from analysis.trajectories import kernel, params
from analysis.trajectories.panel import Panel, cross_products
from analysis.trajectories.structure import Structure

# k, covariance, diagonal, residual, groups, random columns, weighted
SHAPES = [
    (1, "common", False, "common", 1, (0, 1), False),
    (3, "common", False, "common", 1, (0, 1), False),
    (2, "proportional", False, "class", 1, (0, 1), True),
    (2, "class", True, "common", 1, (0, 1), False),
    (3, "class", False, "class", 1, (0, 1), True),
    (2, "common", False, "common", 2, (0, 1), True),
    (2, "common", False, "class", 1, (0,), False),
    (2, "common", False, "common", 2, (), False),
    (2, "common", False, "class", 1, (), True),
    (2, "common", False, "common", 1, (0, 1, 4), False),
    (2, "proportional", True, "common", 2, (0, 1, 2), False),
]


class Case:
    """A small panel with three points, and the same as plain matrices."""

    def __init__(self, shape: tuple) -> None:
        k, covariance, diagonal, residual, groups, self.random, weighted = shape
        rng = np.random.default_rng(5)
        n = 40
        visits = rng.integers(1, 7, n)
        self.ends = np.cumsum(visits)
        starts = self.ends - visits
        t = rng.uniform(0, 1, visits.sum())
        x = np.repeat(rng.normal(size=n), visits)
        self.x = np.column_stack([np.ones_like(t), t, t**2, x])
        extra = [np.sqrt(t)] if 4 in self.random else []
        self.columns = np.column_stack([self.x, *extra])
        self.y = 2 * rng.normal(size=len(t))
        self.starts = starts
        products = cross_products(np.column_stack([self.columns, self.y]), starts)
        self.st = Structure(k, 2, 2, len(extra), self.random, 2, covariance, diagonal, residual, groups)
        weight = rng.uniform(0.5, 2, n) if weighted else None
        membership = np.vstack([np.ones(n), rng.normal(size=n)])
        group = rng.integers(0, groups, n)
        self.panel = Panel(products, visits.astype(float), membership, group, weight)
        self.phi = 0.5 * rng.normal(size=(3, self.st.n_free))

    def at(self, phi: np.ndarray, order: int, persons: bool = False) -> kernel.Evaluation:
        return kernel.evaluate(self.st, self.panel, params.natural(self.st, phi), order, persons)

    def by_hand(self, r: int) -> float:
        """Log-likelihood of point `r`, one person and class at a time."""
        nat = params.natural(self.st, self.phi)
        total = 0.0
        for i in range(self.panel.n):
            rows = slice(self.starts[i], self.ends[i])
            logits = np.append(nat.gamma[r] @ self.panel.membership[:, i], 0.0)
            logits -= np.log(np.exp(logits).sum())
            joint = []
            for g in range(self.st.k):
                v = g if self.st.regimes > 1 else 0
                z = self.columns[rows][:, list(self.random)]
                s2 = nat.s2[r, v, self.panel.group[i]]
                cov = z @ nat.cov[r, v] @ z.T + s2 * np.eye(len(z))
                mean = self.x[rows] @ nat.beta[r, g]
                joint.append(logits[g] + multivariate_normal.logpdf(self.y[rows], mean, cov))
            weight = 1.0 if self.panel.weight is None else self.panel.weight[i]
            total += weight * np.logaddexp.reduce(joint)
        return total


@pytest.fixture(params=SHAPES, ids=lambda s: "-".join(map(str, s)))
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def test_loglik_is_that_of_multivariate_normals(case: Case) -> None:
    found = case.at(case.phi, 0).loglik
    assert found == pytest.approx([case.by_hand(r) for r in range(3)], abs=1e-9)


def test_derivatives_are_differences(case: Case) -> None:
    found = case.at(case.phi, 2, persons=True)
    slope, curve = params.chain(case.st, case.phi, found.gradient, found.hessian)
    by_difference, second = np.zeros_like(slope), np.zeros_like(curve)
    h = 1e-5
    for j in range(case.st.n_free):
        step = np.zeros(case.st.n_free)
        step[j] = h
        up, down = case.at(case.phi + step, 1), case.at(case.phi - step, 1)
        by_difference[:, j] = (up.loglik - down.loglik) / (2 * h)
        second[:, j] = (
            params.chain_gradient(case.st, case.phi + step, up.gradient)
            - params.chain_gradient(case.st, case.phi - step, down.gradient)
        ) / (2 * h)
    assert np.abs(slope - by_difference).max() < 1e-7 * np.abs(slope).max()
    assert np.abs(curve - second).max() < 1e-6 * np.abs(curve).max()
    weight = np.ones(case.panel.n) if case.panel.weight is None else case.panel.weight
    assert found.scores @ weight == pytest.approx(found.gradient, abs=1e-8)


def test_blocks_of_persons_and_points_change_nothing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = case.at(case.phi, 2)
    monkeypatch.setattr(kernel, "BLOCK", 1)
    tiny = Panel(*(getattr(case.panel, n) for n in ("products", "visits", "membership", "group", "weight")))
    parts = kernel.evaluate(case.st, tiny, params.natural(case.st, case.phi), 2)
    assert parts.loglik == pytest.approx(whole.loglik, rel=1e-12)
    assert parts.hessian == pytest.approx(whole.hessian, rel=1e-9, abs=1e-7)


def test_class_scores_add_up_to_the_score_of_the_person(case: Case) -> None:
    nat = params.natural(case.st, case.phi[:1])
    complete, posterior = kernel.class_scores(case.st, case.panel, nat)
    found = case.at(case.phi[:1], 1, persons=True)
    assert np.einsum("knp,kp->np", complete, posterior) == pytest.approx(found.scores[0], abs=1e-9)


def test_free_parameters_come_back(case: Case) -> None:
    nat = params.natural(case.st, case.phi)
    again = params.natural(case.st, params.free(case.st, nat))
    for name in ("gamma", "beta", "cov", "s2"):
        assert getattr(again, name) == pytest.approx(getattr(nat, name), abs=1e-10)


def test_a_person_far_from_every_class_has_a_finite_likelihood() -> None:
    case = Case(SHAPES[1])
    far = case.panel.products.copy()
    far[-1] += 1e8  # y'y alone: the quadratic form of every class is far beyond what exp can take
    found = kernel.evaluate(
        case.st,
        Panel(far, case.panel.visits, case.panel.membership, case.panel.group),
        params.natural(case.st, case.phi),
        2,
    )
    assert np.isfinite(found.loglik).all()
    assert np.isfinite(found.hessian).all()
