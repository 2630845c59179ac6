"""Figures the synthetic STAR*D persons are drawn from.

Each figure names its source. `read` and `derived` figures stand in the study dossier under the section given; `memory`
figures stand there too, but nobody has checked them: they are placeholders, not calibration targets; `assumption`
figures are ours; `choice` figures are what was asked of this writer where nothing was found. A documented population
model will take the place of this block.
"""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = ("1", "2", "2A", "3", "4", "FU")
"""The levels in the order in which persons pass through them; positions in arrays follow it."""
L1, L2, L2A, L3, L4, FU = range(6)

WEEKS = (0, 2, 4, 6, 9, 12, 14)
"""Planned weeks of clinic visits in a level (section 1, read); visits are numbered by their place here."""

EXITS = ("no_benefit", "intolerance", "well", "lost", "no_return")
NO_BENEFIT, INTOLERANCE, WELL, LOST, NO_RETURN = range(5)

DRUGS = (
    "citalopram",
    "bupropion",
    "sertraline",
    "venlafaxine",
    "buspirone",
    "mirtazapine",
    "nortriptyline",
    "lithium",
    "liothyronine",
    "tranylcypromine",
)

ARMS: dict[str, tuple[str, ...]] = {
    # Section 2, read. Cognitive therapy is no drug, so it leaves no trace in the drug columns.
    "CIT": ("citalopram",),
    "BUP": ("bupropion",),
    "SER": ("sertraline",),
    "VEN": ("venlafaxine",),
    "CIT+BUP": ("citalopram", "bupropion"),
    "CIT+BUS": ("citalopram", "buspirone"),
    "CT": (),
    "CIT+CT": ("citalopram",),
    "MIRT": ("mirtazapine",),
    "NTP": ("nortriptyline",),
    "CIT+LI": ("citalopram", "lithium"),
    "SER+LI": ("sertraline", "lithium"),
    "BUP+LI": ("bupropion", "lithium"),
    "VEN+LI": ("venlafaxine", "lithium"),
    "CIT+THY": ("citalopram", "liothyronine"),
    "SER+THY": ("sertraline", "liothyronine"),
    "BUP+THY": ("bupropion", "liothyronine"),
    "VEN+THY": ("venlafaxine", "liothyronine"),
    "TCP": ("tranylcypromine",),
    "VEN+MIRT": ("venlafaxine", "mirtazapine"),
    "FU": (),
}
ARM_NAMES = tuple(ARMS)

TITRATION: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[float, ...]]] = {
    # Dose after visit 0, 1, … 6 while nothing holds it back; the doses at which persons stop; their shares.
    # Citalopram: section 2 (steps) and section 8 (exit doses), read. Highest doses of the others: section 2, read
    # (tranylcypromine and mirtazapine in level 4: memory). All other steps and shares: assumption. mg, T3 in µg.
    "citalopram": ((20, 40, 60, 60, 60, 60, 60), (10, 20, 40, 60), (0.037, 0.273, 0.299, 0.391)),
    "bupropion": ((150, 200, 300, 400, 400, 400, 400), (200, 300, 400), (0.3, 0.3, 0.4)),
    "sertraline": ((50, 100, 150, 200, 200, 200, 200), (100, 150, 200), (0.3, 0.3, 0.4)),
    "venlafaxine": ((75, 150, 225, 300, 375, 375, 375), (150, 225, 375), (0.3, 0.4, 0.3)),
    "buspirone": ((15, 30, 45, 60, 60, 60, 60), (30, 45, 60), (0.3, 0.3, 0.4)),
    "mirtazapine": ((15, 30, 45, 60, 60, 60, 60), (30, 45, 60), (0.3, 0.4, 0.3)),
    "nortriptyline": ((50, 100, 150, 200, 200, 200, 200), (100, 150, 200), (0.4, 0.4, 0.2)),
    "lithium": ((450, 900, 900, 900, 900, 900, 900), (450, 900), (0.4, 0.6)),
    "liothyronine": ((25, 50, 50, 50, 50, 50, 50), (25, 50), (0.3, 0.7)),
    "tranylcypromine": ((10, 20, 30, 40, 50, 60, 60), (20, 40, 60), (0.3, 0.5, 0.2)),
}


@dataclass(frozen=True)
class Population:
    """Shares and moments; see the module for what the marks mean."""

    # Persons
    screened_only: float = 0.15
    """Extra el01 rows per enrolled person. Assumption: their number was not found."""
    women: float = 0.617  # section 8 (NUN, n 3,009), read
    age_mean: float = 40.9  # section 8, read
    age_sd: float = 12.9  # section 8, read
    age_range: tuple[int, int] = (18, 75)  # section 1, read
    clinics: int = 41  # section 1, read
    hispanic: float = 0.13  # assumption
    race_blank: float = 0.55  # 'too often missing to use' (section 6.13, read); the share is an assumption
    race_shares: tuple[float, ...] = (0.758, 0.176, 0.066)  # section 8, memory

    # Severity
    qids_sr_mean: float = 15.4  # section 8, read
    qids_sr_sd: float = 4.3  # section 8, read
    rater_sd: float = 1.5  # assumption: QIDS-C and QIDS-SR as readings of one latent course
    ivr_sd: float = 2.0  # assumption
    hrsd_missing: float = 324 / 4041  # section 7, read
    hrsd_no_row: float = 0.6  # assumption: of the missing; the others have an empty form
    hrsd_mean: float = 20.0  # assumption, with the next: 607 of 3,717 below 14 (section 7, read)
    hrsd_sd: float = 6.6
    hrsd_severity: float = 0.6  # assumption: correlation with the latent QIDS

    # Course
    no_return: float = 370 / 4041  # section 7, derived
    lost_level1: float = 0.26 * 0.66  # section 8 (Warden), read: 26 % of 4,041, of these 34 % right after baseline
    enter_level2: float = 1439 / 4041  # section 7, read
    start_at_level2: float = 3 / 4041  # section 4, read
    lost_switch: float = 0.27  # section 8 (Warden), read
    lost_augment: float = 0.20  # section 8 (Warden), read
    level2_to_3: float = 0.264  # 377 of 1,439 (section 7, read), less those by way of level 2A
    ct_to_2a: float = 31 / 52  # 31: memory; 52 = 147 (derived) × 36 / 101 (read)
    lost_ct: float = 0.20  # assumption
    level2a: tuple[float, float] = (0.35, 0.25)  # moves on, lost: assumption
    level3: tuple[float, float] = (109 / 377, 0.35)  # moves on: section 7, read; lost: assumption
    level4: tuple[float, float] = (0.35, 0.30)  # leaves without benefit, lost: assumption
    intolerant_of_movers: float = 0.40  # assumption
    well_to_follow_up: float = 0.40  # choice of this module; real share not found
    missed_visit: float = 0.12  # assumption, between entry and exit
    jitter_sd: float = 2.5  # days; limits ± 6: section 9, memory
    jitter_max: int = 6
    follow_up_complete: float = 0.45  # assumption: all 12 months
    follow_up_answered: float = 0.85  # assumption: of monthly calls
    follow_up_drift: float = 2.1  # section 8: 5.6 → 7.7 in follow-up, read

    # Accepted strategies at level 2: (switch, augment, switch to CT, add CT), share. Shares: assumption, chosen so that
    # arms drawn evenly within what is accepted give 727 : 565 : 147 (section 2, derived).
    acceptable: tuple[tuple[tuple[bool, bool, bool, bool], float], ...] = (
        ((True, False, False, False), 0.43),
        ((False, True, False, False), 0.30),
        ((True, False, True, False), 0.08),
        ((False, True, False, True), 0.13),
        ((True, True, True, True), 0.04),
        ((False, False, True, True), 0.02),
    )
    level3_shares: tuple[float, float, float, float] = (114, 121, 69, 73)  # MIRT, NTP, X+LI, X+THY: section 2, read
    level4_shares: tuple[float, float] = (58, 51)  # TCP, VEN+MIRT: section 2, read

    # Forms
    exit_call_missing: float = 0.27  # assumption: 'many' (section 9), exact rate not found
    ids_call_missing: float = 5 / 1439  # IDS-C for 1,434 of 1,439 (section 6.13), read
    hrsd_unknown_item: float = 0.02  # -9 (section 3, read); share: assumption
    hrsd_blank_total: float = 0.02  # with all items (section 6, read); share: assumption
    hrsd_entered_total: float = 0.30  # hdtot is 'often missing' (columns, read); share: assumption
    ids_unknown_item: float = 0.01  # assumption
    qids_ivr_call: float = 0.85  # per clinic visit; about 21 qids01 rows per person (section 4, read)
    qids_ivr_same_day: float = 0.70  # assumption
    qids_blank_week: float = 0.19  # of clinic rows: 46 % of all rows (section 4, read)
    qids_blank_version: float = 0.0037  # off boundaries, 0.3 % of all; choice; 'blank occurs' (columns, read)
    qids_unknown_item: float = 0.003  # 999 (columns, read); share: assumption
    qids_blank_entry_total: float = 0.02  # at day 0 (columns, read); share: assumption
    qids_off_by_one: float = 0.01  # choice
    qids_both_sides: float = 0.10  # 'usually only one side is filled' (columns, read); share: assumption
    ccv_zero_dose: float = 0.01  # choice; codes: section 3, read
    ccv_unknown_dose: float = 0.01  # choice
    ccv_no_dose: float = 0.005  # choice
    ccv_code_for_total: float = 0.02  # -3, -4, -5 in qscur_r (section 3, read); share: assumption
    ivra_call: float = 0.50  # assumption: of QIDS calls that have an ivra01 row
    dm_second_row: float = 0.05  # choice
    dm_refused: float = 0.02  # -7 (section 3, read); share: assumption
    dm_income_row: float = 0.97  # assumption
    phx_second_row: float = 0.01  # choice
    phx_unknown: float = 0.06  # 281 of 1,439 episodes missing (section 6.13, read) over three codes and blanks
    crs_empty_row: float = 0.08  # assumption
    education_mean: float = 13.6  # section 8, read
    education_sd: float = 3.2  # section 8, read
    onset_mean: float = 25.3  # section 8, read
    onset_sd: float = 14.3  # section 8, read
    episodes_mean: float = 3.9  # section 8, read
    episode_months: tuple[float, float] = (25.4, 54.0)  # section 8, read


POPULATION = Population()
