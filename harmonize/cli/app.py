"""The Typer app: global options, how a command describes itself, and what becomes of an error."""

from __future__ import annotations

import errno
import inspect
import os
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from typer.core import TyperGroup

from harmonize.cli import console
from harmonize.paths import Warehouse

Function = TypeVar("Function", bound=Callable[..., Any])
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]


class _Group(TyperGroup):
    """Shows every error as one readable block, and as an object where JSON was asked for."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            console.note("Interrupted.")
            raise
        except Exception as error:
            if _is_control_flow(error):
                raise
            if os.environ.get("TRD_DEBUG") == "1":
                console.err().print_exception()
            console.show_error(error, as_json=console.wants_json())
            raise typer.Exit(1) from error


def _is_control_flow(error: Exception) -> bool:
    """Typer's own exits and usage errors, and a reader that closed the pipe."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    broken_pipe = isinstance(error, OSError) and error.errno == errno.EPIPE
    return broken_pipe or isinstance(error, typer.Exit | typer.Abort) or "ClickException" in kinds


app = typer.Typer(
    name="trd",
    cls=_Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=True,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"trd {version('trd-warehouse')}")
        except PackageNotFoundError:
            typer.echo("trd, not installed")
        raise typer.Exit


def help_text(description: str, examples: Sequence[str], exits: Sequence[str]) -> str:
    """Help text whose examples and exit codes stand on lines of their own."""
    shown = "\n".join(f"  {escape(line)}" for line in examples)
    codes = "\n".join(f"  {code}  {escape(meaning)}" for code, meaning in enumerate(exits))
    return f"{inspect.cleandoc(description)}\n\n\b\nExamples:\n{shown}\n\n\b\nExit codes:\n{codes}"


def command(
    name: str,
    *,
    examples: Sequence[str],
    fails: str,
    ok: str = "done",
    panel: str | None = None,
    group: typer.Typer | None = None,
) -> Callable[[Function], Function]:
    """Register a command, of `trd` or of one of its groups. Its docstring is the help; `fails` says what exit code 1
    means.
    """
    exits = (ok, fails, "the command line was wrong")

    def register(function: Function) -> Function:
        text = help_text(function.__doc__ or "", examples, exits)
        where = app if group is None else group
        where.command(name, help=text, rich_help_panel=panel, short_help=_summary(function))(function)
        return function

    return register


def _summary(function: Callable[..., Any]) -> str:
    return inspect.cleandoc(function.__doc__ or "").split("\n\n")[0].replace("\n", " ")


@app.callback(
    help=help_text(
        "Antidepressant trials, from the files as delivered to one validated common model.",
        ["trd demo", "trd land stard /data/stard", "trd build", "trd sql 'from cdm.subjects limit 5'"],
        ("done", "the thing failed, or there are findings", "the command line was wrong"),
    )
)
def _global(
    ctx: typer.Context,
    warehouse: Annotated[
        Path | None,
        typer.Option(
            "--warehouse",
            envvar="TRD_WAREHOUSE",
            file_okay=False,
            help="The folder a build reads and writes. Without it, warehouse/ of the checkout.",
        ),
    ] = None,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    ctx.obj = Warehouse(warehouse.resolve()) if warehouse else Warehouse.default()
    console.reset()


def warehouse_of(ctx: typer.Context) -> Warehouse:
    """The warehouse that the command line or the environment names; sets how errors are shown."""
    console.reset(as_json=bool(ctx.params.get("as_json")))
    house = ctx.obj
    assert isinstance(house, Warehouse)
    return house
