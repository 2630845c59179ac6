"""Tables of a run as they may be written: no count of persons below the least that may be shown, nor one that the
others give away (design, decision 14; `analysis/report/disclosure.py`).

A withheld count is missing. Counts of one person-flow are declared together: stages, persons in balance, weights and
effects; levels of one covariate add up to their group.
"""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pandas as pd

from analysis.report.disclosure import Counts, Key, Published

SCORED, PASSED = "genotyped with a score", "and passed quality control"
"""The last two stages of the flow."""
_COUNTED = re.compile(r"(?<![\w.])(\d+)(?= (?:of|persons|weighted|with|scored)\b|\))")
Tables = dict[str, pd.DataFrame]


def may_be_shown(tables: Tables, minimum: int) -> Tables:
    """The tables of a run with small counts withheld; texts that hold one lose it."""
    found = {name: table.copy() for name, table in tables.items()}
    found["balance"] = balance(found["balance"], minimum)
    published = _counts(found).protect(minimum)
    flow = found["flow"]
    cells = [published[("flow", str(s), str(g))] for s, g in zip(flow["study_id"], flow["stage"], strict=True)]
    found["flow"] = flow.assign(n=_whole([c.value for c in cells]), shown=[c.text for c in cells])
    for name, columns in (("balance", ("n_a", "n_b")), ("weights", ("n",)), ("effects", ("n",))):
        for column in columns:
            found[name][column] = _replaced(found[name], column, published)
    derived = found["derivation"]
    keys = zip(derived["study_id"].astype(str), derived["in_derivation"].astype(str), strict=True)
    found["derivation"] = derived.assign(n=_whole([published[("derivation", *k)].value for k in keys]))
    found["overlap"] = overlap(found["overlap"], minimum)
    cut = found["truncation"]["n_cut"]
    found["truncation"]["n_cut"] = _whole([None if 0 < n < minimum else n for n in cut])
    found["runs"] = _runs(found["runs"], found["flow"])
    for name, column in (("problems", "problem"), ("effects", "note"), ("sensitivity", "text"), ("runs", "warnings")):
        found[name][column] = [masked(t, minimum) if isinstance(t, str) else t for t in found[name][column]]
    return found


def masked(text: str, minimum: int) -> str:
    """A sentence whose small counts are not said."""
    return _COUNTED.sub(lambda m: f"<{minimum}" if 0 < int(m[1]) < minimum else m[1], text)


def stages(flow: pd.DataFrame) -> tuple[Counts, dict[str, list[str]]]:
    """Counts of the stages of each study, each within the one before, and the stages by study."""
    counts, listed = Counts(), {}
    for study, own in flow.groupby("study_id", sort=False):
        pairs = zip(own["stage"].astype(str), own["n"].to_numpy(dtype=int), strict=True)
        keys = [counts.add(("flow", str(study), stage), int(n), 2) for stage, n in pairs]
        for outer, inner in pairwise(keys):
            counts.within(inner, outer)
        listed[str(study)] = [k[2] for k in keys]
    return counts, listed


def _counts(tables: Tables) -> Counts:
    """All counts of persons of a run with the sums they stand in."""
    counts, listed = stages(tables["flow"])
    for study, names in listed.items():
        typed = ("flow", study, names[-1])
        target = ("flow", study, names[names.index(SCORED) - 1] if SCORED in names else names[-1])
        for name, column, outer in (
            ("balance", "n_b", target), ("balance", "n_a", typed), ("weights", "n", typed), ("effects", "n", typed),
        ):  # fmt: skip
            frame = tables[name]
            own = frame[_of(frame) == study]
            for n in sorted(set(own[column].dropna().astype(int))):
                # the same persons stand in several tables: one count
                key: Key = ("persons", study, column if column == "n_b" else "n", str(n))
                if key not in counts.values:
                    counts.add(key, n)
                    counts.within(key, outer)
        own = tables["derivation"][tables["derivation"]["study_id"] == study]
        parts = [
            counts.add(("derivation", study, str(w)), int(n))
            for w, n in zip(own["in_derivation"], own["n"], strict=True)
        ]
        if parts:
            counts.total(typed, parts)
    pooled = tables["effects"][tables["effects"]["study_id"] == "pooled"]
    for n in sorted(set(pooled["n"].dropna().astype(int))):
        primary = tables["effects"][tables["effects"]["is_primary"].astype(bool)].drop_duplicates("study_id")
        parts = [
            ("persons", str(s), "n", str(int(m)))
            for s, m in zip(primary["study_id"], primary["n"], strict=True)
            if s != "pooled"
        ]
        counts.total(counts.add(("persons", "pooled", "n", str(n)), n, 3), parts)
    return counts


def _of(frame: pd.DataFrame) -> pd.Series:
    """The study of each row; in the balance of weights `study_id` is that of the run, `study` a part of it."""
    return frame["study_id" if "study_id" in frame else "study"].astype(str)


def _replaced(frame: pd.DataFrame, column: str, published: Published) -> pd.Series:
    values = []
    for study, n in zip(_of(frame), frame[column], strict=True):
        key = ("persons", study, column if column == "n_b" else "n", "" if pd.isna(n) else str(int(n)))
        values.append(published[key].value if key in published.cells else None)
    return _whole(values).set_axis(frame.index)


def _whole(values: list[int | None]) -> pd.Series:
    return pd.Series(pd.array(values, dtype="Int64"))


def balance(table: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Balance without levels whose shares would give a small count away, alone or by what the others leave.

    Needs columns `study`, `variable` (the covariate that a level belongs to), `kind`, `n_a`, `n_b`, means before
    weighting.
    """
    if table.empty:
        return table
    keep = np.ones(len(table), dtype=bool)
    levels = table["kind"].eq("binary").to_numpy()
    places = pd.Series(np.arange(len(table)))[levels]
    by = [table[c].to_numpy()[levels] for c in ("study", "contrast", "variable")]
    for _, found in places.groupby(by, sort=False):
        rows = table.iloc[found.to_numpy()]
        if rows[["n_a", "n_b"]].isna().any(axis=None):
            keep[found] = False
            continue
        counts, sides = Counts(), ("a", "b")
        for side in sides:
            whole = counts.add((side,), int(rows[f"n_{side}"].iloc[0]), 1e4)
            parts = []
            for at, (share, n) in enumerate(zip(rows[f"mean_{side}_before"], rows[f"n_{side}"], strict=True)):
                parts.append(counts.add((side, str(at)), round(float(share) * float(n)), float(share) + 0.01))
            counts.split(whole, parts, "the rest")
        for at in range(len(rows)):
            counts.within(("a", str(at)), ("b", str(at)))
        shown = counts.protect(minimum)
        hidden = [any(shown[(side, str(at))].value is None for side in sides) for at in range(len(rows))]
        hidden = [h or _rest_small(rows.iloc[at], minimum) for at, h in enumerate(hidden)]
        keep[found.to_numpy()[np.array(hidden)]] = False
    return table[keep]


def _rest_small(row: pd.Series, minimum: int) -> bool:
    """Whether those not of a level are few."""
    rest = [round((1 - float(row[f"mean_{s}_before"])) * float(row[f"n_{s}"])) for s in ("a", "b")]
    return any(0 < r < minimum for r in rest)


def overlap(table: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Intervals of probability widened until each holds nobody or enough; a group that is itself too small is left
    out."""
    if table.empty:
        return table
    rows: list[dict[str, object]] = []
    for _, own in table.groupby(["study_id", "node", "what", "group"], sort=False):
        if 0 < own["n"].sum() < minimum:
            continue
        made: list[dict[str, object]] = []
        waiting: dict[str, object] | None = None
        for row in own.sort_values("lower").to_dict("records"):
            if waiting is not None:
                row = {**row, "lower": waiting["lower"], "n": row["n"] + waiting["n"]}
            waiting = None
            if 0 < row["n"] < minimum:
                waiting = {str(k): v for k, v in row.items()}
            else:
                made.append({str(k): v for k, v in row.items()})
        if waiting is not None:
            while made:
                last = made.pop()
                total = int(last["n"]) + int(waiting["n"])  # type: ignore[call-overload]
                waiting = {**waiting, "lower": last["lower"], "n": total}
                if total >= minimum:
                    break
            made.append(waiting)
        rows += made
    return pd.DataFrame(rows, columns=table.columns).astype({"n": int})


def _runs(runs: pd.DataFrame, flow: pd.DataFrame) -> pd.DataFrame:
    """Totals over studies, without those of which a part is withheld."""
    last = flow.groupby("study_id", sort=False).tail(1)
    first = flow[flow["stage"].shift(-1) == SCORED]
    scored = None if last["n"].isna().any() else int(last["n"].sum())
    target = None if first["n"].isna().any() or first.empty else int(first["n"].sum())
    out = runs.assign(n_target=_whole([target] * len(runs)), n_scored=_whole([scored] * len(runs)))
    return out if scored is not None else out.assign(power_text="")
