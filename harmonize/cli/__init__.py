"""The command line `trd`: every module of this package but `app` and `console` adds its commands to one Typer app."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from pkgutil import iter_modules

from harmonize.cli.app import app

__all__ = ["app", "main"]

for _found in sorted(iter_modules(__path__), key=lambda module: module.name):
    import_module(f"{__name__}.{_found.name}")


def main() -> None:
    """The entry point of the installed command."""
    # As an exception, so that a build that is under way is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    app(prog_name="trd")
