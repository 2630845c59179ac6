"""The frozen plan is read whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.plan import PlanError, deviations, read_plan, with_baseline_change
from analysis.results import PLAN, plan_hash


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = PLAN.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path = tmp_path / "plan.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_the_plan_says_what_was_fixed_before_any_result() -> None:
    """Figures of the written plan: K = 1-6, 50 starts to 400, BIC slack 10, labels at 25 and 50 %."""
    plan = read_plan()
    assert plan.search.k == [1, 2, 3, 4, 5, 6]
    assert (plan.search.starts, plan.search.max_starts, plan.search.replications) == (50, 400, 3)
    assert (plan.admissible.min_class_share, plan.admissible.min_class_persons, plan.choice.bic_slack) == (0.05, 30, 10)
    assert (plan.labels.failure_below, plan.labels.failure_below_variant, plan.labels.response_from) == (0.25, 0.3, 0.5)
    assert plan.persons.horizon("mars") == 16
    assert plan.persons.horizon("stard") == 12
    assert {name for name, of in plan.populations.items() if of.primary} == {"trials", "mars"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bic_slack = 10.0", "bic_slak = 10.0", "choice.bic_slack: Field required"),
        ("starts = 50\n", 'starts = "50"\n', "search.starts: Input should be a valid integer"),
        ("min_class_share = 0.05", "min_class_share = 5.0", "admissible.min_class_share: .* less than or equal to 1"),
        ('version = "1.1.0"', 'version = "1.1.0"\nfoo = 1', "foo: Extra inputs are not permitted"),
        ("[search]", "[search", "Expected"),
    ],
)
def test_a_plan_that_is_none_is_refused_with_its_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        read_plan(changed(tmp_path, old, new))


def test_every_change_changes_the_hash(tmp_path: Path) -> None:
    assert plan_hash(changed(tmp_path, "failure_below = 0.25", "failure_below = 0.26")) != plan_hash() is not None


def test_another_effect_of_the_baseline_is_a_deviation() -> None:
    plan = read_plan()
    other = with_baseline_change(plan, "equal")
    assert with_baseline_change(plan, None) is plan
    assert deviations(plan.model, {"baseline_change": other.model.baseline_change}) == [
        "baseline_change: equal instead of class"
    ]


def test_a_deviation_is_named() -> None:
    plan = read_plan()
    assert deviations(plan.search, {"starts": 50, "k": [1, 2]}) == ["k: [1, 2] instead of [1, 2, 3, 4, 5, 6]"]
    with pytest.raises(KeyError, match="no 'begin'"):
        deviations(plan.search, {"begin": 1})
