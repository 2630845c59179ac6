"""One row per covariate of a person."""

from schemas import checks
from schemas.entity import Entity, column
from schemas.parents import PARENT_RULES, REASONS

HISTORY = Entity(
    name="history",
    description="One row per covariate of a person: demographic, clinical or laboratory.",
    grain=("subject_id", "variable_id", "occasion"),
    columns={
        "subject_id": column("text", "Pseudonym of the person.", nullable=False),
        "variable_id": column("text", "Variable in reference.variables.", nullable=False),
        "occasion": column(
            "integer",
            "Number of the answer; a later form of the study has a higher one.",
            checks.in_range("occasion", 1, 999),
            nullable=False,
        ),
        "value_num": column("double", "Value of a numeric variable, in the unit of reference.variables."),
        "value_code": column("text", "Value of a coded variable."),
        "as_of_day": column(
            "integer", "Day the value refers to, days from enrolment.", checks.in_range("as_of_day", -60, 3650)
        ),
        "value_missing": column("text", "Why there is no value.", checks.isin("value_missing", REASONS)),
    },
    context={
        "value": column("text", "value_code, or a word for a value_num: whether there is a value at all."),
        "value_min": column("double", "Smallest value of the variable."),
        "value_max": column("double", "Largest value of the variable."),
        "variable_known": column(
            "boolean",
            "The variable stands in reference.variables.",
            checks.flag("variable_known", True, "variable_id:known", "variable_id must stand in reference.variables"),
        ),
        "key_conflict": column(
            "boolean",
            "Another row has the same key and other content.",
            checks.flag("key_conflict", False, "key:conflict", "rows with one key must agree"),
        ),
        **PARENT_RULES,
    },
    gate_rules=(
        checks.reason_given("value", "value_missing"),
        checks.between("value_num", "value_min", "value_max"),
    ),
)
