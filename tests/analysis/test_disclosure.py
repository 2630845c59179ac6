"""The small-cell rule, attacked: the attacker knows the page, the declared sums and how the rule works."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from analysis.report.disclosure import Counts, Key, Published, minimum_count


def table(rows: list[list[int]]) -> Counts:
    """A two-way table with its margins."""
    counts = Counts()
    n, m = len(rows), len(rows[0])
    for i, j in product(range(n), range(m)):
        counts.add((f"r{i}", f"c{j}"), rows[i][j])
    for i in range(n):
        counts.add((f"r{i}", "all"), sum(rows[i]), 3)
        counts.total((f"r{i}", "all"), [(f"r{i}", f"c{j}") for j in range(m)])
    for j in range(m):
        counts.add(("all", f"c{j}"), sum(r[j] for r in rows), 3)
        counts.total(("all", f"c{j}"), [(f"r{i}", f"c{j}") for i in range(n)])
    counts.add(("all", "all"), sum(map(sum, rows)), 9)
    counts.total(("all", "all"), [(f"r{i}", "all") for i in range(n)])
    counts.total(("all", "all"), [("all", f"c{j}") for j in range(m)])
    return counts


def chain(stages: list[int]) -> Counts:
    """Stages that lie within each other, as entered ⊇ with exit score ⊇ met."""
    counts = Counts()
    for i, n in enumerate(stages):
        counts.add((f"s{i}",), n)
    for i in range(1, len(stages)):
        counts.within((f"s{i}",), (f"s{i - 1}",))
        if i > 1:
            counts.within((f"s{i}",), ("s0",))
    return counts


def extremes(counts: Counts, page: Published, key: Key) -> tuple[float, float]:
    """Smallest and largest value of a count that fits the page: a linear programme over all counts at once."""
    keys = sorted(counts.values)
    at = {k: j for j, k in enumerate(keys)}
    low, high = np.zeros(len(keys)), np.full(len(keys), np.inf)
    for k in keys:
        cell = page.cells.get(k)
        if cell is None:
            continue
        if cell.value is not None:
            low[at[k]] = high[at[k]] = cell.value
        elif cell.mark == "small":
            low[at[k]], high[at[k]] = 1, page.minimum - 1
        else:
            low[at[k]] = 1
    matrix = np.zeros((len(counts.sums), len(keys)))
    for i, (whole, parts) in enumerate(counts.sums):
        matrix[i, at[whole]] = -1
        for part in parts:
            matrix[i, at[part]] += 1
    aim = np.zeros(len(keys))
    aim[at[key]] = 1
    sums = LinearConstraint(matrix, 0, 0) if len(matrix) else ()
    high[at[key]] = min(high[at[key]], 1000)
    ends = [
        milp(s * aim, constraints=sums, bounds=Bounds(low, high), integrality=np.ones(len(keys))).x for s in (1, -1)
    ]
    return round(ends[0][at[key]]), round(ends[1][at[key]])


def solved(counts: Counts, page: Published) -> set[Key]:
    """Counts not shown that linear algebra alone determines: no null vector of the sums touches them."""
    hidden = [k for k in sorted(counts.values) if k not in page.cells or page[k].value is None]
    if not hidden:
        return set()
    rows = [[(k in parts) - (k == whole) for k in hidden] for whole, parts in counts.sums] or [[0] * len(hidden)]
    _, singular, right = np.linalg.svd(np.array(rows, dtype=float))
    rank = int((singular > 1e-9).sum())
    return {k for j, k in enumerate(hidden) if np.abs(right[rank:, j]).max(initial=0) < 1e-9}


def attack(counts: Counts, minimum: int = 5) -> Published:
    """No small count, printed or implied, can be computed from the page."""
    page = counts.protect(minimum)
    known = solved(counts, page)
    for key, value in counts.values.items():
        if 0 < value < minimum:
            assert key not in page.cells or page[key].value is None
            assert key not in known, f"{key} is solved"
            low, high = extremes(counts, page, key)
            assert low < high, f"{key} can only be {low}"
        elif key in page.cells and page[key].value is not None:
            assert page[key].value == value
    return page


QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
CELL = st.one_of(st.integers(0, 6), st.integers(0, 60))


@QUICK
@given(st.integers(1, 3).flatmap(lambda m: st.lists(st.lists(CELL, min_size=m, max_size=m), min_size=1, max_size=4)))
def test_two_way_tables_cannot_be_solved(rows: list[list[int]]) -> None:
    attack(table(rows))


@QUICK
@given(st.lists(CELL, min_size=1, max_size=5).map(lambda s: sorted(s, reverse=True)))
def test_nested_stages_cannot_be_subtracted(stages: list[int]) -> None:
    attack(chain(stages))


@QUICK
@given(st.lists(CELL, min_size=2, max_size=4), st.lists(CELL, min_size=2, max_size=3))
def test_two_splits_of_one_total_cannot_be_combined(left: list[int], right: list[int]) -> None:
    counts = Counts()
    counts.add(("all",), max(sum(left), sum(right)), 9)
    for name, parts in (("left", left), ("right", right)):
        keys = [counts.add((name, str(i)), n) for i, n in enumerate(parts)]
        counts.split(("all",), keys, name)
    attack(counts)


def test_small_count_pulls_a_second_one_with_it() -> None:
    page = attack(table([[40, 3], [50, 60]]))
    assert page["r0", "c1"].text == "<5"
    assert page["r0", "c1"].mark == "small"
    assert sum(c.mark == "withheld" for c in page.cells.values()) == 3
    assert page["all", "all"].value == 153


def test_two_small_counts_whose_sum_is_known_still_span_the_whole_range() -> None:
    counts = Counts()
    parts = [counts.add(("a",), 1), counts.add(("b",), 1), counts.add(("c",), 98)]
    counts.add(("all",), 100, 9)
    counts.total(("all",), parts)
    page = attack(counts)
    assert page["c",].mark == "withheld"
    assert extremes(counts, page, ("a",)) == (1, 4)


def test_difference_of_stages_counts() -> None:
    page = attack(chain([50, 48, 20]))
    assert {page["s0",].mark, page["s1",].mark} == {"shown", "withheld"}


def test_nothing_is_withheld_without_need() -> None:
    page = table([[40, 30], [0, 60]]).protect(5)
    assert page.n_small == page.n_withheld == 0
    assert page["r1", "c0"].text == "0"
    free = Counts()
    free.add(("alone",), 3)
    free.add(("other",), 30)
    assert [c.text for c in free.protect(5).cells.values()] == ["<5", "30"]


def test_percentages_go_with_their_counts() -> None:
    counts = Counts()
    counts.add(("entered",), 50)
    counts.add(("met",), 48)
    counts.add(("none",), 0)
    counts.within(("met",), ("entered",))
    page = counts.protect(5)
    assert page.percent(("met",), ("entered",)) is None, "98 not met would be 2"
    assert counts.protect(1).percent(("met",), ("entered",)) == 96
    assert counts.protect(1).percent(("met",), ("none",)) is None


@pytest.mark.parametrize("minimum", [1, 2, 3, 10, 20])
def test_other_thresholds(minimum: int) -> None:
    counts = table([[40, 3, 12], [50, 7, 1]])
    page = counts.protect(minimum)
    for key, value in counts.values.items():
        assert (page[key].mark == "small") <= (0 < value < minimum)
        assert page[key].value is None or value == 0 or value >= minimum
    assert minimum > 1 or page.n_small + page.n_withheld == 0


def test_threshold_comes_from_argument_environment_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRD_MIN_CELL", raising=False)
    assert minimum_count() == 5
    monkeypatch.setenv("TRD_MIN_CELL", "11")
    assert (minimum_count(), minimum_count(3)) == (11, 3)
    for wrong in ("0", "few", "-1"):
        monkeypatch.setenv("TRD_MIN_CELL", wrong)
        with pytest.raises(ValueError, match=r"TRD_MIN_CELL|1 or more"):
            minimum_count()
