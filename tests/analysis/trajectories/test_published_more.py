"""Published fits of well-known data that are small enough to stand here.

Wine: Randall (1989), table 1 and the fits of R's ordinal (clm tutorial, Christensen 2016): -86.49, coefficients to four
digits. Growth of jaws: Potthoff & Roy (1964), maximum likelihood as in Verbeke & Molenberghs (2000), models 6 to 8.
Carcinoma: Landis & Koch (1977) as Agresti (2002) tabulates it; log-likelihoods and shares of R's poLCA. Pleural
thickening: the eight counts and LEM's fits, UCLA's pages on Dayton (1998), section 3. Galaxies: Roeder (1990), with
scikit-learn's mixtures beside it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.mixture import GaussianMixture

from analysis.trajectories import GrowthMixture
from analysis.trajectories.ordinal import OrdinalGrowth

WINE = "23344455 12132354 23325544 32323253 23433333 32322454 11222323 22233334 12323244"
GIRLS = """21 20 21.5 23 | 21 21.5 24 25.5 | 20.5 24 24.5 26 | 23.5 24.5 25 26.5 | 21.5 23 22.5 23.5 | 20 21 21 22.5
 | 21.5 22.5 23 25 | 23 23 23.5 24 | 20 21 22 21.5 | 16.5 19 19 19.5 | 24.5 25 28 28"""
BOYS = """26 25 29 31 | 21.5 22.5 23 26.5 | 23 22.5 24 27.5 | 25.5 27.5 26.5 27 | 20 23.5 22.5 26 | 24.5 25.5 27 28.5
 | 22 22 24.5 26.5 | 24 21.5 24.5 25.5 | 23 20.5 31 26 | 27.5 28 31 31.5 | 23 23 23.5 25 | 21.5 23.5 24 28
 | 17 24.5 26 29.5 | 22.5 25.5 25.5 26 | 23 24.5 26 30 | 22 21.5 23.5 25"""
CARCINOMA = """0000000 34 0000100 2 0100000 6 0100001 1 0100100 4 0100101 5 1000000 2 1010101 1 1100000 2 1100001 1
1100100 2 1100101 7 1100111 1 1101001 1 1101101 2 1101111 3 1110101 13 1110111 5 1111101 10 1111111 16"""
PLEURA = "000 1513 001 23 010 59 011 12 100 21 101 19 110 11 111 34"
GALAXIES = """9172 9350 9483 9558 9775 10227 10406 16084 16170 18419 18552 18600 18927 19052 19070 19330 19343 19349
19440 19473 19529 19541 19547 19663 19846 19856 19863 19914 19918 19973 19989 20166 20175 20179 20196 20215 20221 20415
20629 20795 20821 20846 20875 20986 21137 21492 21701 21814 21921 21960 22185 22209 22242 22249 22314 22374 22495 22746
22747 22888 22914 23206 23241 23263 23484 23538 23542 23666 23706 23711 24129 24285 24289 24366 24717 24990 25633 26960
26995 32065 32789 34279"""


@pytest.fixture(scope="module")
def wine() -> pd.DataFrame:
    rows = [(j, b, int(rating)) for j, judge in enumerate(WINE.split()) for b, rating in enumerate(judge)]
    found = pd.DataFrame(rows, columns=["judge", "bottle", "rating"])
    return found.assign(warm=(found["bottle"] >= 4) * 1.0, contact=(found["bottle"] % 4 >= 2) * 1.0)


@pytest.fixture(scope="module")
def jaws() -> pd.DataFrame:
    rows = []
    for male, block in enumerate((GIRLS, BOYS)):
        for child, line in enumerate(block.split("|")):
            distances = map(float, line.split())
            rows += [(f"{male}{child}", 8 + 2 * j, d, float(male)) for j, d in enumerate(distances)]
    return pd.DataFrame(rows, columns=["child", "age", "distance", "male"])


def patterns(text: str) -> pd.DataFrame:
    """Patterns of 0 and 1 with their counts as rows of persons × raters; identical persons are one with a weight."""
    words = text.split()
    rows = [
        (i, r, int(answer), float(count), "ABCDEFG"[r])
        for i, (pattern, count) in enumerate(zip(words[::2], words[1::2], strict=True))
        for r, answer in enumerate(pattern)
    ]
    return pd.DataFrame(rows, columns=["slide", "no", "item", "count", "rater"])


def items(k: int, fixed: str, link: str = "logit") -> OrdinalGrowth:
    return OrdinalGrowth(k, fixed, link=link, person="slide", time="no", weights="count")


def test_wine_is_that_of_clm(wine: pd.DataFrame) -> None:
    found = OrdinalGrowth(1, "~ warm + contact", outcome="rating", person="judge", time="bottle").fit(wine)
    assert found.loglik == pytest.approx(-86.49192, abs=1e-4)
    table = found.parameters()
    assert table["estimate"].to_numpy() == pytest.approx([-1.3444, 1.2508, 3.4669, 5.0064, 2.5031, 1.5278], abs=1e-4)
    assert table["se"].to_numpy()[-2:] == pytest.approx([0.5287, 0.4766], abs=1e-4)
    two = OrdinalGrowth(2, "~ warm + contact", class_specific="~ 1", outcome="rating", person="judge", time="bottle")
    assert two.fit(wine, starts=5).loglik > found.loglik + 3  # judges differ


@pytest.mark.parametrize(("random", "minus_two"), [("~ age", 427.806), ("~ 1", 428.639), (None, 478.242)])
def test_jaws_are_those_of_verbeke_and_molenberghs(jaws: pd.DataFrame, random: str | None, minus_two: float) -> None:
    found = GrowthMixture(1, "distance ~ age * male", random=random, person="child", time="age").fit(jaws)
    assert -2 * found.loglik == pytest.approx(minus_two, abs=6e-4)


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize(
    ("k", "loglik", "shares"),
    [(2, -317.2568, [0.4988, 0.5012]), (3, -293.7050, [0.1817, 0.3736, 0.4447])],
)
def test_carcinoma_is_that_of_polca(k: int, loglik: float, shares: list[float], link: str) -> None:
    """With one answer per rater and curves free by rater the model is the classical latent class model."""
    found = items(k, "~ rater", link).fit(patterns(CARCINOMA), starts=20, seed=1)
    assert found.loglik == pytest.approx(loglik, abs=1e-4)
    assert found.n_parameters == 7 * k + k - 1
    assert sorted(found.classes["share"]) == pytest.approx(shares, abs=1e-4)
    # some raters never (or always) saw carcinoma in a class: their coefficients have no bound, which is said
    assert not found.admissible
    assert any("without bound" in p.what for p in found.problems)


def test_pleural_thickening_is_that_of_lem() -> None:
    free = items(2, "~ rater").fit(patterns(PLEURA), starts=10, seed=1)
    assert free.loglik == pytest.approx(-891.14280, abs=1e-4)
    assert free.n_parameters == 7
    assert free.classes["share"].to_numpy() == pytest.approx([0.9455, 0.0545], abs=1e-4)
    equal = items(2, "~ 1").fit(patterns(PLEURA), starts=10, seed=1)
    assert equal.loglik == pytest.approx(-904.84848, abs=1e-4)
    assert equal.n_parameters == 3
    assert equal.classes["share"].to_numpy() == pytest.approx([0.9454, 0.0546], abs=1e-4)
    # P(seen) in the class of the healthy and of the ill: 1 - .9812 and 1 - .2835
    assert equal.courses([0.0])["mean"].to_numpy() == pytest.approx([0.0188, 0.7165], abs=2e-4)


@pytest.mark.parametrize(("residual", "shape"), [("common", "tied"), ("class", "full")])
@pytest.mark.parametrize("k", [2, 3])
def test_galaxies_are_those_of_scikit_learn(residual: str, shape: str, k: int) -> None:
    """One score each: a mixture of normals, whose likelihood with own variances has no upper bound."""
    speed = np.array(GALAXIES.split(), dtype=float) / 1000
    frame = pd.DataFrame({"galaxy": range(82), "t": 0.0, "speed": speed})
    found = GrowthMixture(k, "speed ~ 1", residual=residual, person="galaxy", time="t").fit(frame, starts=20, seed=1)
    theirs = GaussianMixture(k, covariance_type=shape, n_init=5, tol=1e-10, max_iter=5000, reg_covar=0, random_state=0)
    assert found.loglik >= theirs.fit(speed[:, None]).score(speed[:, None]) * 82 - 1e-4
    if residual == "class":
        published = {2: -220.19, 3: -203.48}  # McLachlan & Peel (2000), from memory
        assert found.loglik == pytest.approx(published[k], abs=0.006)
