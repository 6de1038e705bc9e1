"""What the refined Lee filter is measured against: the same filter in plain scipy and numpy, and findpeaks' Lee filter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_ROW, _COLUMN = np.mgrid[0:7, 0:7]
_SIDES = [  # right, upper right, top, upper left, left, lower left, bottom, lower right: 28 pixels each
    _COLUMN >= 3,
    _COLUMN >= _ROW,
    _ROW <= 3,
    _ROW + _COLUMN <= 6,
    _COLUMN <= 3,
    _COLUMN <= _ROW,
    _ROW >= 3,
    _ROW + _COLUMN >= 6,
]


def scipy_refined_lee(image: NDArray[np.float32], *, valid: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """The filter of `sarlang_hf.imaging.speckle.refined_lee`, with its nodata rule, in whole-image scipy and numpy calls.

    One thread, float64. Every step is one library call over the image where there is one: exact sums by correlation (a
    running-sum box filter would leave rounding errors in the directions), the five smallest of nine by a partition.
    """
    good = np.isfinite(image) if valid is None else np.isfinite(image) & valid
    values = np.where(good, image, 0).astype(np.float64)
    squares = values * values
    nine, small = np.ones((3, 3)), [ndimage.correlate(x, np.ones((3, 3)), mode="constant") for x in (values, squares)]
    whole = ndimage.correlate(good.astype(np.float64), nine, mode="constant") == 9
    sigma = _noise(small[0], small[1], whole)
    number = ndimage.correlate(good.astype(np.float64), np.ones((7, 7)), mode="constant")
    complete = number == 49
    code = scipy_directions(small[0])
    total, square = (
        np.where(
            complete,
            np.choose(code, [ndimage.correlate(x, side.astype(np.float64), mode="constant") for side in _SIDES]),
            ndimage.correlate(x, np.ones((7, 7)), mode="constant"),
        )
        for x in (values, squares)
    )
    number[complete] = 28
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / number
        variance = np.where(number > 1, (square - total * mean) / (number - 1), 0)
        gain = np.where(variance > 0, np.maximum(variance - mean * mean * sigma, 0) / ((1 + sigma) * variance), 0)
    return np.where(good, mean + gain * (values - mean), np.nan).astype(np.float32)


def _shifted(x: NDArray[np.float64], fill: float) -> list[NDArray[np.float64]]:
    """The image seen from the nine sub-areas of each pixel, row by row."""
    height, width = x.shape
    padded = np.pad(x, 2, constant_values=fill)
    return [padded[2 * j : 2 * j + height, 2 * i : 2 * i + width] for j in range(3) for i in range(3)]


def _noise(sums: NDArray[np.float64], squares: NDArray[np.float64], whole: NDArray[np.bool_]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        variation = np.where(sums > 0, np.maximum(9 * squares - sums * sums, 0) * 1.125 / (sums * sums), 0)
    five = np.partition(np.stack(_shifted(np.where(whole, variation, np.inf), np.inf)), 4, axis=0)[:5]
    there = np.isfinite(five)
    mean: NDArray[np.float64] = np.where(there, five, 0).sum(0) / np.maximum(there.sum(0), 1)
    return mean


def scipy_directions(sums: NDArray[np.float64]) -> NDArray[np.int64]:
    """The side of each window from 3x3 sums: 0 right, then counter-clockwise to 7 lower right."""
    nw, n, ne, w, c, e, sw, s, se = _shifted(sums, 0)
    pairs = ((w, e), (ne, sw), (n, s), (nw, se))
    axis = np.argmax(np.stack([np.abs(a - b) for a, b in pairs]), axis=0)
    near: NDArray[np.bool_] = np.choose(axis, [np.abs(a - c) < np.abs(c - b) for a, b in pairs])
    code: NDArray[np.int64] = np.where(near, np.array([4, 1, 2, 3])[axis], np.array([0, 5, 6, 7])[axis])
    return code
