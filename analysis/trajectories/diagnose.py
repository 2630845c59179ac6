"""What is wrong with a solution: which parameter, and what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.trajectories import newton, params
from analysis.trajectories.design import Design
from analysis.trajectories.errors import Problem
from analysis.trajectories.likelihood import Solution

Array = NDArray[np.float64]

SINGULAR = 1e-6
"""Variance of a random effect, relative to the spread of the scores, below which it is none."""
LARGEST_LOGIT = 4.0
"""A logit beyond this, per standard deviation of its column, with an error more than twice as large is unbounded."""
SMALLEST_SHARE, SMALLEST_CLASS = 0.05, 30
"""The least a class has to hold to be admissible, as a share and in persons."""
SMALLEST_SD = 1e-2
FAR = 12.0
"""Standard deviations from the pooled course beyond which a score is pointed at."""


def problems(
    design: Design,
    phi: Array,
    at: Solution,
    posterior: Array,
    names: pd.DataFrame,
    jacobian: Array,
) -> list[Problem]:
    """Problems of the solution `phi`; `at` is the likelihood there, `names` and `jacobian` the reported parameters."""
    st = design.st
    nat = params.natural(st, phi[None])
    found: list[Problem] = []
    distance, definite = newton.relative_distance(at.gradient, at.hessian)
    values, vectors = np.linalg.eigh(-at.hessian)
    if not definite:
        direction = jacobian @ vectors[:, 0]
        worst = names.iloc[int(np.argmax(np.abs(direction)))]
        found.append(
            Problem(
                parameter_name(worst),
                "the information is not positive definite in its direction",
                "the data do not determine it: take fewer classes, or fix it to be common",
            )
        )
    if not distance < newton.TOLERANCE:
        found.append(
            Problem(
                "the maximum",
                f"not converged, relative distance {distance:.1e} instead of {newton.TOLERANCE:.0e}",
                "take more starts, fewer classes or a simpler covariance",
            )
        )
    found += _boundaries(design, nat) + of_data(design)
    if definite and st.n_logits:
        rows = vectors[: st.n_logits] / np.sqrt(values)
        found += _unbounded(design, nat.gamma[0], rows @ rows.T)
    return found + small_classes(design, posterior)


def of_data(design: Design) -> list[Problem]:
    """What about the data themselves a reader must know."""
    found = []
    if design.st.q and design.panel.visits.max() < 2:
        what = "nobody has two scores, so that they cannot be told from the residual"
        found.append(Problem("covariance of the random effects", what, "leave the random part out: random=None"))
    z = (design.y - design.x @ design.to.beta0) / design.to.scale
    far = np.abs(z) > FAR
    if far.any():
        row = int(np.argmax(np.abs(z)))
        what = f"{int(far.sum())} lie more than {FAR:g} standard deviations from the pooled course"
        where = f", the farthest {design.y[row]:g} of {_row(design, row)}"
        remedy = "correct errors and codes for missing"
        found.append(Problem(f"scores {design.spec.outcome}", what, remedy, grave=False, where=where))
    twice = pd.DataFrame({"person": design.person, "time": design.time}).duplicated().to_numpy()
    if twice.any():
        what, where = f"{int(twice.sum())} repeat a person's time", f", the first {_row(design, int(np.argmax(twice)))}"
        found.append(Problem("rows", what, "keep one unless both were measured", grave=False, where=where))
    return found


def _row(design: Design, row: int) -> str:
    """A row by its person and time."""
    spec = design.spec
    return f"{spec.person} {design.persons[design.person[row]]}, {spec.time} {design.time[row]:g}"


def _unbounded(design: Design, gamma: Array, covariance: Array) -> list[Problem]:
    """Logits that run away: large, and with an error larger still. `gamma` and `covariance` in internal coordinates."""
    found = []
    n = design.st.n_membership
    sd = design.membership.std(axis=0)
    unit = np.where(sd > 0, sd, 1.0)
    inverse = design.to.membership_inverse
    for g, row in enumerate(gamma):
        part = covariance[g * n : (g + 1) * n, g * n : (g + 1) * n]
        error = np.sqrt(np.diag(inverse @ part @ inverse.T)) * unit
        for e, value in enumerate(design.to.gamma(row) * unit):
            if not (abs(value) > LARGEST_LOGIT and error[e] > 2 * abs(value)):
                continue
            term = design.templates.membership.column_names[e]
            found.append(
                Problem(
                    f"membership {term}, class {g + 1}",
                    "the logit grows without bound: nobody with some of its values is in the class",
                    f"take {term} out of the membership formula, or take fewer classes",
                )
            )
    return found


def parameter_name(row: pd.Series) -> str:
    """A reported parameter as it is called in a problem."""
    return f"{row['part']} {row['term']}" + (f", class {row['class']}" if row["class"] else "")


def _boundaries(design: Design, nat: params.Natural) -> list[Problem]:
    st = design.st
    found: list[Problem] = []
    if st.q:
        assert design.templates.random is not None
        terms = design.templates.random.column_names
        for g in range(st.k if st.own_covariance else 1):
            values, vectors = np.linalg.eigh(nat.cov[0, g])
            if values[0] < SINGULAR:
                raw = design.to.random_inverse @ vectors[:, 0]
                spread = np.abs(raw) * np.sqrt((design.z**2).mean(axis=0))
                term = terms[int(np.argmax(spread))]
                found.append(
                    Problem(
                        f"covariance of the random effects{f', class {g + 1}' if st.own_covariance else ''}",
                        f"on its boundary: no variance is left in the direction of {term}",
                        f"take {term} out of the random part, or make the covariance common",
                        grave=False,
                    )
                )
    for g in range(st.k if st.own_residual else 1):
        for e in np.flatnonzero(np.sqrt(nat.s2[0, g]) < SMALLEST_SD):
            where = f", class {g + 1}" if st.own_residual else ""
            found.append(
                Problem(
                    f"residual sd {design.groups[e]}{where}".replace(" ,", ","),
                    "goes to zero: the likelihood has no maximum there",
                    "make the residual variance common, or take fewer classes",
                )
            )
    return found


def small_classes(design: Design, posterior: Array) -> list[Problem]:
    """Classes too small to speak of. `posterior` (N, k)."""
    share = np.average(posterior, axis=0, weights=design.panel.weight)
    found = []
    for g, value in enumerate(share):
        persons = value * design.n
        if design.st.k > 1 and (value < SMALLEST_SHARE or persons < SMALLEST_CLASS):
            found.append(
                Problem(
                    f"class {g + 1}",
                    f"holds {value:.1%} of the persons",
                    f"a class has at least {SMALLEST_SHARE:.0%} and {SMALLEST_CLASS} persons: take fewer classes",
                )
            )
    return found
