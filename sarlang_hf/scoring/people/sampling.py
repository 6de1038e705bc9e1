"""Which items people get to see, and what a stratified sample says about everything it was drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


def allocate(sizes: Sequence[int], total: int, *, at_least: int = 0) -> list[int]:
    """Shares out a sample over strata: `at_least` items to each as far as it has them, the rest in proportion to what is left.

    Proportional shares are rounded by largest remainders, ties in the order of the strata; no stratum gives more than it has.

    Args:
        sizes: items in each stratum.
        total: items wanted; all there are if that is less.
        at_least: items that every stratum gives first.

    Raises:
        ValueError: `total` is too small for `at_least` of each.
    """
    first = [min(size, at_least) for size in sizes]
    left = min(total, sum(sizes)) - sum(first)
    if left < 0:
        raise ValueError(f"{total} items cannot give {at_least} to each of {len(sizes)} strata")
    spare = [size - given for size, given in zip(sizes, first, strict=True)]
    if not left:
        return first
    whole = [left * size // sum(spare) for size in spare]
    remainders = [left * size % sum(spare) for size in spare]
    by_remainder = sorted(range(len(sizes)), key=lambda index: -remainders[index])
    rounded_up = set(by_remainder[: left - sum(whole)])
    return [base + share + (index in rounded_up) for index, (base, share) in enumerate(zip(first, whole, strict=True))]


@dataclass(frozen=True)
class Sample:
    """Items drawn at random within strata whose sizes are known; estimates from it refer to all items of the strata.

    A stratum without an item in the sample (its raters left it blank) is represented by the others of its group, in proportion
    to their sizes; a group without any item is left out.

    Attributes:
        strata: (n,) stratum of each sampled item, 0..H-1.
        sizes: (H,) items of each stratum.
        groups: (H,) what each stratum may be represented within; here the verdict.
    """

    strata: NDArray[np.int64]
    sizes: NDArray[np.int64]
    groups: NDArray[np.int64]

    @classmethod
    def simple(cls, n: int) -> Sample:
        """`n` items drawn from all alike."""
        return cls(np.zeros(n, np.int64), np.array([n]), np.zeros(1, np.int64))

    def at(self, rows: NDArray[np.bool_]) -> Sample:
        """The sample if only some of its items had been rated."""
        return Sample(self.strata[rows], self.sizes, self.groups)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(H,) sampled items of each stratum."""
        return np.bincount(self.strata, minlength=len(self.sizes))

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """(H,) what each stratum stands for, of all; 0 for those without an item."""
        standing = np.where(self.counts > 0, self.sizes, 0).astype(float)
        wanted = np.bincount(self.groups, weights=self.sizes)
        found = np.bincount(self.groups, weights=standing)
        scale = np.divide(wanted, found, out=np.zeros_like(wanted), where=found > 0)
        standing *= scale[self.groups]
        shares: NDArray[np.float64] = standing / standing.sum()
        return shares

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """(n,) what each item stands for, of all; they sum to 1."""
        weights: NDArray[np.float64] = self.shares[self.strata] / self.counts[self.strata]
        return weights

    @property
    def effective(self) -> float:
        """Kish's effective sample size: the simple random sample that would be as large with equal weights."""
        return float(1 / np.sum(self.weights**2))

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(H,) mean of (n,) values in each stratum; that of its group for a stratum without an item."""
        sums = np.bincount(self.strata, weights=values, minlength=len(self.sizes))
        means = np.divide(sums, self.counts, out=np.zeros_like(sums), where=self.counts > 0)
        totals = np.bincount(self.groups, weights=self.shares)
        pooled = np.bincount(self.groups, weights=self.shares * means)
        pooled = np.divide(pooled, totals, out=np.zeros_like(pooled), where=totals > 0)
        filled: NDArray[np.float64] = np.where(self.counts > 0, means, pooled[self.groups])
        return filled

    def variance(self, values: NDArray[np.float64]) -> float:
        """Variance of the weighted mean of (n,) values: the sum over strata of squared share times variance over items.

        The variance within a stratum is divided by its items, not by one less: with a single stratum a large-sample
        standard error is then exactly the textbook's.
        """
        means = self.means(values)
        spread = np.bincount(self.strata, weights=(values - means[self.strata]) ** 2, minlength=len(self.sizes))
        drawn = self.counts > 0
        return float(np.sum(self.shares[drawn] ** 2 * spread[drawn] / self.counts[drawn] ** 2))
