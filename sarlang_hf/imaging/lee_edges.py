"""The refined Lee filter where the 7x7 window holds nodata or leaves the image. Importing this module loads numba.

Such a pixel gets a plain Lee estimate from all valid pixels of its window, and the noise from those of the nine 3x3 sub-areas
that are wholly valid. Without such a sub-area the pixel is kept.

Pixels are taken in runs of neighbours in a row, which share sums over columns: of the window's 7 rows, and of the 3 rows of each
of the three bands of sub-areas. The arrays of these sums have a margin of 3 on both sides, which stays zero: no data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.imaging.jit import inlined, kernel

Sums = NDArray[np.float64]

NUMBER, TOTAL, SQUARE = 0, 1, 2


@kernel
def filter_incomplete(
    image: NDArray[np.float32], good: NDArray[np.bool_], positions: NDArray[np.int64], out: NDArray[np.float32]
) -> None:
    """Filters single pixels.

    Args:
        image: (H, W) float32; what is not good is not looked at.
        good: (H, W) bool, False = nodata.
        positions: flat indices into the image, ascending.
        out: (H, W) float32, written at the positions.
    """
    width = image.shape[1]
    bands, whole, variation = np.zeros((3, 3, width + 6)), np.zeros((3, width + 6)), np.zeros((3, width + 6))
    start = 0
    while start < positions.size:
        end, y, first = start + 1, positions[start] // width, positions[start] % width
        while end < positions.size and positions[end] - positions[end - 1] <= 6 and positions[end] // width == y:
            end += 1
        last = positions[end - 1] % width
        sum_columns(image, good, bands, whole, y, max(first - 3, 0), min(last + 4, width))
        write_variations(bands, variation, first + 1, last + 6)
        for i in range(start, end):
            x = positions[i] % width
            out[y, x] = estimate(image[y, x], whole, noise(variation, x), x)
        start = end


@kernel
def sum_columns(
    image: NDArray[np.float32], good: NDArray[np.bool_], bands: Sums, whole: Sums, y: int, left: int, right: int
) -> None:
    """Number, sum and sum of squares of the valid pixels in each column: of the three bands, and of the window's 7 rows."""
    for x in range(left, right):
        there = good[y, x]
        value = np.float64(image[y, x]) if there else 0.0
        whole[NUMBER, x + 3] = 1.0 if there else 0.0
        whole[TOTAL, x + 3] = value
        whole[SQUARE, x + 3] = value * value
        for band in range(3):
            number, total, square = 0.0, 0.0, 0.0
            for row in range(max(y - 3 + 2 * band, 0), min(y + 2 * band, image.shape[0])):
                if good[row, x]:
                    value = np.float64(image[row, x])
                    number += 1.0
                    total += value
                    square += value * value
            bands[band, NUMBER, x + 3] = number
            bands[band, TOTAL, x + 3] = total
            bands[band, SQUARE, x + 3] = square
            if band != 1:  # the outer bands and the row between them make up the window
                whole[NUMBER, x + 3] += number
                whole[TOTAL, x + 3] += total
                whole[SQUARE, x + 3] += square


@kernel
def write_variations(bands: Sums, variation: Sums, left: int, right: int) -> None:
    """Squared coefficient of variation around each column of each band; infinite where one of the nine pixels is missing."""
    for band in range(3):
        number, sums, squares = bands[band, NUMBER], bands[band, TOTAL], bands[band, SQUARE]
        for x in range(left, right):
            total = sums[x - 1] + sums[x] + sums[x + 1]
            spread = 9.0 * (squares[x - 1] + squares[x] + squares[x + 1]) - total * total
            spread = 1.125 * max(spread, 0.0) / (total * total) if total > 0.0 else 0.0
            variation[band, x] = spread if number[x - 1] + number[x] + number[x + 1] == 9.0 else np.inf


@inlined
def noise(variation: Sums, x: int) -> float:
    """Mean of the five smallest (or fewer) variations of the whole sub-areas of the window around x; 0 where there is none."""
    a = b = c = d = e = np.inf
    for band in range(3):
        for step in range(x + 1, x + 6, 2):
            value = variation[band, step]
            a, value = min(a, value), max(a, value)
            b, value = min(b, value), max(b, value)
            c, value = min(c, value), max(c, value)
            d, value = min(d, value), max(d, value)
            e = min(e, value)
    total, count = 0.0, 0.0
    for value in (a, b, c, d, e):
        if value < np.inf:
            total += value
            count += 1.0
    return total / count if count else 0.0


@inlined
def estimate(pixel: float, whole: Sums, noise_level: float, x: int) -> float:
    """Lee's estimate from the n valid pixels of the window: as for 28 pixels, with n; one pixel alone is kept."""
    number, total, square = 0.0, 0.0, 0.0
    for step in range(x, x + 7):
        number += whole[NUMBER, step]
        total += whole[TOTAL, step]
        square += whole[SQUARE, step]
    power = total * total
    spread = number * square - power
    signal = max(spread - (number - 1.0) / number * power * noise_level, 0.0)
    gain = signal / (spread * (1.0 + noise_level)) if spread > 0.0 else 0.0
    mean = total / number
    return mean + gain * (pixel - mean)
