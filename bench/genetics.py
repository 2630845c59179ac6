"""How fast persons are scored from a PLINK bed file, against reading the same file with bed-reader alone.

`python bench/genetics.py [--persons 500000] [--variants 1000]`: the goal is at least half the speed of reading. The
file is made up, one in 200 calls missing, and removed at the end. Both run on one thread, in turns, in processor
seconds, the best of three; the sums are held against a plain product in double precision for a part of the persons.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from bed_reader import open_bed

from analysis.genetics.bed import BedMatrix
from analysis.genetics.match import match
from analysis.genetics.score import score_matrix
from analysis.genetics.weights import Weights, read_weights

GOAL = 0.5
CHECKED = 2000


def write(folder: Path, persons: int, variants: int) -> tuple[Path, Path]:
    """A bed file of random calls, written packed, and weights for all its variants."""
    random = np.random.default_rng(1)
    path = folder / "made.bed"
    # Two bits a call: 00 counted twice, 10 once, 11 never, 01 missing.
    share = 0.1 + 0.4 * random.random(variants)
    with path.open("wb") as stream:
        stream.write(b"\x6c\x1b\x01")
        width = (persons + 3) // 4
        for at in range(variants):
            u = random.random(4 * width, dtype=np.float32)
            p = np.float32(share[at])
            code = np.where(u < p * p, 0, np.where(u < p * (2 - p), 2, 3)).astype(np.uint8)
            code[random.integers(0, 4 * width, 4 * width // 200)] = 1
            code[persons:] = 0
            code = code.reshape(-1, 4)
            stream.write((code[:, 0] | code[:, 1] << 2 | code[:, 2] << 4 | code[:, 3] << 6).tobytes())
    names = [f"rs{at + 1}" for at in range(variants)]
    bim = pd.DataFrame({"c": 1, "id": names, "cm": 0, "pos": np.arange(variants) * 1000 + 1, "a1": "A", "a2": "G"})
    bim.to_csv(path.with_suffix(".bim"), sep="\t", header=False, index=False)
    ids = pd.Series(np.arange(persons)).astype(str)
    fam = pd.DataFrame({"f": ids, "i": ids, "p": 0, "m": 0, "s": 0, "y": -9})
    fam.to_csv(path.with_suffix(".fam"), sep=" ", header=False, index=False)
    weights = folder / "weights.txt"
    table = pd.DataFrame({"rsID": names, "effect_allele": "A", "other_allele": "G"})
    # Every second variant counts the allele that the file does not.
    table.loc[::2, ["effect_allele", "other_allele"]] = ["G", "A"]
    table.assign(effect_weight=random.normal(size=variants)).to_csv(weights, sep="\t", index=False)
    return path, weights


def read_alone(path: Path, persons: int, variants: int, width: int) -> float:
    """Seconds to read all calls as int8 in blocks."""
    with open_bed(path, iid_count=persons, sid_count=variants, properties={}, num_threads=1) as bed:
        start = time.process_time()
        for first in range(0, variants, width):
            bed.read(index=np.s_[:, first : first + width], dtype="int8", order="F")
        return time.process_time() - start


def score(path: Path, weights: Weights) -> tuple[float, BedMatrix, np.ndarray]:
    """Seconds to score, without the reading of names."""
    matrix = BedMatrix(path)
    start = time.process_time()
    done = score_matrix(matrix, weights, build="GRCh37")
    return time.process_time() - start, matrix, done.frame["score_sum"].to_numpy()


def plain(matrix: BedMatrix, weights: Weights) -> np.ndarray:
    """The same sums for the first persons, in double precision and one piece."""
    used = match(weights, matrix, build="GRCh37").used
    out = np.zeros(min(CHECKED, matrix.shape[0]))
    for part, block in matrix.blocks(used["column"].to_numpy(), 50):
        x = block.astype(np.float64)
        x[block < 0] = np.nan
        x = np.where(used["counts_other"].to_numpy()[part], 2 - x, x)
        x = np.where(np.isnan(x), np.nanmean(x, axis=0), x)[: len(out)]
        out += x @ used["weight"].to_numpy()[part]
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=500_000)
    parser.add_argument("--variants", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trd_bench_") as name:
        path, file = write(Path(name), given.persons, given.variants)
        weights = read_weights(file)
        reads, scores = [], []
        width = max((1 << 26) // given.persons, 1)
        for _ in range(3):
            reads.append(read_alone(path, given.persons, given.variants, width))
            seconds, matrix, sums = score(path, weights)
            scores.append(seconds)
        off = float(np.abs(sums[:CHECKED] - plain(matrix, weights)).max())
    read, scored = min(reads), min(scores)
    calls = given.persons * given.variants / 1e6
    print(f"{given.persons} persons × {given.variants} variants, one thread")
    print(f"read   {read:7.2f} s  {calls / read:8.0f} million calls a second")
    print(f"score  {scored:7.2f} s  {calls / scored:8.0f} million calls a second, reading included")
    print(f"speed against reading alone: {read / scored:.2f} (goal {GOAL})")
    print(f"largest difference to double precision: {off:.2g}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2:.2f} GiB")
    return 0 if read / scored >= GOAL and off < 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main())
