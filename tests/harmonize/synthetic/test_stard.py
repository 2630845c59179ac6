"""The synthetic STAR*D files: format, quirks at their rates, and faults where the manifest says they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harmonize import sources
from harmonize.landing import land
from harmonize.paths import Warehouse
from harmonize.synthetic import stard
from harmonize.synthetic.draws import Draws, permuted
from harmonize.synthetic.stard_course import draw_course
from harmonize.synthetic.stard_doses import doses
from harmonize.synthetic.stard_population import ARM_NAMES, ARMS, DRUGS, LEVELS, POPULATION, step_numbers
from harmonize.synthetic.stard_qids import QIDS_ITEMS
from harmonize.synthetic.stard_rater import HRSD, IDS_ITEMS
from harmonize.synthetic.stard_visits import clinic_visits
from harmonize.synthetic.text_columns import plain
from harmonize.synthetic.worlds import world

N, SEED = 4041, 20010701
STUDY = sources.study("stard")
DELIVERED = [form for form in STUDY.forms if not form.name.startswith("genotype_")]
"""Genotypes come from another archive (docs/genetics.md)."""
ORDER = {
    "Enrollment": 0,
    "Level 1": 1,
    "Level 2": 2,
    "Level 2A": 3,
    "Level 2.1": 3,
    "Level_2-1": 3,
    "Level 3": 4,
    "Level 4": 5,
    "Follow-Up": 6,
    "Follow up": 6,
}
HRSD_ITEMS = [name for name, _, _ in HRSD]


def frames(tables: dict[str, pa.Table]) -> dict[str, pd.DataFrame]:
    return {name: plain(data).to_pandas() for name, data in tables.items()}


@pytest.fixture(scope="module")
def data() -> dict[str, pd.DataFrame]:
    out = frames(stard.forms(N, SEED))
    for frame in out.values():
        if "level" in frame:
            frame["order"] = frame["level"].map(ORDER)
        if "days_baseline" in frame:
            frame["day"] = pd.to_numeric(frame["days_baseline"])
    return out


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    return stard.truth(N, SEED)


@pytest.fixture(scope="module")
def planted() -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    tables, manifest = stard.plant_faults(stard.forms(1500, SEED), SEED)
    return frames(tables), manifest


@pytest.fixture(scope="module")
def boundary(data: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """ccv01 rows of days on which one level ends and the next begins, with their place among the rows of the day."""
    ccv = data["ccv01"]
    rows = ccv[ccv.duplicated(["subjectkey", "day"], keep=False)].copy()
    rows["place"] = rows.groupby(["subjectkey", "day"]).cumcount()
    return rows


def whole(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column).astype("Int64")


def qids_total(rows: pd.DataFrame) -> pd.Series:
    items = rows[list(QIDS_ITEMS)].apply(pd.to_numeric)
    singles = items[["vmdsd", "vcntr", "vvwsf", "vsuic", "vintr", "vengy"]].sum(axis=1)
    sleep = items[["vsoin", "vmnin", "vemin", "vhysm"]].max(axis=1)
    appetite = items[["vapdc", "vapin", "vwtdc", "vwtin"]].max(axis=1)
    return singles + sleep + appetite + items[["vslow", "vagit"]].max(axis=1)


def clinic_rows(qids: pd.DataFrame) -> pd.DataFrame:
    return qids[qids["qvtot"].isna()]


# --- Tables ----------------------------------------------------------------------------------------------------------


def test_same_seed_same_tables_and_another_seed_others() -> None:
    first, again, other = stard.forms(300, 1), stard.forms(300, 1), stard.forms(300, 2)
    for name in first:
        assert plain(first[name]).equals(plain(again[name]))
        assert not plain(first[name]).equals(plain(other[name]))


@pytest.mark.parametrize("chunk", [1, 37, 100])
def test_chunks_joined_are_the_whole(chunk: int) -> None:
    n = 100 if chunk > 1 else 12
    parts = list(stard.iter_chunks(n, 5, chunk=chunk))
    assert len(parts) == -(-n // chunk)
    for name, expected in stard.forms(n, 5).items():
        joined = pa.concat_tables([plain(part[name]) for part in parts])
        assert joined.combine_chunks().equals(plain(expected).combine_chunks()), name


def test_a_smaller_study_has_the_first_of_the_same_persons() -> None:
    small, large = stard.forms(20, 5), stard.forms(60, 5)
    for name in small:
        assert plain(large[name].slice(0, small[name].num_rows)).equals(plain(small[name]))


@pytest.mark.parametrize("n", [0, 1, 7])
def test_columns_are_those_declared_in_file_order_and_all_text(n: int) -> None:
    tables = stard.forms(n, 9)
    assert set(tables) == {form.name for form in DELIVERED}
    for form in DELIVERED:
        data = tables[form.name]
        assert tuple(data.column_names) == form.column_names
        for kind in data.schema.types:
            assert pa.types.is_string(kind.value_type if pa.types.is_dictionary(kind) else kind)
    assert tables["phx01"].num_rows >= n if n else all(t.num_rows == 0 for t in tables.values())


@pytest.mark.parametrize(("n", "chunk"), [(-1, 10), (5, 0)])
def test_impossible_sizes_are_refused(n: int, chunk: int) -> None:
    with pytest.raises(ValueError, match="must"):
        list(stard.iter_chunks(n, 1, chunk=chunk))


def test_row_numbers_of_a_structure_run_from_one(data: dict[str, pd.DataFrame]) -> None:
    for name, frame in data.items():
        assert (whole(frame[f"{name}_id"]) == np.arange(1, len(frame) + 1)).all()


def test_no_empty_texts_and_codes_are_declared(data: dict[str, pd.DataFrame]) -> None:
    for form in DELIVERED:
        frame = data[form.name]
        for column in form.columns:
            values = set(frame[column.name].dropna().unique())
            assert "" not in values
            if column.codes:
                allowed = set(column.codes) | set(column.missing) | ({"FU"} if column.name == "txassign" else set())
                assert values <= allowed, (form.name, column.name, values - allowed)


# --- Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 120])
def test_text_files_read_again_are_the_forms(tmp_path: Path, n: int) -> None:
    written = stard.write(tmp_path, n, 11)
    assert written.faults is None
    for name, table in stard.forms(n, 11).items():
        path = written.paths[f"{name}.txt"]
        read = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, skiprows=[1])
        read = read.rename(columns={"gender": "sex", "CallType": "calltype"})
        expected = plain(table).to_pandas().fillna("")
        assert list(read.columns) == list(expected.columns)
        assert (read.to_numpy() == expected.to_numpy()).all()
        assert written.rows[name] == len(read) == table.num_rows


def test_two_header_rows_and_every_field_in_quotes(tmp_path: Path) -> None:
    written = stard.write(tmp_path, 5, 11)
    for form in DELIVERED:
        lines = written.paths[f"{form.name}.txt"].read_text(encoding="utf-8").splitlines()
        names, descriptions = (line[1:-1].split('"\t"') for line in lines[:2])
        assert [n.replace("gender", "sex").lower() for n in names] == list(form.column_names)
        assert [d.replace('""', '"') for d in descriptions] == [c.description for c in form.columns]
        assert all(line.count('"\t"') == len(form.columns) - 1 for line in lines)
        assert all(line.startswith('"') and line.endswith('"') for line in lines)


def test_half_of_the_files_say_gender(tmp_path: Path) -> None:
    written = stard.write(tmp_path, 1, 11)
    heads = {n: written.paths[f"{n}.txt"].read_text(encoding="utf-8").split("\n")[0] for n in stard.SEX_SPELLING}
    assert sum('"gender"' in head for head in heads.values()) == 10
    assert '"sex"' in heads["hrsd01"]
    assert all(('"gender"' in head) != ('"sex"' in head) for head in heads.values())


def test_files_beside_the_data_say_synthetic_and_are_known_to_landing(tmp_path: Path) -> None:
    written = stard.write(tmp_path, 3, 11)
    beside = {name for name in written.paths if name[:-4] not in stard.SEX_SPELLING}
    assert beside == {"package_info.txt", "datastructure_manifest.txt", "md5_values.txt"}
    assert beside <= set(STUDY.ignore_files)
    assert "SYNTHETIC" in written.paths["package_info.txt"].read_text(encoding="utf-8")
    assert {p.name for p in tmp_path.iterdir()} == set(written.paths)


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    first, again = stard.write(tmp_path / "a", 50, 4), stard.write(tmp_path / "b", 50, 4)
    assert all(path.read_bytes() == again.paths[name].read_bytes() for name, path in first.paths.items())


# --- Persons ---------------------------------------------------------------------------------------------------------


def test_every_enrolled_person_is_in_el01_and_who_was_only_screened_is_nowhere_else(
    data: dict[str, pd.DataFrame],
) -> None:
    el = data["el01"]
    enrolled = el.loc[el["pstat"] == "4", "subjectkey"]
    assert len(enrolled) == N
    assert el["subjectkey"].is_unique
    assert (len(el) - N) / N == pytest.approx(0.15, abs=0.02)
    assert set(el.loc[el["pstat"] != "4", "pstat"]) == {"1", "2", "3"}
    for name, frame in data.items():
        if name != "el01":
            assert frame["subjectkey"].isin(enrolled).all()
    assert set(data["ccv01"]["subjectkey"]) == set(enrolled)


def test_keys_look_like_the_archives_and_agree_with_the_study_number(data: dict[str, pd.DataFrame]) -> None:
    pairs = pd.concat([f[["subjectkey", "src_subject_id"]] for f in data.values()]).drop_duplicates()
    assert pairs["subjectkey"].str.fullmatch(r"NDAR_INV[0-9A-Z]{8}").all()
    assert pairs["src_subject_id"].str.fullmatch(r"\d+").all()
    assert pairs["subjectkey"].is_unique
    assert pairs["src_subject_id"].is_unique


def test_sex_and_age(data: dict[str, pd.DataFrame]) -> None:
    el = data["el01"]
    years = whole(el["interview_age"]) / 12
    assert (el["sex"] == "F").mean() == pytest.approx(0.617, abs=0.03)
    assert years.mean() == pytest.approx(40.9, abs=0.8)
    assert years.std() == pytest.approx(12.9, abs=0.8)
    assert years.between(17.9, 76).all()
    ages = pd.concat([f[["subjectkey", "day", "interview_age"]] for f in data.values() if "day" in f])
    ages = ages.assign(age=whole(ages["interview_age"])).sort_values(["subjectkey", "day"])
    assert (ages.groupby("subjectkey")["age"].diff().dropna() >= 0).all()
    assert pd.to_datetime(el["interview_date"], format="%m/%d/%Y").notna().all()


def test_dates_and_days_of_a_person_agree(data: dict[str, pd.DataFrame]) -> None:
    for name in ("qids01", "hrsd01", "el01"):
        frame = data[name]
        start = pd.to_datetime(frame["interview_date"], format="%m/%d/%Y") - pd.to_timedelta(frame["day"], unit="D")
        assert (start.groupby(frame["subjectkey"]).nunique() == 1).all()


# --- HRSD17 and IDS-C30 ----------------------------------------------------------------------------------------------


def test_hrsd_items_sum_to_the_total(data: dict[str, pd.DataFrame]) -> None:
    hrsd = data["hrsd01"]
    items = hrsd[HRSD_ITEMS].apply(pd.to_numeric)
    full = hrsd[items.notna().all(axis=1) & (items >= 0).all(axis=1) & hrsd["hdtot_r"].notna()]
    assert len(full) > 0.9 * len(hrsd)
    assert (items.loc[full.index].sum(axis=1) == whole(full["hdtot_r"])).all()
    both = hrsd[hrsd["hdtot"].notna()]
    assert (both["hdtot"] == both["hdtot_r"]).all()
    assert hrsd["hdtot"].isna().mean() == pytest.approx(0.71, abs=0.05)
    for name, highest, _ in HRSD:
        assert items[name].max() <= highest


def test_hrsd_at_enrolment_has_the_published_gaps(data: dict[str, pd.DataFrame]) -> None:
    entry = data["hrsd01"][data["hrsd01"]["level"] == "Enrollment"]
    score = pd.to_numeric(entry["hdtot_r"]).fillna(entry[HRSD_ITEMS].apply(pd.to_numeric).sum(axis=1, min_count=17))
    scored = score.dropna()
    assert entry["subjectkey"].is_unique
    assert N - len(scored) == pytest.approx(324, abs=60)
    assert score.isna().sum() > 50  # some have an empty form, the others none
    assert (scored < 14).sum() == pytest.approx(607, abs=90)
    assert entry["day"].between(-3, 0).all()


def test_hrsd_unknown_items_and_blank_totals(data: dict[str, pd.DataFrame]) -> None:
    hrsd = data["hrsd01"]
    unknown = (hrsd[HRSD_ITEMS] == "-9").any(axis=1)
    assert 0.003 < unknown.mean() < 0.03
    assert hrsd.loc[unknown, "hdtot_r"].isna().mean() == pytest.approx(0.5, abs=0.2)
    complete = hrsd[HRSD_ITEMS].notna().all(axis=1) & ~unknown
    assert hrsd.loc[complete, "hdtot_r"].isna().mean() == pytest.approx(POPULATION.hrsd_blank_total, abs=0.01)


def test_exit_calls_follow_the_end_of_the_level_they_name(data: dict[str, pd.DataFrame], truth: pd.DataFrame) -> None:
    for form in ("hrsd01", "idsc01"):
        calls = data[form]
        assert not calls.duplicated(["subjectkey", "level"]).any()
        for level in ("1", "2", "2a", "3", "4"):
            left = truth[truth[f"exit_{level}"].notna() & (truth[f"exit_{level}"] != "no_return")]
            rows = calls[calls["level"] == f"Level {level.upper()}"].merge(left, on="subjectkey", how="left")
            lag = rows["day"] - rows[f"exit_day_{level}"]
            assert lag.between(0, 5).all()
            # The lost are reached less often than the others.
            lost, made = left[f"exit_{level}"] == "lost", left["subjectkey"].isin(rows["subjectkey"])
            missing = step_numbers(world("W0"))[f"{level.upper()}.call_missing"]
            for group, share in ((lost, POPULATION.lost_call_missing), (~lost, missing)):
                if group.sum() > 10:
                    assert 1 - made[group].mean() == pytest.approx(share, abs=2.5 / group.sum() ** 0.5)


def test_ids_total_is_28_of_30(data: dict[str, pd.DataFrame]) -> None:
    ids = data["idsc01"]
    items = ids[list(IDS_ITEMS)].apply(pd.to_numeric)
    pairs = [["iapdc", "iapin"], ["iwtdc", "iwtin"]]
    total = items.drop(columns=pairs[0] + pairs[1]).sum(axis=1) + sum(items[pair].max(axis=1) for pair in pairs)
    scored = ids["ictot"].notna()
    assert len(IDS_ITEMS) == 30
    assert (total[scored] == whole(ids.loc[scored, "ictot"])).all()
    assert ((items == -9).any(axis=1) == ~scored).all()
    assert 0 < (~scored).mean() < 0.02
    for pair in pairs:
        assert ids[pair].notna().any(axis=1).all()
        assert ids[pair].isna().any(axis=1).mean() > 0.8
    varies = items["ivrtn"] > 0
    assert (ids["iwrse"].notna() == varies).all()
    assert (ids["ienv"].notna() == varies).all()
    assert set(ids["time_point"]) == {"Enrollment", "Exit"}


# --- QIDS ------------------------------------------------------------------------------------------------------------


def test_qids_totals_follow_the_domain_rule_but_for_one_percent(data: dict[str, pd.DataFrame]) -> None:
    clinic = clinic_rows(data["qids01"])
    known = clinic[clinic["qstot"].notna() & ~(clinic[list(QIDS_ITEMS)] == "999").any(axis=1)]
    gap = whole(known["qstot"]) - qids_total(known)
    assert set(gap.unique()) == {-1, 0, 1} or set(gap.unique()) == {0, 1}
    assert (gap != 0).mean() == pytest.approx(0.01, abs=0.002)


def test_each_clinic_visit_has_a_clinician_and_a_self_rating(data: dict[str, pd.DataFrame]) -> None:
    clinic = clinic_rows(data["qids01"])
    per_visit = clinic.groupby(["subjectkey", "order", "day"]).size()
    assert (per_visit == 2).all()
    visits = data["ccv01"].groupby(["subjectkey", "order", "day"]).size()
    assert per_visit.index.equals(visits.index)
    assert clinic["version_form"].isna().mean() == pytest.approx(0.003, abs=0.0015)
    blank = clinic[clinic["version_form"].isna()]
    assert blank[["vmdsd", "qstot"]].notna().any(axis=1).all()


def test_qids_rows_and_blank_weeks(data: dict[str, pd.DataFrame]) -> None:
    qids = data["qids01"]
    calls = qids["qvtot"].notna()
    assert len(qids) / N == pytest.approx(84_932 / N, abs=1)
    assert qids["week"].isna().mean() == pytest.approx(39_380 / 84_932, abs=0.02)
    assert qids.loc[calls, "week"].isna().all()
    assert qids.loc[~calls, "week"].isna().mean() == pytest.approx(POPULATION.qids_blank_week, abs=0.02)
    assert set(qids["week"].dropna()) >= {"0", "2", "4", "6", "9", "12", "14", "2.3"}
    assert "0.1" not in set(qids["week"].dropna())


def test_telephone_rows_have_a_total_and_nothing_else(data: dict[str, pd.DataFrame]) -> None:
    qids = data["qids01"]
    calls = qids[qids["qvtot"].notna()]
    assert calls[[*QIDS_ITEMS, "qstot", "version_form"]].isna().all(axis=None)
    assert whole(calls["qvtot"]).between(0, 27).all()


def test_appetite_and_weight_are_one_sided(data: dict[str, pd.DataFrame]) -> None:
    clinic = clinic_rows(data["qids01"])
    for pair in (["vapdc", "vapin"], ["vwtdc", "vwtin"]):
        filled = clinic[pair].notna().sum(axis=1)
        assert (filled >= 1).all()
        assert (filled == 1).mean() == pytest.approx(0.9, abs=0.02)


def test_unknown_items_and_blank_entry_totals_are_few(data: dict[str, pd.DataFrame]) -> None:
    clinic = clinic_rows(data["qids01"])
    assert (clinic[list(QIDS_ITEMS)] == "999").any(axis=1).mean() == pytest.approx(0.003, abs=0.0015)
    blank = clinic["qstot"].isna()
    assert clinic.loc[blank, "vmdsd"].notna().all()
    entry = clinic["day"] == 0
    assert blank[entry].mean() == pytest.approx(POPULATION.qids_blank_entry_total, abs=0.01)
    assert not blank[~entry].any()


def test_qids_at_entry(data: dict[str, pd.DataFrame]) -> None:
    own = data["qids01"]
    total = whole(own.loc[(own["version_form"] == "Self Rating") & (own["day"] == 0), "qstot"]).dropna()
    assert total.mean() == pytest.approx(15.4, abs=0.5)
    assert total.std() == pytest.approx(4.3, abs=0.5)
    assert (total <= 5).mean() == pytest.approx(0.01, abs=0.008)


def test_improvement_counts_from_the_clinicians_entry_rating(data: dict[str, pd.DataFrame]) -> None:
    qids = data["qids01"]
    given = qids[qids["qcimp_r"].notna()]
    assert (given["version_form"].dropna() == "Clinician").all()
    assert whole(given["qcimp_r"]).max() <= 100
    assert qids.loc[qids["day"] == 0, "qcimp_r"].isna().all()


# --- Course ----------------------------------------------------------------------------------------------------------


def test_levels_have_the_published_sizes(data: dict[str, pd.DataFrame], truth: pd.DataFrame) -> None:
    persons = data["ccv01"].groupby("level")["subjectkey"].nunique()
    assert persons["Level 2"] == pytest.approx(1439, abs=110)
    assert persons["Level 2A"] == pytest.approx(31, abs=18)
    assert persons["Level 3"] == pytest.approx(377, abs=65)
    assert persons["Level 4"] == pytest.approx(109, abs=35)
    well = (truth[[f"exit_{level}" for level in ("1", "2", "2a", "3", "4")]] == "well").any(axis=1)
    assert truth.loc[well, "entered_follow_up"].mean() == pytest.approx(0.4, abs=0.04)
    assert not truth.loc[~well, "entered_follow_up"].any()
    assert persons["Follow-Up"] == truth["entered_follow_up"].sum()


def test_truth_agrees_with_the_forms(data: dict[str, pd.DataFrame], truth: pd.DataFrame) -> None:
    treated = data["ccv01"][data["ccv01"]["order"] < 6]
    reached = treated.groupby("subjectkey")["order"].max()
    expected = truth.set_index("subjectkey")["level_reached"].map({name: i + 1 for i, name in enumerate(LEVELS)})
    assert (reached.sort_index() == expected.sort_index()).all()
    assert set(truth["subjectkey"]) == set(data["phx01"]["subjectkey"])


def test_those_who_never_return_have_nothing_after_entry(data: dict[str, pd.DataFrame], truth: pd.DataFrame) -> None:
    gone = truth.loc[~truth["returned"], "subjectkey"]
    assert len(gone) == pytest.approx(370, abs=70)
    for name, frame in data.items():
        if "day" in frame:
            assert (frame.loc[frame["subjectkey"].isin(gone), "day"] <= 0).all(), name
    later = data["ccv01"].groupby("subjectkey")["day"].max()
    assert set(later[later == 0].index) == set(gone)


def test_few_start_at_level_2_or_reach_it_early(data: dict[str, pd.DataFrame], truth: pd.DataFrame) -> None:
    direct = set(truth.loc[truth["first_level"] == "2", "subjectkey"])
    assert 0 <= len(direct) <= 12
    starts = data["ivra01"][(data["ivra01"]["level"] == "Level 2") & (data["ivra01"]["week"] == "0")]
    assert set(starts.loc[starts["day"] == 0, "subjectkey"]) == direct
    early = starts["day"].between(1, 20)
    assert 0.005 < early.mean() < 0.08
    many = stard.truth(40_000, 3)
    assert (many["first_level"] == "2").sum() == pytest.approx(40_000 * 3 / 4041, abs=20)


def test_visits_keep_to_the_planned_weeks(data: dict[str, pd.DataFrame]) -> None:
    ccv = data["ccv01"].sort_values(["subjectkey", "order", "day"])
    start = ccv.groupby(["subjectkey", "order"])["day"].transform("min")
    week = np.floor(pd.to_numeric(ccv["week"]))
    off = ccv["day"] - start - 7 * week
    assert ccv["week"].notna().all()
    assert off.abs().max() <= 6
    assert off[week > 0].std() == pytest.approx(2.5, abs=0.2)
    assert set(week) == {0, 2, 4, 6, 9, 12, 14}


def test_level_spelling_is_that_of_the_file(data: dict[str, pd.DataFrame]) -> None:
    spelled = {name: set(frame["level"].dropna()) for name, frame in data.items() if "level" in frame}
    assert {"Level 2.1", "Level_2-1", "Follow-Up"} <= spelled["qids01"]
    assert "Level 2A" not in spelled["qids01"] | spelled["ivra01"]
    assert {"Level 2.1", "Level_2-1"} <= spelled["ivra01"]
    assert {"Enrollment", "Level 2A", "Follow up"} <= spelled["hrsd01"]
    assert {"Enrollment", "Level 2A", "Follow up"} <= spelled["idsc01"]
    assert spelled["ccv01"] == {"Level 1", "Level 2", "Level 2A", "Level 3", "Level 4", "Follow-Up"}
    assert all(data[name]["level"].notna().all() for name in spelled)


# --- Level boundary --------------------------------------------------------------------------------------------------


def test_a_level_starts_on_the_day_the_one_before_ends(data: dict[str, pd.DataFrame]) -> None:
    spans = data["ccv01"].groupby(["subjectkey", "order"])["day"].agg(["min", "max"]).reset_index()
    before = spans.groupby("subjectkey")["max"].shift()
    assert (spans["min"][before.notna()] == before.dropna()).all()
    calls = clinic_rows(data["qids01"]).groupby(["subjectkey", "order"])["day"].agg(["min", "max"]).reset_index()
    assert calls.equals(spans)


def test_no_two_clinic_visits_on_a_day_but_at_a_boundary(boundary: pd.DataFrame, truth: pd.DataFrame) -> None:
    assert (boundary.groupby(["subjectkey", "day"])["order"].nunique() == 2).all()
    assert (boundary.groupby(["subjectkey", "day"]).size() == 2).all()
    assert (boundary.loc[boundary["place"] == 1, "week"] == "0").all()
    assert (boundary.loc[boundary["place"] == 0, "trtmt"].isin(["2", "3"])).all()
    moves = truth[["exit_1", "exit_2", "exit_2a", "exit_3"]].isin(["no_benefit", "intolerance"]).sum().sum()
    assert len(boundary) == 2 * (moves + truth["entered_follow_up"].sum())


def test_the_last_visit_is_repeated_with_the_same_ratings(data: dict[str, pd.DataFrame]) -> None:
    qids = clinic_rows(data["qids01"])
    same_day = qids[qids.duplicated(["subjectkey", "day", "version_form"], keep=False)]
    ratings = [*QIDS_ITEMS, "qstot"]
    first = same_day.drop_duplicates(["subjectkey", "day", "version_form"], keep="first")
    last = same_day.drop_duplicates(["subjectkey", "day", "version_form"], keep="last")
    assert len(first) == len(last) == len(same_day) / 2 > 2000
    assert (first[ratings].fillna("").to_numpy() == last[ratings].fillna("").to_numpy()).all()
    assert (first["order"].to_numpy() < last["order"].to_numpy()).all()
    assert set(last["week"].dropna()) == {"0"}
    assert same_day["version_form"].notna().all()


def test_a_drug_that_is_kept_has_one_dose_on_the_day(boundary: pd.DataFrame) -> None:
    long = pd.concat(
        boundary[["subjectkey", "day", "place"]].assign(
            drug=boundary[f"medication{i}_name"].str.lower(), dose=boundary[f"medication{i}_dosage"]
        )
        for i in (1, 2)
    ).dropna(subset=["drug"])
    kept = long[long.duplicated(["subjectkey", "day", "drug"], keep=False)]
    assert len(kept) > 500
    assert (kept.groupby(["subjectkey", "day", "drug"])["dose"].nunique() == 1).all()
    assert kept["dose"].notna().all()
    assert "citalopram" in set(kept["drug"])


def test_what_was_found_at_the_visit_is_the_same_in_both_rows(boundary: pd.DataFrame) -> None:
    found = ["suicd", "remsn", "cncn", "qccur_r", "qscur_r"]
    first, last = (boundary.loc[boundary["place"] == place, found].to_numpy() for place in (0, 1))
    assert (first == last).all()


# --- Doses, arms, exits ----------------------------------------------------------------------------------------------


def test_drug_names_are_in_mixed_case_and_fit_the_arm(data: dict[str, pd.DataFrame]) -> None:
    ccv, ivra = data["ccv01"], data["ivra01"]
    names = set(ccv["medication1_name"].dropna()) | set(ccv["medication2_name"].dropna())
    assert {"Citalopram", "CITALOPRAM", "citalopram"} <= names
    assert {name.lower() for name in names} == set(DRUGS)
    assert ccv[["medication3_name", "medication4_name"]].isna().all(axis=None)
    arms = ivra[ivra["txassign"].notna() & (ivra["txassign"] != "FU")][["subjectkey", "order", "txassign"]]
    rows = ccv.merge(arms, on=["subjectkey", "order"])
    drugs = rows[["medication1_name", "medication2_name"]].apply(lambda c: c.str.lower())
    expected = pd.DataFrame(
        [(*ARMS[arm], None, None)[:2] for arm in rows["txassign"]], columns=drugs.columns, index=drugs.index
    )
    assert drugs.fillna("").equals(expected.fillna(""))


def test_doses_rise_and_have_their_codes(data: dict[str, pd.DataFrame]) -> None:
    ccv = data["ccv01"]
    named = ccv[ccv["medication1_name"].notna()]
    dosage = named["medication1_dosage"]
    assert (dosage == "0").mean() == pytest.approx(0.008, abs=0.003)
    assert (dosage == "999").mean() == pytest.approx(0.008, abs=0.003)
    assert dosage.isna().mean() == pytest.approx(0.004, abs=0.002)
    assert ccv.loc[ccv["medication1_name"].isna(), "medication1_dosage"].isna().all()
    declared = STUDY.form("ccv01").column("medication1_dosage").valid
    real = whole(dosage[~dosage.isin(["0", "999"])].dropna())
    assert declared is not None
    assert real.between(*declared).all()
    level1 = named[(named["level"] == "Level 1") & ~dosage.isin(["0", "999"]) & dosage.notna()]
    steps = whole(level1["medication1_dosage"]).groupby(level1["subjectkey"]).diff().dropna()
    # Some have less at the end of the level than before.
    assert 0.005 < (steps < 0).mean() < 0.04
    last = whole(level1.loc[level1["order"].notna()].groupby("subjectkey")["medication1_dosage"].last())
    assert last.mean() == pytest.approx(41.8 * 0.93, abs=4)  # also those who leave early and have less


def test_baseline_visit_is_week_0_1(data: dict[str, pd.DataFrame]) -> None:
    ccv = data["ccv01"]
    assert ((ccv["week"] == "0.1") == (ccv["day"] == 0)).all()


def test_decisions_fit_the_exit(data: dict[str, pd.DataFrame], truth: pd.DataFrame) -> None:
    ccv = data["ccv01"]
    assert set(ccv["trtmt"]) == {"1", "2", "3", "4"}
    last = ccv[ccv["order"] == 1].groupby("subjectkey").last()
    exits = truth.set_index("subjectkey")["exit_1"].dropna()
    joined = last.join(exits)
    assert (joined.loc[joined["exit_1"].isin(["no_benefit", "intolerance"]), "trtmt"] == "2").all()
    assert (joined.loc[joined["exit_1"].isin(["lost", "no_return"]), "trtmt"] == "1").all()
    assert (joined.loc[joined["exit_1"] == "well", "trtmt"].isin(["3", "4"])).all()


def test_totals_of_the_day_are_those_of_the_ratings_or_codes(data: dict[str, pd.DataFrame]) -> None:
    ccv, clinic = data["ccv01"], clinic_rows(data["qids01"])
    codes = ccv["qscur_r"].isin(["-3", "-4", "-5"])
    assert codes.mean() == pytest.approx(POPULATION.ccv_code_for_total, abs=0.005)
    rated = clinic[clinic["version_form"] == "Clinician"]
    both = ccv.merge(rated[["subjectkey", "order", "day", "qstot"]], on=["subjectkey", "order", "day"])
    assert (both["qccur_r"] == both["qstot"]).mean() > 0.97


def test_arms_lie_within_accepted_strategies_and_are_near_the_published_shares(
    data: dict[str, pd.DataFrame],
) -> None:
    ivra = data["ivra01"]
    two = ivra[(ivra["level"] == "Level 2") & (ivra["week"] == "0")]
    needs = {
        "medswl2": ["BUP", "SER", "VEN"],
        "medaugl2": ["CIT+BUP", "CIT+BUS"],
        "cogswl2": ["CT"],
        "cogaugl2": ["CIT+CT"],
    }
    published = {"medswl2": 727, "medaugl2": 565, "cogswl2": 52, "cogaugl2": 95}
    for column, arms in needs.items():
        given = two[two["txassign"].isin(arms)]
        assert (given[column] == "1").all()
        assert len(given) / len(two) == pytest.approx(published[column] / 1439, abs=0.04)
    assert two[list(needs)].isin(["1", "2"]).all(axis=None)
    assert ivra.loc[~ivra.index.isin(two.index), list(needs)].isna().all(axis=None)


def test_calls_to_the_telephone_system(data: dict[str, pd.DataFrame]) -> None:
    ivra = data["ivra01"]
    entry = ivra["week"] == "0"
    assert not ivra.duplicated(["subjectkey", "order", "day"]).any()
    assert ivra.loc[ivra["level"] == "Level 1", "txassign"].isna().all()
    assert ivra.loc[~entry, "txassign"].isna().all()
    assert ivra.loc[entry & (ivra["order"] > 1), "txassign"].notna().all()
    assert (ivra.loc[ivra["level"] == "Follow-Up", "txassign"] == "FU").all()
    assert 0.3 < (~entry).mean() < 0.8
    starts = data["ccv01"].groupby(["subjectkey", "order"])["day"].min()
    assert (ivra[entry].set_index(["subjectkey", "order"])["day"].sort_index() == starts.sort_index()).all()


def test_one_exit_form_per_level_left(data: dict[str, pd.DataFrame], truth: pd.DataFrame) -> None:
    le = data["le01"]
    assert not le.duplicated(["subjectkey", "level"]).any()
    assert set(le["lestatus"]) == {"1", "2"}
    flags = ["l1se", "l2se", "l2ase", "l2ctse", "l3se"]
    intolerant = truth[[f"exit_{level}" for level in ("1", "2", "2a", "3")]].eq("intolerance").sum().sum()
    assert (le[flags] == "1").sum().sum() == intolerant
    assert le.loc[le["level"] != "Level 1", "l1se"].isna().all()
    assert (le[flags].notna().sum(axis=1) <= 1).all()
    exits = truth.set_index("subjectkey")["exit_day_1"]
    one = le[le["level"] == "Level 1"].set_index("subjectkey")["day"]
    assert (one == exits.reindex(one.index)).all()


# --- Demographics and history ----------------------------------------------------------------------------------------


def test_demographic_rows(data: dict[str, pd.DataFrame]) -> None:
    dm = data["dm01"]
    entry = dm[dm["level"] == "Enrollment"]
    income = dm[dm["level"] != "Enrollment"]
    home = ["resid", "rtown", "marital", "empl", "privins", "educat"]
    assert set(dm["week"]) == {"0", "99"}
    assert (income["week"] == "0").all()
    assert set(income["level"]) <= {"Level 1", "Level 2"}
    assert entry["totincom"].isna().all()
    assert income["totincom"].notna().all()
    assert income[home].isna().all(axis=None)
    first = entry.drop_duplicates("subjectkey")
    assert first[home].notna().all(axis=None)
    second = entry[entry.duplicated("subjectkey")]
    assert len(second) / N == pytest.approx(0.05, abs=0.01)
    pairs = second.merge(first, on="subjectkey", suffixes=("", "_first"))
    for column in home:
        filled = pairs[column].notna()
        assert (pairs.loc[filled, column] == pairs.loc[filled, f"{column}_first"]).all()
        assert 0.2 < (~filled).mean() < 0.6


def test_demographic_codes(data: dict[str, pd.DataFrame]) -> None:
    first = data["dm01"].query("level == 'Enrollment'")
    for column in ("volun", "leave", "publica", "medicaid", "privins", "mkedc", "enjoy", "famim", "empl"):
        assert (first[column] == "-7").mean() == pytest.approx(POPULATION.dm_refused, abs=0.01)
    assert 0 < (first["educat"] == "999").mean() < 0.03
    assert 0 < (first["thous"] == "99").mean() < 0.03
    assert {"9", "15"} <= set(first["empl"].dropna())
    years = whole(first["educat"][first["educat"] != "999"]).dropna()
    assert years.mean() == pytest.approx(13.6, abs=0.3)


def test_psychiatric_history(data: dict[str, pd.DataFrame]) -> None:
    phx = data["phx01"]
    content = phx.drop(columns=["phx01_id"])
    again = phx.duplicated("subjectkey", keep=False)
    assert phx.duplicated("subjectkey").sum() / N == pytest.approx(0.01, abs=0.005)
    assert content[again].duplicated(keep=False).all()
    assert set(phx["subjectkey"]) == set(data["crs01"]["subjectkey"])
    assert {"-3", "-5", "-9"} <= set(phx["dage"]) & set(phx["epino"])
    assert (whole(phx["episode_date"]).dropna() < 0).all()
    assert set(phx["alcoh"].dropna()) == {"0", "1", "2"}
    assert phx["alcoh"].isna().any()
    assert set(phx["dep"]) == {"0", "1", "-9"}
    assert set(phx["bulimia"].dropna()) == {"0", "1"}
    assert phx.loc[phx["sex"] == "M", "wrsms"].isna().all()
    onset = whole(phx["dage"])
    known = onset > 0
    assert (onset[known] * 12 <= whole(phx["interview_age"])[known] + 12).all()


def test_real_illness_rows_have_a_coordinator(data: dict[str, pd.DataFrame]) -> None:
    crs = data["crs01"]
    systems = STUDY.form("crs01").column_names[-14:]
    real = crs["crcid"].notna()
    assert real.sum() == N
    assert crs.loc[~real, list(systems)].isna().all(axis=None)
    assert crs.loc[real, list(systems)].isin([*"01234", "-9"]).all(axis=None)
    assert (~real).sum() / N == pytest.approx(POPULATION.crs_empty_row, abs=0.02)


# --- Nothing impossible ----------------------------------------------------------------------------------------------


def test_days_are_within_the_study(data: dict[str, pd.DataFrame]) -> None:
    for name, frame in data.items():
        if "day" in frame:
            assert frame["day"].between(-30, 1000).all(), name


def test_no_two_rows_share_a_rating_key(data: dict[str, pd.DataFrame]) -> None:
    qids = data["qids01"].assign(phone=data["qids01"]["qvtot"].notna(), version=lambda f: f["version_form"].fillna(""))
    assert not qids.duplicated(["subjectkey", "order", "day", "version", "phone"]).any()
    phone = qids[qids["phone"]]
    assert not phone.duplicated(["subjectkey", "day"]).any()


def test_telephone_calls_lie_within_their_level(data: dict[str, pd.DataFrame]) -> None:
    spans = data["ccv01"].groupby(["subjectkey", "order"])["day"].agg(["min", "max"])
    for name in ("qids01", "ivra01"):
        calls = data[name].join(spans, on=["subjectkey", "order"])
        assert (calls["day"] >= calls["min"]).all()
        assert (calls["day"] <= calls["max"])[calls["order"] < 6].all()
    follow_up = data["qids01"].query("order == 6 and qvtot.notna()")
    assert follow_up.groupby("subjectkey").size().max() <= 12
    gaps = follow_up.sort_values(["subjectkey", "day"]).groupby("subjectkey")["day"].diff().dropna()
    assert gaps.min() >= 24


# --- Faults ----------------------------------------------------------------------------------------------------------

KINDS = {
    "total_out_of_range": {("hrsd01", "hdtot_r", "60"), ("qids01", "qstot", "40"), ("idsc01", "ictot", "99")},
    "letters_in_total": {("qids01", "qstot", "abc"), ("hrsd01", "hdtot_r", "nan")},
    "letters_in_item": {("qids01", "vmdsd", "x"), ("hrsd01", "hmdsd", "x")},
    "item_out_of_range": {("qids01", "vintr", "7")},
    "fraction_in_day": {("hrsd01", "days_baseline", "14.6")},
    "impossible_day": {
        (form, "days_baseline", day) for form in ("qids01", "hrsd01", "ccv01") for day in ("99999", "-500")
    },
    "sentinel_in_valid_range": {("qids01", "days_baseline", "999")},
    "unknown_level": {("hrsd01", "level", "Level 9")},
    "unknown_version": {("qids01", "version_form", "Proxy")},
    "unknown_drug": {("ccv01", "medication1_name", "Placebonil")},
    "blank_key": {("qids01", "subjectkey", "")},
    "bad_age": {("el01", "interview_age", "2400")},
    "bad_arm": {("ivra01", "txassign", "XYZ")},
    "bad_code": {("dm01", "marital", "77")},
}


def test_manifest_points_at_the_cells(planted: tuple[dict[str, pd.DataFrame], pd.DataFrame]) -> None:
    tables, manifest = planted
    for fault in manifest.itertuples():
        row = tables[fault.form].iloc[fault.src_row - 3]
        cell = row[fault.column]
        assert ("" if pd.isna(cell) else cell) == fault.raw_value
        if fault.kind != "blank_key":
            assert row["subjectkey"] == fault.subjectkey


def test_every_kind_is_planted_several_times(planted: tuple[dict[str, pd.DataFrame], pd.DataFrame]) -> None:
    _, manifest = planted
    for kind, cells in KINDS.items():
        rows = manifest[manifest["kind"] == kind]
        found = rows.groupby(["form", "column", "raw_value"]).size()
        assert set(found.index) == cells
        assert (found >= 2).all()
    assert set(manifest["kind"]) == {*KINDS, "duplicate_key_conflict", "duplicate_identical", "orphan"}
    conflicts = manifest[manifest["kind"] == "duplicate_key_conflict"]
    assert set(conflicts["form"]) == {"hrsd01", "qids01", "ccv01", "el01"}
    assert set(manifest.loc[manifest["kind"] == "orphan", "form"]) == {"hrsd01", "qids01", "dm01"}


def test_one_person_has_one_fault(planted: tuple[dict[str, pd.DataFrame], pd.DataFrame]) -> None:
    _, manifest = planted
    assert manifest.loc[manifest["role"] != "copy", "subjectkey"].is_unique


def test_only_the_listed_cells_differ(planted: tuple[dict[str, pd.DataFrame], pd.DataFrame]) -> None:
    tables, manifest = planted
    clean = frames(stard.forms(1500, SEED))
    for name, frame in tables.items():
        before = clean[name].fillna("").to_numpy()
        after = frame.fillna("").to_numpy()[: len(before)]
        rows, columns = np.nonzero(before != after)
        listed = manifest[(manifest["form"] == name) & (manifest["role"] == "") & (manifest["kind"] != "orphan")]
        assert set(zip(rows + 3, frame.columns[columns], strict=True)) == set(
            zip(listed["src_row"], listed["column"], strict=True)
        )
        added = manifest[(manifest["form"] == name) & (manifest["src_row"] >= len(before) + 3)]
        assert len(frame) - len(before) == len(added)


def test_copies_differ_in_one_cell_or_none(planted: tuple[dict[str, pd.DataFrame], pd.DataFrame]) -> None:
    tables, manifest = planted
    for kind, different in (("duplicate_key_conflict", 1), ("duplicate_identical", 0)):
        rows = manifest[manifest["kind"] == kind]
        for _, pair in rows.groupby(["form", "subjectkey"]):
            assert sorted(pair["role"]) == ["copy", "original"]
            first, second = (tables[pair["form"].iloc[0]].iloc[r - 3].fillna("") for r in pair["src_row"])
            assert (first != second).sum() == different


def test_orphans_are_not_in_el01(planted: tuple[dict[str, pd.DataFrame], pd.DataFrame]) -> None:
    tables, manifest = planted
    orphans = manifest.loc[manifest["kind"] == "orphan", "subjectkey"]
    assert not orphans.isin(tables["el01"]["subjectkey"]).any()
    rest = manifest.loc[manifest["kind"] != "orphan", "subjectkey"]
    assert rest.isin(tables["el01"]["subjectkey"]).all()


def test_faults_are_off_the_boundaries_and_off_entry(planted: tuple[dict[str, pd.DataFrame], pd.DataFrame]) -> None:
    _, manifest = planted
    clean = frames(stard.forms(1500, SEED))
    for name in ("qids01", "ccv01"):
        frame = clean[name]
        key = ["subjectkey", "days_baseline", *(["version_form"] if name == "qids01" else [])]
        twice = frame.duplicated(key, keep=False)
        rows = manifest.loc[(manifest["form"] == name) & (manifest["src_row"] < len(frame) + 3), "src_row"] - 3
        assert not twice.iloc[rows].any()
        assert (frame["days_baseline"].iloc[rows] != "0").all()


@pytest.mark.parametrize("n", [0, 1, 30])
def test_small_studies_get_as_many_faults_as_they_have_persons(n: int) -> None:
    tables, manifest = stard.plant_faults(stard.forms(n, 2), 2)
    assert manifest.loc[manifest["role"] != "copy", "subjectkey"].nunique() <= n
    assert list(manifest.columns) == ["kind", "form", "src_row", "subjectkey", "column", "raw_value", "role"]
    assert set(tables) == {form.name for form in DELIVERED}


def test_planting_leaves_the_forms_given_as_they_were_and_is_repeatable() -> None:
    given = stard.forms(400, 2)
    before = {name: plain(table) for name, table in given.items()}
    first, manifest = stard.plant_faults(given, 8)
    again, same = stard.plant_faults(given, 8)
    assert all(plain(given[name]).equals(before[name]) for name in given)
    assert all(plain(first[name]).equals(plain(again[name])) for name in first)
    pd.testing.assert_frame_equal(manifest, same)
    assert all(first[name].schema.equals(given[name].schema) for name in given)


def test_files_with_faults_can_be_landed_and_rows_have_the_listed_numbers(tmp_path: Path) -> None:
    written = stard.write(tmp_path / "text", 600, 6, faults=True)
    warehouse = Warehouse(tmp_path / "warehouse")
    land(STUDY, tmp_path / "text", warehouse, synthetic=True)
    assert written.faults is not None
    for name, faults in written.faults.groupby("form"):
        raw = pq.read_table(warehouse.raw / "stard" / f"{name}.parquet").to_pandas().set_index("src_row")
        for fault in faults.itertuples():
            cell = raw.loc[fault.src_row, fault.column]
            assert ("" if pd.isna(cell) else cell) == fault.raw_value


# --- Parts -----------------------------------------------------------------------------------------------------------


def test_permutation_is_one_to_one() -> None:
    numbers = np.arange(36**2, dtype=np.int64)
    assert sorted(permuted(numbers, 3, digits=2, base=36)) == numbers.tolist()


def test_draws_are_uniform_normal_and_unrelated() -> None:
    draws, key = Draws(1), np.arange(100_000)
    uniform, normal = draws.uniform("a", key), draws.normal("b", key)
    assert uniform.mean() == pytest.approx(0.5, abs=0.005)
    assert np.var(uniform) == pytest.approx(1 / 12, abs=0.002)
    assert normal.mean() == pytest.approx(0, abs=0.02)
    assert normal.std() == pytest.approx(1, abs=0.02)
    assert np.corrcoef(uniform[1:], uniform[:-1])[0, 1] == pytest.approx(0, abs=0.02)
    assert np.corrcoef(uniform, Draws(2).uniform("a", key))[0, 1] == pytest.approx(0, abs=0.02)
    assert np.corrcoef(uniform, draws.uniform("b", key))[0, 1] == pytest.approx(0, abs=0.02)
    assert np.corrcoef(draws.matrix("c", key, 5).T)[np.triu_indices(5, 1)] == pytest.approx(0, abs=0.02)


def test_doses_belong_to_the_drugs_of_the_arm() -> None:
    course = draw_course(0, 2000, 1)
    drug, dose = doses(course, 1)
    visits = clinic_visits(course, 1)
    taken = dose[visits.person, visits.level, visits.visit]
    assert ((drug[visits.person, visits.level] >= 0) == (taken > 0)).all()
    assert len(ARM_NAMES) == len(set(ARM_NAMES))
