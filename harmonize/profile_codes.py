"""Numbers that are likely codes for a missing value, with the evidence."""

from __future__ import annotations

from harmonize.profile import Profile

SENTINELS = {
    *(-1.0, -7.0, -8.0, -9.0, -77.0, -88.0, -98.0, -99.0, -777.0, -888.0, -998.0, -999.0, -9999.0, -99999.0),
    *(77.0, 88.0, 97.0, 98.0, 99.0, 777.0, 888.0, 997.0, 998.0, 999.0, 8888.0, 9999.0, 99999.0),
}
DECLARED = "declared as missing by the file"
ITEM_CODES = {7.0, 8.0, 9.0}
"""Only where the range of an item is known."""


def find_codes(column: Profile, valid: tuple[float, float] | None = None) -> list[str]:
    """Mark sentinels of a numeric column as missing where they cannot be values; give those that remain doubtful.

    With a known range a sentinel outside it is a code. Without one it is a code when it lies further from all other
    numbers than these lie apart, or is the only negative number; what was found so is taken back by a range it lies in.
    """
    if column.kind != "number":
        return []
    if valid is not None:
        inside = [v for v in column.missing if v in column.by_value and valid[0] <= column.by_value[v] <= valid[1]]
        for text in inside:
            if DECLARED not in column.missing[text][1]:
                column.missing.pop(text)
    doubtful = []
    wanted = SENTINELS | (ITEM_CODES if valid else set())
    candidates = {v: x for v, x in column.by_value.items() if x in wanted and v not in column.missing}
    others = [x for v, x in column.by_value.items() if v not in candidates and v not in column.missing]
    if not candidates or not others:
        return []
    low, high = min(others), max(others)
    spread = max(high - low, 1.0)
    for text, x in sorted(candidates.items(), key=lambda pair: pair[1]):
        seen = f"{column.values[text]} times"
        if valid is not None:
            if not valid[0] <= x <= valid[1]:
                column.missing[text] = ("unknown", f"{text} occurs {seen}, outside {valid[0]:g} to {valid[1]:g}")
        elif x < 0 <= low:
            column.missing[text] = (
                "unknown",
                f"{text} occurs {seen}, the only negative number beside {low:g} to {high:g}",
            )
        elif x > high + spread or x < low - spread:
            column.missing[text] = ("unknown", f"{text} occurs {seen}, far from {low:g} to {high:g}")
        elif not low <= x <= high and abs(x) > 9:
            doubtful.append(
                f"{text} occurs {seen} beside {low:g} to {high:g}: taken as a value, it may be a missing code"
            )
    _forget(column)
    return doubtful


def _forget(column: Profile) -> None:
    """What was worked out from the values is worked out anew."""
    for name in ("odd", "kind"):
        column.__dict__.pop(name, None)
