"""What this project itself says: seeds, mapping documents and YAML. A date of a citation or the figure of a worked
example that stands there word for word is no patient's."""

from __future__ import annotations

import csv
import re
from functools import cache

from harmonize.paths import DBT_PROJECT, MAPPINGS, SEEDS

LONG = 25
"""So many characters make a part of a sentence its own."""
_SPACE = re.compile(r"\s+")


def is_own(text: str) -> bool:
    """Whether the text is a cell of a seed, or a longer part of what the project's files say."""
    cells, joined = _corpus()
    parts = [part for part in map(_plain, text.split("·")) if part]
    return all(part in cells or (len(part) >= LONG and part in joined) for part in parts)


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


@cache
def _corpus() -> tuple[frozenset[str], str]:
    cells: set[str] = set()
    for folder in (SEEDS, MAPPINGS):
        for path in sorted(folder.rglob("*.csv")):
            with path.open(newline="", encoding="utf-8") as stream:
                for row in csv.reader(stream):
                    cells.update(_plain(cell) for cell in row if any(c.isdigit() for c in cell))
    files = [p for p in sorted(DBT_PROJECT.rglob("*.yml")) if "target" not in p.relative_to(DBT_PROJECT).parts]
    texts = [_plain(path.read_text(encoding="utf-8").replace('\\"', '"')) for path in files]
    return frozenset(cells), "\n".join([*cells, *texts])
