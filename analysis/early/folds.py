"""Nested validation: whatever is fitted is fitted to training persons alone, and asked about others.

A split has training and test persons. In it the link, the number of classes, both growth models and every predictor
are fitted anew; test persons give nothing but their scores up to the landmark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.early.course import Courses, dynamic, fit_courses
from analysis.early.landmark import asked, summaries, target
from analysis.early.material import LINKED_FROM, EarlyError, Material
from analysis.early.models import LEAST_EVENTS, Known, fit_all
from analysis.early.scale import FoldLink, fit_link, on_common_scale

CROSS, STUDY_OUT, EXTERNAL = "cross-validation", "leave one study out", "external"


@dataclass(frozen=True)
class Split:
    """`kind` of validation, `name` within it, and the persons (subject_id) on both sides."""

    kind: str
    name: str
    train: pd.Index
    test: pd.Index

    def __post_init__(self) -> None:
        both = self.train.intersection(self.test)
        if len(both):
            raise EarlyError(f"split {self.name}: {len(both)} persons would be trained on and tested")


def cross_validation(material: Material, n: int, seed: int) -> list[Split]:
    """`n` parts of the persons of each study by chance; no target has a say."""
    persons = material.persons
    rng = np.random.default_rng(seed)
    place = pd.Series(rng.permutation(len(persons)), index=persons.index)
    fold = place.groupby(persons["study_id"]).rank(method="first").astype(int) % n
    ids = pd.Index(persons["subject_id"])
    inside = fold.to_numpy()
    return [Split(CROSS, f"fold {f + 1}", ids[inside != f], ids[inside == f]) for f in range(n)]


def leave_one_study_out(material: Material) -> list[Split]:
    """Each study predicted from all others; none where there is one."""
    ids, study = pd.Index(material.persons["subject_id"]), material.persons["study_id"].to_numpy()
    if len(material.studies) < 2:
        return []
    return [Split(STUDY_OUT, s, ids[study != s], ids[study == s]) for s in material.studies]


def external(material: Material, train: Sequence[str], test: Sequence[str]) -> Split:
    """`test` studies predicted from `train` studies."""
    ids, study = pd.Index(material.persons["subject_id"]), material.persons["study_id"]
    name = f"{', '.join(train)} → {', '.join(test)}"
    return Split(EXTERNAL, name, ids[study.isin(train).to_numpy()], ids[study.isin(test).to_numpy()])


@dataclass(frozen=True)
class Fitted:
    """What a split fitted before any target was looked at."""

    link: FoldLink | None
    courses: Courses


def fit_split(training: Material, needs_link: bool, seed: int, say: Callable[[str], None]) -> Fitted:
    """Link and growth models of the training persons."""
    link = fit_link(training.pairs) if needs_link else None
    persons, scores = on_common_scale(training, link)
    return Fitted(link, fit_courses(persons, scores, seed, say))


def known_at(fitted: Fitted, material: Material, week: float) -> Known:
    """What is known at the landmark of those who are asked."""
    there = material.of(pd.Index(material.persons.loc[asked(material, week), "subject_id"]))
    persons, scores = on_common_scale(there, fitted.link)
    return Known(summaries(persons, scores, week), dynamic(fitted.courses, persons, scores, week))


def predict_split(
    material: Material,
    split: Split,
    *,
    landmarks: Sequence[float],
    targets: Sequence[str],
    seed: int = 1,
    say: Callable[[str], None] = lambda what: None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Predictions for the test persons, and what was fitted.

    One row per landmark, target, predictor and person asked: split, kind, landmark, target, predictor, subject_id,
    study_id, p, bad (the end, missing where not known). A target with fewer than 20 bad or good ends among the training
    persons gives no rows.
    """
    training, testing = material.of(split.train), material.of(split.test)
    needs_link = bool((material.persons["instrument_id"] == LINKED_FROM).any())
    say(f"{split.kind}, {split.name}: link and classes of {len(split.train)} persons")
    fitted = fit_split(training, needs_link, seed, lambda what: say(f"{split.name}: {what}"))
    study = testing.persons.set_index("subject_id")["study_id"]
    parts = []
    for week in landmarks:
        theirs, ours = known_at(fitted, training, week), known_at(fitted, testing, week)
        for name in targets:
            end = target(training, name, week).reindex(theirs.summary.index).dropna()
            if min(end.sum(), len(end) - end.sum()) < LEAST_EVENTS or ours.summary.empty:
                continue
            say(f"{split.kind}, {split.name}: predictors of {name}, week {week:g}")
            predictors = fit_all(theirs.rows(end.index), end.to_numpy(), seed)
            ids = ours.summary.index
            ends = target(testing, name, week).reindex(ids).to_numpy()
            for predictor, predict in predictors.items():
                parts.append(
                    pd.DataFrame(
                        {
                            "kind": split.kind,
                            "split": split.name,
                            "landmark": float(week),
                            "target": name,
                            "predictor": predictor,
                            "subject_id": ids,
                            "study_id": study.reindex(ids).to_numpy(),
                            "p": predict(ours),
                            "bad": ends,
                        }
                    )
                )
    about = told(split) | {
        "k": fitted.courses.k,
        "why": fitted.courses.why,
        "link_persons": fitted.link.n_persons if fitted.link else 0,
        "link_pairs": fitted.link.n_pairs if fitted.link else 0,
    }
    return (pd.concat(parts, ignore_index=True) if parts else blank()), about


def told(split: Split) -> dict[str, Any]:
    """What is known of a split before it is fitted."""
    return {"kind": split.kind, "split": split.name, "n_train": len(split.train), "n_test": len(split.test)}


def blank() -> pd.DataFrame:
    """No predictions."""
    return pd.DataFrame(columns="kind split landmark target predictor subject_id study_id p bad".split())
