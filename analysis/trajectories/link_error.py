"""By how much a link may be wrong: whole error curves of the linking function, drawn for everybody alike.

Two things can be called the error of a linked score. The function itself is known from a sample of persons: another
sample would have given another curve, and all scores that pass through the link are wrong together. And the person lies
beside the function, at every visit anew. The second is measurement error within persons: a growth model estimates it
from the equivalents as part of its residual variance. Drawing it once more would count it twice, flatten every course
towards its noise and inflate the residual. So only the first is drawn here. Where one score is compared with a cut-off
and no model holds the residual, both belong in: `analysis.linking.plausible`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from analysis.linking.estimate import estimate
from analysis.linking.pairs import LinkError, Pairs, pairs_of, read_scale
from analysis.linking.smoothing import SmoothingError
from analysis.trajectories.cohort import CohortError
from analysis.warehouse import Warehouse

Array = NDArray[np.float64]
DAYS = 7
"""Days two ratings may lie apart where the error of a link is estimated."""
_PAIRS = """
    with seen as (
        select subject_id, study_id, instrument_id, day, score,
            row_number() over (
                partition by subject_id, instrument_id, day order by occasion, contact, rater
            ) as place
        from {view}
        where study_id in ({studies}) and (role = 'baseline' or is_in_window)
    )
    select
        xs.subject_id, xs.study_id, xs.score as x, ys.score as y
    from seen as xs
    inner join seen as ys on xs.subject_id = ys.subject_id and abs(ys.day - xs.day) <= :days
    where xs.instrument_id = :a and ys.instrument_id = :b and xs.place = 1 and ys.place = 1
    qualify row_number() over (partition by xs.subject_id, xs.day order by abs(ys.day - xs.day), ys.day) = 1
        and row_number() over (partition by ys.subject_id, ys.day order by abs(ys.day - xs.day), xs.day) = 1
    order by xs.subject_id, xs.day
"""


@dataclass(frozen=True)
class Curves:
    """Errors of a link: `errors` (draws, scores) at the measured `scores`; `source` says where they come from.

    `point`: where the link was estimated, the equivalents of `scores` by that estimate, which need not be those in use.
    """

    scores: Array
    errors: Array
    source: str
    point: Array | None = None

    def at(self, measured: Array) -> Array:
        """(draws, values) errors at measured scores: straight between whole scores, level beyond the ends."""
        found: Array = np.array([np.interp(measured, self.scores, row) for row in self.errors])
        return found

    def apart(self, measured: Array, equivalent: Array) -> float | None:
        """Mean absolute difference between the equivalents in use and the estimate; None without an estimate."""
        if self.point is None:
            return None
        return float(np.abs(np.interp(measured, self.scores, self.point) - equivalent).mean())


def curves(
    warehouse: Warehouse, instrument: str, scale: str, link: str | None, *, view: str, studies: tuple[str, ...],
    n: int, seed: int,
) -> Curves:  # fmt: skip
    """`n` error curves of the link from `instrument` to `scale`.

    A link with a published standard error gets curves of that size and of one sign per draw. Else the link is estimated
    from the ratings in `view`, the material of the class step, and each curve is a bootstrap replicate of persons less
    the estimate. Raises CohortError where neither can be had.
    """
    known = _published(warehouse, instrument, scale, link)
    if len(known):
        own, seed_of = known["se"].to_numpy(dtype=float), [seed, *map(ord, instrument)]
        shared = ndtri(np.random.default_rng(seed_of).uniform(size=n))
        return Curves(known["from_score"].to_numpy(dtype=float), shared[:, None] * own, f"published with {link}")
    try:
        pairs = _pairs(warehouse, instrument, scale, view, studies)
        found = estimate(pairs, bootstraps=n, seed=seed)
    except (LinkError, SmoothingError) as error:
        raise CohortError(
            f"the error of the link from {instrument} to {scale} is not known and cannot be estimated from {view} "
            f"({error}): run trd link --from {instrument} --to {scale} --keep, or leave the draws out with "
            "--plausible 0"
        ) from error
    return Curves(
        found.scores,
        found.replicates - found.equipercentile,
        f"bootstrap of {pairs.n_persons:,} persons who have both within {DAYS} days",
        found.equipercentile,
    )


def _published(warehouse: Warehouse, instrument: str, scale: str, link: str | None) -> pd.DataFrame:
    if "marts.link_points" not in warehouse.columns or link is None:
        return pd.DataFrame()
    return warehouse.frame(
        "select from_score, any_value(se) as se from marts.link_points where from_instrument_id = :a and "
        "to_instrument_id = :b and link_id = :link and se is not null group by from_score order by from_score",
        a=instrument, b=scale, link=link,
    )  # fmt: skip


def _pairs(warehouse: Warehouse, instrument: str, scale: str, view: str, studies: tuple[str, ...]) -> Pairs:
    if "reference.scales" not in warehouse.columns:
        raise LinkError("there is no reference.scales with the ranges of the instruments")
    x, y = read_scale(warehouse, instrument), read_scale(warehouse, scale)
    names = {f"s{i}": study for i, study in enumerate(studies)}
    rows = warehouse.frame(
        _PAIRS.format(view=view, studies=", ".join(f":{s}" for s in names)), a=instrument, b=scale, days=DAYS, **names
    )
    if rows.empty:
        raise LinkError(f"nobody of {', '.join(studies)} has both within {DAYS} days")
    return pairs_of(rows, x, y)
