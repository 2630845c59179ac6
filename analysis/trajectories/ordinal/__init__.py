"""Latent class growth for one ordinal item (cumulative logit or probit): thresholds common, locations by class."""

from analysis.trajectories.ordinal.result import OrdinalTrajectories
from analysis.trajectories.ordinal.spec import OrdinalGrowth

__all__ = ["OrdinalGrowth", "OrdinalTrajectories"]
