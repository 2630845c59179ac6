"""The two linking functions against published worked examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.linking.equating import equipercentile, linear, linear_se_clustered, linear_se_normal, percentile_ranks
from analysis.linking.smoothing import fit, powers

ACT_X = [0, 1, 1, 3, 9, 18, 59, 67, 91, 144, 149, 192, 192, 192, 201, 204, 217, 181, 184, 170, 201, 147, 163, 147, 140,
         147, 126, 113, 100, 106, 107, 91, 83, 73, 72, 75, 50, 37, 38, 23, 15]  # fmt: skip
ACT_Y = [0, 1, 3, 13, 42, 59, 95, 131, 158, 161, 194, 164, 166, 197, 177, 158, 169, 132, 158, 151, 134, 137, 122, 110,
         116, 132, 104, 104, 114, 97, 107, 88, 80, 79, 70, 61, 48, 47, 29, 32, 12]  # fmt: skip
"""Counts of scores 0 to 40 on two forms of the ACT mathematics test: Kolen & Brennan (2004), table 2.5, as the R
package equate and the Julia package Equate.jl carry them."""

ACT_LINEAR = {1: -1.5433492744, 2: -0.4547277718, 10: 8.2542442505, 20: 19.1404592782, 40: 40.9128893337}
"""Linear equivalents that the tests of Equate.jl hold for these counts."""

PROSETTA = {
    20: 28.26881, 21: 29.88299, 22: 31.53492, 23: 33.26052, 24: 35.04116, 25: 36.88206, 26: 38.78932, 27: 40.76619,
    28: 42.81301, 29: 44.92722, 30: 47.10359, 31: 49.33456, 32: 51.61601, 33: 53.93979, 34: 56.28523, 35: 58.64518,
    36: 61.00920, 37: 63.35840, 38: 65.68830, 39: 67.98827, 40: 70.24833, 41: 72.46413, 42: 74.63553, 43: 76.75786,
    44: 78.83013, 45: 80.85299, 46: 82.82775, 47: 84.75618, 48: 86.64034, 49: 88.48280, 50: 90.28977, 51: 92.06044,
    52: 93.79686, 53: 95.50073, 54: 97.18390, 55: 98.83962, 56: 100.46992, 57: 102.08880, 58: 103.68535, 59: 105.27044,
    60: 106.84491, 61: 108.40599, 62: 109.96920, 63: 111.51836, 64: 113.08139, 65: 114.63738, 66: 116.20861,
    67: 117.78972, 68: 119.38584, 69: 121.01883, 70: 122.67774, 71: 124.38914, 72: 126.17776, 73: 128.05913,
    74: 130.07996, 75: 132.31127, 76: 134.91376, 77: 138.21074,
}  # fmt: skip
"""CES-D total to PROMIS Depression total: equipercentile with log-linear presmoothing of degree 3, computed by the R
package equate and printed in the vignette of the R package PROsetta (section "Equipercentile method: raw-raw")."""


def test_worked_example_of_the_textbook() -> None:
    """Kolen & Brennan (2014), section 2.5: form X with shares .2 .3 .2 .2 .1, form Y with .1 .2 .2 .3 .2."""
    found = equipercentile(np.array([0.2, 0.3, 0.2, 0.2, 0.1]), np.array([0.1, 0.2, 0.2, 0.3, 0.2]))
    np.testing.assert_allclose(found[0], [0.5, 1.75, 2.8333333, 3.5, 4.25], atol=1e-6)


def test_linear_equivalents_of_the_act_forms() -> None:
    px, py = np.array(ACT_X) / sum(ACT_X), np.array(ACT_Y) / sum(ACT_Y)
    scores = np.arange(41.0)
    found = linear(px, py, scores, scores, np.array(list(ACT_LINEAR), dtype=float))
    # the package divides by n - 1, which differs by 1 in 4,300
    np.testing.assert_allclose(found, list(ACT_LINEAR.values()), atol=2e-4)


def test_published_equipercentile_link_with_presmoothing(public_data: Path) -> None:
    """The whole way on the persons themselves: 731 of 747 with complete answers, 58 published equivalents."""
    folder = public_data / "prosetta_cesd_promis"
    if not folder.is_dir():
        pytest.skip("no public data prosetta_cesd_promis")
    answers = pd.read_csv(folder / "response_dep.csv").dropna()
    cesd = answers.filter(regex="^CESD").sum(axis=1).astype(int)
    promis = answers.filter(regex="^EDDEP").sum(axis=1).astype(int)
    assert (len(answers), cesd.min(), cesd.max()) == (731, 20, 77)
    fx = fit(np.bincount(cesd - 20, minlength=58), powers(58, 3)).probabilities
    fy = fit(np.bincount(promis - 28, minlength=113), powers(113, 3)).probabilities
    found = equipercentile(fx, fy, 28)[0]
    np.testing.assert_allclose(found, [PROSETTA[s] for s in range(20, 78)], atol=1e-5)


def test_half_of_a_score_lies_below_it() -> None:
    np.testing.assert_allclose(percentile_ranks(np.array([0.2, 0.3, 0.5])), [0.1, 0.35, 0.75])


def test_a_scale_is_its_own_equivalent_and_an_unseen_score_lies_in_the_middle() -> None:
    p = np.array([0.1, 0.4, 0.3, 0.2])
    np.testing.assert_allclose(equipercentile(p, p)[0], [0, 1, 2, 3])
    # half of the persons at 0, half at 3 of Y: the median of X fits every score between
    found = equipercentile(np.array([0.25, 0.5, 0.25]), np.array([0.5, 0.0, 0.0, 0.5]))[0]
    np.testing.assert_allclose(found, [-0.25, 1.5, 3.25])


def test_links_there_and_back_are_one() -> None:
    """Linking is symmetric: the equivalent of the equivalent is the score (between whole scores of smooth tables)."""
    scores = np.arange(60.0)
    px, py = np.exp(-0.5 * ((scores - 30) / 6) ** 2), np.exp(-0.5 * ((scores - 35) / 5) ** 2)
    there = equipercentile(px / px.sum(), py / py.sum())[0]
    back = equipercentile(py / py.sum(), px / px.sum())[0]
    inner = np.arange(15, 45)
    np.testing.assert_allclose(np.interp(there[inner], scores, back), inner, atol=0.1)
    np.testing.assert_allclose(there[inner], 35 + 5 / 6 * (inner - 30), atol=0.05)


def test_linear_standard_error_is_that_of_lord_for_normal_scores_and_keeps_persons_together() -> None:
    rng = np.random.default_rng(5)
    n, r = 4000, 0.8
    x = rng.normal(size=n)
    y = 10 + 3 * (r * x + np.sqrt(1 - r**2) * rng.normal(size=n))
    at = np.array([-2.0, 0.0, 2.0])
    found = linear_se_clustered(x, y, np.arange(n), at)
    z = (at - x.mean()) / x.std()
    expected = linear_se_normal(n, y.std(), float(np.corrcoef(x, y)[0, 1]), z)
    np.testing.assert_allclose(found, expected, rtol=0.06)
    # each person twice tells nothing new
    twice = linear_se_clustered(np.tile(x, 2), np.tile(y, 2), np.tile(np.arange(n), 2), at)
    np.testing.assert_allclose(twice, found, rtol=1e-12)
