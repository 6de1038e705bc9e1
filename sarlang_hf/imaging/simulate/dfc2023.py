"""The tree of the 2023 IEEE GRSS Data Fusion Contest: roofs of many cities. Even images are track 1's, odd ones track 2's.

    track1/roof_fine_train.json                                     COCO, twelve roof categories
    track1/train/{rgb,sar}/SV_NewYork_40.7401_-73.9915.tif ...      optical sensor, city, latitude, longitude
    track2/annotations/buildings_only_train.json                    COCO, one category
    track2/train/{rgb,sar,height}/...tif
    track{1,2}/val/{rgb,sar}/P_0000.tif ...                         `val`, without annotations
    simulated_captions.jsonl                                        see captions.py

All 0.5 m in the UTM zone of the city: rgb uint8 x 3, sar uint16 amplitude, height float32 metres above ground. The real
radar tiles' data type is not documented; uint16 is how Gaofen-3's products come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sarlang_hf.imaging.simulate.annotations import coco_text
from sarlang_hf.imaging.simulate.backdrop import Backdrop, backdrop
from sarlang_hf.imaging.simulate.captions import caption_table
from sarlang_hf.imaging.simulate.clutter import Field
from sarlang_hf.imaging.simulate.encoding import geotiff
from sarlang_hf.imaging.simulate.grids import Grid, Place, tile_centre, tile_grid
from sarlang_hf.imaging.simulate.layout import Layout
from sarlang_hf.imaging.simulate.planning import LAND_KINDS
from sarlang_hf.imaging.simulate.render import View
from sarlang_hf.imaging.simulate.request import Request, Shot
from sarlang_hf.imaging.simulate.roofs import ROOF_TYPES, roofs
from sarlang_hf.imaging.simulate.scene import Scene
from sarlang_hf.imaging.simulate.sensor import Sensor, squared

GSD_M = 0.5
_CITIES = (
    Place("SV_NewYork", 40.7401, -73.9915, 32618),
    Place("GF2_NewYork", 40.6501, -73.9505, 32618),
    Place("SV_Darwin", -12.4278, 130.8688, 32752),
    Place("GF2_Berlin", 52.5021, 13.3904, 32633),
    Place("SV_Rio", -22.9105, -43.2007, 32723),
)
_DIGITAL_NUMBER = 800.0
"""Pixel value of amplitude 1; mean land clutter is then about 250."""

_TABLES = {1: "track1/roof_fine_train.json", 2: "track2/annotations/buildings_only_train.json"}
_CATEGORIES: dict[int, list[dict[str, Any]]] = {
    1: [{"id": number, "name": name} for number, name in enumerate(ROOF_TYPES, start=1)],
    2: [{"id": 1, "name": "building"}],
}
_PRODUCTS = {1: ("sar", "rgb"), 2: ("sar", "rgb", "height")}


def _city(shot: Shot) -> Place:
    return _CITIES[shot.number % len(_CITIES)]


def _city_name(request: Request, shot: Shot) -> str:
    lat, lon = tile_centre(_city(shot), shot.number, request.size * GSD_M)
    return f"{_city(shot).name}_{lat:.4f}_{lon:.4f}"


def _scene(request: Request, shot: Shot) -> tuple[Scene, np.random.Generator]:
    scene, rng = request.plan(shot, kinds=LAND_KINDS)
    return replace(scene, land="urban"), rng


def _sar(seen: View, _: Shot, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    level = np.sqrt(seen.power(rng)) * np.float32(_DIGITAL_NUMBER)
    return np.asarray(np.clip(np.rint(level), 0, 65535), dtype=np.uint16)


def _grid(request: Request, shot: Shot) -> Grid:
    return tile_grid(_city(shot), shot.number, size=request.size, gsd_m=GSD_M)


DFC2023_SENSOR = Sensor(_scene, _sar, squared, _grid, _city_name)


def _track(shot: Shot) -> int:
    return 1 + shot.index % 2


def _stem(request: Request, shot: Shot) -> str:
    return _city_name(request, shot) if shot.split == "train" else f"P_{shot.index:04d}"


def _name(request: Request, shot: Shot) -> str:
    return f"{_stem(request, shot)}.tif"


def _files(request: Request, shot: Shot) -> tuple[str, ...]:
    products = _PRODUCTS[_track(shot)] if shot.split == "train" else _PRODUCTS[1]
    return tuple(f"track{_track(shot)}/{shot.split}/{product}/{_name(request, shot)}" for product in products)


def _draw(request: Request, shot: Shot) -> Iterator[bytes]:
    seen, rng = DFC2023_SENSOR.view(request, shot)
    grid = _grid(request, shot)
    yield geotiff(_sar(seen, shot, rng), grid)
    yield geotiff(seen.optical(rng), grid)
    if shot.split == "train" and _track(shot) == 2:
        yield geotiff(_height(seen.ground), grid)


def _height(ground: Backdrop) -> Field:
    """Height above ground, (H, W) float32 metres: flat roofs."""
    canvas = Image.fromarray(np.zeros_like(ground.depth))
    pen = ImageDraw.Draw(canvas)
    for building in ground.buildings:
        # Houses of a few pixels would be lower than a man at this pixel size: a storey, and the rest doubled.
        pen.polygon(building.corners.ravel().tolist(), fill=3 + 2 * GSD_M * building.height)
    return np.array(canvas)


def _tables(request: Request) -> dict[str, Iterator[str]]:
    annotations = {
        name: coco_text(_images(request, track), _roofs(request, track), _CATEGORIES[track]) for track, name in _TABLES.items()
    }
    captions = caption_table(
        request, scene=DFC2023_SENSOR.planned, stem=lambda shot: f"track{_track(shot)}/{_stem(request, shot)}"
    )
    return annotations | captions


def _shots(request: Request, track: int) -> Iterator[Shot]:
    return (shot for shot in request.shots("train") if _track(shot) == track)


def _images(request: Request, track: int) -> Iterator[dict[str, Any]]:
    for shot in _shots(request, track):
        yield {"id": shot.number + 1, "file_name": _name(request, shot), "width": request.size, "height": request.size}


def _roofs(request: Request, track: int) -> Iterator[dict[str, Any]]:
    number = 0
    for shot in _shots(request, track):
        for index, roof in enumerate(roofs(backdrop(*_scene(request, shot)).buildings, request.size)):
            number += 1
            category = 1 + (shot.number + index) % len(_CATEGORIES[track])
            yield {"id": number, "image_id": shot.number + 1, "category_id": category, **roof}


DFC2023 = Layout(
    folders=(
        "track2/annotations",
        *(f"track{track}/train/{product}" for track in (1, 2) for product in _PRODUCTS[track]),
        *(f"track{track}/val/{product}" for track in (1, 2) for product in _PRODUCTS[1]),
    ),
    files=_files,
    draw=_draw,
    tables=_tables,
)
