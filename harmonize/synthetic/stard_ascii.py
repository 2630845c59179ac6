"""Synthetic STAR*D as the older ASCII release had it: a folder per level, upper-case names, codes for drugs.

The persons, visits and ratings are those that `stard` writes, so that both releases of one seed tell the same of
everybody. It is no study of `trd demo`: landed beside `stard`, everybody would count twice.

    python -m harmonize.synthetic.stard_ascii FOLDER --n 100 --seed 1
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa

from harmonize.sources import study
from harmonize.synthetic import stard
from harmonize.synthetic.studies import Written
from harmonize.synthetic.text_columns import plain

MARK_FILE = "README.txt"
FOLDERS = {"Level 1": "Level1", "Level 2": "Level2", "Level 2A": "Level2a", "Level 3": "Level3", "Level 4": "Level4"}
DRUG_CODES = {"citalopram": "103", "sertraline": "107"}
"""Read (dossier section 6.16). The codes of the other drugs were not found."""
FIRST_MADE_UP_CODE = 901
"""From here on codes of the other drugs, which are none of the release: a build refuses them and lists them."""
_RACES = {"White": "WHITE", "Black or African American": "BLACK"}
_SPELLING = {"Level 2.1": "Level 2A", "Level_2-1": "Level 2A"}


def files(n: int, seed: int, world: str = "W0") -> dict[str, pd.DataFrame]:
    """Tables by path within the delivery, names in upper case, blanks empty."""
    forms = {name: _frame(table) for name, table in stard.forms(n, seed, world).items()}
    out = {
        "Enrollment/EL.csv": _eligibility(forms["el01"]),
        "Enrollment/MHX.csv": _history(forms["mhx01"]),
    }
    for name, rows in (("QS", _self_ratings(forms["qids01"])), ("CC", _doses(forms["ccv01"]))):
        for level, folder in FOLDERS.items():
            out[f"{folder}/Visits/{name}.csv"] = rows[rows["level"] == level].drop(columns="level")
    return out


def write(folder: Path, n: int, seed: int, *, world: str = "W0") -> Written:
    """Write the delivery and the mark that nobody was measured."""
    paths, rows = {MARK_FILE: folder / MARK_FILE}, {}
    for name, frame in files(n, seed, world).items():
        paths[name] = folder / name
        paths[name].parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(paths[name], index=False)
        rows[name] = len(frame)
    paths[MARK_FILE].write_text(
        f"SYNTHETIC DATA. Written by a program; nobody was measured.\n\nOlder release of STAR*D (file format only)\n"
        f"Persons enrolled: {n}\nWorld: {world}\nSeed: {seed}\n",
        encoding="utf-8",
    )
    return Written(rows=rows, paths=paths)


def _frame(table: pa.Table) -> pd.DataFrame:
    return plain(table).to_pandas().fillna("")


def _head(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """What every file begins with: participant, day, coordinator."""
    return {"ID": rows["src_subject_id"], "DATE": rows["days_baseline"], "CRCID": "1" + rows["src_subject_id"].str[-1]}


def _eligibility(el01: pd.DataFrame) -> pd.DataFrame:
    rows = el01[el01["pstat"] == "4"]
    ticked = rows["race"].map(_RACES).fillna("UNKNOWN")
    boxes = {b: (ticked == b).astype(int) for b in ("WHITE", "BLACK", "ASIAN", "AMIND", "HAWAI", "UNKNOWN")}
    return pd.DataFrame({**_head(rows), **boxes, "NCMDD": "1", "NCAGE": "1", "SPANISH": "0"})


def _history(mhx01: pd.DataFrame) -> pd.DataFrame:
    """One known drug for those who had any, by the number of the person; -2 in the other places."""
    rows = mhx01.drop_duplicates("src_subject_id")
    known = rows["src_subject_id"].astype(int).mod(2).map({0: "103", 1: "107"})
    places = {f"PSMD{i}": "-2" for i in range(2, 9)}
    return pd.DataFrame({**_head(rows), "PSMD1": known.where(rows["psmed"] == "1", "-2"), **places})


def _self_ratings(qids01: pd.DataFrame) -> pd.DataFrame:
    rows = qids01[qids01["version_form"] == "Self Rating"]
    items = [c.name for c in study("stard").form("qids01").columns if c.description.startswith("QIDS-16 item")]
    answers = {f"S{name[1:].upper()}": rows[name].replace("999", "-2") for name in items}
    level = rows["level"].replace(_SPELLING)
    return pd.DataFrame({**_head(rows), **answers, "QSTOT": rows["qstot"], "level": level})


def _doses(ccv01: pd.DataFrame) -> pd.DataFrame:
    names = sorted(set(ccv01[["medication1_name", "medication2_name"]].to_numpy().ravel()) - {""})
    other = sorted({name.lower() for name in names} - DRUG_CODES.keys())
    codes = {"": "-2", **DRUG_CODES, **{drug: str(FIRST_MADE_UP_CODE + i) for i, drug in enumerate(other)}}
    columns = dict(_columns(ccv01, codes))
    return pd.DataFrame({**_head(ccv01), **columns, "level": ccv01["level"]})


def _columns(ccv01: pd.DataFrame, codes: dict[str, str]) -> Iterator[tuple[str, pd.Series]]:
    for place in (1, 2):
        code = ccv01[f"medication{place}_name"].str.lower().map(codes)
        yield f"STMD{place}", code
        yield f"STDS{place}", ccv01[f"medication{place}_dosage"].where(code != "-2", "-2")


def main() -> None:
    """Write a delivery from the command line."""
    parser = argparse.ArgumentParser(description="Synthetic older ASCII release of STAR*D.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=stard.N)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"SYNTHETIC: {sum(write(given.folder, given.n, given.seed).rows.values())} rows in {given.folder}")


if __name__ == "__main__":
    main()
