"""The persons of one chunk, and what all their forms share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harmonize.sources import Study
from harmonize.synthetic.draws import Draws, Ints
from harmonize.synthetic.stard_course import draw_course
from harmonize.synthetic.stard_levels import Course
from harmonize.synthetic.stard_persons import subject_keys, subject_numbers
from harmonize.synthetic.stard_population import POPULATION, Population, step_numbers
from harmonize.synthetic.stard_visits import Visits, clinic_visits
from harmonize.synthetic.text_columns import Column, constant, dates, numbers, table, words
from harmonize.synthetic.worlds import World

Made = TypeVar("Made")

FIRST_STUDY_NUMBER = 10_001
"""src_subject_id of the first person screened."""

# Spelling of levels by file (dossier section 3).
LEVEL_DASH = ("Level 1", "Level 2", "Level 2A", "Level 3", "Level 4", "Follow-Up")
LEVEL_TWO_WAYS = ("Level 1", "Level 2", "Level 2.1", "Level 3", "Level 4", "Follow-Up", "Level_2-1")
LEVEL_CALLS = ("Enrollment", "Level 1", "Level 2", "Level 2A", "Level 3", "Level 4", "Follow up")

_DAY_RANGE = (-30, 1000)
_AGE_RANGE = (190, 960)
WEEK_LABELS = ("0.1", "0", "2", "4", "6", "9", "12", "14", "2.1", "2.3", "2.6")


class Chunk:
    """The persons `first` … `first + count - 1` and everything their forms share."""

    def __init__(
        self, study: Study, first: int, count: int, seed: int, there: World, p: Population = POPULATION
    ) -> None:
        self.study = study
        self.seed = seed
        self.p = p
        self.world = there
        self.draws = Draws(seed)
        self.course: Course = draw_course(first, count, seed, p, there)
        self.number = self.course.persons.number
        numbers_ = subject_numbers(self.number)
        self.subject_key = subject_keys(numbers_, seed)
        self.src_subject_id = pa.array((numbers_ + FIRST_STUDY_NUMBER).astype("U12"), type=pa.string())
        self._made: dict[Callable[[Chunk], Any], Any] = {}

    def once(self, make: Callable[[Chunk], Made]) -> Made:
        """What `make` gives for this chunk; made at the first request, then kept."""
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made

    @cached_property
    def solved(self) -> dict[str, float]:
        """The solved numbers of the world."""
        return step_numbers(self.world)

    @cached_property
    def visits(self) -> Visits:
        """Clinic visits."""
        return clinic_visits(self.course, self.seed, self.p)

    @cached_property
    def week_label(self) -> Ints:
        """Week of each clinic visit as ccv01 spells it: a position in the week labels."""
        v = self.visits
        odd = (v.visit == 1) & self.draws.chance("odd week", v.key, 0.2)
        plain = np.where(v.copied | (v.visit > 0), v.visit + 1, 0)
        return np.where(odd, 8 + self.draws.below("which odd week", v.key, 3), plain)

    def table(self, form: str, person: Ints, day: Ints, columns: Mapping[str, Column], first_id: int) -> pa.Table:
        """Rows of a form about persons of the chunk: the archive's own columns, then `columns`."""
        p = self.course.persons
        who = {
            "subjectkey": pa.DictionaryArray.from_arrays(pa.array(person.astype(np.int32)), self.subject_key),
            "src_subject_id": pa.DictionaryArray.from_arrays(pa.array(person.astype(np.int32)), self.src_subject_id),
        }
        times = dated(p.enrolled_on[person], p.age_months[person], p.female[person], day)
        return finished(self.study, form, {**who, **times, **columns}, day, first_id)


def dated(enrolled_on: Ints, age_months: Ints, female: NDArray[np.bool_], day: Ints) -> dict[str, Column]:
    """Date, age and sex as of the day."""
    return {
        "interview_date": dates(enrolled_on + day),
        "interview_age": numbers(age_months + np.floor_divide(day * 12, 365), *_AGE_RANGE),
        "sex": words(female.astype(np.int8), ("M", "F")),
    }


def finished(study: Study, form: str, columns: Mapping[str, Column], day: Ints, first_id: int) -> pa.Table:
    """The table of a form, with the archive's own columns put in."""
    declared, rows = study.form(form), len(day)
    archive: dict[str, Column] = {
        "collection_id": constant("0000", rows),
        "dataset_id": constant("00000", rows),
        f"{form}_id": pa.array(np.arange(first_id, first_id + rows)).cast(pa.string()),
    }
    if "days_baseline" in declared.column_names:
        archive["days_baseline"] = numbers(day, *_DAY_RANGE)
    return table(declared, {**archive, **columns}, rows)
