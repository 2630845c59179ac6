"""The figures of synthetic STAR*D persons that stand beside the published ones, and the numbers that steer them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from harmonize.sources import Study, study
from harmonize.synthetic.draws import Floats, Ints
from harmonize.synthetic.persons import COMORBIDITIES
from harmonize.synthetic.stard_chunk import Chunk
from harmonize.synthetic.stard_doses import doses
from harmonize.synthetic.stard_levels import Course, Flags
from harmonize.synthetic.stard_population import (
    ARM_NAMES,
    DRUGS,
    FU,
    INTOLERANCE,
    L1,
    L2,
    L2A,
    L3,
    L4,
    LEVELS,
    LOST,
    NO_RETURN,
)
from harmonize.synthetic.stard_qids import phone_totals, rate_qids
from harmonize.synthetic.stard_rater import rate_hrsd, rater_calls
from harmonize.synthetic.stard_truth import was_genotyped
from harmonize.synthetic.worlds import World
from harmonize.synthetic.worlds import world as world_named

ENROLLED = 4041
_ARMS = {
    "BUP": L2, "SER": L2, "VEN": L2, "CIT+BUP": L2, "CIT+BUS": L2,
    "MIRT": L3, "NTP": L3, "LI": L3, "THY": L3, "TCP": L4, "VEN+MIRT": L4,
}  # fmt: skip
Figures = dict[str, tuple[float, int]]


class Scores:
    """What was observed of each person in each level, as arrays persons × levels; nan where there is nothing."""

    def __init__(self, chunk: Chunk) -> None:
        c, v = chunk.course, chunk.visits
        own = chunk.once(rate_qids).total[1::2].astype(float)
        shape = c.entered.shape
        self.entry = np.full(shape, np.nan)
        self.last = np.full(shape, np.nan)
        self.visits = np.zeros(shape, dtype=np.int64)
        first = v.visit == 0
        self.entry[v.person[first], v.level[first]] = own[first]
        # Rows are in order of time: the last one stays.
        self.last[v.person, v.level] = own
        np.add.at(self.visits, (v.person[~first], v.level[~first]), 1)
        calls, rated = chunk.once(rater_calls), chunk.once(rate_hrsd)
        self.hrsd = np.full((len(c.entered), len(LEVELS) + 1), np.nan)
        there = ~rated.empty
        self.hrsd[calls.person[there], calls.label[there]] = rated.total[there]
        self.anxious = np.zeros(len(c.entered), dtype=bool)
        entry = there & (calls.label == 0)
        self.anxious[calls.person[entry]] = rated.anxious[entry]
        phone = chunk.once(phone_totals)
        monthly = phone.level == FU
        self.last[phone.person[monthly], FU] = phone.total[monthly]
        self.called = np.zeros(len(c.entered), dtype=bool)
        self.called[phone.person[monthly]] = True

    def hrsd_exit(self, level: int) -> Floats:
        """HRSD17 at the end of the level."""
        found: Floats = self.hrsd[:, level + 1]
        return found


@cache
def _study() -> Study:
    return study("stard")


def marginals(n: int, seed: int, world: World | str = "W0") -> Figures:
    """By target_id: the figure of `n` enrolled persons and how many it was taken over; counts per 4,041 enrolled."""
    chunk = Chunk(_study(), 0, n, seed, world_named(world))
    s = chunk.once(Scores)
    return {
        **_baseline(chunk, s),
        **_level1(chunk, s),
        **_arms(chunk.course, s),
        **_steps(chunk.course, s),
        **_dropout(chunk.course, s),
        **_doses(chunk),
        **_genetics(chunk),
        "qids_rows": (_qids_rows(chunk), n),
    }


def _qids_rows(chunk: Chunk) -> float:
    """Rows of qids01 per enrolled person: two for a visit, one for a call."""
    return (2 * len(chunk.visits.person) + len(chunk.once(phone_totals).person)) / max(len(chunk.number), 1)


def _share(event: Flags, among: Flags) -> tuple[float, int]:
    count = int(among.sum())
    return (100.0 * float(event[among].mean()) if count else float("nan")), count


def _mean(values: Floats, among: Flags) -> tuple[float, int]:
    known = values[among & ~np.isnan(values)]
    return (float(known.mean()) if len(known) else float("nan")), len(known)


def _sd(values: Floats, among: Flags) -> tuple[float, int]:
    known = values[among & ~np.isnan(values)]
    return (float(known.std()) if len(known) else float("nan")), len(known)


def _count(who: Flags) -> tuple[float, int]:
    return float(who.sum()) / len(who) * ENROLLED, len(who)


def evaluable(c: Course, s: Scores) -> Flags:
    """The 2,876: HRSD17 of 14 or more at entry and a visit after it."""
    found: Flags = (s.hrsd[:, 0] >= 14) & (c.exit[:, L1] != NO_RETURN) & c.entered[:, L1]
    return found


def _baseline(chunk: Chunk, s: Scores) -> Figures:
    c, who = chunk.course, chunk.course.persons.persons
    everyone = np.ones(len(who), dtype=bool)
    came = c.exit[:, L1] != NO_RETURN
    entry = np.where(c.entered[:, L1], s.entry[:, L1], s.entry[:, L2])
    anxiety = who.comorbid[:, : COMORBIDITIES.index("substance")].any(axis=1)
    anxiety |= chunk.draws.chance("specphob", chunk.number, 0.01)
    figures = {
        "enrolled": _count(everyone),
        "hrsd_below_14": _count(s.hrsd[:, 0] < 14),
        "hrsd_missing": _count(np.isnan(s.hrsd[:, 0])),
        "no_return": _count(~came),
        "entered_l1": _count(came),
        "evaluable": _count(evaluable(c, s)),
        "evaluable_pigott": _count(s.hrsd[:, 0] >= 14),
        "female": _share(who.female, everyone),
        "any_anxiety": _share(anxiety, everyone),
        "substance": _share(who.comorbid[:, COMORBIDITIES.index("substance")], everyone),
        "qids_entry_mean": _mean(entry, everyone),
        "qids_entry_sd": _sd(entry, everyone),
    }
    for name, values in {
        "age": who.age,
        "onset": who.age_at_onset.astype(float),
        "episode": who.episode_weeks / 52.18 * 12,
    }.items():
        figures |= {f"{name}_mean": _mean(values, everyone), f"{name}_sd": _sd(values, everyone)}
    figures["education_mean"] = _mean(who.education_years.astype(float), everyone)
    figures["episodes_mean"] = _mean(who.n_episodes.astype(float), everyone)
    return figures


def _outcomes(s: Scores, level: int, among: Flags, name: str) -> Figures:
    """Remission by both scales and response of the people of a level; no exit HRSD17 is no remission."""
    entry, last = s.entry[:, level], s.last[:, level]
    return {
        f"{name}_hrsd_remission": _share(s.hrsd_exit(level) <= 7, among),
        f"{name}_qids_remission": _share(last <= 5, among),
        f"{name}_qids_response": _share((last <= entry / 2) & (entry > 0), among),
        f"{name}_exit_mean": _mean(last, among),
        f"{name}_exit_sd": _sd(last, among),
        f"{name}_change_mean": _mean(last - entry, among),
        f"{name}_change_sd": _sd(last - entry, among),
        f"{name}_percent_change": _mean(100 * (last - entry) / np.maximum(entry, 1), among),
        f"{name}_percent_change_sd": _sd(100 * (last - entry) / np.maximum(entry, 1), among),
    }


def _level1(chunk: Chunk, s: Scores) -> Figures:
    c = chunk.course
    among = evaluable(c, s)
    weeks = (c.end[:, L1] - c.start[:, L1]) / 7
    return {
        **_outcomes(s, L1, among, "l1"),
        "step1_qids_remission": _share(s.last[:, L1] <= 5, c.entered[:, L1] & (c.exit[:, L1] != NO_RETURN)),
        "l1_intolerance": _share((weeks < 4) | (c.exit[:, L1] == INTOLERANCE), among),
        "l1_weeks_below_4": _share(weeks < 4, among),
        "l1_weeks_4_to_8": _share((weeks >= 4) & (weeks < 8), among),
        "l1_weeks_from_8": _share(weeks >= 8, among),
        "l1_weeks_mean": _mean(weeks, among),
        "l1_visits_mean": _mean(s.visits[:, L1].astype(float), among),
        "anxious": _share(s.anxious, among),
    }


def _members(c: Course, arm: str) -> Flags:
    if arm in ("LI", "THY"):
        return c.entered[:, L3] & np.isin(c.arm[:, L3], [i for i, a in enumerate(ARM_NAMES) if a.endswith(f"+{arm}")])
    found: Flags = c.arm[:, _ARMS[arm]] == ARM_NAMES.index(arm)
    return found


def _arms(c: Course, s: Scores) -> Figures:
    figures: Figures = {}
    for arm, level in _ARMS.items():
        among = _members(c, arm)
        figures |= _outcomes(s, level, among, arm)
        figures[f"{arm}_intolerance"] = _share(c.exit[:, level] == INTOLERANCE, among)
        figures[f"{arm}_n"] = 100 * float(among.sum()) / max(int(c.entered[:, level].sum()), 1), int(among.sum())
    switch_ct, add_ct = (c.arm[:, L2] == ARM_NAMES.index(a) for a in ("CT", "CIT+CT"))
    figures["CT_any_n"] = 100 * float((switch_ct | add_ct).sum()) / max(int(c.entered[:, L2].sum()), 1), len(s.last)
    remitted = s.last[:, L2] <= 5
    drug = np.isin(c.arm[:, L2], [ARM_NAMES.index(a) for a in ("BUP", "SER", "VEN")])
    added = np.isin(c.arm[:, L2], [ARM_NAMES.index(a) for a in ("CIT+BUP", "CIT+BUS")])
    severe = drug & (s.entry[:, L2] >= 11)
    return figures | {
        "switch_from_11_qids_remission": _share(remitted, severe),
        "switch_from_11_qids_response_only": _share(~remitted & (s.last[:, L2] <= s.entry[:, L2] / 2), severe),
        "CT_qids_remission": _share(remitted, switch_ct),
        "CIT+CT_qids_remission": _share(remitted, add_ct),
        "switch_drug_ct_accepted_qids_remission": _share(remitted, drug & c.accepts[:, 2]),
        "add_drug_ct_accepted_qids_remission": _share(remitted, added & c.accepts[:, 3]),
    }


def _steps(c: Course, s: Scores) -> Figures:
    third = c.entered[:, L3] | c.entered[:, L2A]
    last = np.where(c.entered[:, L3], s.last[:, L3], s.last[:, L2A])
    figures = {
        "entered_l2": _count(c.entered[:, L2]),
        "entered_l3": _count(c.entered[:, L3]),
        "entered_l4": _count(c.entered[:, L4]),
        "step2_qids_remission": _share(s.last[:, L2] <= 5, c.entered[:, L2]),
        "step3_qids_remission": _share(last <= 5, third),
        "step4_qids_remission": _share(s.last[:, L4] <= 5, c.entered[:, L4]),
    }
    chances = [figures[f"step{i}_qids_remission"][0] for i in (2, 3, 4)]
    first = _share(s.last[:, L1] <= 5, c.entered[:, L1] & (c.exit[:, L1] != NO_RETURN))[0]
    figures["cumulative_remission"] = 100 * (1 - float(np.prod([1 - x / 100 for x in (first, *chances)]))), len(last)
    for level in (L1, L2, L3, L4, FU):
        stayed = c.entered[:, level] & ~np.isin(c.exit[:, level], (LOST, NO_RETURN))
        if level == FU:
            stayed = c.entered[:, FU] & (c.follow_up_months == 12) & s.called
        name = f"stayers_{LEVELS[level]}"
        figures |= {
            f"{name}_entry_mean": _mean(s.entry[:, level], stayed),
            f"{name}_entry_sd": _sd(s.entry[:, level], stayed),
            f"{name}_exit_mean": _mean(s.last[:, level], stayed),
            f"{name}_exit_sd": _sd(s.last[:, level], stayed),
            f"{name}_change_mean": _mean(s.last[:, level] - s.entry[:, level], stayed),
        }
    return figures


def _dropout(c: Course, s: Scores) -> Figures:
    gone = np.isin(c.exit[:, L1], (LOST, NO_RETURN))
    early = gone & (c.exit[:, L1] == NO_RETURN)
    late = gone & (c.exit_visit[:, L1] >= 5)
    figures = {
        "l1_dropout": _share(gone, c.entered[:, L1]),
        "l1_dropout_at_once": _share(early, gone),
        "l1_dropout_by_12": _share(~early & ~late, gone),
        "l1_dropout_after_12": _share(late, gone),
    }
    remitted = s.last[:, L2] <= 5
    for name, arms in (("augment", ("CIT+BUP", "CIT+BUS")), ("switch", ("BUP", "SER", "VEN"))):
        among = np.isin(c.arm[:, L2], [ARM_NAMES.index(a) for a in arms])
        lost = among & (c.exit[:, L2] == LOST)
        figures |= {
            f"{name}_dropout": _share(lost, among),
            f"{name}_dropout_remission": _share(remitted, lost),
            f"{name}_completer_remission": _share(remitted, among & ~lost),
        }
    return figures


def _doses(chunk: Chunk) -> Figures:
    c = chunk.course
    drug, dose = doses(c, chunk.seed, chunk.p)
    among, at = evaluable(c, chunk.once(Scores)), np.arange(len(c.arm))
    last = dose[at, L1, c.exit_visit[:, L1], 0].astype(float)
    taken = np.where(np.arange(dose.shape[2]) <= c.exit_visit[:, L1, None], dose[:, L1, :, 0], 0).max(axis=1)
    figures: Figures = {"l1_exit_dose_mean": _mean(last, among)}
    for name, values in (("exit", last), ("max", taken.astype(float))):
        for low, high, label in ((0, 20, "below_20"), (20, 40, "20_to_39"), (40, 50, "40_to_49"), (50, 999, "from_50")):
            figures[f"l1_{name}_dose_{label}"] = _share((values >= low) & (values < high), among)
    for arm, name in (("TCP", "tranylcypromine"), ("VEN+MIRT", "venlafaxine"), ("VEN+MIRT", "mirtazapine")):
        place = int(np.argmax(_drugs_of(drug, c, arm) == DRUGS.index(name))) if _members(c, arm).any() else 0
        exit_dose = dose[at, L4, c.exit_visit[:, L4], place].astype(float)
        figures[f"{arm}_{name}_dose"] = _mean(exit_dose, _members(c, arm))
    return figures


def _drugs_of(drug: Ints, c: Course, arm: str) -> NDArray[np.integer]:
    found: NDArray[np.integer] = drug[np.flatnonzero(_members(c, arm))[0], L4]
    return found


def _genetics(chunk: Chunk) -> Figures:
    who = chunk.course.persons.persons
    done = was_genotyped(chunk.course, chunk.seed, chunk.p)
    return {
        "genotyped": _count(done),
        "genotyped_white": _share(who.race == 0, done),
        "genotyped_black": _share(who.race == 1, done),
        "genotyped_other_race": _share(who.race > 1, done),
    }


_LIFT, _SPREAD = (-0.3, 1.2), (0.05, 0.9)
_KNOBS: dict[str, tuple[float, float, float]] = {
    "severity_mean": (20.2, 17.0, 24.0),
    "severity_sd": (6.0, 4.0, 8.0),
    "CIT.lift": (0.45, *_LIFT),
    "CIT.spread": (0.33, *_SPREAD),
    "1.no_return": (0.0916, 0.08, 0.10),
    "1.lost": (0.19, 0.05, 0.7),
    "1.intolerant": (0.10, 0.02, 0.65),
    "1.good_enough": (7.0, 2.0, 14.0),
    "1.call_missing": (0.20, 0.0, 0.5),
    "2.prefer": (0.5, 0.0, 0.95),
    "BUP.lift": (0.30, *_LIFT),
    "SER.lift": (0.30, *_LIFT),
    "VEN.lift": (0.30, *_LIFT),
    "CIT+BUP.lift": (0.30, *_LIFT),
    "CIT+BUS.lift": (0.25, *_LIFT),
    "2.lift": (0.3, *_LIFT),
    "2.spread": (0.33, *_SPREAD),
    "2.lost": (0.33, 0.05, 0.7),
    "CIT+BUP.lost": (0.25, 0.05, 0.7),
    "CIT+BUS.lost": (0.25, 0.05, 0.7),
    "2.intolerant": (0.18, 0.02, 0.65),
    "CIT+BUP.intolerant": (0.14, 0.02, 0.65),
    "CIT+BUS.intolerant": (0.24, 0.02, 0.65),
    "2.good_enough": (8.0, 2.0, 20.0),
    "2.decide_spread": (1.2, 0.2, 4.0),
    "switch.finished": (3.7, 0.0, 7.0),
    "2.call_missing": (0.15, 0.0, 0.5),
    "MIRT.lift": (0.1, *_LIFT),
    "NTP.lift": (0.15, *_LIFT),
    "LI.lift": (0.15, *_LIFT),
    "THY.lift": (0.2, *_LIFT),
    "3.spread": (0.33, *_SPREAD),
    "LI.intolerant": (0.27, 0.02, 0.65),
    "THY.intolerant": (0.12, 0.02, 0.65),
    "3.good_enough": (10.0, 2.0, 24.0),
    "3.call_missing": (0.10, 0.0, 0.5),
    "TCP.lift": (0.1, *_LIFT),
    "VEN+MIRT.lift": (0.2, *_LIFT),
    "4.spread": (0.33, *_SPREAD),
    "4.call_missing": (0.20, 0.0, 0.5),
    "FU.drift": (3.0, -5.0, 10.0),
    "FU.spread": (7.0, 1.0, 14.0),
    "genotyped": (0.4, -3.0, 4.0),
}


def knobs(world: World | str = "W0") -> Mapping[str, tuple[float, float, float]]:
    """The numbers that calibration may turn: start, lowest, highest. The same in all worlds."""
    world_named(world)
    return _KNOBS
