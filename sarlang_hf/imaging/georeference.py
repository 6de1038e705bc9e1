"""Where on the Earth a raster lies, and how large its pixels are there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

EQUATORIAL_RADIUS = 6_378_137.0
FLATTENING_SQUARED = 0.006_694_379_990_14
"""WGS 84: semi-major axis in metres, first eccentricity squared."""

MAP_SCALE_TOLERANCE = 0.01
"""UTM stretches the ground by 0.1 % at most; a projection that does more (Web Mercator) does not give ground distances."""

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Location:
    """Centre of a raster in degrees (WGS 84) and side of a pixel in metres; None where the file does not tell."""

    lat: float | None = None
    lon: float | None = None
    gsd_m: float | None = None


def locate(crs: Any, transform: tuple[float, float, float, float, float, float], width: int, height: int) -> Location:
    """Locates a raster.

    The ground sample distance is the square root of a pixel's area, so that rotated rasters have one too. Projected rasters
    report the map's pixel size where the map is true to scale; for others, and for rasters in degrees, it is measured on
    the ellipsoid at the centre.

    Args:
        crs: rasterio's coordinate reference system, None if there is none.
        transform: (a, b, c, d, e, f) with x = a column + b row + c and y = d column + e row + f.
        width, height: in pixels.

    Returns:
        Degrees rounded to 1e-7 (a centimetre), metres to 1e-6; nothing where there is no georeference, or an unusable one.
    """
    if not crs or transform == IDENTITY or not all(map(math.isfinite, transform)):
        return Location()
    centre = _degrees(crs, transform, width / 2, height / 2)
    nominal = _map_pixel(crs, transform)
    if centre is None:
        return Location(gsd_m=nominal)
    ground = _ground_pixel(crs, transform, width / 2, height / 2)
    true_to_scale = nominal is not None and (ground is None or abs(ground / nominal - 1) < MAP_SCALE_TOLERANCE)
    return Location(round(centre[1], 7), round(centre[0], 7), nominal if true_to_scale else ground)


def same_crs(one: str, other: str) -> bool:
    """Whether two reference systems, as `RasterHeader.crs` has them, are the same; unknown ones are compared as text."""
    if one == other:
        return True
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        return bool(CRS.from_string(one) == CRS.from_string(other))
    except CRSError:
        return False


def _degrees(crs: Any, transform: tuple[float, ...], column: float, row: float) -> _Point | None:
    """(longitude, latitude) of a point in pixels."""
    from rasterio._err import CPLE_BaseError  # GDAL's own errors, which rasterio.errors does not offer
    from rasterio.errors import CRSError, RasterioError
    from rasterio.warp import transform as reproject

    a, b, c, d, e, f = transform
    try:
        longitudes, latitudes = reproject(crs, "EPSG:4326", [a * column + b * row + c], [d * column + e * row + f])[:2]
    except (RasterioError, CRSError, CPLE_BaseError):
        return None  # a local system of coordinates, or one PROJ does not know
    lon, lat = float(longitudes[0]), float(latitudes[0])
    return (lon, lat) if abs(lat) <= 90 and math.isfinite(lon) else None


def _map_pixel(crs: Any, transform: tuple[float, ...]) -> float | None:
    """Side of a pixel in the map's units, as metres; None unless the system is a map projection."""
    if not crs.is_projected:
        return None
    a, b, _, d, e, _ = transform
    return round(math.sqrt(abs(a * e - b * d)) * float(crs.linear_units_factor[1]), 6) or None


def _ground_pixel(crs: Any, transform: tuple[float, ...], column: float, row: float) -> float | None:
    """Side of the pixel around a point, measured on the ellipsoid."""
    corners = [_degrees(crs, transform, column + dx, row + dy) for dx, dy in ((0, 0), (1, 0), (0, 1))]
    origin, right, below = corners
    if origin is None or right is None or below is None:
        return None
    (x1, y1), (x2, y2) = _metres(origin, right), _metres(origin, below)
    return round(math.sqrt(abs(x1 * y2 - x2 * y1)), 6) or None


def _metres(origin: _Point, point: _Point) -> _Point:
    """Eastward and northward distance of a near point, by the ellipsoid's radii of curvature."""
    phi = math.radians(origin[1])
    bend = 1 - FLATTENING_SQUARED * math.sin(phi) ** 2
    across, along = EQUATORIAL_RADIUS / math.sqrt(bend), EQUATORIAL_RADIUS * (1 - FLATTENING_SQUARED) / bend**1.5
    east = math.radians((point[0] - origin[0] + 540) % 360 - 180)
    return across * math.cos(phi) * east, along * math.radians(point[1] - origin[1])
