"""Counts as tables that have passed the small-cell rule."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.report.disclosure import Counts


def cross(rows: pd.Series, columns: pd.Series, minimum: int, *, total: str = "all") -> pd.DataFrame:
    """Cross-table with sums, small counts withheld as the rule asks; cells are what a page prints."""
    table = pd.crosstab(rows.astype(str), columns.astype(str))
    counts = Counts()
    grand = counts.add((total, total), int(table.to_numpy().sum()), 3)
    for r in table.index:
        counts.add((r, total), int(table.loc[r].sum()), 2)
    for c in table.columns:
        counts.add((total, c), int(table[c].sum()), 2)
    for r in table.index:
        own = table.loc[r].to_dict()
        counts.total((r, total), [counts.add((r, c), int(own[c])) for c in table.columns])
    for c in table.columns:
        counts.total((total, c), [(r, c) for r in table.index])
    counts.total(grand, [(r, total) for r in table.index])
    counts.total(grand, [(total, c) for c in table.columns])
    shown = counts.protect(minimum)
    head = str(rows.name or "")
    body: list[dict[str, str]] = [
        {head: r, **{c: shown[(r, c)].text for c in table.columns}, total: shown[(r, total)].text}
        for r in [*table.index]
    ]
    last = {head: total, **{c: shown[(total, c)].text for c in table.columns}, total: shown[grand].text}
    return pd.DataFrame([*body, last])


def funnel(flow: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Stages (`stage_no`, `stage`) by study, each within the one before; column `shown` beside `persons`.

    Where a count is withheld `persons` is missing.
    """
    counts = Counts()
    for study, part in flow.groupby("study"):
        before: tuple[str, ...] | None = None
        for row in part.sort_values("stage_no").itertuples():
            key = (str(study), str(row.stage))
            counts.add(key, int(row.persons))  # type: ignore[arg-type]
            if before is not None:
                counts.within(key, before)
            before = key
    shown = counts.protect(minimum)
    cells = [shown[(str(s), str(g))] for s, g in zip(flow["study"], flow["stage"], strict=True)]
    return flow.assign(
        persons=pd.array([c.value for c in cells], dtype="Float64").to_numpy(dtype=float, na_value=np.nan),
        shown=[c.text for c in cells],
    )


def count(n: int, minimum: int) -> str:
    """One number of persons in running text; sums it could be computed from must not stand beside it."""
    return f"{n:,}" if n == 0 or n >= minimum else f"<{minimum}"
