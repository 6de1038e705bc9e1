"""Whether an optical image is the twin of a radar raster."""

from __future__ import annotations

import math

from sarlang_hf.imaging.georeference import same_crs
from sarlang_hf.imaging.raster import RasterHeader

LARGEST_SHIFT = 0.1
"""The centres of a tile and its twin may lie this share of the tile's shorter side apart; more, and it shows another place."""


def difference_of(header: RasterHeader, twin: RasterHeader) -> str:
    """How a twin differs from the radar raster, empty if it fits.

    Grids that differ by a fraction of a pixel fit: one that was resampled has seldom exactly the other's corners. A raster
    without georeference cannot differ in it.
    """
    if (twin.width, twin.height) != (header.width, header.height):
        return f"{twin.width}x{twin.height} pixels against {header.width}x{header.height}"
    if not (twin.crs and header.crs):
        return ""
    if not same_crs(twin.crs, header.crs):
        return f"{twin.crs[:60]} against {header.crs[:60]}"
    shift = math.dist(_centre(twin), _centre(header))
    sides = [math.hypot(a, d) * length for a, d, length in _steps(header)]
    return f"it shows a place {shift:.6g} map units away" if shift > LARGEST_SHIFT * min(sides) else ""


def _centre(header: RasterHeader) -> tuple[float, float]:
    a, b, c, d, e, f = header.transform
    x, y = header.width / 2, header.height / 2
    return a * x + b * y + c, d * x + e * y + f


def _steps(header: RasterHeader) -> tuple[tuple[float, float, int], tuple[float, float, int]]:
    """The map vector of a step along the columns and along the rows, with the number of steps."""
    a, b, _, d, e, _ = header.transform
    return (a, d, header.width), (b, e, header.height)
