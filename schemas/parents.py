"""What rows that belong to a person, or to a step of a study, must satisfy."""

from schemas import checks
from schemas.entity import column

REASONS = ("blank", "unknown", "refused", "not_applicable", "unparseable", "invalid_code")
"""Why a cell has no value (decision 5)."""

PARENT_RULES = {
    "parent": column(
        "text",
        "Fate of the person the row belongs to: accepted, refused or unknown.",
        checks.isin("parent", ("accepted", "refused"), "known", "the person must stand in the study's enrolment form"),
        checks.isin(
            "parent", ("accepted", "unknown"), "refused", "a row of a refused person is refused with the person"
        ),
    ),
}
"""Gate columns and rules shared by the children of subjects."""

STEP_RULES = {
    "step_known": column(
        "boolean",
        "The step stands in reference.study_steps for the study.",
        checks.flag("step_known", True, "step_id:known", "step_id must stand in reference.study_steps for the study"),
    ),
    "day_min": column("integer", "First day the study can have in this step."),
    "day_max": column("integer", "Last day the study can have in this step."),
}
"""Gate columns and rules shared by rows that belong to a step."""
