"""A whole synthetic STAR*D, one person, and nothing at all: the identities hold, and the README's query is right."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from bench.run import table_rows, write_bare
from harmonize.landing import land
from harmonize.paths import REPO, Warehouse
from harmonize.sources import study
from harmonize.synthetic import stard
from tests.dbt_project import definitions_recount, kit

WHOLE = 4041


@pytest.fixture(scope="module", params=[0, 1, WHOLE])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A built warehouse: nothing landed, and that for every study; one person; a whole study."""
    warehouse = Warehouse(Path(tmp_path_factory.mktemp(f"whole_{request.param}")))
    if request.param:
        folder = warehouse.root / "delivered"
        stard.write(folder, request.param, seed=2)
        land(study("stard"), folder, warehouse, synthetic=True)
    return kit.build(warehouse, project=kit.project_with("stard") if request.param else kit.quick_project())


def test_no_row_is_lost(house: Warehouse) -> None:
    """First identity, against the files themselves: rows = used + dropped by a named rule, for every form × block."""
    folder = house.root / "delivered"
    declared = study("stard")
    counted = kit.query(house, "select src_form, block, fate, n_rows from quality.form_rows where study_id = 'stard'")
    factors = {
        block: max(1, len([p for p in unpivot.split(";") if p]))
        for block, unpivot in pd.read_csv(REPO / "harmonize/mappings/stard_blocks.csv", keep_default_na=False)[
            ["block", "unpivot"]
        ].itertuples(index=False)
    }
    for form in declared.clinical_forms:
        path = folder / f"{form.name}.txt"
        n_rows = sum(1 for _ in path.open(encoding="utf-8")) - 2 if path.exists() else 0
        for block in {b for f, b, _, _ in counted if f == form.name}:
            fates = {fate: n for f, b, fate, n in counted if (f, b) == (form.name, block)}
            assert fates.pop("raw") == n_rows * factors[block]
            assert sum(fates.values()) == n_rows * factors[block], (form.name, block, fates)


def test_no_candidate_is_lost(house: Warehouse) -> None:
    """Second identity: candidates = accepted + merged + quarantined, for every study × table."""
    found = kit.query(house, "select * from quality.entity_rows")
    assert all(row[2] == row[3] + row[4] + row[5] for row in found)
    landed = (house.root / "delivered").exists()
    assert bool(found) == landed


def test_the_yardstick_of_the_benchmark_does_the_same_work(house: Warehouse) -> None:
    """`bench/bare/stard.sql` merges and refuses nothing, so it writes every candidate row that the build reads.

    Steps and visits it groups by step: as many steps as the build makes, and a boundary visit once for each step.
    """
    if not (house.root / "delivered").exists():
        assert kit.query(house, "from cdm.subjects") == [], "nothing was delivered, so there is nothing to compare"
        return
    with duckdb.connect() as connection:
        write_bare(connection, house.raw / "stard", "stard")
        bare = table_rows(connection, "stard")
    read = dict(kit.query(house, "select entity, n_candidates from quality.entity_rows"))
    made = dict(kit.query(house, "select entity, n_accepted + n_generated from quality.entity_rows"))
    for table in ("subjects", "scales", "treatments", "history", "conditions"):
        assert bare.pop(table) == read[table], table
    assert bare.pop("steps") == made["steps"]
    assert made["visits"] <= bare.pop("visits") < read["visits"]
    assert bare == {}


def test_clean_data_are_refused_only_for_an_unknown_rater(house: Warehouse) -> None:
    refused = kit.query(house, "select distinct entity, rule from quality.quarantine")
    assert refused in ([], [("scales", "instrument_id:not_null")])


def test_every_scored_administration_is_linked_once_per_target_under_any_alias(house: Warehouse) -> None:
    """As measured, linked, or null with a reason; a percentage change is of the own scale on both rows."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{house.database}' as other (read_only)")
        connection.execute("use other")
        scored, rows, silent, other_change, own, trajectories = connection.execute("""
            with linked as (
                select *, min(pct_change) over key as least, max(pct_change) over key as most
                from marts.severity_linked
                window key as (partition by subject_id, instrument_id, day, rater, contact, occasion)
            )
            select
                (select count(*) from cdm.scales inner join reference.scales as r on instrument_id = r.scale_id
                    where score_used is not null and r.response_min_pct_reduction is not null),
                count(*),
                count(*) filter (where (equivalent is null) = (not_linked is null)),
                count(*) filter (where least is distinct from most),
                count(*) filter (where instrument_id = to_instrument_id and equivalent is distinct from score),
                (select count(*) from marts.trajectory_input as t
                    inner join marts.severity_linked as s
                        using (subject_id, instrument_id, day, rater, contact, occasion)
                    where s.to_instrument_id = 'HRSD17'
                        and (t.hrsd17_equiv is distinct from s.equivalent or t.hrsd17_link is distinct from s.link_id))
            from linked
        """).fetchone()  # type: ignore[misc]
    assert rows == 2 * scored
    assert (silent, other_change, own, trajectories) == (0, 0, 0, 0)
    assert bool(scored) == (house.root / "delivered").exists()


def test_the_query_of_the_readme_equals_a_recount_from_the_files(house: Warehouse) -> None:
    """The README asks who remitted at step 1 and who had no exit HRSD17; here it is counted with pandas."""
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    (sql,) = re.findall(r"```sql\n(.*?remitted.*?)```", readme, flags=re.DOTALL)
    (found,) = kit.query(house, sql)
    folder = house.root / "delivered"
    if not folder.exists():
        assert found == (0, 0, 0)
        return
    assert found == recount(folder)


def recount(folder: Path) -> tuple[int, int, int]:
    """Remitted at step 1 by QIDS-SR16, by HRSD17, and without an exit HRSD17, straight from the raw files."""

    def read(form: str) -> pd.DataFrame:
        data = pd.read_csv(folder / f"{form}.txt", sep="\t", dtype=str, skiprows=[1])
        data["day"] = pd.to_numeric(data["days_baseline"])
        return data

    forms = {name: read(name) for name in ("qids01", "hrsd01", "idsc01", "ccv01", "ivra01", "le01")}
    level_1 = {name: data[data["level"] == "Level 1"] for name, data in forms.items()}
    start = pd.concat([d[["subjectkey", "day"]] for d in level_1.values()]).groupby("subjectkey")["day"].min()

    def last_total(data: pd.DataFrame, recorded: pd.Series, from_items: pd.Series) -> pd.Series:
        scored = data.assign(score=recorded.fillna(from_items)).dropna(subset=["score"])
        scored = scored[scored["day"] > scored["subjectkey"].map(start) + 7]
        return scored.sort_values("day").groupby("subjectkey")["score"].last()

    sr = level_1["qids01"].query("version_form == 'Self Rating'")
    items = sr[[c for c in sr if re.fullmatch("v[a-z]{4}", c)]].apply(pd.to_numeric).replace(999, float("nan"))
    domains = [["vsoin", "vmnin", "vemin", "vhysm"], ["vapdc", "vapin", "vwtdc", "vwtin"], ["vslow", "vagit"]]
    single = ["vmdsd", "vcntr", "vvwsf", "vsuic", "vintr", "vengy"]
    total = items[single].sum(axis=1, skipna=False) + sum(items[d].max(axis=1) for d in domains)
    qids = last_total(sr, pd.to_numeric(sr["qstot"]), total)

    calls = level_1["hrsd01"]
    names = [c.name for c in study("stard").form("hrsd01").columns if c.description.startswith("HRSD17 item")]
    total = calls[names].apply(pd.to_numeric).replace(-9, float("nan")).sum(axis=1, skipna=False)
    recorded = pd.to_numeric(calls["hdtot_r"]).fillna(pd.to_numeric(calls["hdtot"]))
    hrsd = last_total(calls, recorded, total)
    return int((qids <= 5).sum()), int((hrsd <= 7).sum()), int(len(start) - len(hrsd))


def test_the_queries_of_the_definitions_page_run(house: Warehouse) -> None:
    """Every query answers, whether or not anything is landed; with a whole study each has rows."""
    page = (REPO / "docs" / "definitions.md").read_text(encoding="utf-8")
    queries = re.findall(r"```sql\n(.*?)```", page, flags=re.DOTALL)
    assert len(queries) == 6
    found = [kit.query(house, sql) for sql in queries]
    (persons,) = kit.query(house, "select count(*) from cdm.subjects")
    assert all(found) or persons != (WHOLE,)
    assert found[-1], "definitions from memory are listed in an empty warehouse too"


def test_remission_by_both_methods_equals_a_recount(house: Warehouse) -> None:
    """67 % of 2006 and 35 % of 2023, counted anew in pandas from the tables of the common data model."""
    steps, scales = definitions_recount.tables(house)
    curves = {
        method: [
            row[0]
            for row in kit.query(
                house,
                "select cumulative_pct from marts.cumulative_remission"
                f" where method_id = '{method}' order by step_order",
            )
        ]
        for method in ("rush2006", "pigott2023")
    }
    if len(steps) < WHOLE:
        assert len(curves["rush2006"]) <= 4
        return
    assert curves["rush2006"] == pytest.approx(definitions_recount.original(steps, scales))
    assert curves["pigott2023"] == pytest.approx(definitions_recount.protocol(steps, scales))
    assert curves["rush2006"][-1] > curves["pigott2023"][-1] + 20, "the methods differ as they were published to"
