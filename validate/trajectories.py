"""The plan's gates for growth mixtures, by simulation: coverage, Bayes accuracy, false splits, best of 400 starts.

    python -m validate.trajectories                 all at the plan's size; hours
    python -m validate.trajectories --share 0.05    a twentieth of the simulations, which decides nothing
    python -m validate.trajectories --only coverage --markdown docs/validation-trajectories.md
    python -m validate.trajectories --only splits --keep splits.csv --cells "W1, floor" --cells censored
                                                    cells whose name holds all of these; goes on where it was stopped

Exit status 1 where a gate that binds is missed. Everything is synthetic; the same seeds give the same table.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from analysis.trajectories import GrowthMixture, newton, params
from analysis.trajectories.courses import means, rows_at
from analysis.trajectories.design import build
from analysis.trajectories.enumeration import enumerate_classes
from analysis.trajectories.estimates import reported
from analysis.trajectories.inference import inverse_information
from analysis.trajectories.likelihood import objective
from analysis.trajectories.result import Trajectories
from analysis.trajectories.search import Search
from analysis.trajectories.simulate import FOUR, Courses, continuum, items, mixture

APART = Courses(
    np.array([[15.0, -2.2, 0.11], [16.0, -1.0, 0.02], [17.0, 0.2, 0.0]]),
    np.array([0.45, 0.3, 0.25]),
    np.array([[3.0, 0.0], [0.0, 0.02]]),
    2.2,
)
"""Three courses that are told apart with a relative entropy above 0.7."""
QUADRATIC = GrowthMixture(3, "score ~ week + I(week**2)", random="~ week")
PLAN = "score ~ log1p(week) + week"
MODELS = {
    "LCGA": GrowthMixture(1, PLAN),
    "random intercept": GrowthMixture(1, PLAN, random="~ 1"),
    "random slope": GrowthMixture(1, PLAN, random="~ log1p(week)"),
    "censored, random slope": GrowthMixture(1, PLAN, random="~ log1p(week)", family="censored", floor=0.0),
}


@dataclass(frozen=True)
class Line:
    """One line of the table: what, how many simulations, found, gate, whether it was met (None: no gate)."""

    what: str
    n: int
    found: str
    gate: str
    met: bool | None


def spread(work: Callable[..., object], seeds: range, jobs: int, *rest: object) -> list:
    """`work(seed, *rest)` for all seeds, on `jobs` processes."""

    return Parallel(n_jobs=jobs)(delayed(quiet)(work, s, *rest) for s in seeds)


# -- coverage --------------------------------------------------------------------------------------------------------


def truth_point(
    spec: GrowthMixture, frame: pd.DataFrame, truth: Courses, steps: int = 100
) -> tuple[Trajectories, np.ndarray]:
    """The fit from the true parameters, and the truth in the order of the reported parameters.

    With no `steps` the result stands at the truth itself.
    """
    order = np.argsort(truth.means @ np.array([1.0, 12.0, 144.0]))
    design = build(spec, frame)
    st, to = design.st, design.to
    lift = np.linalg.inv(to.random_inverse) / to.scale
    share = truth.shares[order]
    place = [list(design.templates.columns).index(c) for c in ("Intercept", "week", "I(week ** 2)")]
    b = np.zeros((st.k, 3))
    b[:, place] = truth.means[order]
    nat = params.Natural(
        (np.log(share[:-1] / share[-1]) / design.panel.membership[0, 0])[None, :, None],
        ((b - to.beta0) @ np.linalg.inv(to.fixed_inverse).T / to.scale)[None],
        np.linalg.cholesky(lift @ truth.covariance @ lift.T)[None, None],
        np.full((1, 1, 1), (truth.sd / to.scale) ** 2),
    )
    start = params.free(st, nat)
    ends = newton.maximise(objective(st, design.data), start, steps)
    true, _ = reported(design, start[0])
    search = Search(1, 1, pd.DataFrame({"loglik": ends.loglik, "starts": 1, "converged": ends.converged}), design.n)
    return Trajectories(design, ends.phi[0], search, 0), true


def coverage_once(seed: int) -> tuple[list[bool], float, bool]:
    """Whether the 95 % intervals of six headline parameters hold the truth; entropy; converged."""
    result, true = truth_point(QUADRATIC, mixture(2000, 10_000 + seed, APART), APART)
    table = result.parameters()
    keep = (table["part"] == "membership") | (table["term"] == "var week")
    inside = list(((table["lower"] <= true) & (true <= table["upper"]))[keep])
    values, slopes = means(result.design, result.phi, rows_at(result.design, [12.0]))
    cov = inverse_information(result.information)
    order = np.argsort(APART.means @ np.array([1.0, 12.0, 144.0]))
    for g in range(3):
        se = float(np.sqrt(slopes[g, 0] @ cov @ slopes[g, 0]))
        inside.append(abs(values[g, 0] - APART.means[order][g] @ np.array([1.0, 12.0, 144.0])) <= 1.959964 * se)
    converged = newton.relative_distance(result.solution.gradient, result.solution.hessian)
    return [bool(v) for v in inside], result.entropy, converged[1] and converged[0] < newton.TOLERANCE


def coverage(share: float, jobs: int) -> list[Line]:
    """95 % intervals hold the truth in 93.5 to 96.5 %."""
    found = spread(coverage_once, range(max(20, int(2000 * share))), jobs)
    used = [f for f in found if f[2]]
    rates = np.mean([f[0] for f in used], axis=0)
    entropy = float(np.mean([f[1] for f in used]))
    names = ["logit of class 1", "logit of class 2", "variance of slopes", *(f"week 12, class {g}" for g in (1, 2, 3))]
    lines = [
        Line(f"coverage, {n}", len(used), f"{r:.1%}", "93.5–96.5 %", bool(0.935 <= r <= 0.965))
        for n, r in zip(names, rates, strict=True)
    ]
    return [*lines, Line("entropy of these sets", len(used), f"{entropy:.2f}", "≥ 0.70", entropy >= 0.7)]


# -- accuracy --------------------------------------------------------------------------------------------------------


def accuracy_once(seed: int, truth: Courses) -> tuple[float, float]:
    """Share of persons put into their class by the fit, and by the true parameters."""
    frame = mixture(5000, 20_000 + seed, truth)
    spec = QUADRATIC.with_classes(truth.k)
    fitted = spec.fit(frame, seed=seed)
    order = np.argsort(truth.means @ np.array([1.0, 12.0, 144.0]))
    own = np.argsort(order)[frame.groupby("subject_id")["truth"].first().to_numpy() - 1]
    ideal, _ = truth_point(spec, frame, truth, steps=0)
    rates = [float((r.probabilities.argmax(axis=1) == own).mean()) for r in (fitted, ideal)]
    return rates[0], rates[1]


def accuracy(share: float, jobs: int) -> list[Line]:
    """Classes given by the fit are right as often as those given by the truth, within a point."""
    lines = []
    for name, truth in (("three courses apart", APART), ("four courses", FOUR)):
        found = np.array(spread(accuracy_once, range(max(2, int(20 * share))), jobs, truth))
        ours, ideal = found.mean(axis=0)
        text = f"{ours:.1%}, Bayes {ideal:.1%}"
        lines.append(Line(f"accuracy, {name}", len(found), text, "within 1 point", abs(ideal - ours) <= 0.01))
    return lines


# -- false splits ----------------------------------------------------------------------------------------------------

WORLDS: dict[str, Callable[[int, int], pd.DataFrame]] = {
    "W1, continuum": continuum,
    "W1, floor at 0": lambda n, seed: continuum(n, seed, floor=0.0),
    "W3, items": items,
}


SETS = 200
LIMITS = {("W1, continuum", "random slope"): 0.05, ("W1, floor at 0", "censored, random slope"): 0.10}


def split_once(seed: int, world: str, n: int, model: str) -> tuple[int, int]:
    """The seed and the number of classes chosen of three; 0 where none is admissible."""
    frame = WORLDS[world](n, 30_000 + seed)
    chosen = enumerate_classes(MODELS[model], frame, (1, 2, 3), starts=20, max_starts=80, seed=seed).chosen
    return seed, chosen or 0


def cells(wanted: Sequence[str] = ()) -> list[tuple[str, str, int, str]]:
    """Name, world, number of persons and model of each line; `wanted` keeps those whose name holds all of them."""
    found = [
        (f"split, {world}, N = {n:,}, {model}", world, n, model)
        for world in WORLDS
        for n in (600, 3000)
        for model in MODELS
        if not (model.startswith("censored") and world == "W1, continuum")  # nothing is censored there
    ]
    return [cell for cell in found if all(part in cell[0] for part in wanted)]


def splits(share: float, jobs: int, keep: Path | None = None, wanted: Sequence[str] = ()) -> list[Line]:
    """How often classes are found where there are none. Sets in the file `keep` are not made again."""
    lines, sets = [], max(4, int(SETS * share))
    old = pd.read_csv(keep) if keep is not None and keep.is_file() else pd.DataFrame({"cell": [], "seed": [], "k": []})
    for name, world, n, model in cells(wanted):
        made = {int(s): int(k) for s, k in old.loc[old["cell"] == name, ["seed", "k"]].to_numpy() if s < sets}
        work = (delayed(quiet)(split_once, s, world, n, model) for s in range(sets) if s not in made)
        for seed, k in Parallel(n_jobs=jobs, return_as="generator")(work):
            made[seed] = k
            if keep is not None:
                row = pd.DataFrame({"cell": [name], "seed": [seed], "k": [k]})
                row.to_csv(keep, mode="a", header=not keep.is_file(), index=False)
        rate = float(np.mean([k > 1 for k in made.values()]))
        gate = LIMITS.get((world, model))
        met = None if gate is None else rate <= gate
        lines.append(Line(name, len(made), f"{rate:.1%}", "" if gate is None else f"≤ {gate:.0%}", met))
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def quiet(work: Callable[..., object], *given: object) -> object:
    """On one thread."""
    with threadpool_limits(1):
        return work(*given)


# -- starts ----------------------------------------------------------------------------------------------------------


def starts_once(seed: int) -> float:
    """What the default search lacks of the best of 400 starts."""
    frame = mixture(300, 100 + seed)
    found = QUADRATIC.fit(frame, seed=1)
    return QUADRATIC.fit(frame, starts=400, max_starts=400, seed=2).loglik - found.loglik


def starts(share: float, jobs: int) -> list[Line]:
    """The default search finds what 400 starts find, on twelve sets of 300."""
    lacking = spread(starts_once, range(12), jobs)
    hit = int(np.sum(np.array(lacking) <= 0.01))
    return [Line("best of 400 starts, N = 300", 12, f"{hit} of 12", "12 of 12", hit == 12)]


GATES: dict[str, Callable[..., list[Line]]] = {
    "coverage": coverage,
    "accuracy": accuracy,
    "starts": starts,
    "splits": splits,
}


def main() -> int:
    """Run the gates and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="share of the plan's simulations")
    parser.add_argument("--only", nargs="+", choices=list(GATES), default=list(GATES))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="file that sets of the false splits are added to and taken from")
    parser.add_argument("--cells", action="append", default=[], help="part of a name of a line of the false splits")
    parser.add_argument("--markdown", type=Path, help="write the table here too")
    options = parser.parse_args()
    more = {"splits": (options.keep, options.cells)}
    lines = [line for name in options.only for line in GATES[name](options.share, options.jobs, *more.get(name, ()))]
    table = Table("what", "simulations", "found", "gate", "met")
    word = {True: "yes", False: "NO", None: ""}
    for line in lines:
        table.add_row(line.what, str(line.n), line.found, line.gate, word[line.met])
    Console(width=120).print(table)
    if options.markdown:
        rows = [f"| {x.what} | {x.n} | {x.found} | {x.gate} | {word[x.met]} |" for x in lines]
        head = ["| what | simulations | found | gate | met |", "|---|---|---|---|---|"]
        options.markdown.write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")
    return int(any(line.met is False for line in lines))


if __name__ == "__main__":
    sys.exit(main())
