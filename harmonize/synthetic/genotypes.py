"""Synthetic genotypes of the persons whom a synthetic study genotyped: PLINK bed, VCF or dosage text, and a key file.

Who is genotyped is the model's own selection (`genetics.py`), and the polygenic score that the weights file beside the
genotypes gives is the model's score of the person, measured with a little error: each of its variants is drawn given
that score (a threshold on a normal disposition of which the score is a part), in Hardy-Weinberg proportions and at one
frequency in all ancestries. Other variants differ between ancestries (Balding & Nichols 1995), so components find them.
Pharmacogenes and candidate variants are drawn by rough frequencies of their own and act on nothing.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bed_reader import to_bed
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from harmonize.paths import SEEDS
from harmonize.synthetic.draws import Draws
from harmonize.synthetic.ispotd_patients import draw_patients
from harmonize.synthetic.persons import ANCESTRIES, Persons, draw_persons
from harmonize.synthetic.studies import synthetic
from harmonize.synthetic.worlds import world as world_named

FORMATS = ("bed", "vcf", "dosage")
BUILD = "GRCh38"
MARK = "SYNTHETIC DATA. Nobody was measured: written by trd genotypes synth.\n"
N_SCORE, N_STRUCTURE, N_X = 120, 3000, 150
NOISE_OF_SCORE = 0.2
"""Standard deviation of what keeps the weighted sum of the score's variants from being the person's score."""
DRIFT = 0.08
"""F_ST of each ancestry from the common ancestors."""
MISSING_CALLS = 0.003
HAPLOTYPES = {
    "CYP2C19": (
        (("rs4244285", "rs12769205"), (0.15, 0.17, 0.10, 0.29, 0.15)),
        (("rs4986893",), (0.001, 0.001, 0.001, 0.08, 0.01)),
        (("rs12248560",), (0.22, 0.23, 0.12, 0.015, 0.17)),
    ),
    "CYP2D6": (
        (("rs3892097", "rs1065852"), (0.18, 0.06, 0.14, 0.004, 0.12)),
        (("rs1065852",), (0.03, 0.06, 0.02, 0.43, 0.08)),
        (("rs16947",), (0.24, 0.20, 0.23, 0.11, 0.22)),
        (("rs28371725", "rs16947"), (0.09, 0.02, 0.06, 0.03, 0.07)),
        (("rs28371706", "rs16947"), (0.002, 0.20, 0.02, 0.001, 0.02)),
    ),
}
"""Variants of the common haplotypes and their frequency by ancestry (EUR, AFR, AMR, EAS, other). Memory, rough."""
CANDIDATE = 0.3
RARE = 0.001
"""Frequency of candidate variants, and of the other variants of pharmacogenes."""
_BASES = np.array([("A", "G"), ("C", "T"), ("A", "C"), ("G", "T"), ("A", "T"), ("C", "G")])
Calls = NDArray[np.int8]


@dataclass(frozen=True)
class WrittenGenotypes:
    """Paths by name, and what was planted: kinds of faults with the genetic ids that have them."""

    paths: dict[str, Path]
    n_persons: int
    n_variants: int
    planted: dict[str, list[str]]
    truth: pd.DataFrame


def write_genotypes(
    study: str,
    folder: Path,
    n: int,
    seed: int,
    *,
    world: str = "W0",
    formats: Sequence[str] = ("bed",),
    structure: int = N_STRUCTURE,
    faults: bool = True,
) -> WrittenGenotypes:
    """Write genotypes of those of `n` persons of a study whom the model genotyped, with key file and weights.

    `n`, `seed` and `world` must be those of the study's clinical files. With `faults`: two samples that are poorly
    called, two with the sex of somebody else, one person typed twice, one sample that nobody claims.
    """
    folder.mkdir(parents=True, exist_ok=True)
    truth = synthetic(study).truth(n, seed, world)[:n]
    draws, there = Draws(seed), world_named(world)
    # In iSPOT-D a place is taken by the first candidate who is ill enough, whose number is another.
    in_order = draw_patients(np.arange(n), seed, there).persons if study == "ispotd" else None
    persons = draw_persons(study, np.arange(n), draws, there) if in_order is None else in_order
    if not np.allclose(truth["score"].to_numpy(float), persons.score):
        raise AssertionError(f"{study}: persons are numbered in another way than in its truth")
    rows = np.flatnonzero(truth["genotyped"].to_numpy(bool))
    who = persons.at(rows)
    variants, calls, weight = _draw(who, draws, structure)
    ids = np.array(
        [f"SYN{number:07d}" for number in 1_000_000 + draws.below(f"genetic id {study}", who.number, 8_000_000)]
    )
    ids = pd.Series(ids).where(~pd.Series(ids).duplicated(), ids + "b").to_numpy(object)
    key_name = next(c for c in truth.columns if c in ("subjectkey", "patid", "subjectid", "pid"))
    key = pd.DataFrame({"genetic_id": ids, key_name: truth[key_name].to_numpy()[rows].astype(str)})
    half = draws.chance("genotype batch", who.number, 0.5)
    key["array"] = np.where(half, "SYN-500K", "SYN-5.0")
    key["batch"] = np.where(half, "1", "2")
    sex = np.where(who.female, 2, 1)
    calls, ids, sex, key, planted = _plant(calls, ids, sex, key, draws) if faults else (calls, ids, sex, key, {})
    paths = {"mark": folder / "README.txt", "key": folder / "key.csv", "weights": folder / "score.txt"}
    paths["mark"].write_text(MARK, encoding="utf-8")
    key.to_csv(paths["key"], index=False, lineterminator="\n")
    _write_weights(paths["weights"], study, variants, weight)
    for kind in formats:
        paths[kind] = _WRITERS[kind](folder, variants, calls, ids, sex)
    told = truth.iloc[rows][[key_name, "score"]].assign(ancestry=np.array(ANCESTRIES)[who.ancestry])
    return WrittenGenotypes(paths, len(ids), len(variants), planted, told.reset_index(drop=True))


def _draw(who: Persons, draws: Draws, structure: int) -> tuple[pd.DataFrame, Calls, NDArray[np.float64]]:
    """Variants in the order of the genome, calls (persons, variants) of the first allele, weights (0 off the score)."""
    parts = [_score_part(who, draws), _structure_part(who, draws, structure), _x_part(who, draws), _known(who, draws)]
    variants = pd.concat([v for v, _ in parts], ignore_index=True)
    calls = np.concatenate([c for _, c in parts], axis=1)
    order = np.lexsort((variants["pos"], variants["chrom"].replace("X", "23").astype(int)))
    variants, calls = variants.iloc[order].reset_index(drop=True), calls[:, order]
    return variants, np.asfortranarray(calls), variants.pop("weight").to_numpy(float)


def _score_part(who: Persons, draws: Draws) -> tuple[pd.DataFrame, Calls]:
    each = np.arange(N_SCORE)
    share = 0.1 + 0.4 * draws.uniform("score variant frequency", each)
    normal = draws.normals("score variant", who.number, N_SCORE).astype(np.float64)
    # Of weights of both signs the score runs through the allele that raises it.
    sign = np.where(draws.chance("score variant sign", each, 0.5), 1.0, -1.0)
    calls = (normal > ndtri((1 - share) ** 2)).astype(np.int8) + (normal > ndtri(1 - share**2)).astype(np.int8)
    size = 0.5 + draws.uniform("score variant size", each)
    raw = calls.astype(float) @ (size * sign)
    # Whose sum is highest goes to whom the score is highest: the variants stay independent of each other, and no
    # component of ancestry is the score.
    near = who.score + NOISE_OF_SCORE * draws.normals("score noise", who.number, 1).astype(np.float64)[:, 0]
    place = np.empty(len(raw), dtype=np.intp)
    place[np.argsort(near, kind="stable")] = np.argsort(raw, kind="stable")
    calls, raw = calls[place], raw[place]
    variants = _named(draws, "SYNS", each, chrom=1 + each % 22, pos=1_000_000 + 37_000 * each)
    spread = float(raw.std()) if len(raw) > 1 else 1.0
    return variants.assign(weight=np.round(size * sign / max(spread, 1e-9), 6)), calls


def _structure_part(who: Persons, draws: Draws, count: int) -> tuple[pd.DataFrame, Calls]:
    each = np.arange(count)
    common = 0.1 + 0.8 * draws.uniform("ancestral frequency", each)
    size = (1 - DRIFT) / DRIFT
    shares = np.stack(
        [betaincinv(common * size, (1 - common) * size, draws.uniform(f"drift {a}", each)) for a in ANCESTRIES]
    )
    mine = shares[who.ancestry]
    calls = np.zeros((len(who), count), dtype=np.int8)
    for strand in (1, 2):
        calls += draws.matrix(f"structure strand {strand}", who.number, count) < mine
    # Every third variant is in disequilibrium with the one before it.
    linked = each[2::3]
    same = draws.matrix("linked", who.number, len(linked)) < 0.9
    calls[:, linked] = np.where(same, calls[:, linked - 1], calls[:, linked])
    variants = _named(draws, "SYNB", each, chrom=1 + each * 22 // max(count, 1), pos=5_000_000 + 20_000 * each)
    return variants.assign(weight=0.0), calls


def _x_part(who: Persons, draws: Draws) -> tuple[pd.DataFrame, Calls]:
    each = np.arange(N_X)
    share = 0.2 + 0.3 * draws.uniform("x frequency", each)
    first = draws.matrix("x strand 1", who.number, N_X) < share
    second = draws.matrix("x strand 2", who.number, N_X) < share
    calls = np.where(who.female[:, None], first.astype(np.int8) + second, 2 * first.astype(np.int8)).astype(np.int8)
    variants = _named(draws, "SYNX", each, chrom=np.full(N_X, 23), pos=10_000_000 + 50_000 * each)
    return variants.assign(weight=0.0), calls


def _known(who: Persons, draws: Draws) -> tuple[pd.DataFrame, Calls]:
    """Variants that the reference tables know: single-base CPIC variants on GRCh38, candidates at made-up positions."""
    rows: list[tuple[Any, ...]] = []
    for row in _table("cpic_alleles"):
        plain = len(row["ref_plus"]) == 1 and len(row["variant_plus"]) == 1
        if row["defining_rsid"] and plain:
            name, where = row["defining_rsid"], (row["grch38_chr"], int(row["grch38_pos"]))
            rows.append((name, *where, row["variant_plus"], row["ref_plus"], RARE))
    for at, row in enumerate(_table("genetic_variants")):
        if row["rsid"].startswith("rs") and " " not in row["rsid"]:
            alleles = (row["effect_allele"], row["other_allele"])
            rows.append((row["rsid"], row["chr"], 200_000_000 + at, *alleles, CANDIDATE))
    table = (
        pd.DataFrame(rows, columns=["variant_id", "chrom", "pos", "counted", "other", "share"])
        .drop_duplicates("variant_id")
        .reset_index(drop=True)
    )
    share = table.pop("share").to_numpy(float)
    place = pd.Series(np.arange(len(table)), index=table["variant_id"])
    calls = np.zeros((len(who), len(table)), dtype=np.int8)
    for strand in (1, 2):
        drawn = draws.matrix(f"known strand {strand}", who.number, len(table)) < share
        for gene, known in HAPLOTYPES.items():
            members = place[sorted({name for names, _ in known for name in names})].to_numpy()
            odds = np.array([shares for _, shares in known]).T[who.ancestry]
            which = draws.choice(f"{gene} strand {strand}", who.number, np.column_stack([odds, 1 - odds.sum(axis=1)]))
            carried = np.zeros((len(known) + 1, len(table)), dtype=bool)
            for at, (names, _) in enumerate(known):
                carried[at, place[list(names)]] = True
            drawn[:, members] = carried[which][:, members]
        calls += drawn
    return table.assign(weight=0.0), calls


def _table(name: str) -> list[dict[str, str]]:
    with (SEEDS / "reference" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _named(draws: Draws, name: str, each: NDArray, *, chrom: NDArray, pos: NDArray) -> pd.DataFrame:
    pair = _BASES[draws.below(f"{name} alleles", each, 4 if name == "SYNS" else len(_BASES))]
    swap = draws.chance(f"{name} swap", each, 0.5)
    counted, other = np.where(swap, pair[:, 1], pair[:, 0]), np.where(swap, pair[:, 0], pair[:, 1])
    names = np.array([f"rs9{'SBX'.index(name[-1])}{number:07d}" for number in each], dtype=object)
    where = np.where(chrom == 23, "X", chrom.astype(str))
    return pd.DataFrame({"variant_id": names, "chrom": where, "pos": pos, "counted": counted, "other": other})


def _plant(
    calls: Calls, ids: NDArray[np.object_], sex: NDArray, key: pd.DataFrame, draws: Draws
) -> tuple[Calls, NDArray[np.object_], NDArray, pd.DataFrame, dict[str, list[str]]]:
    calls = np.array(calls, order="F")
    n, m = calls.shape
    gone = draws.matrix("call failed", np.arange(n), m) < MISSING_CALLS
    calls[gone] = -127
    if n < 20:
        return calls, ids, sex, key, {}
    poor = [3, 7]
    for row in poor:
        calls[row, draws.chance("poor sample", np.arange(m), 0.2)] = -127
    swapped = [11, int(np.flatnonzero(sex != sex[11])[0])]
    sex = sex.copy()
    sex[swapped] = 3 - sex[swapped]
    calls = np.concatenate([calls, calls[15:16], calls[16:17]])
    calls[-1] = np.roll(calls[-1], 1)
    planted = {
        "call_rate": list(ids[poor]),
        "sex_mismatch": list(ids[swapped]),
        "duplicate_sample": [ids[15], "SYNTWICE01"],
        "no_key": ["SYNNOBODY1"],
    }
    ids = np.concatenate([ids, np.array(["SYNTWICE01", "SYNNOBODY1"], dtype=object)])
    sex = np.concatenate([sex, [sex[15], 0]])
    again = key.iloc[[15]].assign(genetic_id="SYNTWICE01")
    return np.asfortranarray(calls), ids, sex, pd.concat([key, again], ignore_index=True), planted


def _write_weights(path: Path, study: str, variants: pd.DataFrame, weight: NDArray[np.float64]) -> None:
    """The score's weights; of a negative weight the other allele is written, so that all weights are positive."""
    on = np.flatnonzero(weight != 0)
    v, w = variants.iloc[on], weight[on]
    lines = [
        "###SYNTHETIC DATA: weights of a score that nobody derived",
        "#format_version=2.0",
        "#pgs_id=SYN000001",
        f"#pgs_name=synthetic score of {study}",
        "#trait_reported=treatment failure of synthetic persons",
        f"#genome_build={BUILD}",
        f"#variants_number={len(on)}",
        "#weight_type=beta",
        "#derivation_studies=none",
        "rsID\tchr_name\tchr_position\teffect_allele\tother_allele\teffect_weight",
    ]
    effect = np.where(w > 0, v["counted"], v["other"])
    other = np.where(w > 0, v["other"], v["counted"])
    lines += [
        f"{name}\t{chrom}\t{pos}\t{e}\t{o}\t{abs(x):.6g}"
        for name, chrom, pos, e, o, x in zip(v["variant_id"], v["chrom"], v["pos"], effect, other, w, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_bed(folder: Path, variants: pd.DataFrame, calls: Calls, ids: NDArray[np.object_], sex: NDArray) -> Path:
    path = folder / "genotypes.bed"
    properties = {
        "fid": ids, "iid": ids, "sex": sex, "sid": variants["variant_id"].to_numpy(),
        "chromosome": variants["chrom"].replace("X", "23").to_numpy(), "bp_position": variants["pos"].to_numpy(),
        "allele_1": variants["counted"].to_numpy(), "allele_2": variants["other"].to_numpy(),
    }  # fmt: skip
    to_bed(path, calls, properties=properties, num_threads=1)
    return path


def _write_vcf(folder: Path, variants: pd.DataFrame, calls: Calls, ids: NDArray[np.object_], sex: NDArray) -> Path:
    path = folder / "genotypes.vcf.gz"
    words = np.array(["0/0", "0/1", "1/1", "./."], dtype=object)
    codes = np.where(calls < 0, 3, calls)
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as stream:
        stream.write("##fileformat=VCFv4.2\n##source=SYNTHETIC DATA\n")
        for chrom in dict.fromkeys(variants["chrom"]):
            stream.write(f"##contig=<ID={chrom},assembly={BUILD}>\n")
        stream.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        stream.write("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *ids]) + "\n")
        for at, v in enumerate(variants.itertuples(index=False)):
            head = f"{v.chrom}\t{v.pos}\t{v.variant_id}\t{v.other}\t{v.counted}\t.\t.\t.\tGT\t"
            stream.write(head + "\t".join(words[codes[:, at]]) + "\n")
    return path


def _write_dosage(folder: Path, variants: pd.DataFrame, calls: Calls, ids: NDArray[np.object_], sex: NDArray) -> Path:
    path = folder / "genotypes.dosage.txt.gz"
    words = np.array(["0", "1", "2", "NA"], dtype=object)
    codes = np.where(calls < 0, 3, calls)
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as stream:
        stream.write("\t".join(["variant_id", "chrom", "pos", "effect_allele", "other_allele", *ids]) + "\n")
        for at, v in enumerate(variants.itertuples(index=False)):
            head = f"{v.variant_id}\t{v.chrom}\t{v.pos}\t{v.counted}\t{v.other}\t"
            stream.write(head + "\t".join(words[codes[:, at]]) + "\n")
    return path


_WRITERS = {"bed": _write_bed, "vcf": _write_vcf, "dosage": _write_dosage}
