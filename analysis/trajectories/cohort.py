"""Who enters the class model and with which scores: the plan's populations, read from a view of the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pandera.pandas as pa

from analysis.plan import Plan, Population
from analysis.trajectories.design import GrowthMixture
from analysis.warehouse import Warehouse

LINKED = {"HRSD17": "hrsd17_equiv", "QIDS_SR16": "qids_sr16_equiv"}
"""Columns of the view that hold equivalents on a scale."""

_SCHEMA = pa.DataFrameSchema(
    {
        "subject_id": pa.Column(str, coerce=True),
        "study_id": pa.Column(str, coerce=True),
        "site": pa.Column(str, coerce=True),
        "week": pa.Column(float, pa.Check.gt(0), coerce=True),
        "score": pa.Column(float, coerce=True),
        "baseline": pa.Column(float, coerce=True),
        "link": pa.Column(str, coerce=True),
    },
    unique=["subject_id", "week"],
    strict=True,
)


MEASURED = ("instrument_id", "measured", "link_id", "base_instrument_id", "base_measured", "base_link_id")
"""What a score was before it came to its scale, and the baseline likewise: instrument, its score there, the link."""


class CohortError(ValueError):
    """The view holds no cohort for the question; the message says what is missing and what to do."""


@dataclass(frozen=True)
class Cohort:
    """Scores of a population: `frame` (one row per person and day) and how it came about.

    frame: subject_id, study_id, site, week (from the start of the first treatment), score, baseline, link (how the
    score came to its scale). counts: persons and scores at each stage. scale: of all scores. measured: row by row what
    score and baseline were where they were measured (`MEASURED`).
    """

    name: str
    frame: pd.DataFrame
    scale: str
    counts: dict[str, int]
    linked: tuple[str, ...]
    measured: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def studies(self) -> tuple[str, ...]:
        """Studies with a person in it."""
        return tuple(sorted(self.frame["study_id"].unique()))

    @property
    def persons(self) -> pd.DataFrame:
        """One row per person: subject_id, study_id, site, baseline."""
        return self.frame.drop_duplicates("subject_id")[["subject_id", "study_id", "site", "baseline"]]

    @property
    def mean_baseline(self) -> float:
        """b of the plan: the mean over persons."""
        return float(self.persons["baseline"].mean())


def read_cohort(
    warehouse: Warehouse,
    plan: Plan,
    population: str,
    *,
    view: str = "marts.trajectory_input",
    studies: Sequence[str] | None = None,
    scale: str | None = None,
) -> Cohort:
    """The scores of a population of the plan; `studies` and `scale` depart from it. Raises CohortError.

    A score counts that was measured after the first day of the treatment, within the weeks that count, by a person
    with a baseline; of several ratings on a day the first.
    """
    of = plan.populations.get(population)
    if of is None:
        raise CohortError(f"the plan has no population {population!r}; it has {', '.join(plan.populations)}")
    wanted, on = list(studies or of.studies), scale or of.scale
    _needed(warehouse, view, on)
    link = LINKED[on].replace("equiv", "link") if on in LINKED else ""
    link = link if link in warehouse.columns[view] else "cast(null as varchar)"
    found = warehouse.frame(_sql(view, of, on, wanted, link), **{f"s{i}": s for i, s in enumerate(wanted)}, scale=on)
    if found.empty:
        raise CohortError(
            f"{view} has no score on {on} for {', '.join(wanted)}: land one of these studies, build again, or name "
            "others with studies"
        )
    counts = {"persons_with_scores": int(found["subject_id"].nunique()), "scores": len(found)}
    kept = found[found["baseline"].notna()]
    counts |= {"persons": int(kept["subject_id"].nunique()), "scores_used": len(kept)}
    counts["persons_without_baseline"] = counts["persons_with_scores"] - counts["persons"]
    if kept.empty:
        raise CohortError(f"no person of {', '.join(wanted)} has a baseline on {on}")
    kept = kept.reset_index(drop=True)
    frame = _SCHEMA.validate(kept.drop(columns=list(MEASURED)))
    linked = sorted(set(frame.loc[frame["link"] != "as_measured", "study_id"]))
    return Cohort(population, frame, on, counts, tuple(linked), kept[list(MEASURED)])


def specification(plan: Plan, cohort: Cohort, *, family: str = "gaussian") -> GrowthMixture:
    """The plan's growth mixture for a cohort; what concerns studies falls away where there is one."""
    several = len(cohort.studies) > 1
    curve = " + ".join(term for term in plan.model.curve if term != "1")
    random = " + ".join(term for term in plan.model.random if term != "1")
    study = " + study_id" if several else ""
    own = f" + baseline:{random}" if plan.model.baseline_change == "class" else ""
    return GrowthMixture(
        k=1,
        fixed=f"score ~ {curve} + baseline * {random}{study}",
        class_specific=f"~ {curve}{own}",
        random=f"~ {random}",
        membership="~ study_id" if several and "study" in plan.model.membership else "~ 1",
        covariance=plan.model.covariance,
        residual="study" if several and plan.model.residual == "study" else "common",
        cluster="site" if cohort.frame["site"].nunique() >= plan.clusters["min_clusters"] else None,
        family=family,
        floor=plan.model.floor if family == "censored" else None,
    )


def _needed(warehouse: Warehouse, view: str, scale: str) -> None:
    columns = warehouse.columns.get(view)
    if columns is None:
        raise CohortError(f"there is no {view} in {warehouse.database.name}: run trd build, or name another view")
    needed = "subject_id study_id site_no instrument_id day week score baseline_score baseline_day role is_in_window"
    absent = [c for c in needed.split() if c not in columns]
    if absent:
        raise CohortError(f"{view} has no column {', '.join(absent)}; a view for trajectories has those of the mart")


def _sql(view: str, of: Population, scale: str, studies: Sequence[str], link: str) -> str:
    """Per study the scale itself, or, where it was never measured, the equivalent of the one it is followed on."""
    listed = ", ".join(f":s{i}" for i in range(len(studies)))
    equivalent = LINKED.get(scale, "null")
    always = "true" if of.score.startswith("linked") else "false"
    return f"""
        with view as (
            select * from {view} where study_id in ({listed})
        ),
        chosen as (
            select
                view.study_id,
                case
                    when bool_or(view.instrument_id = :scale) and not {always} then :scale
                    else coalesce(any_value(rules.instrument_id), mode(view.instrument_id))
                end as instrument_id
            from view
            left join reference.trajectory_rules as rules on view.study_id = rules.study_id
            group by view.study_id
        ),
        scored as (
            select
                view.*,
                chosen.instrument_id = :scale as is_own,
                case when chosen.instrument_id = :scale then score else {equivalent} end as value,
                case when chosen.instrument_id <> :scale then {link} end as link_id
            from view
            inner join chosen on view.study_id = chosen.study_id and view.instrument_id = chosen.instrument_id
        ),
        baselines as (
            select
                subject_id, value as baseline, instrument_id as base_instrument_id, score as base_measured,
                link_id as base_link_id
            from scored
            where role = 'baseline'
            qualify row_number() over (partition by subject_id order by occasion, rater, contact) = 1
        )
        select
            scored.subject_id,
            scored.study_id,
            scored.study_id || ':' || coalesce(cast(site_no as varchar), scored.subject_id) as site,
            cast(week as double) as week,
            cast(value as double) as score,
            cast(baseline as double) as baseline,
            case when is_own then 'as_measured' else 'linked' end as link,
            scored.instrument_id, scored.score as measured, link_id,
            base_instrument_id, base_measured, base_link_id
        from scored
        left join baselines on scored.subject_id = baselines.subject_id
        where role = 'follow_up' and is_in_window and value is not null
        qualify row_number() over (partition by scored.subject_id, day order by occasion, rater, contact) = 1
        order by scored.study_id, scored.subject_id, week
    """


def first_lines(warehouse: Warehouse, cohort: Cohort) -> pd.DataFrame:
    """What `marts.first_line` says of the cohort's persons, indexed by subject_id; no columns where it is not built."""
    wanted: list[Any] = ["treatment_class", "exit_kind", "is_evaluable", "left_early", "intolerant", "adequate"]
    if "marts.first_line" not in warehouse.columns:
        return pd.DataFrame(index=pd.Index(cohort.persons["subject_id"], name="subject_id"))
    found = warehouse.table("marts.first_line", ["subject_id", *wanted]).set_index("subject_id")
    return found.reindex(cohort.persons["subject_id"])
