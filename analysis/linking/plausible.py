"""Plausible values: linked scores drawn with the error of the link, so that it is carried into what uses them.

Each value is the equivalent, plus an error of the link itself that all scores of one draw share (the same link was
wrong for all of them), plus the error of the person around the link. What is computed from each of n draws is combined
by Rubin's rules: the variance between them holds the error of the link.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

N = 20
"""Draws of the analysis plan."""


class NoErrorKnown(ValueError):
    """A row's link has no standard error of estimate, so that nothing can be drawn."""


def plausible_values(
    frame: pd.DataFrame, *, seed: int, n: int = N, key: list[str] | None = None, see: float | None = None
) -> pd.DataFrame:
    """n draws for each row of `frame`, which has `equivalent`, `see`, `se` and `link_id` as marts.severity_linked.

    Gives the key columns, `draw` (1 to n) and `value`; rows without an equivalent stay out. A draw depends on `seed`,
    the row's key and its number alone, whatever the order of rows and the number of threads. `see`: standard error of
    estimate for links whose source gives none. Values are not rounded nor cut to the scale: a draw beyond its end keeps
    means and variances right. Raises NoErrorKnown for a row without an error and KeyError for a missing column.
    """
    key = KEY if key is None else key
    known = frame[frame["equivalent"].notna()]
    spread = known["see"].astype("float64")
    if see is not None:
        spread = spread.fillna(see)
    if spread.isna().any():
        links = ", ".join(sorted(set(known["link_id"][spread.isna()].astype(str))))
        raise NoErrorKnown(
            f"no standard error of estimate is known for {links}: estimate the link with `trd link --keep` where both "
            "scales were measured, or give one with see="
        )
    own = known["se"].astype("float64").fillna(0.0).to_numpy()
    centre = known["equivalent"].to_numpy(dtype=np.float64)
    persons = _uniform(known[key].astype(str).agg("|".join, axis=1), seed, n)
    link, names = pd.factorize(known["link_id"].astype(str))
    common = _uniform(pd.Series(names.astype(str)).radd("link "), seed, n)[link]
    value = centre[:, None] + own[:, None] * ndtri(common) + spread.to_numpy()[:, None] * ndtri(persons)
    out = known[key].loc[known.index.repeat(n)].reset_index(drop=True)
    return out.assign(draw=np.tile(np.arange(1, n + 1), len(known)), value=value.ravel())


KEY = ["subject_id", "instrument_id", "day", "rater", "contact", "occasion", "to_instrument_id"]
"""What names a row of marts.severity_linked."""


def combine(estimates: NDArray[np.float64], variances: NDArray[np.float64]) -> dict[str, float]:
    """One estimate from those of the draws (Rubin 1987): estimate, se, degrees of freedom, share due to the link."""
    m = len(estimates)
    within, between = float(np.mean(variances)), float(np.var(estimates, ddof=1))
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * between / total if total > 0 else 0.0
    degrees = (m - 1) / share**2 if share > 0 else float("inf")
    return {"estimate": float(np.mean(estimates)), "se": total**0.5, "df": degrees, "share_of_link": share}


def _uniform(keys: pd.Series, seed: int, n: int) -> NDArray[np.float64]:
    """n numbers between 0 and 1 per key: hashes of key, seed and draw, so that nothing depends on the order of rows."""
    start = int.from_bytes(hashlib.sha256(f"plausible values {seed}".encode()).digest()[:8], "little")
    base = np.asarray(pd.util.hash_pandas_object(keys.astype(object), index=False), dtype=np.uint64)
    step = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    seeded: NDArray[np.uint64] = _mix(base ^ np.uint64(start))[:, None]
    mixed = _mix(np.add(seeded, step[None, :]).astype(np.uint64))
    out: NDArray[np.float64] = ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    return out


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    out: NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return out
