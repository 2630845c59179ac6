"""Estimated links against the population they come from: the link, its error, groups, remission, plausible values."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from analysis.linking.equating import equipercentile
from analysis.linking.estimate import Link, estimate
from analysis.linking.evaluate import agreement, classification, invariance
from analysis.linking.pairs import LinkError, Pairs, Scale
from analysis.linking.plausible import NoErrorKnown, combine, plausible_values
from harmonize.synthetic.instruments import expected_total, severity_at
from tests.analysis.linking.kit import pairs, population


@cache
def link(shift: float = 0.0, bootstraps: int = 150) -> Link:
    return estimate(pairs(population(1200, shift=shift)), bootstraps=bootstraps, seed=4)


def test_link_of_the_population_lies_within_its_standard_error() -> None:
    """The truth is the equipercentile link of 150,000 other persons of the same population, not smoothed."""
    found = link()
    many = population(150_000, seed=99)
    px, py = np.bincount(many["x"], minlength=28), np.bincount(many["y"], minlength=53)
    truth = equipercentile(px / px.sum(), py / py.sum())[0][found.scores.astype(int)]
    z = (found.equipercentile - truth) / found.se_equipercentile
    common = found.share[found.scores.astype(int)] > 0.005
    assert np.abs(z[common]).max() < 3.5
    assert np.sqrt((z[common] ** 2).mean()) < 1.6
    # what persons lie beside the link, and where they lie at a score, in that population
    at_ten = many.loc[many["x"] == 10, "y"]
    here = found.scores == 10
    assert found.mean_given[here][0] == pytest.approx(at_ten.mean(), abs=0.35)
    assert found.sd_given[here][0] == pytest.approx(at_ten.std(), abs=0.35)


def test_observed_scores_link_near_the_expected_totals_of_the_model() -> None:
    """The model's own link joins expected totals. Observed scores carry unequal error on the two scales, so that the
    two links are not the same thing; between the ends they differ by less than a point."""
    found = link()
    inner = (found.scores >= 3) & (found.scores <= 22)
    model = expected_total("HRSD17", severity_at("QIDS_SR16", found.scores[inner]))
    assert np.abs(found.equipercentile[inner] - model).max() < 1.0


def test_bootstrap_and_analytic_errors_of_the_linear_link_agree() -> None:
    found = link()
    np.testing.assert_allclose(found.se_linear, found.linear_se, rtol=0.25)


def test_visits_of_one_person_are_no_further_persons() -> None:
    frame = population(600)
    twice = pd.concat([frame, frame], ignore_index=True)
    once, again = (estimate(pairs(f), bootstraps=100, seed=4, degrees=link().degrees) for f in (frame, twice))
    shared = np.isin(again.scores, once.scores)
    np.testing.assert_allclose(again.se_equipercentile[shared], once.se_equipercentile, rtol=1e-6)


def test_same_seed_same_numbers_and_scores_without_persons_have_no_equivalent() -> None:
    again = estimate(pairs(population(1200)), bootstraps=150, seed=4)
    np.testing.assert_array_equal(again.replicates, link().replicates)
    counts = population(1200)["x"].value_counts()
    assert link().scores.min() > 0 or counts.get(0, 0) >= 5
    assert counts[counts.index >= link().scores.max()].sum() >= 5
    assert counts[counts.index > link().scores.max()].sum() < 5


def test_shifted_raters_of_one_study_are_seen_by_study_and_not_by_sex() -> None:
    """World W5: raters of study b see 1.5 points more. Half of the persons are in b, so that the groups lie about half
    of that above and below the link of all. In the warehouse itself MARS has the HRSD21 alone: see docs/linking.md."""
    groups, whole = invariance(link(shift=1.5, bootstraps=60), ("study_id", "sex"), seed=4)
    z = groups.set_index("group")["z"]
    difference = groups.set_index("group")["mean_difference"]
    assert z["a"] < -5 < 5 < z["b"]
    assert difference["b"] - difference["a"] == pytest.approx(1.5, abs=0.4)
    assert abs(z["female"]) < 3
    by = whole.set_index("by")
    assert by.loc["study_id", "remsd"] > by.loc["study_id", "half_a_point"] > by.loc["sex", "remsd"]
    unshifted, _ = invariance(link(bootstraps=60), ("study_id",), seed=4)
    assert unshifted.set_index("group").loc[["a", "b"], "z"].abs().max() < 3


def test_small_groups_are_named_and_left_out() -> None:
    frame = population(300).assign(sex="female")
    frame.loc[frame["person"] < 10, "study_id"] = "c"
    groups, whole = invariance(estimate(pairs(frame), bootstraps=50, seed=4), seed=4)
    assert groups.set_index("group").loc["c", ["n_persons", "why_not"]].tolist() == [10, "too few persons"]
    assert whole.set_index("by").loc["sex", "why_not"] == "one group only"


def test_agreement_counts_points_as_by_hand() -> None:
    found = link()
    at = found.points().set_index("from_score")["point"]
    published = pd.DataFrame(
        {"from_score": [8, 9], "point": [at[8] - 1, at[9] + 2], "low": [0.0, np.nan], "high": [52.0, np.nan]}
    )
    told = agreement(found, published)
    share = found.share[[8, 9]]
    assert told["n_scores"] == 2
    assert told["mean_absolute_difference"] == pytest.approx(1.5)
    assert told["max_absolute_difference"] == pytest.approx(2)
    assert told["mean_difference"] == pytest.approx((share[0] - 2 * share[1]) / share.sum())
    assert (told["within_range"], told["within_interval"]) == (1.0, 0.0)
    assert agreement(found, published.assign(from_score=[100, 101])) == {"n_scores": 0.0}


def test_remission_table_by_hand() -> None:
    """Ten visits after baseline; the linked score 6.4 counts as 6 and 6.5 as 7 where the cut is 6. One is at entry."""
    scale = Scale("Y", 0, 20, 6)
    x = [1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 1]
    y = [5, 6, 7, 6, 6, 7, 9, 9, 9, 9, 6]
    frame = pd.DataFrame({"person": range(11), "x": x, "y": y, "time": ["later"] * 10 + ["baseline"]})
    points = pd.DataFrame({"from_score": [1, 2], "point": [6.4, 6.5]})
    told = classification(Pairs(Scale("X", 0, 5, None), scale, frame, 0), points, bootstraps=20, seed=1)
    assert told is not None
    # told remitted: four, of whom three are; not told: six, of whom one is
    assert (told["linked_cut"], told["n_pairs"], told["n_remitted"], told["n_remitted_linked"]) == (1, 10, 4, 4)
    assert told["sensitivity"] == pytest.approx(3 / 4)
    assert told["specificity"] == pytest.approx(5 / 6)
    assert told["kappa"] == pytest.approx((0.8 - 0.52) / 0.48)
    assert classification(Pairs(scale, Scale("X", 0, 5, None), frame, 0), points, bootstraps=5, seed=1) is None


def test_remission_cut_of_the_qids_is_that_of_the_hrsd17() -> None:
    """QIDS-SR16 5 and HRSD17 7 are the same point of the published table, on which the population model rests."""
    told = classification(link().pairs, link().points(), bootstraps=50, seed=1)
    assert told is not None
    assert (told["cut"], told["linked_cut"]) == (7, 5)


def test_too_few_persons_are_refused() -> None:
    with pytest.raises(LinkError, match="only 30 persons"):
        estimate(pairs(population(30)))


def linked(n: int = 400) -> pd.DataFrame:
    key = {"instrument_id": "QIDS_SR16", "rater": "self", "contact": "web", "occasion": 1, "to_instrument_id": "HRSD17"}
    rows = pd.DataFrame({"subject_id": [f"p{i}" for i in range(n)], "day": 14, **key})
    return rows.assign(equivalent=12.0, see=3.0, se=0.5, link_id="est")


def test_plausible_values_depend_on_key_and_seed_alone() -> None:
    rows = linked()
    first = plausible_values(rows, seed=1)
    turned = plausible_values(rows.iloc[::-1].reset_index(drop=True), seed=1)
    both = first.merge(turned, on=["subject_id", "draw"], suffixes=("", "_turned"))
    assert len(first) == 400 * 20
    assert (both["value"] == both["value_turned"]).all()
    assert not (plausible_values(rows, seed=2)["value"] == first["value"]).any()
    assert first["value"].iloc[0] == pytest.approx(plausible_values(rows.head(1), seed=1)["value"].iloc[0])


def test_variance_between_draws_is_that_of_the_link_and_within_that_of_persons() -> None:
    drawn = plausible_values(linked(4000), seed=3, n=200)
    by_draw = drawn.groupby("draw")["value"].agg(["mean", "std"])
    # persons: sd 3; the mean of a draw moves with the link, sd 0.5, and hardly with 4,000 persons
    assert by_draw["std"].mean() == pytest.approx(3.0, rel=0.02)
    assert by_draw["mean"].std() == pytest.approx(np.hypot(0.5, 3 / np.sqrt(4000)), rel=0.15)
    assert by_draw["mean"].mean() == pytest.approx(12.0, abs=0.15)


def test_rows_without_equivalent_stay_out_and_a_link_without_error_is_refused() -> None:
    rows = linked(4)
    rows.loc[0, "equivalent"] = np.nan
    rows.loc[1, ["see", "link_id"]] = [np.nan, "ids_qids_table"]
    with pytest.raises(NoErrorKnown, match="ids_qids_table"):
        plausible_values(rows, seed=1)
    assert set(plausible_values(rows, seed=1, see=3.8)["subject_id"]) == {"p1", "p2", "p3"}


def test_rubins_rules_by_hand() -> None:
    """Estimates 1, 2, 3 with variance 4: within 4, between 1, total 4 + 4/3."""
    told = combine(np.array([1.0, 2.0, 3.0]), np.array([4.0, 4.0, 4.0]))
    assert told["estimate"] == 2
    assert told["se"] ** 2 == pytest.approx(16 / 3)
    assert told["share_of_link"] == pytest.approx(0.25)
    assert told["df"] == pytest.approx(2 / 0.25**2)
