"""The genotyped samples of all studies in one model."""

from __future__ import annotations

from collections.abc import Iterable

from harmonize.genotypes.contract import PERSON_COLUMNS
from harmonize.sources import Study

FORM = "genotype_persons"


def samples_sql(known: Iterable[Study]) -> str:
    """Rows of the form FORM of every study that declares it, still text; none where no study does."""
    mine = [s.name for s in known if any(form.name == FORM for form in s.forms)]
    columns = ["study_id", "subject_id", "src_form", "src_row", *PERSON_COLUMNS]
    listed = ",\n".join(f"    {column}" for column in columns)
    if not mine:
        nulls = ",\n".join(f"    cast(null as {{{{ type_text() }}}}) as {c}" for c in columns if c != "src_row")
        return f"\nselect\n    cast(null as bigint) as src_row,\n{nulls}\nwhere false\n"
    parts = [f"select\n{listed}\nfrom {{{{ ref('stg_{name}__{FORM}') }}}}\nwhere drop_rule is null" for name in mine]
    return "\n" + "\nunion all\n".join(parts) + "\n"
