"""The frozen analysis plan, `analysis/plan.toml`, as typed data: the defaults of every analysis.

    plan = read_plan()
    plan.search.starts, plan.labels.failure_below, plan.populations["trials"].scale

A key that is unknown, missing or of another type stops the reading: a misspelt default must not pass for the plan.
`deviations` names what a run did otherwise.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.results import PLAN

Share = float
BaselineChange = Literal["class", "equal"]
"""Whether each class has its own effect of the baseline on the change, or all the same one."""


class PlanError(ValueError):
    """The plan cannot be read; the message names the key."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Evaluable(_Part):
    """Who can be called a treatment failure at all."""

    min_weeks: float
    left_early: str
    intolerant: str
    secondary: Mapping[str, float]


class Persons(_Part):
    """Whose scores enter the class model; weeks from the start of the first treatment."""

    first_episode_only: bool
    score_after_week: float
    horizon_weeks: float
    horizon_weeks_where_window_allows: float
    horizon_weeks_by_study: Mapping[str, float]
    baseline: Literal["covariate", "outcome"]
    evaluable: Evaluable

    def horizon(self, study: str) -> float:
        """Last week from the start of the first treatment whose scores count."""
        return self.horizon_weeks_by_study.get(study, self.horizon_weeks)


class Population(_Part):
    """Studies analysed together, and the scale their course is followed on."""

    studies: list[str]
    scale: str
    score: str
    primary: bool
    plausible_values: int = Field(default=0, ge=0)


class Model(_Part):
    """The growth mixture that is fitted."""

    time: str
    curve: list[str]
    random: list[str]
    covariance: Literal["common", "proportional", "class"]
    residual: Literal["common", "study", "class"]
    membership: list[str]
    intercept: list[str]
    baseline_change: BaselineChange
    family: list[Literal["gaussian", "censored"]]
    floor: float
    shown_never_chosen: list[str]
    weights_in_enumeration: bool


class Search(_Part):
    """Numbers of classes and starts; `same_within` in units of the log-likelihood."""

    k: list[int]
    starts: int = Field(ge=1)
    max_starts: int = Field(ge=1)
    replications: int = Field(ge=1)
    same_within: float = Field(gt=0)


class Admissible(_Part):
    """What a solution must be to be chosen."""

    converged: bool
    information_positive_definite: bool
    replicated: bool
    min_class_share: Share = Field(ge=0, le=1)
    min_class_persons: int = Field(ge=0)


class Choice(_Part):
    """How the number of classes is chosen."""

    rule: str
    bic_slack: float = Field(ge=0)
    shown: list[str]


class Labels(_Part):
    """Thresholds of `tf_rules`: shares of the baseline that are lost, weeks."""

    week_from: float
    last_week_cap: float
    last_week_share: Share = Field(ge=0, le=1)
    common_week: float
    failure_below: Share = Field(ge=0, le=1)
    failure_below_variant: Share = Field(ge=0, le=1)
    response_from: Share = Field(ge=0, le=1)
    transient_loss: Share = Field(ge=0, le=1)
    rapid_at_week: float
    rapid_from: Share = Field(ge=0, le=1)
    bootstrap_refits: int = Field(ge=0)
    uncertain_below: Share = Field(ge=0, le=1)
    no_failure: str


class Plan(_Part):
    """The whole plan; sections that no code reads yet are kept as they are written."""

    version: str
    history: Mapping[str, str]
    persons: Persons
    populations: Mapping[str, Population]
    model: Model
    search: Search
    admissible: Admissible
    choice: Choice
    clusters: Mapping[str, Any]
    missing: Mapping[str, Any]
    invariance: Mapping[str, Any]
    labels: Labels
    own_fall: Mapping[str, Any]
    aim_a: Mapping[str, Any]
    aim_b: Mapping[str, Any]
    aim_c: Mapping[str, Any]
    aim_d: Mapping[str, Any]
    gates: Mapping[str, Any]


@cache
def read_plan(path: Path = PLAN) -> Plan:
    """The plan. Raises PlanError for a file that is no plan, naming the key."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PlanError(f"{path.name}: {error}") from error
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise PlanError(f"{path.name}: {key}: {first['msg']}") from error


def with_baseline_change(plan: Plan, how: BaselineChange | None) -> Plan:
    """`plan` with another effect of the baseline on the change, a deviation; None leaves it."""
    if how is None:
        return plan
    return plan.model_copy(update={"model": plan.model.model_copy(update={"baseline_change": how})})


def deviations(plan: BaseModel, used: Mapping[str, object]) -> list[str]:
    """What a run did otherwise than `plan` (a section or the whole): one line per key, in the order given.

    Raises KeyError for a key that the section does not have.
    """
    lines = []
    for key, value in used.items():
        if key not in type(plan).model_fields:
            raise KeyError(f"the plan has no {key!r}; it has {', '.join(type(plan).model_fields)}")
        planned = getattr(plan, key)
        if planned != value:
            lines.append(f"{key}: {value} instead of {planned}")
    return lines
