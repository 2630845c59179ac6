"""Studies nobody wrote a mapping for: drafted by `trd new-study`, edited as a data manager would, built, recounted.

One copy of the checkout, one build: the page docs/add-a-study.md is run command by command, beside it the public data
sets and invented files with the faults that real ones have. What is in `cdm` is compared with pandas on the raw files.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from harmonize.paths import REPO, Warehouse
from tests.dbt_project import kit
from tests.dbt_project.checkout import Checkout

PAGE = REPO / "docs" / "add-a-study.md"
OWN = re.compile(
    r"dbt_project/(models/staging/(\w+)/|models/intermediate/|seeds/generated/|macros/generated/)|harmonize/mappings/(?!shared|stard)"
)
"""What adding a study may write: its own files, and files that trd compile generates."""


UNSEEN = """Pat;Grp;Geschl;MADRS_base;MADRS_W2;MADRS_W6;delta
P1;A;m;32,5;20;n/a;-12,5
P2;B;w;28;<5;10;-18
P2;B;w;28;<5;10;-18
P3;A;m;30;25;12,5;-17,5
"""
"""SYNTHETIC: a wide file with German names, decimal commas, a cell that is no number, and a person twice."""


def page_commands() -> str:
    return "\n".join(re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))


def write_invented(folder: Path) -> None:
    """SYNTHETIC: a German long file with text visits and dirty cells, and one with change scores and repeated days."""
    folder.mkdir()
    draw = random.Random(3)
    rows = ["Pat-Nr;Besuch;HAMD17;BDI Gesamt;Geschlecht;Alter;Gruppe"]
    dirty = {(3, 1): "n/a", (4, 1): "<5", (5, 0): "12 ", (6, 2): "miss", (7, 2): "-9", (8, 3): "999"}
    for person in range(1, 41):
        for visit, label in enumerate(["Baseline", "Woche 2", "Woche 4", "V3", "Entlassung"]):
            score = dirty.get((person, visit), str(draw.randint(0, 30)))
            bdi = str(draw.randint(0, 500) / 10).replace(".", ",")
            sex, arm = "w" if person % 2 else "m", "Verum" if person % 3 else "Placebo"
            rows.append(f"P{person:03d};{label};{score};{bdi};{sex};{20 + person};{arm}")
    rows.append("P001;Woche 2;31;50,0;w;21;Verum")
    (folder / "klinik.csv").write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    rows = ["subject_id\tday\thamd_change\timprovement\tsex"]
    for person in range(1, 31):
        for day in (-7, 0, 14, 14, 28):
            improved = draw.randint(-60, 200) / 10
            rows.append(f"{person}\t{day}\t{draw.randint(-20, 6)}\t{improved}\t{person % 2 + 1}")
    (folder / "change.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "unseen.csv").write_text(UNSEEN, encoding="utf-8")
    rows = ["Pat-ID;Datum;HAMD-17;Medikament;Dosis (mg)"]
    drugs = ["Cipralex", "Venlafaxin retard", "Zyloban", "Lithium"]
    for person in range(1, 21):
        start = date(2021, 3, 1) + timedelta(days=person)
        for visit, day in enumerate((0, 14, 28)):
            held = start + timedelta(days=day)
            written = held.strftime("%d.%m.%Y") if person % 2 else held.isoformat()
            score = "" if visit == 0 and person <= 5 else str(draw.randint(0, 40))
            rows.append(f"{person:03d};{written};{score};{drugs[person % 4]};{draw.choice([10, 75, 150])}")
    (folder / "praxis.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def write_parts(folder: Path) -> None:
    """SYNTHETIC: one row per item with its faults; persons, visits and drugs in three files with dates."""
    draw = random.Random(5)
    rows = ["record_id;event;item;answer"]
    dirty = {(2, 0, 3): "99", (3, 0, 3): "<1", (4, 28, 9): ""}
    for person in range(1, 21):
        for day, label in ((0, "baseline_arm_1"), (28, "week_4_arm_1")):
            answers = [dirty.get((person, day, i), str(draw.randint(0, 3))) for i in range(1, 10)]
            lines = [f"{person:02d};{label};phq9_{i};{a}" for i, a in enumerate(answers, start=1)]
            draw.shuffle(lines)
            rows += lines
    rows += [rows[1], "06;week_4_arm_1;difficulty;2"]
    again = next(r for r in rows if r.startswith("05;baseline_arm_1;phq9_1;"))
    rows.append(again[:-1] + str(3 - int(again[-1])))
    (folder / "itemrows.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    start = {p: date(2021, 2, 1) + timedelta(days=p) for p in range(1, 21)}
    persons = ["PatID;Aufnahme;Geschlecht", *(f"{p:03d};{d:%d.%m.%Y};w" for p, d in start.items() if p != 20)]
    (folder / "personen.csv").write_text("\n".join(persons) + "\n", encoding="utf-8")
    visits = ["PatID;Datum;MADRS-S"]
    visits += [
        f"{p};{d + timedelta(days=k):%d.%m.%Y};{(p * 7 + k) % 50},5" for p, d in start.items() for k in (2, 14, 42)
    ]
    (folder / "besuche.csv").write_text("\n".join(visits) + "\n", encoding="utf-8")
    drugs = ["PatID;Medikament;Beginn;Ende;Dosis (mg)"]
    drugs += [f"{p};Sertralin;01.01.2021;{d + timedelta(days=p):%d.%m.%Y};50" for p, d in start.items()]
    (folder / "medikation.csv").write_text("\n".join(drugs) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    copy = Checkout(tmp_path_factory.mktemp("checkout") / "repo")
    invented = copy.root / "invented"
    write_invented(invented)
    write_parts(invented)
    before = fingerprints(copy.root)
    sets = {name: str(public_data / name) for name in ("nhanes_phq9", "pospsy_cesd", "suddengains_bdi", "nda_samples")}
    browne = str(public_data / "browne_madrs_simulated")
    koch = str(public_data / "koch1977_depression")
    days = {"v1": 0, "t2": 183, "t3": 365, "t4": 730, "1": 0, "2": 183, "3": 365, "4": 730}
    times = [word for label, day in days.items() for word in ("--time", f"{label}={day}")]
    ends = ["--time", "fu1=98", "--time", "fu2=112"]
    copy.trd(
        ["new-study", "nhanes", f"{sets['nhanes_phq9']}/nhanes_2017_mar2020_phq9_complete.csv"],
        [
            *("new-study", "pospsy", f"{sets['pospsy_cesd']}/pospsy_participants.csv"),
            *(f"{sets['pospsy_cesd']}/pospsy_raw_ahi_cesd.csv", "--sex", "1=female", "--sex", "2=male"),
        ],
        ["new-study", "gains", f"{sets['suddengains_bdi']}/sgdata.csv", *ends],
        ["new-study", "gainsbad", f"{sets['suddengains_bdi']}/sgdata_bad.csv", *ends, "--time", "followup2=112"],
        [
            *("new-study", "browne", f"{browne}/simulated_missing_data.csv", *times),
            *("--sex", "1=male", "--sex", "2=female"),
        ],
        ["new-study", "koch", f"{koch}/koch1977_depression.csv"],
        ["new-study", "nda", *(f"{sets['nda_samples']}/{n}" for n in ("image03.txt", "fmriresults01_definitions.csv"))],
        ["new-study", "klinik", str(invented / "klinik.csv"), "--time", "V3=42", "--time", "Entlassung=56"],
        ["new-study", "change", str(invented / "change.txt")],
        ["new-study", "unseen", str(invented / "unseen.csv")],
        ["new-study", "praxis", str(invented / "praxis.csv")],
        ["new-study", "itemrows", str(invented / "itemrows.csv")],
        ["new-study", "parts", *(str(invented / f"{n}.csv") for n in ("personen", "besuche", "medikation"))],
    )
    by_hand(copy)
    copy.trd(
        ["compile"],
        ["land", "nhanes", sets["nhanes_phq9"]],
        ["land", "pospsy", sets["pospsy_cesd"]],
        ["land", "gains", sets["suddengains_bdi"]],
        ["land", "gainsbad", sets["suddengains_bdi"]],
        ["land", "browne", browne],
        ["land", "koch", koch],
        ["land", "nda", sets["nda_samples"]],
        ["land", "klinik", str(invented)],
        ["land", "change", str(invented)],
        ["land", "unseen", str(invented)],
        *(["land", study, str(invented)] for study in ("praxis", "itemrows", "parts")),
    )
    copy.shell(f"export TRD_PUBLIC_DATA={public_data}\n" + page_commands())
    after = fingerprints(copy.root)
    copy.changed = sorted(p for p in after.keys() | before.keys() if after.get(p) != before.get(p))  # type: ignore[attr-defined]
    return copy


def by_hand(copy: Checkout) -> None:
    """What new-study could not know. Koch's answers A and N become a scale; bad names get their place in the list."""
    mappings = "harmonize/mappings"
    header = "scale_id,scale_name,total_min,total_max,higher_is_worse\n"
    (copy.root / mappings / "koch" / "scales.csv").write_text(header + "KOCH_ABNORMAL,Abnormal response,0,1,1\n")
    blocks = (copy.root / mappings / "koch_blocks.csv").read_text()
    slots = "w1.7: r1; w2.14: r2; w4.28: r3"
    blocks += f"visits,visits,koch1977_depression,,{slots},merge,\n"
    blocks += f"response,scales,koch1977_depression,,{slots},identical,\n"
    (copy.root / mappings / "koch_blocks.csv").write_text(blocks)
    rows = {
        "visits": (
            "step_id,const,1 day,const,{slot.2} week_label,const,{slot.1} contact,const,clinic status,const,attended"
        ),
        "response": (
            "step_id,const,1 day,const,{slot.2} instrument_id,const,KOCH_ABNORMAL rater,const,clinician"
            " contact,const,clinic occasion,const,1 score,recode,{1};A=1;N=0 items,none,"
        ),
    }
    lines = [
        f"{block},{row},{'not_collected,one answer' if 'none' in row else 'complete,'},"
        for block, listed in rows.items()
        for row in listed.split()
    ]
    with (copy.root / mappings / "koch.csv").open("a") as stream:
        stream.write("\n".join(lines) + "\n")
    copy.edit(f"{mappings}/praxis/drug_synonyms.csv", ("zyloban,todo", "zyloban,zyloban"))
    (copy.root / mappings / "praxis" / "treatments.csv").write_text(
        "drug_id,drug_name,class,role\nzyloban,Zyloban,other,antidepressant\n"
    )
    copy.edit(
        f"{mappings}/gainsbad_blocks.csv",
        (": bdi_followup2", ": bdi_followup2; s10.70: bdii10"),
    )


def fingerprints(root: Path) -> dict[str, str]:
    files = (p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    named = {str(p.relative_to(root)): p for p in files}
    skipped = ("warehouse/", "invented/", "dbt_project/target/", "dbt_project/logs/")
    return {n: hashlib.md5(p.read_bytes()).hexdigest() for n, p in named.items() if not n.startswith(skipped)}


def query(copy: Checkout, sql: str) -> list[tuple[object, ...]]:
    return kit.query(Warehouse(copy.warehouse), sql)


def scores_of(copy: Checkout, study: str, instrument: str) -> Counter[tuple[str, int, float | None]]:
    """(pseudonym, day, score) of an instrument, with how often each stands."""
    rows = query(
        copy,
        f"select subject_id, day, score from cdm.scales where study_id = '{study}' and instrument_id = '{instrument}'",
    )
    return Counter((str(p), int(d), s) for p, d, s in rows)  # type: ignore[call-overload, misc]


def wide(frame: pd.DataFrame, key: pd.Series, study: str, days: dict[str, int]) -> Counter[tuple[str, int, float]]:
    """The same from a wide file: column → day; blanks are no rows."""
    return Counter(
        (kit.pseudonym(str(k), study), day, float(x))
        for column, day in days.items()
        for k, x in zip(key, frame[column], strict=True)
        if not pd.isna(x)
    )


def test_only_the_studies_own_files_and_generated_ones_changed(checkout: Checkout) -> None:
    strange = [p for p in checkout.changed if not OWN.match(p)]  # type: ignore[attr-defined]
    assert strange == []


def test_the_page_brings_all_hundred_patients_of_beat_the_blues(checkout: Checkout, public_data: Path) -> None:
    """280 post-baseline scores of 400 are in the file; the rest are missed visits."""
    raw = pd.read_csv(public_data / "btheb" / "btheb_hsaur3.csv")
    rows = pd.Series(range(2, 102))
    days = {"bdi.pre": 0, "bdi.2m": 61, "bdi.3m": 91, "bdi.5m": 152, "bdi.8m": 244}
    assert scores_of(checkout, "blues", "BDI_II") == wide(raw, rows, "blues", days)
    arms = query(
        checkout, "select arm_assigned, randomised, count(*) from cdm.steps where study_id = 'blues' group by all"
    )
    assert {(a, r, n) for a, r, n in arms} == {(a, True, n) for a, n in raw["treatment"].value_counts().items()}
    missed = query(checkout, "select count(*) from cdm.visits where study_id = 'blues' and status = 'missed'")
    assert missed == [(int(raw[list(days)].isna().sum().sum()),)]


def test_check_study_is_content_with_the_page_s_study(checkout: Checkout) -> None:
    done = checkout.shell("trd check-study blues")
    assert "blues: 0 block, 1 to look at" in done.stdout
    assert "btheb_hsaur is landed and not mapped" in done.stdout


def test_every_phq9_total_of_nhanes_is_the_sum_of_its_items(checkout: Checkout, public_data: Path) -> None:
    raw = pd.read_csv(public_data / "nhanes_phq9" / "nhanes_2017_mar2020_phq9_complete.csv")
    found = query(
        checkout,
        "select count(*), count(distinct subject_id), count(*) filter (where total_agrees), sum(score), sum(item_total)"
        " from cdm.scales where study_id = 'nhanes' and instrument_id = 'PHQ9'",
    )
    items = raw[[c for c in raw.columns if c.startswith("DPQ")]]
    assert found == [(len(raw), len(raw), len(raw), float(raw["Total"].sum()), float(items.sum().sum()))]


def test_cesd_totals_of_the_web_trial_with_its_duplicated_occasions(checkout: Checkout, public_data: Path) -> None:
    """Rows of one person on one day with different scores are refused, with equal ones merged; all others are there."""
    raw = pd.read_csv(public_data / "pospsy_cesd" / "pospsy_raw_ahi_cesd.csv")
    raw["day"] = raw["elapsed.days"].map(lambda d: int(d + 0.5))
    expected: Counter[tuple[str, int, float]] = Counter()
    refused = 0
    for (person, day), rows in raw.groupby(["id", "day"]):
        if rows["cesdTotal"].nunique() == 1:
            expected[kit.pseudonym(str(person), "pospsy"), int(day), float(rows["cesdTotal"].iloc[0])] += 1
        else:
            refused += len(rows)
    assert scores_of(checkout, "pospsy", "CESD") == expected
    assert refused > 0
    found = query(
        checkout,
        "select count(*) from quality.quarantine where study_id = 'pospsy' and entity = 'scales'"
        " and rule = 'key:conflict' and row_key like '%CESD%'",
    )
    assert found == [(refused,)]
    assert query(checkout, "select count(*) from cdm.subjects where study_id = 'pospsy'") == [(raw["id"].nunique(),)]


def test_bad_names_give_what_good_names_give(checkout: Checkout, public_data: Path) -> None:
    raw = pd.read_csv(public_data / "suddengains_bdi" / "sgdata.csv")
    days = {f"bdi_s{n}": 7 * n for n in range(13)} | {"bdi_fu1": 98, "bdi_fu2": 112}
    for study in ("gains", "gainsbad"):
        assert scores_of(checkout, study, "BDI_II") == wide(raw, raw["id"], study, days), study


def test_a_and_n_are_values(checkout: Checkout, public_data: Path) -> None:
    """Koch's table has one row per pattern with the number of patients: 340 in 32 rows."""
    raw = pd.read_csv(public_data / "koch1977_depression" / "koch1977_depression.csv", keep_default_na=False)
    raw = raw.replace({"A": 1.0, "N": 0.0})
    expected = wide(raw, pd.Series(range(2, len(raw) + 2)), "koch", {"R1": 7, "R2": 14, "R3": 28})
    assert scores_of(checkout, "koch", "KOCH_ABNORMAL") == expected
    patients = query(checkout, "select sum(value_num) from cdm.history where variable_id = 'koch_freq'")
    assert patients == [(340.0,)] == [(float(raw["Freq"].sum()),)]


@pytest.mark.parametrize(("instrument", "first"), [("MADRS", "madrsv1"), ("CESD", "cesd")])
def test_irregular_names_of_the_dysthymia_trial(
    checkout: Checkout, public_data: Path, instrument: str, first: str
) -> None:
    """Two simulated ages are no ages (below 0): these persons are refused with their rows."""
    raw = pd.read_csv(public_data / "browne_madrs_simulated" / "simulated_missing_data.csv")
    raw = raw[raw["age"].between(0, 120)]
    later = {"madrsv1": "madrst", "cesd": "cesd"}[first]
    days = {first: 0, f"{later}2": 183, f"{later}3": 365, f"{later}4": 730}
    assert scores_of(checkout, "browne", instrument) == wide(raw, raw["id"], "browne", days)


def test_an_archive_file_with_two_header_rows_lands(checkout: Checkout, public_data: Path) -> None:
    """Descriptions of row 2 and of the definitions file stand in the contract; no description becomes a person."""
    raw = pd.read_csv(public_data / "nda_samples" / "image03.txt", sep="\t", skiprows=[1], dtype=str)
    found = query(checkout, "select count(*) from cdm.subjects where study_id = 'nda'")
    assert found == [(raw["subjectkey"].nunique(),)]
    contract = (checkout.root / "dbt_project/models/staging/nda/_nda__sources.yml").read_text(encoding="utf-8")
    assert "subject_key: [subjectkey]" in contract
    assert "The NDAR Global Unique Identifier (GUID) for research subject" in contract


def test_dirty_cells_keep_their_column_and_are_told_apart(checkout: Checkout) -> None:
    """By hand from write_invented: -9, 999 and miss are unknown, n/a no rating, '<5' a cell issue, '12 ' a score."""
    missing = query(
        checkout,
        "select score_missing, count(*) from cdm.scales where study_id = 'klinik' and instrument_id = 'HRSD17'"
        " and score is null group by 1 order by 1",
    )
    assert missing == [("unknown", 3), ("unparseable", 1)]
    assert query(checkout, "select raw_value from quality.cell_issues where study_id = 'klinik'") == [("<5",)]
    twelve = (kit.pseudonym("P005", "klinik"), 0, 12.0)
    assert scores_of(checkout, "klinik", "HRSD17")[twelve] == 1
    days = query(checkout, "select distinct day from cdm.visits where study_id = 'klinik' order by 1")
    assert days == [(0,), (14,), (28,), (42,), (56,)]
    decimals = query(
        checkout,
        "select count(*) from cdm.scales"
        " where study_id = 'klinik' and instrument_id = 'BDI_II' and score <> floor(score)",
    )
    assert decimals[0][0] > 100  # type: ignore[operator]


def test_two_different_scores_of_one_day_are_refused_and_not_lost(checkout: Checkout) -> None:
    refused = query(
        checkout,
        "select study_id, count(*) from quality.quarantine where rule = 'key:conflict'"
        " and study_id in ('klinik', 'change') group by 1 order by 1",
    )
    kept = query(checkout, "select count(*) from cdm.scales where study_id = 'change' and day = 14")
    merged = query(checkout, "select count(*) from cdm.scales where study_id = 'change' and n_src = 2")
    assert dict(refused)["klinik"] == 4  # type: ignore[arg-type]
    assert kept == merged  # equal scores of one day became one row
    assert dict(refused)["change"] == 2 * (60 - merged[0][0])  # type: ignore[arg-type, operator]


def test_negative_and_upward_scores_have_a_scale_of_the_study(checkout: Checkout) -> None:
    scales = query(
        checkout,
        "select scale_id, higher_is_worse, total_min < 0 from reference.scales"
        " where scale_id like '%_CHANGE' and source like '%change%' or scale_id = 'IMPROVEMENT_CHANGE' order by 1",
    )
    assert scales == [("HAMD_CHANGE_CHANGE", 1, True), ("IMPROVEMENT_CHANGE", 0, True)]
    raw = pd.read_csv(checkout.root / "invented" / "change.txt", sep="\t")
    first = raw[raw["day"] == -7]
    expected = Counter((kit.pseudonym(str(r.subject_id), "change"), -7, r.improvement) for r in first.itertuples())
    found = scores_of(checkout, "change", "IMPROVEMENT_CHANGE")
    assert Counter({k: n for k, n in found.items() if k[1] == -7}) == expected


def test_a_wide_file_with_a_person_twice_loses_nothing(checkout: Checkout) -> None:
    """By hand from UNSEEN: n/a is no rating, <5 one without a score; both rows of P2 say the same."""
    scores = {"P1": {0: 32.5, 14: 20.0}, "P2": {0: 28.0, 14: None, 42: 10.0}, "P3": {0: 30.0, 14: 25.0, 42: 12.5}}
    expected = Counter(
        (kit.pseudonym(person, "unseen"), day, score)
        for person, listed in scores.items()
        for day, score in listed.items()
    )
    assert scores_of(checkout, "unseen", "MADRS") == expected
    issues = query(checkout, "select column_name, raw_value from quality.cell_issues where study_id = 'unseen'")
    assert issues == [("madrs_w2", "<5")] * 2
    assert query(checkout, "select count(*) from quality.quarantine where study_id = 'unseen'") == [(0,)]
    sexes = query(checkout, "select sex, count(*) from cdm.subjects where study_id = 'unseen' group by 1 order by 1")
    assert sexes == [("female", 1), ("male", 2)]


def test_a_study_brings_its_own_drugs_and_days_from_first_dates(checkout: Checkout) -> None:
    """A first visit without a score is day 0 all the same; both ways of writing dates are read."""
    raw = pd.read_csv(checkout.root / "invented" / "praxis.csv", sep=";", dtype=str)
    names = {"Cipralex": "escitalopram", "Venlafaxin retard": "venlafaxine"} | {
        n.title(): n for n in ("zyloban", "lithium")
    }
    found = query(
        checkout,
        "select treatment_id, start_day, count(*), sum(dose) from cdm.treatments"
        " where study_id = 'praxis' group by all",
    )
    raw["day"] = [0, 14, 28] * 20
    raw["dose"] = raw["Dosis (mg)"].astype(float)
    groups = raw.groupby([raw["Medikament"].map(names), "day"])["dose"].agg(["count", "sum"])
    assert set(found) == {(name, day, n, total) for (name, day), n, total in groups.itertuples()}  # type: ignore[misc]
    expected = Counter(
        (kit.pseudonym(p, "praxis"), d, float(s))
        for p, d, s in zip(raw["Pat-ID"], raw["day"], raw["HAMD-17"], strict=True)
        if not pd.isna(s)
    )
    assert scores_of(checkout, "praxis", "HRSD17") == expected
    own = query(checkout, "select drug_name, verified from reference.treatments where drug_id = 'zyloban'")
    assert own == [("Zyloban", "study")]


def test_rows_of_items_become_administrations(checkout: Checkout) -> None:
    """99 is missing, <1 an issue in its own row, blank no answer; person 5 answers item 1 twice: refused there."""
    raw = pd.read_csv(checkout.root / "invented" / "itemrows.csv", sep=";", dtype=str, keep_default_na=False)
    raw["day"] = raw["event"].map({"baseline_arm_1": 0, "week_4_arm_1": 28})
    one = raw[raw["item"].str.startswith("phq9_") & ~((raw["record_id"] == "05") & (raw["day"] == 0))].drop_duplicates()
    kept = one[one["answer"].isin(list("0123"))]
    expected = {
        (kit.pseudonym(r.record_id, "itemrows"), r.day, int(r.item[-1]), float(r.answer)) for r in kept.itertuples()
    }
    found = query(
        checkout,
        "select subject_id, day, item_no, value from cdm.scale_items"
        " where study_id = 'itemrows' and instrument_id = 'PHQ9' and value is not null",
    )
    assert set(found) == expected
    assert len(found) == len(expected) == 9 * 39 - 3
    used = query(checkout, "select count(*), count(score_used) from cdm.scales where study_id = 'itemrows'")
    assert used == [(39, 39)], "8 of 9 items are prorated"
    refused = query(
        checkout,
        "select rule, count(*) from quality.quarantine where study_id = 'itemrows' and entity = 'scales' group by 1",
    )
    assert refused == [("key:conflict", 2)]
    (line,) = raw.index[raw["answer"] == "<1"]
    issue = query(
        checkout, "select src_row, column_name, raw_value from quality.cell_issues where study_id = 'itemrows'"
    )
    assert issue == [(line + 2, "answer", "<1")]
    fates = dict(
        query(checkout, "select fate, n_rows from quality.form_rows where study_id = 'itemrows' and block = 'phq9'")  # type: ignore[arg-type]
    )
    n = 20 * 2 * 9
    assert fates == {"raw": n + 3, "other_item": 1, "not_rated": 1, "used": 41, "joined": n + 3 - 1 - 1 - 41}


def test_the_cell_of_an_item_is_traced_to_its_administration(checkout: Checkout) -> None:
    """Row 3 is an item that was joined to row 2; its way ends in the published row of the occasion."""
    done = checkout.shell(f"trd trace {kit.pseudonym('01', 'itemrows')} --form itemrows --row 3 --column answer --json")
    told = json.loads(done.stdout)
    assert {(m["table"], m["column"], m["fate"]) for m in told["mapped"] if m["column"]} == {
        ("cdm.scales", "items", "accepted")
    }
    assert [a["table"] for a in told["accepted"]] == ["cdm.scales"]


def test_days_of_three_files_count_from_the_start_of_one(checkout: Checkout) -> None:
    """Person p was admitted on 1 February + p days and 1 January is day -31-p; person 20 has no start: refused."""
    found = query(checkout, "select subject_id, start_day, end_day from cdm.treatments where study_id = 'parts'")
    assert set(found) == {(kit.pseudonym(str(p), "parts"), -31 - p, p) for p in range(1, 20)}
    days = query(checkout, "select day, count(*) from cdm.scales where study_id = 'parts' group by 1 order by 1")
    assert days == [(2, 19), (14, 19), (42, 19)]
    refused = query(
        checkout,
        "select entity, rule, count(*) from quality.quarantine where study_id = 'parts' group by all order by 1",
    )
    assert refused == [
        ("scales", "day:not_null", 3),
        ("treatments", "start_day:not_null", 1),
        ("visits", "day:not_null", 3),
    ]
