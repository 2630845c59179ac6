"""`make bench`: growth mixtures of 4 classes, quadratic, about 6 of 9 visits; part of it is also run by hand.

For each size a latent class growth model and a growth mixture with random intercept and slope: one fit from a given
start, and the whole search of 50 starts, with formulas, orders and standard errors counted in. Yardstick in the same
run: one statsmodels MixedLM fit of one class to the same data, up to --mixedlm-up-to persons. CPU seconds of one
process with one BLAS thread, the median of some runs; peak memory of a process of its own.

The growth mixture is checked against two goals: the search takes at most a quarter of one MixedLM fit at 2,000 persons
and a fifteenth at 10,000. With --others the models that cost more stand beside the plain one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
CURVE = "score ~ week + I(week**2)"
MODELS = {
    "LCGA": {},
    "GMM": {"random": "~ week"},
    "GMM, own residual": {"random": "~ week", "residual": "class"},
    "GMM, proportional": {"random": "~ week", "covariance": "proportional"},
    "GMM, own covariance": {"random": "~ week", "covariance": "class"},
    "LCGA, censored": {"family": "censored", "floor": 0.0},
    "GMM, censored": {"random": "~ week", "family": "censored", "floor": 0.0},
    "GMM, censored, proportional": {
        "random": "~ week", "family": "censored", "floor": 0.0, "covariance": "proportional",
    },
    "LCGA, ordinal logit": {"link": "logit"},
    "LCGA, ordinal probit": {"link": "probit"},
}  # fmt: skip
CUTS = [4.0, 9.0, 14.0, 19.0]
"""The ordinal models see the score in these bands: five categories, as of a CGI."""
PLAIN, COSTLY = ("LCGA", "GMM"), 10_000
GOALS = {2_000: 1 / 4, 10_000: 1 / 15}


@dataclass
class Timing:
    """One measured thing: CPU seconds, log-likelihood, starts that reached it, peak resident memory in MiB."""

    what: str
    n_persons: int
    task: str
    seconds: float
    loglik: float
    replication: int = 0
    peak_mib: float = 0.0


def main() -> None:
    """Run the benchmark and print a table; `--json` for a machine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[500, 2_000, 10_000, 50_000, 250_000])
    parser.add_argument("--mixedlm-up-to", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--others", type=int, default=2_000, help="size at which the other models are timed; 0: none")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    timings: list[Timing] = []
    for n in options.sizes:
        if n <= options.mixedlm_up_to:
            timings.append(apart("MixedLM", n, "fit", 1))
        for what in PLAIN:
            timings += [apart(what, n, task, options.runs) for task in ("one start", "50 starts")]
    if options.others:
        for what in MODELS:
            if what not in PLAIN:
                timings += [apart(what, options.others, task, 1) for task in ("one start", "50 starts")]
    if options.json:
        print(json.dumps([asdict(t) for t in timings], indent=2))
    else:
        show(timings)


def apart(what: str, n: int, task: str, runs: int) -> Timing:
    """Measure in a process of its own, so that peak memory is that of the task."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "measure", what, str(n), task, str(runs)]
    environment = {**os.environ, **threads, "PYTHONPATH": str(REPO)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found = Timing(**json.loads(done.stdout))
    print(f"{what}, {n:,} persons, {task}: {found.seconds:.3f} s", file=sys.stderr, flush=True)
    return found


def measure(what: str, n: int, task: str, runs: int) -> Timing:
    """The median over `runs`."""
    from analysis.trajectories.simulate import mixture

    frame = mixture(n, seed=1)
    if "censored" in what:
        frame["score"] = frame["score"].clip(lower=0.0)
    found = [mixed(frame) if what == "MixedLM" else growth(frame, what, task) for _ in range(runs)]
    seconds, loglik, replication = sorted(found)[len(found) // 2]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Timing(what, n, task, seconds, loglik, replication, peak)


def mixed(frame) -> tuple[float, float, int]:  # type: ignore[no-untyped-def]
    """One class with random intercept and slope by statsmodels."""
    import statsmodels.formula.api as smf

    warnings.simplefilter("ignore")
    start = time.process_time()
    fit = smf.mixedlm(CURVE, frame, groups="subject_id", re_formula="~ week").fit(reml=False)
    return time.process_time() - start, float(fit.llf), 0


def growth(frame, what: str, task: str) -> tuple[float, float, int]:  # type: ignore[no-untyped-def]
    """Formulas, fit and standard errors; "one start" goes from the courses that made the data, common variances."""
    import numpy as np

    from analysis.trajectories import GrowthMixture, params
    from analysis.trajectories.design import build
    from analysis.trajectories.search import climb, one_class
    from analysis.trajectories.simulate import FOUR

    if "ordinal" in what:
        return ordinal(frame, what, task)
    spec = GrowthMixture(4, CURVE, **MODELS[what])  # type: ignore[arg-type]
    start = time.process_time()
    if task == "50 starts":
        result = spec.fit(frame, starts=50, max_starts=50, seed=1)
        loglik, replication = result.loglik, result.search.replication
        result.parameters()
    else:
        design = build(spec, frame)
        st, to = design.st, design.to
        base = params.natural(st.with_classes(1), one_class(st, design.data).phi)
        internal = (FOUR.means - to.beta0) @ np.linalg.inv(to.fixed_inverse).T / to.scale
        at = params.Natural(
            np.zeros((1, 3, st.n_membership)),
            internal[None],
            np.broadcast_to(base.factor, (1, st.regimes, st.q, st.q)).copy(),
            np.broadcast_to(base.s2, (1, st.regimes, 1)).copy(),
        )
        ends = climb(st, design.data, at)
        loglik = float(ends.loglik[0]) - design.seen_rows(design.data) * float(np.log(to.scale))
        replication = int(ends.converged[0])
        np.linalg.inv(-ends.hessian[0])
    return time.process_time() - start, loglik, replication


def ordinal(frame, what: str, task: str) -> tuple[float, float, int]:  # type: ignore[no-untyped-def]
    """The score in five bands; "one start" goes from the first of the starts a search would draw."""
    import numpy as np

    from analysis.trajectories.ordinal import OrdinalGrowth

    frame = frame.assign(item=np.searchsorted(CUTS, frame["score"]))
    spec = OrdinalGrowth(4, CURVE.replace("score", ""), **MODELS[what])  # type: ignore[arg-type]
    wanted = 50 if task == "50 starts" else 1
    start = time.process_time()
    result = spec.fit(frame, starts=wanted, max_starts=wanted, seed=1)
    result.parameters()
    return time.process_time() - start, result.loglik, result.search.replication


def show(timings: list[Timing]) -> None:
    """A table, and whether the goals were met."""
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "persons", "task", "CPU s", "log-likelihood", "starts at it", "peak MiB", "× MixedLM")
    yardstick = {t.n_persons: t.seconds for t in timings if t.what == "MixedLM"}
    lines = []
    for t in timings:
        ratio = t.seconds / yardstick[t.n_persons] if t.n_persons in yardstick else None
        cells = (f"{t.seconds:.3f}", f"{t.loglik:,.3f}", str(t.replication or ""), f"{t.peak_mib:,.0f}")
        table.add_row(t.what, f"{t.n_persons:,}", t.task, *cells, "" if ratio is None else f"{ratio:.3f}")
        if ratio is not None and t.what in PLAIN and t.task == "50 starts" and t.n_persons in GOALS:
            goal = GOALS[t.n_persons]
            met = "met" if ratio <= goal else "MISSED"
            lines.append(f"{t.what} at {t.n_persons:,}: {ratio:.3f} of one MixedLM fit, goal {goal:.3f}: {met}")
    console = Console(width=120)
    console.print(table)
    for line in lines:
        console.print(line)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(asdict(measure(sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])))))
    else:
        main()
