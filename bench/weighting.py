"""`make bench`: weights and their errors. NHEFS (public data) and a SYNTHETIC population of a million.

1. 1,000 bootstrap replicates of NHEFS with the weights refitted in each, all climbed together, against statsmodels
   (GLM, then WLS) in a loop in the same run, without and with censoring weights. Goal: 50 times as fast.
2. Weights, balance and M-estimation variance for 1,000,000 persons × 30 covariates. Goal: 30 s and 4 GiB.

CPU seconds of one process with one BLAS thread; the loop is measured on --loop replicates and scaled. Exit status 1
where a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
FORMULA = (
    "sex + race + age + I(age**2) + C(education) + smokeintensity + I(smokeintensity**2) + smokeyrs + I(smokeyrs**2)"
    " + C(exercise) + C(active) + wt71 + I(wt71**2)"
)
FASTER, SECONDS, GIB = 50.0, 30.0, 4.0


def nhefs(replicates: int, loop: int) -> list[dict[str, object]]:
    """Both halves in one process."""
    import numpy as np
    import pandas as pd
    import statsmodels.api as sm
    from formulaic import Formula

    from analysis.weighting import Weights, effect, staying, treatment
    from analysis.weighting.bootstrap import bootstrap
    from harmonize import paths

    folder = paths.public_data()
    if folder is None or not (folder / "nhefs").is_dir():
        return []
    data = pd.read_csv(folder / "nhefs" / "nhefs.csv").assign(seen=lambda d: d["wt82_71"].notna().astype(int))
    rows = []
    for name in ("treatment", "treatment and censoring"):
        both = name != "treatment"
        frame = (data if both else data.dropna(subset=["wt82_71"])).reset_index(drop=True)
        nodes = [treatment(f"qsmk ~ {FORMULA}")] + ([staying(f"seen ~ qsmk + {FORMULA}")] if both else [])
        fit = effect(Weights(frame, *nodes).fit(), "wt82_71 ~ qsmk")
        ours = min(_timed(lambda fit=fit: bootstrap(fit, replicates, seed=1)) for _ in range(3))
        x = np.asarray(Formula(FORMULA).get_model_matrix(frame), dtype=float)
        t, y, seen = (frame[c].to_numpy(dtype=float) for c in ("qsmk", "wt82_71", "seen"))
        z, rng = np.column_stack([x, t]), np.random.default_rng(1)

        def once(x=x, t=t, y=y, seen=seen, z=z, rng=rng, both=both) -> float:
            at = rng.integers(0, len(t), len(t))
            p = sm.GLM(t[at], x[at], family=sm.families.Binomial()).fit().fittedvalues
            w = np.where(t[at] == 1, t[at].mean() / p, (1 - t[at].mean()) / (1 - p))
            if both:
                w = w * seen[at] / sm.GLM(seen[at], z[at], family=sm.families.Binomial()).fit().fittedvalues
            keep = seen[at] == 1
            design = sm.add_constant(t[at][keep])
            return float(sm.WLS(y[at][keep], design, weights=w[keep]).fit().params[1])

        theirs = _timed(lambda once=once: [once() for _ in range(loop)]) * replicates / loop
        rows.append(
            {"what": f"NHEFS, {name}, {replicates} replicates", "seconds": ours, "statsmodels": theirs,
             "times": theirs / ours, "goal": FASTER, "met": theirs / ours >= FASTER}
        )  # fmt: skip
    return rows


def million(n: int, p: int) -> dict[str, object]:
    """Weights, balance, M-estimation for a SYNTHETIC population."""
    import numpy as np
    import pandas as pd

    from analysis.weighting import Weights, effect, treatment

    rng = np.random.default_rng(1)
    frame = pd.DataFrame({f"x{j}": rng.normal(size=n) for j in range(p - 5)})
    for j in range(p - 5, p):
        frame[f"x{j}"] = rng.integers(0, 2, n).astype(float)
    linear = 0.3 * frame["x0"] - 0.2 * frame["x1"] + 0.4 * frame[f"x{p - 1}"] - 0.5
    frame["t"] = (rng.random(n) < 1 / (1 + np.exp(-linear))).astype(int)
    frame["y"] = 1 + 0.5 * frame["t"] + frame["x0"] + rng.normal(size=n)
    parts = {}
    start = time.process_time()
    weights = Weights(frame, treatment("t ~ " + " + ".join(f"x{j}" for j in range(p)))).fit()
    parts["weights"] = time.process_time() - start
    balance = weights.balance()
    parts["balance"] = time.process_time() - start - parts["weights"]
    table = effect(weights, "y ~ t").contrast()
    seconds = time.process_time() - start
    parts["variance"] = seconds - sum(parts.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "what": f"{n:,} persons × {p} covariates: weights, balance, M-estimation", "seconds": seconds, "gib": peak,
        **{k: round(v, 2) for k, v in parts.items()}, "worst_smd": float(balance["smd_after"].abs().max()),
        "estimate": float(table["estimate"].iloc[-1]), "se": float(table["se"].iloc[-1]),
        "met": seconds <= SECONDS and peak <= GIB,
    }  # fmt: skip


def _timed(work) -> float:  # type: ignore[no-untyped-def]
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> int:
    """Run both and print; `--json` for a machine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--loop", type=int, default=100, help="replicates of the statsmodels loop that are measured")
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--covariates", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = apart("nhefs", options.replicates, options.loop)
    found.append(apart("million", options.n, options.covariates))
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        for row in found:
            told = ", ".join(
                f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items() if k != "what"
            )
            print(f"{row['what']}: {told}")
    return 0 if all(row["met"] for row in found) else 1


def apart(task: str, *numbers: int):  # type: ignore[no-untyped-def]
    """In a process of its own, so that peak memory is that of the task."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "measure", task, *map(str, numbers)]
    environment = {**os.environ, **threads, "PYTHONPATH": str(REPO)}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps({"nhefs": nhefs, "million": million}[sys.argv[2]](int(sys.argv[3]), int(sys.argv[4]))))
    else:
        sys.exit(main())
