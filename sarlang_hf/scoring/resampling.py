"""The cluster bootstrap: whole images are drawn with replacement, all questions of an image together.

A resample is a vector of weights, how often each cluster was drawn. Every statistic here is a function of sums over items, so
that a resample costs one product of the weights with the sums of each cluster, whatever the number of items. Statistics that
get the same weights are compared pair by pair (Koehn 2004, who resampled sentences).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.scoring.student import t_quantile

RESAMPLES = 2000
_CHUNK_BYTES = 1 << 24


class BleuInterval(NamedTuple):
    """BLEU-1..4 x 100 under resampling, (4,) each: 95% interval, standard error. NaN for one cluster."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    se: NDArray[np.float64]


def cluster_codes(clusters: Sequence[Any] | NDArray[Any]) -> tuple[NDArray[np.int64], int]:
    """Cluster ids of any one hashable type as (n,) integers from 0 in the order of their first items, and their number."""
    seen: dict[Any, int] = {}
    codes = np.fromiter((seen.setdefault(cluster, len(seen)) for cluster in _plain(clusters)), np.int64, len(clusters))
    return codes, len(seen)


def cluster_sums(values: NDArray[Any], codes: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Sums of the rows of `values` (n, m) over the items of each cluster, (count, m) float64."""
    columns = [np.bincount(codes, weights=column, minlength=count) for column in np.asarray(values, dtype=np.float64).T]
    return np.stack(columns, axis=1)


def cluster_weights(n_clusters: int, *, resamples: int = RESAMPLES, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """How often each cluster is drawn in each resample of `n_clusters` draws with replacement.

    Yields:
        (r, n_clusters) float64, r rows at a time that fit into some megabytes, `resamples` rows in all. The rows do not depend
        on how they are divided.

    Raises:
        ValueError: no clusters or no resamples.
    """
    if n_clusters < 1 or resamples < 1:
        raise ValueError(f"a bootstrap needs clusters and resamples, not {n_clusters} and {resamples}")
    at_once = max(1, _CHUNK_BYTES // (8 * n_clusters))
    for start in range(0, resamples, at_once):
        chunk = np.empty((min(at_once, resamples - start), n_clusters))
        for row in chunk:
            # Counted draws are a multinomial sample, which numpy would make from one slow binomial draw per cluster.
            row[:] = np.bincount(rng.integers(n_clusters, size=n_clusters, dtype=np.int32), minlength=n_clusters)
        yield chunk


def resampled_sums(sums: NDArray[np.float64], *, resamples: int = RESAMPLES, rng: np.random.Generator) -> NDArray[np.float64]:
    """Totals of each resample, (resamples, m), from the sums (C, m) of each cluster; all m columns share their weights."""
    chunks = cluster_weights(len(sums), resamples=resamples, rng=rng)
    return np.concatenate([weights @ sums for weights in chunks])


def percentiles(
    estimates: NDArray[np.float64], n_clusters: int, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The expanded percentile interval of each column of (resamples, m) estimates: lower and upper ends, (m,) each.

    Plain percentiles are too narrow for few clusters, like a normal interval from a variance with divisor C. Hesterberg (2015,
    "What Teachers Should Know About the Bootstrap", section 5.3) takes further quantiles instead, those of the normal
    distribution at sqrt(C / (C - 1)) times the t quantile: 2.5% becomes 0.9% for 10 clusters, 2.4% for 1,000.
    """
    from scipy.special import ndtr

    stretched = t_quantile(0.5 + level / 2, n_clusters - 1) * math.sqrt(n_clusters / (n_clusters - 1))
    tail = float(ndtr(-stretched))
    low, high = np.quantile(estimates, [tail, 1 - tail], axis=0)
    return low, high


def bleu_interval(
    statistics: NDArray[Any], clusters: Sequence[Any] | NDArray[Any], *, resamples: int = RESAMPLES, rng: np.random.Generator
) -> BleuInterval:
    """95% percentile interval and standard error of corpus BLEU-1..4 under the cluster bootstrap.

    BLEU is no mean over items, so it is computed anew from the resampled sums of its sufficient statistics.

    Args:
        statistics: (n, 10) `CaptionScores.bleu_statistics`.
        clusters: (n,) cluster of each item; here image ids.
        resamples: number of resamples.
        rng: source of the draws.

    Raises:
        ValueError: no items, or lengths that differ.
    """
    from sarlang_hf.scoring.captions import bleu_from_statistics

    if len(statistics) == 0 or len(statistics) != len(clusters):
        raise ValueError(f"{len(statistics)} rows of statistics but {len(clusters)} clusters")
    codes, count = cluster_codes(clusters)
    if count == 1:
        undefined = np.full(4, np.nan)
        return BleuInterval(undefined, undefined.copy(), undefined.copy())
    estimates = bleu_from_statistics(resampled_sums(cluster_sums(statistics, codes, count), resamples=resamples, rng=rng))
    return BleuInterval(*percentiles(estimates, count), estimates.std(axis=0, ddof=1))


def _plain(clusters: Sequence[Any] | NDArray[Any]) -> Sequence[Any]:
    listed: Sequence[Any] = clusters.tolist() if isinstance(clusters, np.ndarray) else clusters
    return listed
