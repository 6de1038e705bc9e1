"""The preprocessing chain: one radar band becomes one 8-bit image.

The paper (section 3.2.2, Figure 5) selects a polarization, removes speckle with a refined Lee filter, takes the logarithm and
stretches it linearly; it gives no parameters. Here:

    band -> which pixels are data -> linear intensity -> refined Lee -> 10 log10 -> percentiles -> 1..255, nodata 0

Nodata is found before anything is converted and takes part in nothing that follows: whatever nodata pixels hold, the image is
the same. Decibels are made linear before the filter, for which speckle has to be multiplicative, and the logarithm is taken
once, after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.imaging import png
from sarlang_hf.imaging.contrast import DEFAULT_STRETCH, Stretch, db_percentiles, histogram, stretched
from sarlang_hf.imaging.nodata import valid_mask
from sarlang_hf.imaging.raster import Band
from sarlang_hf.imaging.scale import InputScale, to_intensity
from sarlang_hf.imaging.speckle import refined_lee
from sarlang_hf.schema import Radar


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessed:
    """A preprocessed band.

    Attributes:
        pixels: (H, W) uint8; 0 is nodata, 1..255 is data.
        low_db, high_db: limits of the stretch, dB of the linear intensity; None where no pixel has a positive intensity.
        nodata_share: share of the pixels that hold no data, 0..1.
    """

    pixels: NDArray[np.uint8]
    low_db: float | None
    high_db: float | None
    nodata_share: float


def raw_intensity(band: Band, radar: Radar) -> NDArray[np.float32]:
    """The band as linear intensity with its speckle: (H, W) float32, NaN = nodata."""
    valid = valid_mask(band.values, band.valid, radar.zero)
    intensity = to_intensity(band.values, InputScale.parse(radar.input_scale))
    if not valid.all():
        intensity[~valid] = np.nan
    return intensity


def filtered_intensity(band: Band, radar: Radar) -> NDArray[np.float32]:
    """The band as linear intensity after the refined Lee filter: (H, W) float32, NaN = nodata."""
    return refined_lee(raw_intensity(band, radar))


def stretched_tile(filtered: NDArray[np.float32], stretch: Stretch, *, limits: tuple[float, float] | None = None) -> Preprocessed:
    """The last steps of the chain, after the filter.

    Args:
        filtered: (H, W) float32 intensity, NaN = nodata, as `filtered_intensity` gives it.
        stretch: how the limits of the contrast stretch are found.
        limits: for stretch `dataset`, the (low, high) in dB that were measured over the whole dataset.

    Raises:
        ValueError: limits without stretch `dataset`, or a tile with data and stretch `dataset` without limits.
    """
    if limits is not None and stretch.kind != "dataset":
        raise ValueError(f"stretch {stretch} finds its own limits")
    nodata = np.isnan(filtered)
    nodata_share = int(np.count_nonzero(nodata)) / nodata.size  # faster than the mean of booleans
    if not (filtered > 0).any():  # nothing to take a logarithm of: no data, or data that is zero throughout
        return Preprocessed(np.where(nodata, np.uint8(0), np.uint8(1)), None, None, nodata_share)
    low, high = _limits(filtered, stretch, limits)
    return Preprocessed(stretched(filtered, low_db=low, high_db=high), low, high, nodata_share)


def _limits(filtered: NDArray[np.float32], stretch: Stretch, limits: tuple[float, float] | None) -> tuple[float, float]:
    match stretch.kind:
        case "percentile":
            low, high = db_percentiles(filtered, (stretch.low, stretch.high))
            return low, high
        case "fixed_db":
            return stretch.low, stretch.high
        case "dataset":
            if limits is None:
                raise ValueError("stretch dataset needs the limits that were measured over the dataset")
            return limits


def nodata_share(band: Band, radar: Radar) -> float:
    """Share of the band's pixels that hold no data, 0..1."""
    return 1.0 - int(np.count_nonzero(valid_mask(band.values, band.valid, radar.zero))) / band.values.size


def raw_pixels(band: Band, radar: Radar) -> NDArray[np.uint8]:
    """The band as 8 bits without filter and logarithm, in the scale of the file.

    Returns:
        (H, W) uint8, nodata 0. A band of uint8 is unchanged (its zeros that are data stay 0 as well); any other is mapped
        linearly from the smallest to the largest valid value to 1..255, or to 128 throughout where it is constant.
    """
    valid = valid_mask(band.values, band.valid, radar.zero)
    if band.values.dtype == np.uint8:
        return np.where(valid, band.values, np.uint8(0))
    pixels = np.zeros(band.values.shape, dtype=np.uint8)
    data = band.values[valid].astype(np.float64) / 2  # halves, so that the range of float64 extremes is still a number
    if data.size:
        low, high = float(data.min()), float(data.max())
        pixels[valid] = np.rint((data - low) / (high - low) * 254 + 1).astype(np.uint8) if high > low else 128
    return pixels


def warm() -> None:
    """Compiles every kernel of the chain once, so that worker processes find them in the cache."""
    rng = np.random.default_rng(0)
    scene = rng.exponential(size=(32, 32)).astype(np.float32)
    for intensity in (scene, np.where(np.tri(32, k=8, dtype=np.bool_), scene, np.float32(np.nan))):
        filtered = refined_lee(intensity)
        histogram(filtered)
        grey = stretched_tile(filtered, DEFAULT_STRETCH).pixels
        png.encode(grey)
        png.encode(np.stack([grey] * 3, axis=-1))
