"""What a link is worth: agreement with a published table, invariance over groups, error of classification."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.linking.estimate import LEAST_PERSONS, Link, group_links, resamples
from analysis.linking.pairs import Pairs

Floats = NDArray[np.float64]

BY = ("study_id", "sex", "time")
"""Columns of the pairs by which invariance is judged."""


def agreement(link: Link, published: pd.DataFrame) -> dict[str, float]:
    """How far the estimate lies from a published link (columns from_score, point, low, high) where both have a value.

    Differences are in points of Y, over scores of X and weighted by how often each occurs. within_range: share of
    scores whose estimate, rounded to whole points, lies in the published range. within_interval: share of scores whose
    95 % interval holds the published value.
    """
    both = link.points().merge(published, on="from_score", suffixes=("", "_published"))
    if both.empty:
        return {"n_scores": 0.0}
    share = link.share[both["from_score"].to_numpy(dtype=np.int64) - link.pairs.x.lowest]
    differs = (both["point"] - both["point_published"]).to_numpy(dtype=np.float64)
    low, high = both["low_published"].astype(float), both["high_published"].astype(float)
    ranged = low.notna() & high.notna()
    rounded = np.floor(both["point"] + 0.5)
    held = (both["point_published"] >= both["low"]) & (both["point_published"] <= both["high"])
    return {
        "n_scores": float(len(both)),
        "mean_difference": float(np.average(differs, weights=share)),
        "mean_absolute_difference": float(np.abs(differs).mean()),
        "mean_absolute_difference_weighted": float(np.average(np.abs(differs), weights=share)),
        "max_absolute_difference": float(np.abs(differs).max()),
        "within_range": float(((rounded >= low) & (rounded <= high))[ranged].mean()) if ranged.any() else float("nan"),
        "within_interval": float(held.mean()),
    }


def invariance(link: Link, by: Sequence[str] = BY, *, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Whether the link is the same in every group (Dorans & Holland 2000, J. Educational Measurement 37:281-306).

    Gives one row per group (how far its link lies above that of all, with its standard error from the bootstrap of
    persons) and one per grouping: REMSD, the root mean square of those differences over scores and groups in units of
    the SD of Y, beside half a point of Y in the same units, the smallest difference that shows in a rounded score; and
    the same of RMSD at the score where it is largest. A group speaks only of scores it has; small groups are named and
    left out.
    """
    groups, whole = [], []
    frame = link.pairs.frame
    bootstraps = len(link.replicates)
    share = link.share[link.scores.astype(np.int64) - link.pairs.x.lowest]
    for column in by:
        sizes = frame.dropna(subset=[column]).groupby(column)["person"].nunique()
        large = [str(g) for g, n in sizes.items() if n >= LEAST_PERSONS]
        for name, n in sizes.items():
            if str(name) not in large:
                groups.append({"by": column, "group": str(name), "n_persons": int(n), "why_not": "too few persons"})
        if len(large) < 2:
            why = "one group only" if len(large) == 1 else "no group is large enough"
            whole.append({"by": column, "n_groups": len(large), "why_not": why})
            continue
        masks = {g: (frame[column] == g).fillna(False).to_numpy(dtype=bool) for g in large}
        found = group_links(link, masks, bootstraps=bootstraps, seed=seed)
        has = np.stack([found[g].has for g in large])
        weight = has * np.array([masks[g].sum() for g in large], dtype=np.float64)[:, None]
        apart = np.stack([found[g].point - link.equipercentile for g in large])
        for place, name in enumerate(large):
            own = np.where(has[place], share, 0.0) / share[has[place]].sum()
            above = found[name].replicates - link.replicates
            mean, several = float(apart[place] @ own), above @ own
            groups.append(
                {
                    "by": column,
                    "group": name,
                    "n_persons": int(sizes[name]),
                    "n_pairs": int(masks[name].sum()),
                    "mean_difference": mean,
                    "se": float(several.std(ddof=1)),
                    "z": mean / float(several.std(ddof=1)),
                    "max_absolute_difference": float(np.abs(apart[place][has[place]]).max()),
                }
            )
        together = weight.sum(axis=0)
        squares = (weight * apart**2).sum(axis=0) / np.where(together > 0, together, 1.0)
        whole.append(
            {
                "by": column,
                "n_groups": len(large),
                "remsd": float(np.sqrt(squares @ share / share.sum()) / link.sd_y),
                "rmsd_max": float(np.sqrt(squares.max()) / link.sd_y),
                "at_score": float(link.scores[int(squares.argmax())]),
                "half_a_point": 0.5 / link.sd_y,
            }
        )
    return pd.DataFrame(groups), pd.DataFrame(whole)


def classification(
    pairs: Pairs, points: pd.DataFrame, *, bootstraps: int, seed: int
) -> dict[str, float | int | None] | None:
    """Remission by the linked score against remission by the measured one; None where the scale of Y has no cut.

    Only visits after baseline are asked where time is known, as nobody is in remission at entry. A linked score counts
    as in remission when its equivalent rounds to the cut or below. Standard errors: bootstrap of persons.
    """
    cut = pairs.y.remission
    if cut is None:
        return None
    frame = pairs.frame
    if (frame["time"] == "later").any():
        frame = frame[(frame["time"] == "later").fillna(False)]
    point = points.set_index("from_score")["point"]
    linked = frame["x"].map(point)
    frame, linked = frame[linked.notna()], linked.dropna()
    told = np.floor(linked.to_numpy(dtype=np.float64) + 0.5) <= cut
    true = frame["y"].to_numpy() <= cut
    person = frame["person"].to_numpy()
    kinds = (told & true, told & ~true, ~told & true, ~told & ~true)
    cells = np.stack([np.bincount(person, weights=kind, minlength=pairs.n_persons) for kind in kinds])
    drawn = (resamples(pairs.n_persons, bootstraps, seed) @ cells.T).astype(np.float64)
    at = _rates(cells.sum(axis=1)[None, :])
    again = _rates(drawn)
    own = points.loc[np.floor(points["point"] + 0.5) <= cut, "from_score"]
    out: dict[str, float | int | None] = {
        "cut": cut,
        "linked_cut": int(own.max()) if len(own) else None,
        "n_pairs": len(frame),
        "n_remitted": int(true.sum()),
        "n_remitted_linked": int(told.sum()),
    }
    for name in at:
        out[name] = float(at[name][0])
        out[f"{name}_se"] = float(np.nanstd(again[name], ddof=1))
    return out


def _rates(cells: Floats) -> dict[str, Floats]:
    both, only_told, only_true, neither = (cells[:, i].astype(np.float64) for i in range(4))
    n = both + only_told + only_true + neither
    agree = (both + neither) / n
    chance = ((both + only_told) * (both + only_true) + (only_true + neither) * (only_told + neither)) / n**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "sensitivity": both / (both + only_true),
            "specificity": neither / (neither + only_told),
            "kappa": (agree - chance) / (1 - chance),
            "share_wrong": 1 - agree,
        }


__all__ = ["BY", "agreement", "classification", "invariance"]
