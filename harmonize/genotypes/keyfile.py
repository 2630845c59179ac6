"""Key files: from genetic id to the study's own key of a person.

Genotyping laboratories name samples in their own way (NIMH repository samples carry an RUID), so a study hands over a
table that says whose sample is whose. It is delimited text with a column for the genetic id, one for the study's key
and, where it is known, `array`, `batch` and `sex`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from analysis.genetics.errors import GeneticsError
from analysis.genetics.matrix import Matrix
from harmonize.ledger import landing_of
from harmonize.paths import Warehouse
from harmonize.sources import Study

GENETIC_NAMES = ("genetic_id", "iid", "sample_id", "sample", "ruid", "specimen_id")
SUBJECT_NAMES = ("subject", "subject_key", "subjectkey", "src_subject_id", "subject_id")
_SEX = {"1": "male", "m": "male", "male": "male", "2": "female", "f": "female", "female": "female"}
_SHOWN = 3


def read_key(path: Path, study: Study) -> pd.DataFrame:
    """The key file: `genetic_id`, `subject_key`, `array`, `batch`, `sex` (female, male, None), one row per genetic id.

    Raises GeneticsError for a file without the two columns, and for a genetic id that is given to two persons.
    """
    path = Path(path)
    if not path.is_file():
        raise GeneticsError("there is no such file", file=str(path), remedy="Name the key file")
    try:
        table = pd.read_csv(path, sep=None, engine="python", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise GeneticsError(f"no table: {error}", file=path.name, remedy="Give delimited text with names") from None
    table.columns = pd.Index([str(c).strip().lower() for c in table.columns])
    genetic = next((c for c in GENETIC_NAMES if c in table), None)
    subject = next((c for c in (*study.subject_key, *SUBJECT_NAMES) if c in table), None)
    for found, names, what in (
        (genetic, GENETIC_NAMES, "the genetic id"),
        (subject, (*study.subject_key, "subject"), "the person"),
    ):
        if found is None:
            raise GeneticsError(
                f"no column for {what}",
                file=path.name,
                row=1,
                value=", ".join(table.columns),
                remedy=f"Name a column {' or '.join(dict.fromkeys(names))}",
            )
    assert genetic is not None
    assert subject is not None
    key = pd.DataFrame({"genetic_id": table[genetic].str.strip(), "subject_key": table[subject].str.strip()})
    for name in ("array", "batch"):
        key[name] = table[name].str.strip() if name in table else ""
    said = table["sex"].str.strip().str.lower().map(_SEX) if "sex" in table else pd.Series(None, index=key.index)
    key["sex"] = said.astype(object).where(said.notna(), None)
    key["row"] = np.arange(len(key)) + 2
    key = key[key["genetic_id"] != ""]
    apart = key.drop_duplicates(["genetic_id", "subject_key"])
    twice = apart[apart.duplicated("genetic_id")]
    if len(twice):
        raise GeneticsError(
            "a genetic id is given to two persons",
            file=path.name,
            row=int(twice["row"].iloc[0]),
            column=genetic,
            value=twice["genetic_id"].iloc[0],
            remedy="One sample belongs to one person: correct the key file",
        )
    return key.drop_duplicates("genetic_id").drop(columns="row").reset_index(drop=True)


def join_key(matrix: Matrix, key: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Key of each person of the matrix, in its order, `subject_key` "" for who is not in the key file.

    Joined by genetic id, or where that finds nobody by `<family>_<individual>` as VCFs made by PLINK name persons.
    Raises GeneticsError where nobody is found.
    """
    people = matrix.persons
    tries = [people["genetic_id"], people["family_id"] + "_" + people["genetic_id"]]
    tries.append(people["genetic_id"].str.replace(r"^(.+)_\1$", r"\1", regex=True))
    wanted = set(key["genetic_id"])
    names = max(tries, key=lambda ids: int(ids.isin(wanted).sum()))
    if not names.isin(wanted).any():
        raise GeneticsError(
            "no genetic id of the key file is among the genotypes",
            file=Path(path).name,
            column="genetic_id",
            value=f"{_some(key['genetic_id'])} against {_some(people['genetic_id'])} in {matrix.path.name}",
            remedy="Look whether the key file belongs to this file of genotypes, and how the ids are written",
        )
    twice = names[names.duplicated() & names.isin(wanted)]
    if len(twice):
        raise GeneticsError(
            "a genetic id stands twice among the genotypes",
            file=matrix.path.name,
            row=int(twice.index[0]) + 1,
            column="genetic_id",
            value=twice.iloc[0],
            remedy="Give every sample its own id",
        )
    joined = pd.DataFrame({"genetic_id": names}).merge(key, on="genetic_id", how="left")
    for name in ("subject_key", "array", "batch"):
        joined[name] = joined[name].fillna("")
    joined["sex"] = joined["sex"].astype(object).where(joined["sex"].notna(), matrix.persons["sex"])
    return joined


def resolve_keys(study: Study, warehouse: Warehouse, keys: pd.Series, path: Path) -> tuple[pd.Series, int | None]:
    """The keys as the study's landed forms identify persons, and how many of them the forms do not know.

    A form may hold several keys of a person; pseudonyms are made from the first that is filled, so each key is replaced
    by that one. The count is None where no form was landed yet. Raises GeneticsError where no key is known at all.
    """
    known = _landed_keys(study, warehouse)
    if known is None:
        return keys, None
    filled = keys[keys != ""]
    missing = ~filled.isin(known.index)
    if len(filled) and missing.all():
        raise GeneticsError(
            f"the key file does not join: none of its {filled.nunique()} persons is in what was landed of {study.name}",
            file=Path(path).name,
            column="subject",
            value=f"{_some(filled)} against {_some(known.index.to_series())}",
            remedy=f"Give the study's own key ({', '.join(study.subject_key)}) as the forms write it",
        )
    return keys.map(known).where(keys.isin(known.index), keys), int(filled[missing].nunique())


def _landed_keys(study: Study, warehouse: Warehouse) -> pd.Series | None:
    """Every key that a landed form of the study holds, with the key that the pseudonym is made of."""
    parts = []
    for form in study.clinical_forms:
        path = warehouse.raw / study.name / f"{form.name}.parquet"
        if not path.exists() or landing_of(path) is None:
            continue
        names = [name for name in study.subject_key if name in pq.read_schema(path).names]
        if not names:
            continue
        table = pq.read_table(path, columns=names).to_pandas().astype(str)
        table = table.apply(lambda c: c.str.strip()).replace({"None": "", "nan": ""}).drop_duplicates()
        first = table[names].mask(table[names] == "").bfill(axis=1).iloc[:, 0]
        parts += [pd.Series(first.to_numpy(), index=table[name].to_numpy()) for name in names]
    if not parts:
        return None
    whole = pd.concat(parts).dropna()
    whole = whole[whole.index != ""]
    return whole[~whole.index.duplicated()]


def _some(values: pd.Series) -> str:
    return ", ".join(map(str, values.drop_duplicates().head(_SHOWN)))
