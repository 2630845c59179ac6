"""Data quality checks: numerator, denominator, threshold and verdict, with advice and the SQL that lists offenders.

A check is a row of the seed `quality_checks`; a finding that only one study has describes itself in the YAML beside its
model (`meta: check`). Thresholds are the seed `check_thresholds`, read from the file as it stands: changing one changes
a verdict and rebuilds nothing. Numbers come from the published file.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import yaml

from harmonize.paths import SEEDS, STAGING
from harmonize.sources import LOADER

CATALOGUE = SEEDS / "reference" / "quality_checks.csv"
THRESHOLDS = SEEDS / "reference" / "check_thresholds.csv"
VERDICTS = ("failed", "passed", "not applicable")
FINDING = "dq"
"""Threshold row of findings without one of their own."""
ADVICE = "Look at the rows in the delivered files, and ask who delivered them before anything is corrected."


class CheckError(ValueError):
    """A seed of the checks says something that cannot hold; `file`, `row`, `column`, `value` say where."""

    def __init__(self, problem: str, *, file: str, row: int, column: str, value: str, remedy: str) -> None:
        self.problem, self.remedy = problem, remedy
        self.fields = {"file": file, "row": row, "column": column, "value": value}
        super().__init__(f"{file}, row {row}, {column} {value!r}: {problem}. {remedy}")


@dataclass(frozen=True)
class Check:
    """What is counted, and what to do about it. `part` names what one of several like checks is about."""

    check_id: str
    part: str
    title: str
    numerator: str
    denominator: str
    offenders_sql: str
    data_manager: str
    analyst: str

    @property
    def name(self) -> str:
        """The id with its part."""
        return f"{self.check_id}:{self.part}" if self.part else self.check_id

    @property
    def page(self) -> str:
        """Name of its page."""
        return "".join(c if c.isalnum() or c in "._" else "-" for c in self.name) + ".html"


@dataclass(frozen=True)
class Result:
    """A check in one study: offenders among those looked at, and what the threshold makes of it."""

    check: Check
    study_id: str
    n_found: int
    n_checked: int
    max_pct: float
    why: str

    @property
    def verdict(self) -> str:
        """passed, failed, or not applicable where nothing could be looked at. The threshold itself passes."""
        if self.n_checked == 0:
            return "not applicable"
        return "passed" if 100 * self.n_found <= self.max_pct * self.n_checked else "failed"

    @property
    def offenders_sql(self) -> str:
        """SQL that lists the offenders of this study."""
        return self.check.offenders_sql.replace("{study}", self.study_id).replace("{part}", self.check.part)


def results(
    connection: duckdb.DuckDBPyConnection, *, catalogue: Path = CATALOGUE, thresholds: Path = THRESHOLDS
) -> list[Result]:
    """Every check of every study that it can be asked of, by check and study. Raises CheckError."""
    limits = read_thresholds(thresholds)
    found: list[Result] = []
    known = _rows(catalogue)
    # `table.rule` → what holds
    rules = dict(
        connection.execute("select concat(entity, '.', rule), description from reference.gate_rules").fetchall()
    )
    for row in known:
        for study, part, n_found, n_checked in connection.execute(row["counts_sql"]).fetchall():
            check = _check(row, part or "", rules)
            found.append(Result(check, study, int(n_found), int(n_checked), *_limit(limits, check, study)))
    general = {row["check_id"] for row in known}
    findings = "select study_id, finding, n_found, n_checked from quality.dq_result order by all"
    for study, finding, n_found, n_checked in connection.execute(findings).fetchall():
        if finding not in general:
            check = _finding(finding, connection)
            found.append(Result(check, study, int(n_found), int(n_checked), *_limit(limits, check, study)))
    return sorted(found, key=lambda r: (r.check.check_id == "gate", r.check.name, r.study_id))


def read_thresholds(path: Path = THRESHOLDS) -> Mapping[tuple[str, str], tuple[float, str]]:
    """(check, study or nothing) → offenders allowed in a hundred, and why. Raises CheckError."""
    limits: dict[tuple[str, str], tuple[float, str]] = {}
    for number, row in enumerate(_rows(path), start=2):
        try:
            value = float(row["max_pct"])
        except ValueError:
            value = -1.0
        if not 0 <= value <= 100:
            raise CheckError(
                "a threshold is offenders in a hundred",
                file=path.name, row=number, column="max_pct", value=row["max_pct"],
                remedy="Write a number from 0 to 100",
            )  # fmt: skip
        key = row["check_id"], row["study_id"]
        if key in limits:
            raise CheckError(
                "a second threshold for the same check and study",
                file=path.name, row=number, column="check_id", value=row["check_id"],
                remedy="Leave one of them out",
            )  # fmt: skip
        limits[key] = value, row["reason"]
    return limits


def _limit(limits: Mapping[tuple[str, str], tuple[float, str]], check: Check, study: str) -> tuple[float, str]:
    """The threshold that is nearest to the check: of the part before that of all, of the study before that of all."""
    names = (check.name, check.check_id, *((FINDING,) if check.check_id.startswith("dq_") else ()))
    for name in names:
        for of in (study, ""):
            if (name, of) in limits:
                return limits[name, of]
    return 0.0, "no threshold is declared: none may be found"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _check(row: Mapping[str, str], part: str, rules: Mapping[str, str]) -> Check:
    title, numerator = row["title"], row["numerator"]
    if row["check_id"] == "gate":
        title = rules.get(part, title)
        numerator = f"candidate rows for which this does not hold: {title}"
    elif part:
        title = f"{title}: {part}"
    return Check(
        row["check_id"], part, title, numerator, row["denominator"], row["offenders_sql"], row["data_manager"],
        row["analyst"],
    )  # fmt: skip


def _finding(name: str, connection: duckdb.DuckDBPyConnection) -> Check:
    """A finding of one study, by the YAML beside its model; where that is silent, by the description of its table."""
    said = _findings().get(name, {})
    row = connection.execute(
        "select comment from duckdb_tables() where schema_name = 'quality' and table_name = ?", [name]
    ).fetchone()
    description = ((row[0] if row else "") or name).split(" Grain:")[0].rstrip(".")
    return Check(
        name,
        "",
        said.get("title", f"None found: {description}"),
        said.get("numerator", description),
        said.get("denominator", "accepted rows of the table that was looked at"),
        f"select * from quality.{name} where study_id = '{{study}}'",
        said.get("data_manager", ADVICE),
        said.get("analyst", "Say how many there are, and repeat the analysis without them."),
    )


@cache
def _findings() -> dict[str, dict[str, str]]:
    found = {}
    for path in sorted(STAGING.glob("*/dq_*.yml")):
        for model in (yaml.load(path.read_text(encoding="utf-8"), LOADER) or {}).get("models", []):
            found[model["name"]] = model.get("config", {}).get("meta", {}).get("check", {})
    return found
