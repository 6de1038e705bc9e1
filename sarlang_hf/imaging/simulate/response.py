"""The radar's impulse response: point scatterers become crosses of side lobes along range and azimuth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sarlang_hf.imaging.simulate.clutter import Field

SIDE_LOBE_GAIN = 0.55
"""Weighting of the spectrum, as a factor on the side lobes' amplitude: the first one falls from -13 dB to -18 dB."""

_NEAR, _FAR = 4, 26
_STRONG = 30.0
"""Intensity, relative to mean land clutter's 0.1, above which far side lobes rise out of the clutter."""


@dataclass(frozen=True, slots=True, eq=False)
class Scatterers:
    """Point targets: `points` (n, 2) pixels, `power` (n,) intensity, `spread` (n, 2) width of the response in x and y."""

    points: npt.NDArray[np.float64]
    power: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]


def impulse_response(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Amplitude at a distance from the scatterer in resolution cells: a sinc whose side lobes are weighted down."""
    return np.asarray(np.sinc(distance) * np.where(np.abs(distance) < 1, 1.0, SIDE_LOBE_GAIN))


def echo(scatterers: Scatterers, rng: np.random.Generator, size: int) -> Field:
    """Intensity (size, size) float32 of coherently added point targets with random phases."""
    phase = np.exp(2j * np.pi * rng.random(len(scatterers.power)))
    amplitude = (np.sqrt(scatterers.power) * phase).astype(np.complex64)
    field = np.zeros((size + 2 * _FAR, size + 2 * _FAR), dtype=np.complex64)
    inside = ((scatterers.points >= 0) & (scatterers.points < size)).all(axis=1)
    strong = scatterers.power > _STRONG
    for chosen, reach in ((inside & strong, _FAR), (inside & ~strong, _NEAR)):
        if chosen.any():
            _stamp(field, scatterers.points[chosen], amplitude[chosen], scatterers.spread[chosen], reach)
    core = field[_FAR:-_FAR, _FAR:-_FAR]
    return core.real**2 + core.imag**2


def _stamp(
    field: npt.NDArray[np.complex64],
    points: npt.NDArray[np.float64],
    amplitude: npt.NDArray[np.complex64],
    spread: npt.NDArray[np.float64],
    reach: int,
) -> None:
    whole = np.floor(points).astype(np.int64)
    steps = np.arange(-reach, reach + 1)
    taper = np.cos(steps * (np.pi / 2 / (reach + 1)))
    cells = (whole[:, :, None] + steps + 0.5 - points[:, :, None]) / spread[:, :, None]
    kernels = (impulse_response(cells) * taper).astype(np.float32)
    patches = (amplitude[:, None, None] * kernels[:, 1, :, None]) * kernels[:, 0, None, :]
    side = 2 * reach + 1
    corners = whole + (_FAR - reach)
    for (x, y), patch in zip(corners.tolist(), patches, strict=True):
        field[y : y + side, x : x + side] += patch
