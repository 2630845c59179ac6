"""Delimited text, read strictly and in pieces.

Fast CSV parsers accept some damaged input: they pad short rows, keep quotes that stand in the middle of a field,
and let an unclosed quote swallow rows. So every block of bytes is first scanned against the grammar (RFC 4180 with
any delimiter), vectorised over its structural bytes, and only a block that passed is parsed. The two must agree on
the number of records. Blocks are cut where the scan found the end of a record, so row numbers are exact and memory
is bounded by the block.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from harmonize.readers import LandingError
from harmonize.readers.delivered import SEND_AGAIN, Delivered, Fault
from harmonize.readers.facts import ColumnFacts, FileFacts
from harmonize.readers.kinds import found_kind, other_kind_remedy

BLOCK_BYTES = 2 << 20
RECORD_LIMIT_BYTES = 64 << 20
"""A record longer than this is an unclosed quote, not a record."""

DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}

# Ordered: from 1 on a byte may follow a quoted field, from 2 on it may precede one.
_RETURN, _NEWLINE, _DELIMITER, _QUOTE = 1, 2, 3, 4
_WIDE_TEXT = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Source:
    """The text of a file as UTF-8, piece by piece.

    `read` gives everything up to a fault before `fault` is set, so that the reader knows the row it lies in.
    """

    def __init__(self, path: Path, encoding: str, on_bytes: Callable[[int], None] | None = None) -> None:
        self.fault: Fault | None = None
        self.encoding = codecs.lookup(encoding).name.removesuffix("-sig")
        self._decoder = codecs.getincrementaldecoder(self.encoding)()
        self.delivered = Delivered(path, BLOCK_BYTES, on_bytes)
        self._taken = 0
        self._started = False
        self._ended = False

    def read(self) -> bytes:
        """The next piece; empty at the end of the file and at a fault."""
        while not self._ended:
            piece = self.delivered.read()
            if self.delivered.fault is not None:
                self.fault, self._ended = self.delivered.fault, True
                break
            text = self._text(piece)
            if not piece:
                self._ended = True
            if text:
                return text
        return b""

    def _text(self, piece: bytes) -> bytes:
        if not self._started and piece:
            self._started = True
            piece = self._checked_start(piece)
        waiting = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            at = self._taken - waiting + error.start
            byte = f"0x{error.object[error.start]:02x}"
            self._fail(
                f"byte {byte} at offset {at:,} of the text is not valid {self.encoding}",
                "Declare the encoding in the sources YAML, for instance format: {encoding: latin-1}",
                byte,
            )
            return error.object[: error.start].decode(self.encoding).encode()
        self._taken += len(piece)
        return text.encode()

    def _checked_start(self, piece: bytes) -> bytes:
        if (found := found_kind(piece)) is not None:
            self._fail(f"this is {found[0]}, not delimited text", other_kind_remedy(*found))
            return b""
        if piece.startswith(_WIDE_TEXT) and not self.encoding.startswith(("utf-16", "utf-32")):
            self._fail(
                "the file starts with a UTF-16 or UTF-32 byte order mark",
                "Declare format: {encoding: utf-16} in the sources YAML, or save the file as UTF-8",
            )
            return b""
        if self.encoding == "utf-8" and piece.startswith(codecs.BOM_UTF8):
            self._taken = len(codecs.BOM_UTF8)
            return piece[len(codecs.BOM_UTF8) :]
        return piece

    def _fail(self, problem: str, remedy: str, value: str | None = None) -> None:
        self.fault = Fault(problem, remedy, value)
        self._ended = True


@dataclass(frozen=True)
class Scan:
    """The records of one block: `ends` holds the offset of each record's newline, outside quotes."""

    ends: np.ndarray
    longest: int
    newline_in_quotes: bool
    blank_tail: int
    """Number of wholly blank records that end the block."""
    fault: tuple[int, Fault] | None
    """The first record (counted from 0) that breaks the grammar, and how."""


def scan(block: bytes, delimiter: str, width: int | None, final: bool) -> Scan:
    """Check a block that starts where a record starts; `width` is the number of fields a record must have.

    With `final` the block is the end of the file, closed with a newline, so anything after the last record's end is
    a fault. Otherwise that rest is left alone: it is scanned again with the bytes that follow.
    """
    codes = np.frombuffer(block, np.uint8)
    kinds = np.frombuffer(block.translate(_structure(delimiter)), np.uint8)
    at = np.flatnonzero(kinds)
    kind = kinds[at]
    inside = (np.cumsum(kind == _QUOTE, dtype=np.uint8) & 1).astype(bool)
    closing = np.flatnonzero((kind == _NEWLINE) & ~inside)
    ends = at[closing]
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    whole = int(ends[-1]) + 1 if len(ends) else 0
    checked = len(block) if final else whole
    blank_tail = 0 if width == 1 else _blank_tail(block, starts, ends)

    faults: list[tuple[int, Fault]] = []
    for offset, fault in (
        (block.find(b"\0"), _NUL),
        (_misplaced_quote(kinds, at, kind, inside, checked), _QUOTE_INSIDE),
        (_bare_return(codes, at[(kind == _RETURN) & ~inside], checked), _BARE_RETURN),
    ):
        if offset >= 0:
            faults.append((int(np.searchsorted(ends, offset)), fault))
    if final and whole < len(block):
        faults.append((len(ends), _OPEN_QUOTE))
    if width is not None and len(ends):
        fields = np.diff(np.cumsum((kind == _DELIMITER) & ~inside, dtype=np.int64)[closing], prepend=0) + 1
        wrong = np.flatnonzero(fields[: len(ends) - blank_tail] != width)
        if len(wrong):
            record = int(wrong[0])
            blank = ends[record] - starts[record] <= int(block[starts[record] : ends[record]] == b"\r")
            faults.append((record, _BLANK_LINE if blank else _wrong_width(int(fields[record]), width)))
    return Scan(
        ends=ends,
        longest=int((ends - starts).max()) + 1 if len(ends) else 0,
        newline_in_quotes=bool((inside & ((kind == _NEWLINE) | (kind == _RETURN))).any()),
        blank_tail=blank_tail,
        fault=min(faults, key=lambda found: found[0]) if faults else None,
    )


_NUL = Fault("there is a NUL byte", "The file is damaged, or is UTF-16 text: save it as UTF-8", "0x00")
_QUOTE_INSIDE = Fault(
    "a quotation mark stands inside a field, or a quoted field is not closed",
    'Quote a field that holds a quotation mark and double the mark, as in "5"" long"',
)
_OPEN_QUOTE = Fault(
    "the file ends inside a quoted field that starts in this row",
    "The file is cut off or a quotation mark is not closed. " + SEND_AGAIN,
)
_BARE_RETURN = Fault("a carriage return stands alone", "Save the file with line ends LF or CRLF")
_BLANK_LINE = Fault("the line is blank and others follow", "Remove blank lines between rows")


def _wrong_width(fields: int, width: int) -> Fault:
    return Fault(
        f"the row has {fields} field{'' if fields == 1 else 's'}, the header has {width}: too "
        + ("few" if fields < width else "many"),
        "Compare the row with its neighbours: a missing or unquoted delimiter or newline, or a file that was cut off",
        str(fields),
    )


def _structure(delimiter: str) -> bytes:
    """A table for `bytes.translate` that turns structural bytes into their kind and all others into 0."""
    table = bytearray(256)
    for byte, kind in (('"', _QUOTE), ("\n", _NEWLINE), ("\r", _RETURN), (delimiter, _DELIMITER)):
        table[ord(byte)] = kind
    return bytes(table)


def _blank_tail(block: bytes, starts: np.ndarray, ends: np.ndarray) -> int:
    """Number of blank records that end the block."""
    if not len(ends) or block[starts[-1] : ends[-1]].rstrip(b"\r"):
        return 0
    last = len(block[: int(ends[-1])].rstrip(b"\r\n"))
    return len(ends) - (int(np.searchsorted(ends, last)) + 1 if last else 0)


def _misplaced_quote(kinds: np.ndarray, at: np.ndarray, kind: np.ndarray, inside: np.ndarray, checked: int) -> int:
    """Offset of the first quote that neither opens, closes nor doubles, or -1.

    `inside` says whether the text after a structural byte is quoted. An opening quote follows a delimiter, a newline
    or, doubled, a quote; a closing one precedes the same or a carriage return.
    """
    chosen = kind == _QUOTE
    quotes, opens = at[chosen], inside[chosen]
    count = int(np.searchsorted(quotes, checked))
    if not count:
        return -1
    quotes, opens = quotes[:count], opens[:count].astype(np.int8)
    beside = quotes + (1 - 2 * opens)
    # Clipped, a quote at either end of the block stands beside itself, which is allowed.
    wrong = np.flatnonzero(kinds[np.clip(beside, 0, len(kinds) - 1)] < 1 + opens)
    return int(quotes[wrong[0]]) if len(wrong) else -1


def _bare_return(codes: np.ndarray, returns: np.ndarray, checked: int) -> int:
    returns = returns[returns + 1 < checked]
    bare = returns[codes[returns + 1] != ord("\n")]
    return int(bare[0]) if len(bare) else -1


def parse(block: bytes, delimiter: str, width: int, found: Scan) -> pa.Table:
    """A block that passed the scan as text columns named 0, 1, ...; an empty field is null."""
    names = [str(i) for i in range(width)]
    if block.startswith(codecs.BOM_UTF8):
        # The parser drops one byte order mark at the start of every block, and here it is data.
        block = codecs.BOM_UTF8 + block
    return pacsv.read_csv(
        pa.BufferReader(block),
        read_options=pacsv.ReadOptions(column_names=names, block_size=max(1 << 20, 4 * found.longest)),
        parse_options=pacsv.ParseOptions(
            delimiter=delimiter, newlines_in_values=found.newline_in_quotes, ignore_empty_lines=False
        ),
        convert_options=pacsv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def sniff_delimiter(record: str, known: Collection[str], default: str) -> str:
    """The delimiter under which the header record holds most of the `known` names, then most fields."""
    best = (0, 1)
    delimiter = default
    for candidate in DELIMITERS.values():
        fields = _split(record, candidate)
        score = (sum(field.strip().lower() in known for field in fields), len(fields))
        if len(fields) > 1 and score > best:
            best, delimiter = score, candidate
    return delimiter


def _split(record: str, delimiter: str) -> list[str]:
    """Fields of one record; a delimiter inside quotes does not count."""
    fields, quoted = [""], False
    for part in record.split(delimiter):
        if quoted:
            fields[-1] += delimiter + part
        else:
            fields.append(part)
        quoted ^= part.count('"') % 2 == 1
    return [field[1:-1].replace('""', '"') if field[:1] == '"' == field[-1:] else field for field in fields[1:]]


class DelimitedReader:
    """One delimited file: `names` and `head` at once, then its rows as `tables`.

    `layout`, the form's format, may give `encoding` and `delimiter` (a character or tab, comma, semicolon, pipe);
    `known` are the names the form declares, in lower case. Every fault raises LandingError, with file and row.
    Use it as a context manager.
    """

    sheet = None

    def __init__(
        self,
        path: Path,
        layout: Mapping[str, Any],
        known: Collection[str],
        on_bytes: Callable[[int], None] | None = None,
    ) -> None:
        self.file = path.name
        self.names: tuple[str, ...] = ()
        self.delimiter = ""
        self._layout, self._known = layout, known
        self._rows = 0
        self._blank_row: int | None = None
        self._pending = b""
        try:
            self._source = Source(path, str(layout.get("encoding", "utf-8")), on_bytes)
        except LookupError:
            raise LandingError(
                f"the encoding {layout['encoding']!r} is not known", file=self.file, remedy="Correct the sources YAML"
            ) from None
        try:
            self._open(layout)
        except BaseException:
            self._source.delivered.close()
            raise

    def __enter__(self) -> DelimitedReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.delivered.close()

    @property
    def sha256(self) -> str:
        """Of the bytes as delivered, once `tables` is exhausted."""
        return self._source.delivered.sha256

    @property
    def size(self) -> int:
        """Number of bytes as delivered, once `tables` is exhausted."""
        return self._source.delivered.size

    @property
    def facts(self) -> FileFacts:
        """Text says nothing of its columns but their names."""
        return FileFacts("delimited", tuple(ColumnFacts(name) for name in self.names), encoding=self._source.encoding)

    def first_row(self, header_rows: int) -> int:
        """The number of the first row of data; the names stand in row 1."""
        return header_rows + 1

    def _delimiter_of(self, header: str) -> str:
        if declared := self._layout.get("delimiter"):
            return DELIMITERS.get(declared, str(declared))
        return sniff_delimiter(header, self._known, "," if ".csv" in self.file else "\t")

    def _open(self, layout: Mapping[str, Any]) -> None:
        self._final = False
        while not (record := _first_record(self._pending)) and not self._final:
            self._final = not self._more()
        if not self._pending.strip():
            problem = "the file is empty" if not self._pending else "the file holds only blank lines"
            raise LandingError(problem, file=self.file, row=1, remedy=SEND_AGAIN)
        header = (record or self._pending).decode().rstrip("\r\n")
        if not header.strip():
            raise LandingError(
                "the first row holds no column names", file=self.file, row=1, remedy="Remove blank lines at the top"
            )
        declared = layout.get("delimiter")
        self.delimiter = self._delimiter_of(header)
        if len(self.delimiter) != 1 or not self.delimiter.isascii() or self.delimiter in '"\r\n':
            raise LandingError(
                f"{declared!r} is not a delimiter", file=self.file, remedy="Declare one character in the sources YAML"
            )
        while len((found := scan(self._closed(), self.delimiter, None, self._final)).ends) < 3 and not self._final:
            self._final = not self._more()
        self._refuse(found)
        head = self._closed()[: int(found.ends[:3][-1]) + 1]
        self.width = len(_split(header, self.delimiter))
        self._refuse(found := scan(head, self.delimiter, self.width, True))
        rows = parse(head, self.delimiter, self.width, found).to_pydict().values()
        self.head = tuple(
            tuple(value or "" for value in row) for row in list(zip(*rows, strict=True))[: 3 - found.blank_tail]
        )
        """Up to three records, the column names first; an empty field is ''."""
        self.names = self.head[0]

    def tables(self, header_rows: int) -> Iterator[pa.Table]:
        """The data rows in file order: text columns 0, 1, ..., an empty field null."""
        skip = header_rows
        while True:
            block = self._closed()
            found = scan(block, self.delimiter, self.width, self._final)
            self._refuse(found)
            count = len(found.ends)
            filled = count - found.blank_tail
            if filled:
                if self._blank_row is not None:
                    raise self._error(self._blank_row, _BLANK_LINE)
                records = block[: int(found.ends[filled - 1]) + 1]
                table = parse(records, self.delimiter, self.width, found)
                if table.num_rows != filled:
                    raise self._error(
                        self._rows + 1,
                        Fault(
                            f"the parser sees {table.num_rows} rows where the scan counts {filled}",
                            "This is a fault of the program: please report it with the file",
                        ),
                    )
                if table.num_rows > skip:
                    yield table.slice(skip)
                skip = max(0, skip - table.num_rows)
            if found.blank_tail and self._blank_row is None:
                self._blank_row = self._rows + filled + 1
            self._rows += count
            self._pending = block[int(found.ends[-1]) + 1 :] if count else block
            if self._final:
                return
            self._final = not self._more()

    def _closed(self) -> bytes:
        """The bytes at hand; at the end of the file with the newline that the last record may lack."""
        if self._final and self._pending and not self._pending.endswith(b"\n"):
            self._pending += b"\n"
        return self._pending

    def _more(self) -> bool:
        """Read on; False at the end of the file."""
        if len(self._pending) > RECORD_LIMIT_BYTES:
            raise self._error(
                self._row_at_hand(),
                Fault(f"a record is longer than {RECORD_LIMIT_BYTES >> 20} MiB", "A quotation mark is not closed"),
            )
        piece = self._source.read()
        self._pending += piece
        if self._source.fault is not None and not piece:
            raise self._error(self._row_at_hand(), self._source.fault, self._column_at_hand())
        return bool(piece)

    def _row_at_hand(self) -> int:
        """The row that the next byte belongs to."""
        return self._rows + len(scan(self._pending, self.delimiter or "\t", None, False).ends) + 1

    def _column_at_hand(self) -> str | None:
        """The column that the next byte belongs to; None while the names are not known."""
        header = _first_record(self._pending).decode().rstrip("\r\n")
        delimiter = self.delimiter or self._delimiter_of(header)
        names = self.names or (_split(header, delimiter) if header and not self._rows else ())
        found = scan(self._pending, delimiter, None, False)
        record = self._pending[int(found.ends[-1]) + 1 if len(found.ends) else 0 :]
        field = len(_split(record.decode(), delimiter)) - 1
        return names[field] if field < len(names) else None

    def _refuse(self, found: Scan) -> None:
        if found.fault is not None:
            record, fault = found.fault
            raise self._error(self._rows + record + 1, fault)

    def _error(self, row: int, fault: Fault, column: str | None = None) -> LandingError:
        return LandingError(
            fault.problem, file=self.file, row=row, column=column, value=fault.value, remedy=fault.remedy
        )


def _first_record(text: bytes) -> bytes:
    """The first record with its newline; empty while it is not complete."""
    end = text.find(b"\n")
    while end >= 0 and text.count(b'"', 0, end) % 2:
        end = text.find(b"\n", end + 1)
    return text[: end + 1]
