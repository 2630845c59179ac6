"""The published warehouse, opened to be read and never to be changed."""

from __future__ import annotations

import duckdb

from analysis.results import attach
from harmonize.paths import Warehouse


class NotPublishedError(RuntimeError):
    """There is no published file to read, or it cannot be opened; `problem` and `remedy` say which and what to do."""

    def __init__(self, problem: str, *, remedy: str) -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem}. {remedy}")


def connect(warehouse: Warehouse) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the published file; it keeps answering when a later build replaces the file.

    What analyses wrote beside it answers as `results.<table>`.

    Raises NotPublishedError. Extensions that would have to be downloaded are not looked for.
    """
    path = warehouse.database
    if not path.exists():
        raise NotPublishedError(f"nothing is published yet: there is no {path}", remedy="Run trd build")
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise NotPublishedError(
            f"{path} cannot be opened: {str(error).splitlines()[0]}",
            remedy="Close a program that writes to it; where the file is damaged, move it away and run trd build",
        ) from error
    connection.execute("set autoinstall_known_extensions = false")
    attach(connection, path)
    return connection
