"""Levels after the next step, for the secondary analysis that clusters by person."""

from __future__ import annotations

import pandas as pd

from analysis.warehouse import Warehouse

_SQL = """
    select subject_id, step_id as level, baseline_score as entry_hrsd17, exit_score
    from marts.step_scores
    where study_id = 'stard' and step_id in ('3', '4') and instrument_id = 'HRSD17'
    order by subject_id, step_id
"""


def later_steps(warehouse: Warehouse) -> pd.DataFrame:
    """One row per person and level 3 or 4 of STAR*D: subject_id, level, entry_hrsd17, remitted (missing: not rated)."""
    found = warehouse.frame(_SQL)
    score = pd.to_numeric(found["exit_score"], errors="coerce").astype(float)
    return pd.DataFrame(
        {
            "subject_id": found["subject_id"].astype(str),
            "level": found["level"].astype(str),
            "entry_hrsd17": pd.to_numeric(found["entry_hrsd17"], errors="coerce").astype(float),
            "remitted": (score <= 7).astype(float).where(score.notna()),
        }
    )
