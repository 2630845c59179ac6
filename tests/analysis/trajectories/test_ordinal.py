"""Ordinal latent class growth against statsmodels, differences, simulated truth and duplicated persons."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import logistic, norm
from statsmodels.miscmodels.ordinal_model import OrderedModel

from analysis.trajectories import DesignError
from analysis.trajectories.ordinal import OrdinalGrowth, OrdinalTrajectories
from analysis.trajectories.ordinal.design import build_ordinal
from analysis.trajectories.ordinal.kernel import objective
from analysis.trajectories.ordinal.links import interval
from analysis.trajectories.ordinal.search import _part
from analysis.trajectories.ordinal.simulate import classes

THRESHOLDS = np.array([-1.0, 0.5, 2.0])
LOCATIONS = np.array([[0.0, -1.2], [1.5, 0.2]])
SHARES = np.array([0.6, 0.4])
LINKS = ("logit", "probit")


def world(n: int, seed: int, link: str = "logit") -> pd.DataFrame:
    return classes(n, seed, THRESHOLDS, LOCATIONS, SHARES, link)


@pytest.mark.parametrize("link", LINKS)
def test_one_class_is_the_cumulative_regression_of_statsmodels(link: str) -> None:
    frame = world(300, 1, link)
    found = OrdinalGrowth(1, link=link).fit(frame)
    x = np.column_stack([np.log1p(frame["week"]), frame["week"]])
    model = OrderedModel(frame["item"].to_numpy(), x, distr=link)
    other = model.fit(method="bfgs", disp=False, gtol=1e-8, maxiter=500)
    assert found.loglik == pytest.approx(other.llf, abs=1e-6)
    table = found.parameters()
    assert list(table["part"]) == ["threshold"] * 3 + ["fixed"] * 2
    cuts = model.transform_threshold_params(other.params)[1:-1]
    np.testing.assert_allclose(table["estimate"], [*cuts, *other.params[:2]], atol=1e-4)
    np.testing.assert_allclose(table["se"].iloc[3:], other.bse[:2], rtol=1e-3)
    assert not found.problems


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("specific", [None, "~ log1p(week)", "~ 0 + week"])
def test_derivatives_agree_with_differences(link: str, specific: str | None) -> None:
    frame = world(40, 2, link)
    frame["male"] = frame["subject_id"] % 2
    frame["w"] = 0.5 + frame["subject_id"] % 3
    spec = OrdinalGrowth(3, "~ log1p(week) + week + male", "~ male", link=link, weights="w", class_specific=specific)
    design = build_ordinal(spec, frame)
    at = objective(design.lay, design.data)
    rng = np.random.default_rng(3)
    phi = 0.4 * rng.normal(size=(2, design.lay.n_free))
    value, gradient, hessian = at(phi)
    step = 1e-5
    for j in range(design.lay.n_free):
        move = np.zeros(design.lay.n_free)
        move[j] = step
        up, down = at(phi + move), at(phi - move)
        np.testing.assert_allclose(gradient[:, j], (up[0] - down[0]) / (2 * step), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(hessian[:, j], (up[1] - down[1]) / (2 * step), rtol=1e-5, atol=2e-4)
    # the points of a batch do not know of each other
    assert at(phi[1:])[0][0] == pytest.approx(value[1], rel=1e-12)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("specific", [None, "~ log1p(week)", "~ 0 + log1p(week)", "~ 1"])
def test_likelihood_is_the_mixture_by_hand_from_the_reported_parameters(link: str, specific: str | None) -> None:
    frame = world(120, 13, link)
    frame["male"] = frame["subject_id"] % 2
    spec = OrdinalGrowth(2, "~ log1p(week) + male", "~ male", link=link, class_specific=specific)
    found = spec.fit(frame, starts=2, max_starts=2, seed=1)
    table = found.parameters().set_index(["part", "class", "term"])["estimate"]
    cuts = np.r_[-np.inf, table["threshold"].to_numpy(), np.inf]
    distribution = logistic if link == "logit" else norm
    columns = {"Intercept": np.ones(len(frame)), "log1p(week)": np.log1p(frame["week"]), "male": frame["male"]}
    rows = []
    for g in (1, 2):
        location = sum(
            table.get(("fixed", g, t), table.get(("fixed", 0, t), 0.0)) * c for t, c in columns.items()
        ).to_numpy()
        item = frame["item"].to_numpy()
        rows.append(distribution.cdf(cuts[item + 1] - location) - distribution.cdf(cuts[item] - location))
    product = frame.assign(a=rows[0], b=rows[1]).groupby("subject_id").agg({"a": "prod", "b": "prod", "male": "first"})
    share = logistic.cdf(table["membership", 1, "Intercept"] + table["membership", 1, "male"] * product["male"])
    joint = np.column_stack([share * product["a"], (1 - share) * product["b"]])
    assert found.loglik == pytest.approx(np.log(joint.sum(axis=1)).sum(), abs=1e-8)
    np.testing.assert_allclose(found.probabilities, joint / joint.sum(axis=1, keepdims=True), atol=1e-9)


@pytest.mark.parametrize("link", LINKS)
def test_interval_keeps_its_digits_far_out_and_close_together(link: str) -> None:
    lower = np.array([30.0, -30.5, 2.0, -1e4, 3.0])
    upper = np.array([30.5, -30.0, 2.0 + 1e-9, -20.0, 1e4])
    found = interval(link, lower, upper)
    assert all(np.isfinite(part).all() for part in found)
    assert found.value[0] == pytest.approx(found.value[1], rel=1e-12)  # both links are symmetric about zero
    density = np.exp(-2.0) / (1 + np.exp(-2.0)) ** 2 if link == "logit" else np.exp(-2.0) / np.sqrt(2 * np.pi)
    assert found.value[2] == pytest.approx(np.log(1e-9 * density), abs=1e-6)
    assert found.lower[3] == found.mixed[3] == found.upper[4] == found.mixed[4] == 0.0


@pytest.fixture(scope="module")
def two() -> OrdinalTrajectories:
    return OrdinalGrowth(2, "~ log1p(week)").fit(world(1500, 4), starts=6, seed=1)


def test_two_classes_find_the_truth(two: OrdinalTrajectories) -> None:
    truth = [np.log(1.5), *(THRESHOLDS - 1.5), -1.5, -1.2, 0.2]
    table = two.parameters()
    assert (np.abs(table["estimate"] - truth) < 3.5 * table["se"]).all()
    assert (table["se"] < 0.15).all()
    robust = two.parameters("sandwich")["se"]
    np.testing.assert_allclose(table["se"], robust, rtol=0.15)
    true_class = world(1500, 4).groupby("subject_id")["truth"].first().to_numpy()
    assert (two.posterior["modal"] == true_class).mean() > 0.9
    assert two.admissible
    assert two.search.replicated
    assert two.bic == pytest.approx(-2 * two.loglik + 7 * np.log(1500))
    assert two.classes["share"].iloc[0] == pytest.approx(0.6, abs=0.05)


def test_courses_are_the_model_by_hand_with_bands_of_the_delta_method(two: OrdinalTrajectories) -> None:
    found = two.courses([0.0, 8.0])
    table = two.parameters()
    value = table["estimate"].to_numpy()
    location = value[4] + value[5] * np.log(9.0)  # class 1, week 8
    below = 1 / (1 + np.exp(-(value[1:4] - location)))
    p = np.diff([0.0, *below, 1.0])
    row = found[(found["class"] == 1) & (found["week"] == 8)].iloc[0]
    np.testing.assert_allclose([row[f"p_{c}"] for c in range(4)], p, rtol=1e-9)
    assert row["mean"] == pytest.approx(p @ np.arange(4))
    covariance = two.covariance()

    def mean(v: np.ndarray) -> float:
        return 3 - float((1 / (1 + np.exp(-(v[1:4] - v[4] - v[5] * np.log(9.0))))).sum())

    slope = np.array([(mean(value + h) - mean(value - h)) / 2e-5 for h in 1e-5 * np.eye(7)])
    assert row["se"] == pytest.approx(np.sqrt(slope @ covariance @ slope), rel=1e-5)


def test_errors_match_the_spread_of_estimates() -> None:
    spec = OrdinalGrowth(2, "~ log1p(week)", link="probit")
    tables = [spec.fit(world(250, 100 + s, "probit"), starts=3, max_starts=3).parameters() for s in range(60)]
    estimates = np.array([t["estimate"] for t in tables])
    stated = np.array([t["se"] for t in tables]).mean(axis=0)
    # 60 sets give a standard deviation to about 9 %; 3 times that is allowed
    np.testing.assert_allclose(estimates.std(axis=0, ddof=1), stated, rtol=0.28)


def test_many_persons_are_searched_in_part_and_finished_on_all() -> None:
    frame = world(2300, 14)
    spec = OrdinalGrowth(2, "~ log1p(week)")
    found = spec.fit(frame, starts=3, seed=1)
    assert found.search.persons == 2000
    assert found.n == 2300
    design = found.ordinal
    kept = np.arange(0, 2300, 3)
    part = objective(design.lay, design.data.take(kept))(found.phi[None])[0][0]
    assert part == pytest.approx(np.log(np.exp(found.solution.log_joint[:, kept]).sum(axis=0)).sum(), abs=1e-8)
    frame.loc[frame.index[5], "item"] = 7  # one person alone has it: a part without that person will not do
    rare = build_ordinal(spec, frame)
    parts = [_part(rare.lay, rare.data, np.random.default_rng(s)) for s in range(40)]
    assert all(4 in np.where(p.top, 4, 0) for p in parts)
    assert {p is rare.data for p in parts} == {True, False}


def test_weights_are_persons_repeated() -> None:
    frame = world(200, 6)
    frame["w"] = 1 + frame["subject_id"] % 2
    again = frame[frame["w"] == 2].assign(subject_id=lambda d: d["subject_id"] + 10_000)
    weighted = OrdinalGrowth(2, "~ log1p(week)", weights="w").fit(frame, starts=4, seed=1)
    repeated = OrdinalGrowth(2, "~ log1p(week)").fit(pd.concat([frame, again]), starts=4, seed=1)
    assert weighted.loglik == pytest.approx(repeated.loglik, abs=1e-6)
    columns = ["estimate", "se"]
    np.testing.assert_allclose(weighted.parameters()[columns], repeated.parameters()[columns], rtol=1e-4, atol=1e-5)


def test_membership_and_row_order() -> None:
    frame = world(400, 7)
    frame["male"] = (frame.groupby("subject_id")["truth"].transform("first") + frame["subject_id"] % 3) % 2
    spec = OrdinalGrowth(2, "~ log1p(week) + male", "~ male", class_specific="~ log1p(week)")
    found = spec.fit(frame, starts=4, seed=1)
    shuffled = spec.fit(frame.sample(frac=1, random_state=1), starts=4, seed=1)
    assert found.loglik == pytest.approx(shuffled.loglik, abs=1e-7)
    terms = found.parameters()
    assert list(terms["term"]) == (
        ["Intercept", "male", "0|1", "1|2", "2|3", "Intercept", "log1p(week)", "log1p(week)", "male"]
    )
    np.testing.assert_allclose(found.prior.mean(axis=0), found.probabilities.mean(axis=0), atol=1e-6)
    slopes = found.log_posterior_slopes()
    for j, move in enumerate(1e-5 * np.eye(found.n_parameters)):
        up, down = (np.log(replace(found, phi=found.phi + s * move).probabilities) for s in (1, -1))
        np.testing.assert_allclose(slopes[:, :, j], (up - down) / 2e-5, atol=1e-6)


def test_errors_robust_to_clusters() -> None:
    frame = world(300, 15)
    alone = OrdinalGrowth(1, "~ week", cluster="subject_id").fit(frame)
    robust, plain = alone.parameters("cluster")["se"], alone.parameters("sandwich")["se"]
    np.testing.assert_allclose(robust, plain * np.sqrt(300 / 299), rtol=1e-10)  # each person a cluster
    frame["site"] = frame["subject_id"] % 30
    twin = pd.concat([frame, frame.assign(subject_id=frame["subject_id"] + 1000)])
    single, double = (OrdinalGrowth(1, "~ week", cluster="site").fit(f).parameters("cluster") for f in (frame, twin))
    np.testing.assert_allclose(single["se"], double["se"], rtol=1e-5)  # a site repeated within itself tells nothing new


def test_missing_items_are_left_out_and_an_empty_category_is_named() -> None:
    frame = world(200, 8)
    gap = frame.assign(item=np.where(frame["item"] > 1, frame["item"] + 1, frame["item"]))
    full, found = (OrdinalGrowth(1, "~ week").fit(f) for f in (frame, gap))
    assert found.loglik == pytest.approx(full.loglik, abs=1e-8)
    assert [p.parameter for p in found.problems] == ["category 2"]
    assert found.admissible
    assert "1|3" in list(found.parameters()["term"])
    holes = frame.assign(item=frame["item"].astype("Int64").where(frame.index % 5 > 0))
    assert OrdinalGrowth(1, "~ week").fit(holes).design.counts["rows_without_score"] == len(frame[::5])


def test_a_class_without_end_is_named() -> None:
    frame = classes(200, 9, THRESHOLDS, np.array([[0.5, 0.2]]), np.ones(1))
    frame.loc[frame["subject_id"] < 80, "item"] = 0
    found = OrdinalGrowth(2, "~ log1p(week)").fit(frame, starts=4, max_starts=4)
    assert not found.admissible
    assert [p.parameter for p in found.problems if "without bound" in p.what] == ["fixed Intercept, class 1"]


def test_too_many_classes_are_not_admissible() -> None:
    found = OrdinalGrowth(4, "~ log1p(week)").fit(world(150, 10), starts=4, max_starts=4)
    assert not found.admissible


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.5, "1.5 is not a whole number"), (9, "9.0 is not within 0 to 3"), (np.inf, "not a whole number")],
)
def test_bad_categories_name_column_row_and_value(value: float, text: str) -> None:
    frame = world(20, 11).assign(item=lambda d: d["item"].astype(float))
    frame.loc[7, "item"] = value
    with pytest.raises(DesignError, match=f"column item, row 7, subject_id .*{text}"):
        OrdinalGrowth(1, "~ week", categories=(0, 3)).fit(frame)


def test_bad_models_are_refused() -> None:
    frame = world(20, 12)
    with pytest.raises(DesignError, match="no column gravity"):
        OrdinalGrowth(1, "~ week", outcome="gravity").fit(frame)
    with pytest.raises(DesignError, match="item is 1 in every row"):
        OrdinalGrowth(1, "~ week").fit(frame.assign(item=1))
    with pytest.raises(DesignError, match="is a linear combination"):
        OrdinalGrowth(1, "~ 0 + C(truth)").fit(frame)  # all levels and the thresholds are one too many
    with pytest.raises(DesignError, match="cauchit"):
        OrdinalGrowth(1, link="cauchit")
    text = frame.assign(item=frame["item"].astype(str).replace("1", "mild"))
    with pytest.raises(DesignError, match="mild is not a whole number"):
        OrdinalGrowth(1, "~ week").fit(text)


def test_shown_and_saved(two: OrdinalTrajectories, tmp_path) -> None:
    assert "cumulative logit" in two.summary()
    assert two.plot().to_dict()["facet"]["field"] == "class"
    two.save(tmp_path / "fit")
    assert OrdinalTrajectories.load(tmp_path / "fit").loglik == two.loglik
