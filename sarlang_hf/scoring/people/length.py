"""Does a verdict depend on how long the answer is? The area under the ROC curve of length, with a clustered interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sarlang_hf.scoring.resampling import cluster_codes

_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class LengthEffect:
    """The probability that a marked answer is longer than an unmarked one, ties half; 0.5 says that length does not matter.

    Attributes:
        n_marked, n_unmarked: answers of each kind.
        value: None if there are none of one kind.
        low, high: its 95% interval within [0, 1]; None if the marked or the unmarked answers are about a single image, or if
            one kind is longer throughout, where the standard error is 0 and says nothing.
    """

    n_marked: int
    n_unmarked: int
    value: float | None
    low: float | None
    high: float | None


def length_effect(lengths: ArrayLike, marked: NDArray[np.bool_], clusters: Sequence[Any] | NDArray[Any]) -> LengthEffect:
    """Compares the lengths of marked and unmarked answers.

    The value is the Mann-Whitney statistic over the number of pairs; its variance is that of Obuchowski 1997 for clustered
    data (Biometrics 53, pages 567-578), which with one answer an image is that of DeLong, DeLong and Clarke-Pearson 1988.

    Args:
        lengths: (n,) lengths.
        marked: (n,) which answers are marked.
        clusters: (n,) image of each answer.
    """
    values = np.asarray(lengths, float)
    codes, count = cluster_codes(clusters)
    n_marked, n_unmarked = int(marked.sum()), int((~marked).sum())
    if not n_marked or not n_unmarked:
        return LengthEffect(n_marked, n_unmarked, None, None, None)
    beaten = _placements(values[marked], values[~marked])
    value = float(beaten.mean())
    above = _Part.of(beaten - value, codes[marked], count)
    below = _Part.of(1 - _placements(values[~marked], values[marked]) - value, codes[~marked], count)
    if above.clusters < 2 or below.clusters < 2:
        return LengthEffect(n_marked, n_unmarked, value, None, None)
    shared = count / (count - 1) * float(above.sums @ below.sums) / (n_marked * n_unmarked)
    variance = above.variance() + below.variance() + 2 * shared
    if variance <= 0:
        return LengthEffect(n_marked, n_unmarked, value, None, None)
    half = _Z * math.sqrt(variance)
    return LengthEffect(n_marked, n_unmarked, value, max(0.0, value - half), min(1.0, value + half))


@dataclass(frozen=True, slots=True)
class _Part:
    """Deviations of the placements of one kind of answers, summed by image."""

    sums: NDArray[np.float64]
    n: int
    clusters: int

    @classmethod
    def of(cls, deviations: NDArray[np.float64], codes: NDArray[np.int64], count: int) -> _Part:
        return cls(np.bincount(codes, deviations, count).astype(float), len(codes), len(np.unique(codes)))

    def variance(self) -> float:
        return self.clusters / (self.clusters - 1) * float(self.sums @ self.sums) / self.n**2


def _placements(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of `others` that each value exceeds, ties half."""
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    shares: NDArray[np.float64] = (below + up_to) / (2 * len(others))
    return shares
