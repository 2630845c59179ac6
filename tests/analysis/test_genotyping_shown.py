"""Quality control of genotypes as a page may show it; counts are made up."""

from __future__ import annotations

import pandas as pd

from analysis.report.genotyping import shown

PERSONS = {"delivered": 100, "excluded_call_rate": 3, "excluded_sex_mismatch": 7, "passed": 90}


def stages(persons: dict[str, int]) -> pd.DataFrame:
    rows = [("person", k, n) for k, n in persons.items()] + [("variant", "excluded_hwe", 2), ("variant", "passed", 8)]
    return pd.DataFrame(rows, columns=["kind", "stage", "n"]).assign(study_id="stard", set_id="one")


def test_few_samples_are_withheld_and_variants_are_not() -> None:
    found = shown(stages(PERSONS), 5).set_index(["kind", "stage"])
    assert found.loc[("person", "excluded_call_rate"), "shown"] == "<5"
    # delivered - passed - sex mismatch is the small one: one of them goes too
    assert found.loc["person", "n"].isna().sum() >= 2
    assert found.loc[("variant", "excluded_hwe"), "shown"] == "2"
    assert shown(stages(PERSONS | {"passed_related_to_another": 89}), 5)["n"].isna().sum() >= 3
    whole = shown(stages(PERSONS), 1)
    assert whole["n"].tolist() == stages(PERSONS)["n"].tolist()
    without = shown(stages(PERSONS).drop(columns=["study_id", "set_id"]), 5)
    assert without["shown"].tolist() == found["shown"].tolist()
