"""The interface as the issue states it, each part on fits of its own kind: formulas, what a result has, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.trajectories import GrowthMixture, Trajectories
from analysis.trajectories.fitted import Fitted
from analysis.trajectories.ordinal import OrdinalGrowth, OrdinalTrajectories
from analysis.trajectories.simulate import mixture

FEW: dict[str, Any] = {"starts": 4, "max_starts": 4, "seed": 1}
FULL = "score ~ week + I(week**2) + baseline + study_id"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    found = mixture(160, seed=7)
    rng = np.random.default_rng(0)
    person = found["subject_id"]
    found["baseline"] = rng.normal(20, 4, 160)[person]
    found["study_id"] = np.array(["a", "b"])[rng.integers(0, 2, 160)][person]
    found["sex"] = np.array(["f", "m"])[rng.integers(0, 2, 160)][person]
    found["score"] = found["score"].clip(lower=0)  # some at the floor
    return found.assign(item=pd.cut(found["score"], [-99, 6, 11, 16, 99], labels=False))


def fits(frame: pd.DataFrame) -> dict[str, Fitted]:
    curve = "score ~ log1p(week)"
    return {
        "gaussian": GrowthMixture(2, curve, random="~ 1").fit(frame, **FEW),
        "latent class growth": GrowthMixture(2, curve).fit(frame, **FEW),
        "censored": GrowthMixture(2, curve, family="censored", floor=0.0).fit(frame, **FEW),
        "ordinal": OrdinalGrowth(2, "~ log1p(week)").fit(frame, **FEW),
    }


@pytest.fixture(scope="module")
def results(frame: pd.DataFrame) -> dict[str, Fitted]:
    return fits(frame)


@pytest.mark.parametrize("kind", ["gaussian", "latent class growth", "censored", "ordinal"])
def test_a_result_has_what_the_issue_names(
    results: dict[str, Fitted], frame: pd.DataFrame, kind: str, tmp_path: Path
) -> None:
    fit = results[kind]
    assert fit.family in fit.summary()
    assert f"{fit.loglik:.4f}" in fit.summary()
    assert list(fit.classes.columns) == ["class", "share", "persons", "certainty"]
    assert fit.classes["persons"].sum() == len(fit.posterior) == fit.n == 160
    assert fit.posterior[["p1", "p2"]].sum(axis=1).to_numpy() == pytest.approx(1)
    course = fit.predict(frame[frame["week"] <= 2]).course([8.0, 12.0], new_score=True)
    assert len(course) == 320
    assert ((course["lower"] <= course["mean"]) & (course["mean"] <= course["upper"])).all()
    chart = fit.plot().to_dict()
    assert chart["$schema"].startswith("https://vega.github.io")
    assert list(fit.compare(fit)["loglik"]) == [fit.loglik, fit.loglik]
    page = fit.to_html()
    assert page.startswith("<!doctype html>")
    assert "<svg" in page
    assert "SYNTHETIC" in page
    fit.save(tmp_path / "fit")
    again = type(fit).load(tmp_path / "fit")
    assert again.loglik == fit.loglik
    assert again.parameters().equals(fit.parameters())
    assert again.predict(frame).posterior.equals(fit.predict(frame).posterior)
    other = OrdinalTrajectories if isinstance(fit, Trajectories) else Trajectories
    with pytest.raises(TypeError, match="not"):
        other.load(tmp_path / "fit")


def test_a_specification_is_frozen(frame: pd.DataFrame) -> None:
    spec = GrowthMixture(2, "score ~ week")
    with pytest.raises(AttributeError):
        spec.k = 3  # type: ignore[misc]
    assert spec.with_classes(3).k == 3
    assert spec.k == 2


@pytest.mark.parametrize(
    ("specific", "own", "shared"),
    [
        (None, 5, 0),
        ("~ 1", 1, 4),
        ("~ week", 2, 3),
        ("~ 0 + week", 1, 4),
        ("~ 1 + baseline", 2, 3),
        ("~ week + I(week**2) + study_id", 4, 1),
    ],
)
def test_any_part_of_the_fixed_effects_is_common_or_of_the_class(
    frame: pd.DataFrame, specific: str | None, own: int, shared: int
) -> None:
    found = GrowthMixture(2, FULL, class_specific=specific, random="~ 1").fit(frame, **FEW)
    table = found.parameters()
    fixed = table[table["part"] == "fixed"]
    assert (fixed["class"] > 0).sum() == 2 * own
    assert (fixed["class"] == 0).sum() == shared
    # the likelihood at the estimates, by its definition, from nothing but the reported table
    assert _loglik_by_hand(found, frame) == pytest.approx(found.loglik, abs=1e-6)


@pytest.mark.parametrize(
    ("residual", "covariance", "n"), [("common", "common", 1), ("class", "proportional", 2), ("study", "class", 2)]
)
def test_residual_variances_and_covariances_of_every_kind(
    frame: pd.DataFrame, residual: str, covariance: str, n: int
) -> None:
    spec = GrowthMixture(
        2, "score ~ week", random="~ week", residual=residual, covariance=covariance, membership="~ sex"
    )
    found = spec.fit(frame, **FEW)
    table = found.parameters()
    assert (table["part"] == "residual").sum() == n
    assert (table["part"] == "covariance").sum() == (3 if covariance == "common" else 6)
    assert list(table.loc[table["part"] == "membership", "term"]) == ["Intercept", "sex[T.m]"]
    assert _loglik_by_hand(found, frame) == pytest.approx(found.loglik, abs=1e-6)


@pytest.mark.parametrize(
    "basis",
    ["week", "poly(week, 2)", "poly(week, 3)", "poly(week, 4)", "poly(week, 5)", "ns(week, df=4)",
     "piecewise(week, 2, 6)", "log1p(week)"],
)  # fmt: skip
def test_latent_class_growth_with_every_curve(frame: pd.DataFrame, basis: str) -> None:
    found = GrowthMixture(2, f"score ~ {basis}").fit(frame, **FEW)
    assert found.search.replication >= 1
    slope = found.solution.gradient
    assert slope @ np.linalg.solve(found.information, slope) / found.n_parameters < 1e-9
    assert _loglik_by_hand(found, frame) == pytest.approx(found.loglik, abs=1e-6)


def _loglik_by_hand(found: Trajectories, frame: pd.DataFrame) -> float:
    """Sum over persons of log sum_k pi_k N(y; X b_k, V_k), with dense matrices, from `parameters()` alone."""
    design = found.design
    table = found.parameters()
    names = list(design.templates.columns)

    def value(part: str, g: int, term: str) -> float:
        rows = table[(table["part"] == part) & (table["term"] == term) & table["class"].isin([0, g])]
        return float(rows["estimate"].iloc[0])

    random = list(design.templates.random.column_names) if design.templates.random is not None else []
    q = len(random)
    total = np.zeros((design.n, 2))
    membership = design.templates.membership.column_names
    logits = sum(value("membership", 1, t) * design.membership[:, j] for j, t in enumerate(membership))
    total[:, 0] = -np.logaddexp(0, -np.asarray(logits))
    total[:, 1] = -np.logaddexp(0, np.asarray(logits))
    first = np.append(design.starts, len(design.y))
    for g in (1, 2):
        b = np.array([value("fixed", g, t) for t in names])
        d = np.zeros((q, q))
        for i in range(q):
            for j in range(i, q):
                term = f"var {random[i]}" if i == j else f"cov {random[i]}, {random[j]}"
                d[i, j] = d[j, i] = value("covariance", g, term)
        for n in range(design.n):
            rows = slice(first[n], first[n + 1])
            group = design.groups[design.panel.group[n]]
            sd = value("residual", g, f"sd {group}".strip())
            z = design.z[rows]
            v = z @ d @ z.T + sd**2 * np.eye(rows.stop - rows.start)
            r = design.y[rows] - design.x[rows] @ b
            _, logdet = np.linalg.slogdet(v)
            total[n, g - 1] -= 0.5 * (len(r) * np.log(2 * np.pi) + logdet + r @ np.linalg.solve(v, r))
    return float(np.logaddexp(total[:, 0], total[:, 1]).sum())
