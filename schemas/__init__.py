"""The definition of the common data model, and the compiler from its rules to SQL, contracts and dictionary."""

from schemas.conditions import CONDITIONS
from schemas.entity import Entity, Rule, rules
from schemas.genotypes import GENOTYPES
from schemas.history import HISTORY
from schemas.scales import SCALES
from schemas.steps import STEPS
from schemas.subjects import SUBJECTS
from schemas.treatments import TREATMENTS
from schemas.visits import VISITS

ENTITIES: dict[str, Entity] = {
    e.name: e for e in (SUBJECTS, STEPS, VISITS, SCALES, TREATMENTS, HISTORY, CONDITIONS, GENOTYPES)
}
"""The tables of the common data model in the order of their gates."""

__all__ = ["ENTITIES", "Entity", "Rule", "rules"]
