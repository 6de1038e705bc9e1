"""Accuracy over questions of which some may still await a judgement: a value where all are judged, a range before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.scoring.uncertainty import Interval, clustered_interval


@dataclass(frozen=True, slots=True)
class Score:
    """Accuracy over some questions, as a fraction.

    Attributes:
        n: questions.
        clusters: distinct images, or places, among them.
        n_unjudged: questions without a verdict, undecided or missing.
        n_missing: those of them without a prediction.
        value: share of right answers; None while `n_unjudged` > 0.
        low, high: the share if all unjudged answers were wrong, or right; both equal `value` where there is one.
        interval: 95% interval, clustered, within [0, 1]: of the value, or from the lower end for `low` to the
            upper end for `high`. None if there is a single cluster. Answers all alike give an interval of no width.
    """

    n: int
    clusters: int
    n_unjudged: int
    n_missing: int
    value: float | None
    low: float
    high: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Marks:
    """Four arrays of shape (n,), one element per question: right, unjudged and missing (bool), and the cluster (integer)."""

    right: NDArray[np.bool_]
    unjudged: NDArray[np.bool_]
    missing: NDArray[np.bool_]
    clusters: NDArray[np.int64]

    def at(self, rows: NDArray[np.int64]) -> Marks:
        """The marks of some questions."""
        return Marks(self.right[rows], self.unjudged[rows], self.missing[rows], self.clusters[rows])


def accuracy(marks: Marks) -> Score:
    """Scores some questions, at least one.

    Raises:
        ValueError: there are none.
    """
    low = clustered_interval(marks.right, marks.clusters)
    unjudged = int(marks.unjudged.sum())
    high = clustered_interval(marks.right | marks.unjudged, marks.clusters) if unjudged else low
    return Score(
        n=low.n,
        clusters=low.clusters,
        n_unjudged=unjudged,
        n_missing=int(marks.missing.sum()),
        value=None if unjudged else low.mean,
        low=low.mean,
        high=high.mean,
        interval=_hull(low, high),
    )


def _hull(low: Interval, high: Interval) -> tuple[float, float] | None:
    if low.low is None or high.high is None:
        return None
    return max(0.0, low.low), min(1.0, high.high)
