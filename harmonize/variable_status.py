"""What every study says of every variable, condition and scale: the rows behind `marts.variable_coverage`.

What a study has is read from its mapping document; what it does not have, and why, stands in
`harmonize/mappings/<study>/not_collected.csv`. A study that is silent on a variable has no row: that it is not
stated is shown, never guessed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from harmonize.mapping import Block, MappingError, Target
from harmonize.study_rows import gathered_rows

COLUMNS = ("study_id", "entity", "variable_id", "label", "status", "block", "comment")
_NAMES = {"history": "variable_id", "conditions": "condition_id", "scales": "instrument_id"}
_VALUES = {
    "history": ("value_num", "value_code"),
    "conditions": ("status",),
    "scales": ("score", "items"),
}
_KNOWN = {
    "history": ("variables", "variable_id", "label"),
    "conditions": ("ref_conditions", "condition_id", "label"),
    "scales": ("ref_scales", "scale_id", "scale_name"),
}
# the best word counts where several blocks fill one variable
_RANK = ("complete", "partial", "todo", "impossible", "not_collected")
_ABSENT = ("not_collected", "impossible", "todo")


def variable_status_csv(blocks: Mapping[str, Iterable[Block]]) -> str:
    """The seed `variable_status`: one row per study, entity and variable. Raises MappingError."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for study, mine in blocks.items():
        for block in mine:
            for variable, said in _delivered(block):
                key = (study, block.entity.name, variable)
                row = {"status": said.status, "block": block.name, "comment": said.comment or block.comment}
                if key not in found or _RANK.index(row["status"]) < _RANK.index(found[key]["status"]):
                    found[key] = row
    for gap in gathered_rows("not_collected"):
        key = (gap["study_id"], gap["entity"], gap["variable_id"])
        _check(gap, delivered=key in found)
        found[key] = {"status": gap["status"], "block": "", "comment": gap["comment"]}
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for key in sorted(found):
        label = _labels(key[1]).get(key[2], "")
        writer.writerow(dict(zip(COLUMNS, key, strict=False)) | {"label": label} | found[key])
    return out.getvalue()


def _delivered(block: Block) -> Iterator[tuple[str, Target]]:
    """Names a block can give its rows, each with the target that limits it: the name itself or the value."""
    entity = block.entity.name
    if entity not in _NAMES:
        return
    values = [block.targets[name] for name in _VALUES[entity] if block.targets[name].verb != "none"]
    value = min(values or [block.targets[_VALUES[entity][0]]], key=lambda t: _RANK.index(t.status))
    named = block.targets[_NAMES[entity]]
    said = max(value, named, key=lambda t: _RANK.index(t.status))
    for name in dict.fromkeys(_names(block, named)):
        yield name, said


def _names(block: Block, target: Target) -> Iterator[str]:
    if target.verb == "recode":
        for part in target.args.split(";")[1:]:
            raw, sign, value = part.strip().rpartition("=")
            if sign and not raw.startswith("?"):
                yield value.strip()
    elif target.verb == "const" and not block.slots:
        yield target.args
    elif target.verb == "const":
        for slot in block.slots:
            yield slot.fill(target.args)


@cache
def _labels(entity: str) -> dict[str, str]:
    """Names for people by id; one condition may stand for the person and for the family."""
    seed, column, label = _KNOWN[entity]
    return {row[column]: row[label] for row in gathered_rows(seed)}


def _check(gap: Mapping[str, str], *, delivered: bool) -> None:
    file = f"harmonize/mappings/{gap['study_id']}/not_collected.csv"
    variable = f"{gap['entity']} {gap['variable_id']}"
    if gap["entity"] not in _KNOWN:
        raise MappingError(file, 0, f"unknown entity {gap['entity']!r}", f"Use one of {', '.join(_KNOWN)}")
    if gap["status"] not in _ABSENT:
        raise MappingError(file, 0, f"{variable}: unknown status {gap['status']!r}", f"Use one of {', '.join(_ABSENT)}")
    if gap["variable_id"] not in _labels(gap["entity"]):
        raise MappingError(file, 0, f"{variable} is not known", f"Take an id of the seed {_KNOWN[gap['entity']][0]}")
    if delivered:
        raise MappingError(
            file,
            0,
            f"{variable} is said to be {gap['status']}, but the mapping document fills it",
            "Remove one of them",
        )
