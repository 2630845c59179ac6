"""The two forms of a rule agree: pandera on a frame and SQL in DuckDB refuse the same generated rows, rule by rule."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pytest

from schemas import ENTITIES, Entity, checks, rules
from schemas import sql as gate_sql
from schemas.entity import Rule, column

N_ROWS = 10_000
SEED = 20261120

ARROW_TYPES = {
    "text": pa.string(),
    "integer": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "items": pa.list_(pa.float32()),
}
TEXTS = ["x", "1", "stard-00ff", "", " ", "O'Brien", "nan", "NULL", "Female", "ünï"]
INTEGERS = [-(2**62), -36501, -61, -60, -7, -1, 0, 1, 2, 7, 14, 98, 99, 100, 998, 999, 1000, 3649, 3650, 3651, 2**62]
DOUBLES = [
    -math.inf,
    -1e308,
    -9.0,
    -0.001,
    -5e-324,
    -0.0,
    0.0,
    5e-324,
    0.001,
    0.5,
    1.0,
    2.0,
    27.0,
    52.0,
    1e6,
    1e308,
    math.inf,
]


def pool(entity: Entity, name: str) -> tuple[list[Any], list[Any]]:
    """Values of a column that its own checks allow, and values of every other kind the type can hold."""
    type_ = entity.type_of(name)
    other: list[Any] = {
        "text": TEXTS,
        "integer": INTEGERS,
        "double": DOUBLES,
        "boolean": [True, False],
        "items": [[], [0.0, 1.0], [None, 3.0], [math.nan]],
    }[type_]
    valid = list(other)
    for check in entity.gate.columns[name].checks:
        stats = checks.statistics(check)
        match checks.kind(check):
            case "isin":
                valid = list(stats["allowed_values"])
                other = [*other, *valid, *(v.upper() for v in valid if isinstance(v, str))]
            case "in_range":
                low, high = stats["min_value"], stats["max_value"]
                valid = [low, high, (low + high) / 2] if type_ == "double" else [low, high, (low + high) // 2]
                other = [*other, low - 1, high + 1]
                if type_ == "double":
                    other += [np.nextafter(low, -math.inf), np.nextafter(high, math.inf), np.nextafter(high, -math.inf)]
    if type_ in ("integer", "double"):
        number = int if type_ == "integer" else float
        valid, other = [number(v) for v in valid], [number(v) for v in other]
    return valid, other


@cache
def generated(entity_name: str) -> dict[str, list[Any]]:
    """N_ROWS cells per column of the gate: valid 55 %, anything 25 %, null 20 % (doubles: half of it NaN)."""
    entity = ENTITIES[entity_name]
    rng = np.random.default_rng([SEED, list(ENTITIES).index(entity_name)])
    cells: dict[str, list[Any]] = {}
    for name in entity.gate.columns:
        valid, other = pool(entity, name)
        nulls = [None, math.nan] if entity.type_of(name) == "double" else [None]
        kinds = rng.choice(3, size=N_ROWS, p=[0.55, 0.25, 0.2])
        cells[name] = [(valid, other, nulls)[k][rng.integers(len((valid, other, nulls)[k]))] for k in kinds]
    return cells


def as_arrow(entity: Entity, cells: dict[str, list[Any]]) -> pa.Table:
    """The rows for DuckDB. Built array by array, without pandas: None becomes NULL, NaN stays NaN."""
    arrays = {n: pa.array(v, ARROW_TYPES[entity.type_of(n)], from_pandas=False) for n, v in cells.items()}
    return pa.table({**arrays, "row_no": pa.array(range(N_ROWS), pa.int64())})


def as_frame(entity: Entity, cells: dict[str, list[Any]], doubles: str) -> pd.DataFrame:
    """The rows for pandera, in the two ways in which doubles reach it.

    `numpy`: float64, as DuckDB's `.df()` hands it over; null and NaN are one and the schema's coercion to Float64
    makes both NA. `masked`: Float64 that holds a real NaN beside NA, as arithmetic (0/0) and pyarrow leave it;
    coercion changes nothing there and `isna()` says False for the NaN, so the schema itself must call it missing.
    """
    columns: dict[str, Any] = {}
    for name, values in cells.items():
        type_ = entity.type_of(name)
        if type_ == "double":
            numbers = np.array([math.nan if v is None else v for v in values])
            mask = np.array([v is None for v in values])
            columns[name] = numbers if doubles == "numpy" else pd.arrays.FloatingArray(numbers, mask)
        elif type_ == "items":
            columns[name] = pd.Series(values, dtype=object)
        else:
            columns[name] = pd.array(values, dtype=entity.gate.columns[name].dtype.type)
    frame = pd.DataFrame(columns)
    if doubles == "masked":
        for name, values in cells.items():
            if entity.type_of(name) == "double":
                n_nan = sum(isinstance(v, float) and math.isnan(v) for v in values)
                assert int(np.isnan(frame[name].array._data[~frame[name].array._mask]).sum()) == n_nan > 0
    return frame


def refused_by_pandera(entity: Entity, frame: pd.DataFrame) -> dict[str, set[int]]:
    """Rows that break each rule, as pandera's lazy validation reports them."""
    with pytest.raises(pandera.errors.SchemaErrors) as refusal:
        entity.gate.validate(frame, lazy=True)
    cases = refusal.value.failure_cases
    not_null = cases["check"] == "not_nullable"
    cases = cases.assign(rule=cases["check"].mask(not_null, cases["column"].astype(str) + ":not_null"))
    return {str(rule): {int(i) for i in rows} for rule, rows in cases.groupby("rule")["index"]}


@cache
def refused_by_sql(entity_name: str) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
    """Rows that break each rule by its SQL condition, and the same decoded from the mask."""
    entity = ENTITIES[entity_name]
    found = rules(entity)
    with duckdb.connect() as connection:
        connection.register("candidates", as_arrow(entity, generated(entity_name)))
        conditions = ", ".join(f"{gate_sql.failing(entity, r)} as rule_{r.bit}" for r in found)
        query = f"select row_no, {gate_sql.gate_mask(entity)} as mask, {conditions} from candidates order by row_no"
        table = connection.execute(query).to_arrow_table().to_pydict()
    assert None not in table["mask"]
    by_condition, by_mask = {}, {}
    for rule in found:
        column_ = table[f"rule_{rule.bit}"]
        assert None not in column_, f"{rule.name}: the condition must never be null"
        by_condition[rule.name] = {i for i, broken in zip(table["row_no"], column_, strict=True) if broken}
        by_mask[rule.name] = {i for i, m in zip(table["row_no"], table["mask"], strict=True) if m >> rule.bit & 1}
    return by_condition, by_mask


@pytest.mark.parametrize("entity_name", ENTITIES)
@pytest.mark.parametrize("doubles", ["numpy", "masked"])
def test_pandera_and_sql_refuse_the_same_rows(entity_name: str, doubles: str) -> None:
    entity = ENTITIES[entity_name]
    by_pandera = refused_by_pandera(entity, as_frame(entity, generated(entity_name), doubles))
    by_sql, _ = refused_by_sql(entity_name)
    assert set(by_pandera) <= set(by_sql), "pandera reports a check that is no rule of the gate"
    for rule, rows in by_sql.items():
        differing = rows ^ by_pandera.get(rule, set())
        assert not differing, f"{rule}: {len(differing)} rows, e.g. {example(entity_name, min(differing))}"


@pytest.mark.parametrize("entity_name", ENTITIES)
def test_the_mask_holds_the_same_verdicts(entity_name: str) -> None:
    by_condition, by_mask = refused_by_sql(entity_name)
    assert by_mask == by_condition


@pytest.mark.parametrize("entity_name", ENTITIES)
def test_the_generated_rows_can_tell_rules_apart(entity_name: str) -> None:
    """Every rule fails and passes on some row, and no two rules fail on the same rows."""
    by_sql, _ = refused_by_sql(entity_name)
    assert len(by_sql) == len(rules(ENTITIES[entity_name])), "two rules share a name"
    for rule, rows in by_sql.items():
        assert 0 < len(rows) < N_ROWS, rule
    assert len({frozenset(rows) for rows in by_sql.values()}) == len(by_sql)


def example(entity_name: str, row: int) -> dict[str, Any]:
    return {name: values[row] for name, values in generated(entity_name).items()}


def with_check(check: pandera.Check) -> Entity:
    return Entity("toy", "A table for this test.", ("x",), {"x": column("double", "A number.", check)})


@pytest.mark.parametrize(
    "check",
    [
        pandera.Check.gt(0),
        pandera.Check.str_length(1, 3),
        pandera.Check(lambda s: s > 0, name="own"),
        pandera.Check.in_range(0, 1),  # known to pandera, but not made by schemas.checks: it has no name for quarantine
    ],
    ids=["gt", "str_length", "lambda", "bare_in_range"],
)
def test_a_check_outside_the_closed_list_stops_the_compiler(check: pandera.Check) -> None:
    entity = with_check(check)
    with pytest.raises(TypeError, match="not in the closed list"):
        rules(entity)
    with pytest.raises(TypeError, match="not in the closed list"):
        gate_sql.failing(entity, Rule("toy", 0, "x:own", "", "x", check))
    with pytest.raises(TypeError, match="not in the closed list"):
        gate_sql.check_constraints(entity, "x")


def test_every_kind_of_the_closed_list_is_used_and_printed() -> None:
    kinds = {checks.kind(r.check) for e in ENTITIES.values() for r in rules(e) if r.check is not None}
    assert kinds == set(checks.KINDS)


def test_bits_are_places_of_a_bigint_and_names_are_unique() -> None:
    for entity in ENTITIES.values():
        found = rules(entity)
        assert [r.bit for r in found] == list(range(len(found)))
        assert len(found) < 63
        assert len({r.name for r in found}) == len(found)
        assert all(r.description for r in found)
