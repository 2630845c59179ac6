"""Where a file's own labels and missing codes disagree with the codes that the sources YAML gives.

A disagreement is a warning: either may be right, and the data manager who reads it decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from harmonize.readers.facts import ColumnFacts, FileFacts, MissingRange
from harmonize.sources import Column, Form


def disagreements(form: Form, facts: FileFacts) -> list[str]:
    """One sentence per variable and code: labelled and not listed, or missing in the file and not in the YAML."""
    found: list[str] = []
    for column in form.columns:
        names = (column.name, *column.aliases)
        described = next((told for name in names if (told := facts.column(name)) is not None), None)
        if described is not None:
            found += _missing_codes(column, described)
            found += _labels(column, described)
    return found


def _missing_codes(column: Column, told: ColumnFacts) -> Iterator[str]:
    codes = {range_.low for range_ in told.missing if range_.low == range_.high} | set(told.missing_seen)
    for code in sorted(codes - column.missing.keys()):
        label = f", labelled {told.value_labels[code]!r}," if code in told.value_labels else ""
        seen = told.missing_seen.get(code, 0)
        yield (
            f"variable {column.name}: code {code}{label} is declared missing in the file ({seen:,} cells) and stands "
            "not under `missing` in the sources YAML"
        )
    for range_ in told.missing:
        if range_.low != range_.high and not any(_inside(code, range_) for code in column.missing):
            yield (
                f"variable {column.name}: the file declares {range_} as missing, and no code under `missing` in the "
                "sources YAML lies in it"
            )


def _labels(column: Column, told: ColumnFacts) -> Iterator[str]:
    if not column.codes:
        return
    declared_missing = {range_.low for range_ in told.missing} | set(told.missing_seen)
    for code, label in told.value_labels.items():
        if code not in column.codes and code not in column.missing and code not in declared_missing:
            yield f"variable {column.name}: code {code}, labelled {label!r}, is not among `codes` in the sources YAML"


def _inside(code: str, range_: MissingRange) -> bool:
    try:
        low = float("-inf") if range_.low == "lowest" else float(range_.low.replace(",", "."))
        high = float("inf") if range_.high == "highest" else float(range_.high.replace(",", "."))
        return low <= float(code.replace(",", ".")) <= high
    except ValueError:
        return False
