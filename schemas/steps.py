"""One row per person and treatment step."""

from schemas import checks
from schemas.entity import Entity, column
from schemas.parents import PARENT_RULES, REASONS, STEP_RULES

STEPS = Entity(
    name="steps",
    description="One row per person and treatment step (level, phase, admission or episode).",
    grain=("subject_id", "step_id"),
    columns={
        "subject_id": column("text", "Pseudonym of the person.", nullable=False),
        "step_id": column(
            "text",
            "Step: 0 (before treatment), 1, 2, 2A, 3, 4, FU (follow-up), TAU, E<n>; see reference.study_steps.",
            nullable=False,
        ),
        "step_no": column("integer", "Order of the step within the study.", nullable=False),
        "start_day": column(
            "integer", "First day on which the person is seen in the step, days from enrolment.", nullable=False
        ),
        "end_day": column(
            "integer", "Last day on which the person is seen in the step, days from enrolment.", nullable=False
        ),
        "arm_assigned": column("text", "Arm as assigned, in the study's own code (reference.study_arms)."),
        "arm_missing": column("text", "Why arm_assigned is null.", checks.isin("arm_missing", REASONS)),
        "strategy": column(
            "text",
            "What the step does with the treatment before.",
            checks.isin("strategy", ("initial", "switch", "augment", "none")),
        ),
        "randomised": column("boolean", "The arm was given by chance."),
        "preference_switch": column("boolean", "The person accepted a switch of medication."),
        "preference_augment": column("boolean", "The person accepted an added medication."),
        "preference_ct": column("boolean", "The person accepted cognitive therapy, as switch or added."),
        "exit_reason": column(
            "text",
            "Why the step ended.",
            checks.isin(
                "exit_reason",
                ("remitted", "no_benefit", "intolerance", "lost", "withdrew", "discharge", "completed", "unknown"),
            ),
        ),
    },
    frame_rules=(checks.ordered("end_day", "start_day"),),
    candidate={
        "day": column("integer", "Day of the source row, days from enrolment."),
    },
    context={
        "day": column("integer", "Day of the source row, days from enrolment.", nullable=False),
        **STEP_RULES,
        "key_conflict": column(
            "boolean",
            "Source rows name different arms for one step.",
            checks.flag(
                "key_conflict", False, "key:conflict", "rows of one person and step must not name different arms"
            ),
        ),
        **PARENT_RULES,
    },
    gate_rules=(checks.between("day", "day_min", "day_max", "within_step"),),
    derived=("step_no", "start_day", "end_day", "strategy", "randomised"),
)
