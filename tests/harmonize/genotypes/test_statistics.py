"""Hardy-Weinberg, kinship, components, sex: against published figures, exact arithmetic and other implementations."""

from __future__ import annotations

from fractions import Fraction
from math import comb, factorial

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from harmonize.genotypes import kinship
from harmonize.genotypes.components import components, prune, standardised
from harmonize.genotypes.hwe import hwe_exact
from harmonize.genotypes.kinship import families, king_robust, unrelated
from harmonize.genotypes.sexcheck import sex_of, x_inbreeding


def _p_exact(a: int, h: int, b: int) -> float:
    """By whole numbers: the share of all ways to pair the alleles that give a table no likelier than this one."""
    n, rare = a + h + b, 2 * min(a, b) + h

    def ways(het: int) -> Fraction:
        low, high = (rare - het) // 2, n - het - (rare - het) // 2
        tables = factorial(n) // (factorial(low) * factorial(het) * factorial(high))
        return Fraction(tables * 2**het, comb(2 * n, rare))

    each = {het: ways(het) for het in range(rare % 2, rare + 1, 2)}
    assert sum(each.values()) == 1
    return float(sum(p for p in each.values() if p <= each[h]))


def test_hardy_weinberg_against_the_published_table_and_whole_numbers() -> None:
    # Wigginton 2005, table 1: 100 persons with 21 rare alleles (figures recalled; whole numbers below confirm them).
    hets = np.array([21, 19, 17, 15, 13, 11, 9])
    rare = (21 - hets) // 2
    found = hwe_exact(rare, hets, 100 - hets - rare)
    assert np.allclose(found, [0.593645, 1.0, 0.284042, 0.069576, 0.010293, 0.000919, 0.000048], atol=1e-6)
    random = np.random.default_rng(1)
    tables = [(14, 57, 50), (0, 0, 9), (3, 0, 0), (1, 1, 1), *random.integers(0, 40, (40, 3)).tolist()]
    given = np.array([t for t in tables if sum(t)])
    assert np.allclose(hwe_exact(*given.T), [_p_exact(*t) for t in given.tolist()], rtol=1e-9)
    assert np.isnan(hwe_exact(np.array([0]), np.array([0]), np.array([0])))[0]
    # Counted from either end it is the same.
    assert np.allclose(hwe_exact(*given.T), hwe_exact(*given[:, ::-1].T))


def _family(m: int = 4000) -> np.ndarray:
    """Two unrelated parents, two children of theirs, and a twin of the second child; founders in equilibrium."""
    random = np.random.default_rng(3)
    share = random.uniform(0.1, 0.9, m)
    mother, father = (random.random((2, m)) < share for _ in range(2))
    pick = lambda pair: np.where(random.random(m) < 0.5, pair[0], pair[1])  # noqa: E731
    children = [np.stack([pick(mother), pick(father)]) for _ in range(2)]
    return np.stack([p.sum(axis=0) for p in (mother, father, *children, children[1])]).astype(np.int8)


def test_kinship_by_hand_and_in_a_family() -> None:
    calls = np.array([[1, 1, 0, 2, 1, -1], [1, 0, 2, 2, 1, 1]], dtype=np.int8)
    # Called in both: five. Both heterozygous: 2; opposite homozygous: 1; heterozygous 3 and 2.
    by_hand = (2 - 2 * 1) / (2 * 2) + 1 / 2 - (3 + 2) / (4 * 2)
    found = king_robust(calls, least=-1)
    assert found.pairs["kinship"].to_list() == [by_hand]
    assert found.pairs["n_variants"].to_list() == [5]
    kin = king_robust(_family(), least=0.0884)
    value = {(i, j): k for i, j, k in kin.pairs[["i", "j", "kinship"]].itertuples(index=False)}
    assert (0, 1) not in value, "the parents are not related"
    for pair in ((0, 2), (1, 2), (0, 3), (1, 3), (2, 3)):
        assert abs(value[pair] - 0.25) < 0.03, pair
    assert value[3, 4] == 0.5
    assert kin.highest[4] == 0.5
    assert list(families(kin.pairs, 6)) == [0, 0, 0, 0, 0, -1]
    keep = unrelated(kin.pairs, np.array([0.99, 0.98, 0.97, 0.96, 0.999]), 0.354)
    assert list(keep) == [True, True, True, False, True], "of twins the better called stays"


def test_components_are_those_of_sklearn_and_find_ancestry() -> None:
    random = np.random.default_rng(4)
    group = np.repeat([0, 1], 60)
    share = np.clip(0.5 + np.array([-1, 1])[group][:, None] * random.uniform(0, 0.25, 800), 0.02, 0.98)
    calls = (random.random((120, 800)) < share).astype(np.int8) + (random.random((120, 800)) < share)
    z = standardised(calls, calls.mean(axis=0) / 2)
    every = np.ones(120, dtype=bool)
    scores, part = components(z, every, 5)
    theirs = PCA(n_components=5, svd_solver="full").fit(z.astype(np.float64))
    ours_shown = np.abs(scores / np.linalg.norm(scores, axis=0))
    other = theirs.transform(z.astype(np.float64))
    assert np.allclose(ours_shown, np.abs(other / np.linalg.norm(other, axis=0)), atol=1e-4)
    assert np.allclose(part, theirs.explained_variance_ratio_, atol=1e-6)
    assert abs(np.corrcoef(scores[:, 0], group)[0, 1]) > 0.95
    assert abs(np.corrcoef(scores[:, 1], group)[0, 1]) < 0.2
    # Who is not fitted is projected: twins of fitted persons get their place.
    fit = every.copy()
    fit[-1] = False
    z[-1] = z[60]
    projected, _ = components(z, fit, 2)
    assert np.allclose(projected[-1], projected[60], atol=1e-6)


def test_pruning_leaves_no_pair_in_disequilibrium_within_a_window() -> None:
    random = np.random.default_rng(6)
    base = random.integers(0, 3, (200, 60))
    noisy = np.where(random.random((200, 60)) < 0.95, base, random.integers(0, 3, (200, 60)))
    calls = np.stack([base, noisy], axis=2).reshape(200, 120)
    frequency = calls.mean(axis=0) / 2
    z = standardised(calls, frequency)
    keep = prune(z, np.repeat(["1", "2"], 60), frequency)
    assert 55 <= keep.sum() <= 62, "of each pair one"
    left = np.corrcoef(z[:, keep].T) ** 2
    assert (left[np.triu_indices_from(left, 1)] < 0.2).all()


def test_sex_by_the_x_chromosome() -> None:
    random = np.random.default_rng(7)
    share = random.uniform(0.2, 0.5, 200)
    first, second = (random.random((40, 200)) < share for _ in range(2))
    women = (first[:20].astype(np.int8) + second[:20]).astype(np.int8)
    men = 2 * first[20:].astype(np.int8)
    f = x_inbreeding(np.concatenate([women, men]), share)
    assert list(sex_of(f)) == ["female"] * 20 + ["male"] * 20
    assert np.allclose(f[20:], 1)
    assert np.isnan(x_inbreeding(women[:, :10], share[:10])).all(), "ten variants tell nothing"
    assert pd.isna(sex_of(np.array([0.5, np.nan]))).all()


def test_kinship_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = np.random.default_rng(5).binomial(2, 0.3, (23, 400)).astype(np.int8)
    calls[4] = calls[20]
    calls[7, :150] = -127
    whole = king_robust(calls, least=0.02)
    monkeypatch.setattr(kinship, "_ROWS", 5)
    parts = king_robust(calls, least=0.02)
    pd.testing.assert_frame_equal(whole.pairs, parts.pairs)
    assert [4, 20] in whole.pairs[["i", "j"]].to_numpy().tolist()
    np.testing.assert_array_equal(whole.highest, parts.highest)
