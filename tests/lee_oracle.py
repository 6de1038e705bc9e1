"""The refined Lee filter written down to be right, not fast: every window is cut out and treated as the definition says.

Float64 throughout; variances from deviations, not from sums of squares.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

ROW, COLUMN = np.mgrid[0:7, 0:7]
SIDES = np.stack(
    [
        COLUMN >= 3,  # 0 right
        COLUMN >= ROW,  # 1 upper right
        ROW <= 3,  # 2 top
        ROW + COLUMN <= 6,  # 3 upper left
        COLUMN <= 3,  # 4 left
        COLUMN <= ROW,  # 5 lower left
        ROW >= 3,  # 6 bottom
        ROW + COLUMN >= 6,  # 7 lower right
    ]
)


def refined_lee_oracle(image: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
    """The filtered image (H, W) float64, NaN = nodata, and the side of each complete window (-1 where it is incomplete)."""
    values = np.array(image, dtype=np.float64)
    good = np.isfinite(values) & (True if valid is None else valid)
    values[~good] = np.nan
    windows = sliding_window_view(np.pad(values, 3, constant_values=np.nan), (7, 7))
    complete: NDArray[np.bool_] = np.invert(np.isnan(windows).any(axis=(2, 3)))
    areas = np.stack([windows[..., j : j + 3, i : i + 3] for j in (0, 2, 4) for i in (0, 2, 4)], axis=2)  # (H, W, 9, 3, 3)
    code = np.where(complete, side(areas.sum(axis=(3, 4))), -1)
    noise = noise_level(areas)
    out = np.full(values.shape, np.nan)
    for y, x in zip(*np.nonzero(good), strict=True):
        window = windows[y, x]
        pixels = window[SIDES[code[y, x]]] if complete[y, x] else window[~np.isnan(window)]
        out[y, x] = lee_estimate(pixels, noise[y, x], values[y, x])
    return out, code


def side(sums: NDArray[Any]) -> NDArray[Any]:
    """From 3x3 sums (..., 9): the first largest of four differences, and of its ends the one strictly nearer to the centre."""
    nw, n, ne, w, c, e, sw, s, se = np.moveaxis(sums, -1, 0)
    pairs = [(w, e, 4, 0), (ne, sw, 1, 5), (n, s, 2, 6), (nw, se, 3, 7)]
    largest = np.argmax([np.abs(a - b) for a, b, _, _ in pairs], axis=0)
    nearer = [np.where(np.abs(a - c) < np.abs(c - b), first, second) for a, b, first, second in pairs]
    chosen: NDArray[Any] = np.choose(largest, nearer)
    return chosen


def noise_level(areas: NDArray[Any]) -> NDArray[Any]:
    """Mean of the five smallest (or fewer) squared coefficients of variation of the areas (..., 9, 3, 3) without NaN."""
    mean = areas.mean(axis=(-2, -1))
    variance = ((areas - mean[..., None, None]) ** 2).sum(axis=(-2, -1)) / 8
    variation = np.where(mean > 0, variance / np.where(mean > 0, mean, 1) ** 2, np.where(np.isnan(mean), np.nan, 0))
    five = np.sort(variation, axis=-1)[..., :5]  # NaN last
    number = (~np.isnan(five)).sum(axis=-1)
    return np.where(number > 0, np.nansum(five, axis=-1) / np.maximum(number, 1), 0)


def lee_estimate(pixels: NDArray[Any], noise: float, pixel: float) -> float:
    if len(pixels) == 1:
        return pixel
    mean = pixels.mean()
    variance = ((pixels - mean) ** 2).sum() / (len(pixels) - 1)
    if variance == 0:
        return float(mean)
    signal = max(0.0, (variance - mean**2 * noise) / (1 + noise))
    return float(mean + signal / variance * (pixel - mean))
