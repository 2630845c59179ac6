"""The shape of a model in internal coordinates: how many parameters of which kind, and where each stands in a vector.

Three orders of parameters are used. The *class* order holds what one class sees: its fixed effects, then the variances
and covariances of the random effects, then the residual variances. The *natural* order stacks the membership logits,
the parts of the class order that differ between classes, and the parts that all classes share. The *free* order is
what the optimiser moves: Cholesky factors in place of covariances and logarithms of standard deviations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Structure:
    """Sizes of a growth mixture.

    Columns of a person's cross-products are ordered: `n_specific` fixed effects that differ between classes, `n_common`
    that do not, `n_extra` columns of random effects that are no fixed effect, the score. `random` names the columns
    of the random effects among them. `n_groups` counts the residual variances that belong to groups of persons.
    """

    k: int
    n_specific: int
    n_common: int
    n_extra: int
    random: tuple[int, ...]
    n_membership: int
    covariance: str = "common"
    diagonal: bool = False
    residual: str = "common"
    n_groups: int = 1

    @property
    def p(self) -> int:
        """Number of fixed effects of one class."""
        return self.n_specific + self.n_common

    @property
    def q(self) -> int:
        """Number of random effects."""
        return len(self.random)

    @property
    def m(self) -> int:
        """Number of columns of the cross-products, the score included."""
        return self.p + self.n_extra + 1

    @cached_property
    def pairs(self) -> tuple[Indices, Indices]:
        """Rows and columns of the entries of the upper triangle of a cross-product, in the order they are kept."""
        return np.triu_indices(self.m)

    @cached_property
    def position(self) -> Indices:
        """Where entry (a, b) of a symmetric cross-product is kept; (m, m)."""
        found = np.zeros((self.m, self.m), dtype=np.intp)
        a, b = self.pairs
        found[a, b] = found[b, a] = np.arange(len(a))
        return found

    @cached_property
    def cov_pairs(self) -> tuple[Indices, Indices]:
        """Rows and columns of the entries of the covariance of the random effects, as they are kept."""
        return np.triu_indices(self.q)

    @property
    def n_cov(self) -> int:
        """Number of variances and covariances of the random effects."""
        return self.q * (self.q + 1) // 2

    @property
    def own_covariance(self) -> bool:
        """Whether the covariance of the random effects differs between classes."""
        return self.q > 0 and self.k > 1 and self.covariance != "common"

    @property
    def own_residual(self) -> bool:
        """Whether the residual variance differs between classes."""
        return self.k > 1 and self.residual == "class"

    @property
    def regimes(self) -> int:
        """Number of different covariances of the scores of one person: one, or one per class."""
        return self.k if self.own_covariance or self.own_residual else 1

    # -- class order, and its parts within the natural order -----------------------------------------------------

    @property
    def width(self) -> int:
        """Length of the class order."""
        return self.p + self.n_cov + self.n_groups

    @property
    def n_own(self) -> int:
        """How many of the class order differ between classes; they stand first."""
        return self.n_specific + self.n_cov * self.own_covariance + self.n_groups * self.own_residual

    @cached_property
    def at(self) -> dict[str, Indices]:
        """Positions of `beta` (specific, then common), `cov` and `s2` in the class order."""
        n, own = self.n_specific, self.n_own
        cov = n if self.own_covariance else own + self.n_common
        if self.own_residual:
            s2 = n + self.n_cov * self.own_covariance
        else:
            s2 = own + self.n_common + self.n_cov * (not self.own_covariance)
        beta = np.r_[np.arange(n), own + np.arange(self.n_common)]
        return {
            "beta": beta.astype(np.intp),
            "cov": (cov + np.arange(self.n_cov)).astype(np.intp),
            "s2": (s2 + np.arange(self.n_groups)).astype(np.intp),
        }

    @property
    def n_logits(self) -> int:
        """Number of membership parameters; the last class is the reference."""
        return (self.k - 1) * self.n_membership

    @property
    def n_natural(self) -> int:
        """Length of the natural order."""
        return self.n_logits + self.k * self.n_own + self.width - self.n_own

    @cached_property
    def spread(self) -> Indices:
        """(k, width): where each of the class order of each class stands in the natural order."""
        own, shared = self.n_own, self.width - self.n_own
        first = self.n_logits + self.k * own
        rows = [np.r_[self.n_logits + g * own + np.arange(own), first + np.arange(shared)] for g in range(self.k)]
        return np.array(rows, dtype=np.intp)

    # -- free order ------------------------------------------------------------------------------------------------

    @cached_property
    def factor_entries(self) -> tuple[Indices, Indices]:
        """Rows and columns of the free entries of one Cholesky factor."""
        if self.diagonal:
            return np.arange(self.q), np.arange(self.q)
        return np.tril_indices(self.q)

    @cached_property
    def free(self) -> dict[str, slice]:
        """Slices of the free order: `logits`, `specific`, `common`, `factor`, `ratio`, `log_s`."""
        n_factor = len(self.factor_entries[0]) * (self.k if self.own_covariance and self.covariance == "class" else 1)
        sizes = {
            "logits": self.n_logits,
            "specific": self.k * self.n_specific,
            "common": self.n_common,
            "factor": n_factor,
            "ratio": self.k - 1 if self.own_covariance and self.covariance == "proportional" else 0,
            "log_s": self.n_groups * (self.k if self.own_residual else 1),
        }
        ends = np.cumsum(list(sizes.values()))
        return {name: slice(int(e - n), int(e)) for (name, n), e in zip(sizes.items(), ends, strict=True)}

    @property
    def n_free(self) -> int:
        """Length of the free order: the number of parameters."""
        return self.free["log_s"].stop

    def with_classes(self, k: int) -> Structure:
        """The same model with another number of classes."""
        from dataclasses import replace

        return replace(self, k=k)
