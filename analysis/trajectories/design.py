"""The specification of a growth mixture, and how a frame of scores becomes the matrices of the kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from formulaic import Formula, ModelSpec
from numpy.typing import NDArray

from analysis.trajectories.bases import CONTEXT
from analysis.trajectories.censored import CensoredPanel, censored_panel, sides
from analysis.trajectories.coordinates import Coordinates, coordinates
from analysis.trajectories.errors import DesignError
from analysis.trajectories.likelihood import Data
from analysis.trajectories.panel import Panel, cross_products
from analysis.trajectories.structure import Structure

if TYPE_CHECKING:
    from analysis.trajectories.result import Trajectories

Array = NDArray[np.float64]
COVARIANCES = ("common", "proportional", "class")
RESIDUALS = ("common", "study", "class")
FAMILIES = ("gaussian", "censored")


@dataclass(frozen=True)
class GrowthMixture:
    """A growth mixture, written down once and never changed.

    Configuration only: fitted values live in the result of `fit`.

    k: number of classes; 1 is the continuum model.
    fixed: two-sided formula, e.g. `"score ~ log1p(week) + week + baseline * log1p(week) + study"`.
    class_specific: one-sided formula naming the part of `fixed` that differs between classes; None: all of it.
    random: one-sided formula of the random effects, e.g. `"~ log1p(week)"`; None: latent class growth, none.
    membership: one-sided formula of the multinomial logit; its columns are constant within a person.
    covariance: of the random effects, `common`, `proportional` (one scale per class) or `class`.
    diagonal: the random effects are independent.
    residual: the residual variance is `common`, differs by `study` (the column named by `study`) or by `class`.
    person, time, study, weights, cluster: names of columns; `weights` multiply a person's log-likelihood.
    family: `gaussian`, or `censored`: a normal score seen only between `floor` and `ceiling`.
    order_at: time whose class means order the classes, lowest first; None: the last time seen.
    """

    k: int
    fixed: str
    class_specific: str | None = None
    random: str | None = None
    membership: str = "~ 1"
    covariance: str = "common"
    diagonal: bool = False
    residual: str = "common"
    person: str = "subject_id"
    time: str = "week"
    study: str = "study_id"
    weights: str | None = None
    cluster: str | None = None
    family: str = "gaussian"
    floor: float | None = None
    ceiling: float | None = None
    order_at: float | None = None

    def __post_init__(self) -> None:
        if self.k < 1:
            raise DesignError(f"k = {self.k}: a mixture has at least one class")
        for name, value, allowed in (
            ("covariance", self.covariance, COVARIANCES),
            ("residual", self.residual, RESIDUALS),
            ("family", self.family, FAMILIES),
        ):
            if value not in allowed:
                raise DesignError(f"{name} = {value!r} is none of {', '.join(allowed)}")
        if "~" not in self.fixed or not self.fixed.partition("~")[0].strip():
            raise DesignError(f"fixed = {self.fixed!r} names no score: write 'score ~ week'")
        if self.family == "censored" and self.floor is None and self.ceiling is None:
            raise DesignError("family = 'censored' needs a floor or a ceiling, e.g. floor=0")

    @property
    def outcome(self) -> str:
        """Name of the score."""
        return self.fixed.partition("~")[0].strip()

    def with_classes(self, k: int) -> GrowthMixture:
        """The same model with another number of classes."""
        return replace(self, k=k)

    def fit(
        self,
        frame: pd.DataFrame,
        *,
        starts: int = 50,
        max_starts: int = 400,
        seed: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> Trajectories:
        """Fit to `frame`, one row per person and time; see `analysis.trajectories.search.fit`."""
        from analysis.trajectories.search import fit

        return fit(self, frame, starts=starts, max_starts=max_starts, seed=seed, progress=progress)


@dataclass(frozen=True)
class Templates:
    """Formulas as they were met at the fit: a new frame gets the same columns, knots and levels."""

    fixed: ModelSpec
    random: ModelSpec | None
    membership: ModelSpec
    specific: tuple[str, ...]
    common: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the fixed effects, class-specific ones first."""
        return self.specific + self.common


@dataclass(frozen=True)
class Design:
    """A frame made ready for the kernel.

    Rows have a person's scores together; `person` (rows,) counts persons from 0, `x`, `z`, `y` are in the units of
    the frame, `panel` and `st` in internal coordinates, `to` leads back. `counts` says what was left out.
    """

    spec: GrowthMixture
    templates: Templates
    st: Structure
    panel: Panel
    to: Coordinates
    persons: pd.Index
    groups: tuple[str, ...]
    clusters: NDArray[np.intp] | None
    person: NDArray[np.intp]
    time: Array
    y: Array
    x: Array
    z: Array
    covariates: pd.DataFrame
    membership: Array
    counts: dict[str, int]
    side: Array | None = None

    @cached_property
    def data(self) -> Data:
        """What the likelihood reads: `panel`, or with a floor or ceiling the censored rows beside it."""
        return self.panel if self.side is None else self.with_scores(self.y)

    def with_scores(self, y: Array) -> Data:
        """The same persons at the same times with other scores (rows,), in the units of the frame."""
        spec = self.spec
        nested = self.st.n_extra == 0
        columns = self.to.columns(self.x, self.z, y, nested)
        panel = replace(self.panel, products=cross_products(columns, self.starts))
        if spec.family != "censored":
            return panel
        side = sides(y, spec.floor, spec.ceiling, spec.outcome)
        z = self.z @ self.to.random_inverse
        return censored_panel(panel, columns, z, self.person, self.starts, side, self.st.p)

    def seen_rows(self, data: Data) -> float:
        """Weighted number of scores that have a density: what the logarithm of the scale counts for."""
        visits = data.seen.visits if isinstance(data, CensoredPanel) else data.visits
        return float(visits.sum() if data.weight is None else visits @ data.weight)

    @property
    def n(self) -> int:
        """Number of persons."""
        return len(self.persons)

    @property
    def starts(self) -> NDArray[np.intp]:
        """First row of each person."""
        return np.searchsorted(self.person, np.arange(self.n))


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with numbers as floats and text as objects, as formulas want them."""
    found: dict[Any, Any] = {}
    for name, column in frame.items():
        if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
            found[name] = column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        else:
            found[name] = column.astype(object).where(column.notna(), None)
    return pd.DataFrame(found, index=frame.index)


def build(spec: GrowthMixture, frame: pd.DataFrame) -> Design:
    """Matrices of `spec` on `frame`. Raises DesignError for columns, values or formulas that do not fit."""
    formulas = _formulas(spec)
    extra = [c for c in (spec.person, spec.time, spec.weights, spec.cluster) if c]
    if spec.residual == "study":
        extra.append(spec.study)
    needed = dict.fromkeys(
        [spec.outcome, *extra, *(v for f in formulas.values() for v in sorted(f.required_variables))]
    )
    wanted = [c for c in needed if c not in CONTEXT]
    missing = [c for c in wanted if c not in frame.columns]
    if missing:
        raise DesignError(f"the frame has no column {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}")
    data = plain(frame[wanted].drop(columns=spec.person))
    data[spec.person] = frame[spec.person].to_numpy()
    data = data.reset_index(drop=True)
    counts = {"rows": len(data), "persons": int(data[spec.person].nunique())}
    counts["synthetic"] = int("synthetic" in frame.columns and bool(frame["synthetic"].any()))
    data = data[_known(spec, data)]
    counts["rows_without_score"] = counts["rows"] - len(data)
    _complete(spec, data, [c for c in wanted if c != spec.outcome])
    if data.empty:
        raise DesignError(f"no row has a {spec.outcome}")
    codes, persons = pd.factorize(data[spec.person])
    if np.any(np.diff(codes) < 0):
        order = np.argsort(codes, kind="stable")
        data, codes = data.iloc[order], codes[order]
    data = data.reset_index(drop=True)
    counts["persons_without_score"] = counts["persons"] - len(persons)
    first = np.searchsorted(codes, np.arange(len(persons)))
    return _assemble(spec, formulas, data, codes.astype(np.intp), pd.Index(persons), first, counts)


def _known(spec: GrowthMixture, data: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows have a score. Raises DesignError for one that is no number."""
    column = data[spec.outcome]
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    wrong = (column.notna().to_numpy() & np.isnan(values)) | np.isinf(values)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DesignError(
            f"column {spec.outcome}, row {data.index[row]}, {spec.person} {data[spec.person].iloc[row]}: "
            f"{column.iloc[row]!r} is no score; correct it, or leave it empty if it is missing"
        )
    data[spec.outcome] = values
    return ~np.isnan(values)


def _formulas(spec: GrowthMixture) -> dict[str, Any]:
    right = {"fixed": spec.fixed.partition("~")[2], "membership": spec.membership.replace("~", "", 1)}
    if spec.random is not None:
        right["random"] = spec.random.replace("~", "", 1)
    if spec.class_specific is not None:
        right["class_specific"] = spec.class_specific.replace("~", "", 1)
    found = {}
    for name, text in right.items():
        try:
            found[name] = Formula(text)
        except Exception as error:
            raise DesignError(f"the {name} formula {text.strip()!r} cannot be read: {error}") from error
    return found


def _complete(spec: GrowthMixture, data: pd.DataFrame, columns: list[str]) -> None:
    """Every row with a score has all covariates."""
    for name in columns:
        absent = data[name].isna().to_numpy()
        if absent.any():
            row = int(np.flatnonzero(absent)[0])
            where = f"first in row {data.index[row]}, {spec.person} {data[spec.person].iloc[row]}"
            raise DesignError(
                f"column {name} is missing in {int(absent.sum())} of {len(data)} rows with a score ({where}); "
                "fill it, drop these rows, or leave the column out of the model"
            )


def _matrix(formula: Any, data: pd.DataFrame, what: str) -> tuple[Array, ModelSpec]:
    try:
        found = formula.get_model_matrix(data, context=CONTEXT, na_action="ignore", output="pandas")
    except Exception as error:
        raise DesignError(f"{what} formula {formula}: {error}") from error
    return np.asarray(found, dtype=float), found.model_spec


def columns_of(model_spec: ModelSpec, data: pd.DataFrame) -> Array:
    """The columns of a formula met before, for new rows."""
    found = model_spec.get_model_matrix(data, context=CONTEXT, na_action="ignore")
    return np.asarray(found, dtype=float)


def _assemble(
    spec: GrowthMixture,
    formulas: dict[str, Any],
    data: pd.DataFrame,
    codes: NDArray[np.intp],
    persons: pd.Index,
    first: NDArray[np.intp],
    counts: dict[str, int],
) -> Design:
    x, fixed = _matrix(formulas["fixed"], data, "fixed")
    names = list(fixed.column_names)
    if "class_specific" in formulas:
        part = formulas["class_specific"].get_model_matrix(data.iloc[:2000], context=CONTEXT).model_spec.column_names
        unknown = [c for c in part if c not in names]
        if unknown:
            raise DesignError(f"class_specific has {', '.join(unknown)}, which is not in fixed ({', '.join(names)})")
        specific = [c for c in names if c in part]
    else:
        specific = names
    z, random = np.zeros((len(data), 0)), None
    random_names: tuple[str, ...] = ()
    if "random" in formulas:
        z, random = _matrix(formulas["random"], data, "random")
        random_names = tuple(random.column_names)
    people = data.iloc[first]
    membership, membership_spec = _matrix(formulas["membership"], people, "membership")
    _constant(spec, data, codes, sorted(formulas["membership"].required_variables))
    if spec.family == "censored" and len(random_names) > 2:
        raise DesignError(
            f"family = 'censored' takes up to two random effects, not {', '.join(random_names)}: each more makes its "
            "integrals nine times as long; leave one out, or use family='gaussian'"
        )
    nested = bool(random_names) and set(random_names) <= set(specific) and not (spec.diagonal and len(random_names) > 1)
    if nested:
        specific = [*random_names, *(c for c in specific if c not in random_names)]
    common = [c for c in names if c not in specific]
    x = x[:, [names.index(c) for c in [*specific, *common]]]
    y = data[spec.outcome].to_numpy(dtype=float)
    to, internal = coordinates(
        x, z, y, membership, nested, spec.diagonal, [*specific, *common], random_names, membership_spec.column_names
    )
    group = np.zeros(len(persons), dtype=np.intp)
    groups: tuple[str, ...] = ("",)
    if spec.residual == "study":
        _constant(spec, data, codes, [spec.study])
        group, levels = pd.factorize(people[spec.study], sort=True)
        groups = tuple(map(str, levels))
    clusters = None
    if spec.cluster:
        _constant(spec, data, codes, [spec.cluster])
        clusters = pd.factorize(people[spec.cluster])[0].astype(np.intp)
    weight = None
    if spec.weights:
        _constant(spec, data, codes, [spec.weights])
        weight = people[spec.weights].to_numpy(dtype=float)
        wrong = ~np.isfinite(weight) | (weight < 0)
        if wrong.any():
            bad = int(np.argmax(wrong))
            raise DesignError(
                f"column {spec.weights}, {spec.person} {persons[bad]}: the weight is {weight[bad]:g}; "
                "weights are finite and 0 or more"
            )
        if not weight.any():
            raise DesignError(f"column {spec.weights} is 0 for everybody; give somebody a weight")
    visits = np.diff(np.append(first, len(data))).astype(float)
    panel = Panel(
        cross_products(internal, first),
        visits,
        np.ascontiguousarray((membership @ to.membership_inverse).T),
        group.astype(np.intp),
        weight,
    )
    q = len(random_names)
    at = tuple(range(q)) if nested else tuple(len(names) + j for j in range(q))
    st = Structure(
        k=spec.k,
        n_specific=len(specific),
        n_common=len(common),
        n_extra=0 if nested else q,
        random=at,
        n_membership=membership.shape[1],
        covariance=spec.covariance,
        diagonal=spec.diagonal and q > 1,
        residual="class" if spec.residual == "class" else "common",
        n_groups=len(groups),
    )
    templates = Templates(fixed, random, membership_spec, tuple(specific), tuple(common))
    time = data[spec.time].to_numpy(dtype=float)
    covariates = people.drop(columns=[spec.outcome]).reset_index(drop=True)
    counts = counts | {"rows_used": len(data), "persons_used": len(persons)}
    side = None
    if spec.family == "censored":
        side = sides(y, spec.floor, spec.ceiling, spec.outcome)
        counts |= {"rows_at_floor": int((side > 0).sum()), "rows_at_ceiling": int((side < 0).sum())}
    return Design(
        spec,
        templates,
        st,
        panel,
        to,
        persons,
        groups,
        clusters,
        codes,
        time,
        y,
        x,
        z,
        covariates,
        membership,
        counts,
        side,
    )


def _constant(spec: GrowthMixture, data: pd.DataFrame, codes: NDArray[np.intp], columns: Any) -> None:
    """Columns that belong to persons do not change within one."""
    same = codes[1:] == codes[:-1]
    for name in columns:
        if name not in data.columns:
            continue
        values = data[name].to_numpy()
        differs = same & (values[1:] != values[:-1])
        if differs.any():
            row = int(np.flatnonzero(differs)[0]) + 1
            raise DesignError(
                f"column {name} belongs to the person but changes within {spec.person} {data[spec.person].iloc[row]} "
                f"from {values[row - 1]} to {values[row]}; give each person one value"
            )
