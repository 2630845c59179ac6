"""Genetic scores: a matrix of genotypes, a file of weights, how the two are matched, and a score per person."""
