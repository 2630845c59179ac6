"""How far the effect of a score can be believed: shuffled scores, E-value, tipping point, truncation path."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from analysis.biomarkers.estimate import DIFFERENCE, ScoreFit, score_effect
from analysis.weighting.errors import WeightingError
from analysis.weighting.weights import FittedWeights

PATH = (0.0, 0.005, 0.01, 0.02, 0.05)
"""Lower quantiles of the truncation path; the upper ones are their complements. 0 is no truncation."""


def shuffled(
    fit: ScoreFit,
    score: str,
    formula: str,
    times: int = 200,
    seed: int = 1,
    say: Callable[[int], None] = lambda n: None,
) -> pd.DataFrame:
    """Negative control: each person's deviation of the score from its mean gets a random sign, `times` times.

    One row: the SD of the estimates so found (what chance alone does), the largest, and the share at least as far from
    zero as the estimate. A SD far from the standard error, or a mean away from 0, says that something else is at work.
    """
    rng = np.random.default_rng([seed, 17])
    frame = fit.weights.frame
    values = frame[score].to_numpy(dtype=float)
    centre = np.nanmean(values)
    found = []
    for done in range(times):
        signs = rng.choice([-1.0, 1.0], len(values))
        turned = _with(fit.weights, frame.assign(**{score: centre + signs * (values - centre)}))
        start = fit.gamma.copy()
        start[1] = 0.0
        again = score_effect(turned, fit.evidence, score, formula, start if len(fit.names) == len(start) else None)
        found.append(again.values[DIFFERENCE])
        say(done + 1)
    estimate = fit.values[DIFFERENCE]
    drawn = np.array(found)
    psi = fit.influence()[DIFFERENCE]
    far = float((np.abs(drawn) >= abs(estimate)).mean()) if times else np.nan
    return pd.DataFrame(
        [
            {
                "check": "sign-shuffled scores", "value": float(drawn.std(ddof=1)) if times > 1 else np.nan,
                "text": f"{times} scores with random signs: mean {drawn.mean():.4f}, SD {drawn.std(ddof=1):.4f} "
                f"(standard error {np.sqrt(psi @ psi):.4f}), {100 * far:.1f} % as far from 0 as {estimate:.4f}",
            }
        ]
    )  # fmt: skip


def _with(weights: FittedWeights, frame: pd.DataFrame) -> FittedWeights:
    from dataclasses import replace

    return replace(weights, frame=frame)


def e_value(ratio: float) -> float:
    """VanderWeele & Ding (2017): how strongly, as risk ratios, an unseen cause must go with both score and outcome."""
    if not ratio > 0:
        raise WeightingError(f"a risk ratio of {ratio} has no E-value")
    high = max(ratio, 1 / ratio)
    return float(high + np.sqrt(high * (high - 1)))


def e_values(fit: ScoreFit) -> pd.DataFrame:
    """E-value of the risk ratio per SD and of its limit that is nearer to 1."""
    risk = fit.values["mean P"]
    psi = fit.influence()
    ratio = (risk + fit.values[DIFFERENCE]) / risk
    of_log = (psi["mean P"] + psi[DIFFERENCE]) / (risk * ratio) - psi["mean P"] / risk
    half = 1.959964 * float(np.sqrt(of_log @ of_log))
    low, high = ratio * np.exp(-half), ratio * np.exp(half)
    near = 1.0 if low <= 1 <= high else (low if ratio > 1 else high)
    text = (
        f"{e_value(ratio):.2f}, of the nearer limit {e_value(float(near)):.2f} (risk ratio per SD {ratio:.3f}, "
        f"{low:.3f} to {high:.3f})"
    )
    return pd.DataFrame([{"check": "E-value", "value": e_value(ratio), "text": text}])


def tipping(fit: ScoreFit, n_target: int) -> pd.DataFrame:
    """What the effect among those without a score would have to be so that the whole target's is 0.

    With share f of the target scored and difference d there, the rest would need -d f / (1 - f): also for the limit of
    the interval nearer to 0.
    """
    share = fit.n / n_target
    if share >= 1:
        return pd.DataFrame(
            [{"check": "tipping point", "value": np.nan, "text": "everybody of the target has a score"}]
        )
    table = fit.table()
    line = table[table["measure"] == DIFFERENCE].iloc[0]
    estimate = float(line["estimate"])
    limit = float(line["lower"] if estimate > 0 else line["upper"])
    need = -estimate * share / (1 - share)
    if limit * estimate <= 0:
        text = f"the interval holds 0 already; the estimate would be 0 if it were {need:.4f} in the unscored"
    else:
        text = (
            f"in the unscored {100 * (1 - share):.0f} % the difference would have to be {need:.4f} (here "
            f"{estimate:.4f}); for the interval to reach 0 {-limit * share / (1 - share):.4f}"
        )
    return pd.DataFrame([{"check": "tipping point", "value": need, "text": text}])


def truncation(
    weights: FittedWeights, fit: ScoreFit, score: str, formula: str, path: Sequence[float] = PATH
) -> pd.DataFrame:
    """The difference along a path of truncation: `lower`, `upper` quantile, estimate with limits, effective size."""
    rows = []
    for q in path:
        cut = weights if q == 0 else weights.truncate(q, 1 - q)
        found = fit if q == 0 else score_effect(cut, fit.evidence, score, formula)
        table = found.table()
        line = table[table["measure"] == DIFFERENCE].iloc[0]
        rows.append(
            {
                "quantile": q, "n_cut": int(cut.cut.sum()), "largest": float(cut.values.max()), "ess": cut.ess,
                "estimate": float(line["estimate"]), "se": float(line["se"]), "lower": float(line["lower"]),
                "upper": float(line["upper"]),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
