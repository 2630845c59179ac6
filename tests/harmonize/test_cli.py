"""The command line: what people and machines get to see, and the exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import typer.main
from filelock import FileLock
from typer.testing import CliRunner

from harmonize import build as building
from harmonize.cli import app, console
from harmonize.cli import build as build_commands
from harmonize.paths import Warehouse
from tests.dbt_project import kit


def _commands(group: Any, above: str = "") -> dict[str, Any]:
    """Commands by name, those of groups by the group's name and their own."""
    found = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= _commands(command, f"{name} ")
        else:
            found[f"{above}{name}"] = command
    return found


COMMANDS = _commands(typer.main.get_command(app))
HEADER = "PATIENT,HAMATOTL,PGIIMP,RELDAYS,VISIT,THERAPY,GENDER,POOLINV,BASVAL,HAMDTL17,CHANGE"
# invented persons; the second one's first score is no number
ROWS = [
    "9001,12,3,7,4,DRUG,F,101,20,15,-5",
    "9001,10,2,14,5,DRUG,F,101,20,11,-9",
    "9002,14,4,8,4,PLACEBO,M,101,24,x4,-2",
    "9002,13,3,15,5,PLACEBO,M,101,24,22,-2",
]

BUILD = """
import functools, pathlib, sys
from harmonize.cli import build, main
build.dbt_build = functools.partial(build.dbt_build, project=pathlib.Path(sys.argv.pop(1)))
main()
"""

Trd = Callable[..., "Ran"]


class Ran:
    """What one call of trd came to."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> object:
        return json.loads(self.out)


def run(warehouse: Path, *arguments: str, stdin: str | None = None) -> Ran:
    result = CliRunner().invoke(app, ["--warehouse", str(warehouse), *arguments], input=stdin, prog_name="trd")
    return Ran(result.exit_code, result.stdout, result.stderr)


def write_dia(folder: Path, rows: Sequence[str] = ROWS, name: str = "antidepressant_data.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return folder


@pytest.fixture
def trd(tmp_path: Path) -> Trd:
    """Calls trd in an empty warehouse."""
    return lambda *arguments, stdin=None: run(tmp_path / "warehouse", *arguments, stdin=stdin)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A warehouse with the invented persons, and the build that published it: one for all test processes."""
    root = tmp_path_factory.getbasetemp()
    root = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "cli_built"
    root.mkdir(exist_ok=True)
    with FileLock(root / "fixture.lock"):
        kept = root / "build.json"
        if not kept.exists():
            kept.write_text(json.dumps(_land_and_build(root)))
        return root / "warehouse", Ran(**json.loads(kept.read_text()))


def _land_and_build(root: Path) -> dict[str, object]:
    """In a process of its own and from another folder, as a user would; without dbt's unit tests, which take long."""
    landed = run(root / "warehouse", "land", "dia", str(write_dia(root / "delivery")), "--synthetic")
    assert landed.code == 0, landed.err
    project = kit.quick_project()
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(project), "build", "--json"],
        cwd=root,
        env={**os.environ, "TRD_WAREHOUSE": str(root / "warehouse")},
        capture_output=True,
        text=True,
        check=False,
    )
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


@pytest.fixture
def published(built: tuple[Path, Ran]) -> Trd:
    """Calls trd in a warehouse that was built."""
    house, build = built
    assert build.code == 0, build.out + build.err
    return lambda *arguments, stdin=None: run(house, *arguments, stdin=stdin)


# --- help and usage


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_shows_examples_and_exit_codes_on_lines_of_their_own(
    trd: Trd, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # wide enough that no line of an example is folded
    monkeypatch.setenv("COLUMNS", "160")
    shown = trd(*name.split(), "--help")
    lines = [line.strip() for line in shown.out.splitlines()]
    assert shown.code == 0
    examples = lines[lines.index("Examples:") + 1 : lines.index("Exit codes:")]
    assert [line for line in examples if line], "no example"
    assert all(line.startswith("trd ") for line in examples if line)
    codes = [line.split()[0] for line in lines[lines.index("Exit codes:") + 1 :] if line][:3]
    assert codes == ["0", "1", "2"]


def test_examples_parse() -> None:
    """Each option that an example names is an option of its command."""
    for name, command in COMMANDS.items():
        options = {opt for parameter in command.params for opt in (*parameter.opts, *parameter.secondary_opts)}
        block = command.help.partition("Examples:")[2].partition("Exit codes:")[0]
        for line in block.splitlines():
            words = line.split(f" {name}", 1)[-1].split()
            assert {word for word in words if word.startswith("--") and len(word) > 2} <= options, line


def test_version(trd: Trd) -> None:
    assert trd("--version").out.startswith("trd ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command"),
        (["land", "staar", "."], "Did you mean stard?"),
        (["synth", "dia", "--out", "x"], "Known: stard"),
        (["synth", "stard"], "--out FOLDER is needed"),
        (["synth", "--out", "x"], "name a study"),
        (["synth", "stard", "--world", "W9", "--out", "x"], "W4a"),
        (["synth", "--check", "dia"], "Known: stard"),
        (["quarantine", "--cells", "--entity", "scales"], "belongs to a raw form"),
        (["sql", "select 1", "--json", "--csv"], "choose one"),
        (["build", "--threads", "0"], "greater than or equal to 1"),
    ],
)
def test_a_wrong_command_line_is_exit_2(trd: Trd, arguments: list[str], said: str) -> None:
    done = trd(*arguments)
    assert done.code == 2
    assert said in " ".join(done.err.replace("│", " ").split())
    assert done.out == ""


# --- landing


def test_landing_says_what_it_did_and_what_it_ignored(trd: Trd, tmp_path: Path) -> None:
    folder = write_dia(tmp_path / "delivery")
    (folder / "notes.docx").write_text("x")
    done = trd("land", "dia", str(folder))
    assert done.code == 0
    assert "antidepressant" in done.out
    assert "landed" in done.out
    assert "ignored notes.docx: no form of dia has this name" in done.out
    assert "unchanged" in trd("land", "dia", str(folder)).out


def test_landing_as_json(trd: Trd, tmp_path: Path) -> None:
    done = trd("land", "dia", str(write_dia(tmp_path / "delivery")), "--json")
    assert done.document["forms"][0]["rows"] == len(ROWS)
    assert done.document["forms"][0]["header_rows"] == 1


def test_a_refused_delivery_names_file_row_and_remedy(trd: Trd, tmp_path: Path) -> None:
    folder = write_dia(tmp_path / "delivery", [*ROWS, "9003,1,2"])
    done = trd("land", "dia", str(folder), "--json")
    assert done.code == 1
    error = done.document["error"]
    assert error["file"] == "antidepressant_data.csv"
    assert error["row"] == len(ROWS) + 2
    assert error["remedy"]
    for name, value in error.items():
        assert str(value) in done.err, name
    assert "Traceback" not in done.err
    assert not trd("status", "--json").document["studies"][0]["forms"][0]["landed"]


def test_debug_shows_the_traceback(trd: Trd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRD_DEBUG", "1")
    done = trd("land", "dia", str(tmp_path / "nowhere"))
    assert "Traceback" in done.err
    assert "Correct the path" in done.err


def test_real_and_synthetic_are_not_mixed(trd: Trd, tmp_path: Path) -> None:
    folder = str(write_dia(tmp_path / "delivery"))
    assert trd("land", "dia", folder).code == 0
    refused = trd("land", "dia", folder, "--synthetic")
    assert refused.code == 1
    assert "must not be mixed" in refused.err
    assert trd("land", "dia", folder, "--synthetic", "--replace").code == 0


# --- synthetic files


def test_synth_writes_lands_and_keeps_the_truth_apart(trd: Trd, tmp_path: Path) -> None:
    out = tmp_path / "stard"
    done = trd("synth", "stard", "--n", "5", "--out", str(out), "--land", "--json")
    assert done.code == 0, done.err
    assert done.document["rows"].keys() == {form["form"] for form in done.document["landing"]["forms"]}
    assert done.document["landing"]["synthetic"] is True
    assert (tmp_path / "warehouse" / "synthetic_truth" / "stard.parquet").exists()
    again = trd("synth", "stard", "--n", "5", "--out", str(out), "--land", "--json")
    assert {form["status"] for form in again.document["landing"]["forms"]} == {"unchanged"}


def test_synth_writes_the_world_it_was_asked_for_and_says_so(trd: Trd, tmp_path: Path) -> None:
    out = tmp_path / "stard"
    done = trd("synth", "stard", "--n", "5", "--world", "W1", "--out", str(out), "--json")
    assert done.code == 0, done.err
    assert done.document["world"] == "W1"
    info = (out / "package_info.txt").read_text()
    assert info.startswith("SYNTHETIC DATA")
    assert "World: W1" in info
    truth = pq.read_table(tmp_path / "warehouse" / "synthetic_truth" / "stard.parquet")
    assert set(truth.column("world").to_pylist()) == {"W1"}
    assert set(truth.column("course_1").to_pylist()) == {None}
    assert not (tmp_path / "warehouse" / "raw").exists()


def test_a_check_shows_published_beside_synthetic_and_fails_where_too_few_agree(trd: Trd) -> None:
    done = trd("synth", "--check", "stard", "--n", "4", "--json")
    assert done.code == 1  # of four persons little agrees
    (found,) = done.document["checks"]
    assert found["world"] == "W0"
    by_id = {row["target"]: row for row in found["targets"]}
    assert by_id["enrolled"]["verdict"] == "within"
    assert by_id["l1_hrsd_remission"]["published"] == 27.5
    assert {row["verdict"] for row in found["targets"] if row["mark"] == "memory"} == {"printed"}
    shown = trd("synth", "--check", "stard", "--n", "4")
    assert "SYNTHETIC" in shown.out
    assert "Less than 95%" in shown.out


def test_the_list_of_faults_lies_beside_the_delivery(trd: Trd, tmp_path: Path) -> None:
    done = trd("synth", "stard", "--n", "60", "--faults", "--out", str(tmp_path / "stard"))
    assert done.code == 0, done.err
    manifest = tmp_path / "stard_faults.csv"
    assert str(manifest) in done.out
    assert len(list(csv.DictReader(manifest.open(encoding="utf-8")))) > 0
    assert not [path for path in (tmp_path / "stard").iterdir() if "fault" in path.name]


def test_synth_never_writes_into_a_real_delivery(trd: Trd, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "el01.txt").write_text("as delivered")
    done = trd("synth", "stard", "--n", "5", "--out", str(real))
    assert done.code == 1
    assert (real / "el01.txt").read_text() == "as delivered"
    assert len(list(real.iterdir())) == 1


def test_the_demo_refuses_a_warehouse_with_real_stard(trd: Trd, tmp_path: Path) -> None:
    out = tmp_path / "stard"
    assert trd("synth", "stard", "--n", "2", "--out", str(out)).code == 0
    assert trd("land", "stard", str(out)).code == 0  # said to be real
    done = trd("demo", "--n", "2")
    assert done.code == 1
    assert "real data of STAR*D" in done.err
    assert not (tmp_path / "warehouse" / "demo").exists()


def test_the_demo_says_each_step_and_can_be_run_again(
    trd: Trd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harmonize.cli import report
    from harmonize.sources import studies
    from harmonize.synthetic.studies import available

    known = {study.name: study.title for study in studies() if study.public_folder or study.name in available()}
    green = building.BuildResult(True, False, "as it was", 1.0, {"success": 1}, (), ())
    monkeypatch.setattr(report, "run_build", lambda house: green)
    monkeypatch.setattr(report, "write_page", lambda house, out: out)
    public = tmp_path / "public"
    write_dia(public / "dia_antidepressant")
    monkeypatch.setenv("TRD_PUBLIC_DATA", str(public))
    first = trd("demo", "--n", "3")
    assert first.code == 0, first.err
    written = [title for name, title in known.items() if name in available()]
    steps = [f"{step} {title}" for title in written for step in ("write synthetic", "land")]
    steps += [*(f"land {study.title}" for study in studies() if study.public_folder), "dbt build", "report"]
    found = [text for text in first.out.splitlines() if text.startswith("== ") and not text.endswith(" s")]
    assert [text.startswith(f"== {step}") for text, step in zip(found, steps, strict=True)] == [True] * len(steps)
    assert all(step.partition(" ")[2] in first.out.partition("part")[2] for step in steps), "times are summed up"
    assert f"left out: there is no {public / 'riesby'}" in first.out
    assert f"Report:  {tmp_path / 'warehouse' / 'report' / 'index.html'}" in first.out
    monkeypatch.setenv("TRD_PUBLIC_DATA", str(tmp_path / "nowhere"))
    second = trd("demo", "--n", "3")
    assert "is no folder" in second.out
    assert "  landed  " not in second.out
    assert "unchanged" in second.out


# --- compile


def test_stale_files_are_listed_with_the_remedy(trd: Trd, monkeypatch: pytest.MonkeyPatch) -> None:
    from harmonize import compiler
    from harmonize.paths import REPO

    monkeypatch.setattr(compiler, "stale", lambda: [REPO / "dbt_project" / "models" / "old.sql"])
    done = trd("compile", "--check")
    assert done.code == 1
    assert "stale  dbt_project/models/old.sql" in done.out
    assert "Run trd compile" in done.out
    assert trd("compile", "--check", "--json").document["stale"] == ["dbt_project/models/old.sql"]
    monkeypatch.setattr(compiler, "stale", lambda: [])
    assert trd("compile", "--check").code == 0


def test_compile_lists_what_it_wrote(trd: Trd, monkeypatch: pytest.MonkeyPatch) -> None:
    from harmonize import compiler
    from harmonize.paths import REPO

    monkeypatch.setattr(compiler, "write_all", lambda: ([REPO / "new.sql"], [REPO / "gone.sql"]))
    assert trd("compile", "--json").document == {"written": ["new.sql"], "removed": ["gone.sql"]}
    assert "removed  gone.sql" in trd("compile").out


# --- before anything is built


def test_status_of_an_empty_warehouse(trd: Trd, tmp_path: Path) -> None:
    state = trd("status", "--json").document
    assert {study["study"] for study in state["studies"]} >= {"dia", "riesby", "stard"}
    assert not any(form["landed"] for study in state["studies"] for form in study["forms"])
    assert state["published"]["exists"] is False
    assert state["build_running"] is False
    assert not (tmp_path / "warehouse").exists(), "looking must not make anything"
    assert "Nothing is published yet: run trd build." in trd("status").out


@pytest.mark.parametrize("arguments", [["sql", "select 1"], ["quarantine"], ["coverage"], ["report"]])
def test_without_a_published_file_the_remedy_is_to_build(trd: Trd, arguments: list[str]) -> None:
    done = trd(*arguments)
    assert done.code == 1
    assert "nothing is published yet" in done.err
    assert "Run trd build" in done.err


# --- a build


def test_build_publishes_and_counts(built: tuple[Path, Ran]) -> None:
    result = built[1].document
    assert built[1].code == 0, built[1].err
    assert result["ok"] is result["published"] is True
    assert set(result["nodes"]) <= {"success", "pass", "warn", "no-op"}
    assert result["cell_issues"]["dia"] >= 1
    assert "x4" not in built[1].out + built[1].err


def test_build_writes_no_log_file(built: tuple[Path, Ran]) -> None:
    assert not list(built[0].rglob("*.log"))


def test_status_after_a_build(published: Trd) -> None:
    state = published("status", "--json").document
    dia = next(study for study in state["studies"] if study["study"] == "dia")
    assert dia["forms"][0] | {"landed_at": "", "sha256": ""} == {
        "form": "antidepressant",
        "landed": True,
        "file": "antidepressant_data.csv",
        "rows": len(ROWS),
        "landed_at": "",
        "synthetic": True,
        "sha256": "",
    }
    assert state["published"]["rows"]["subjects"] == {"dia": 2}
    assert state["landed_since"] == []
    assert "SYNTHETIC" in published("status").out


def test_cells_are_counted_and_shown_on_request(published: Trd) -> None:
    counted = published("quarantine", "--cells", "--study", "dia", "--json").document
    assert {"src_form", "column_name", "rule", "n_cells"} <= counted["cells"][0].keys()
    assert "x4" not in published("quarantine", "--cells").out
    shown = published("quarantine", "--cells", "--rows", "--json").document
    assert "x4" in {cell["raw_value"] for cell in shown["cells"]}


def test_quarantine_lists_refusals(published: Trd) -> None:
    document = published("quarantine", "--json").document
    assert document["n_found"] == len(document["refused"])
    listed = published("quarantine", "--rows", "--limit", "0", "--json").document
    assert sum(rule["n_rows"] for rule in document["refused"]) == len(listed["refused"])


def test_unknown_filters_name_what_there_is(published: Trd) -> None:
    done = published("quarantine", "--rule", "parent:refuse")
    assert done.code == 2
    assert "parent:refused" in done.err
    assert published("coverage", "--study", "nobody").code == 2


def test_coverage(published: Trd) -> None:
    rows = published("coverage", "--study", "dia", "--json").document["coverage"]
    sex = next(row for row in rows if (row["entity"], row["column_name"]) == ("subjects", "sex"))
    assert (sex["status"], sex["n_rows"], sex["n_values"], sex["share"]) == ("complete", 2, 2, 1.0)
    matrix = published("coverage").out
    assert "100.0 %" in matrix
    assert "why not complete" in matrix
    assert "drop-out is only seen as absent rows" in matrix


def test_sql_prints_all_columns_uncut(published: Trd) -> None:
    done = published("sql", "select *, repeat('wide ', 60) as long_text from cdm.subjects")
    assert done.code == 0
    assert "wide " * 59 in done.out
    assert "n_src" in done.out
    assert "2 rows" in done.out
    assert "\x1b" not in done.out


def test_sql_for_machines(published: Trd, tmp_path: Path) -> None:
    query = "select null as nothing, [1, 2] as list, date '2020-01-02' as day, 'nan'::double as no, 1 as x, 2 as x"
    expected = [{"nothing": None, "list": [1, 2], "day": "2020-01-02", "no": None, "x": 1, "x_2": 2}]
    assert published("sql", query, "--json").document == expected
    (tmp_path / "q.sql").write_text(query)
    assert published("sql", "--file", str(tmp_path / "q.sql"), "--json").document == expected
    assert published("sql", "--json", stdin=query).document == expected
    rows = list(csv.reader(io.StringIO(published("sql", query, "--csv").out)))
    assert rows == [["nothing", "list", "day", "no", "x", "x"], ["", "[1, 2]", "2020-01-02", "", "1", "2"]]


def test_sql_limits_only_the_table_for_people(published: Trd) -> None:
    assert "the first 1000 rows" in published("sql", "from range(1500)").out
    assert len(published("sql", "from range(1500)", "--json").document) == 1500


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select nope from cdm.subjects", "nope"),
        ("selec 1", "syntax error"),
        ("from cdm.nothing", "show all tables"),
        ("create table x as select 1", "only read"),
    ],
)
def test_sql_errors_are_readable(published: Trd, query: str, said: str) -> None:
    done = published("sql", query)
    assert done.code == 1
    assert said in done.err
    assert "Traceback" not in done.err


def test_sql_without_query_and_terminal_is_a_usage_error(published: Trd) -> None:
    assert published("sql", stdin="").code == 2


def test_a_running_build_is_seen_and_not_disturbed(trd: Trd, tmp_path: Path) -> None:
    house = tmp_path / "warehouse"
    (house / ".next").mkdir(parents=True)
    with FileLock(house / ".next" / "lock"):
        assert trd("status", "--json").document["build_running"] is True
        done = trd("build")
    assert done.code == 1
    assert "another build is working" in done.err
    assert trd("status", "--json").document["build_running"] is False


# --- a failed build, told from dbt's lines without running it


def failed() -> building.BuildResult:
    failure = building.Failure("bad", "model", "marts/bad.sql", "error", "Runtime Error\n  it broke")
    return building.BuildResult(False, False, "2 of 3 nodes ran, 1 failed", 1.5, {"error": 1}, (failure,), ())


def test_a_failed_build_is_exit_1_with_its_message(trd: Trd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_commands, "dbt_build", lambda *_, **__: failed())
    done = trd("build")
    assert done.code == 1
    assert "error: model bad (marts/bad.sql)" in done.out
    assert "it broke" in done.out
    assert "Not published: 2 of 3 nodes ran, 1 failed" in done.out
    assert trd("build", "--json").document["failures"][0]["node"] == "bad"


def line(name: str, level: str = "info", **data: object) -> str:
    return json.dumps({"info": {"name": name, "level": level, "msg": name, "invocation_id": "7"}, "data": data})


def test_what_stops_dbt_before_the_first_node_is_told(tmp_path: Path) -> None:
    told = building._Transcript()
    lines = [line("MainReportVersion"), "not json", line("MainEncounteredError", "error", exc="no node 'nope'")]
    assert [event.kind for event in building._events(lines, told)] == ["line"] * 3
    result = building._result(2, False, 1.0, told, tmp_path / "none.json")
    assert not result.ok
    assert result.failures[0].message == "no node 'nope'"


def test_results_of_another_run_are_not_taken_for_this_one(tmp_path: Path) -> None:
    results = tmp_path / "run_results.json"
    row = {"unique_id": "model.trd_warehouse.m", "status": "success", "message": None}
    results.write_text(json.dumps({"metadata": {"invocation_id": "7"}, "results": [row]}))
    told = building._Transcript(invocation="8", rest=["Killed"])
    result = building._result(137, False, 1.0, told, results)
    assert result.nodes == {}
    assert "code 137: Killed" in result.failures[0].message
    told.invocation = "7"
    assert building._result(0, True, 1.0, told, results).nodes == {"success": 1}


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Conversion Error: Could not convert string 'a'b\nc' to INT32", "string '…' to INT32"),
        ("Conversion Error: Type DOUBLE with value 1e300 can't be cast", "with value '…' can't be cast"),
        ('Constraint Error: Duplicate key "subject_id: 3" violates', "Duplicate key '…' violates"),
        ("Constraint Error: CHECK constraint failed: x in ('b')", "x in ('b')"),
        ("Got 3 results, configured to fail if != 0", "Got 3 results"),
        ("Conversion Error: 'a'\n  \n  LINE 1: select 'sql'", "LINE 1: select 'sql'"),
    ],
)
def test_values_are_left_out_of_messages(message: str, shown: str) -> None:
    clean = building.without_values(message)
    assert shown in clean
    assert not {"a'b", "1e300", "subject_id: 3"} & {part for part in ("a'b", "1e300", "subject_id: 3") if part in clean}


# --- small things


def test_the_report_that_is_not_there_is_said(published: Trd, monkeypatch: pytest.MonkeyPatch) -> None:
    from harmonize.cli import report

    monkeypatch.setattr(report, "PAGE", "analysis.report.nothing_of_that_name")
    done = published("report")
    assert done.code == 1
    assert "not part of this installation" in done.err


def test_the_environment_names_the_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRD_WAREHOUSE", str(tmp_path / "elsewhere"))
    done = CliRunner().invoke(app, ["status", "--json"])
    assert json.loads(done.stdout)["warehouse"] == str(tmp_path / "elsewhere")
    assert Warehouse.default().root == tmp_path / "elsewhere"


def test_dictionary_and_checks_of_a_build_pass_the_privacy_check(published: Trd, tmp_path: Path) -> None:
    """Two persons, so that every count is small: none stands on a page. All that is published is explained."""
    done = published("dictionary", "--out", str(tmp_path / "dictionary"), "--json")
    assert done.code == 0, done.err
    document = done.document
    assert isinstance(document, dict)
    with (tmp_path / "dictionary" / "columns.csv").open(newline="", encoding="utf-8") as stream:
        columns = list(csv.DictReader(stream))
    assert len(columns) == document["columns"] > 900
    assert all(row["description"] for row in columns)
    with (tmp_path / "dictionary" / "tables.csv").open(newline="", encoding="utf-8") as stream:
        assert all(row["grain"] for row in csv.DictReader(stream))
    looked = published("disclose", str(tmp_path / "dictionary"))
    assert looked.code == 0, looked.out
    checked = published("checks", "--json")
    document = checked.document
    assert isinstance(document, dict)
    failed = {row["check"] for row in document["checks"] if row["verdict"] == "failed"}
    assert checked.code == 1
    # the second person's first score is no number: one row of four
    assert "unusable_cells:antidepressant" in failed
    assert published("checks", "--study", "dia").out.count("failed") > 1


def test_plain_values() -> None:
    assert console.plain({"a": float("inf"), "b": (1, 2), "c": Path("x"), "d": b"\x01"}) == {
        "a": None,
        "b": [1, 2],
        "c": "x",
        "d": "01",
    }


def test_facts_shows_what_a_file_says_of_its_columns(trd: Trd, tmp_path: Path) -> None:
    """The labels and the declared code stand in the .sav file that the synthetic writer makes."""
    assert trd("synth", "ispotd", "--n", "30", "--out", str(tmp_path / "files"), "--land").code == 0
    document = trd("facts", "ispotd", "clinical", "--json").document
    assert isinstance(document, dict)
    columns = {column["name"].lower(): column for column in document["forms"]["clinical"]["columns"]}
    assert "Female" in columns["sex"]["value_labels"].values()
    assert columns["minigad"]["missing"][0]["low"] == "-99"
    shown = trd("facts", "ispotd")
    assert shown.code == 0
    assert "declared missing" in shown.out or "Female" in shown.out
    assert trd("facts", "ispotd", "clinic").code == 2
    assert trd("facts", "stard", "hrsd01").out.startswith("stard.hrsd01: the file says nothing")
