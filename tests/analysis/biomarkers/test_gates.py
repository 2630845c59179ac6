"""The gates of `validate/biomarker.py` in short: few, larger samples of the same SYNTHETIC worlds; and power."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.biomarkers.power import Design, Population, draw, needed_odds_ratio, separation, simulate
from analysis.weighting import WeightingError
from validate.biomarker import NULLS, RAKED_NAME, WORLD, line, once, table, truth


@pytest.fixture(scope="module")
def samples() -> dict[str, np.ndarray]:
    rows = [once(seed, WORLD, 20_000, True) for seed in range(500, 506)]
    return {what: np.array([r[what] for r in rows]) for what in rows[0]}


def test_weights_and_raking_repair_selection(samples: dict[str, np.ndarray]) -> None:
    true = truth(WORLD, 200_000)
    value = {what: found[:, 0] for what, found in samples.items()}
    # samples are the same persons, so that estimators differ by far less than they vary
    gap = value["weighted"] - value["unweighted"]
    assert gap.mean() > 2 * gap.std(ddof=1) / np.sqrt(len(gap))
    assert gap.mean() > 0
    back = value[RAKED_NAME] - value["weighted without early course"]
    assert back.mean() > 2 * back.std(ddof=1) / np.sqrt(len(back))
    for what in ("weighted", RAKED_NAME):
        made = line(WORLD, what, samples[what], true)
        assert abs(made.bias) < 3 * made.mc_error + 0.03 * true


def test_no_effect_is_not_found() -> None:
    """World W6-1.0-direct: the score slows early improvement and has no effect on failure."""
    found = np.array([once(seed, NULLS[1], 3000, False)["weighted"] for seed in range(900, 920)])
    z = found[:, 0] / found[:, 1]
    assert abs(z.mean()) < 3 / np.sqrt(len(z))
    assert 0.6 < z.std(ddof=1) < 1.5


def test_the_table_says_when_gates_are_not_asked(samples: dict[str, np.ndarray]) -> None:
    told = table([line(WORLD, "weighted", samples["weighted"], 0.04, "bias at most 5 %", None)], 20_000, 500)
    assert "SYNTHETIC" in told
    assert "not asked" in told


def test_power_agrees_with_the_formula_and_class_error_costs_some() -> None:
    assert needed_odds_ratio(1200, 0.25) == pytest.approx(1.21, abs=0.006)  # the plan's own figure
    seen = simulate(1200, Population(odds_ratio=1.21, certainty=1.0, u_effect=0.0), Design(), 80, seed=5)
    assert seen["power"] == pytest.approx(0.8, abs=0.13)
    assert seen["mean_se"] == pytest.approx(seen["sd"], rel=0.25)
    probable = simulate(1200, Population(odds_ratio=1.21, u_effect=0.0), Design(), 40, seed=5)
    assert probable["mean_se"] > 1.1 * seen["mean_se"]


def test_designs_say_who_is_genotyped() -> None:
    for name in ("at random", "volunteers", "enriched"):
        frame, _ = draw(4000, Population(), Design(name, 0.3), 1)
        assert frame["typed"].mean() == pytest.approx(0.3, abs=0.03)
    assert frame.groupby("failed")["typed"].mean().diff().iloc[1] > 0.1
    assert separation(0.9, 0.25) > separation(0.85, 0.25)
    with pytest.raises(WeightingError, match="no class model"):
        separation(0.7, 0.25)
