"""From linear intensity to 8 bits: logarithm, percentiles, linear stretch.

Percentiles are exact and cost no logarithm of the image: values are found by rank, and only those found are put into decibels.
Histograms are additive: merged over the tiles of a dataset they give limits for all of them (`dataset`).

The paper names a logarithm and a linear stretch and no limits. Our default, the 2nd to the 98th percentile of each tile's
decibels, is what public Sentinel-1 quicklooks use most; it destroys the radiometric comparison between tiles, which `dataset`
and `fixed_db` keep. Code 0 is kept for nodata, as in ASF's 8-bit products.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.errors import UsageError
from sarlang_hf.imaging import order_statistics as order

StretchKind = Literal["percentile", "dataset", "fixed_db"]

LEAST_RANGE_DB = 0.01
"""A stretch covers at least this many decibels. A constant tile comes out in the middle (128) instead of showing the rounding
of the filter, whose 2e-7 are a tenth of a level at this range."""

_DB_PER_OCTAVE = 10 * math.log10(2)

_STRIP = 1 << 16
"""Pixels whose logarithms are held at a time: few enough for the cache, and a multiple of eight."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which decibels become 1 and 255.

    Attributes:
        kind: `percentile` (of each tile), `dataset` (percentiles over all tiles of a source), or `fixed_db`.
        low, high: percentiles (0 to 100) or, for `fixed_db`, decibels; low < high.

    Raises:
        ValueError: for limits that are no such numbers.
    """

    kind: StretchKind
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError("the limits must be finite numbers")
        if not self.low < self.high:
            raise ValueError("the lower limit must be less than the upper one")
        if self.kind != "fixed_db" and not (self.low >= 0 and self.high <= 100):
            raise ValueError("percentiles lie between 0 and 100")

    @classmethod
    def parse(cls, text: str) -> Stretch:
        """Reads `percentile`, `percentile:1,99`, `dataset`, `dataset:2,98` or `fixed_db:-25,5`; percentiles default to 2,98.

        Raises:
            UsageError: for any other text.
        """
        try:
            return _parsed(text)
        except ValueError as error:
            remedy = "use percentile, percentile:1,99, dataset, dataset:2,98 or fixed_db:-25,5 (in decibels)"
            raise UsageError(f"{text!r}: {error}", place="--stretch", remedy=remedy) from error

    def __str__(self) -> str:
        return f"{self.kind}:{_shortest(self.low)},{_shortest(self.high)}"


DEFAULT_STRETCH = Stretch("percentile", 2, 98)


def _parsed(text: str) -> Stretch:
    kind, colon, limits = text.partition(":")
    if kind not in get_args(StretchKind):
        raise ValueError("is no stretch")
    if not colon and kind != "fixed_db":
        return Stretch(cast(StretchKind, kind), DEFAULT_STRETCH.low, DEFAULT_STRETCH.high)
    return Stretch(cast(StretchKind, kind), *_two_numbers(limits))


def _two_numbers(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError("needs two numbers, as in low,high") from None
    return low, high


def _shortest(number: float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(float(number)).removesuffix(".0")


def histogram(intensity: NDArray[np.float32]) -> NDArray[np.int64]:
    """Counts the positive finite values of a float32 image by the 16 bits after the sign.

    Histograms of several images may be added. NaN, infinities, zeros and negative values are left out.

    Returns:
        (65536,) counts; bin k holds the values from pattern k * 2^15 on, a relative width of 2^-9 to 2^-8 (0.017 dB at most).

    Raises:
        ValueError: if the image is not float32.
    """
    return order.count(order.flat(intensity))


def db_percentiles(intensity: NDArray[np.float32], percents: Sequence[float]) -> tuple[float, ...]:
    """Percentiles in decibels of the positive finite values of a float32 image.

    Equal to `np.percentile(10 * np.log10(valid), percents)` in double precision, to 1e-9.

    Raises:
        ValueError: if the image is not float32 or has no positive finite value, or a percentile lies outside 0 to 100.
    """
    values = order.flat(intensity)
    counts = order.count(values)
    ranks, weight = _ranks(int(counts.sum()), percents)
    return _between(order.exact_values(values, counts, ranks), weight)


def db_limits_from_histogram(counts: NDArray[np.int64], percents: tuple[float, float]) -> tuple[float, float]:
    """Two percentiles in decibels from a histogram, alone or merged from many tiles.

    The values of a bin are taken to lie evenly in it, so a limit is off by less than the bin's width: 0.017 dB.

    Raises:
        ValueError: if there are not 65,536 counts, if they are all 0, or a percentile lies outside 0 to 100.
    """
    if counts.shape != (order.BINS,):
        raise ValueError(f"a histogram has {order.BINS} counts, these have shape {counts.shape}")
    ranks, weight = _ranks(int(counts.sum()), percents)
    low, high = _between(order.expected_values(counts, ranks), weight)
    return low, high


def _ranks(n: int, percents: Sequence[float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The ranks (from 0) below and above each percentile of n values, (2 P,), and the weights of the upper ones, (P,).

    These are numpy's, method `linear`.
    """
    if n == 0:
        raise ValueError("no positive finite value, so no percentile")
    shares = np.asarray(percents, np.float64) / 100
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"percentiles lie between 0 and 100, not {tuple(percents)}")
    position = shares * (n - 1)
    lower = np.floor(position).astype(np.int64)
    return np.concatenate((lower, np.minimum(lower + 1, n - 1))), position - lower


def _between(values: NDArray[np.float32], weight: NDArray[np.float64]) -> tuple[float, ...]:
    low, high = np.split(10 * np.log10(values.astype(np.float64)), 2)
    return tuple((low + weight * (high - low)).tolist())


def stretched(intensity: NDArray[np.float32], *, low_db: float, high_db: float) -> NDArray[np.uint8]:
    """Brings linear intensity to 8 bits: 10 log10, then `low_db` .. `high_db` linearly to 1 .. 255, cut off and rounded.

    Pixels that are not finite are nodata and become 0. Zero and negative intensities have no logarithm: they are the darkest
    data there is, 1. Limits closer than 0.01 dB are moved apart to that distance around their middle, so the pixels of a
    constant tile become 128.

    The levels are those of the formula in double precision, half a level rounded up. They do not depend on the processor,
    although numpy's single-precision logarithm does: it only proposes a level, and the pixels near the next one are compared
    with that level's least intensity.

    Args:
        intensity: (H, W) float32.
        low_db, high_db: decibels, finite, low_db <= high_db.

    Returns:
        (H, W) uint8.

    Raises:
        ValueError: if the image is not float32, or the limits are not finite or in the wrong order.
    """
    if not (math.isfinite(low_db) and math.isfinite(high_db) and low_db <= high_db):
        raise ValueError(f"no range of decibels: {low_db} to {high_db}")
    from sarlang_hf.imaging.contrast_kernels import propose_levels, settle_levels

    values, ramp = order.flat(intensity), _Ramp(low_db, high_db)
    edges, levels = ramp.edges(), np.empty(values.size, np.uint8)
    logs, doubtful = np.empty(_STRIP, np.float32), np.zeros(_STRIP, np.uint8)
    for start in range(0, values.size, _STRIP):
        strip, out = values[start : start + _STRIP], levels[start : start + _STRIP]
        scaled = logs[: strip.size]
        with np.errstate(all="ignore"):  # logarithms of what is not positive, which the kernel expects
            np.log(np.multiply(strip, ramp.scale, out=scaled), out=scaled)
        propose_levels(strip, scaled, ramp.slope, ramp.offset, ramp.doubt, out, doubtful)
        settle_levels(strip, edges, doubtful.view(np.uint64), out)
    return levels.reshape(intensity.shape)


class _Ramp:
    """The straight line from natural logarithms to levels, for intensities brought near 1 by a power of two (`scale`).

    level = slope * log(scale * intensity) + offset, rounded down. `doubt` bounds its error in single precision, in levels:
    4e-6 for a logarithm (more than 4 units in the last place up to 8; numpy's are off by 3 at most), 1e-4 for the line.
    """

    def __init__(self, low_db: float, high_db: float) -> None:
        self._middle, self._span = (low_db + high_db) / 2, max(high_db - low_db, LEAST_RANGE_DB)
        exponent = round(min(max(self._middle / _DB_PER_OCTAVE, -126), 126))
        per_db = 254 / self._span
        self.scale = np.float32(2.0**-exponent)
        self.slope = np.float32(per_db * 10 / math.log(10))
        self.offset = np.float32(128.5 + per_db * (exponent * _DB_PER_OCTAVE - self._middle))
        self.doubt = np.float32(min(4e-6 * per_db * 10 / math.log(10) + 1e-4, 0.5))

    def edges(self) -> NDArray[np.float32]:
        """(256,): the least float32 intensity of each level from 2 on."""
        with np.errstate(over="ignore", under="ignore"):  # a range beyond what float32 holds has edges at infinity or 0
            exact = 10 ** ((self._middle + (np.arange(256) - 128.5) * self._span / 254) / 10)
            nearest = exact.astype(np.float32)
        return np.where(nearest < exact, np.nextafter(nearest, np.float32(np.inf)), nearest)
