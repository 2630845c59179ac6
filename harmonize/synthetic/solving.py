"""Turning knobs until misses are small: what `calibrate` does with numbers, whatever the study.

A miss is a synthetic figure less the published one, in tolerances, so within is −1 … 1. Two aims, one after the other:
least squares, and the number of figures that a check with other random numbers would find off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import lsq_linear, minimize
from scipy.special import ndtr

from harmonize.synthetic.draws import Floats

FAR = 1.2
"""A target that cannot be met must not pull on the others: beyond this its pull grows no more."""
RIDGE = 0.03
"""Pull of each knob (in its range) to where it stood, in tolerances: a knob that steers nothing stays."""
STAY = 0.3
"""The same where few figures are off: what is won there is seldom worth a long way."""
_STEP = 0.04
_LONGEST = 0.3
_GAIN = 0.02
"""Part of the cost that must have been won since the Jacobian was taken for it to be worth another."""
_PULL = 0.05
"""What a squared miss counts beside a figure that is off: enough to bring back what is far out."""


class Aim(Protocol):
    """What is made small, and the step in a linear model that does so."""

    def cost(self, misses: Floats) -> float:
        """The cost of these misses."""
        ...

    def step(self, misses: Floats, slopes: Floats, away: Floats, least: Floats, most: Floats, damping: float) -> Floats:
        """The best step (in ranges of the knobs) if misses moved by `slopes` per range; `away` is how far from home."""
        ...


class LeastSquares:
    """Squared misses, linear beyond `FAR` (Huber)."""

    def cost(self, misses: Floats) -> float:
        """See `Aim`."""
        size = np.abs(misses)
        return float(np.where(size > FAR, 2 * FAR * size - FAR**2, misses**2).sum())

    def step(self, misses: Floats, slopes: Floats, away: Floats, least: Floats, most: Floats, damping: float) -> Floats:
        """See `Aim`: one linear least-squares problem within the limits."""
        weight = np.sqrt(np.minimum(1.0, FAR / np.maximum(np.abs(misses), 1e-9)))
        eye = np.eye(len(away))
        a = np.concatenate([slopes * weight[:, None], RIDGE * eye, (damping - 1) * eye])
        b = np.concatenate([-misses * weight, -RIDGE * away, np.zeros(len(away))])
        found: Floats = lsq_linear(a, b, bounds=(least - 1e-12, most + 1e-12)).x
        return found


@dataclass(frozen=True)
class FewestOff:
    """The expected number of figures that a check finds off, given the standard error of each in it (in tolerances)."""

    error: Floats

    def cost(self, misses: Floats) -> float:
        """See `Aim`."""
        return self._with_slope(misses)[0]

    def step(self, misses: Floats, slopes: Floats, away: Floats, least: Floats, most: Floats, damping: float) -> Floats:
        """See `Aim`: a bounded quasi-Newton search, from no step, that stays near where the linear model was taken."""
        hold = 0.3 * (damping - 1) + 0.2

        def value(dx: Floats) -> tuple[float, Floats]:
            total, slope = self._with_slope(misses + slopes @ dx)
            from_home = away + dx
            total += hold * float(dx @ dx) + STAY**2 * float(from_home @ from_home)
            return total, slopes.T @ slope + 2 * hold * dx + 2 * STAY**2 * from_home

        found: Floats = minimize(
            value, np.zeros(len(away)), jac=True, method="L-BFGS-B", bounds=list(zip(least, most, strict=True))
        ).x
        return found

    def _with_slope(self, misses: Floats) -> tuple[float, Floats]:
        size, sign = np.abs(misses), np.sign(misses)
        z = (size - 1) / self.error
        near = np.minimum(size, FAR)
        total = ndtr(z).sum() + _PULL * (near**2 + 2 * FAR * (size - near)).sum()
        slope = sign * (np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / self.error + 2 * _PULL * near)
        return float(total), slope


@dataclass
class Knobs:
    """Where the knobs stand, and what the misses are there; `slopes` are misses per range of a knob."""

    at: Floats
    low: Floats
    high: Floats
    misses_of: Callable[[Floats], Floats]
    rough_of: Callable[[Floats], Floats]
    """The same from fewer persons, for slopes: differences over the same persons need not so many."""
    settle: Callable[[Floats], None]
    """Called where a step was taken: keeps up numbers that follow from the knobs."""
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        self.at = np.clip(self.at, self.low, self.high)
        self._span = self.high - self.low
        self._home = self.at.copy()
        self.misses = self.misses_of(self.at)
        self._slopes: Floats | None = None

    def turn(self, aim: Aim, rounds: int) -> None:
        """Steps towards the aim, each taken only if it helps; ends when nothing helps any more."""
        slopes = self._taken() if self._slopes is None else self._slopes
        before, damping = aim.cost(self.misses), 1.0
        for number in range(rounds):
            now = aim.cost(self.misses)
            self.say(f"round {number}: {np.mean(np.abs(self.misses) <= 1):.3f} within, cost {now:.2f}")
            least = np.maximum((self.low - self.at) / self._span, -_LONGEST)
            most = np.minimum((self.high - self.at) / self._span, _LONGEST)
            step = aim.step(self.misses, slopes, (self.at - self._home) / self._span, least, most, damping)
            found = self.misses_of(self.at + step * self._span)
            if step @ step > 0:
                slopes += np.outer(found - self.misses - slopes @ step, step) / (step @ step)
            if aim.cost(found) < now:
                self.at, damping = self.at + step * self._span, max(1.0, damping / 2)
                self.settle(self.at)
                self.misses = self.misses_of(self.at)
            elif damping < 8:
                damping = damping * 2 + 1
            elif now < (1 - _GAIN) * before and number + 1 < rounds:
                slopes, before, damping = self._taken(), now, 1.0
            else:
                break
        self._slopes = slopes

    def _taken(self) -> Floats:
        """Slopes by differences, one knob after the other."""
        slopes, here = np.empty((len(self.misses), len(self.at))), self.rough_of(self.at)
        for place in range(len(self.at)):
            up = self.at[place] + _STEP * self._span[place] <= self.high[place]
            step = np.zeros(len(self.at))
            step[place] = _STEP if up else -_STEP
            slopes[:, place] = (self.rough_of(self.at + step * self._span) - here) / step[place]
        return slopes
