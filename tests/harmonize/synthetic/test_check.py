"""Targets and their tolerance rule, and where calibration writes what it found."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from harmonize.synthetic import check
from harmonize.synthetic.calibrate import written
from harmonize.synthetic.check import Target
from harmonize.synthetic.worlds import world


def target(value: float, n: int, unit: str, sd: float = 0.0, use: str = "test") -> Target:
    return Target("x", "t", "a figure", value, n, sd, unit, "read", use, "a source", "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "tolerance"),
    [
        (target(50, 100, "%"), 10.0),
        (target(50, 10_000, "%"), 2.0),
        (target(36, 4041, "persons"), 11.95),
        (target(4041, 4041, "persons"), 0.0),
        (target(15.4, 3009, "points", sd=4.3), 0.5),
        (target(16.4, 56, "points", sd=4.6), 1.229),
    ],
)
def test_tolerance_is_the_larger_of_two_standard_errors_and_the_least(given: Target, tolerance: float) -> None:
    assert given.tolerance == pytest.approx(tolerance, abs=0.01)


def test_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = (target(50, 100, "%"), target(50, 100, "%", use="print"))
    monkeypatch.setattr(check, "targets", lambda study: listed)
    assert [v.verdict for v in check.compare("x", "W0", {"t": (59.9, 10)})] == ["within", "printed"]
    assert [v.verdict for v in check.compare("x", "W0", {"t": (60.1, 10)})] == ["off", "printed"]
    missing = check.compare("x", "W0", {})
    assert [v.verdict for v in missing] == ["not given", "printed"]
    assert check.share_within(missing) == 0


def test_targets_are_sound() -> None:
    for given in check.targets():
        assert given.source, given.target_id
        assert given.mark in ("read", "derived", "memory"), given.target_id
        if given.use == "print":
            assert given.mark == "memory" or given.note, f"{given.target_id}: say why it is not tested"
        elif given.unit not in ("%", "persons"):
            assert given.sd > 0, given.target_id
        assert given.n > 0 or given.use == "print", given.target_id


@pytest.mark.parametrize(
    ("change", "says"),
    [("memory,test", "never tested"), ("read,maybe", "test or print"), ("read,test,", "numbers")],
)
def test_a_bad_row_is_refused_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, says: str) -> None:
    row = f"x,t,s,{'abc' if says == 'numbers' else 1},5,,%,{change.rstrip(',')},a,"
    path = tmp_path / "targets.csv"
    path.write_text(",".join(check.COLUMNS) + "\n" + row + "\n")
    monkeypatch.setattr(check, "PATH", path)
    check.targets.cache_clear()
    with pytest.raises(ValueError, match=f"line 2.*{says}"):
        check.targets()
    check.targets.cache_clear()


def test_solved_numbers_are_put_under_their_study_and_replace_the_old_ones() -> None:
    text = "# --- one ---\n\n[one.persons]\na = 1\n\n# --- two ---\n\n[two.persons]\na = 1\n"
    once = written(text, "one", world("W0"), {"L1.lift": 0.5})
    assert tomllib.loads(once)["one"]["solved"] == {"courses": {"L1.lift": 0.5}}
    assert once.index("solved") < once.index("# --- two")
    twice = written(written(once, "one", world("W0"), {"x": 2.0}), "one", world("W6"), {"y": 3.0})
    assert tomllib.loads(twice)["one"]["solved"] == {"courses": {"x": 2.0}, "W6-1.2-direct": {"y": 3.0}}
    assert tomllib.loads(twice)["two"] == {"persons": {"a": 1}}
