"""The rows a study adds to tables that all studies share, gathered from the study's own files.

`harmonize/mappings/<study>/<file>.csv` holds them, `harmonize/mappings/shared/<file>.csv` those of no single study;
`trd compile` writes both as the dbt seed that the models read. So a study is added and removed without a change
outside its own files. A study's file names no study_id, and may leave out columns that it has nothing to say on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from harmonize.mapping import MappingError
from harmonize.paths import MAPPINGS, SEEDS, STAGING

SHARED = "shared"
TODO = "todo"
"""In a required column of a study's row: not decided yet. The row is not gathered; `trd check-study` asks for it."""


@dataclass(frozen=True)
class Table:
    """One gathered seed: where it is written, what a study's file is called, and what a row must and may say."""

    seed: str
    file: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    required: tuple[str, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)
    is_seed: bool = True
    """False where another generated seed is made of the rows."""
    repeatable: bool = False
    """Several studies may have a row of one key, as long as the required columns agree; the first is taken."""

    @property
    def of_studies(self) -> bool:
        """Every row belongs to one study and the seed says to which."""
        return self.columns[0] == "study_id"

    @property
    def path(self) -> Path:
        """The generated seed."""
        return SEEDS / "generated" / f"{self.seed}.csv"


_PROOF = ("source", "verified")
_SCALE = (
    "scale_id scale_name rater n_items n_scored_components item_score_min item_score_max total_min total_max"
    " recall_days higher_is_worse scoring_rule scoring_detail missing_rule max_missing_items response_min_pct_reduction"
    " remission_operator remission_threshold remission_alternatives relapse_threshold loinc_panel loinc_total"
    " snomed_total omop_total_concept_id stard_nda_structure stard_nda_total_element studies note source verified"
)
_ITEM = (
    "scale_id item_no item_id item_name score_min score_max scored_in_total domain subscales loinc_item"
    " stard_nda_element ids_item_no source verified note unverified_fields"
)
_STEP = (
    "step_id step_no label day_min day_max baseline_from baseline_to is_treatment default_arm default_strategy"
    " default_randomised"
)
_TREATMENT = (
    "drug_id drug_name brand_examples class mechanism_class role atc_code who_ddd who_ddd_unit rxcui_ingredient"
    " omop_concept_id codes_verified dose_unit min_adequate_dose usual_max_dose dose_basis dose_verified min_dose_atrq"
    " min_dose_athf3 alt_dose_verified min_adequate_weeks cyp_major cpic_gene cpic_guideline canmat2023_line"
    " canmat2023_evidence first_line_flag fda_mdd counts_as_trial thase_rush_class in_stard in_ispotd in_predict"
    " in_mars note source verified unverified_fields"
)
STUDY_VERIFIED = {"source": "declared by the study", "verified": "study"}
TABLES = (
    Table(
        "studies",
        "study",
        ("study_id", "title", "setting", "design", *_PROOF),
        ("study_id",),
        ("title",),
        STUDY_VERIFIED,
    ),
    Table(
        "study_steps",
        "steps",
        ("study_id", *_STEP.split(), *_PROOF),
        ("study_id", "step_id"),
        ("step_id", "step_no", "day_min", "day_max", "is_treatment"),
        {"baseline_from": "-14", "baseline_to": "7", **STUDY_VERIFIED},
    ),
    Table(
        "study_arms",
        "arms",
        ("study_id", "step_id", "arm_assigned", "arm_label", "strategy", "randomised", "treatments", *_PROOF),
        ("study_id", "step_id", "arm_assigned"),
        ("step_id", "arm_assigned"),
        STUDY_VERIFIED,
    ),
    Table(
        "visit_schedule",
        "schedule",
        tuple("study_id step_id week_label planned_step_day day_from day_to contact is_optional".split()) + _PROOF,
        ("study_id", "step_id", "week_label", "contact"),
        ("step_id", "week_label", "planned_step_day", "contact"),
        {"is_optional": "false", **STUDY_VERIFIED},
    ),
    Table(
        "trajectory_rules",
        "trajectory",
        ("study_id", "instrument_id", "horizon_weeks", *_PROOF),
        ("study_id",),
        ("instrument_id", "horizon_weeks"),
        STUDY_VERIFIED,
    ),
    Table(
        "reconciliation_checks",
        "checks",
        ("study_id", "check_id", "description", "expected", "holds_on_synthetic", *_PROOF),
        ("study_id", "check_id"),
        ("check_id", "description", "expected"),
        {"holds_on_synthetic": "false", **STUDY_VERIFIED},
    ),
    Table(
        "ref_scales",
        "scales",
        tuple(_SCALE.split()),
        ("scale_id",),
        ("scale_id", "scale_name", "total_min", "total_max"),
        {
            "rater": "unknown",
            "n_items": "1",
            "higher_is_worse": "1",
            "scoring_rule": "sum",
            "missing_rule": "none",
            **STUDY_VERIFIED,
        },
    ),
    Table(
        "ref_scale_items",
        "scale_items",
        tuple(_ITEM.split()),
        ("scale_id", "item_no"),
        ("scale_id", "item_no", "item_id", "score_min", "score_max"),
        {"scored_in_total": "1", **STUDY_VERIFIED},
    ),
    Table(
        "variables",
        "variables",
        ("variable_id", "label", "kind", "unit", "value_min", "value_max", *_PROOF),
        ("variable_id",),
        ("variable_id", "label", "kind"),
        STUDY_VERIFIED,
    ),
    Table(
        "ref_conditions",
        "conditions",
        ("condition_id", "label", "whose", *_PROOF),
        ("condition_id",),
        ("condition_id", "label"),
        {"whose": "self", **STUDY_VERIFIED},
    ),
    Table(
        "not_collected",
        "not_collected",
        ("study_id", "entity", "variable_id", "status", "comment", *_PROOF),
        ("study_id", "entity", "variable_id"),
        ("entity", "variable_id", "status", "comment"),
        STUDY_VERIFIED,
        is_seed=False,
    ),
    Table(
        "ref_treatments",
        "treatments",
        tuple(_TREATMENT.split()),
        ("drug_id",),
        ("drug_id", "drug_name", "class", "role"),
        {"counts_as_trial": "0", **STUDY_VERIFIED},
    ),
    Table(
        "drug_synonyms",
        "drug_synonyms",
        ("synonym", "treatment_id", "dose_unit", "kind", *_PROOF),
        ("synonym",),
        ("synonym", "treatment_id"),
        {"dose_unit": "mg_day", "kind": "spelling", **STUDY_VERIFIED},
        repeatable=True,
    ),
)
BY_SEED = {table.seed: table for table in TABLES}


def owners() -> tuple[str, ...]:
    """`shared` and every study that has rows of its own, sorted. Raises MappingError for rows of no study."""
    names = sorted(p.parent.name for p in MAPPINGS.glob("*/*.csv"))
    for name in dict.fromkeys(names):
        if name != SHARED and not (STAGING / name / f"_{name}__sources.yml").exists():
            raise MappingError(
                f"harmonize/mappings/{name}",
                0,
                f"there are rows of a study {name!r} that has no sources file",
                f"Write dbt_project/models/staging/{name}/_{name}__sources.yml, or remove the folder",
            )
    return tuple(dict.fromkeys([SHARED, *names]))


def own_file(owner: str, table: Table) -> Path:
    """Where a study (or `shared`) keeps its rows of a table."""
    return MAPPINGS / owner / f"{table.file}.csv"


@cache
def gathered_rows(seed: str) -> tuple[dict[str, str], ...]:
    """All rows of a gathered seed, with every column. Raises MappingError."""
    table = BY_SEED[seed]
    rows: list[dict[str, str]] = []
    seen: dict[tuple[str, ...], tuple[str, dict[str, str]]] = {}
    for owner in owners():
        path = own_file(owner, table)
        for line, row in _read(path, table) if path.exists() else ():
            if table.of_studies:
                row["study_id"] = owner
            key = tuple(row[k] for k in table.key)
            if TODO in (row[c] for c in table.required):
                continue
            first = seen.get(key)
            if first is not None and table.repeatable and all(row[c] == first[1][c] for c in table.required):
                continue
            if first is not None:
                raise _error(path, line, f"{' '.join(key)} is there twice, also in {first[0]}", "Give it another name")
            seen[key] = (_shown(path), row)
            rows.append(row)
    return tuple(rows)


def gathered_csv(seed: str) -> str:
    """The text of a gathered seed."""
    out = io.StringIO()
    writer = csv.DictWriter(out, BY_SEED[seed].columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(gathered_rows(seed))
    return out.getvalue()


def _read(path: Path, table: Table) -> Iterator[tuple[int, dict[str, str]]]:
    known = [c for c in table.columns if c != "study_id"]
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        header = reader.fieldnames or []
        for name in header:
            if name not in known:
                raise _error(path, 1, f"there is no column {name!r} in {table.seed}", f"It has {', '.join(known)}")
        for name in table.required:
            if name not in header:
                raise _error(path, 1, f"the column {name} is missing", "Add it; every row must fill it")
        for given in reader:
            if None in given or None in given.values():
                raise _error(path, reader.line_num, "wrong number of fields", "Quote fields that hold commas")
            row = {c: (given.get(c) or "").strip() for c in table.columns}
            for name in table.required:
                if not row[name]:
                    raise _error(path, reader.line_num, f"{name} is empty", "Fill it in")
            for name, value in table.defaults.items():
                row[name] = row[name] or value
            yield reader.line_num, row


def _shown(path: Path) -> str:
    return f"harmonize/mappings/{path.parent.name}/{path.name}"


def _error(path: Path, line: int, problem: str, remedy: str) -> MappingError:
    return MappingError(_shown(path), line, problem, remedy)
