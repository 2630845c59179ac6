"""Find a study's solved numbers: `python -m harmonize.synthetic.calibrate STUDY WORLD [--n N] [--write]`.

Turns the study's knobs until its tested targets are met: damped Gauss-Newton steps on the misses in tolerances, over
the same drawn persons each time (one seed, so the same random numbers and smooth misses). The slopes are taken by
differences, kept up by Broyden's rule, and taken anew where that leads no further. `--write` puts the numbers into
`parameters.toml` under `[STUDY.solved.FAMILY]`, or under the name of a world that does not give its family its name.

Least squares leaves some figures just within their tolerance, where the next seed finds them outside. So a second
stage, from there, makes the expected number of figures small that a check of `CHECKED` other persons would find off.
The seed is one that no check and no test uses.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping

import numpy as np

from harmonize.synthetic import check
from harmonize.synthetic.draws import Floats
from harmonize.synthetic.parameters import PATH, solved, trying
from harmonize.synthetic.solving import FewestOff, Knobs, LeastSquares
from harmonize.synthetic.studies import synthetic
from harmonize.synthetic.worlds import World, world

FIRST_OF_FAMILY = {"W0": "courses", "W1": "continuum", "W2": "courses_exit", "W3": "floor"}
SEED = 20_240
CHECKED = 20_000
"""Persons of a check (`trd synth --check`), whose chance the second stage has in view."""
LEAST_DRAWN = 10_000
"""Persons over whom slopes are taken at least."""
_LEAST_ERROR = 0.05


def calibrate(
    study: str,
    name: str,
    n: int,
    seed: int = SEED,
    rounds: int = 12,
    start_from: str | None = None,
    polish: bool = False,
) -> dict[str, float]:
    """The solved numbers of a study in a world, from where they stand now or from those of another world.

    `polish` leaves out least squares: for numbers that are good already.
    """
    module, there = synthetic(study), world(name)
    now = solved(study, world(start_from) if start_from else there)
    knobs = {knob: (now.get(knob, start), low, high) for knob, (start, low, high) in module.knobs(there.name).items()}
    start, low, high = (np.array(column) for column in zip(*knobs.values(), strict=True))
    held: dict[str, float] = dict(now)
    settle = getattr(module, "settled", None)

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def let_settle(x: Floats) -> None:
        if settle is not None:
            with trying(study, {**held, **dict(zip(knobs, x, strict=True))}):
                held.update({k: float(round(v, 5)) for k, v in settle(n, seed, there.name).items()})

    def verdicts(x: Floats, persons: int = n) -> list[check.Verdict]:
        with trying(study, {**held, **dict(zip(knobs, x, strict=True))}):
            found = check.compare(study, there.name, module.marginals(persons, seed, there.name))
        return [v for v in found if v.target.use == "test"]

    for _ in range(3):
        let_settle(np.clip(start, low, high))
    rough = max(n // 4, min(n, LEAST_DRAWN))
    turned = Knobs(
        start, low, high, lambda x: _misses(verdicts(x)), lambda x: _misses(verdicts(x, rough)), let_settle, tell
    )
    if not polish:
        turned.turn(LeastSquares(), rounds)
    turned.turn(FewestOff(_errors(verdicts(turned.at), CHECKED / n)), rounds)
    for v in verdicts(turned.at):
        if v.verdict in ("off", "not given"):
            tell(f"off: {v.target.target_id} published {v.target.value} synthetic {v.synthetic}")
    return {**held, **dict(zip(knobs, (float(round(v, 5)) for v in turned.at), strict=True))}


def _misses(verdicts: list[check.Verdict]) -> Floats:
    return np.array([0.0 if v.synthetic is None else _ratio(v.synthetic - v.target.value, v.target) for v in verdicts])


def _ratio(gap: float, target: check.Target) -> float:
    return gap / target.tolerance if target.tolerance else 0.0


def _errors(verdicts: list[check.Verdict], share: float) -> Floats:
    """Standard errors, in tolerances, of the figures of a check with this share of the persons that were drawn."""
    return np.array(
        [max(_LEAST_ERROR, _ratio(v.target.standard_error(max(v.n * share, 1.0)), v.target)) for v in verdicts]
    )


def written(text: str, study: str, there: World, numbers: Mapping[str, float]) -> str:
    """The text of `parameters.toml` with the section of these solved numbers put in, or put in the place of the old."""
    section = f"{study}.solved.{FIRST_OF_FAMILY.get(there.name) or _quoted(there.name)}"
    block = f"[{section}]\n" + "".join(f"{_quoted(name)} = {value!r}\n" for name, value in numbers.items())
    old = re.compile(rf"^\[{re.escape(section)}\]\n(?:[^\[\n#][^\n]*\n)*", re.MULTILINE)
    if old.search(text):
        return old.sub(lambda _: block, text, count=1)
    heads = list(re.finditer(rf"^# --- {study} -+\n", text, re.MULTILINE))
    if not heads:
        raise ValueError(f"{PATH.name} has no line '# --- {study} ---' under which the section belongs")
    following = re.compile(r"^# --- \w+ -+\n", re.MULTILINE).search(text, heads[0].end())
    end = following.start() if following else len(text)
    return text[:end].rstrip("\n") + "\n\n" + block + "\n" + text[end:]


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m harmonize.synthetic.calibrate", description=__doc__)
    parser.add_argument("study")
    parser.add_argument("world")
    parser.add_argument("--n", type=int, default=60_000, help="persons drawn")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--from", dest="start_from", metavar="WORLD", help="begin with the numbers of this world")
    parser.add_argument("--polish", action="store_true", help="second stage only, for numbers that are good already")
    parser.add_argument("--write", action="store_true", help="put the numbers into parameters.toml")
    given = parser.parse_args()
    numbers = calibrate(given.study, given.world, given.n, given.seed, given.rounds, given.start_from, given.polish)
    if given.write:
        PATH.write_text(
            written(PATH.read_text(encoding="utf-8"), given.study, world(given.world), numbers), encoding="utf-8"
        )
    else:
        print("\n".join(f"{name} = {value}" for name, value in numbers.items()))


if __name__ == "__main__":
    main()
