"""One row per person and study."""

from schemas import checks
from schemas.entity import Entity, column

SUBJECTS = Entity(
    name="subjects",
    description="One row per person enrolled in a study, under a pseudonym.",
    grain=("subject_id",),
    columns={
        "subject_id": column(
            "text",
            "Pseudonym, <study>-<16 hex digits>; the link table stays in the warehouse's restricted folder.",
            nullable=False,
        ),
        "sex": column("text", "Sex as the study recorded it.", checks.isin("sex", ("female", "male", "other"))),
        "age": column("double", "Age at baseline, years; 90 stands for 90 and above.", checks.in_range("age", 0, 90)),
        "age_topcoded": column("boolean", "The person was older than 90."),
        "race": column("text", "Race as the study recorded it."),
        "ethnicity": column(
            "text", "Hispanic ethnicity.", checks.isin("ethnicity", ("hispanic", "not_hispanic", "unknown"))
        ),
        "site_no": column(
            "integer", "Site, renumbered within the study; a cluster for standard errors, never exported."
        ),
        "setting": column(
            "text",
            "Where the person was treated.",
            checks.isin("setting", ("primary", "specialty", "inpatient", "ehr")),
        ),
        "diagnosis": column(
            "text",
            "Diagnosis at entry.",
            checks.isin("diagnosis", ("mdd", "bipolar_depression", "dysthymia", "control", "other")),
        ),
        "treatment_naive": column("boolean", "Never treated for depression before the study."),
        "analysis_flags": column("text", "Study-specific flags, separated by semicolons."),
    },
    candidate={
        "site_code": column("text", "Site as the study names it; renumbered, never published."),
        "age_reported": column("double", "Age at baseline as reported, years."),
    },
    context={
        "age_reported": column(
            "double", "Age at baseline as reported, years.", checks.in_range("age_reported", 0, 120)
        ),
        "key_conflict": column(
            "boolean",
            "Source rows of this person contradict each other.",
            checks.flag("key_conflict", False, "key:conflict", "rows of one person must not contradict each other"),
        ),
    },
    derived=("age", "age_topcoded", "site_no"),
)
