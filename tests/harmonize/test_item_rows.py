"""Files with one row per item: how rows are joined, and what `trd new-study` makes of such files.

Expected items are written by hand. Each file is SYNTHETIC.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from harmonize import check_study as checks
from harmonize.draft import Block as Drafted
from harmonize.draft import Draft
from harmonize.mapping import Block
from harmonize.paths import Warehouse
from harmonize.pivot_sql import joined_rows_sql
from harmonize.profile_roles import Answers
from tests.harmonize import sqlkit
from tests.harmonize.test_new_study import compiled, place
from tests.harmonize.test_new_study_unseen import PEOPLE, asked, drafted, row
from tests.harmonize.test_verbs import Toy

__all__ = ["place"]
PHQ2 = "item -> answer: p1, p2, sum"


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path, {"visit": "", "item": "", "answer": "missing: {'9': unknown}"})


def phq2(toy: Toy) -> Block:
    constant = {"step_id": "1", "instrument_id": "PHQ2", "rater": "self", "contact": "clinic", "occasion": "1"}
    rows = {name: f"const,{value}" for name, value in constant.items()}
    return toy.block("scales", "", PHQ2, **rows, day="copy,visit", score="copy,{3}", items="items,PHQ2; {1}; {2}")


def answers(*cells: tuple[str, str, str, str]) -> list[sqlkit.Raw]:
    return [dict(zip(("id", "visit", "item", "answer"), c, strict=True)) for c in cells]


def told(found: list[dict[str, Any]]) -> list[tuple[int, int, list[float | None] | None, float | None]]:
    return [(r["src_row"], r["day"], r["items"], r["score"]) for r in found]


def test_rows_of_one_occasion_become_one_in_the_order_of_the_list(toy: Toy) -> None:
    """Rows lie as they like; an item not asked is null, one of another form no part; each person and day apart."""
    rows = answers(
        ("1", "0", "sum", "5"), ("1", "0", "p2", "3"), ("2", "0", "p1", "1"), ("1", "0", "p1", "2"),
        ("1", "14", "p2", "0"), ("1", "14", "weight", "80"), ("2", "0", "sum", "1"),
    )  # fmt: skip
    found = toy.candidates(phq2(toy), *rows)
    assert told(found) == [(1, 0, [2, 3], 5), (3, 0, [1, None], 1), (5, 14, [None, 0], None)]
    assert all(not r["issues"] for r in found)


def test_an_item_twice_is_once_where_it_agrees_and_a_second_candidate_where_not(toy: Toy) -> None:
    """The second candidate has the first one's key, so the gate refuses both as a conflict."""
    same = answers(("1", "0", "p1", "2"), ("1", "0", "p2", "1"), ("1", "0", "p1", "2"))
    assert told(toy.candidates(phq2(toy), *same)) == [(1, 0, [2, 1], None)]
    other = answers(("1", "0", "p1", "2"), ("1", "0", "p2", "1"), ("1", "0", "p1", "3"))
    assert told(toy.candidates(phq2(toy), *other)) == [(1, 0, [2, 1], None), (3, 0, [3, None], None)]


def test_answers_that_are_none_and_rows_that_name_nobody(toy: Toy) -> None:
    """9 means missing, <1 is a cell issue, 7 is no answer of the form; rows without a person are not joined."""
    rows = answers(("1", "0", "p1", "9"), ("1", "0", "p2", "<1"), ("1", "0", "sum", "2"), ("1", "7", "p1", "7"))
    found = toy.candidates(phq2(toy), *rows)
    assert told(found) == [(1, 0, None, 2), (4, 7, None, None)]
    assert [r["issues"] for r in found] == [{("items", "answer__2")}, {("items", "answer__1")}]
    assert len(toy.candidates(phq2(toy), *answers(("", "0", "p1", "1"), ("", "0", "p2", "1")))) == 2


def test_every_row_is_used_joined_or_of_another_item(toy: Toy) -> None:
    """The identity: rows of items = candidates + rows joined to one; here 6 = 2 + 4."""
    rows = answers(*(("1", d, i, "1") for d, i in product(("0", "7"), ("p1", "p2", "sum", "other"))))
    block = phq2(toy)
    with sqlkit.connect() as connection:
        found = sqlkit.candidates(connection, toy.study, block, rows)
        used = "(select * from stg_toy__f where item in ('p1', 'p2', 'sum')) as used"
        joined = connection.execute(joined_rows_sql(block, used)).fetchall()
    assert [r["src_row"] for r in found] == [1, 5]
    assert sorted(joined) == [(2,), (3,), (6,), (7,)]


# --- what a draft makes of them --------------------------------------------------------------------------------


def scales(made: Draft) -> dict[str, Drafted]:
    return {b.name: b for b in made.blocks if b.entity == "scales"}


def long(header: str, *cells: tuple[object, ...]) -> str:
    return header + "\n" + "".join(",".join(map(str, c)) + "\n" for c in cells)


def test_items_with_names_and_their_total(place: Path) -> None:
    """-9 is a code, as no item and no total can be -9; the difficulty item is of no form and told of."""
    names = [*(f"PHQ9_{i}" for i in range(1, 10)), "PHQ9 total", "weight"]
    cells = [(p, v, n, 5 if n == "PHQ9 total" else p % 4) for p, v, n in product(PEOPLE, ("BL", "W4"), names)]
    made = drafted(place, ("x.csv", long("person,visit,item,value", *cells, (1, "W8", "PHQ9_1", -9))))
    (block,) = scales(made).values()
    assert block.unpivot == "item -> value: PHQ9 total, " + ", ".join(f"PHQ9_{i}" for i in range(1, 10))
    assert block.targets["score"][:2] == ("copy", "{1}")
    items = "; ".join(["PHQ9", *(f"{{{i}}}" for i in range(2, 11)), "-"])
    assert block.targets["items"][:3] == ("items", items, "complete")
    assert asked(made) == []
    assert any("rows of weight (24) belong to no form" in n.text for n in made.notes)
    assert compiled(place)["phq9"].form.column("value").missing["-9"] == "unknown"


def test_numbers_of_items_with_the_instrument_beside_them(place: Path) -> None:
    """Numbers are items of the form that the other column names: one block each."""
    forms = (("PHQ-9", 9), ("MADRS", 10))
    cells = [(p, s, d, i, i % 2) for p, (s, n), d in product(PEOPLE, forms, (0, 14)) for i in range(1, n + 1)]
    made = drafted(place, ("x.csv", long("subjid,scale,day,item,score", *cells)))
    assert {n: b.unpivot.count(",") + 1 for n, b in scales(made).items()} == {"phq9": 9, "madrs": 10}
    assert "other_scale: scale in ('PHQ-9')" in scales(made)["phq9"].filters
    assert asked(made) == []
    compiled(place)


def test_an_instrument_named_on_the_command_line_and_words_whose_order_is_asked(place: Path) -> None:
    """Words that reference.scale_items knows are put in its order; others keep theirs, and the order is asked."""
    words = ["zehn", "neun", "acht", "sieben", "sechs", "fuenf", "vier", "drei", "zwei", "eins"]
    cells = [(p, w, i, p % 7) for p, w in product(PEOPLE, (0, 2)) for i in words]
    answer = Answers(instruments={"item": "MADRS"})
    made = drafted(place, ("x.csv", long("id,week,item,rating", *cells)), answers=answer)
    assert row(made, "madrs", "items")[1].startswith("MADRS; {1}")
    assert [q.partition(":")[2][:48] for q in asked(made)] == [" the names of the items do not say their order: "]
    assert scales(made)["madrs"].targets["items"][2] == "todo"
    known = (
        "lassitude apparent_sadness reported_sadness inner_tension reduced_sleep reduced_appetite"
        " concentration_difficulties inability_to_feel pessimistic_thoughts suicidal_thoughts"
    ).split()
    cells = [(p, w, i, p % 7) for p, w in product(PEOPLE, (0, 2)) for i in known]
    made = drafted(place, ("x.csv", long("id,week,item,rating", *cells)), answers=answer)
    assert asked(made) == []
    assert scales(made)["madrs"].unpivot.startswith("item -> rating: apparent_sadness, reported_sadness")


def test_items_without_a_time_and_a_form_nobody_knows(place: Path) -> None:
    """Nobody answers an item twice: one occasion. The form becomes a scale of the study; numbers are no visits."""
    cells = [(p, i, (p + i) % 4) for p, i in product(PEOPLE, range(1, 7))]
    made = drafted(place, ("mood.csv", long("id,item,answer", *cells)))
    (block,) = scales(made).values()
    assert block.unpivot == "item -> answer: 1, 2, 3, 4, 5, 6"
    assert block.targets["day"][:2] == ("const", "0")
    assert [r["item_name"] for r in made.rows["scale_items"]] == ["1", "2", "3", "4", "5", "6"]
    assert asked(made) == []
    compiled(place)


def test_visits_counted_beside_items_stay_visits(place: Path) -> None:
    """A second counting column with all its values at one time is the item, the one that steps on the visit."""
    cells = [(p, v, i, (p + i) % 3) for p, v, i in product(PEOPLE, (1, 2), range(1, 18))]
    made = drafted(place, ("hamd.csv", long("id,visit,nr,val", *cells)), answers=Answers(times={"1": 0, "2": 14}))
    (block,) = scales(made).values()
    assert block.unpivot.startswith("nr -> val: 1, 2")
    assert row(made, block.name, "instrument_id") == ("const", "HRSD17")
    assert made.codes["hamd", "visit"] == {"1": "0", "2": "14"}


def test_codes_that_a_list_cannot_hold_are_asked_for(place: Path) -> None:
    words = ("Mood, low", "Sleep; early", "Guilt")
    cells = [(p, w, f'"{i}"', p % 3) for p, w, i in product(PEOPLE, (0, 2), words)]
    made = drafted(place, ("x.csv", long("id,week,item,rating", *cells)))
    assert list(scales(made)) == ["waiting_rating"]
    assert "which of them belong to one form?" in asked(made)[0]
    found = checks.check_study("toy", Warehouse(place / "house"))
    assert any(f.blocks and f.column == "waiting_rating.instrument_id" for f in found)
