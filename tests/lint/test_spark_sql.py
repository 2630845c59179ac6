"""The Spark lint finds each construct of decision 12, passes what is safe on both engines, and keeps out of macros."""

from __future__ import annotations

import pytest

from tests.lint import spark_sql

BANNED = {
    "list index": [
        "select items[1] from t",
        "select f(x)[1] from t",
        "select {{ items() }}[1] from t",
        "select a[1][2] from t",
    ],
    "list literal": [
        "select [1, 2] as x from t",
        "select a in [1, 2] from t",
        "select coalesce(x, []) from t",
        "select cast(x as integer[]) from t",
    ],
    "unnest": ["select unnest(items) from t", "select i from t, unnest(t.items) as u(i)"],
    "list function": [
        "select list_sum(items) from t",
        "select list_transform(items, i -> i + 1) from t",
        "select list(a) from t group by all",
        "select array_length(items) from t",
        "select i from range(10) as r(i)",
    ],
    "star exclude": [
        "select * exclude (a) from t",
        "select t.* exclude (a) from t",
        "select * replace (b as a) from t",
    ],
    "union by name": [
        "select a from t union all by name select a from u",
        "select a from t union by name select a from u",
    ],
    "distinct on": ["select distinct on (a) a, b from t order by a, b"],
    "ordered aggregate": [
        "select array_agg(a order by b) from t",
        "select string_agg(a, ', ' order by a) from t",
        "select first(a order by b) from t",
    ],
    "regexp_matches": ["select regexp_matches(a, '^[0-9]+$') from t"],
    "double-quoted name": ['select "Day" from t', 'select a as "b" from t', 'select "{{ column }}" from t'],
    "string type": [
        "select cast(a as varchar) from t",
        "select try_cast(a as text) from t",
        "select a::varchar from t",
        "select cast(a as varchar(20)) from t",
    ],
    "lateral values": [
        "select v.x from t, lateral (values (t.a), (t.b)) as v(x)",
        "select v.x from t cross join (values (a), (b)) as v(x)",
    ],
    "stored hash": ["select hash(a, b) as key from t", "select xxhash64(a) from t"],
    "integer division": [
        "select a / b from t",
        "select a // 7 from t",
        "select count(*) / 2 from t",
        "select (a + b) / (c - d) from t",
        "select 1.5 + a / b from t",
        "select sum(a) / t.b from t",
        "select 3 / -a from t",
    ],
}

SAFE = {
    "try_cast": "select try_cast(a as integer) from t",
    "group by all": "select a, count(*) as n from t group by all",
    "qualify": "select a from t qualify row_number() over (partition by a order by b) = 1",
    "filter": "select count(*) filter (where a > 1) as n from t",
    "greatest": "select greatest(a, b), least(a, b) from t",
    "unpivot": "select id, name, value from t unpivot (value for name in (a, b))",
    "bits": "select a & 4 from t",
    "is distinct from": "select a is distinct from b, a is not distinct from b from t",
    "md5": "select md5(a) from t",
    "string_agg": "select string_agg(a, ', ') from t",
    "median": "select median(a) from t",
    "array_agg": "select array_agg(a) from t",
    "string type": "select cast(a as string) from t",
    "a column named text": "select x.text from (select a as text from t) as x",
    "brackets in a string": "select a from t where b = '[1] \"x\" unnest(a)'",
    "brackets in a comment": 'select a -- items[1] / "x"\nfrom t /* unnest(a) */',
    "constant values": "select day from (values (1, 'a'), (7, 'b')) as v(day, name)",
    "order by in a subquery": "select a from t where b in (select b from u order by b limit 1)",
    "order by in a window": "select sum(a) over (order by b rows between 1 preceding and current row) from t",
    "product with a function": "select a * replace(b, 'x', '') from t",
    "leading with": "with t as (select 1 as a), u as (select a from t) select * from u",
}

FRACTIONS = [
    "100.0 * a / b",
    "a * 1.0 / b",
    "a / 7.0",
    "cast(a as double) / b",
    "a / cast(b as double)",
    "a::double / b",
    "a / b::double",
    "avg(a) / b",
    "(a * 1.0) / (b + c)",
    "a / nullif(cast(b as double), 0)",
    "{{ safe_divide('a', 'b') }}",
    "{{ as_double('a') }} / b",
]

MACROS = {
    "index": "select {{ item('items', 1) }} as hamd_1 from {{ ref('scales') }}",
    "type": "select cast(a as {{ dbt.type_string() }}) as a, b::{{ type_text() }} from {{ source('x', 'y') }}",
    "nested dictionary": "{{ config(meta={'a': {'b': 1}}) }} select a from t",
    "strings inside": """select {{ f("items[1]", 'unnest(x)', "varchar") }} as a from t""",
    "loop": "select {% for c in ['a', 'b'] %}max({{ c }}) as max_{{ c }}{{ ', ' if not loop.last }}{% endfor %} from t",
    "union loop": "{% for m in ['a', 'b'] %}select x from {{ m }}{{ ' union all ' if not loop.last }}{% endfor %}",
    "branches": "select a from t {% if target.type == 'spark' %}where a > 1{% else %}where a > 2{% endif %}",
    "set and do": "{% set xs = [] %}{% do xs.append(1) %}select {{ xs[0] }} as a from t",
    "macro in the model": "{% macro one() %}items[1]{% endmacro %}select {{ one() }} as a from t",
    "comment": "{# items[1] unnest(x) #}select a from t",
    "whole model": "{{ gate('visits') }}",
    "relation": "select * from {{ checked('visits') }} as v where {{ passed('v') }}",
    "whitespace control": "select a\n{%- if x %}, b{% endif -%}\n from t",
}


@pytest.mark.parametrize(("construct", "sql"), [(c, s) for c, many in BANNED.items() for s in many])
def test_each_banned_construct_is_found(construct: str, sql: str) -> None:
    assert construct in {f.construct for f in spark_sql.banned(sql)}


def test_every_construct_of_the_design_has_an_example() -> None:
    assert set(BANNED) == set(spark_sql.REMEDIES) - {"parse", "jinja"}


@pytest.mark.parametrize("name", SAFE)
def test_what_is_safe_on_both_engines_passes(name: str) -> None:
    assert spark_sql.lint(SAFE[name]) == []


@pytest.mark.parametrize("expression", FRACTIONS)
def test_a_division_that_is_visibly_of_fractions_passes(expression: str) -> None:
    assert spark_sql.lint(f"select {expression} as x from t") == []


@pytest.mark.parametrize("name", MACROS)
def test_what_macros_print_is_their_business(name: str) -> None:
    assert spark_sql.lint(MACROS[name]) == []


@pytest.mark.parametrize(
    "sql",
    ["selec a from t", "select (a from t", "with a as (select 1) b as (select 2) select 1", "select a from t where"],
)
def test_what_spark_cannot_parse_is_found(sql: str) -> None:
    assert [f.construct for f in spark_sql.unparseable(sql)] == ["parse"]


def test_a_broken_template_is_found_once() -> None:
    assert [f.construct for f in spark_sql.lint("select a\nfrom {{ ref('x') }\n")] == ["jinja"]


def test_a_finding_names_file_line_construct_and_remedy(tmp_path, capsys) -> None:
    model = tmp_path / "m.sql"
    model.write_text(
        "{{ config(\n    tags=['x']\n) }}\n\n{# two\nlines #}\nselect\n    a,\n    items[1] as b\nfrom t\n"
    )
    assert spark_sql.main([str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert f"{model}:9: list index: items[1" in printed
    assert spark_sql.REMEDIES["list index"] in printed


def test_every_branch_is_read() -> None:
    sql = "select a from t\n{% if x %}\nwhere a = 1\n{% else %}\nwhere hash(a) = 1\n{% endif %}\n"
    assert [(f.construct, f.line) for f in spark_sql.banned(sql)] == [("stored hash", 5)]


def test_exit_status(tmp_path, capsys) -> None:
    assert spark_sql.main([str(tmp_path)]) == 0
    assert spark_sql.main([str(tmp_path / "absent")]) == 2
    assert "absent" in capsys.readouterr().err


def test_the_models_of_the_project_pass() -> None:
    assert [str(f) for f in spark_sql.lint_path(spark_sql.MODELS)] == []
