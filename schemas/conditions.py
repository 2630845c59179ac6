"""One row per condition of a person or of their family."""

from schemas import checks
from schemas.entity import Entity, column
from schemas.parents import PARENT_RULES

CONDITIONS = Entity(
    name="conditions",
    description="One row per condition of a person or of their family, present, absent or unknown.",
    grain=("subject_id", "condition_id", "relative", "src_form", "start_day"),
    columns={
        "subject_id": column("text", "Pseudonym of the person.", nullable=False),
        "condition_id": column("text", "Condition in reference.conditions.", nullable=False),
        "relative": column(
            "text",
            "Whose condition it is.",
            checks.isin("relative", ("self", "parent", "sibling", "child", "any")),
            nullable=False,
        ),
        "start_day": column("integer", "Day of the record, days from enrolment."),
        "status": column(
            "text",
            "Whether the condition is there.",
            checks.isin("status", ("present", "absent", "unknown")),
            nullable=False,
        ),
        "timing": column(
            "text",
            "When the condition is there: now, before, ever in life, or in the family.",
            checks.isin("timing", ("current", "past", "lifetime", "family")),
            nullable=False,
        ),
        "code_system": column("text", "Code system of code."),
        "code": column("text", "Code as the source gives it."),
    },
    context={
        "condition_known": column(
            "boolean",
            "The condition stands in reference.conditions.",
            checks.flag(
                "condition_known", True, "condition_id:known", "condition_id must stand in reference.conditions"
            ),
        ),
        "key_conflict": column(
            "boolean",
            "Another row has the same key and other content.",
            checks.flag("key_conflict", False, "key:conflict", "rows with one key must agree"),
        ),
        **PARENT_RULES,
    },
)
