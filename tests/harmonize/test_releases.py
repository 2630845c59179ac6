"""Releases on a small published file: frozen once, proved unchanged, compared, and opened by other programs."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import frictionless
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyreadstat
import pytest
from typer.testing import CliRunner

from analysis.results import stamp_of, write_result
from harmonize.cli import app
from harmonize.paths import Warehouse
from harmonize.releases.compare import Side, changed_rows, compare
from harmonize.releases.expect import judge, read_expected
from harmonize.releases.freeze import freeze
from harmonize.releases.manifest import FrozenTable, Manifest, ReleaseError, read_manifest
from harmonize.releases.verify import verify
from tests.harmonize.releasekit import publish


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one release with all that can be in it; tests only read it."""
    house = publish(Path(tmp_path_factory.mktemp("release")))
    freeze(house, "one", with_stata=True)
    return house.releases / "one"


def trd(house: Warehouse, *arguments: str) -> tuple[int, Any]:
    ran = CliRunner().invoke(app, ["--warehouse", str(house.root), *arguments, "--json"])
    return ran.exit_code, json.loads(ran.stdout)


def side(house: Warehouse, name: str) -> Side:
    folder = house.releases / name
    return Side(read_manifest(folder), folder)


def changes(house: Warehouse, before: str, after: str) -> set[tuple[str, str, str | None, int]]:
    found = compare(side(house, before), side(house, after))
    return {(c.table, c.kind, c.column, c.n) for diff in found for c in diff.changes}


# --- freezing and proving


def test_a_release_made_twice_has_the_same_hash_whatever_order_and_threads(tmp_path: Path) -> None:
    """Rows stand in another order, the file is another one, and one thread writes instead of two."""
    one = publish(tmp_path / "one")
    shuffled = "create or replace table cdm.scales as select * from cdm.scales order by day desc, subject_id desc"
    two = publish(tmp_path / "two", shuffled)
    first, _ = freeze(one, "r", threads=2)
    second, _ = freeze(two, "r", threads=1)
    assert first.content == second.content
    assert {t.path: t.sha256 for t in first.tables} == {t.path: t.sha256 for t in second.tables}
    repeatable = {"datapackage.json", "croissant.json", "README.md"}
    csvs = {name for name in first.files if name.startswith("csv/")}
    assert len(csvs) == len(first.tables)
    texts = [{n: (h.releases / "r" / n).read_bytes() for n in csvs} for h in (one, two)]
    assert texts[0] == texts[1]
    assert repeatable <= set(first.files)


def test_another_value_is_another_hash(tmp_path: Path) -> None:
    one, _ = freeze(publish(tmp_path / "one"), "r", csv=False)
    two, _ = freeze(publish(tmp_path / "two", "update cdm.subjects set age = 35 where age = 34"), "r", csv=False)
    assert one.content != two.content


def test_a_name_is_used_once(tmp_path: Path) -> None:
    house = publish(tmp_path)
    first, made = freeze(house, "r", csv=False)
    again, made_again = freeze(house, "r", csv=False)
    assert (made, made_again) == (True, False)
    assert again.frozen_at == first.frozen_at
    publish(tmp_path, "update cdm.subjects set age = 35 where age = 34")
    with pytest.raises(ReleaseError, match="other content"):
        freeze(house, "r", csv=False)
    assert read_manifest(house.releases / "r").content == first.content
    with pytest.raises(ReleaseError, match="no name of a release"):
        freeze(house, "../r")
    assert sorted(p.name for p in house.releases.iterdir()) == ["r"]


def test_sites_stay_in_the_warehouse_in_every_file(frozen: Path) -> None:
    manifest = read_manifest(frozen)
    left_out = {t.table: t.left_out for t in manifest.tables if t.left_out}
    assert left_out == {"cdm.subjects": ("site_no",), "marts.first_line": ("centre",)}
    with duckdb.connect(str(frozen / "trd.duckdb"), read_only=True) as connection:
        names = {n for (n,) in connection.execute("select column_name from duckdb_columns()").fetchall()}
    assert "age" in names
    assert not {"site_no", "centre"} & names
    for path in [*frozen.glob("*.json"), frozen / "README.md"]:
        assert path.name == "manifest.json" or not re.search("site_no|centre", path.read_text())
    for path in frozen.glob("csv/*"):
        assert not re.search("site_no|centre", gzip.decompress(path.read_bytes()).decode())
    for path in frozen.glob("stata/*"):
        columns = pyreadstat.read_dta(str(path), metadataonly=True)[1].column_names
        assert not {"site_no", "centre"} & set(columns)


def copied(frozen: Path, target: Path) -> Path:
    folder = shutil.copytree(frozen, target / "one")
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def test_an_unchanged_release_is_proved(frozen: Path) -> None:
    found = verify(frozen)
    assert found.findings == ()
    assert found.n_files > 20


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("byte", [("data/cdm.scales.parquet", "changed")]),
        ("description", [("datapackage.json", "changed")]),
        ("gone", [("csv/cdm.scales.csv.gz", "missing")]),
        ("more", [("data/more.parquet", "added")]),
        ("manifest", [("manifest.json", "the manifest was changed after it was sealed")]),
        ("both", [("manifest.json", "the manifest was changed after it was sealed")]),
    ],
)
def test_any_change_is_found(frozen: Path, tmp_path: Path, harm: str, said: list[tuple[str, str]]) -> None:
    folder = copied(frozen, tmp_path)
    table = folder / "data" / "cdm.scales.parquet"
    manifest = folder / "manifest.json"
    if harm in ("byte", "both"):
        text = bytearray(table.read_bytes())
        text[len(text) // 2] ^= 1
        before = read_manifest(folder)
        table.write_bytes(text)
        if harm == "both":
            import hashlib

            old = next(t.sha256 for t in before.tables if t.table == "cdm.scales")
            manifest.write_text(manifest.read_text().replace(old, hashlib.sha256(text).hexdigest()))
    elif harm == "description":
        (folder / "datapackage.json").write_text("{}")
    elif harm == "gone":
        (folder / "csv" / "cdm.scales.csv.gz").unlink()
    elif harm == "more":
        shutil.copyfile(table, folder / "data" / "more.parquet")
    else:
        manifest.write_text(manifest.read_text().replace('"synthetic": true', '"synthetic": false'))
    assert [(f.file, f.what) for f in verify(folder).findings] == said


def test_the_command_verifies_all_and_ends_with_1_where_one_is_changed(tmp_path: Path) -> None:
    house = publish(tmp_path)
    assert trd(house, "release", "one", "--no-csv")[0] == 0
    assert trd(house, "release", "two", "--no-csv")[0] == 0
    code, told = trd(house, "verify")
    assert (code, [r["findings"] for r in told["releases"]]) == (0, [[], []])
    path = house.releases / "two" / "README.md"
    path.chmod(0o644)
    path.write_text("something else")
    code, told = trd(house, "verify", "two")
    assert (code, told["releases"][0]["findings"]) == (1, [{"file": "README.md", "what": "changed"}])
    assert trd(house, "verify", "three")[1]["error"]["problem"] == "there is no release 'three'; there are: one, two"


# --- comparing


def test_rows_are_matched_by_key_and_cells_counted_by_column(tmp_path: Path) -> None:
    house = publish(tmp_path)
    freeze(house, "a", csv=False)
    publish(
        tmp_path,
        "update cdm.subjects set age = 36, setting = null where subject_id = 'alpha-2'",
        "update cdm.subjects set sex = 'male', age = 20 where subject_id = 'beta-1'",
        "delete from cdm.scales where day = 14",
        "insert into cdm.scales select subject_id, 21, * exclude (subject_id, day) from cdm.scales where score = 17",
        "update cdm.scales set items = [1, 1, 2] where score = 21.5",
    )
    freeze(house, "b", csv=False)
    assert changes(house, "a", "b") == {
        ("cdm.subjects", "changed", "age", 2),
        ("cdm.subjects", "changed", "setting", 1),
        ("cdm.subjects", "changed", "sex", 1),
        ("cdm.scales", "added", None, 1),
        ("cdm.scales", "removed", None, 1),
        ("cdm.scales", "changed", "items", 1),
        ("marts.scale_severity", "added", None, 1),
        ("marts.scale_severity", "removed", None, 1),
    }
    (subjects,) = [d for d in compare(side(house, "a"), side(house, "b")) if d.table == "cdm.subjects"]
    assert (subjects.n_changed, subjects.by_key) == (2, ("subject_id",))
    _, rows = changed_rows(side(house, "a"), side(house, "b"), "cdm.subjects")
    assert ("changed", "alpha-2", "age", "34.0", "36.0") in rows
    assert ("changed", "beta-1", "sex", None, "male") in rows
    assert len(rows) == 4
    assert changes(house, "a", "a") == set()


def test_tables_and_columns_that_come_and_go_are_changes(tmp_path: Path) -> None:
    house = publish(tmp_path)
    freeze(house, "a", csv=False)
    publish(
        tmp_path,
        "drop table marts.first_line",
        "create table marts.attrition (study_id varchar, n bigint)",
        "alter table reference.scales add column items bigint",
        "alter table reference.studies alter title type integer using 1",
    )
    freeze(house, "b", csv=False)
    assert changes(house, "a", "b") == {
        ("marts.first_line", "table_removed", None, 1),
        ("marts.attrition", "table_added", None, 1),
        ("reference.scales", "column_added", "items", 1),
        ("reference.studies", "type_changed", "title", 1),
        ("reference.studies", "added", None, 2),
        ("reference.studies", "removed", None, 2),
    }


def test_equal_rows_without_a_key_are_counted(tmp_path: Path) -> None:
    """A second of two equal rows is one added row, not none."""
    house = publish(tmp_path)
    freeze(house, "a", csv=False)
    publish(tmp_path, "insert into reference.scales values ('HRSD17', 'Hamilton'), (null, 'x')")
    freeze(house, "b", csv=False)
    assert changes(house, "a", "b") == {("reference.scales", "added", None, 2)}
    assert changes(house, "b", "a") == {("reference.scales", "removed", None, 2)}


def by_pandas(old: pd.DataFrame, new: pd.DataFrame, key: list[str]) -> set[tuple[str, str | None, int]]:
    """Differences of two tables found another way: frames indexed by key, compared cell by cell."""
    a, b = (f.astype(object).where(f.notna(), None).set_index(key) for f in (old, new))
    both = a.index.intersection(b.index)
    found = [("added", None, len(b.index.difference(a.index))), ("removed", None, len(a.index.difference(b.index)))]
    for column in a.columns:
        pairs = zip(a.loc[both, column], b.loc[both, column], strict=True)
        found.append(("changed", column, sum(x != y for x, y in pairs)))
    return {change for change in found if change[2]}


def test_differences_of_random_tables_are_those_that_pandas_finds(tmp_path: Path) -> None:
    """Keys with gaps, a key column that may be missing, nulls on either side."""
    rng = np.random.default_rng(20261121)

    def table() -> pd.DataFrame:
        keys = rng.choice(30, size=20, replace=False)
        return pd.DataFrame(
            {
                "k": pd.array(keys // 2, dtype="Int64"),
                "part": pd.array(np.where(keys % 2, "b", None), dtype="string"),
                "x": pd.array(rng.choice([1.0, 2.0, None], 20), dtype="Float64"),
                "y": pd.array(rng.choice(["u", "v", None], 20), dtype="string"),
            }
        )

    def frozen_side(name: str, frame: pd.DataFrame) -> Side:
        folder = tmp_path / name
        folder.mkdir()
        frame.to_parquet(folder / "t.parquet", index=False)
        columns = {"k": "BIGINT", "part": "VARCHAR", "x": "DOUBLE", "y": "VARCHAR"}
        one = FrozenTable("cdm.t", "t.parquet", name, 0, len(frame), ("k", "part"), columns)
        return Side(Manifest(name, name, True, (one,), {}, {}, (), {}, {}, {}), folder)

    seen = set()
    for round_ in range(15):
        old, new = table(), table()
        found = compare(frozen_side(f"a{round_}", old), frozen_side(f"b{round_}", new))
        got = {(c.kind, c.column, c.n) for diff in found for c in diff.changes}
        assert got == by_pandas(old, new, ["k", "part"])
        assert all(diff.by_key == ("k", "part") for diff in found)
        seen |= {kind for kind, _, _ in got}
    assert seen == {"added", "removed", "changed"}


def declared(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "expected.csv"
    path.write_text("\n".join(["table,change,column,rows,reason", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("lines", "unexpected", "missing"),
    [
        (["cdm.subjects,changed,age,1,typing error"], 0, 0),
        (["cdm.subjects,changed,age,,typing error"], 0, 0),
        (["cdm.*,*,*,,new cut"], 0, 0),
        (["cdm.subjects,changed,age,2,typing error"], 1, 1),
        (["cdm.subjects,changed,sex,,typing error"], 1, 0),
        (["cdm.subjects,added,,1,late patient"], 1, 1),
        (["cdm.subjects,changed,age,1,typing error", "cdm.scales,changed,score,3,typing error"], 0, 1),
        ([], 1, 0),
    ],
)
def test_what_was_declared_is_held_against_what_is_there(
    tmp_path: Path, lines: list[str], unexpected: int, missing: int
) -> None:
    house = publish(tmp_path)
    freeze(house, "a", csv=False)
    publish(tmp_path, "update cdm.subjects set age = 36 where subject_id = 'alpha-2'")
    freeze(house, "b", csv=False)
    diffs = compare(side(house, "a"), side(house, "b"))
    verdict = judge(diffs, read_expected(declared(tmp_path, *lines)))
    assert (len(verdict.unexpected), len(verdict.missing)) == (unexpected, missing)
    code, told = trd(house, "diff", "a", "b", "--expect", str(tmp_path / "expected.csv"))
    assert code == int(not verdict.agrees)
    assert told["verdict"]["agrees"] == verdict.agrees


def test_a_release_is_refused_where_a_change_was_not_declared(tmp_path: Path) -> None:
    house = publish(tmp_path)
    freeze(house, "a", csv=False)
    publish(tmp_path, "update cdm.subjects set age = 36 where subject_id = 'alpha-2'")
    asked = ["release", "b", "--no-csv", "--since", "a", "--expect"]
    code, told = trd(house, *asked, str(declared(tmp_path, "cdm.subjects,changed,sex,,other")))
    assert (code, told["error"]["problem"]) == (1, "1 change was not declared against a; nothing is frozen")
    assert not (house.releases / "b").exists()
    assert trd(house, *asked, str(declared(tmp_path, "cdm.subjects,changed,age,1,typing error")))[0] == 0
    code, told = trd(house, "diff", "a", "b")
    assert (code, told["verdict"]["agrees"]) == (0, True), "the declaration was sealed with the release"
    assert trd(house, "diff", "a", "published")[1]["verdict"] is None
    assert not list(house.next.glob("published-*"))


@pytest.mark.parametrize("line", ["cdm.subjects,moved,age,1,x", "cdm.subjects,changed,age,one,x", "cdm.a,added,,1,"])
def test_a_declaration_that_cannot_be_read_names_its_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(ReleaseError, match="line 2"):
        read_expected(declared(tmp_path, line))


# --- results


def test_results_name_their_release_and_are_outdated_by_data_and_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = publish(tmp_path)
    frame = pd.DataFrame({"n": [1]})
    write_result("of_both", frame, stamp=stamp_of(house.database, seed=3))
    write_result("of_beta", frame, stamp=stamp_of(house.database, studies=["beta"]))
    freeze(house, "a", csv=False)

    def state() -> dict[str, tuple[list[str], list[str]]]:
        found = trd(house, "results")[1]["results"]
        return {each["name"]: (each["frozen"], each["stale"]) for each in found}

    assert state() == {"of_both": (["a"], []), "of_beta": (["a"], [])}
    assert trd(house, "results", "--stale") == (0, {"results": []})
    publish(tmp_path, "update cdm.subjects set age = 36 where subject_id = 'alpha-2'")
    assert state() == {"of_both": (["a"], ["data changed"]), "of_beta": (["a"], [])}
    code, told = trd(house, "results", "--stale")
    assert (code, [each["name"] for each in told["results"]]) == (1, ["of_both"])
    gone = [f"delete from {t} where study_id = 'beta'" for t in ("cdm.subjects", "cdm.scales", "marts.first_line")]
    publish(tmp_path, "delete from quality.landings where study = 'beta'", *gone)
    assert state()["of_beta"] == (["a"], ["beta no longer landed"])
    publish(tmp_path)
    monkeypatch.setattr("analysis.results_list.plan_hash", lambda: "another")
    assert state() == {"of_both": (["a"], ["plan changed"]), "of_beta": (["a"], ["plan changed"])}


def test_a_correction_is_other_data_for_its_study_alone(tmp_path: Path) -> None:
    house = publish(tmp_path)
    before = stamp_of(house.database, studies=["alpha"]).release, stamp_of(house.database, studies=["beta"]).release
    publish(tmp_path, "insert into quality.corrections values ('alpha', 'f', 2, 'x', '1', '2', 'applied')")
    after = stamp_of(house.database, studies=["alpha"]).release, stamp_of(house.database, studies=["beta"]).release
    assert before[0] != after[0]
    assert before[1] == after[1]


# --- for other programs


def test_frictionless_finds_the_package_valid(frozen: Path) -> None:
    package = frictionless.Package(str(frozen / "datapackage.json"))
    report = package.validate()
    assert report.valid, report.flatten(["name", "type", "note"])
    names = {r.name for r in package.resources}
    assert {"cdm.subjects", "cdm.subjects.parquet", "marts.scale_severity", "trd.duckdb"} <= names
    rows = {r["subject_id"]: r for r in package.get_resource("cdm.subjects").read_rows()}
    assert rows["alpha-1"]["age_topcoded"] is True
    assert rows["beta-1"]["sex"] is None
    assert next(r["items"] for r in package.get_resource("cdm.scales").read_rows()) == [1.0, None, 2.0]
    schema = package.get_resource("cdm.subjects").schema
    assert schema.primary_key == ["subject_id"]
    assert schema.get_field("sex").constraints["enum"] == ["female", "male", "other"]
    assert schema.get_field("age").constraints == {"minimum": 0.0, "maximum": 90.0}
    assert schema.get_field("sex").description == "Sex as the study recorded it."
    assert package.get_resource("cdm.scales").schema.foreign_keys[0]["fields"] == ["subject_id"]


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [("sex", "unicorn", "constraint-error"), ("age", "old", "type-error"), ("subject_id", "", "constraint-error")],
)
def test_frictionless_finds_a_table_that_is_not_as_described(
    frozen: Path, tmp_path: Path, column: str, value: str, kind: str
) -> None:
    """The description can say no: a wrong value in the CSV is an error of its own kind, beside the broken hash."""
    folder = copied(frozen, tmp_path)
    path = folder / "csv" / "cdm.subjects.csv.gz"
    rows = list(csv.DictReader(gzip.decompress(path.read_bytes()).decode().splitlines()))
    rows[0][column] = value
    with gzip.open(path, "wt", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    report = frictionless.Package(str(folder / "datapackage.json")).get_resource("cdm.subjects").validate()
    assert kind in {error[0] for error in report.flatten(["type"])}


def test_croissant_describes_every_frozen_file_and_column(frozen: Path) -> None:
    document = json.loads((frozen / "croissant.json").read_text())
    files = {each["@id"]: each for each in document["distribution"]}
    for table in read_manifest(frozen).tables:
        file = files[f"{table.table}.parquet"]
        assert (file["contentUrl"], file["sha256"]) == (table.path, table.sha256)
        (records,) = [r for r in document["recordSet"] if r["@id"] == table.table]
        assert [f["source"]["extract"]["column"] for f in records["field"]] == list(table.columns)
    fields = {f["@id"]: f for r in document["recordSet"] for f in r["field"]}
    assert fields["cdm.scales/items"]["repeated"] is True
    referred = [f["references"]["field"]["@id"] for f in fields.values() if "references" in f]
    assert "reference.scales/scale_id" in referred
    assert set(referred) <= set(fields)
    assert {k["@id"] for r in document["recordSet"] for k in r.get("key", [])} <= set(fields)


def test_stata_files_hold_labels_and_the_same_values(frozen: Path) -> None:
    frame, meta = pyreadstat.read_dta(str(frozen / "stata" / "cdm_subjects.dta"))
    assert meta.column_names_to_labels["sex"] == "Sex as the study recorded it."
    assert meta.variable_value_labels["sex"] == {1: "female", 2: "male", 3: "other"}
    labelled, _ = pyreadstat.read_dta(str(frozen / "stata" / "cdm_subjects.dta"), apply_value_formats=True)
    assert list(labelled["sex"].astype(object).where(labelled["sex"].notna(), None)) == ["male", "female", None]
    assert list(labelled["age_topcoded"].astype(object).where(labelled["age_topcoded"].notna(), None)) == [
        "yes",
        "no",
        None,
    ]
    assert list(frame["age"].astype(object).where(frame["age"].notna(), None)) == [90.0, 34.0, None]
    items, _ = pyreadstat.read_dta(str(frozen / "stata" / "cdm_scales.dta"))
    assert list(items["items"]) == ["[1.0, null, 2.0]", "", "[0.0]", ""]


def test_the_duckdb_file_says_what_its_columns_are(frozen: Path) -> None:
    with duckdb.connect(str(frozen / "trd.duckdb"), read_only=True) as connection:
        query = "select comment from duckdb_columns() where table_name = 'subjects' and column_name = 'sex'"
        assert connection.execute(query).fetchall() == [("Sex as the study recorded it.",)]
        assert connection.execute("select count(*) from cdm.scales").fetchall() == [(4,)]
    parquet = pq.read_table(frozen / "data" / "cdm.scales.parquet")
    assert parquet["subject_id"].to_pylist() == ["alpha-1", "alpha-1", "alpha-2", "beta-1"], "sorted by key"


def test_r_opens_the_duckdb_file(frozen: Path) -> None:
    """With R's own duckdb package: rows and a sum that Python finds too."""
    if shutil.which("Rscript") is None:
        pytest.skip("no R here: Rscript is not on the path")
    has = subprocess.run(
        ["Rscript", "-e", "stopifnot(requireNamespace('duckdb', quietly = TRUE), requireNamespace('DBI'))"],
        capture_output=True,
        check=False,
    )
    if has.returncode != 0:
        pytest.skip("R is here without its packages duckdb and DBI")
    script = (
        f"con <- DBI::dbConnect(duckdb::duckdb(), '{frozen / 'trd.duckdb'}', read_only = TRUE);"
        "found <- DBI::dbGetQuery(con, 'select count(*) as n, sum(score) as total from cdm.scales');"
        "cat(found$n, found$total)"
    )
    done = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["4", "50.5"]
