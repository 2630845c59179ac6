"""Probabilities of the categories and the mean category of each class over time, with delta-method bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.trajectories.courses import rows_at
from analysis.trajectories.ordinal.design import OrdinalDesign
from analysis.trajectories.ordinal.links import cumulative

Array = NDArray[np.float64]


def probabilities(design: OrdinalDesign, phi: Array, rows: Array) -> tuple[Array, Array]:
    """(k, rows, categories) and derivatives (k, rows, categories, free) by `phi`, at `rows` of `base.x`."""
    lay = design.lay
    nu, jac = lay.natural(phi[None])[0], lay.jacobian(phi[None])[0]
    x = design.internal(rows)
    c = lay.n_thresholds
    below = np.zeros((lay.k, len(x), c + 2))
    below[..., -1] = 1.0
    slopes = np.zeros((lay.k, len(x), c + 2, lay.n_free))
    place = np.arange(lay.n_free)[lay.thresholds]
    for g, (use, where) in enumerate(lay.local):
        location = np.column_stack([np.ones(len(x)), x])[:, use[c:] - c]
        at = nu[lay.thresholds] - (location @ nu[where[c:]])[:, None]
        below[g, :, 1:-1], density = cumulative(lay.link, at)
        slopes[g][:, np.arange(1, c + 1), place] = density
        slopes[g][:, 1:-1, where[c:]] -= density[..., None] * location[:, None]
    return np.diff(below, axis=2), np.diff(slopes, axis=2) @ jac


def row_probabilities(design: OrdinalDesign, phi: Array, x: Array) -> Array:
    """(k, rows, categories) at internal columns `x` (rows, columns)."""
    lay = design.lay
    nu = lay.natural(phi[None])[0]
    c = lay.n_thresholds
    found = np.zeros((lay.k, len(x), c + 2))
    found[..., -1] = 1.0
    ones = np.column_stack([np.ones(len(x)), x])
    for g, (use, where) in enumerate(lay.local):
        location = ones[:, use[c:] - c] @ nu[where[c:]]
        found[g, :, 1:-1] = cumulative(lay.link, nu[lay.thresholds] - location[:, None])[0]
    return np.diff(found, axis=2)


def mean_category(design: OrdinalDesign, phi: Array) -> Array:
    """(k,) mean category of each class at `order_at`, by default the last time seen."""
    at = design.spec.order_at if design.spec.order_at is not None else float(design.base.time.max())
    found, _ = probabilities(design, phi, rows_at(design.base, [at]))
    mean: Array = found[:, 0] @ np.array(design.categories, dtype=float)
    return mean


def table(
    design: OrdinalDesign, phi: Array, covariance: Array, times: Array, at: Mapping[str, Any] | None, level: float
) -> pd.DataFrame:
    """One row per class and time.

    Columns `class`, time, `mean`, `se`, `lower`, `upper` (of the mean category), then `p_c`, `se_c`, `lower_c`,
    `upper_c` for each category c. Bands are symmetric and cut at the ends of the scale.
    """
    values, slopes = probabilities(design, phi, rows_at(design.base, times, at))
    scale = np.array(design.categories, dtype=float)
    width = norm.ppf(0.5 + level / 2)
    found: dict[str, Array] = {
        "class": np.repeat(np.arange(1, design.lay.k + 1), len(times)),
        design.spec.time: np.tile(times, design.lay.k),
    }

    def add(value: Array, slope: Array, names: list[str], ends: tuple[float, float]) -> None:
        se = np.sqrt(np.maximum(np.einsum("gtf,fh,gth->gt", slope, covariance, slope), 0.0))
        bands = (value, se, np.maximum(value - width * se, ends[0]), np.minimum(value + width * se, ends[1]))
        found.update({name: band.ravel() for name, band in zip(names, bands, strict=True)})

    mean_slopes = np.einsum("gtcf,c->gtf", slopes, scale)
    add(values @ scale, mean_slopes, ["mean", "se", "lower", "upper"], (scale[0], scale[-1]))
    for j, c in enumerate(design.categories):
        add(values[..., j], slopes[:, :, j], [f"p_{c}", f"se_{c}", f"lower_{c}", f"upper_{c}"], (0.0, 1.0))
    return pd.DataFrame(found)
