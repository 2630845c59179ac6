"""Classes known without error: the two-step estimator is a regression, and its errors are those of statsmodels.

Figures of NHEFS: Hernan & Robins, What If, chapter 12, with M-estimation errors as WeightIt 2.0.0 gives them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis.trajectories import GrowthMixture
from analysis.trajectories.errors import DesignError
from analysis.trajectories.inference import InferenceError
from analysis.trajectories.simulate import mixture
from analysis.twostep import ClassOutcome, ClassStep, PersonWeights, selection

FAMILIES = {"binary": sm.families.Binomial(), "normal": sm.families.Gaussian(), "count": sm.families.Poisson()}


def persons(family: str, n: int = 400) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(8)
    klass = rng.integers(0, 3, n)
    frame = pd.DataFrame(
        {"subject_id": np.arange(n) + 100, "x": 5 + 2 * rng.normal(size=n), "w": rng.uniform(0.5, 3, n)}
    )
    frame["site"] = rng.integers(0, 25, n)
    linear = np.array([-0.5, 0.2, 1.0])[klass] + 0.3 * (frame["x"] - 5) * (klass == 1)
    if family == "binary":
        frame["z"] = (rng.random(n) < 1 / (1 + np.exp(-linear))).astype(float)
    elif family == "count":
        frame["z"] = rng.poisson(np.exp(linear)).astype(float)
    else:
        frame["z"] = 40 + 10 * (linear + rng.normal(size=n) * (1 + 0.5 * klass))
    return frame, np.eye(3)[klass]


def step(frame: pd.DataFrame, p: np.ndarray) -> ClassStep:
    index = pd.Index(frame["subject_id"])
    return ClassStep.known(index, p, pd.Series(frame["site"].to_numpy(), index=index))


@pytest.mark.filterwarnings("ignore:cov_type not fully supported with var_weights")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_statsmodels_with_class_dummies(family: str, weighted: bool) -> None:
    frame, p = persons(family)
    weights = PersonWeights.fixed(frame.set_index("subject_id")["w"]) if weighted else None
    fit = ClassOutcome("z ~ x", family=family).fit(step(frame, p), frame.sample(frac=1, random_state=1), weights)
    design = np.column_stack([p, frame["x"]])
    model = sm.GLM(frame["z"], design, FAMILIES[family], var_weights=frame["w"] if weighted else None)
    for kind, theirs in (
        ("sandwich", model.fit(cov_type="HC0", tol=1e-12)),
        (
            "cluster",
            model.fit(cov_type="cluster", cov_kwds={"groups": frame["site"], "use_correction": False}, tol=1e-12),
        ),
    ):
        table = fit.parameters(kind)
        table = table[table["part"] == "effect"]
        assert list(table["estimate"]) == pytest.approx(list(theirs.params), abs=1e-6)
        correction = np.sqrt(25 / 24) if kind == "cluster" else 1.0
        assert list(table["se"]) == pytest.approx(list(theirs.bse * correction), rel=1e-5)
    assert fit.converged
    assert fit.problems == ()


def test_class_specific_effects_are_regressions_within_classes() -> None:
    frame, p = persons("binary")
    fit = ClassOutcome("z ~ x", class_specific="~ x").fit(step(frame, p), frame)
    table = fit.parameters("model")
    for g in range(3):
        own = frame[p[:, g] == 1]
        theirs = sm.Logit(own["z"], sm.add_constant(own["x"])).fit(disp=0)
        mine = table[table["class"] == g + 1]
        assert list(mine["estimate"]) == pytest.approx(list(theirs.params), abs=1e-6)
        assert list(mine["se"]) == pytest.approx(list(theirs.bse), rel=1e-6)
    assert fit.loglik == pytest.approx(
        sum(sm.Logit(frame["z"][k == 1], sm.add_constant(frame["x"][k == 1])).fit(disp=0).llf for k in p.T),
        abs=1e-8,
    )


def test_without_covariates_margins_are_the_proportions() -> None:
    frame, p = persons("binary")
    found = ClassOutcome("z ~ 1").fit(step(frame, p), frame)
    risk = [frame["z"][k == 1].mean() for k in p.T]
    table = found.margins()
    assert list(table["mean"]) == pytest.approx(risk, abs=1e-7)
    n = p.sum(axis=0)
    assert list(table["se"]) == pytest.approx(
        [np.sqrt(r * (1 - r) / m) for r, m in zip(risk, n, strict=True)], rel=1e-6
    )
    contrast = found.contrast(3, 1).set_index("measure")
    assert contrast.loc["difference", "estimate"] == pytest.approx(risk[2] - risk[0], abs=1e-7)
    # Katz et al. 1978; Woolf 1955
    events = np.array([frame["z"][k == 1].sum() for k in p.T])
    se = np.sqrt(1 / events[2] - 1 / n[2] + 1 / events[0] - 1 / n[0])
    assert contrast.loc["risk ratio", "se"] == pytest.approx(se, rel=1e-6)
    cells = np.array([events[2], n[2] - events[2], events[0], n[0] - events[0]])
    assert contrast.loc["odds ratio", "estimate"] == pytest.approx(
        cells[0] * cells[3] / (cells[1] * cells[2]), rel=1e-6
    )
    assert contrast.loc["odds ratio", "se"] == pytest.approx(np.sqrt((1 / cells).sum()), rel=1e-6)


def test_classes_can_be_joined_in_a_contrast() -> None:
    frame, p = persons("binary")
    joined = ClassOutcome("z ~ 1").fit(step(frame, p), frame).contrast([1, 2], 3).set_index("measure")
    two = np.column_stack([p[:, 0] + p[:, 1], p[:, 2]])
    apart = ClassOutcome("z ~ 1").fit(step(frame, two), frame).contrast(1, 2).set_index("measure")
    pd.testing.assert_frame_equal(joined, apart, rtol=1e-6)


def test_persons_without_outcome_are_in_the_population_only() -> None:
    frame, p = persons("binary")
    frame.loc[frame["x"] > 7, "z"] = np.nan
    everybody = ClassOutcome("z ~ x").fit(step(frame, p), frame)
    seen = frame.dropna()
    some = ClassOutcome("z ~ x").fit(step(frame, p), seen)
    assert list(everybody.parameters()["estimate"]) == pytest.approx(list(some.parameters()["estimate"]), abs=1e-8)
    by_hand = (
        1 / (1 + np.exp(-(some.parameters()["estimate"][0] + some.parameters()["estimate"][3] * frame["x"])))
    ).mean()
    assert everybody.margins()["mean"][0] == pytest.approx(by_hand, abs=1e-9)
    assert some.margins()["mean"][0] != pytest.approx(by_hand, abs=1e-3)
    frame["counts"] = frame["z"].notna().astype(float)
    stated = ClassOutcome("z ~ x", population="counts").fit(step(frame, p), frame)
    assert list(stated.margins()["mean"]) == pytest.approx(list(some.margins()["mean"]), abs=1e-9)
    assert list(stated.margins()["se"]) == pytest.approx(list(some.margins()["se"]), rel=1e-9)


def test_nhefs_weighted_difference_and_its_error(public_data: Path) -> None:
    frame = pd.read_csv(public_data / "nhefs" / "nhefs.csv").dropna(subset=["wt82_71"]).reset_index(drop=True)
    frame["quit"], frame["stayed"] = frame["qsmk"], 1 - frame["qsmk"]
    right = (
        "sex + race + age + I(age**2) + C(education) + smokeintensity + I(smokeintensity**2) + smokeyrs "
        "+ I(smokeyrs**2) + C(exercise) + C(active) + wt71 + I(wt71**2)"
    )
    a, b = (selection(f"{who} ~ {right}", frame, person="seqn") for who in ("quit", "stayed"))
    weights = PersonWeights(
        a.persons,
        a.values + b.values,
        np.concatenate([a.slopes, b.slopes], axis=1),
        np.concatenate([a.influence, b.influence]),
    )
    known = ClassStep.known(a.persons, frame[["stayed", "quit"]].to_numpy(dtype=float))
    fit = ClassOutcome("wt82_71 ~ 1", family="normal", person="seqn").fit(known, frame, weights)
    found = fit.contrast(2, 1).set_index("measure").loc["difference"]
    assert found["estimate"] == pytest.approx(3.4405, abs=5e-5)
    assert found["se"] == pytest.approx(0.4871, abs=5e-5)
    assert fit.contrast(2, 1, kind="naive").set_index("measure").loc["difference", "se"] == pytest.approx(
        0.5255, abs=2e-3
    )


def test_what_does_not_fit_is_refused_by_name() -> None:
    frame, p = persons("binary")
    known = step(frame, p)
    with pytest.raises(DesignError, match=r"not in the class model, the first is 7"):
        ClassOutcome("z ~ x").fit(known, frame.assign(subject_id=lambda f: f["subject_id"].replace({100: 7})))
    with pytest.raises(DesignError, match=r"person 100 has more than one row"):
        ClassOutcome("z ~ x").fit(known, pd.concat([frame, frame.iloc[:1]]))
    with pytest.raises(DesignError, match=r"column x is missing for 1 of 400 persons, the first is 101"):
        ClassOutcome("z ~ x").fit(known, frame.assign(x=frame["x"].where(frame.index != 1)))
    with pytest.raises(DesignError, match=r"outcome of person 100 is 0\.5; a binary one is 0 or 1"):
        ClassOutcome("z ~ x").fit(known, frame.assign(z=frame["z"].where(frame.index != 0, 0.5)))
    with pytest.raises(DesignError, match="1 persons have an outcome and no weight, the first is 100"):
        ClassOutcome("z ~ x").fit(known, frame, PersonWeights.fixed(frame.set_index("subject_id")["w"].iloc[1:]))
    with pytest.raises(DesignError, match=r"weight of person 100 is -1\.0"):
        PersonWeights.fixed(frame.set_index("subject_id")["w"].where(frame["subject_id"].to_numpy() != 100, -1.0))
    with pytest.raises(DesignError, match="selection is determined"):
        selection("kept ~ x", frame.assign(kept=(frame["x"] > 5).astype(float)))


def test_an_outcome_that_all_of_a_class_have_is_named() -> None:
    frame, p = persons("binary")
    frame["z"] = np.where(p[:, 1] == 1, 1.0, frame["z"])
    fit = ClassOutcome("z ~ 1").fit(step(frame, p), frame)
    assert not fit.admissible
    assert "class 2" in {problem.parameter for problem in fit.problems}


def test_large_weights_are_named() -> None:
    frame, p = persons("normal")
    w = frame.set_index("subject_id")["w"].where(frame["subject_id"].to_numpy() != 105, 2000.0)
    fit = ClassOutcome("z ~ 1", family="normal").fit(step(frame, p), frame, PersonWeights.fixed(w))
    said = " ".join(map(str, fit.problems))
    assert "effective sample size" in said
    assert "one person has" in said
    assert fit.admissible


def test_a_class_model_with_one_class_is_one_regression() -> None:
    frame, _ = persons("binary")
    scores = mixture(400, seed=1).assign(subject_id=lambda f: f["subject_id"] + 100)
    single = GrowthMixture(1, "score ~ week", random="~ 1").fit(scores)
    table = ClassOutcome("z ~ x").fit(single, frame).parameters()
    theirs = sm.Logit(frame["z"], sm.add_constant(frame["x"])).fit(disp=0, cov_type="HC0")
    assert list(table["estimate"]) == pytest.approx(list(theirs.params), abs=1e-6)
    assert list(table["se"]) == pytest.approx(list(theirs.bse), rel=1e-5)


def test_weights_may_come_from_more_people_than_were_classified() -> None:
    """Enrolled persons without a course inform the weights: estimates are those by hand, errors count them."""
    frame, p = persons("normal")
    rng = np.random.default_rng(0)
    others = pd.DataFrame({"subject_id": np.arange(1000, 1300), "x": 5 + 2 * rng.normal(size=300), "kept": 0.0})
    weights = selection("kept ~ x", pd.concat([frame.assign(kept=1.0), others], ignore_index=True))
    fit = ClassOutcome("z ~ 1", family="normal").fit(step(frame, p), frame, weights)
    assert len(fit.ready.persons) == 700
    x = sm.add_constant(np.r_[frame["x"], others["x"]])
    kept = sm.Logit(np.r_[np.ones(400), np.zeros(300)], x).fit(disp=0).predict(x)[:400]
    by_hand = [np.average(frame["z"], weights=k / kept) for k in p.T]
    assert list(fit.margins()["mean"]) == pytest.approx(by_hand, rel=1e-6)
    assert (fit.influence()[:, 400:] != 0).any()
    with pytest.raises(InferenceError, match="300 persons have no cluster"):
        fit.parameters("cluster")
