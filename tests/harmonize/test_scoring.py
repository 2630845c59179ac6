"""Totals from items: the generated macro in DuckDB against scoring written independently in Python.

The Python rules below are written from the instruments' published scoring, not from the seed: HRSD17 is the plain sum
(Hamilton 1960); QIDS takes the highest item of sleep (1-4), of appetite and weight (6-9) and of psychomotor change
(15-16) (Rush 2003); IDS-C30 counts 28 of 30 items, one of each of the pairs 11/12 and 13/14 (Rush 1996); PHQ-9 and
BDI-II with one or two items missing are filled by the mean of the others, CES-D with up to four; its items 4, 8, 12
and 16 are reversed.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pytest

from harmonize.paths import MAPPINGS, SEEDS
from harmonize.scoring import prorates, scored_instruments, total_expression
from tests.harmonize import sqlkit

Items = Sequence[float | None]
N = 5_000


def plain_sum(items: Items) -> float | None:
    return None if any(i is None for i in items) else sum(i for i in items if i is not None)


def highest(items: Items) -> float | None:
    known = [i for i in items if i is not None]
    return max(known) if known else None


def qids(items: Items) -> float | None:
    sleep, mood, weight, middle, motor = items[0:4], items[4:5], items[5:9], items[9:14], items[14:16]
    return plain_sum([highest(sleep), *mood, highest(weight), *middle, highest(motor)])


def ids(items: Items) -> float | None:
    return plain_sum([*items[:10], highest(items[10:12]), highest(items[12:14]), *items[14:]])


def prorated(n: int, most_missing: int) -> Callable[[Items], float | None]:
    def score(items: Items) -> float | None:
        known = [i for i in items[:n] if i is not None]
        return sum(known) / len(known) * n if len(known) >= n - most_missing else None

    return score


def cesd(items: Items) -> float | None:
    turned = [i if i is None or n not in (4, 8, 12, 16) else 3 - i for n, i in enumerate(items, 1)]
    return prorated(20, 4)(turned)


HRSD17_MAXIMA = [4, 4, 4, 2, 2, 2, 4, 4, 4, 4, 4, 2, 2, 2, 4, 2, 2]

INSTRUMENTS: dict[str, tuple[list[tuple[int, int]], Callable[[Items], float | None]]] = {
    "HRSD17": ([(0, m) for m in HRSD17_MAXIMA], plain_sum),
    "HRSD21": ([(0, m) for m in [*HRSD17_MAXIMA, 2, 4, 4, 2]], plain_sum),
    "HRSD24": ([(0, m) for m in [*HRSD17_MAXIMA, 2, 4, 3, 2, 4, 4, 4]], plain_sum),
    "HRSD6": ([(0, m) for m in [4, 4, 4, 4, 4, 2]], plain_sum),
    "QIDS_IVR16": ([(0, 3)] * 16, qids),
    "IDS_SR30": ([(0, 3)] * 30, ids),
    "PHQ8": ([(0, 3)] * 8, prorated(8, 2)),
    "PHQ2": ([(0, 3)] * 2, plain_sum),
    "BDI_IA": ([(0, 3)] * 21, prorated(21, 2)),
    "CESD": ([(0, 3)] * 20, cesd),
    "PROMIS_DEP_8A": ([(1, 5)] * 8, plain_sum),  # the raw sum; the T-score stands with linking
    "PROMIS_DEP_4A": ([(1, 5)] * 4, plain_sum),
    "QIDS_C16": ([(0, 3)] * 16, qids),
    "QIDS_SR16": ([(0, 3)] * 16, qids),
    "IDS_C30": ([(0, 3)] * 30, ids),
    "PHQ9": ([(0, 3)] * 10, prorated(9, 2)),  # the tenth item, difficulty, does not count
    "BDI_II": ([(0, 3)] * 21, prorated(21, 2)),
    "MADRS": ([(0, 6)] * 10, plain_sum),
    "CGI_S": ([(1, 7)], plain_sum),
    "CGI_I": ([(1, 7)], plain_sum),
    "WSAS": ([(0, 8)] * 5, plain_sum),  # Mundt 2002
    "QLESQ_SF": ([(1, 5)] * 16, lambda items: plain_sum(items[:14])),  # medication and contentment do not count
}
"""Range of each item, and the rule."""


def totals(instrument: str, administrations: Sequence[Items]) -> list[tuple[float | None, bool]]:
    """(total, is it prorated) of each administration, by the generated macros."""
    table = pa.table(
        {
            "row_no": pa.array(range(len(administrations)), pa.int64()),
            "instrument_id": pa.array([instrument] * len(administrations), pa.string()),
            "items": pa.array([list(a) for a in administrations], pa.list_(pa.float32())),
        }
    )
    query = "select {{ item_total() }}, {{ item_total_prorated() }} from administrations order by row_no"
    with sqlkit.connect() as connection:
        connection.register("administrations", table)
        return connection.execute(sqlkit.render(query)).fetchall()


def random_items(instrument: str, share_missing: float) -> list[list[float | None]]:
    ranges, _ = INSTRUMENTS[instrument]
    rng = np.random.default_rng([17, sorted(INSTRUMENTS).index(instrument)])
    low, high = np.array(ranges).T
    values = rng.integers(low, high + 1, size=(N, len(ranges))).astype(float)
    missing = rng.random(values.shape) < share_missing * rng.random((N, 1)) * 2  # some persons skip more than others
    if instrument.startswith(("QIDS", "IDS")):  # people fill one side of a pair, and sometimes neither
        first = 5 if instrument.startswith("QIDS") else 10
        for row, choice in enumerate(rng.integers(0, 4, N)):
            blank = [[first], [first + 1], [], [*range(first, first + 4)]][choice]
            missing[row, blank] = True
    return [
        [None if m else float(v) for v, m in zip(vs, ms, strict=True)] for vs, ms in zip(values, missing, strict=True)
    ]


def same(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=1e-12)


@pytest.mark.parametrize("share_missing", [0.0, 0.03, 0.3])
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_totals_equal_independent_scoring(instrument: str, share_missing: float) -> None:
    _, score = INSTRUMENTS[instrument]
    administrations = random_items(instrument, share_missing)
    found = totals(instrument, administrations)
    expected = [score(a) for a in administrations]
    differing = [(a, f, e) for a, (f, _), e in zip(administrations, found, expected, strict=True) if not same(f, e)]
    assert not differing, f"{len(differing)} of {N}, e.g. {differing[0]}"
    if share_missing:
        assert None in expected, "nothing tries the missing-item rule"
    assert any(e is not None for e in expected)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_a_total_is_prorated_where_a_scored_item_is_missing(instrument: str) -> None:
    n_scored = 9 if instrument == "PHQ9" else len(INSTRUMENTS[instrument][0])
    administrations = random_items(instrument, 0.1)
    for items, (total, is_prorated) in zip(administrations, totals(instrument, administrations), strict=True):
        if total is not None:
            assert is_prorated == (prorates(instrument) and None in items[:n_scored])


def changed(items: Items, **by_number: float | None) -> list[float | None]:
    """Items with some changed: `_5=None` changes item 5."""
    found = list(items)
    for name, value in by_number.items():
        found[int(name[1:]) - 1] = value
    return found


ONES_17, ONES_16, ONES_30, ONES_10, ONES_21 = ([1.0] * n for n in (17, 16, 30, 10, 21))

KNOWN: list[tuple[str, Items, float | None]] = [
    ("HRSD17", ONES_17, 17),
    ("HRSD17", HRSD17_MAXIMA, 52),
    ("HRSD17", [0.0] * 17, 0),
    ("HRSD17", changed(ONES_17, _17=None), None),
    ("HRSD17", [None] * 17, None),
    ("QIDS_SR16", ONES_16, 9),  # nine domains
    ("QIDS_SR16", [3.0] * 16, 27),
    ("QIDS_SR16", changed(ONES_16, _3=3), 11),  # sleep counts its highest item
    ("QIDS_SR16", changed(ONES_16, _1=3, _2=3, _3=3, _4=3), 11),
    ("QIDS_SR16", changed(ONES_16, _6=None, _8=None), 9),  # one side of both pairs is blank
    ("QIDS_SR16", changed(ONES_16, _6=None, _7=2, _8=None, _9=0), 10),
    ("QIDS_SR16", changed(ONES_16, _6=None, _7=None, _8=None, _9=None), None),  # a whole domain is blank
    ("QIDS_SR16", changed(ONES_16, _1=None, _2=None, _3=None, _4=None), None),
    ("QIDS_SR16", changed(ONES_16, _15=None, _16=3), 11),
    ("QIDS_SR16", changed(ONES_16, _15=None, _16=None), None),
    ("QIDS_SR16", changed(ONES_16, _5=None), None),  # mood is one item
    ("QIDS_C16", changed(ONES_16, _9=3), 11),
    ("IDS_C30", ONES_30, 28),
    ("IDS_C30", [3.0] * 30, 84),
    ("IDS_C30", changed(ONES_30, _11=None, _12=3), 30),
    ("IDS_C30", changed(ONES_30, _11=3, _12=2, _13=0, _14=None), 29),
    ("IDS_C30", changed(ONES_30, _11=None, _12=None), None),
    ("IDS_C30", changed(ONES_30, _30=None), None),
    ("PHQ9", changed([2.0] * 10, _10=None), 18),  # difficulty is not scored
    ("PHQ9", changed([2.0] * 10, _10=3, _9=None), 18),  # 8 items of 2: mean 2, times 9
    ("PHQ9", changed(ONES_10, _1=3, _8=None, _9=None), 9 / 7 * 9),
    ("PHQ9", changed(ONES_10, _7=None, _8=None, _9=None), None),
    ("BDI_II", ONES_21, 21),
    ("BDI_II", changed(ONES_21, _1=None), 21),
    ("BDI_II", changed(ONES_21, _1=None, _2=None, _3=3), 21 / 19 * 21),
    ("BDI_II", changed(ONES_21, _1=None, _2=None, _3=None), None),
    ("MADRS", [6.0] * 10, 60),
    ("CGI_S", [7.0], 7),
]


@pytest.mark.parametrize(("instrument", "items", "total"), KNOWN)
def test_known_answers(instrument: str, items: Items, total: float | None) -> None:
    ((found, _),) = totals(instrument, [items])
    assert found == (None if total is None else pytest.approx(total, rel=1e-12))


def test_an_instrument_without_rule_has_no_total() -> None:
    assert totals("HAMA", [[1.0] * 14]) == [(None, False)]


def scales() -> dict[str, dict[str, str]]:
    with (SEEDS / "generated" / "ref_scales.csv").open(newline="", encoding="utf-8") as stream:
        return {r["scale_id"]: r for r in csv.DictReader(stream)}


def test_every_scored_instrument_is_tested_here() -> None:
    assert set(scored_instruments()) == set(INSTRUMENTS)
    shared = MAPPINGS / "shared" / "scales.csv"
    with shared.open(newline="", encoding="utf-8") as stream:
        named = {r["scale_id"] for r in csv.DictReader(stream)} - {"HAMA", "PGI_I"}
    of_stard = {"WSAS", "QLESQ_SF"}
    assert set(scored_instruments()) == named | of_stard, "HAMA and PGI_I come as totals only; all others can be scored"


def test_an_instrument_without_a_total_is_not_added_up() -> None:
    """FIBSER, PRISE, PDSQ, SF-12, WPAI, UCQ: answers are kept; a sum of them says nothing, or no rule was verified."""
    without = {s for s, r in scales().items() if r["scoring_rule"] == "none"}
    assert {"FIBSER", "PRISE", "PDSQ_DEPRESSION", "SF12", "WPAI", "UCQ"} <= without
    assert not without & set(scored_instruments())
    assert totals("FIBSER", [[1.0, 2.0, 3.0]]) == [(None, False)]


@pytest.mark.parametrize("instrument", scored_instruments())
def test_the_range_of_totals_is_the_one_of_the_seed(instrument: str) -> None:
    """All items at their ends, by the ranges of the item seed, give reference.scales' smallest and largest total."""
    with (SEEDS / "generated" / "ref_scale_items.csv").open(newline="", encoding="utf-8") as stream:
        items = sorted((int(r["item_no"]), r) for r in csv.DictReader(stream) if r["scale_id"] == instrument)
    assert [n for n, _ in items] == list(range(1, len(items) + 1)), "the list has one place per item"
    assert [(int(r["score_min"]), int(r["score_max"])) for _, r in items] == INSTRUMENTS[instrument][0]
    turned = {4, 8, 12, 16} if instrument == "CESD" else set()
    lowest = [float(r["score_max" if n in turned else "score_min"]) for n, r in items]
    largest = [float(r["score_min" if n in turned else "score_max"]) for n, r in items]
    scale = scales()[instrument]
    assert totals(instrument, [lowest, largest]) == [
        (float(scale["total_min"]), False),
        (float(scale["total_max"]), False),
    ]


def test_reversed_items_are_turned_round() -> None:
    """CES-D items 4, 8, 12, 16 are reversed, up to 4 items may be missing."""
    turned = {4, 8, 12, 16}
    cases: list[tuple[Items, float | None]] = [
        ([0.0] * 20, 12),  # four items of 3
        ([3.0] * 20, 48),
        ([0.0 if n in turned else 3.0 for n in range(1, 21)], 60),
        ([None if n in turned else 1.0 for n in range(1, 21)], 20),
        ([None if n in (*turned, 1) else 1.0 for n in range(1, 21)], None),
        ([None if n in (1, 2) else 3.0 for n in range(1, 21)], (18 - 4) * 3 / 18 * 20),
    ]
    for (found, _), (_, total) in zip(totals("CESD", [given for given, _ in cases]), cases, strict=True):
        assert found == (None if total is None else pytest.approx(total))


def test_reversed_items_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import harmonize.scoring as scoring

    rows = ({**scales()["CESD"], "scoring_detail": "some items reversed"},)
    monkeypatch.setattr(scoring, "seed_rows", lambda name: rows)
    monkeypatch.setattr(scoring, "item_rows", lambda instrument: [])
    with pytest.raises(ValueError, match="CESD: scoring_detail does not say which items are reversed"):
        total_expression("CESD")
