"""What people and machines get to see: tables, JSON, progress and errors."""

from __future__ import annotations

import csv
import difflib
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

import duckdb
import typer
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

WIDE = 100_000
"""Columns of a stream that is no terminal: nothing is cut off or folded for a file or a pipe."""

FOLDED = 10
"""A longer value may be folded on a terminal."""
FEW = 20
"""So many names are listed in a usage error; more only where none is near to the one given."""

_state = {"json": False}


class CommandError(Exception):
    """A command cannot do what was asked; `fields` say where, `remedy` what to do."""

    def __init__(self, problem: str, *, remedy: str = "", **fields: object) -> None:
        self.problem = problem
        self.remedy = remedy
        self.fields = fields
        super().__init__(problem)


def reset(*, as_json: bool = False) -> None:
    """Note whether the running command was asked for JSON."""
    _state["json"] = as_json


def wants_json() -> bool:
    """Whether the running command was asked for JSON."""
    return _state["json"]


def _console(stream: TextIO) -> Console:
    terminal = stream.isatty()
    return Console(file=stream, width=None if terminal else WIDE, highlight=False, no_color=not terminal or None)


def out() -> Console:
    """For results."""
    return _console(sys.stdout)


def err() -> Console:
    """For progress, notes and errors."""
    return _console(sys.stderr)


def note(text: str) -> None:
    """One line beside the result."""
    err().print(Text(text), soft_wrap=True)


def say(text: str = "", style: str = "") -> None:
    """One line of the result; never parsed for markup."""
    out().print(Text(text, style=style), soft_wrap=True)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """All rows and columns. Where a terminal is too narrow a long value is folded, never cut, and where that would be
    unreadable each row is shown as a list of its values.
    """
    values = [list(row) for row in rows]
    console = out()
    if _needed(columns, values) > console.width:
        _show_records(title, columns, values)
        return
    table = Table(title=Text(title, style="bold") if title else None, title_justify="left", box=box.SIMPLE_HEAD)
    for number, name in enumerate(columns):
        numeric = any(_is_number(row[number]) for row in values)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in values:
        table.add_row(*(Text(_shown(value)) for value in row))
    with console.capture() as drawn:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines()))


def _needed(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
    """The width below which a table of these columns cannot be read."""
    widest = [max([len(name), *(len(_shown(row[at])) for row in rows)]) for at, name in enumerate(columns)]
    return sum(min(width, FOLDED) + 3 for width in widest)


def _show_records(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if title:
        say(title, "bold")
    if not rows:
        say(f"columns: {', '.join(columns)}")
    width = max(len(name) for name in columns)
    for number, row in enumerate(rows, start=1):
        say(f"-- row {number}", "dim")
        for name, value in zip(columns, row, strict=True):
            say(f"  {name:<{width}}  {_shown(value)}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else str(value)
    return str(value)


def plain(value: Any) -> Any:
    """A value as JSON knows it; what JSON cannot say is null or text."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Path | UUID | timedelta):
        return str(value)
    return value if value is None or isinstance(value, str | int) else str(value)


def show_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(plain(document), ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()


def records(frame: Any) -> list[dict[str, Any]]:
    """The rows of a data frame as JSON objects; what is missing is null."""
    known = frame.astype(object).where(frame.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in known.to_dict("records")]


def cell(value: Any, decimals: int = 2) -> object:
    """A value of a data frame for a table on a terminal: what is missing is blank, numbers have so many decimals."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, float) and math.isnan(value):
        return ""
    return f"{value:.{decimals}f}" if isinstance(value, float) else value


def show_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Comma-separated values on stdout; null is empty, a list is JSON."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_csv_cell(value) for value in row])


def _csv_cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    simple = plain(value)
    return json.dumps(simple, ensure_ascii=False) if isinstance(simple, list | dict) else simple


def size(n_bytes: int) -> str:
    """Bytes for people."""
    number = float(n_bytes)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def counted(n: int, what: str) -> str:
    """A number with its noun: `1 row`, `2 rows`."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def shortened(name: str, most: int = 32) -> str:
    """A name for a progress line, where it need not be whole."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def byte_progress() -> Progress:
    """A bar that counts bytes, on stderr, seen only on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err(), transient=True, disable=not sys.stderr.isatty())


def node_progress() -> Progress:
    """A bar that counts nodes, on stderr, seen only on a terminal."""
    columns = (
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    return Progress(*columns, console=err(), transient=True, disable=not sys.stderr.isatty())


def described(error: Exception) -> dict[str, Any]:
    """An error as fields: always `problem`; `file`, `row`, `column`, `value`, `remedy` and others where known."""
    if isinstance(error, CommandError):
        fields: dict[str, Any] = {"problem": error.problem, **error.fields, "remedy": error.remedy}
    elif hasattr(error, "problem") and hasattr(error, "remedy"):
        names = ("problem", "file", "row", "column", "value", "remedy")
        fields = {name: getattr(error, name, None) for name in names}
    elif isinstance(error, duckdb.Error):
        fields = {"problem": str(error)}
    elif isinstance(error, OSError):
        fields = {"problem": error.strerror or str(error), "file": error.filename}
    elif isinstance(error, ValueError):
        fields = {"problem": str(error)}
    else:
        fields = {
            "problem": f"{type(error).__name__}: {error}",
            "remedy": "This is a fault of trd. Run it again with TRD_DEBUG=1 to see where",
        }
    return {name: value for name, value in fields.items() if value not in (None, "")}


def show_error(error: Exception, *, as_json: bool) -> None:
    """One red block on stderr; on stdout the same as an object where JSON was asked for."""
    fields = described(error)
    width = max(len(name) for name in fields)
    problem = str(fields["problem"])
    lines = [problem] + [f"{name:<{width}}  {value}" for name, value in fields.items() if name != "problem"]
    err().print(Panel.fit(Text("\n".join(lines)), title="Error", title_align="left", border_style="red"))
    if as_json:
        show_json({"error": fields})


def one_of(value: str | None, known: Iterable[str], what: str) -> str | None:
    """The value if it is known or None; else a usage error that names those there are, the nearest first."""
    names = sorted(set(known))
    if value is None or value in names:
        return value
    near = difflib.get_close_matches(value, names, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    listed = f" Known: {', '.join(names) or 'none'}" if len(names) <= FEW or not near else ""
    raise typer.BadParameter(f"there is no {what} {value!r}.{meant}{listed}")
