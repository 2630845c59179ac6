"""Genetic scores: a matrix of genotypes, a file of weights, how the two are matched, and a score per person."""

FOLDER = "genotypes"
"""Where the landed sets lie beside the published warehouse."""
FACTS = "facts.json"
COMPONENTS = 10
"""Ancestry components that are kept of each person."""
