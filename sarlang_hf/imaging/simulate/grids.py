"""Where simulated tiles lie on the ground: side by side in rows to the east of a real place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sarlang_hf.imaging.simulate.geometry import Outline

_ROW = 1000
_METRES_PER_DEGREE = 110_500.0  # a little less than anywhere on the globe, so that neighbours keep clear of each other
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Grid:
    """The pixel grid of a north-up tile: UTM zone as an EPSG code, western and northern edge and pixel size in metres."""

    epsg: int
    west: float
    north: float
    gsd_m: float

    def on_ground(self, points: Outline) -> Outline:
        """Points (N, 2) in pixels as eastings and northings in metres."""
        return np.array([self.west, self.north]) + points * [self.gsd_m, -self.gsd_m]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row of tiles begins: WGS 84 in degrees, and the UTM zone as an EPSG code."""

    name: str
    lat: float
    lon: float
    epsg: int


def tile_centre(place: Place, number: int, extent_m: float) -> tuple[float, float]:
    """Latitude and longitude in degrees, four decimals, of a place's tile by its number; tiles do not overlap."""
    row, column = divmod(number, _ROW)
    scale = 10**_DECIMALS
    north = math.ceil(scale * extent_m / _METRES_PER_DEGREE)
    east = math.ceil(scale * extent_m / (_METRES_PER_DEGREE * math.cos(math.radians(place.lat))))
    return round(place.lat + row * north / scale, _DECIMALS), round(place.lon + column * east / scale, _DECIMALS)


def tile_grid(place: Place, number: int, *, size: int, gsd_m: float) -> Grid:
    """The grid of a place's tile of `size` x `size` pixels, its edges on whole pixels of the zone."""
    from rasterio.warp import transform

    lat, lon = tile_centre(place, number, size * gsd_m)
    (east,), (north,) = transform("EPSG:4326", f"EPSG:{place.epsg}", [lon], [lat])
    half = size // 2
    return Grid(place.epsg, (round(east / gsd_m) - half) * gsd_m, (round(north / gsd_m) + half) * gsd_m, gsd_m)
