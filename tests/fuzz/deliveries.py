"""Deliveries that went wrong on the way: changes to sound synthetic files, as people and programs make them.

A change of rows works on the parsed file, a change of bytes on what is written; each takes its own random numbers, so a
delivery is told by its file and a list of (change, seed).
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from harmonize.delivery import match_files
from harmonize.sources import Form, study
from harmonize.synthetic import mars
from harmonize.synthetic.studies import synthetic

Rows = list[list[str]]
SEED, PERSONS = 3, 6
UNITS = (" mg", "mg/day", " Pkt.", " years", "%", " (approx.)")
DATES = ("36962", "37000.5", "03/12/2001", "2001-03-12T08:30:00", "12.03.2001")


@dataclass(frozen=True)
class Delivered:
    """One sound file of a study and the form it holds."""

    study: str
    form: Form
    name: str
    content: bytes

    @property
    def is_text(self) -> bool:
        """Delimited text, whose rows can be changed and counted."""
        return self.name.endswith((".txt", ".csv"))

    @property
    def delimiter(self) -> str:
        """Of the sound file."""
        return max(",;\t", key=self.content.split(b"\n")[0].decode("latin-1").count)

    @property
    def encoding(self) -> str:
        """As the contract says."""
        return str(self.form.format.get("encoding", "utf-8"))

    def rows(self) -> Rows:
        """All records, names first."""
        text = self.content.decode(self.encoding)
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter))

    def written(self, rows: Rows) -> bytes:
        """Records as a file of the same kind, every field in quotes."""
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=self.delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
        return out.getvalue().encode(self.encoding, "replace")


@cache
def sound_files(folder: Path, studies: tuple[str, ...]) -> tuple[Delivered, ...]:
    """Every data file of synthetic studies, few persons each."""
    found: list[Delivered] = []
    for name in studies:
        if name == "mars":
            mars.write(folder / name, PERSONS, SEED, delivery="csv")
        else:
            synthetic(name).write(folder / name, PERSONS, SEED)
        files, _ = match_files(study(name), folder / name, folder)
        found += [Delivered(name, study(name).form(f), path.name, path.read_bytes()) for f, path in files.items()]
    return tuple(found)


# --- Changes of rows -------------------------------------------------------------------------------------------------


def _cells(rows: Rows, rng: Random, many: int = 4) -> Iterator[tuple[int, int]]:
    """Places of some cells below the names."""
    for _ in range(rng.randint(1, many)):
        row = rng.randrange(1, len(rows)) if len(rows) > 1 else 0
        if rows[row]:
            yield row, rng.randrange(len(rows[row]))


def swap_columns(rows: Rows, rng: Random) -> Rows:
    """Two columns change places, names and all, or the cells alone."""
    a, b = rng.randrange(len(rows[0])), rng.randrange(len(rows[0]))
    for row in rows[rng.randint(0, 1) :]:
        if max(a, b) < len(row):
            row[a], row[b] = row[b], row[a]
    return rows


def cut_rows(rows: Rows, rng: Random) -> Rows:
    """Some rows are gone, or all."""
    keep = rng.choice((0.0, 0.5, 0.9))
    return [row for i, row in enumerate(rows) if i == 0 or rng.random() < keep]


def cut_fields(rows: Rows, rng: Random) -> Rows:
    """A row ends early or has a field too many."""
    row = rows[rng.randrange(len(rows))]
    if rng.random() < 0.5 and row:
        del row[rng.randrange(len(row)) :]
    else:
        row.append(rng.choice(("", "x", "1")))
    return rows


def double_header(rows: Rows, rng: Random) -> Rows:
    """The names stand there again: below themselves, in the middle, at the end."""
    rows.insert(rng.choice((1, len(rows) // 2, len(rows))), list(rows[0]))
    return rows


def drop_header(rows: Rows, rng: Random) -> Rows:
    """The names are gone."""
    return rows[1:] or [[""]]


def rename(rows: Rows, rng: Random) -> Rows:
    """A name is written otherwise, is blank, or is that of another column."""
    place = rng.randrange(len(rows[0]))
    rows[0][place] = rng.choice(
        (rows[0][place].upper(), f" {rows[0][place]} ", "", "x", rng.choice(rows[0]), "src_row")
    )
    return rows


def add_units(rows: Rows, rng: Random) -> Rows:
    """Numbers with a unit."""
    for row, place in _cells(rows, rng, 10):
        rows[row][place] += rng.choice(UNITS)
    return rows


def dates_as_numbers(rows: Rows, rng: Random) -> Rows:
    """Numbers of days, and dates where numbers should be."""
    for row, place in _cells(rows, rng, 10):
        rows[row][place] = rng.choice(DATES)
    return rows


def odd_cells(rows: Rows, rng: Random) -> Rows:
    """Cells that programs stumble over."""
    odd = (
        "\x00",
        "\n",
        '"',
        '""',
        "'",
        "\t",
        ";",
        "=1+1",
        "nan",
        "1e999",
        "-" * 50,
        "é",
        "😀",
        "a" * 70_000,
        " ",
        "\ufeff",
    )
    for row, place in _cells(rows, rng):
        rows[row][place] = rng.choice(odd) + rng.choice(("", rows[row][place]))
    return rows


def twice(rows: Rows, rng: Random) -> Rows:
    """Rows are there again."""
    return rows + [list(rng.choice(rows)) for _ in range(rng.randint(1, 5))]


# --- Changes of bytes ------------------------------------------------------------------------------------------------


def flip_bytes(content: bytes, rng: Random) -> bytes:
    """Some bytes are others."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        if changed:
            changed[rng.randrange(len(changed))] ^= rng.randrange(1, 256)
    return bytes(changed)


def cut_off(content: bytes, rng: Random) -> bytes:
    """The transfer ended early, or at once."""
    return content[: rng.choice((0, 1, rng.randrange(len(content) + 1)))]


def mixed_encodings(content: bytes, rng: Random) -> bytes:
    """Lines of another encoding among the others."""
    lines = content.split(b"\n")
    other = rng.choice(
        ("\xe4\xf6\xfc".encode("latin-1"), "äöü".encode("utf-16"), "äöü".encode(), b"\xff\xfe", b"\x93x\x94")
    )
    place = rng.randrange(len(lines))
    at = rng.randrange(len(lines[place]) + 1)
    lines[place] = lines[place][:at] + other + lines[place][at:]
    return b"\n".join(lines)


def recode(content: bytes, rng: Random) -> bytes:
    """The whole file in another encoding, with or without a mark."""
    return content.decode("latin-1").encode(rng.choice(("utf-16", "utf-8-sig", "utf-16-le", "utf-32")))


def line_ends(content: bytes, rng: Random) -> bytes:
    """Other line ends, in all lines or in some."""
    end = rng.choice((b"\r\n", b"\r", b"\n\n"))
    return content.replace(b"\n", end, rng.choice((-1, 1, 3)))


def other_delimiter(content: bytes, rng: Random) -> bytes:
    """Another delimiter, in all lines or in some."""
    lines = content.split(b"\n")
    first = rng.choice((0, 1, len(lines) // 2))
    mark = rng.choice((b",", b";", b"\t", b"|"))
    return b"\n".join(
        line.replace(b"\t", mark).replace(b";", mark) if i >= first else line for i, line in enumerate(lines)
    )


def unquoted(content: bytes, rng: Random) -> bytes:
    """Quotes are gone, all or one."""
    return content.replace(b'"', b"", rng.choice((-1, 1)))


def zipped(content: bytes, rng: Random) -> bytes:
    """Compressed, under a name that does not say so."""
    return gzip.compress(content)


ROW_CHANGES: tuple[Callable[[Rows, Random], Rows], ...] = (
    swap_columns, cut_rows, cut_fields, double_header, drop_header, rename, add_units, dates_as_numbers, odd_cells,
    twice,
)  # fmt: skip
BYTE_CHANGES: tuple[Callable[[bytes, Random], bytes], ...] = (
    flip_bytes, cut_off, mixed_encodings, recode, line_ends, other_delimiter, unquoted, zipped,
)  # fmt: skip


def changed(file: Delivered, rows: list[tuple[int, int]], content: list[tuple[int, int]]) -> bytes:
    """The file after changes of rows, then of bytes; each is (which, seed). Only text has rows to change."""
    data = file.content
    if rows and file.is_text:
        records = file.rows()
        for which, seed in rows:
            records = ROW_CHANGES[which](records, Random(seed)) or [[""]]
        data = file.written(records)
    for which, seed in content:
        data = BYTE_CHANGES[which](data, Random(seed))
    return data
