"""What the class step may read: a copy of the published file that holds nothing else.

A class that had seen the outcome of the next step, or a genotype, could not be tested against them. So the class step
gets no path to the published file but this one: the scores of the first episode with the columns that the model uses,
and how that episode went. The copy is opened read-only, cannot attach or read another file, and its settings are
locked.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import duckdb
from sqlalchemy import URL, Engine, create_engine

from analysis.trajectories.cohort import CohortError
from analysis.warehouse import Warehouse

SCORES = (
    "subject_id study_id site_no instrument_id day week rater contact occasion score baseline_score baseline_day role"
    " is_in_window hrsd17_equiv hrsd17_link qids_sr16_equiv qids_sr16_link"
).split()
"""Columns of the view of scores; which score opens a next step is not among them."""
FIRST_LINE = (
    "subject_id study_id treatment_class arm_assigned randomised exit_kind weeks_on_treatment is_evaluable left_early"
    " intolerant adequate"
).split()
"""Columns of `marts.first_line`; the next step is not among them."""
OF_LINKS = ("reference.scales", "marts.link_points")
"""What is known of instruments and of links between them, where it is published; nobody's score is in it."""


class Door(Warehouse):
    """A warehouse with the tables of the class step alone. Made by `class_door`."""

    @cached_property
    def engine(self) -> Engine:
        """Reads its own file and nothing beside it, whatever a statement asks for."""
        config = {"enable_external_access": "false", "lock_configuration": "true"}
        url = URL.create("duckdb", database=str(self.database))
        return create_engine(url, connect_args={"read_only": True, "config": config})


@contextmanager
def class_door(database: Path, view: str = "marts.trajectory_input") -> Iterator[Door]:
    """The door for the published file `database`; the copy is gone afterwards. Raises CohortError."""
    with tempfile.TemporaryDirectory(prefix="trd-class-step-") as folder:
        copy = Path(folder) / "class_step.duckdb"
        with duckdb.connect(str(copy)) as made:
            made.execute(f"attach '{str(database).replace(chr(39), chr(39) * 2)}' as published (read_only)")
            made.execute("create schema marts; create schema reference")
            has = {str(c) for (c,) in made.execute(f"select column_name from (describe published.{view})").fetchall()}
            absent = [c for c in SCORES if c not in has]
            if absent:
                raise CohortError(f"{view} has no column {', '.join(absent)}; a view has the columns of the mart")
            made.execute(
                f"create table marts.trajectory_input as select {', '.join(SCORES)} from published.{view}"
                " where role = 'baseline' or is_in_window"
            )
            made.execute(
                f"create table marts.first_line as select {', '.join(FIRST_LINE)} from published.marts.first_line"
            )
            made.execute("create table reference.trajectory_rules as from published.reference.trajectory_rules")
            listed = made.execute(
                "select table_schema || '.' || table_name from information_schema.tables"
                " where table_catalog = 'published'"
            )
            there = {str(name) for (name,) in listed.fetchall()}
            for name in OF_LINKS:
                if name in there:
                    made.execute(f"create table {name} as from published.{name}")
            made.execute("detach published")
        door = Door(copy)
        try:
            yield door
        finally:
            door.close()
