"""Error bars for scores whose items are not independent: several questions ask about one image.

Miller, "Adding Error Bars to Evals", arXiv 2411.00640, equation 4. On simulated answers with 10 questions an image and an
intra-image correlation of 0.3, intervals that ignore the images are too narrow by a factor of almost two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sarlang_hf.scoring.multiple import holm, minimum_detectable_difference
from sarlang_hf.scoring.resampling import (
    RESAMPLES,
    bleu_interval,
    cluster_codes,
    cluster_sums,
    cluster_weights,
    percentiles,
    resampled_sums,
)
from sarlang_hf.scoring.student import t_quantile, t_two_sided_p

__all__ = [
    "Difference",
    "Interval",
    "bleu_interval",
    "cluster_weights",
    "clustered_interval",
    "holm",
    "minimum_detectable_difference",
    "paired_bootstrap",
    "t_quantile",
    "t_two_sided_p",
    "two_way_interval",
    "wilson",
]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its clustered standard error and two-sided interval; None where one cluster leaves them undefined."""

    mean: float
    se: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between two runs on the same items.

    Attributes:
        mean: the first minus the second.
        low, high: its 95% interval.
        p: two-sided p-value of the hypothesis that there is no difference.
        se: its standard error.
        n: items.
        clusters: distinct clusters among them; with a single one, there is no interval, standard error or p-value (None).
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    se: float | None
    n: int
    clusters: int


def clustered_interval(values: ArrayLike, clusters: Sequence[Any] | NDArray[Any], *, level: float = 0.95) -> Interval:
    """Mean of item scores with an interval that treats the items of one cluster as dependent.

    The variance of the mean is equation 4 of Miller 2024, the sum over clusters of the squared sum of deviations from the
    mean, divided by n squared; times C / (C - 1), which the paper leaves out and without which few clusters give too narrow
    an interval. The interval takes the t distribution with C - 1 degrees of freedom.

    Args:
        values: (n,) scores, any real numbers.
        clusters: (n,) cluster of each item, ids of any one hashable type; here image ids.
        level: coverage, between 0 and 1.

    Raises:
        ValueError: no items, lengths that differ, a value that is not finite, or a level outside (0, 1).
    """
    scores = np.asarray(values, dtype=np.float64)
    _check(scores, clusters, level)
    codes, count = cluster_codes(clusters)
    mean = float(scores.mean())
    if count == 1:
        return Interval(mean=mean, se=None, low=None, high=None, n=len(scores), clusters=1)
    se = math.sqrt(_variance(scores - mean, codes, count))
    half = t_quantile(0.5 + level / 2, count - 1) * se
    return Interval(mean=mean, se=se, low=mean - half, high=mean + half, n=len(scores), clusters=count)


def paired_bootstrap(
    a: ArrayLike,
    b: ArrayLike,
    clusters: Sequence[Any] | NDArray[Any],
    *,
    resamples: int = RESAMPLES,
    rng: np.random.Generator,
) -> Difference:
    """Mean difference of two runs on the same items: interval from the paired cluster bootstrap, p-value from the clustered t.

    The p-value does not come from the resamples: 2,000 of them cannot tell 0.001 from 0.0001, which Holm's correction over
    many pairs needs. It is that of the mean over its clustered standard error (`clustered_interval`) against t with C - 1
    degrees of freedom. The interval takes expanded percentiles (`resampling.percentiles`): on simulated answers it covered the
    truth in 84% for 3, 92% for 5, and 95% for 10, 20 and 40 images; plain percentiles in 86%, 90%, 92% and 94% for 5 to 40.

    Args:
        a: (n,) scores of the first run.
        b: (n,) scores of the second run on the same items, in the same order.
        clusters: (n,) cluster of each item.
        resamples: number of resamples.
        rng: source of the draws.

    Raises:
        ValueError: no items, lengths that differ, or a value that is not finite.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"scores of shape {first.shape} cannot be paired with scores of shape {second.shape}")
    differences = first - second
    _check(differences, clusters, 0.95)
    codes, count = cluster_codes(clusters)
    sums = cluster_sums(np.stack([differences, np.ones_like(differences)], axis=1), codes, count)
    totals = resampled_sums(sums, resamples=resamples, rng=rng) if count > 1 else sums
    return difference_of_means(differences, codes, count, totals[:, 0] / totals[:, 1])


def difference_of_means(
    differences: NDArray[np.float64], codes: NDArray[np.int64], count: int, estimates: NDArray[np.float64]
) -> Difference:
    """The `Difference` of items whose bootstrap estimates (resamples,) are known; `codes` are those of `cluster_codes`."""
    mean, n = float(differences.mean()), len(differences)
    if count == 1:
        return Difference(mean=mean, low=None, high=None, p=None, se=None, n=n, clusters=1)
    se = math.sqrt(_variance(differences - mean, codes, count))
    low, high = percentiles(estimates, count)
    return Difference(mean, float(low), float(high), two_sided_p(mean, se, count), se=se, n=n, clusters=count)


def two_sided_p(mean: float, se: float, clusters: int) -> float:
    """P-value of a difference over its standard error, against t with `clusters` - 1 degrees of freedom.

    Where nothing varies there is no t: no difference at all has p = 1, and one that is the same everywhere that of the sign
    test over clusters, 2 ** (1 - clusters), so that two images never make a discovery.
    """
    if mean == 0:
        return 1.0
    if se <= 1e-12 * abs(mean):  # rounding alone
        return float(2.0 ** (1 - clusters))
    return t_two_sided_p(mean / se, clusters - 1)


def wilson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share of k among n independent items, for small n (Wilson 1927).

    Raises:
        ValueError: n is not positive, k lies outside 0..n, or the level outside (0, 1).
    """
    from scipy.special import ndtri

    if not 0 <= k <= n or n == 0:
        raise ValueError(f"{k} of {n} is no share")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    z, share = float(ndtri(0.5 + level / 2)), k / n
    middle, scale = share + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the formula gives exactly 0 or 1, which rounding misses.
    return (0.0 if k == 0 else (middle - half) / scale), (1.0 if k == n else (middle + half) / scale)


def two_way_interval(
    values: ArrayLike, rows: Sequence[Any] | NDArray[Any], columns: Sequence[Any] | NDArray[Any], *, level: float = 0.95
) -> Interval:
    """Mean of values that depend on two crossed factors, here questions and raters, both a sample of more.

    The variance is the one clustered by rows plus the one clustered by columns minus the one of the cells they share (Cameron,
    Gelbach and Miller 2011, equation 2.11), each with its C / (C - 1); the interval takes t with min(rows, columns) - 1 degrees
    of freedom, as they advise. It is never taken smaller than either of the first two, below which only chance brings it. On
    simulated answers of 3 raters to 30 questions it covered the truth in 94% to 99%; clustering by question alone in 56% to
    94%. With few raters it is wide: three raters know little about raters.

    Args:
        values: (n,) scores; not every rater needs to have answered every question.
        rows: (n,) the question of each value.
        columns: (n,) the rater of each value.
        level: coverage, between 0 and 1.

    Returns:
        `clusters` is the smaller number of the two; with one question or one rater there is no standard error (None).

    Raises:
        ValueError: no values, lengths that differ, a value that is not finite, or a level outside (0, 1).
    """
    scores = np.asarray(values, dtype=np.float64)
    _check(scores, rows, level)
    _check(scores, columns, level)
    (row, n_rows), (column, n_columns) = cluster_codes(rows), cluster_codes(columns)
    mean, smaller = float(scores.mean()), min(n_rows, n_columns)
    if smaller == 1:
        return Interval(mean=mean, se=None, low=None, high=None, n=len(scores), clusters=1)
    deviations = scores - mean
    by_row, by_column = _variance(deviations, row, n_rows), _variance(deviations, column, n_columns)
    both = by_row + by_column - _variance(deviations, *cluster_codes(row * n_columns + column))
    se = math.sqrt(max(both, by_row, by_column))
    half = t_quantile(0.5 + level / 2, smaller - 1) * se
    return Interval(mean=mean, se=se, low=mean - half, high=mean + half, n=len(scores), clusters=smaller)


def _variance(deviations: NDArray[np.float64], codes: NDArray[np.int64], count: int) -> float:
    """Variance of the mean, from the deviations from it, with dependent items within each of `count` clusters."""
    sums = np.bincount(codes, weights=deviations, minlength=count)
    return count / (count - 1) * float(sums @ sums) / len(deviations) ** 2


def _check(scores: NDArray[np.float64], clusters: Sequence[Any] | NDArray[Any], level: float) -> None:
    if scores.ndim != 1 or len(scores) == 0:
        raise ValueError(f"values must be a non-empty list of numbers, not an array of shape {scores.shape}")
    if len(clusters) != len(scores):
        raise ValueError(f"{len(scores)} values but {len(clusters)} clusters")
    if not np.isfinite(scores).all():
        raise ValueError(f"value {int(np.flatnonzero(~np.isfinite(scores))[0])} is not finite")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
