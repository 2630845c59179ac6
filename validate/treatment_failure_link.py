"""W5 for `validate.treatment_failure`: half of the persons on linked scores, half measured 1.5 points too high.

The first half stands for the trials (QIDS-SR16, read as HRSD17-equivalents through the true link), the second for MARS
(HRSD17). In the shifted set clinicians of the second half see 1.5 points more, as W5 says, and the link does not know.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.plan import read_plan
from analysis.trajectories import GrowthMixture, labels
from analysis.treatment_failure.again import refit
from analysis.treatment_failure.own_fall import states
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.instruments import administer, severity_at, totals
from harmonize.synthetic.stard_population import L1
from harmonize.synthetic.worlds import world
from validate.stard_worlds import draw

N = 3_000
SPEC = GrowthMixture(
    4,
    "score ~ log1p(week) + week + baseline * log1p(week) + study_id",
    "~ log1p(week) + week",
    "~ log1p(week)",
    membership="~ study_id",
    residual="study",
    study="study_id",
)


def linked_sets(seed: int) -> list[dict[str, object]]:
    """Share of failure and mean q with the right and the shifted link, whether labels are kept, change at week 8."""
    fits, named, own = {}, {}, {}
    like = None
    for what, shift in (("true", 0.0), ("shifted", world("W5").link_shift)):
        frame = scores(seed, shift)
        fit = SPEC.fit(frame, starts=10, max_starts=10, seed=1) if like is None else refit(SPEC, frame, like)
        like = like or fit
        named[what] = fit.labels(float(frame.drop_duplicates("subject_id")["baseline"].mean()))
        fits[what] = fit
        single = SPEC.with_classes(1).fit(frame)
        own[what] = float(states(single, read_plan(), 12.0)[:, 0].mean())
    rows = {f"share {w}": _share(fits[w], named[w]) for w in fits}
    rows |= {f"q {w}": value for w, value in own.items()}
    rows["labels kept"] = float(named["true"] == named["shifted"])
    change = fits["shifted"].courses([8.0])["mean"].to_numpy() - fits["true"].courses([8.0])["mean"].to_numpy()
    rows["week 8"] = float(np.abs(change).max())
    return [{"world": "W5", "seed": seed, "what": k, "estimate": v, "se": np.nan} for k, v in rows.items()]


def _share(fit: object, named: tuple[str, ...]) -> float:
    share = fit.classes["share"].to_numpy()  # type: ignore[attr-defined]
    return float(share[[name == labels.TF for name in named]].sum())


def scores(seed: int, shift: float) -> pd.DataFrame:
    """Rows as of a cohort of two studies on the HRSD17."""
    drawn = draw("W0", N, seed)
    c, draws = drawn.course, Draws(seed)
    ids = drawn.persons["subject_id"].to_numpy()
    row = pd.Index(ids).get_indexer(pd.Index(drawn.scores["subject_id"]))
    visit = np.rint(np.interp(drawn.scores["week"], [0, 2, 4, 6, 9, 12, 14], range(7))).astype(int)
    second = np.arange(N) >= N // 2
    theta, key = c.theta[row, L1, visit].astype(float), c.persons.number[row] * 64 + visit
    own = totals("HRSD17", administer("HRSD17", theta, key, draws, shift=shift, world=c.world)).astype(float)
    start = administer("HRSD17", c.persons.persons.severity0, c.persons.number * 64, draws, shift=shift, world=c.world)
    linked = np.asarray(severity_at("QIDS_SR16", drawn.scores["score"].to_numpy(dtype=float)))
    entry = np.asarray(severity_at("QIDS_SR16", drawn.persons["baseline"].fillna(15.0).to_numpy(dtype=float)))
    first = np.where(second, totals("HRSD17", start).astype(float), entry)
    frame = drawn.scores.assign(
        study_id=np.where(second[row], "mars", "trials"), score=np.where(second[row], own, linked), baseline=first[row]
    )
    return frame[frame["week"] <= 14].reset_index(drop=True)
