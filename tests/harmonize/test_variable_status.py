"""What a study says of a variable is read from its blocks; what it lacks from its own file; both never disagree."""

from __future__ import annotations

import csv
import io

import pytest

from harmonize import variable_status
from harmonize.mapping import MappingError, read_mapping
from harmonize.sources import studies
from harmonize.variable_status import variable_status_csv

STUDY = {s.name: s for s in studies()}


@pytest.fixture
def gaps(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The rows of `not_collected.csv`, to be filled by the test."""
    rows: list[dict[str, str]] = []
    real = variable_status.gathered_rows
    monkeypatch.setattr(variable_status, "gathered_rows", lambda seed: rows if seed == "not_collected" else real(seed))
    return rows


def stated(*names: str) -> dict[tuple[str, str, str], tuple[str, str]]:
    text = variable_status_csv({n: read_mapping(STUDY[n]) for n in names})
    rows = csv.DictReader(io.StringIO(text))
    return {(r["study_id"], r["entity"], r["variable_id"]): (r["status"], r["block"]) for r in rows}


def gap(entity: str, variable: str, status: str = "not_collected") -> dict[str, str]:
    return {"study_id": "predict", "entity": entity, "variable_id": variable, "status": status, "comment": "why"}


def test_names_come_from_slots_constants_and_recodes(gaps: list[dict[str, str]]) -> None:
    """Read by eye from the mapping documents."""
    found = stated("stard", "predict")
    assert found["stard", "history", "education_years"] == ("complete", "demographics_numeric")
    assert found["stard", "conditions", "depression"] == ("complete", "family")
    assert found["stard", "scales", "QIDS_C16"] == ("complete", "qids_clinic")
    assert found["stard", "scales", "QIDS_SR16"] == ("complete", "qids_clinic")
    assert found["predict", "scales", "BDI_II"] == ("partial", "bdi")
    assert found["predict", "history", "prior_failed_trials"] == ("complete", "never_treated")
    assert ("predict", "scales", "IDS_C30") not in found


def test_what_a_study_lacks_stands_with_its_reason(gaps: list[dict[str, str]]) -> None:
    gaps.append(gap("scales", "IDS_C30"))
    assert stated("predict")["predict", "scales", "IDS_C30"] == ("not_collected", "")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (gap("scales", "MADRS"), "scales MADRS is said to be not_collected, but the mapping document fills it"),
        (gap("scales", "MADRSX"), "scales MADRSX is not known"),
        (gap("visits", "day"), "unknown entity 'visits'"),
        (gap("history", "income", "complete"), "history income: unknown status 'complete'"),
    ],
)
def test_a_word_that_cannot_be_is_refused(gaps: list[dict[str, str]], row: dict[str, str], message: str) -> None:
    gaps.append(row)
    with pytest.raises(MappingError, match=message):
        stated("predict")
