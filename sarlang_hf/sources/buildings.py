"""Building outlines in GeoJSON as boxes in the pixels of a tile."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sarlang_hf.imaging.georeference import same_crs
from sarlang_hf.imaging.raster import RasterHeader
from sarlang_hf.schema import Box

CATEGORY = "building"
LARGEST_FILE = 1 << 26
"""Bytes; a densely built tile of SpaceNet 6 has a few hundred thousand."""

_Point = tuple[float, float]


def read_buildings(path: Path, header: RasterHeader) -> list[Box] | str:
    """The bounding boxes of a file's polygons, clipped to the tile; those outside of it are left out.

    Coordinates must be the tile's: the file's `crs` member names the tile's system, or there is none and they are in the
    tile's system already (SpaceNet 6's outlines are in EPSG:32631; RFC 7946's degrees are not read).

    Args:
        path: a FeatureCollection of Polygon and MultiPolygon geometries; other and empty geometries hold no building.
        header: of the tile.

    Returns:
        Boxes in file order, in hundredths of a pixel; or what is wrong with the file.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            return f"is larger than {LARGEST_FILE >> 20} MiB"
        content = json.loads(path.read_bytes())
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except (ValueError, RecursionError):
        return "is no complete JSON file"
    try:
        if foreign := _foreign_crs(content, header):
            return f"is in {foreign}, the image in {header.crs[:60] or 'no reference system'}"
        outlines = [ring for feature in content["features"] for ring in _rings(feature["geometry"])]
        boxes = [_box([_pixel(point, header) for point in ring], header) for ring in outlines]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError):
        return "holds no sound FeatureCollection of polygons"
    return [box for box in boxes if box is not None]


def _foreign_crs(content: Any, header: RasterHeader) -> str:
    """The file's reference system if it is not the tile's."""
    if content.get("crs") is None:
        return ""
    name = str(content["crs"]["properties"]["name"])
    system = name.removeprefix("urn:ogc:def:crs:").replace("::", ":")
    return "" if header.crs and same_crs(system, header.crs) else name[:60]


def _rings(geometry: Any) -> Iterator[list[Any]]:
    """The outer ring of every polygon."""
    kind = geometry["type"] if geometry else None
    if kind in {"Polygon", "MultiPolygon"}:
        polygons = [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]
        yield from (rings[0] for rings in polygons if rings and rings[0])


def _pixel(point: Any, header: RasterHeader) -> _Point:
    """(column, row) of a point on the map."""
    a, b, c, d, e, f = header.transform
    x, y = float(point[0]) - c, float(point[1]) - f
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError("coordinates must be finite")
    scale = a * e - b * d
    return (e * x - b * y) / scale, (a * y - d * x) / scale


def _box(outline: list[_Point], header: RasterHeader) -> Box | None:
    columns, rows = zip(*outline, strict=True)
    left, right = (_within(x, header.width) for x in (min(columns), max(columns)))
    top, bottom = (_within(y, header.height) for y in (min(rows), max(rows)))
    if right <= left or bottom <= top:
        return None
    return Box(left, top, round(right - left, 2), round(bottom - top, 2), CATEGORY)


def _within(at: float, length: int) -> float:
    return round(min(max(at, 0.0), float(length)), 2) + 0.0  # no -0.0
