"""The command line `trd`: one module per group of commands, one Typer app."""

from __future__ import annotations

import signal
import sys

from harmonize.cli import (
    build,
    dictionary,
    disclose,
    facts,
    land,
    link,
    quality,
    report,
    sql,
    status,
    study,
    synth,
    trajectories,
)
from harmonize.cli.app import app

__all__ = [
    "app",
    "build",
    "dictionary",
    "disclose",
    "facts",
    "land",
    "link",
    "main",
    "quality",
    "report",
    "sql",
    "status",
    "study",
    "synth",
    "trajectories",
]


def main() -> None:
    """The entry point of the installed command."""
    # As an exception, so that a build that is under way is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    app(prog_name="trd")
