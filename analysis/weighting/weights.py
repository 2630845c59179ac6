"""Weights as a product of named nodes, fitted together, with the influence of every estimate behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.plan import read_plan
from analysis.twostep.stack import PersonWeights
from analysis.weighting import balance, tilting
from analysis.weighting.covariates import fill, internal, inverse, matrix, numbers
from analysis.weighting.errors import Problem, WeightingError
from analysis.weighting.factor import Block, Part
from analysis.weighting.fitting import FittedNode, fit_node
from analysis.weighting.nodes import Node

if TYPE_CHECKING:
    import altair as alt

    from analysis.weighting.imputation import ImputedWeights

Array = NDArray[np.float64]


def _pandas(frame: Any) -> pd.DataFrame:
    """A frame of pandas, also from Polars or Arrow. Raises WeightingError."""
    if not isinstance(frame, pd.DataFrame) and hasattr(frame, "to_pandas"):
        frame = frame.to_pandas()
    if not isinstance(frame, pd.DataFrame):
        raise WeightingError(f"the frame is a {type(frame).__name__}: give a data frame with one row per person")
    return frame


class Weights:
    """A frame, one row per person, and the nodes whose factors are multiplied.

    person: column that names persons; None takes the index. sampling: column of survey weights that multiply all
    (models, totals, estimates). missing: what to do where covariates are missing, `refuse`, `complete`, `category` or
    `impute` (see `covariates.fill`); with `impute`, `imputations` data sets from `seed`, helped by the columns
    `auxiliary` (name the outcome there). study: column by which balance is shown apart.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *nodes: Node,
        person: str | None = None,
        sampling: str | None = None,
        missing: str = "refuse",
        imputations: int = 20,
        auxiliary: Sequence[str] = (),
        seed: int = 1,
        study: str | None = None,
    ) -> None:
        frame = _pandas(frame)
        if not nodes:
            raise WeightingError("no node: name at least one, e.g. treatment('arm ~ age + sex')")
        labels = [n.label for n in nodes]
        twice = sorted({x for x in labels if labels.count(x) > 1})
        if twice:
            raise WeightingError(f"two nodes are called {twice[0]!r}: give them a name=")
        self.frame, self.nodes, self.person, self.sampling = frame, nodes, person, sampling
        self.missing, self.imputations, self.auxiliary = missing, imputations, tuple(auxiliary)
        self.seed, self.study = seed, study

    @property
    def formulas(self) -> dict[str, str]:
        """Right sides by node, numerators under the node's name and `numerator`."""
        found = {}
        for node in self.nodes:
            found[node.label] = node.formula.rpartition("~")[2]
            found[f"{node.label} numerator"] = (node.numerator or "~ 1").rpartition("~")[2]
        return found

    def fit(self) -> FittedWeights | ImputedWeights:
        """Fit all nodes. Raises WeightingError, naming column, value and remedy."""
        if self.missing == "impute":
            from analysis.weighting.imputation import fit_imputed

            return fit_imputed(self)
        return self.fit_complete(self.frame)

    def fit_complete(self, frame: pd.DataFrame) -> FittedWeights:
        """Fit to a frame that stands for `self.frame`, e.g. an imputed one."""
        self._check(frame)
        missing = "refuse" if self.missing == "impute" else self.missing
        filled = fill(frame, self.formulas, missing)
        used = filled.frame if filled.kept.all() else filled.frame[filled.kept]
        case = self._sampling(used)
        fitted = tuple(
            fit_node(n, used, filled.formulas[n.label], filled.formulas[f"{n.label} numerator"], case)
            for n in self.nodes
        )
        values = np.prod([f.factor.values for f in fitted], axis=0)
        if not (values * case > 0).any():
            raise WeightingError("nobody is kept by all nodes together: " + "; ".join(n.model() for n in self.nodes))
        persons = pd.Index(used.index if self.person is None else used[self.person])
        return FittedWeights(
            self, used, frame if filled.kept.all() else frame[filled.kept], persons, case, fitted, values,
            np.zeros(len(values), dtype=bool), tuple(filled.problems), len(frame),
        )  # fmt: skip

    def _check(self, frame: pd.DataFrame) -> None:
        if not len(frame):
            raise WeightingError("the frame has no rows")
        for column, what in ((self.person, "person"), (self.sampling, "sampling"), (self.study, "study")):
            if column is not None and column not in frame.columns:
                raise WeightingError(
                    f"{what} = {column!r} is no column; there are {', '.join(map(str, frame.columns))}"
                )
        keys = pd.Index(frame.index if self.person is None else frame[self.person])
        if keys.hasnans or not keys.is_unique:
            who = keys[keys.duplicated()][0] if not keys.is_unique else "missing"
            raise WeightingError(f"person {who} has more than one row or no name; give each person one row")

    def _sampling(self, frame: pd.DataFrame) -> Array:
        if self.sampling is None:
            return np.ones(len(frame))
        found = numbers(frame[self.sampling])
        bad = ~np.isfinite(found) | (found < 0)
        if bad.any():
            row = int(np.argmax(bad))
            raise WeightingError(
                f"column {self.sampling}, row {frame.index[row]} is {frame[self.sampling].iloc[row]}; sampling "
                "weights are finite and 0 or more"
            )
        return found


@dataclass(frozen=True)
class Raked:
    """A calibration on top of other weights: its columns `z` (n, p), factor (n,), estimator and what it was told."""

    z: Array
    factor: Array
    part: Part
    text: str


@dataclass(frozen=True)
class FittedWeights:
    """Fitted weights of the persons in `frame` (missing covariates dealt with; `given` is the frame as it came).

    values (n,): product of the nodes' factors (and of raking), 0 for who is not kept. case (n,): sampling weights.
    cut (n,): whose weight was truncated. nodes: the fitted nodes.
    """

    spec: Weights
    frame: pd.DataFrame
    given: pd.DataFrame
    persons: pd.Index
    case: Array
    nodes: tuple[FittedNode, ...]
    values: Array
    cut: NDArray[np.bool_]
    said: tuple[Problem, ...]
    n_given: int
    raked: Raked | None = None
    limits: tuple[float, float] | None = field(default=None)

    # -- values ----------------------------------------------------------------------------------------------------

    @cached_property
    def total(self) -> Array:
        """(n,): the product with the sampling weights; what estimates are weighted by."""
        return self.values * self.case

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(n,): who has a weight above 0."""
        return self.total > 0

    @property
    def ess(self) -> float:
        """Effective sample size of those kept, (sum w)^2 / sum w^2 (Kish 1965)."""
        return effective_size(self.total)

    def node(self, name: str) -> FittedNode:
        """The node of that name, or of that column. Raises WeightingError."""
        for f in self.nodes:
            if name in (f.label, f.node.column):
                return f
        raise WeightingError(f"no node {name!r}; there are {', '.join(f.label for f in self.nodes)}")

    @property
    def treatments(self) -> tuple[FittedNode, ...]:
        """Nodes that are treatments."""
        return tuple(f for f in self.nodes if f.node.kind == "treatment")

    def series(self) -> pd.Series:
        """Weights by person."""
        return pd.Series(self.total, index=self.persons, name="weight")

    # -- influence -------------------------------------------------------------------------------------------------

    def carry(self, g: Array) -> Array:
        """Influence (k, n) on later estimates whose equations change by `g` (k, n) with each log weight."""
        found = np.zeros_like(g)
        if self.raked is not None:
            z, part = self.raked.z, self.raked.part
            found += part.carry(g)
            c = g @ z @ part.bread
            g = g - (c @ z.T) * self.total
        g = np.where(self.cut, 0.0, g) if self.cut.any() else g
        for f in self.nodes:
            found += f.factor.carry(g)
        return found

    def person_weights(self) -> PersonWeights:
        """The same for `analysis.twostep`. The matrices it wants are of size persons × parameters."""
        slopes, influence = [], []
        for f in self.nodes:
            rows = f.factor.rows
            for part in f.factor.parts:
                slope = np.zeros((len(self.values), len(part.bread)))
                slope[rows] = np.concatenate([b.x * b.slope[:, None] for b in part.blocks], axis=1)
                scores = np.zeros((len(part.bread), len(self.values)))
                scores[:, rows] = np.concatenate([sum((x * r[:, None] for x, r in b.terms), np.zeros_like(b.x)).T
                                                  for b in part.blocks])  # fmt: skip
                slopes.append(np.where(self.cut[:, None], 0.0, slope) * self.total[:, None])
                influence.append(part.bread @ scores)
        if self.raked is not None:
            raise WeightingError("raked weights are not offered to analysis.twostep; use their own effect")
        return PersonWeights(self.persons, self.total, np.concatenate(slopes, axis=1), np.concatenate(influence))

    # -- truncation and raking -------------------------------------------------------------------------------------

    def truncate(self, lower: float = 0.01, upper: float = 0.99) -> FittedWeights:
        """Weights of the kept cut at these quantiles (of the kept); who was cut is counted in `problems`."""
        if not 0 <= lower < upper <= 1:
            raise WeightingError(f"truncation at {lower} and {upper}: give two quantiles, 0 <= lower < upper <= 1")
        if self.raked is not None:
            raise WeightingError("truncate before raking: truncated weights no longer meet the totals")
        low, high = np.quantile(self.values[self.kept], [lower, upper])
        cut = self.kept & ((self.values < low) | (self.values > high))
        values = np.where(self.kept, np.clip(self.values, low, high), 0.0)
        n, below = int(cut.sum()), int((cut & (self.values < low)).sum())
        text = (
            f"truncated at quantiles {lower:g}, {upper:g} ({low:.3g}, {high:.3g}): {n} weights, {below} of them raised"
        )
        said = Problem("weights", text, "compare with the untruncated estimate", grave=False)
        return replace(self, values=values, cut=cut, said=(*self.said, said), limits=(float(low), float(high)))

    def rake(self, formula: str, totals: pd.Series | None = None, frame: pd.DataFrame | None = None) -> FittedWeights:
        """Calibrate to totals: the weighted sums of the columns of `formula` are those of everybody in the frame, or
        `totals` by column (with `Intercept`, the size). `frame`: where the columns are, ours by default.
        """
        where = self.frame if frame is None else frame
        x, names, said = matrix(formula, where, "raking")
        problems = list(said)
        if totals is not None:
            absent = [n for n in names if n not in totals.index]
            if absent:
                raise WeightingError(
                    f"no total of {', '.join(absent)}; the columns of {formula!r} are {', '.join(names)}"
                )
            wanted = totals.reindex(list(names)).to_numpy(dtype=float)
        made = internal(x, names, "raking", self.case)
        problems += made.problems
        if totals is None:
            target, own = self.case @ made.x, self.case
            text = f"raked to the totals of everybody: {', '.join(made.names)}"
        else:
            at = [names.index(n) for n in made.names]
            target, own = wanted[at] @ made.to, None
            text = f"raked to given totals: {', '.join(made.names)}"
        found = tilting.tilt(made.x, self.total, target, "raking", made.names)
        inner = (made.x, -self.total * found.factor)
        terms = (inner,) if own is None else ((made.x, own), inner)
        part = Part((Block(made.x, np.ones(len(made.x)), terms),), inverse(found.information))
        raked = Raked(made.x, found.factor, part, text)
        return replace(self, values=self.values * found.factor, raked=raked, said=(*self.said, *problems))

    # -- what people look at ---------------------------------------------------------------------------------------

    def flow(self) -> pd.DataFrame:
        """Persons at each node: `stage`, `model`, `at_risk`, `kept`."""
        rows = [{"stage": "given", "model": "", "at_risk": self.n_given, "kept": self.n_given}]
        rows.append(
            {"stage": "with covariates", "model": self.spec.missing, "at_risk": self.n_given, "kept": len(self.frame)}
        )
        kept = np.ones(len(self.frame), dtype=bool)
        for f in self.nodes:
            before = int((kept & f.among).sum())
            kept &= f.factor.values > 0
            rows.append({"stage": f.label, "model": f.node.model(), "at_risk": before, "kept": int(kept.sum())})
        return pd.DataFrame(rows)

    def summary(self) -> pd.DataFrame:
        """Distribution of each node's factor and of the product among the kept, by treatment group where there are."""
        rows = [_described(f.label, "kept", f.factor.values[self.kept]) for f in self.nodes]
        rows.append(_described("product", "kept", self.total[self.kept]))
        for f in self.treatments:
            for g, level in enumerate(f.levels):
                rows.append(
                    _described("product", f"{f.node.column} = {level}", self.total[self.kept & (f.groups == g)])
                )
        return pd.DataFrame(rows)

    def balance(self, by: str | None = None, formula: str | None = None) -> pd.DataFrame:
        """Differences of covariates before and after weighting: see `balance.table`. `by`: also within its values."""
        return balance.table(self, by, formula)

    def overlap(self, bins: int = 20) -> pd.DataFrame:
        """Persons by probability and group, of every node that has one: `node`, `group`, `lower`, `upper`, `n`."""
        return balance.overlap(self, bins)

    def coefficients(self) -> pd.DataFrame:
        """Coefficients of the nodes' models: `node`, `equation`, `column`, `estimate`."""
        rows = [
            {"node": f.label, "equation": equation, "column": column, "estimate": value}
            for f in self.nodes
            for equation, found in f.factor.coefficients.items()
            for column, value in found.items()
        ]
        return pd.DataFrame(rows, columns=["node", "equation", "column", "estimate"])

    def plot(self, kind: str = "love", by: str | None = None, synthetic: bool = False) -> alt.TopLevelMixin | Any:
        """`love`: differences before and after; `weights`: their distribution; `overlap`: probabilities by group."""
        from analysis.weighting import plots

        return plots.draw(self, kind, by, synthetic)

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What a reader must know, of the models and of the product, by the thresholds of the plan."""
        aim = read_plan().aim_d
        found = [*self.said, *(p for f in self.nodes for p in f.problems)]
        w = self.total[self.kept]
        n = len(w)
        if self.ess < aim["warn_ess_share"] * n:
            text = f"effective sample size {self.ess:.0f} of {n} ({100 * self.ess / n:.0f} %)"
            found.append(
                Problem("weights", text, "look at who has the large weights; show truncated ones", grave=False)
            )
        if w.max() > aim["warn_weight_share"] * w.sum():
            text = f"one person has {100 * w.max() / w.sum():.0f} % of the total weight"
            found.append(
                Problem("weights", text, "look at this person, series().idxmax(); show truncated weights", grave=False)
            )
        return tuple(found)

    def describe(self) -> str:
        """Models, flow, distribution and problems as text."""
        lines = ["Models:", *(f"  {f.label}: {f.node.model()}" for f in self.nodes)]
        if self.raked is not None:
            lines.append(f"  {self.raked.text}")
        lines += [self.summary().round(4).to_string(index=False), *(f"! {p}" for p in self.problems)]
        return "\n".join(lines)


def effective_size(w: Array) -> float:
    """(sum w)^2 / sum w^2."""
    squares = float(w @ w)
    return float(w.sum()) ** 2 / squares if squares > 0 else 0.0


def _described(what: str, group: str, w: Array) -> dict[str, object]:
    if not len(w):
        return {"factor": what, "group": group, "n": 0}
    cv = float(w.std(ddof=1) / w.mean()) if len(w) > 1 else 0.0
    low, middle, high = np.quantile(w, [0.01, 0.5, 0.99])
    return {
        "factor": what, "group": group, "n": len(w), "mean": float(w.mean()), "sd": float(w.std()),
        "min": float(w.min()), "p1": float(low), "median": float(middle), "p99": float(high), "max": float(w.max()),
        "cv": cv, "ess": effective_size(w), "largest_share": float(w.max() / w.sum()),
    }  # fmt: skip
