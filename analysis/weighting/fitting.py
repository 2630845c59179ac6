"""From a node and a frame to its factor of the weight: the models of `index`, `several` and `tilting` put to work."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from analysis.weighting import index, several, tilting
from analysis.weighting.covariates import Columns, internal, inverse, matrix, zeros_by_level
from analysis.weighting.errors import Problem, WeightingError
from analysis.weighting.factor import Block, Factor, Part
from analysis.weighting.index import Equation, Solution
from analysis.weighting.nodes import Node, chosen, levels, rows_of

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

CBPS = {"ATE": index.CBPS_ATE, "ATT": index.CBPS_ATT, "ATC": index.CBPS_ATC, "ATO": index.LOGISTIC}
RARE = 0.01
"""Probabilities below this (of what was in fact chosen) are counted and named: little overlap."""


@dataclass(frozen=True)
class FittedNode:
    """A node with its factor. `groups` (n,) codes of the treatment or 0/1 of the choice, -1 outside the population;
    `levels` their names, empty for a continuous treatment. `among` (n,): the population.
    """

    node: Node
    factor: Factor
    groups: NDArray[np.intp]
    levels: tuple[object, ...]
    among: NDArray[np.bool_]
    problems: tuple[Problem, ...]

    @property
    def label(self) -> str:
        """How the node is called."""
        return self.node.label


def fit_node(node: Node, frame: pd.DataFrame, formula: str, numerator: str, case: Array) -> FittedNode:
    """Fit one node. `formula` and `numerator` are those of the node after missing values were dealt with; `case` (n,)
    sampling weights. Raises WeightingError for separation, no overlap and columns that do not fit.
    """
    among = rows_of(node, frame)
    rows = np.flatnonzero(among)
    part = frame if among.all() else frame.iloc[rows]
    here = case[rows]
    c = None if (here == 1).all() else here
    x, names, problems = matrix(formula, part, node.label)
    groups = np.full(len(frame), -1, dtype=np.intp)
    if node.kind == "selection":
        t = chosen(node, part)
        groups[rows] = t.astype(np.intp)
        factor, said = _selection(node, x, names, t, c)
        factor = _stabilised_selection(node, factor, part, numerator, t, c)
        named: tuple[object, ...] = (0, 1)
    else:
        found, codes, values = levels(node, part)
        named = tuple(found)
        if codes is None:
            factor, said = _continuous(node, x, names, values, c, part, numerator)
            groups[rows] = 0
        else:
            groups[rows] = codes
            factor, said = _categories(node, x, names, codes, found, c)
            factor = _stabilised_treatment(node, factor, part, numerator, codes, len(found), c)
    full = np.zeros(len(frame))
    full[rows] = factor.values
    factor = replace(factor, values=full, rows=rows)
    return FittedNode(node, factor, groups, named, among, (*problems, *said))


# -- selection ---------------------------------------------------------------------------------------------------------


def _selection(node: Node, x: Array, names: tuple[str, ...], t: Array, c: Array | None) -> tuple[Factor, list[Problem]]:
    problems: list[Problem] = []
    zeros = zeros_by_level(x, names, t)
    made = internal(x, names, node.label, c)
    problems += made.problems
    rest = node.target == "rest"
    if node.method == "entropy":
        side = 1 - t if rest else t
        equation = index.CBPS_ATT if rest else index.ENTROPY
        found = _solved(node, equation, made, side, c, zeros)
        sign = 1.0
        values = t * np.exp(found.e)
        score = equation.score(found.e, side)
        chance = None
    else:
        equation = index.LOGISTIC
        if node.method == "cbps":
            equation = index.CBPS_ATC if rest else index.TILTING
        found, score = _logistic(node, equation, made, t, c, zeros, problems)
        p = expit(found.e)
        values = t * (np.exp(-found.e) if rest else 1 / p)
        sign, chance = -1.0, p
    slope = sign * np.ones(len(t)) if rest or node.method == "entropy" else -(1 - expit(found.e))
    numbers = score if c is None or node.method == "penalised" else c * score
    part = Part((Block(made.x, slope, ((made.x, numbers),)),), inverse(found.information))
    if chance is not None:
        problems += _rare(node, np.where(t == 1, chance, 1.0), "of being chosen")
    factor = Factor(values, np.arange(len(t)), (part,), chance, {node.column: _named(made, found.b)})
    return factor, problems


def _stabilised_selection(
    node: Node, factor: Factor, frame: pd.DataFrame, numerator: str, t: Array, c: Array | None
) -> Factor:
    if not node.stabilises:
        return factor
    x, names, _ = matrix(numerator, frame, node.label)
    made = internal(x, names, node.label, c)
    found = _solved(node, index.LOGISTIC, made, t, c, [])
    q = expit(found.e)
    numbers = (t - q) if c is None else c * (t - q)
    above = Part((Block(made.x, 1 - q, ((made.x, numbers),)),), inverse(found.information))
    return replace(factor, values=factor.values * q, parts=(*factor.parts, above))


# -- treatments --------------------------------------------------------------------------------------------------------


def _categories(
    node: Node, x: Array, names: tuple[str, ...], codes: Indices, found: list[object], c: Array | None
) -> tuple[Factor, list[Problem]]:
    k = len(found)
    focal = found.index(node.focal) if node.focal is not None else (0 if node.estimand == "ATC" else 1)
    if k > 2 and node.estimand in ("ATT", "ATC") and node.focal is None:
        raise WeightingError(f"{node.label}: {node.estimand} of {k} categories needs focal=, one of {found}")
    zeros = [z for g in range(k) for z in zeros_by_level(x, names, (codes == g).astype(float), 2)]
    problems: list[Problem] = []
    made = internal(x, names, node.label, c)
    problems += made.problems
    everybody = np.arange(len(codes))
    if node.method == "entropy" or (node.method == "cbps" and k > 2 and node.estimand in ("ATT", "ATC")):
        return _entropy(node, made, codes, k, focal, c, zeros), problems
    if k == 2:
        t = (codes == 1).astype(float)
        estimand = node.estimand
        if node.focal is not None and estimand in ("ATT", "ATC"):
            estimand = "ATT" if focal == 1 else "ATC"
        equation = index.LOGISTIC
        if node.method == "cbps":
            if estimand not in CBPS:
                raise WeightingError(f"{node.label}: covariate balancing offers {', '.join(CBPS)}, not {estimand}")
            equation = CBPS[estimand]
        sol, score = _logistic(node, equation, made, t, c, zeros, problems)
        p = expit(sol.e)
        values, slopes = several.by_estimand(np.column_stack([1 - p, p]), codes, estimand, focal)
        numbers = score if c is None or node.method == "penalised" else c * score
        part = Part((Block(made.x, slopes[:, 1], ((made.x, numbers),)),), inverse(sol.information))
        problems += _rare(node, np.where(t == 1, p, 1 - p), "of the own treatment")
        _overlap(node, p, t, found)
        return Factor(values, everybody, (part,), p, {node.column: _named(made, sol.b)}), problems
    if node.method == "cbps":
        if node.estimand != "ATE":
            raise WeightingError(f"{node.label}: covariate balancing of {k} categories offers ATE and ATT")
        many = several.balancing(made.x, codes, k, c)
    else:
        ridge = penalty(made, node.penalty) if node.method in ("ridge", "penalised") else None
        many = several.multinomial(made.x, codes, k, c, ridge)
    if not many.converged or many.flat:
        raise WeightingError(_separated(node, made, zeros))
    values, slopes = several.by_estimand(many.p, codes, node.estimand, focal)
    problems += _rare(node, many.p[everybody, codes], "of the own treatment")
    coefficients = {str(found[g + 1]): _named(made, many.b[g]) for g in range(k - 1)}
    return Factor(values, everybody, (many.part(made.x, slopes[:, 1:]),), many.p, coefficients), problems


def _entropy(
    node: Node, made: Columns, codes: Indices, k: int, focal: int, c: Array | None, zeros: list[str]
) -> Factor:
    """Each category tilted to everybody (ATE) or to the focal one (ATT, ATC)."""
    if node.estimand not in ("ATE", "ATT", "ATC"):
        raise WeightingError(f"{node.label}: entropy balancing offers ATE, ATT and ATC, not {node.estimand}")
    values, parts = np.ones(len(codes)), []
    for g in range(k):
        own = (codes == g).astype(float)
        if node.estimand == "ATE":
            found = _solved(node, index.ENTROPY, made, own, c, zeros)
            score = index.ENTROPY.score(found.e, own)
        elif g == focal:
            continue
        else:
            keep = (codes == g) | (codes == focal)
            target = (codes == focal).astype(float)
            case = keep.astype(float) if c is None else c * keep
            found = _solved(node, index.CBPS_ATT, made, target, case, zeros)
            score = index.CBPS_ATT.score(found.e, target) * keep
        values = np.where(own == 1, np.exp(found.e), values)
        numbers = score if c is None else c * score
        parts.append(Part((Block(made.x, own, ((made.x, numbers),)),), inverse(found.information)))
    return Factor(values, np.arange(len(codes)), tuple(parts))


def _stabilised_treatment(
    node: Node, factor: Factor, frame: pd.DataFrame, numerator: str, codes: Indices, k: int, c: Array | None
) -> Factor:
    if not node.stabilises:
        return factor
    x, names, _ = matrix(numerator, frame, node.label)
    made = internal(x, names, node.label, c)
    above = several.multinomial(made.x, codes, k, c)
    if above.flat or not above.converged:
        raise WeightingError(f"{node.label}: the numerator {numerator!r} determines the treatment; take a simpler one")
    q = above.p[np.arange(len(codes)), codes]
    slope = np.eye(k)[codes][:, 1:] - above.p[:, 1:]
    return replace(factor, values=factor.values * q, parts=(*factor.parts, above.part(made.x, slope)))


def _continuous(
    node: Node, x: Array, names: tuple[str, ...], a: Array, c: Array | None, frame: pd.DataFrame, numerator: str
) -> tuple[Factor, list[Problem]]:
    """Ratio of normal densities (Robins, Hernan & Brumback 2000), or entropy balancing."""
    if node.estimand != "ATE":
        raise WeightingError(
            f"{node.label}: {node.column} is continuous and has no {node.estimand}; write C({node.column})"
            " if its values are categories"
        )
    if node.method == "entropy":
        factor, made = tilting.continuous(x, names, a, node.moments, node.d_moments, node.label, c)
        return factor, list(made.problems)
    if node.method != "logistic":
        raise WeightingError(
            f"{node.label}: {node.column} is continuous; methods for it are 'logistic' (a normal density in its place) "
            f"and 'entropy', not {node.method!r}"
        )
    made = internal(x, names, node.label, c)
    down, low = _density(made, a, c)
    if node.stabilised:
        above = internal(*matrix(numerator, frame, node.label)[:2], node.label, c)
        up, high = _density(above, a, c)
    else:
        up, high = (), np.zeros(len(a))
    parts = [Part(tuple(replace(b, slope=-b.slope) for b in part.blocks), part.bread) for part in down]
    said = Problem(node.label, "continuous: a ratio of normal densities", "look at the residuals", grave=False)
    return Factor(np.exp(high - low), np.arange(len(a)), (*parts, *up)), [*made.problems, said]


def _density(made: Columns, a: Array, c: Array | None) -> tuple[tuple[Part, ...], Array]:
    """Log normal density of `a` given the columns, (n,), with its estimators: coefficients and log variance."""
    case = np.ones(len(a)) if c is None else c
    bread = inverse(index.information(made.x, case))
    r = a - made.x @ (bread @ ((case * a) @ made.x))
    variance = float(case @ r**2 / case.sum())
    if not variance > 1e-12 * float(a.var()):
        raise WeightingError("the columns determine the continuous treatment: there is no overlap; take fewer")
    one = np.ones((len(a), 1))
    of_mean = Part((Block(made.x, r / variance, ((made.x, case * r),)),), bread)
    of_spread = Part(
        (Block(one, 0.5 * (r**2 / variance - 1), ((one, case * (r**2 - variance)),)),),
        np.array([[1 / (variance * case.sum())]]),
    )
    return (of_mean, of_spread), -0.5 * (np.log(2 * np.pi * variance) + r**2 / variance)


# -- common ------------------------------------------------------------------------------------------------------------


def _logistic(
    node: Node, equation: Equation, made: Columns, t: Array, c: Array | None, zeros: list[str], said: list[Problem]
) -> tuple[Solution, Array]:
    """The solution and the numbers of its scores (n,); those of Firth's penalty contain the case weights already."""
    if node.method == "penalised":
        found, score = index.firth(made.x, t, c)
        if zeros:
            remedy = "these weights lean on the penalty alone; better restrict the population"
            said.append(Problem(node.label, f"structural zero: {'; '.join(zeros)}", remedy))
        return found, score
    ridge = None
    if node.method == "ridge":
        ridge = penalty(made, node.penalty)
        if zeros:
            remedy = "these weights lean on the penalty alone; better restrict the population"
            said.append(Problem(node.label, f"structural zero: {'; '.join(zeros)}", remedy))
    found = _solved(node, equation, made, t, c, zeros, ridge)
    return found, equation.score(found.e, t)


def _solved(
    node: Node,
    equation: Equation,
    made: Columns,
    t: Array,
    c: Array | None,
    zeros: list[str],
    ridge: Array | None = None,
) -> Solution:
    found = index.solve(equation, made.x, t, c, ridge)
    if found.flat or not found.converged:
        raise WeightingError(_separated(node, made, zeros))
    return found


def _separated(node: Node, made: Columns, zeros: list[str]) -> str:
    why = "; ".join(zeros) if zeros else f"some combination of {', '.join(n for n in made.names if n != 'Intercept')}"
    return (
        f"{node.label}: perfect separation or no overlap, {node.method} has no finite solution: {why}. Restrict the "
        "population (among=) to those who could have been chosen, take coarser columns, or method='penalised'"
    )


def _rare(node: Node, own: Array, what: str) -> list[Problem]:
    n = int((own < RARE).sum())
    if not n:
        return []
    text = (
        f"little overlap: {n} of {len(own)} persons have a probability {what} below {RARE:g}, the least {own.min():.2g}"
    )
    return [
        Problem(node.label, text, "look at the weights they get; truncate, or restrict the population", grave=False)
    ]


def _overlap(node: Node, p: Array, t: Array, found: list[object]) -> None:
    low, high = float(p[t == 1].min()), float(p[t == 0].max())
    if low > high:
        raise WeightingError(
            f"{node.label}: no overlap, everybody with {found[1]!r} has a higher probability of it (from {low:.3g}) "
            f"than anybody with {found[0]!r} (to {high:.3g}); these groups cannot be compared on these columns"
        )


def penalty(made: Columns, amount: float) -> Array:
    """`amount` times the squared coefficients of standardised columns, as a matrix in internal coordinates."""
    centred = made.x - made.x.mean(axis=0)
    back = inverse(made.to)
    variance = np.diag(back.T @ (centred.T @ centred / len(centred)) @ back)
    return amount * made.to.T @ (variance[:, None] * made.to)


def _named(made: Columns, b: Array) -> dict[str, float]:
    return dict(zip(made.names, (made.to @ b).tolist(), strict=True))
