"""A copy of the checkout in which a test may add studies, and the command line working on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from harmonize.paths import REPO
from tests.dbt_project.kit import PSEUDONYM_KEY

KEPT = "stard"
"""quality.dq_result names its findings; the other studies are left out to keep the build small."""


class Checkout:
    """A copy without unit tests and without studies but one; `trd` runs on it with a warehouse of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("harmonize", "schemas", "analysis", "dbt_project"):
            leave = shutil.ignore_patterns("target", "logs", "__pycache__", "*__unit_tests.yml")
            shutil.copytree(REPO / name, root / name, ignore=leave)
        mappings = root / "harmonize" / "mappings"
        for folder in sorted((root / "dbt_project" / "models" / "staging").iterdir()):
            if folder.is_dir() and folder.name != KEPT:
                shutil.rmtree(folder)
                shutil.rmtree(mappings / folder.name, ignore_errors=True)
                for file in (f"{folder.name}.csv", f"{folder.name}_blocks.csv"):
                    (mappings / file).unlink(missing_ok=True)
        command = root / "bin" / "trd"
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from harmonize.cli import main; main()" "$@"\n')
        command.chmod(0o755)

    @property
    def warehouse(self) -> Path:
        """Its warehouse."""
        return self.root / "warehouse"

    def environment(self) -> dict[str, str]:
        """Of commands that work on the copy."""
        return {
            **os.environ,
            "PYTHONPATH": str(self.root),
            "TRD_WAREHOUSE": str(self.warehouse),
            "TRD_PSEUDONYM_KEY": PSEUDONYM_KEY,
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
        }

    def shell(self, script: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell script in the copy; it must end well unless `check` is off."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.root,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
        return done

    def trd(self, *lines: list[str]) -> None:
        """Run commands one after the other in one process; each must end well."""
        code = (
            "import json, sys\n"
            "from harmonize.cli import app\n"
            "for line in json.loads(sys.argv[1]):\n"
            "    try:\n"
            "        app(line, standalone_mode=False)\n"
            "    except SystemExit as end:\n"
            "        assert not end.code, line\n"
        )
        import json

        done = subprocess.run(
            [sys.executable, "-c", code, json.dumps(lines)],
            cwd=self.root,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def edit(self, file: str, *changes: tuple[str, str]) -> None:
        """Replace text in a file, as a data manager does; each text must be there."""
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        for before, after in changes:
            assert before in text, f"{file} has no {before!r}"
            text = text.replace(before, after)
        path.write_text(text, encoding="utf-8")
