"""Compiles the subscales of the instruments (reference.subscales) to SQL macros over the list `items`.

Which items belong to a subscale stands with the items (column `subscales` of reference.scale_items); how missing items
are treated, with the subscale (`missing_rule`, as for totals: `none`, or `prorate_mean` up to `max_missing_items`).

Of two opposite questions (appetite or weight decreased, increased) a person answers one: where that one is answered the
other counts as 0, not as missing.
"""

from __future__ import annotations

from harmonize.reference import item_rows, seed_rows


def members(instrument: str, subscale: str) -> list[dict[str, str]]:
    """The item rows of a subscale, in order. Raises ValueError for a subscale that no item names."""
    found = [r for r in item_rows(instrument) if subscale in r["subscales"].split(";")]
    if not found:
        raise ValueError(
            f"reference.subscales has {instrument}/{subscale}, which no item of reference.scale_items names:"
            " name it in the column subscales of its items, or remove the row"
        )
    return found


def opposite(instrument: str, row: dict[str, str]) -> str | None:
    """The number of the item that asks for the opposite of `row`; None for all but the pairs."""
    turned = {"decreased": "increased", "increased": "decreased"}
    word = next((w for w in turned if row["item_name"].endswith(w)), None)
    if word is None:
        return None
    name = row["item_name"].removesuffix(word) + turned[word]
    return next((r["item_no"] for r in item_rows(instrument) if r["item_name"] == name), None)


def _terms(instrument: str, subscale: str) -> list[str]:
    terms = []
    for row in members(instrument, subscale):
        item = f"{{{{ item({row['item_no']}) }}}}"
        pair = opposite(instrument, row)
        other = f"{{{{ item({pair}) }}}}"
        terms.append(item if pair is None else f"coalesce({item}, case when {other} is not null then 0 end)")
    return terms


def _answered(terms: list[str]) -> str:
    return " + ".join(f"case when {t} is null then 0 else 1 end" for t in terms)


def subscale_expression(row: dict[str, str]) -> str:
    """The SQL of a subscale's score, null where its missing rule says so. Raises ValueError for an unknown rule."""
    terms = _terms(row["instrument_id"], row["subscale_id"])
    if row["missing_rule"] == "none":
        return " + ".join(terms)
    if row["missing_rule"] == "prorate_mean":
        n, most = len(terms), int(row["max_missing_items"] or 0)
        known = " + ".join(f"coalesce({t}, 0)" for t in terms)
        answered = _answered(terms)
        return f"case when {answered} >= {n - most} then cast({known} as double) * {n}.0 / ({answered}) end"
    raise ValueError(
        f"reference.subscales: {row['instrument_id']}/{row['subscale_id']} has missing_rule {row['missing_rule']!r};"
        " there are none and prorate_mean"
    )


def subscale_macros() -> str:
    """The macros `subscale_score()` and `subscale_answered()` over instrument_id, subscale_id and items."""
    rows = seed_rows("subscales")

    def arms(expression: list[str]) -> str:
        return "\n".join(
            f"        when '{r['instrument_id']}:{r['subscale_id']}' then {e}"
            for r, e in zip(rows, expression, strict=True)
        )

    scores = arms([subscale_expression(r) for r in rows])
    answered = arms([_answered(_terms(r["instrument_id"], r["subscale_id"])) for r in rows])
    key = "concat(instrument_id, ':', subscale_id)"
    return f"""
{{% macro subscale_score() -%}}
    cast(case {key}
{scores}
    end as double)
{{%- endmacro %}}

{{% macro subscale_answered() -%}}
    cast(case {key}
{answered}
    end as bigint)
{{%- endmacro %}}
"""
