"""What cannot be weighted, and what a reader must know of weights that could be."""

from __future__ import annotations

from analysis.trajectories.errors import DesignError, Problem

__all__ = ["Problem", "WeightingError"]


class WeightingError(DesignError):
    """No weights can be had; the message names column, value and remedy."""
