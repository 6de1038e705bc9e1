"""What the answers that await a judge may still make of a mean: its interval and p-value at their worst.

The two extremes, all of them wrong or all of them right, do not bound these: a judge that is right about the answers of one
image alone makes the images differ, and the standard error larger than at either end. So for every mean that is still possible
the largest clustered standard error of any completion with this mean is taken. Given the mean, the variance is a sum over the
clusters of convex functions of their sums, to be maximised where the sums add up to a given total: a knapsack, bounded from
above by filling it in the order of gain per unit, the last cluster in part (Dantzig 1957). The bound exceeds the true maximum by
that one cluster's part alone, at most a quarter of the square of what is open in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.scoring.resampling import cluster_sums
from sarlang_hf.scoring.student import t_quantile
from sarlang_hf.scoring.uncertainty import two_sided_p

_STEPS = 256
"""Means beyond this number are taken together in steps, each with its least mean and its largest error."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Completions:
    """Every mean that unjudged answers allow, in steps.

    Attributes:
        low, high: (k,) the least and the largest mean of each step.
        se: (k,) a bound from above for the clustered standard error of any completion with such a mean.
        alike: whether all clusters may come to have the same mean, so that nothing varies.
        clusters: number of clusters, at least two.
    """

    low: Floats
    high: Floats
    se: Floats
    alike: bool
    clusters: int

    def largest_p(self) -> float:
        """No completion has a larger two-sided p-value (`uncertainty.two_sided_p`); 1 if the mean may be zero."""
        nearest = np.where(self.low > 0, self.low, np.minimum(self.high, 0))
        pvalues = [two_sided_p(mean, se, self.clusters) for mean, se in zip(nearest.tolist(), self.se.tolist(), strict=True)]
        # Where nothing varies the sign test takes the place of t, and has the larger value.
        return max(*pvalues, two_sided_p(1.0, 0.0, self.clusters) if self.alike else 0.0)

    def interval(self) -> tuple[float, float]:
        """The 95% interval of the mean of every completion lies within."""
        half = t_quantile(0.975, self.clusters - 1) * self.se
        return float((self.low - half).min()), float((self.high + half).max())


def completions(least: Floats, most: Floats, codes: NDArray[np.int64], count: int) -> Completions:
    """All completions of items that lie between two bounds.

    Args:
        least, most: (n,) whole numbers, the bounds of each item.
        codes: (n,) clusters, those of `resampling.cluster_codes`.
        count: number of clusters, at least two.
    """
    sizes, low, high = cluster_sums(np.stack([np.ones_like(least), least, most], axis=1), codes, count).T
    first, last = low.sum(), high.sum()
    edges = np.linspace(first, last + 1, int(min(last - first + 1, _STEPS)) + 1).round()
    starts, ends = edges[:-1], edges[1:] - 1
    squares = [_largest_square(sizes, low, high, start, end) for start, end in zip(starts, ends, strict=True)]
    se = np.sqrt(count / (count - 1) * np.array(squares)) / len(least)
    alike = bool((low / sizes).max() <= (high / sizes).min())
    return Completions(starts / len(least), ends / len(least), se, alike, count)


def _largest_square(sizes: Floats, low: Floats, high: Floats, start: float, end: float) -> float:
    """The most that squared deviations of cluster sums from their share of the total add up to, for totals in a range.

    For given sums they are convex in the mean, so that the ends of the range bound them.
    """
    return max(_filled(sizes, low, high, total / sizes.sum(), start, end) for total in {start, end})


def _filled(sizes: Floats, low: Floats, high: Floats, mean: float, start: float, end: float) -> float:
    """The knapsack: sums of squares about a given mean, of cluster sums that add up to a total between two."""
    room, gain = high - low, low + high - 2 * mean * sizes  # the gain of a unit, along the chord from `low` to `high`
    order = np.argsort(-gain, kind="stable")
    filled = np.concatenate([[0.0], np.cumsum(room[order])])
    gained = np.concatenate([[0.0], np.cumsum((room * gain)[order])])
    best = np.clip(room[gain > 0].sum(), start - low.sum(), end - low.sum())
    base = float(((low - mean * sizes) ** 2).sum())
    return max(0.0, base + float(np.interp(best, filled, gained)))
