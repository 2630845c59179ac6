"""Hand-made rows of the forms beside the first ten, for the tests of the known quirks; persons are named for what they
show.
"""

from __future__ import annotations

from typing import Any

PERSONS = "PSYCHOTROPIC PDSQ PDSQ_DAY_0 NUMBERED_LEVEL SEX_REFUSED NOT_APPLICABLE ONE_TWO SECOND_TOTAL WPAI ROA".split()
QLESQ = [f"qlesq{i:02}" for i in range(1, 17)]
SF12 = [f"sfhs{i:02}" for i in range(1, 13)]


def deliver() -> dict[str, list[dict[str, Any]]]:
    """Rows by form; to be put beside those of the other forms."""

    def call(person: str, **more: object) -> dict[str, Any]:
        return {"subjectkey": person, "level": "Level 1", "days_baseline": 0, "calltype": "Base", **more}

    good = dict.fromkeys(QLESQ, 4)
    return {
        "mhx01": [{"subjectkey": "PSYCHOTROPIC", "psmed": 1}] * 2,
        "pdsq01": [
            {"subjectkey": "PDSQ", "days_baseline": -3, "ser2w": 1, "spf2w": 0, "sad2y": 1, "slp2y": "x"},
            {"subjectkey": "PDSQ_DAY_0", "days_baseline": 0, "evy2w": 1},
        ],
        "side_effects01": [
            {"subjectkey": "NUMBERED_LEVEL", "days_baseline": 14, "level": 1, "fisfq": 2, "fisin": 3, "grseb": 1},
            {"subjectkey": "NUMBERED_LEVEL", "days_baseline": 98, "level": "2.1", "fisfq": 0, "fisin": 0, "grseb": 0},
            {"subjectkey": "NUMBERED_LEVEL", "days_baseline": 110, "level": 7, "fisfq": 0, "fisin": 0, "grseb": 0},
            {"subjectkey": "NUMBERED_LEVEL", "days_baseline": 28, "level": 1},
        ],
        "prise01": [
            {
                "subjectkey": "SEX_REFUSED",
                "level": "Level 1",
                "days_baseline": 14,
                "gdiar": 1,
                "sex_prs": -7,
                "gstro": 2,
            }
        ],
        "qlesq01": [
            call("NOT_APPLICABLE", **good, totqlesq=56),
            {
                **call("NOT_APPLICABLE", **{**good, "qlesq04": 6}, totqlesq=75),
                "level": "Follow up",
                "days_baseline": 200,
            },
        ],
        "sfhs01": [call("ONE_TWO", **{**dict.fromkeys(SF12, 2), "sfhs01": 5, "sfhs12": 1}, pcs12=48.3)],
        "ucq01": [call("ONE_TWO", ucq010=1, ucq020=2, ucq080=0, ucq030="")],
        "wsas01": [
            call("SECOND_TOTAL", wsas01=1, wsas02=2, wsas03=3, wsas04=4, wsas05=5, wsastot=15),
            {**call("SECOND_TOTAL", wsas01=1, wsas02=2, wsas03=3, wsas04=4, wsas05=5), "days_baseline": 84},
        ],
        "wpai01": [call("WPAI", wpai01=1, wpai02=10, wpai04=30, wpai_pctmissed=25, wpai_pctactimp=40)],
        "roa01": [
            {
                "subjectkey": "ROA",
                "level": "Level 1",
                "days_baseline": 40,
                "medication1_name": "CELEXA",
                "medication2_name": "LEXAPRO 10MG QD",
                "medication3_name": "WONDERDRUG",
            },
        ],
        "qids01": [
            {
                "subjectkey": "PDSQ_DAY_0",
                "level": "Level 1",
                "days_baseline": d,
                "version_form": "Self Rating",
                "qstot": q,
            }
            for d, q in ((0, 15), (42, 8))
        ],
        "ccv01": [
            {
                "subjectkey": "ROA",
                "level": "Level 1",
                "days_baseline": day,
                "medication1_name": "Citalopram",
                "medication1_dosage": 40,
            }
            for day in (0, 28, 42)
        ],
    }
