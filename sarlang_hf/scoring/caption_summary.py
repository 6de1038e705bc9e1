"""What scored caption rows add up to, with intervals: means of ROUGE_L and CIDEr; BLEU and length ratio from summed counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.scoring.caption_scorecard import CaptionScore, Metric
from sarlang_hf.scoring.captions import bleu_from_statistics
from sarlang_hf.scoring.uncertainty import bleu_interval, clustered_interval

BLEU_ORDERS: tuple[Metric, ...] = ("bleu_1", "bleu_2", "bleu_3", "bleu_4")
RESAMPLES = 2000

Range = tuple[float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The rows of one kind of reference.

    Attributes:
        per_row: (n,) float64 scores x100 by metric, of the metrics that are means over rows.
        statistics: (n, 10) int64, BLEU's counts as `captions.CaptionScores` has them.
        clusters: (n,) cluster of each row, integers.
        missing: (n,) bool, whether there was no prediction.
        bounded: the metrics that a missing prediction, taken for an empty one, bounds from below.
    """

    per_row: Mapping[Metric, NDArray[np.float64]]
    statistics: NDArray[np.int64]
    clusters: NDArray[np.int64]
    missing: NDArray[np.bool_]
    bounded: frozenset[Metric]

    def at(self, rows: NDArray[Any]) -> Measured:
        """Some of the rows: their numbers, or a mask."""
        per_row = {metric: values[rows] for metric, values in self.per_row.items()}
        return Measured(per_row, self.statistics[rows], self.clusters[rows], self.missing[rows], self.bounded)


def caption_score(measured: Measured, metric: Metric, value: float, interval: Range) -> CaptionScore:
    """A score over some rows, from its value and interval with missing predictions taken for empty ones.

    While predictions are missing there is no value, and a metric outside of `bounded` may yet become anything from 0.
    """
    n, clusters, n_missing = len(measured.missing), len(np.unique(measured.clusters)), int(measured.missing.sum())
    if not n_missing:
        return CaptionScore(n, clusters, 0, value, value, interval)
    if metric in measured.bounded:
        return CaptionScore(n, clusters, n_missing, None, value, interval)
    return CaptionScore(n, clusters, n_missing, None, 0.0, None)


def summarize(measured: Measured, rng: np.random.Generator) -> dict[Metric, CaptionScore]:
    """Scores at least one row.

    ROUGE_L and CIDEr, means over rows, have the clustered t interval; so has the length ratio, through its linearisation as a
    ratio of sums. BLEU has the percentile interval of a cluster bootstrap over its counts.

    Args:
        measured: the rows.
        rng: draws the bootstrap.

    Returns:
        By metric; without `length_ratio` where the references hold no word.
    """
    found = _bleu(measured, rng)
    for metric, values in measured.per_row.items():
        interval = clustered_interval(values, measured.clusters)
        found[metric] = interval.mean, _positive(interval.low, interval.high)
    lengths = measured.statistics[:, -2:]
    if lengths[:, 1].any():
        found["length_ratio"] = _ratio(lengths, measured.clusters)
    return {metric: caption_score(measured, metric, value, interval) for metric, (value, interval) in found.items()}


def _bleu(measured: Measured, rng: np.random.Generator) -> dict[Metric, tuple[float, Range]]:
    values = bleu_from_statistics(measured.statistics.sum(axis=0))
    if len(np.unique(measured.clusters)) == 1:
        return {metric: (float(value), None) for metric, value in zip(BLEU_ORDERS, values, strict=True)}
    low, high, _ = bleu_interval(measured.statistics, measured.clusters, resamples=RESAMPLES, rng=rng)
    return {
        metric: (float(value), (float(lower), float(upper)))
        for metric, value, lower, upper in zip(BLEU_ORDERS, values, low, high, strict=True)
    }


def _ratio(lengths: NDArray[np.int64], clusters: NDArray[np.int64]) -> tuple[float, Range]:
    """Sum over sum, with the interval of its first-order expansion: the mean of ratio + (p - ratio r) / mean(r)."""
    predicted, wanted = lengths[:, 0], lengths[:, 1]
    ratio = float(predicted.sum() / wanted.sum())
    interval = clustered_interval(ratio + (predicted - ratio * wanted) / wanted.mean(), clusters)
    return ratio, _positive(interval.low, interval.high)


def _positive(low: float | None, high: float | None) -> Range:
    return None if low is None or high is None else (max(0.0, low), high)
