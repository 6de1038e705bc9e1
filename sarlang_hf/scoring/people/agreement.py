"""Cohen's kappa: how far two readers agree beyond what their habits alone would give (Cohen 1960)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.scoring.people.sampling import Sample
from sarlang_hf.scoring.uncertainty import wilson

_Z = 1.959963984540054
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two readers agree.

    Attributes:
        n: items that both have read.
        agreement: the share on which they say the same.
        kappa: Cohen's kappa; None where it is undefined because both say the same thing of every item.
        low, high: its 95% interval, within [-1, 1]; None with it, and where nothing was left to chance: kappa is 0 for certain if
            one reader says the same of every item.
    """

    n: int
    agreement: float
    kappa: float | None
    low: float | None
    high: float | None


def cohen_kappa(first: NDArray[np.bool_], second: NDArray[np.bool_], sample: Sample | None = None) -> Agreement:
    """Kappa of two readers' yes-or-no labels, with its large-sample interval.

    The standard error is the delta method's, by strata; with one stratum it is that of Fleiss, Cohen and Everitt 1969.
    A standard error of 0 says nothing. For readers who never disagree the lower end is then that of Wilson's interval for their
    agreement, at the effective sample size; else there is no interval.

    Args:
        first, second: (n,) labels.
        sample: how the items were drawn; None for a simple random sample. Kappa then refers to all items, not to the sample.

    Raises:
        ValueError: there are no items.
    """
    if not len(first):
        raise ValueError("agreement needs at least one item")
    sample = sample or Sample.simple(len(first))
    cells = np.bincount(2 * first + second, weights=sample.weights, minlength=4).reshape(2, 2)
    rows, columns = cells.sum(axis=1), cells.sum(axis=0)
    observed, chance = float(np.trace(cells)), float(rows @ columns)
    same = first == second
    if same.all():
        observed = 1.0
    if math.isclose(chance, 1):
        return Agreement(len(first), observed, None, None, None)
    never_varies = len(np.unique(first)) == 1 or len(np.unique(second)) == 1
    kappa = 0.0 if never_varies else (observed - chance) / (1 - chance)
    if same.all():
        n = max(1, round(sample.effective))
        return Agreement(len(first), observed, kappa, (wilson(n, n)[0] - chance) / (1 - chance), 1.0)
    # What one more item in a cell changes: agreement by `same`, chance by the other reader's share of each label.
    slope = same / (1 - chance) - (columns[first.astype(int)] + rows[second.astype(int)]) * (1 - observed) / (1 - chance) ** 2
    half = _Z * math.sqrt(sample.variance(slope))
    if half < _ROUNDING:
        return Agreement(len(first), observed, kappa, None, None)
    return Agreement(len(first), observed, kappa, max(-1.0, kappa - half), min(1.0, kappa + half))
