"""Find a study's solved numbers: `python -m harmonize.synthetic.calibrate STUDY WORLD [--n N] [--write]`.

Turns the study's knobs until its tested targets are met: damped Gauss-Newton steps on the misses in tolerances, over
the same drawn persons each time (one seed, so the same random numbers and smooth misses). The Jacobian is taken by
differences, kept up by Broyden's rule, and taken anew where that leads no further. `--write` puts the numbers into
`parameters.toml` under `[STUDY.solved.FAMILY]`, or under the name of a world that does not give its family its name.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping

import numpy as np
from scipy.optimize import lsq_linear

from harmonize.synthetic import check
from harmonize.synthetic.draws import Floats
from harmonize.synthetic.parameters import PATH, solved, trying
from harmonize.synthetic.studies import synthetic
from harmonize.synthetic.worlds import World, world

FIRST_OF_FAMILY = {"W0": "courses", "W1": "continuum", "W2": "courses_exit", "W3": "floor"}
_STEP = 0.04
_GAIN = 0.02
"""Part of the sum of squares that must have been won since the Jacobian was taken for it to be worth another."""
_FAR = 1.2
_RIDGE = 0.03
"""Pull of each knob (in its range) to where it stood, in tolerances: a knob that steers nothing stays."""


def calibrate(
    study: str, name: str, n: int, seed: int, rounds: int = 12, start_from: str | None = None, say: bool = True
) -> dict[str, float]:
    """The solved numbers of a study in a world, from where they stand now or from those of another world."""
    module, there = synthetic(study), world(name)
    now = solved(study, world(start_from) if start_from else there)
    knobs = {knob: (now.get(knob, start), low, high) for knob, (start, low, high) in module.knobs(there.name).items()}
    start, low, high = (np.array(column) for column in zip(*knobs.values(), strict=True))
    span = high - low

    settle = getattr(module, "settled", None)
    held: dict[str, float] = dict(now)

    def let_settle(x: Floats, times: int) -> None:
        for _ in range(times if settle is not None else 0):
            assert settle is not None
            with trying(study, {**held, **dict(zip(knobs, x, strict=True))}):
                held.update({k: float(round(v, 5)) for k, v in settle(n, seed, there.name).items()})

    def misses(x: Floats) -> Floats:
        with trying(study, {**held, **dict(zip(knobs, x, strict=True))}):
            verdicts = check.compare(study, there.name, module.marginals(n, seed, there.name))
        return np.array(
            [
                0.0 if v.synthetic is None or not v.target.tolerance
                else (v.synthetic - v.target.value) / v.target.tolerance
                for v in verdicts
                if v.target.use == "test"
            ]
        )  # fmt: skip

    def slopes(x: Floats, f: Floats) -> Floats:
        jacobian = np.empty((len(f), len(x)))
        for place in range(len(x)):
            step = np.zeros(len(x))
            step[place] = _STEP * span[place] * (1 if x[place] + _STEP * span[place] <= high[place] else -1)
            jacobian[:, place] = (misses(x + step) - f) / step[place]
        return jacobian

    x = np.clip(start, low, high)
    let_settle(x, 3)
    f = misses(x)
    jacobian, before = slopes(x, f), _cost(f)
    damping, home = 1.0, x.copy()
    for turn in range(rounds):
        if say:
            print(f"round {turn}: {np.mean(np.abs(f) <= 1):.3f} within, cost {_cost(f):.2f}", file=sys.stderr)
        # A target that cannot be met must not pull on the others.
        weight = np.sqrt(np.minimum(1.0, _FAR / np.maximum(np.abs(f), 1e-9)))
        a = np.concatenate([jacobian * span * weight[:, None], _RIDGE * np.eye(len(x)), (damping - 1) * np.eye(len(x))])
        b = np.concatenate([-f * weight, -_RIDGE * (x - home) / span, np.zeros(len(x))])
        least, most = np.maximum((low - x) / span, -0.3), np.minimum((high - x) / span, 0.3)
        step = lsq_linear(a, b, bounds=(least - 1e-12, most + 1e-12)).x * span
        g = misses(x + step)
        if step @ step > 0:
            jacobian += np.outer(g - f - jacobian @ step, step / span**2) / ((step / span) @ (step / span))
        if _cost(g) < _cost(f):
            x, damping = x + step, max(1.0, damping / 2)
            let_settle(x, 1)
            f = misses(x)
        elif damping < 8:
            damping = damping * 2 + 1
        elif _cost(f) < (1 - _GAIN) * before:
            jacobian, before, damping = slopes(x, f), _cost(f), 1.0
        else:
            break
    if say:
        with trying(study, {**held, **dict(zip(knobs, x, strict=True))}):
            verdicts = check.compare(study, there.name, module.marginals(n, seed, there.name))
        for v in verdicts:
            if v.verdict in ("off", "not given"):
                print(f"off: {v.target.target_id} published {v.target.value} synthetic {v.synthetic}", file=sys.stderr)
    return {**held, **dict(zip(knobs, (float(round(v, 5)) for v in x), strict=True))}


def _cost(f: Floats) -> float:
    """Sum of squared misses, linear beyond `_FAR` (Huber)."""
    far = np.abs(f) > _FAR
    return float(np.where(far, 2 * _FAR * np.abs(f) - _FAR**2, f**2).sum())


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
    parser.add_argument("--n", type=int, default=20_000, help="persons drawn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--from", dest="start_from", metavar="WORLD", help="begin with the numbers of this world")
    parser.add_argument("--write", action="store_true", help="put the numbers into parameters.toml")
    given = parser.parse_args()
    numbers = calibrate(given.study, given.world, given.n, given.seed, given.rounds, given.start_from)
    if given.write:
        PATH.write_text(
            written(PATH.read_text(encoding="utf-8"), given.study, world(given.world), numbers), encoding="utf-8"
        )
    else:
        print("\n".join(f"{name} = {value}" for name, value in numbers.items()))


if __name__ == "__main__":
    main()
