"""Who the persons of a synthetic study are: everything that is true of them before they are treated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, ndtri

from harmonize.synthetic.draws import Draws, Floats, Ints
from harmonize.synthetic.parameters import parameters, solved
from harmonize.synthetic.worlds import World

Flags = NDArray[np.bool_]

ANCESTRIES = ("EUR", "AFR", "AMR", "EAS", "other")
RACES = ("White", "Black or African American", "Asian", "Other")
CHRONIC_WEEKS = 104
COMORBIDITIES = ("panic", "social_phobia", "gad", "ptsd", "ocd", "substance")


@dataclass(frozen=True)
class Persons:
    """Arrays of length n, in the order of `number`.

    `anxiety` and `chronicity` are the standard normal dispositions behind `anxious` and `episode_weeks`: they weigh in
    the first response, and being normal they make no classes. `side_effects` is how badly a person takes drugs.
    """

    number: Ints
    female: Flags
    age: Floats
    ancestry: Ints
    """Position in ANCESTRIES."""
    race: Ints
    """Position in RACES, as said by the person."""
    hispanic: Flags
    education_years: Ints
    age_at_onset: Ints
    n_episodes: Ints
    episode_weeks: Floats
    anxiety: Floats
    anxious: Flags
    chronicity: Floats
    comorbid: Flags
    """n × COMORBIDITIES."""
    n_failed_trials: Ints
    """Adequate trials without response in this episode, before the study."""
    treatment_naive: Flags
    site: Ints
    """From 1."""
    side_effects: Floats
    score: Floats
    """Genetic score, standard normal within ancestry."""
    severity0: Floats
    """Latent severity at entry, in HRSD17-equivalent points."""

    def __len__(self) -> int:
        return len(self.number)

    def at(self, rows: Ints) -> Persons:
        """Some of the persons."""
        return Persons(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @property
    def chronic(self) -> Flags:
        """The episode has lasted two years or more."""
        return self.episode_weeks >= CHRONIC_WEEKS


def draw_persons(study: str, number: Ints, draws: Draws, world: World) -> Persons:
    """The persons with these numbers, from `[<study>.persons]` and the solved `severity_mean` and `severity_sd`.

    An episode is no longer than the years since the onset.
    """
    p: Mapping[str, Any] = parameters(study)["persons"]
    own = solved(study, world)
    sites = parameters(study)["persons"]["sites"]
    low, high = p["age_range"]
    age = _within(draws.uniform("age", number), p["age_mean"], p["age_sd"], low, high)
    onset = _onset(draws.uniform("onset", number), age, p)
    education = np.rint(_within(draws.uniform("education", number), p["education_mean"], p["education_sd"], 0.0, 27.0))
    # Few episodes are the rule, and some persons have had very many.
    spread = np.log1p((p["episodes_sd"] / p["episodes_mean"]) ** 2)
    episodes = np.exp(np.log(p["episodes_mean"]) - spread / 2 + np.sqrt(spread) * draws.normal("episodes", number))
    chronicity, anxiety = draws.normal("chronicity", number), draws.normal("anxiety", number)
    spread = np.log1p((p["episode_months_sd"] / p["episode_months_mean"]) ** 2)
    weeks = 52.18 / 12 * np.exp(np.log(p["episode_months_mean"]) - spread / 2 + np.sqrt(spread) * chronicity)
    weeks = np.clip(weeks, 2.0, np.maximum((age - onset + 1) * 52.18, 4.0))
    naive = draws.chance("treatment naive", number, p["treatment_naive"])
    ancestry = draws.choice("ancestry", number, p["ancestry"])
    own_race = np.array([0, 1, 3, 2, 3])[ancestry]
    race = np.where(draws.chance("race differs", number, p["race_differs"]), 3, own_race)
    hispanic = draws.chance("hispanic", number, np.where(ancestry == 2, p["hispanic_amr"], p["hispanic_other"]))
    severity = _within(
        draws.uniform("severity", number),
        own.get("severity_mean", p["severity_mean"]),
        own.get("severity_sd", p["severity_sd"]),
        p["severity_least"],
        60.0,
    )
    return Persons(
        number=number,
        female=draws.chance("sex", number, p["women"]),
        age=age,
        ancestry=ancestry,
        race=race,
        hispanic=hispanic,
        education_years=education.astype(np.int64),
        age_at_onset=onset,
        n_episodes=np.clip(np.rint(episodes), 1, 99).astype(np.int64),
        episode_weeks=weeks,
        anxiety=anxiety,
        anxious=anxiety > ndtri(1 - p["anxious"]),
        chronicity=chronicity,
        comorbid=np.stack(
            [draws.chance(f"comorbid {name}", number, p["comorbid"][name]) for name in COMORBIDITIES], axis=1
        ),
        n_failed_trials=np.where(naive, 0, draws.choice("failed trials", number, p["failed_trials"])),
        treatment_naive=naive,
        site=1 + draws.below("site", number, sites),
        side_effects=draws.normal("side effects", number),
        score=draws.normal("genetic score", number),
        severity0=severity,
    )


def _onset(u: Floats, age: Floats, p: Mapping[str, Any]) -> Ints:
    """Age at onset: a beta-distributed part of the years since the fifth; mean and SD are about those given."""
    years = p["age_mean"] - 5.0
    mean = np.clip((p["onset_mean"] - 4.5) / years, 0.05, 0.95)
    variance = (p["onset_sd"] ** 2 - mean**2 * p["age_sd"] ** 2) / (years**2 + p["age_sd"] ** 2)
    size = mean * (1 - mean) / np.clip(variance, 0.01, 0.9 * mean * (1 - mean)) - 1
    part = betaincinv(mean * size, (1 - mean) * size, u)
    return np.floor(5.0 + (age - 5.0) * part).astype(np.int64)


def _within(u: Floats, mean: float, sd: float, low: float, high: float) -> Floats:
    """Normal numbers, given by their quantile `u`, of the normal distribution cut to low … high."""
    below, above = ndtr((low - mean) / sd), ndtr((high - mean) / sd)
    return np.clip(mean + sd * ndtri(below + np.maximum(u, 2.0**-53) * (above - below)), low, high)
