"""Clutter statistics: speckle, gamma texture, their product, and smooth random fields.

The multiplicative model: intensity = mean x texture x speckle. Speckle of L looks is gamma distributed with mean 1 and
variance 1/L, so that a homogeneous patch has an equivalent number of looks mean^2 / variance = L. A gamma texture of order
nu (mean 1, variance 1/nu) makes the product K distributed (Jakeman and Pusey, IEEE Trans. Antennas Propag. 24, 1976;
Oliver and Quegan, Understanding Synthetic Aperture Radar Images, ch. 5), with E[I^2] / E[I]^2 = (1 + 1/nu)(1 + 1/L).
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import fft, special

Field = npt.NDArray[np.float32]

_STEP = 1 / 128
_REACH = 5.0


def speckle(rng: np.random.Generator, shape: tuple[int, int], *, looks: int) -> Field:
    """Fully developed speckle of `looks` looks in intensity: (H, W) float32, independent pixels, mean 1, variance 1/looks."""
    if looks == 1:
        return rng.standard_exponential(shape, dtype=np.float32)
    return rng.standard_gamma(looks, shape, dtype=np.float32) / np.float32(looks)


def k_clutter(
    rng: np.random.Generator, shape: tuple[int, int], *, mean: float, order: float, looks: int, correlation: float
) -> Field:
    """K distributed intensity (H, W) float32 with texture of a given order and correlation length (pixels)."""
    texture = gamma_from_normal(normal_field(rng, shape, correlation=correlation), order=order)
    return np.float32(mean) * texture * speckle(rng, shape, looks=looks)


def normal_field(rng: np.random.Generator, shape: tuple[int, int], *, correlation: float) -> Field:
    """A stationary Gaussian field (H, W) float32, mean 0, variance 1, Gaussian correlation of the given length in pixels.

    White noise filtered on the torus: the transfer function is scaled so that the variance is 1 at every pixel.
    """
    white = rng.standard_normal(shape, dtype=np.float32)
    rows, columns = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None, :]
    transfer = np.exp(-((np.pi * correlation) ** 2) * (rows**2 + columns**2))
    # rfft keeps half of the spectrum: all columns but the first (and, for even widths, the last) stand for two.
    twice = np.full(columns.shape, 2.0)
    twice[0, 0] = 1.0
    if shape[1] % 2 == 0:
        twice[0, -1] = 1.0
    transfer /= np.sqrt((twice * transfer**2).sum() / (shape[0] * shape[1]))
    field: Field = fft.irfft2(fft.rfft2(white) * transfer.astype(np.float32), s=shape)
    return field


def gamma_from_normal(normal: Field, *, order: float) -> Field:
    """A Gaussian field of variance 1 mapped to a gamma texture of mean 1 and variance 1/order, quantile by quantile."""
    quantiles = _gamma_quantiles(order)
    index = ((normal + np.float32(_REACH)) * np.float32(1 / _STEP)).astype(np.int32)
    return quantiles[np.clip(index, 0, len(quantiles) - 1)]


def smooth_field(rng: np.random.Generator, size: int, *, cells: int) -> Field:
    """A smooth random field (size, size) float32 from a grid of `cells` x `cells` standard normal numbers.

    Cheap and not stationary: for the lie of the land, not for statistics.
    """
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    return resized(grid, size, Image.Resampling.BICUBIC)


def resized(field: Field, size: int, resampling: Image.Resampling = Image.Resampling.BILINEAR) -> Field:
    """A float32 field resampled to (size, size), pixel areas aligned."""
    return np.asarray(Image.fromarray(field).resize((size, size), resampling), dtype=np.float32)


@functools.lru_cache(maxsize=16)
def _gamma_quantiles(order: float) -> Field:
    middles = np.arange(-_REACH, _REACH, _STEP) + _STEP / 2
    return (special.gammaincinv(order, special.ndtr(middles)) / order).astype(np.float32)
