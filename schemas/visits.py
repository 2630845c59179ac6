"""One row per contact with a person, held or missed."""

from schemas import checks
from schemas.entity import Entity, column
from schemas.parents import PARENT_RULES, STEP_RULES

CONTACTS = ("clinic", "rater_phone", "ivr", "web", "inpatient", "ehr")

VISITS = Entity(
    name="visits",
    description="One row per contact with a person: held, or missed by the study's visit schedule.",
    grain=("subject_id", "step_id", "day", "contact"),
    columns={
        "subject_id": column("text", "Pseudonym of the person.", nullable=False),
        "step_id": column(
            "text",
            "Step the visit belongs to; a visit shared by two steps belongs to the one that ends.",
            nullable=False,
        ),
        "day": column(
            "integer",
            "Days from enrolment; the planned day for a missed visit.",
            checks.in_range("day", -60, 3650),
            nullable=False,
        ),
        "step_day": column("integer", "Days from the start of the step."),
        "week_label": column("text", "Week as the study labels the visit; never part of a key."),
        "contact": column("text", "How the person was met.", checks.isin("contact", CONTACTS), nullable=False),
        "status": column(
            "text",
            "attended; missed (planned, no record); not_scheduled (a planned week, not by this contact); after_exit "
            "(planned after a recorded exit).",
            checks.isin("status", ("attended", "missed", "not_scheduled", "after_exit")),
            nullable=False,
        ),
        "opens_step": column("text", "The next step, where this last visit of a step is also recorded as its first."),
    },
    context={
        **STEP_RULES,
        "key_conflict": column(
            "boolean",
            "More than two steps claim this visit.",
            checks.flag("key_conflict", False, "key:conflict", "one visit can end one step and open one, not more"),
        ),
        **PARENT_RULES,
    },
    gate_rules=(checks.between("day", "day_min", "day_max", "within_step"),),
    derived=("step_day", "opens_step"),
)
