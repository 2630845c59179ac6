"""One row per dose of a visit, treatment interval, session or past trial."""

from schemas import checks
from schemas.entity import Entity, column
from schemas.parents import PARENT_RULES, REASONS, STEP_RULES

TREATMENTS = Entity(
    name="treatments",
    description="One row per dose of a visit, treatment interval, session or past trial of treatment.",
    grain=("subject_id", "start_day", "treatment_id", "occasion", "record_kind"),
    columns={
        "subject_id": column("text", "Pseudonym of the person.", nullable=False),
        "start_day": column(
            "integer", "First day, days from enrolment.", checks.in_range("start_day", -36500, 3650), nullable=False
        ),
        "end_day": column(
            "integer",
            "Last day, days from enrolment; null for the dose of a visit.",
            checks.in_range("end_day", -36500, 3650),
        ),
        "treatment_id": column("text", "Treatment in reference.treatments.", nullable=False),
        "occasion": column(
            "integer", "Number of the record within the day.", checks.in_range("occasion", 1, 99), nullable=False
        ),
        "record_kind": column(
            "text",
            "What the row records; reported is a drug the person names, no treatment of the study.",
            checks.isin("record_kind", ("visit_dose", "interval", "session", "history_trial", "reported")),
            nullable=False,
        ),
        "step_id": column("text", "Step the record belongs to."),
        "dose": column(
            "double", "Dose in dose_unit; a dose is positive, a stop is no dose.", checks.in_range("dose", 0.001, 5000)
        ),
        "dose_unit": column("text", "Unit of dose.", checks.isin("dose_unit", ("mg_day", "ug_day", "sessions", "mg"))),
        "dose_missing": column("text", "Why dose is null.", checks.isin("dose_missing", REASONS)),
        "raw_name": column("text", "Treatment as the source names it."),
        "adherence": column("double", "Share of the prescribed amount taken.", checks.in_range("adherence", 0, 1)),
        "plasma_level": column("double", "Plasma level, ng/ml.", checks.in_range("plasma_level", 0, 100000)),
    },
    frame_rules=(checks.reason_given("dose", "dose_missing"), checks.ordered("end_day", "start_day")),
    context={
        **STEP_RULES,
        "treatment_known": column(
            "boolean",
            "The treatment stands in reference.treatments.",
            checks.flag(
                "treatment_known", True, "treatment_id:known", "treatment_id must stand in reference.treatments"
            ),
        ),
        "key_conflict": column(
            "boolean",
            "Another row has the same key and other content.",
            checks.flag("key_conflict", False, "key:conflict", "rows with one key must agree"),
        ),
        **PARENT_RULES,
    },
    gate_rules=(checks.between("start_day", "day_min", "day_max", "within_step"),),
)
