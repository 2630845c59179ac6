"""Runs `dbt build` and follows it: which node runs, what failed and why, whether the result was published.

dbt runs in a process of its own, so that its global state and its death stay there. Its working files lie in the
warehouse, so that builds of several warehouses do not meet, and no log file is written, because messages of a database
can hold values of patients.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harmonize.paths import DBT_PROJECT, Warehouse

RUN_DBT = "from dbt.cli.main import cli; cli(prog_name='dbt')"
GREEN = frozenset({"success", "pass", "no-op"})
RESULTS = {"LogModelResult", "LogTestResult", "LogSeedResult", "LogSnapshotResult", "LogUnitTestResult"}
_UNIT_TESTS = re.compile(r"(\d+) unit test")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_VALUES = re.compile(r"['\"].*['\"]|(?<=with value )\S+|\([^()]*\)", re.DOTALL)
_QUOTING = re.compile(r"(?:Conversion|Constraint|Invalid Input|Out of Range) Error")


@dataclass(frozen=True)
class Event:
    """One step of a running build: `kind` is `plan`, `start`, `finish` or `line` (anything else that dbt says)."""

    kind: str
    text: str
    node: str = ""
    status: str = ""
    total: int = 0


@dataclass(frozen=True)
class Failure:
    """A node that failed or warned. Values that a database quotes in its message are left out of `message`."""

    node: str
    kind: str
    path: str
    status: str
    message: str


@dataclass(frozen=True)
class BuildResult:
    """How a build ended. `nodes` counts them by status; `reason` says why it was published, or was not."""

    ok: bool
    published: bool
    reason: str
    seconds: float
    nodes: Mapping[str, int]
    failures: tuple[Failure, ...]
    warnings: tuple[Failure, ...]


@dataclass
class _Transcript:
    """What the log lines told: filled while dbt runs."""

    invocation: str = ""
    partial: bool = False
    unit_tests: int = 0
    """dbt leaves them out where it says how many nodes it will run."""
    total: int = 0
    publication: str = ""
    errors: list[str] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)


def dbt_build(
    warehouse: Warehouse,
    *,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    threads: int | None = None,
    project: Path = DBT_PROJECT,
    on_event: Callable[[Event], None] = lambda event: None,
) -> BuildResult:
    """Run `dbt build` on the warehouse; a failed build is a result, not an exception."""
    root = warehouse.root.resolve()
    (root / ".next").mkdir(parents=True, exist_ok=True)
    before = _identity(warehouse.database)
    told = _Transcript(partial=bool(select or exclude))
    started = time.monotonic()
    process = subprocess.Popen(
        _arguments(root, project, select, exclude, threads),
        cwd=project,
        env=_environment(root, threads),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    try:
        for event in _events(process.stdout, told):
            on_event(event)
        code = process.wait()
    finally:
        _stop(process)
    seconds = time.monotonic() - started
    published = _identity(warehouse.database) != before
    return _result(code, published, seconds, told, root / ".next" / "target" / "run_results.json")


def is_building(warehouse: Warehouse) -> bool:
    """Whether a build holds the warehouse at this moment."""
    lock = warehouse.next / "lock"
    if not lock.exists():
        return False
    with lock.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def without_values(message: str) -> str:
    """A database's message without the cell values it quotes; the SQL it shows below is kept."""
    found = _QUOTING.search(message)
    if found is None or "CHECK constraint" in message:
        return message
    head, line, sql = re.split(r"(\n\s*LINE \d+:|$(?!\n))", message[found.end() :], maxsplit=1)
    return message[: found.end()] + _VALUES.sub("'…'", head) + line + sql


def _arguments(
    root: Path, project: Path, select: Sequence[str], exclude: Sequence[str], threads: int | None
) -> list[str]:
    arguments = [sys.executable, "-P", "-c", RUN_DBT, "build", "--target", "build"]
    arguments += ["--project-dir", str(project), "--profiles-dir", str(project)]
    arguments += ["--target-path", str(root / ".next" / "target"), "--log-path", str(root / ".next" / "logs")]
    arguments += ["--log-format", "json", "--log-level", "info", "--log-level-file", "none", "--no-use-colors"]
    for option, chosen in (("--select", select), ("--exclude", exclude)):
        parts = [part for text in chosen for part in text.split()]
        arguments += [option, *parts] if parts else []
    return [*arguments, "--threads", str(threads)] if threads else arguments


def _environment(root: Path, threads: int | None) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBT_ENGINE_")}
    environment |= {
        "TRD_WAREHOUSE": str(root),
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "PYTHONUTF8": "1",
    }
    if threads:
        environment["TRD_THREADS"] = str(threads)
    return environment


def _stop(process: subprocess.Popen[str]) -> None:
    """Let a build that was interrupted end by itself, and end it where it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _identity(path: Path) -> tuple[int, int] | None:
    """What changes when the published file is replaced."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def _events(lines: Iterable[str], told: _Transcript) -> Iterator[Event]:
    for line in lines:
        try:
            entry = json.loads(line)
            info, data = entry["info"], entry["data"]
        except (ValueError, KeyError, TypeError):
            if line.strip():
                told.rest.append(line.rstrip())
                yield Event("line", line.rstrip())
            continue
        yield _event(info, data, told)


def _event(info: Mapping[str, Any], data: Mapping[str, Any], told: _Transcript) -> Event:
    name, text = info["name"], _COLOUR.sub("", info["msg"])
    told.invocation = info["invocation_id"]
    node = data.get("node_info") or {}
    if node:
        told.paths[node["unique_id"]] = node["node_path"]
    if name == "FoundStats":
        told.unit_tests = int(next(iter(_UNIT_TESTS.findall(data["stat_line"])), "0"))
    if name == "ConcurrencyLine":
        told.total = data["node_count"] + (0 if told.partial else told.unit_tests)
        return Event("plan", text, total=told.total)
    if name == "LogStartLine":
        return Event("start", text, node["node_name"], total=told.total)
    if name in RESULTS or (name == "SkippingDetails" and node):
        return Event("finish", text, node.get("node_name", ""), str(data.get("status", "skipped")), told.total)
    if name == "JinjaLogInfo" and text.startswith(("Published:", "Not published:")):
        told.publication = text.partition(": ")[2]
    elif info["level"] == "error" and name in ("MainEncounteredError", "MainStackTrace"):
        told.errors.append(str(data.get("exc", text)))
    return Event("line", text)


def _result(code: int, published: bool, seconds: float, told: _Transcript, results: Path) -> BuildResult:
    rows = _run_results(results, told.invocation)
    nodes = Counter(str(row["status"]) for row in rows if not row["unique_id"].startswith("operation."))
    bad = [row for row in rows if row["status"] not in GREEN | {"warn", "skipped"}]
    failures = [_failure(row, told.paths) for row in bad]
    failures += [Failure("dbt", "project", "", "error", without_values(text)) for text in told.errors]
    if code == 0 and not nodes:
        failures.append(Failure("dbt", "selection", "", "error", "no node fits --select and --exclude; see dbt ls"))
    if code != 0 and not failures:
        last = "\n".join(told.rest[-15:]) or "it said nothing"
        failures.append(Failure("dbt", "process", "", "error", f"dbt ended with code {code}: {without_values(last)}"))
    return BuildResult(
        ok=not failures,
        published=published,
        reason=told.publication or ("dbt ended before all nodes ran" if code else "no node ran"),
        seconds=round(seconds, 1),
        nodes=dict(sorted(nodes.items())),
        failures=tuple(failures),
        warnings=tuple(_failure(row, told.paths) for row in rows if row["status"] == "warn"),
    )


def _run_results(path: Path, invocation: str) -> list[dict[str, Any]]:
    """The results of this very invocation; none where dbt ended before it wrote them."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    if document["metadata"]["invocation_id"] != invocation:
        return []
    return list(document["results"])


def _failure(row: Mapping[str, Any], paths: Mapping[str, str]) -> Failure:
    kind, _, name = row["unique_id"].partition(".")
    return Failure(
        node=name.partition(".")[2] or name,
        kind=kind,
        path=paths.get(row["unique_id"], ""),
        status=str(row["status"]),
        message=without_values(_COLOUR.sub("", str(row["message"] or "")).strip()),
    )
