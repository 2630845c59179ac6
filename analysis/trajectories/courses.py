"""Mean courses of the classes over time, with bands by the delta method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.trajectories import estimates, params
from analysis.trajectories.design import Design, columns_of

Array = NDArray[np.float64]


def rows_at(design: Design, times: Sequence[float] | Array, at: Mapping[str, Any] | None = None) -> Array:
    """(times, p): the columns of the fixed effects at `times`, averaged over the persons.

    Numbers stand at their mean over persons, categories are averaged with their joint shares; `at` sets covariates to
    a value instead.
    """
    people = design.covariates
    time = design.spec.time
    given = dict(at or {})
    used = [v for v in sorted(design.templates.fixed.required_variables) if v in people.columns and v != time]
    unknown = [v for v in given if v not in used]
    if unknown:
        raise KeyError(f"{', '.join(unknown)} is not in the model; it has {', '.join(used) or 'no covariates'}")
    free = [v for v in used if v not in given]
    text = [v for v in free if not pd.api.types.is_numeric_dtype(people[v].dtype)]
    weight = np.ones(len(people)) if design.panel.weight is None else design.panel.weight
    if text:
        shares = pd.Series(weight).groupby([people[v] for v in text], sort=True).sum()
        cells = shares.index.to_frame(index=False)
        cells.columns = pd.Index(text)
        share = shares.to_numpy() / weight.sum()
    else:
        cells, share = pd.DataFrame(index=[0]), np.ones(1)
    for v in free:
        if v not in text:
            cells[v] = float(np.average(people[v].to_numpy(dtype=float), weights=weight))
    for v, value in given.items():
        cells[v] = value
    times = np.asarray(times, dtype=float)
    frame = cells.loc[cells.index.repeat(len(times))].reset_index(drop=True)
    frame[time] = np.tile(times, len(cells))
    names = list(design.templates.fixed.column_names)
    x = columns_of(design.templates.fixed, frame)[:, [names.index(c) for c in design.templates.columns]]
    found: Array = np.einsum("ctp,c->tp", x.reshape(len(cells), len(times), -1), share)
    return found


def means(design: Design, phi: Array, rows: Array) -> tuple[Array, Array]:
    """Means (classes, times) and their derivatives (classes, times, free) by `phi`, at the columns `rows`."""
    st, to = design.st, design.to
    nat = params.natural(st, phi[None])
    jac = params.jacobian(st, phi[None])[0]
    beta_at = st.spread[:, st.at["beta"]]
    values = to.beta(nat.beta[0]) @ rows.T
    slopes = np.stack([to.scale * rows @ to.fixed_inverse @ jac[beta_at[g]] for g in range(st.k)])
    return values, slopes


def in_order(design: Design, phi: Array) -> Array:
    """The point `phi` with its classes put in order: the lowest mean at `spec.order_at` first."""
    if design.st.k == 1:
        return phi
    at = design.spec.order_at if design.spec.order_at is not None else float(design.time.max())
    values, _ = means(design, phi, rows_at(design, [at]))
    return estimates.permuted(design, phi, np.argsort(values[:, 0], kind="stable"))


def table(
    design: Design, phi: Array, covariance: Array, times: Array, at: Mapping[str, Any] | None, level: float
) -> pd.DataFrame:
    """One row per class and time: `class`, time, `mean`, `se`, `lower`, `upper`."""
    values, slopes = means(design, phi, rows_at(design, times, at))
    se = np.sqrt(np.einsum("gtf,fh,gth->gt", slopes, covariance, slopes))
    width = norm.ppf(0.5 + level / 2) * se
    return pd.DataFrame(
        {
            "class": np.repeat(np.arange(1, design.st.k + 1), len(times)),
            design.spec.time: np.tile(times, design.st.k),
            "mean": values.ravel(),
            "se": se.ravel(),
            "lower": (values - width).ravel(),
            "upper": (values + width).ravel(),
        }
    )
