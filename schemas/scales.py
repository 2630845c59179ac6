"""One row per administration of a rating scale."""

from schemas import checks
from schemas.entity import Entity, column
from schemas.parents import PARENT_RULES, REASONS, STEP_RULES
from schemas.visits import CONTACTS

SCALES = Entity(
    name="scales",
    description="One row per administration of a rating scale, as measured; items are a list in seed order.",
    grain=("subject_id", "day", "instrument_id", "rater", "contact", "occasion"),
    columns={
        "subject_id": column("text", "Pseudonym of the person.", nullable=False),
        "step_id": column(
            "text",
            "Step the rating belongs to; a rating shared by two steps belongs to the one that ends.",
            nullable=False,
        ),
        "day": column("integer", "Days from enrolment.", checks.in_range("day", -60, 3650), nullable=False),
        "instrument_id": column("text", "Instrument in reference.scales.", nullable=False),
        "rater": column(
            "text", "Who rated.", checks.isin("rater", ("clinician", "assessor", "self", "unknown")), nullable=False
        ),
        "contact": column("text", "How the rating was made.", checks.isin("contact", CONTACTS), nullable=False),
        "occasion": column(
            "integer", "Number of the rating within the day.", checks.in_range("occasion", 1, 99), nullable=False
        ),
        "score": column("double", "Total as recorded."),
        "score_missing": column("text", "Why score is null.", checks.isin("score_missing", REASONS)),
        "items": column("items", "Item values in the order of reference.scale_items; null where an item is missing."),
        "n_items": column("integer", "Items with a value."),
        "item_total": column("double", "Total computed from the items by the instrument's rule."),
        "total_agrees": column("boolean", "The recorded total equals the item total; null where one is missing."),
        "score_used": column("double", "The score analyses use: recorded, else from items."),
        "score_basis": column(
            "text", "Where score_used comes from.", checks.isin("score_basis", ("recorded", "items", "prorated"))
        ),
    },
    frame_rules=(checks.reason_given("score", "score_missing"),),
    context={
        "instrument_known": column(
            "boolean",
            "The instrument stands in reference.scales.",
            checks.flag(
                "instrument_known", True, "instrument_id:known", "instrument_id must stand in reference.scales"
            ),
        ),
        "score_min": column("double", "Smallest total of the instrument."),
        "score_max": column("double", "Largest total of the instrument."),
        **STEP_RULES,
        "key_conflict": column(
            "boolean",
            "Another row has the same key and other content.",
            checks.flag("key_conflict", False, "key:conflict", "rows with one key must agree"),
        ),
        **PARENT_RULES,
    },
    gate_rules=(
        checks.between("score", "score_min", "score_max"),
        checks.between("day", "day_min", "day_max", "within_step"),
    ),
    derived=("n_items", "item_total", "total_agrees", "score_used", "score_basis"),
)
