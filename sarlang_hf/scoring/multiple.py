"""Several comparisons at once: corrected p-values, ranks as ranges, and what a comparison could have found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sarlang_hf.scoring.student import t_quantile


def holm(pvalues: Sequence[float | None]) -> list[float | None]:
    """Adjusts p-values so that the chance of any false discovery among them stays below the level (Holm 1979).

    The i-th smallest of m p-values is multiplied by m - i + 1; no adjusted value is smaller than that of a smaller p-value.

    Args:
        pvalues: two-sided p-values; None where no test was possible, which stays None and is not counted.
    """
    tested = sorted((p, index) for index, p in enumerate(pvalues) if p is not None)
    adjusted: list[float | None] = [None] * len(pvalues)
    largest = 0.0
    for rank, (p, index) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[index] = largest
    return adjusted


def rank_ranges(names: Sequence[str], winners: Mapping[tuple[str, str], str | None]) -> dict[str, tuple[int, int]]:
    """The ranks a run may have: best = 1 + number of significantly better runs, worst = k - number of worse ones.

    Args:
        names: the k runs.
        winners: the significantly better run of every pair; None where neither is.
    """
    won = dict.fromkeys(names, 0)
    lost = dict.fromkeys(names, 0)
    for pair, winner in winners.items():
        if winner is not None:
            won[winner] += 1
            lost[pair[0] if winner == pair[1] else pair[1]] += 1
    return {name: (1 + lost[name], len(names) - won[name]) for name in names}


def minimum_detectable_difference(se: float, degrees: int, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """The true difference that a two-sided test at level `alpha` finds with probability `power` (Miller 2024, section 5).

    Args:
        se: clustered standard error of the paired difference, in the unit of the result.
        degrees: of freedom, clusters - 1. Miller takes normal quantiles, which promise too much for few clusters.
        alpha: level of the test.
        power: probability of finding the difference.

    Raises:
        ValueError: less than one degree of freedom.
    """
    if degrees < 1:
        raise ValueError("a single cluster has no minimum detectable difference")
    return (t_quantile(1 - alpha / 2, degrees) + t_quantile(power, degrees)) * se
