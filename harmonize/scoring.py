"""Compiles the instruments' scoring rules from the reference seeds to one SQL macro.

Rules (column `scoring_rule` of reference.scales) and missing-item rules (`missing_rule`):

- `sum`: all scored items; with `none` the total is missing when a scored item is, with `prorate_mean` up to
  `max_missing_items` missing items are replaced by the mean of the others.
- `sum_reverse`: as sum, with the items named in `scoring_detail` ("items 4,8 reversed") turned round.
- `qids_domain_max` (`domain_available`): the largest item of each domain; a domain is scored from the items present.
- `ids_28_of_30`: of each pair (`max_of_pair`) the larger, from the item that is present.
- `single_item`.
"""

from __future__ import annotations

import re
from collections import Counter

from harmonize.reference import item_rows, seed_rows


def scored_instruments() -> list[str]:
    """Instruments all of whose scored items stand in the item seed, so that a total can be computed."""
    listed = Counter(r["scale_id"] for r in seed_rows("ref_scale_items") if r["scored_in_total"] != "0")
    return [r["scale_id"] for r in seed_rows("ref_scales") if listed[r["scale_id"]] == int(r["n_items"])]


def total_expression(instrument: str) -> str:
    """The SQL of an instrument's total over the list `items`; null where its missing rule says so."""
    scale = next(r for r in seed_rows("ref_scales") if r["scale_id"] == instrument)
    rows = item_rows(instrument)
    reversed_items = set()
    if scale["scoring_rule"] == "sum_reverse":
        listed = re.search(r"items ([\d,]+) reversed", scale["scoring_detail"])
        if listed is None:
            raise ValueError(f"{instrument}: scoring_detail does not say which items are reversed")
        reversed_items = set(listed.group(1).split(","))
    terms: list[str] = []
    groups: dict[str, list[str]] = {}
    for row in rows:
        item = f"{{{{ item({row['item_no']}) }}}}"
        if row["item_no"] in reversed_items:
            item = f"({float(row['score_max']) + float(row['score_min']):g} - {item})"
        if scale["scoring_rule"] == "qids_domain_max" or row["scored_in_total"] == "max_of_pair":
            groups.setdefault(row["domain"], []).append(item)
        elif row["scored_in_total"] == "1":
            terms.append(item)
    for items in groups.values():
        terms.append(items[0] if len(items) == 1 else f"greatest({', '.join(items)})")
    if scale["missing_rule"] == "prorate_mean":
        present = " + ".join(f"case when {t} is null then 0 else 1 end" for t in terms)
        known = " + ".join(f"coalesce({t}, 0)" for t in terms)
        n, most = len(terms), int(scale["max_missing_items"] or 0)
        # Items are 32-bit numbers: exact for their sum, not for a mean.
        return f"case when {present} >= {n - most} then cast({known} as double) * {n}.0 / ({present}) end"
    return " + ".join(terms)


def prorates(instrument: str) -> bool:
    """Whether a total of the instrument may stand on fewer than all items."""
    return any(r["scale_id"] == instrument and r["missing_rule"] == "prorate_mean" for r in seed_rows("ref_scales"))


def _incomplete(instrument: str) -> str:
    scored = [r["item_no"] for r in item_rows(instrument) if r["scored_in_total"] != "0"]
    return " or ".join(f"{{{{ item({n}) }}}} is null" for n in scored)


def scoring_macro() -> str:
    """The macros `item_total()` and `item_total_prorated()` over instrument_id and items.

    An item that does not count (PHQ9's difficulty question) makes no total prorated, so the items are looked at
    one by one.
    """
    instruments = scored_instruments()
    arms = "\n".join(f"        when '{i}' then {total_expression(i)}" for i in instruments)
    short = " ".join(f"when '{i}' then {_incomplete(i)}" for i in instruments if prorates(i)) or "when '' then false"
    return f"""
{{% macro item_total() -%}}
    cast(case instrument_id
{arms}
    end as double)
{{%- endmacro %}}

{{% macro item_total_prorated() -%}}
    coalesce(case instrument_id {short} end, false)
{{%- endmacro %}}
"""
