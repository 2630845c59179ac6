"""Diplotypes to phenotypes by the project's SQL, without a build: against tables that others made from CPIC's.

Skipped where the public data folder is absent.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.dbt_project import modelkit

SEEDS = ("cpic_alleles", "cpic_phenotype_rules", "cpic_genes", "cpic_backgrounds", "cpic_recommendations")
CALLS = (
    "study_id varchar, subject_id varchar, variant_id varchar, assay varchar, effect_allele varchar,"
    " other_allele varchar, dosage double, genotype varchar, call varchar"
)


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for seed in SEEDS:
        modelkit.load_seed(connection, seed)
    return connection


def phenotypes(connection: duckdb.DuckDBPyConnection, calls: list[tuple[object, ...]]) -> pd.DataFrame:
    modelkit.load(connection, "genotypes", CALLS, calls)
    for model in ("pgx_copies", "pgx_diplotypes", "pgx_phenotypes"):
        modelkit.run_model(connection, model)
    return connection.execute("select * from pgx_phenotypes order by subject_id, gene").df()


def delivered(gene: str, diplotypes: list[str]) -> list[tuple[object, ...]]:
    return [("s", f"s-{d}", gene, "panel", None, None, None, d, "called") for d in diplotypes]


def test_cyp2c19_and_cyp2b6_diplotypes_as_pypgx_has_them(
    connection: duckdb.DuckDBPyConnection, public_data: Path
) -> None:
    """Of CYP2B6 *22 CPIC's tables now say uncertain function, theirs still increased: only there they part."""
    table = pd.read_csv(public_data / "pgx_phenotypes" / "pypgx_diplotype_phenotype_cyp2c19_cyp2b6.csv")
    alleles = connection.execute("select gene, allele from cpic_alleles").df()
    for gene, least in (("CYP2C19", 200), ("CYP2B6", 30)):
        ours = set(alleles.loc[alleles["gene"] == gene, "allele"])
        theirs = table[(table["Gene"] == gene)].set_index("Diplotype")["Phenotype"]
        both = theirs[[all(a in ours for a in d.split("/")) for d in theirs.index]]
        assert len(both) >= least
        found = phenotypes(connection, delivered(gene, list(both.index))).set_index("diplotype")["phenotype"]
        apart = {d: (found[d], p) for d, p in both.items() if found[d] != p}
        assert {d for d in apart if "*22" not in d.split("/")} == set()
        assert bool(apart) == (gene == "CYP2B6")


def test_cyp2d6_activity_as_pypgx_has_it_but_for_the_two_values_that_changed(
    connection: duckdb.DuckDBPyConnection, public_data: Path
) -> None:
    """Activity values of alleles and the borders of phenotypes; *9 and *41 were 0.5 before the data of 2024."""
    theirs = pd.read_csv(public_data / "pgx_phenotypes" / "pypgx_allele_function.csv").query("Gene == 'CYP2D6'")
    value = theirs.set_index("StarAllele")["ActivityScore"]
    ours = connection.execute("select allele from cpic_alleles where gene = 'CYP2D6'").df()["allele"]
    common = [a for a in ours if a in value.index and pd.notna(value[a])]
    assert len(common) > 15
    pairs = [f"{a}/{b}" for a in common for b in common]
    found = phenotypes(connection, delivered("CYP2D6", pairs)).set_index("diplotype")
    changed = {"*9", "*41"}
    borders = [(0.25, "Poor Metabolizer"), (1.25, "Intermediate Metabolizer"), (2.5, "Normal Metabolizer")]
    for pair in pairs:
        a, b = pair.split("/")
        if changed & {a, b}:
            continue
        score = value[a] + value[b]
        assert found.loc[pair, "activity_score"] == score
        expected = next((name for border, name in borders if score < border), "Ultrarapid Metabolizer")
        assert found.loc[pair, "phenotype"] == expected, pair
    assert found.loc["*9/*9", "activity_score"] == 0.5


def test_an_array_gives_no_structural_call_and_no_recommendation(connection: duckdb.DuckDBPyConnection) -> None:
    """The same person by an array, and by an assay that saw a deletion beside *4."""
    sites = [
        ("rs3892097", "T", "C", 1),
        ("rs1065852", "A", "G", 1),
        ("rs16947", "A", "G", 0),
        ("rs28371725", "T", "C", 0),
    ]
    array = [("s", "s-1", rs, "array", e, o, d, None, "called") for rs, e, o, d in sites]
    found = phenotypes(connection, array)
    assert found[["call_status", "diplotype", "phenotype"]].iloc[0].to_list() == [
        "no_structural_call",
        "*1/*4",
        "No Result",
    ]
    assert found["phenotype_if_two_plain_copies"].iloc[0] == "Intermediate Metabolizer"
    assert found["table_version"].iloc[0]
    modelkit.load(
        connection,
        "treatments",
        "study_id varchar, subject_id varchar, treatment_id varchar, start_day bigint",
        [("s", "s-1", "paroxetine", 0), ("s", "s-1", "fluoxetine", 9)],
    )
    modelkit.run_model(connection, "pgx_recommendations")
    ask = "select treatment_id, gene1_phenotype, recommendation_code from pgx_recommendations"
    assert connection.execute(ask).fetchall() == [("paroxetine", "No Result", "NO_RESULT")]
    phenotypes(connection, [*array, *[(*row[:1], "s-1", *row[2:]) for row in delivered("CYP2D6", ["*4/*5"])]])
    assert connection.execute(ask).fetchall() == [("paroxetine", "Poor Metabolizer", "HALF_START_HALF_MAINT")]
