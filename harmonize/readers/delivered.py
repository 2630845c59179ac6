"""The bytes of a file as delivered: counted, hashed, and unpacked where its name ends in .gz."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from harmonize.readers import LandingError

SEND_AGAIN = "Ask for the file again or download it again"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file at one place; the reader adds file and row."""

    problem: str
    remedy: str
    value: str | None = None


class Delivered:
    """A file's content piece by piece, with the SHA-256 and the number of the bytes as delivered.

    `read` gives everything up to a fault before `fault` is set, so that a reader knows the row it lies in.
    """

    def __init__(self, path: Path, piece_bytes: int, on_bytes: Callable[[int], None] | None = None) -> None:
        self.fault: Fault | None = None
        self.size = 0
        self._hash = hashlib.sha256()
        self._on_bytes = on_bytes
        self._piece_bytes = piece_bytes
        self._inflate = zlib.decompressobj(wbits=31) if path.name.lower().endswith(".gz") else None
        self._packed = b""
        self._file: BinaryIO = path.open("rb")

    @property
    def sha256(self) -> str:
        """Of the bytes read so far; of the whole file once `read` has returned nothing."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def read(self) -> bytes:
        """The next piece; empty at the end of the file and at a fault."""
        if self._inflate is None:
            return self._delivered()
        while True:
            if not self._packed:
                self._packed = self._delivered()
                if not self._packed:
                    if not self._inflate.eof:
                        self.fault = Fault(f"the gzip file is cut off after {self.size:,} bytes", SEND_AGAIN)
                    return b""
            if self._inflate.eof:
                # A gzip file may hold several members; zeros after the last one are padding.
                self._packed = self._packed.lstrip(b"\0")
                if not self._packed:
                    continue
                self._inflate = zlib.decompressobj(wbits=31)
            try:
                piece = self._inflate.decompress(self._packed, self._piece_bytes)
            except zlib.error as error:
                self.fault = Fault(f"the file is not a sound gzip file ({error})", SEND_AGAIN)
                return b""
            self._packed = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if piece:
                return piece

    def _delivered(self) -> bytes:
        piece = self._file.read(self._piece_bytes)
        self._hash.update(piece)
        self.size += len(piece)
        if self._on_bytes is not None:
            self._on_bytes(self.size)
        return piece


@dataclass(frozen=True)
class Unpacked:
    """A file that a library can open by its path, with hash and size of what was delivered."""

    path: Path
    sha256: str
    size: int


def unpack(path: Path, work: Path, on_bytes: Callable[[int], None] | None = None) -> Unpacked:
    """Read a file once for its hash; one that is packed is written to `work`. Raises LandingError for a bad gzip."""
    packed = path.name.lower().endswith(".gz")
    plain = work / f"unpacked_{path.name[:-3]}" if packed else path
    delivered = Delivered(path, 2 << 20, on_bytes)
    try:
        if packed:
            with plain.open("wb") as out:
                while piece := delivered.read():
                    out.write(piece)
        else:
            while delivered.read():
                pass
    finally:
        delivered.close()
    if delivered.fault is not None:
        raise LandingError(delivered.fault.problem, file=path.name, remedy=delivered.fault.remedy)
    return Unpacked(plain, delivered.sha256, delivered.size)
