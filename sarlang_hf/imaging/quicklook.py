"""What preprocessing does to one band, in numbers: speckle, nodata, histograms, limits of the stretch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sarlang_hf.imaging.contrast import Stretch, db_percentiles
from sarlang_hf.imaging.preprocess import Preprocessed, raw_intensity, raw_pixels, stretched_tile
from sarlang_hf.imaging.raster import Band
from sarlang_hf.imaging.speckle import refined_lee
from sarlang_hf.schema import Radar

BLOCK, SPAN, GAP = 16, 32, 3
"""Pixels: a block in which looks are counted, the window whose rim decides whether it is homogeneous, and what lies between
them (the filter's reach, so that no filtered pixel of a block has seen the rim)."""
HOMOGENEOUS, FEWEST_BLOCKS = 0.05, 5
BINS = 120


@dataclass(frozen=True, slots=True)
class Looks:
    """Equivalent number of looks of a band before and after the filter, over the same `blocks` blocks."""

    before: float
    after: float
    blocks: int


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """Shares of the positive pixels per bin, (BINS,) each, between `edges` (BINS + 1,), dB of the intensity."""

    edges: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Quicklook:
    """One band before and after preprocessing.

    Attributes:
        raw: (H, W) uint8, the band without filter and logarithm.
        made: what the chain makes of it.
        looks: None where no window of `SPAN` x `SPAN` pixels is free of nodata.
        histograms: None where no pixel has a positive intensity.
    """

    raw: NDArray[np.uint8]
    made: Preprocessed
    looks: Looks | None
    histograms: Histograms | None


def quicklook(band: Band, radar: Radar, stretch: Stretch, *, limits: tuple[float, float] | None = None) -> Quicklook:
    """Preprocesses a band and measures what that did; arguments as for `preprocess.preprocess`."""
    before = raw_intensity(band, radar)
    after = refined_lee(before)
    made = stretched_tile(after, stretch, limits=limits)
    return Quicklook(raw_pixels(band, radar), made, equivalent_looks(before, after), _histograms(before, after, made))


def equivalent_looks(before: NDArray[np.float32], after: NDArray[np.float32]) -> Looks | None:
    """Estimates the equivalent number of looks, mean^2 / variance of the intensity where the ground is homogeneous.

    The median over 16x16 blocks in the most homogeneous surroundings: a twentieth of the blocks, and at least five. How
    homogeneous surroundings are is the coefficient of variation of the unfiltered intensity on the rim of the 32x32 window
    about a block, at least 3 pixels away from it. A block that was chosen by its own variance would count too many looks
    (measured on homogeneous 1-look speckle: 1.25); one that is chosen by its surroundings does not (0.99).

    Args:
        before, after: (H, W) float32 intensity, NaN = nodata, before and after the filter.
    """
    rows = [_blocks(before[top : top + SPAN], after[top : top + SPAN]) for top in range(0, len(before) - SPAN + 1, BLOCK)]
    if not rows or before.shape[1] < SPAN:
        return None
    roughness, looks_before, looks_after = np.concatenate(rows, axis=1)
    known = np.isfinite(roughness + looks_before + looks_after)
    if not known.any():
        return None
    chosen = np.flatnonzero(known)[np.argsort(roughness[known], kind="stable")]
    chosen = chosen[: max(FEWEST_BLOCKS, round(HOMOGENEOUS * len(chosen)))]
    return Looks(float(np.median(looks_before[chosen])), float(np.median(looks_after[chosen])), len(chosen))


def _blocks(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of the blocks along a strip `SPAN` pixels high: (3, N) roughness around, looks before, looks after.

    Nothing here is finite for a window with nodata, nor for a block without variance (saturated pixels, not speckle).
    """
    if before.shape[1] < SPAN:
        return np.empty((3, 0))
    edge = (SPAN - BLOCK) // 2
    rim = np.ones((SPAN, SPAN), dtype=np.bool_)
    rim[edge - GAP : GAP - edge, edge - GAP : GAP - edge] = False
    inner = np.s_[:, edge:-edge, edge:-edge]
    windows, filtered = (sliding_window_view(strip, (SPAN, SPAN))[0, ::BLOCK] for strip in (before, after))
    roughness = _looks(windows[:, rim]) ** -0.5
    return np.stack([roughness, *(_looks(px[inner].reshape(len(px), -1)) for px in (windows, filtered))])


def _looks(pixels: NDArray[Any]) -> NDArray[np.float64]:
    mean, variance = pixels.mean(axis=1, dtype=np.float64), pixels.var(axis=1, ddof=1, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        looks: NDArray[np.float64] = mean**2 / variance
    return looks


def _histograms(before: NDArray[np.float32], after: NDArray[np.float32], made: Preprocessed) -> Histograms | None:
    """Both on one axis that shows all but the outermost thousandth of the unfiltered pixels, and both limits."""
    if made.low_db is None or made.high_db is None:
        return None
    shown = db_percentiles(before, (0.1, 99.9))
    edges = np.linspace(min(shown[0], made.low_db) - 1, max(shown[1], made.high_db) + 1, BINS + 1)
    return Histograms(edges, _shares(before, edges), _shares(after, edges))


def _shares(intensity: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    positive = intensity[intensity > 0]
    return np.histogram(10 * np.log10(positive), edges)[0] / len(positive)
