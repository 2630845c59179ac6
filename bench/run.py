"""`make bench`: the whole dbt build against a bare query that writes the same tables without checking anything.

For each size: synthetic raw Parquet as landing writes it, `bench/bare/stard.sql` in a DuckDB process of its own, and
`dbt build` without unit tests and marts (then marts and unit tests apart), each the median of some runs, with peak
memory of the process. Landing of text is timed once per size up to --land-up-to.

Then the same with all synthetic studies in one warehouse, --together persons of each, against bench/bare/<study>.sql of
every study one after the other. Tables of which bare writes fewer rows than the build accepts, or more than it reads,
are named: then the two did not do the same work.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

REPO = Path(__file__).resolve().parent.parent
THREADS = 2
MEMORY = "4500MB"
BARE_ROWS = "bare_rows.json"
SUITES = {
    "build": ["--exclude", "path:models/marts", "path:models/quality/dq_result.sql", "resource_type:unit_test"],
    "marts": ["--select", "path:models/marts", "--exclude", "resource_type:unit_test"],
    "unit tests": ["--select", "resource_type:unit_test"],
}


@dataclass
class Timing:
    """One measured thing: wall seconds (median), every run, peak resident memory in MiB."""

    what: str
    n_persons: int
    seconds: float
    runs: list[float]
    peak_mib: float
    n_rows: int = 0

    @property
    def rows_per_second(self) -> float:
        """Raw rows per second."""
        return self.n_rows / self.seconds if self.n_rows else 0.0


def main() -> None:
    """Run the benchmark and print a table; `--json` for a machine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[4_000, 100_000, 1_000_000], help="numbers of persons")
    parser.add_argument("--runs", type=int, default=3, help="runs per measurement; the median counts")
    parser.add_argument("--folder", type=Path, default=REPO / "warehouse" / "bench", help="where the data are made")
    parser.add_argument("--land-up-to", type=int, default=100_000, help="largest size whose text files are landed")
    parser.add_argument("--together", type=int, default=250_000, help="persons of each study in one build; 0: none")
    parser.add_argument("--only", nargs="+", choices=["land", "bare", *SUITES], help="measure only these")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    wanted = options.only or ["land", "bare", *SUITES]
    timings: list[Timing] = []
    for n in options.sizes:
        house = options.folder / str(n)
        n_rows = prepare(house, n)
        if "land" in wanted and n <= options.land_up_to:
            timings.append(measure_landing(house, n))
        if "bare" in wanted:
            timings.append(
                measure("bare", n, n_rows, options.runs, [sys.executable, __file__, "bare", str(house)], house)
            )
        for name, selection in SUITES.items():
            if name in wanted:
                timings.append(measure(name, n, n_rows, options.runs, dbt(house, selection), house))
        warn_of_other_work(house)
        if not options.json:
            show(timings)
    if options.together:
        timings += measure_together(options.folder, options.together, options.runs, wanted)
        if not options.json:
            show(timings)
    if options.json:
        print(json.dumps([asdict(t) | {"rows_per_second": t.rows_per_second} for t in timings], indent=2))


def prepare(house: Path, n: int) -> int:
    """Make the raw Parquet of `n` persons once; gives the number of raw rows."""
    from harmonize.synthetic import stard

    raw = house / "raw" / "stard"
    if not (raw / "le01.parquet").exists():
        print(f"making {n:,} persons", file=sys.stderr, flush=True)
        raw.mkdir(parents=True, exist_ok=True)
        stard.write_parquet(raw, n, seed=1)
    return sum(map(raw_rows, raw.glob("*.parquet")))


def measure_together(folder: Path, n: int, runs: int, wanted: list[str]) -> list[Timing]:
    """The build with every synthetic study there is, `n` persons of each."""
    from harmonize.sources import studies
    from harmonize.synthetic.studies import available

    names = [found.name for found in studies() if found.name in available()]
    house = folder / f"{n}_of_each"
    n_rows = sum(prepare_study(house, name, n) for name in names)
    title, persons = f", {len(names)} studies", n * len(names)
    timings = []
    if "bare" in wanted:
        command = [sys.executable, __file__, "bare", str(house)]
        timings.append(measure(f"bare{title}", persons, n_rows, runs, command, house))
    for name, selection in SUITES.items():
        if name in wanted:
            timings.append(measure(f"{name}{title}", persons, n_rows, runs, dbt(house, selection), house))
    warn_of_other_work(house)
    return timings


def prepare_study(house: Path, name: str, n: int) -> int:
    """Make the raw Parquet of one study once, in a process of its own; gives the number of raw rows."""
    raw, made = house / "raw" / name, house / f"{name}.made"
    if not made.exists():
        shutil.rmtree(raw, ignore_errors=True)
        code = (
            "import resource, sys; from pathlib import Path; from harmonize.synthetic.studies import synthetic;"
            "synthetic(sys.argv[1]).write_parquet(Path(sys.argv[2]), int(sys.argv[3]), 1);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code, name, str(raw), str(n)], check=True, capture_output=True, text=True
        )
        seconds, mib = time.perf_counter() - start, int(done.stdout) / 1024
        print(f"made {n:,} persons of {name}: {seconds:.0f} s, {mib:,.0f} MiB", file=sys.stderr, flush=True)
        made.touch()
    return sum(map(raw_rows, raw.glob("*.parquet")))


def dbt(house: Path, selection: list[str]) -> list[str]:
    """The dbt command of a suite."""
    paths = ["--target-path", str(house / "target"), "--log-path", str(house / "logs")]
    return [str(Path(sys.executable).parent / "dbt"), "--quiet", "build", *selection, *paths]


def measure(what: str, n: int, n_rows: int, runs: int, command: list[str], house: Path) -> Timing:
    """Median wall time and peak memory of a command, each run in a process of its own."""
    environment = {
        **os.environ,
        "TRD_WAREHOUSE": str(house),
        "TRD_THREADS": str(THREADS),
        "TRD_MEMORY_LIMIT": os.environ.get("TRD_MEMORY_LIMIT", MEMORY),
        "TRD_PSEUDONYM_KEY": "bench",
        "DO_NOT_TRACK": "1",
    }
    seconds, peaks = [], []
    for _ in range(runs):
        if what.startswith("build"):
            # a whole build starts from nothing; what is selected here would go on with the files of the run before
            shutil.rmtree(house / ".next", ignore_errors=True)
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=REPO / "dbt_project", env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - start)
        peaks.append(usage.ru_maxrss / 1024)
        if status:
            raise SystemExit(f"{what} at {n:,} persons failed with status {status}: {' '.join(command)}")
    return Timing(what, n, statistics.median(seconds), seconds, max(peaks), n_rows)


def measure_landing(house: Path, n: int) -> Timing:
    """Landing of the text files as the archive delivers them."""
    code = (
        "import sys, time; from pathlib import Path; from harmonize.landing import land;"
        "from harmonize.paths import Warehouse; from harmonize.sources import study;"
        "t = time.perf_counter(); house = Warehouse(Path(sys.argv[2]));"
        "r = land(study('stard'), Path(sys.argv[1]), house, synthetic=True);"
        "print(time.perf_counter() - t, sum(f.rows for f in r.forms))"
    )
    from harmonize.synthetic import stard

    text, landed = house / "text", house / "landed"
    if not text.exists():
        stard.write(text, n, seed=1)
    shutil.rmtree(landed, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-c", code, str(text), str(landed)], check=True, capture_output=True, text=True
    )
    seconds, rows = done.stdout.split()
    shutil.rmtree(landed, ignore_errors=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Timing("land", n, float(seconds), [float(seconds)], peak, int(rows))


def bare(house: Path) -> None:
    """Write the common tables of every study in the house with bench/bare/<study>.sql: cast, join, check nothing."""
    import duckdb

    target = house / "bare.duckdb"
    target.unlink(missing_ok=True)
    # in the same form as the files of a build (profiles.yml), which is cheaper to write
    with duckdb.connect(str(target), config={"storage_compatibility_version": "v1.3.0"}) as connection:
        connection.execute(f"set threads = {THREADS}")
        connection.execute(f"set memory_limit = '{MEMORY}'")
        connection.execute("set preserve_insertion_order = false")
        for study in made_studies(house):
            write_bare(connection, house / "raw" / study, study)
        written = {study: table_rows(connection, study) for study in made_studies(house)}
    (house / BARE_ROWS).write_text(json.dumps(written), encoding="utf-8")
    target.unlink()


def made_studies(house: Path) -> list[str]:
    """Studies that have raw rows in the house and a yardstick."""
    return sorted(
        sql.stem
        for sql in (REPO / "bench" / "bare").glob("*.sql")
        if any(raw_rows(path) for path in (house / "raw" / sql.stem).glob("*.parquet"))
    )


def write_bare(connection: duckdb.DuckDBPyConnection, raw: Path, study: str) -> None:
    """The common tables of one study, in a schema named after it; the raw forms are views in `raw_<study>`."""
    synonyms = REPO / "dbt_project" / "seeds" / "generated" / "drug_synonyms.csv"
    connection.execute("set variable trd_pseudonym_key = 'bench'")
    connection.execute(f"create temp table if not exists drug_synonyms as select * from read_csv('{synonyms}')")
    connection.execute(f"create schema {study}; create schema raw_{study}")
    for form in raw.glob("*.parquet"):
        connection.execute(f"create view raw_{study}.{form.stem} as select * from read_parquet('{form}')")
    connection.execute(f"set search_path = '{study},raw_{study}'")
    connection.execute((REPO / "bench" / "bare" / f"{study}.sql").read_text(encoding="utf-8"))


def table_rows(connection: duckdb.DuckDBPyConnection, study: str) -> dict[str, int]:
    """Rows of each table that bare wrote for a study."""
    named = "select table_name from duckdb_tables() where schema_name = ? order by 1"
    tables = [name for (name,) in connection.execute(named, [study]).fetchall()]
    return {name: connection.table(f"{study}.{name}").count("*").fetchall()[0][0] for name in tables}


def warn_of_other_work(house: Path) -> None:
    """Name the tables of which bare writes another number of rows than the build, where both were run here.

    Bare merges no duplicates: it writes at least the rows that the build accepts, and at most those it reads or makes.
    """
    import duckdb

    written, built = house / BARE_ROWS, house / ".next" / "trd.duckdb"
    if not written.exists() or not built.exists():
        return
    with duckdb.connect(str(built), read_only=True) as connection:
        rows = connection.execute(
            "select study_id, entity, n_accepted + n_generated, n_candidates + n_generated from quality.entity_rows"
        ).fetchall()
    bare_rows = json.loads(written.read_text(encoding="utf-8"))
    for study, table, fewest, most in rows:
        n = bare_rows.get(study, {}).get(table, 0)
        if not fewest <= n <= most:
            where = f"{house.name}: bare wrote {n:,} rows of {table} of {study}"
            print(f"{where}, the build accepted {fewest:,} of {most:,}", file=sys.stderr)


def raw_rows(path: Path) -> int:
    """Rows of a Parquet file."""
    import pyarrow.parquet as pq

    rows: int = pq.read_metadata(path).num_rows
    return rows


def show(timings: list[Timing]) -> None:
    """A table of what was measured so far."""
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "persons", "raw rows", "median s", "runs", "rows/s", "peak MiB", "× bare")
    yardstick = {(t.what.partition(", ")[2], t.n_persons): t.seconds for t in timings if t.what.startswith("bare")}
    for t in timings:
        bare_seconds = yardstick.get((t.what.partition(", ")[2], t.n_persons))
        against = f"{t.seconds / bare_seconds:.2f}" if bare_seconds else ""
        runs = " ".join(f"{s:.1f}" for s in t.runs)
        cells = (f"{t.n_persons:,}", f"{t.n_rows:,}", f"{t.seconds:.1f}", runs, f"{t.rows_per_second:,.0f}")
        table.add_row(t.what, *cells, f"{t.peak_mib:,.0f}", against)
    Console(width=120).print(table)


if __name__ == "__main__":
    if sys.argv[1:2] == ["bare"]:
        bare(Path(sys.argv[2]))
    else:
        main()
