"""How severity goes under treatment: the true course of a step, and how one step leads to the next.

A step takes from a person `pull · entry + deviation` points by its planned end, along the shape of his course. What
was drawn for him is one number, the propensity `lift + spread · z` with z standard normal. In a world without courses
pull is `lift` and deviation is `spread · z` times a reference severity: change is exactly Gaussian given entry. In a
world with courses the propensity decides the course, and the amplitude is Gaussian within it. So each arm of each step
has two numbers in every world, and they are solved such that the published marginals come out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtr

from harmonize.synthetic.draws import Draws, Floats, Ints
from harmonize.synthetic.parameters import parameters
from harmonize.synthetic.persons import Persons
from harmonize.synthetic.worlds import World

COURSES = ("treatment_failure", "partial_response", "gradual", "rapid")
"""Ordered by how much they improve; a step's `course` is a position here, −1 in a world without courses."""
TF = 0


@dataclass(frozen=True)
class Arm:
    """An arm's two numbers: one each, or one per person."""

    lift: float | Floats
    """Mean share of severity lost."""
    spread: float | Floats
    """Standard deviation of the propensity; positive."""


@dataclass(frozen=True)
class Step:
    """A treatment step of n persons. For persons who are not in the step the numbers mean nothing."""

    course: Ints
    propensity: Floats
    """Standard normal; what a next step may depend on."""
    amplitude: Floats
    """Share of severity that a person of reference severity loses by the planned end; may be negative."""
    pull: Floats
    deviation: Floats
    """Points lost by the planned end are pull · entry + deviation."""
    weeks: float
    """Planned end."""
    early: Floats
    """Points by which severity lies above the course about week 2, gone by the planned end."""

    def severity(self, entry: Floats, weeks: Floats | float) -> Floats:
        """Latent severity in HRSD17-equivalent points: weeks (T,) or (n, T) give (n, T), a number gives (n,).

        Beyond the planned end it stays what it was there. It may go below 0: floors come from items.
        """
        t = np.clip(np.asarray(weeks, dtype=np.float64), 0.0, self.weeks)
        single = t.ndim == 0
        if t.ndim < 2:
            t = np.broadcast_to(t.reshape(1, -1), (len(entry), t.size))
        lost = self.pull * entry + self.deviation
        bump = (t / 2.0) * np.exp(1.0 - t / 2.0)
        path = entry[:, None] - lost[:, None] * _shape(self.course, t, self.weeks) + self.early[:, None] * bump
        return path[:, 0] if single else path

    def at(self, rows: Ints) -> Step:
        """The same step of some of the persons."""
        return Step(
            self.course[rows],
            self.propensity[rows],
            self.amplitude[rows],
            self.pull[rows],
            self.deviation[rows],
            self.weeks,
            self.early[rows],
        )


def first_step(persons: Persons, arm: Arm, draws: Draws, world: World, *, weeks: float, name: str = "1") -> Step:
    """The first observed step. Anxiety, a long episode and (in the size of the world) the score lower the response."""
    m = parameters("model")["course"]
    effects = m["effect_anxiety"] * persons.anxiety + m["effect_chronicity"] * persons.chronicity
    rest = np.sqrt(1 - m["effect_anxiety"] ** 2 - m["effect_chronicity"] ** 2)
    z = effects + rest * draws.normal(f"step {name} propensity", persons.number)
    odds = m["score_odds_ratio"] if world.score_odds_ratio is None else world.score_odds_ratio
    if not world.has_courses:
        # The slope that has about the odds ratio, from the logistic to the normal scale.
        slope = np.log(odds) / 1.7
        z = (z - slope * persons.score) / np.sqrt(1 + slope**2)
        return _made(persons.number, z, arm, draws, world, weeks, name, 0.0)
    early = m["score_early_points"] * persons.score if world.score_acts_early else 0.0
    return _made(persons.number, z, arm, draws, world, weeks, name, early, float(np.log(odds)), persons.score)


def next_step(
    persons: Persons,
    previous: Step,
    exit_severity: Floats,
    arm: Arm,
    draws: Draws,
    world: World,
    *,
    weeks: float,
    name: str,
    driver: tuple[float, float],
    correlation: float | None = None,
) -> Step:
    """A later step of those who go on.

    Its propensity correlates with what the world says: with how well the course of the step before went, or with the
    latent severity at which it was left (lower is better). `driver` is mean and standard deviation of that number
    among those who enter, so that the marginal of the step is the same whatever drives it: they are solved numbers
    (`driver_value` gives what they are taken over).
    """
    m = parameters("model")["course"]
    rho = m["next_step_correlation"] if correlation is None else correlation
    mean, sd = driver
    standard = (driver_value(previous, exit_severity, world) - mean) / sd
    z = rho * standard + np.sqrt(1 - rho**2) * draws.normal(f"step {name} propensity", persons.number)
    if world.side_effects_lower_next:
        weight = m["side_effects_on_next"]
        z = (z - weight * persons.side_effects) / np.sqrt(1 + weight**2)
    return _made(persons.number, z, arm, draws, world, weeks, name, 0.0)


def driver_value(previous: Step, exit_severity: Floats, world: World) -> Floats:
    """What the next step depends on, higher is better, not yet standardised."""
    if world.next_step_on == "course" and world.has_courses:
        return np.array(parameters("model")["course"]["next_step_of_course"])[np.maximum(previous.course, 0)]
    return -exit_severity


def chosen(who: Ints, steps: list[Step]) -> Step:
    """One step per person out of several of equal length: `who` holds the position of his."""
    at = np.arange(len(who))

    def pick(name: str) -> Floats:
        found: Floats = np.stack([getattr(step, name) for step in steps])[who, at]
        return found

    if len({step.weeks for step in steps}) != 1:
        raise ValueError("steps of different planned length cannot be mixed")
    return Step(
        course=np.stack([step.course for step in steps])[who, at],
        propensity=pick("propensity"),
        amplitude=pick("amplitude"),
        pull=pick("pull"),
        deviation=pick("deviation"),
        weeks=steps[0].weeks,
        early=pick("early"),
    )


def _made(
    number: Ints,
    z: Floats,
    arm: Arm,
    draws: Draws,
    world: World,
    weeks: float,
    name: str,
    early: Floats | float,
    log_odds: float = 0.0,
    score: Floats | None = None,
) -> Step:
    m = parameters("model")["course"]
    reference = m["reference_severity"]
    lift, spread = (np.broadcast_to(np.asarray(v, dtype=np.float64), z.shape) for v in (arm.lift, arm.spread))
    early = np.broadcast_to(np.asarray(early, dtype=np.float64), z.shape)
    if not world.has_courses:
        return Step(
            course=np.full(len(z), -1),
            propensity=z,
            amplitude=lift + spread * z,
            pull=lift,
            deviation=spread * z * reference,
            weeks=weeks,
            early=early,
        )
    shares = ndtr((np.array(m["course_cuts"]) - lift[:, None]) / spread[:, None])
    if score is not None and log_odds:
        shares = _shifted(shares, log_odds, score)
    course = (ndtr(z)[:, None] > shares).sum(axis=1)
    within = np.array(m["amplitude_sd"])[course] * draws.normal(f"step {name} within", number)
    mean = np.array(m["amplitude_mean"])[course]
    return Step(
        course=course,
        propensity=z,
        amplitude=mean + within,
        pull=mean,
        deviation=within * reference,
        weeks=weeks,
        early=early,
    )


def _shifted(shares: Floats, log_odds: float, score: Floats) -> Floats:
    """Cumulative shares with the log odds of treatment failure moved by the score, keeping the proportions of the rest.

    The mean over a standard normal score stays what it was (the usual approximation of the logistic-normal mean).
    """
    before = np.clip(shares[:, 0], 1e-9, 1 - 1e-9)
    after = expit(logit(before) * np.sqrt(1 + np.pi * log_odds**2 / 8) + log_odds * score)
    return np.concatenate([after[:, None], 1 - (1 - shares[:, 1:]) * ((1 - after) / (1 - before))[:, None]], axis=1)


def _shape(course: Ints, t: Floats, end: float) -> Floats:
    """Part of the loss that has come by week t: 0 at entry, 1 at the planned end; rows are persons."""
    m = parameters("model")["course"]
    out = np.log1p(t) / np.log1p(end)
    rapid = (course == COURSES.index("rapid"))[:, None]
    gradual = (course == COURSES.index("gradual"))[:, None]
    rate, power = m["rapid_rate"], m["gradual_power"]
    quick = np.expm1(-rate * t) / np.expm1(-rate * end)
    return np.where(rapid, quick, np.where(gradual, (t / end) ** power, out))
