"""The tree of OpenEarthMap-SAR (2025 IEEE GRSS Data Fusion Contest, track 1): land cover under spotlight radar.

    train/{sar_images,rgb_images,labels}/TrainArea_001.tif ...      uint8 amplitude; uint8 x 3; uint8 classes 0..8
    val/sar_images/ValArea_001.tif ...                              `val`: the radar image alone
    simulated_captions.jsonl                                        see captions.py

Pixels of 0.15 to 0.5 m in the UTM zone of the region. One radar tile in five has an empty corner of zeros; other zeros are
shadow or calm water.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sarlang_hf.imaging.simulate.captions import caption_table
from sarlang_hf.imaging.simulate.encoding import geotiff
from sarlang_hf.imaging.simulate.grids import Grid, Place, tile_grid
from sarlang_hf.imaging.simulate.layout import Layout
from sarlang_hf.imaging.simulate.planning import LAND_KINDS
from sarlang_hf.imaging.simulate.render import View
from sarlang_hf.imaging.simulate.request import Request, Shot
from sarlang_hf.imaging.simulate.scene import Land, Scene
from sarlang_hf.imaging.simulate.sensor import Sensor, squared
from sarlang_hf.imaging.simulate.swath import wedge

BARELAND, RANGELAND, DEVELOPED, ROAD, TREE, WATER, AGRICULTURE, BUILDING = range(1, 9)
"""Classes of the labels; 0 is background and does not occur here."""

_REGIONS = (
    Place("France_Alpes-Maritimes_Nice", 43.7001, 7.2503, 32632),
    Place("Japan_Kanagawa_Yokohama", 35.4402, 139.6404, 32654),
    Place("USA_Texas_Houston", 29.7604, -95.3701, 32615),
)
_GSD_M = (0.5, 0.35, 0.25, 0.2, 0.15)
_COVER: dict[Land, int] = {"rural": AGRICULTURE, "urban": DEVELOPED, "bare": BARELAND}
_OBJECT_CLASS = {"tank": BUILDING, "bridge": ROAD, "harbor": DEVELOPED}
"""Objects that are land cover; ships, cars and aircraft stand on it."""

_PRODUCTS = ("sar_images", "rgb_images", "labels")


def _region(shot: Shot) -> Place:
    return _REGIONS[shot.number % len(_REGIONS)]


def _scene(request: Request, shot: Shot) -> tuple[Scene, np.random.Generator]:
    return request.plan(shot, kinds=LAND_KINDS)


def _sar(seen: View, shot: Shot, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    level = np.sqrt(seen.power(rng))
    image = np.clip(level * np.float32(200 / np.percentile(level, 99)), 0, 255).astype(np.uint8)
    if shot.number % 5 == 4:
        image[wedge(rng, seen.scene.size, share=0.1)] = 0
    return image


def _grid(request: Request, shot: Shot) -> Grid:
    return tile_grid(_region(shot), shot.number, size=request.size, gsd_m=_GSD_M[shot.number % len(_GSD_M)])


def _released_name(_: Request, shot: Shot) -> str:
    return f"{_region(shot).name}_{shot.number + 1}"


OPENEARTHMAP_SENSOR = Sensor(_scene, _sar, squared, _grid, _released_name)


def _stem(shot: Shot) -> str:
    return f"{'TrainArea' if shot.split == 'train' else 'ValArea'}_{shot.index + 1:03d}"


def _files(_: Request, shot: Shot) -> tuple[str, ...]:
    if shot.split == "val":
        return (f"val/sar_images/{_stem(shot)}.tif",)
    return tuple(f"train/{product}/{_stem(shot)}.tif" for product in _PRODUCTS)


def _draw(request: Request, shot: Shot) -> Iterator[bytes]:
    seen, rng = OPENEARTHMAP_SENSOR.view(request, shot)
    grid = _grid(request, shot)
    yield geotiff(_sar(seen, shot, rng), grid)
    if shot.split == "train":
        yield geotiff(seen.optical(rng), grid)
        yield geotiff(_labels(seen), grid)


def _labels(seen: View) -> npt.NDArray[np.uint8]:
    """Land cover as the camera sees it, (H, W) uint8."""
    ground, scene = seen.ground, seen.scene
    cover = np.full(ground.depth.shape, _COVER[scene.land], dtype=np.uint8)
    if scene.land == "rural":
        cover[ground.cover_db > 0] = RANGELAND
        cover[ground.boundary] = TREE
    canvas = Image.fromarray(cover)
    pen = ImageDraw.Draw(canvas)
    for surface in ground.surfaces:
        pen.polygon(surface.outline.ravel().tolist(), fill=ROAD if surface.kind == "road" else DEVELOPED)
    for building in ground.buildings:
        pen.polygon(building.corners.ravel().tolist(), fill=BUILDING)
    labels = np.where(ground.depth > 0, np.uint8(WATER), np.asarray(canvas))
    for thing, pixels in zip(scene.objects, seen.footprints, strict=True):
        if thing.category in _OBJECT_CLASS:
            labels[pixels.window][pixels.mask] = _OBJECT_CLASS[thing.category]
    return labels


def _tables(request: Request) -> dict[str, Iterator[str]]:
    return caption_table(request, scene=OPENEARTHMAP_SENSOR.planned, stem=_stem)


OPENEARTHMAP_SAR = Layout(
    folders=(*(f"train/{product}" for product in _PRODUCTS), "val/sar_images"),
    files=_files,
    draw=_draw,
    tables=_tables,
)
