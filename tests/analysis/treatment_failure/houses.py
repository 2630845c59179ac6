"""A published file made of SYNTHETIC STAR*D arrays, with the tables and columns that the analysis reads; no dbt."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from validate.stard_worlds import Drawn, next_visits


def warehouse_of(drawn: Drawn, seed: int, folder: Path) -> Path:
    """`folder/trd.duckdb` with the persons of `drawn`."""
    p, s = drawn.persons, drawn.scores
    entry = p[["subject_id", "baseline"]].rename(columns={"baseline": "score"}).assign(week=0.0, role="baseline")
    later = s[["subject_id", "score", "week"]].assign(role="follow_up")
    points = pd.concat([entry[entry["score"].notna()], later], ignore_index=True)
    points = points.merge(p[["subject_id", "baseline", "site"]], on="subject_id")
    points = points.assign(
        study_id="stard", site_no=points["site"].str.split(":").str[1].astype(int), instrument_id="QIDS_SR16",
        day=(7 * points["week"]).round().astype(int), rater="self", contact="clinic", occasion=1,
        baseline_score=points["baseline"], baseline_day=0, is_in_window=(points["role"] == "follow_up"),
        hrsd17_equiv=1.2 * points["score"] + 1, hrsd17_link="a", qids_sr16_equiv=points["score"], qids_sr16_link="b",
        opens_step=None, is_exit=False,
    ).drop(columns=["site", "baseline"])  # fmt: skip
    line = pd.DataFrame(
        {
            "subject_id": p["subject_id"], "study_id": "stard", "site_no": 1, "step_id": "1", "treatment_class": "SSRI",
            "arm_assigned": "CIT", "randomised": False, "exit_kind": p["exit_kind"], "weeks_on_treatment": p["weeks"],
            "is_evaluable": p["evaluable"], "left_early": (p["weeks"] < 4) & (p["exit_kind"] != "intolerance"),
            "intolerant": (p["weeks"] < 4) & (p["exit_kind"] == "intolerance"), "adequate": "yes",
            "baseline_hrsd17": 20.0, "next_step_id": np.where(p["entered"], "2", None),
        }
    )  # fmt: skip
    here = p[p["entered"]]
    steps = pd.DataFrame(
        {
            "subject_id": here["subject_id"], "study_id": "stard", "step_id": "2", "start_day": 0, "end_day": 400,
            "strategy": "switch", "arm_assigned": "BUP", "preference_switch": True, "preference_augment": False,
            "exit_reason": np.where(here["lost_next"] == 1, "withdrew", "no_benefit"),
        }
    )  # fmt: skip
    own = pd.DataFrame(
        {"subject_id": p["subject_id"], "step_id": "1", "instrument_id": "QIDS_SR16", "study_id": "stard",
         "baseline_score": p["baseline"], "exit_score": p["exit_score"], "pct_change": -100 * p["fall"]}
    )  # fmt: skip
    rated = pd.DataFrame(
        {"subject_id": here["subject_id"], "step_id": "2", "instrument_id": "HRSD17", "study_id": "stard",
         "baseline_score": here["entry_hrsd17"], "exit_score": here["exit_hrsd17"],
         "pct_change": 100 * (here["exit_hrsd17"] / here["entry_hrsd17"].clip(lower=1) - 1)}
    )  # fmt: skip
    visits = next_visits(drawn, seed)
    number = visits.groupby("subject_id").cumcount()
    scales = pd.DataFrame(
        {"subject_id": visits["subject_id"], "study_id": "stard", "step_id": "2", "instrument_id": "QIDS_SR16",
         "day": 14 * number, "score_used": visits["score"], "items": None}
    )  # fmt: skip
    burden = np.clip(np.rint(2 + 1.5 * visits["side_effects"]), 0, 6)
    forms = scales[number > 0].assign(
        instrument_id="FIBSER", score_used=None, items=[[float(b)] * 3 for b in burden[number > 0]]
    )
    forms["score_used"] = forms["score_used"].astype(float)
    history = pd.concat(
        [
            pd.DataFrame({"subject_id": p["subject_id"], "variable_id": n, "value_num": v, "study_id": "stard"})
            for n, v in (("episode_duration_days", 1000.0 * p["chronic"]), ("n_prior_episodes", np.exp(p["episodes"])))
        ]
    )
    tables = {
        "marts.trajectory_input": points,
        "marts.first_line": line,
        "marts.step_scores": pd.concat([own, rated], ignore_index=True),
        "marts.features": pd.DataFrame(
            {"subject_id": p["subject_id"], "definition_id": "anxious_hrsd17",
             "verdict": np.where(p["anxious"] == 1, "met", "not_met")}
        ),
        "marts.outcomes": pd.DataFrame({"subject_id": p["subject_id"], "step_id": "2", "verdict": "met"}),
        "cdm.subjects": pd.DataFrame(
            {"subject_id": p["subject_id"], "age": p["age"], "sex": np.where(p["female"] == 1, "female", "male")}
        ),
        "cdm.steps": steps,
        "cdm.history": history,
        "cdm.scales": pd.concat([scales, forms], ignore_index=True),
        "reference.scale_items": pd.DataFrame({"scale_id": ["PRISE"], "item_no": [1], "item_name": ["heart_rating"]}),
        "cdm.genotypes": pd.DataFrame({"subject_id": p["subject_id"], "dosage": 1.0}),
        "reference.trajectory_rules": pd.DataFrame({"study_id": ["stard"], "instrument_id": ["QIDS_SR16"]}),
        "quality.landings": pd.DataFrame(
            {"study": ["stard"], "form": ["qids01"], "sha256": ["0" * 64], "is_synthetic": [True]}
        ),
    }  # fmt: skip
    path = folder / "trd.duckdb"
    with duckdb.connect(str(path)) as made:
        for schema in ("marts", "cdm", "reference", "quality"):
            made.execute(f"create schema {schema}")
        for name, frame in tables.items():
            made.register("given", frame)
            made.execute(f"create table {name} as select * from given")
    return path
