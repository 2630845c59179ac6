"""Sensitivity of classes and courses to exits: hazards by class, and shifted scores of the lost.

    from analysis.exits import exit_sensitivity, tipping, tipping_points

    found = exit_sensitivity(trajectories, exits)      # exits: subject_id, exit_week, exit_cause
    found.tests, found.table(baseline=20.0), found.by_class.hazard_table()
    tipping_points(tipping(trajectories, found.time, baseline=20.0))

Planned exits (moved to the next level, follow-up in remission) end observation and never count as drop-out.
"""

from analysis.exits.joint import JointFit
from analysis.exits.rows import PersonTime, person_time
from analysis.exits.sensitivity import ExitSensitivity, exit_sensitivity
from analysis.exits.tipping import tipping, tipping_points

__all__ = [
    "ExitSensitivity",
    "JointFit",
    "PersonTime",
    "exit_sensitivity",
    "person_time",
    "tipping",
    "tipping_points",
]
