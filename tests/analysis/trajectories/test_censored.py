"""Scores at a floor or a ceiling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from analysis.trajectories import DesignError, GrowthMixture, params
from analysis.trajectories.censored import CensoredPanel, censored_panel, sides
from analysis.trajectories.likelihood import effects, log_posterior_slopes, objective, solution
from analysis.trajectories.panel import Panel, cross_products
from analysis.trajectories.simulate import continuum, mixture
from analysis.trajectories.structure import Structure

# k, covariance, residual, diagonal, random columns, groups, weighted
SHAPES = [
    (1, "common", "common", False, (0, 1), 1, False),
    (2, "common", "common", False, (0, 1), 1, True),
    (2, "class", "class", True, (0, 1), 1, False),
    (2, "class", "common", False, (0,), 2, False),
    (3, "common", "common", False, (), 1, True),
    (3, "proportional", "common", False, (0, 1), 1, True),
    (2, "proportional", "class", True, (0, 1), 1, False),
]
LINE = "score ~ log1p(week)"


class Case:
    """Thirty persons with scores cut at -1 and 2, in internal coordinates."""

    def __init__(self, shape: tuple) -> None:
        k, covariance, residual, diagonal, random, groups, weighted = shape
        rng = np.random.default_rng(0)
        n = 30
        visits = rng.integers(1, 7, n)
        self.starts = np.cumsum(visits) - visits
        self.rows = [slice(s, s + v) for s, v in zip(self.starts, visits, strict=True)]
        person = np.repeat(np.arange(n), visits)
        t = rng.uniform(0, 1, len(person))
        self.x = np.column_stack([np.ones_like(t), t, t**2, rng.normal(size=n)[person]])
        self.y = np.clip(1.5 * rng.normal(size=len(t)), -1, 2)
        self.side = sides(self.y, -1.0, 2.0, "y")
        self.st = Structure(k, 2, 2, 0, random, 2, covariance, diagonal, residual, groups)
        columns = np.column_stack([self.x, self.y])
        panel = Panel(
            cross_products(columns, self.starts),
            visits.astype(float),
            np.vstack([np.ones(n), rng.normal(size=n)]),
            rng.integers(0, groups, n),
            rng.uniform(0.5, 2, n) if weighted else None,
        )
        z = self.x[:, list(random)]
        self.data = censored_panel(panel, columns, z, person, self.starts, self.side, 4).with_nodes(15)
        self.phi = 0.5 * rng.normal(size=(2, self.st.n_free))


@pytest.fixture(params=SHAPES, ids=lambda s: "-".join(map(str, s)))
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def test_derivatives_are_differences(case: Case) -> None:
    at = objective(case.st, case.data)
    _, slope, curve = at(case.phi)
    by_difference, second = np.zeros_like(slope), np.zeros_like(curve)
    h = 1e-5
    for j in range(case.st.n_free):
        step = np.zeros(case.st.n_free)
        step[j] = h
        up, down = at(case.phi + step), at(case.phi - step)
        by_difference[:, j] = (up[0] - down[0]) / (2 * h)
        second[:, j] = (up[1] - down[1]) / (2 * h)
    assert np.abs(slope - by_difference).max() < 1e-6 * np.abs(slope).max()
    assert np.abs(curve - second).max() < 1e-6 * np.abs(curve).max()


def test_persons_add_up(case: Case) -> None:
    total, slope, _ = objective(case.st, case.data)(case.phi[:1])
    found = solution(case.st, case.data, case.phi[0])
    weight = np.ones(case.data.n) if case.data.weight is None else case.data.weight
    assert found.scores @ weight == pytest.approx(slope[0], abs=1e-9)
    assert np.logaddexp.reduce(found.log_joint, axis=0) @ weight == pytest.approx(total[0], abs=1e-9)
    slopes = log_posterior_slopes(case.st, case.data, case.phi[0])
    posterior = np.exp(found.log_joint - np.logaddexp.reduce(found.log_joint, axis=0))
    assert np.einsum("nkf,kn->nf", slopes, posterior) == pytest.approx(0, abs=1e-10)


def test_a_persons_likelihood_is_a_double_integral() -> None:
    case = Case(SHAPES[1])
    found = solution(case.st, case.data, case.phi[0])
    _, mean, _ = effects(case.st, case.data, case.phi[0])
    nat = params.natural(case.st, case.phi[:1])
    factor, sd = nat.factor[0, 0], np.sqrt(nat.s2[0, 0, 0])
    at, weight = np.polynomial.legendre.leggauss(200)
    u = 8 * np.stack(np.meshgrid(at, at)).reshape(2, -1)
    area = 64 * np.outer(weight, weight).ravel()
    for i in range(6):
        rows = case.rows[i]
        logits = np.append(nat.gamma[0] @ case.data.panel.membership[:, i], 0.0)
        y, side = case.y[rows, None], case.side[rows, None]
        for g in range(2):
            eta = (case.x[rows] @ nat.beta[0, g])[:, None] + case.x[rows][:, :2] @ factor @ u
            seen = norm.logpdf(y, eta, sd)
            beyond = norm.logcdf(np.where(side < 0, -1, 1) * (y - eta) / sd)
            density = np.exp(np.where(side == 0, seen, beyond).sum(axis=0) - 0.5 * (u**2).sum(axis=0)) / (2 * np.pi)
            value = density @ area
            expected = logits[g] - np.logaddexp.reduce(logits) + np.log(value)
            assert found.log_joint[g, i] == pytest.approx(expected, abs=1e-7)
            assert mean[g, i] == pytest.approx(factor @ (u * density) @ area / value, abs=1e-6)


def test_nine_nodes_are_enough() -> None:
    case = Case(SHAPES[1])
    fine = objective(case.st, case.data.with_nodes(25))(case.phi)[0]
    assert objective(case.st, case.data.with_nodes(9))(case.phi)[0] == pytest.approx(fine, abs=1e-6)


@pytest.mark.parametrize("random", [None, "~ log1p(week)"])
def test_without_a_score_at_the_floor_it_is_the_gaussian_model(random: str | None) -> None:
    frame = mixture(150, seed=1)
    gaussian = GrowthMixture(2, LINE, random=random).fit(frame, starts=5)
    censored = GrowthMixture(2, LINE, random=random, family="censored", floor=-100.0).fit(frame, starts=5)
    assert isinstance(censored.design.data, CensoredPanel)
    assert censored.loglik == pytest.approx(gaussian.loglik, abs=1e-7)
    assert list(censored.parameters()["se"]) == pytest.approx(list(gaussian.parameters()["se"]), rel=1e-5)


def test_the_truth_behind_a_floor_is_found_where_the_gaussian_model_misses_it() -> None:
    frame = continuum(2500, seed=2, floor=0.0)
    assert (frame["score"] == 0).mean() > 0.05
    truth = np.array([15.5, -4.0, 9.0, -0.5, 3.2, 2.4])
    censored = GrowthMixture(1, LINE, random="~ log1p(week)", family="censored", floor=0.0).fit(frame).parameters()
    assert (np.abs(censored["estimate"] - truth) < 3.5 * censored["se"]).all()
    gaussian = GrowthMixture(1, LINE, random="~ log1p(week)").fit(frame).parameters()
    assert (np.abs(gaussian["estimate"] - truth) > 5 * gaussian["se"]).any()


def test_one_censored_regression_is_that_of_its_own_likelihood() -> None:
    # no random effects: a tobit, whose log-likelihood is a sum over rows
    frame = continuum(120, seed=3, floor=0.0)
    result = GrowthMixture(1, LINE, family="censored", floor=0.0).fit(frame)
    a, b, sd = result.parameters()["estimate"]
    eta = a + b * np.log1p(frame["week"])
    at = frame["score"] == 0
    expected = norm.logcdf(-eta[at] / sd).sum() + norm.logpdf(frame["score"][~at], eta[~at], sd).sum()
    assert result.loglik == pytest.approx(expected, abs=1e-8)


def test_a_ceiling_is_a_floor_upside_down() -> None:
    frame = continuum(150, seed=4, floor=0.0)
    down = GrowthMixture(1, LINE, random="~ 1", family="censored", floor=0.0).fit(frame)
    turned = frame.assign(score=27 - frame["score"])
    up = GrowthMixture(1, LINE, random="~ 1", family="censored", ceiling=27.0).fit(turned)
    assert up.loglik == pytest.approx(down.loglik, abs=1e-7)
    assert up.design.counts["rows_at_ceiling"] == down.design.counts["rows_at_floor"] > 0


def test_scores_beyond_the_floor_are_refused() -> None:
    frame = continuum(20, seed=5)
    frame.loc[3, "score"] = -2.0
    with pytest.raises(DesignError, match="score is -2 in row 3, below the floor 0"):
        GrowthMixture(1, LINE, family="censored", floor=0.0).fit(frame.assign(score=frame["score"].clip(lower=-2)))


def test_predictions_know_of_the_floor() -> None:
    frame = continuum(400, seed=6, floor=0.0)
    result = GrowthMixture(1, LINE, random="~ log1p(week)", family="censored", floor=0.0).fit(frame)
    assert result.predict(frame).posterior["p1"].eq(1).all()
    own = result.predict()
    again = result.predict(frame)
    assert again.course([8.0])["mean"].to_numpy() == pytest.approx(own.course([8.0])["mean"].to_numpy(), abs=1e-9)
    # a zero says that the latent score is zero or less: two zeros more pull it further down than seen zeros would
    person = pd.DataFrame({"subject_id": 1, "week": [0.0, 6.0, 10.0, 12.0], "score": [12.0, 0.0, 0.0, 0.0]})
    gaussian = GrowthMixture(1, LINE, random="~ log1p(week)").fit(frame)
    below, at = (r.predict(person).course([12.0])["mean"].iloc[0] for r in (result, gaussian))
    assert below < at
    assert result.predict(person.assign(score=np.nan)).course([0.0])["mean"].iloc[0] == pytest.approx(15.5, abs=1)


def test_proportional_covariances_lie_between_common_and_free_ones() -> None:
    """Scores of two classes, the second of which scatters three times as widely, cut at 0."""
    frame = mixture(250, seed=2)
    rng = np.random.default_rng(3)
    wide = np.where(frame["truth"] > 2, 1.7, 0.6) * rng.normal(size=250)[frame["subject_id"]]
    frame = frame.assign(score=(frame["score"] + 2.5 * wide).clip(lower=0.0))
    few = {"starts": 5, "max_starts": 5, "seed": 1}
    fits = {
        c: GrowthMixture(2, LINE, random="~ 1", covariance=c, family="censored", floor=0.0).fit(frame, **few)
        for c in ("common", "proportional", "class")
    }
    # one random effect: a scale per class is a variance per class
    assert fits["proportional"].loglik == pytest.approx(fits["class"].loglik, abs=1e-5)
    assert fits["proportional"].loglik > fits["common"].loglik + 1
    ours, theirs = (fits[c].parameters() for c in ("proportional", "class"))
    assert ours["estimate"].to_numpy() == pytest.approx(theirs["estimate"].to_numpy(), rel=1e-3, abs=1e-3)
    assert ours["se"].to_numpy() == pytest.approx(theirs["se"].to_numpy(), rel=1e-3)
    with pytest.raises(DesignError, match="up to two random effects, not Intercept, week, I"):
        GrowthMixture(1, "score ~ week + I(week**2)", random="~ week + I(week**2)", family="censored", floor=0.0).fit(
            frame
        )
