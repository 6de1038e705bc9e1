"""Student's t distribution, from scipy.special: importing scipy.stats costs every command a second."""

from __future__ import annotations


def t_quantile(probability: float, degrees: float) -> float:
    """The value that a t variable with that many degrees of freedom stays below with that probability."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def t_two_sided_p(statistic: float, degrees: float) -> float:
    """The probability that a t variable is at least as far from 0 as `statistic`, on either side."""
    from scipy.special import stdtr

    return float(2 * stdtr(degrees, -abs(statistic)))
