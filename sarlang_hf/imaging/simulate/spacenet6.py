"""The tree of SpaceNet 6 (Rotterdam): quad-pol tiles of flight strips, in decibels plus 60.

    train/AOI_11_Rotterdam/SAR-Intensity/SN6_Train_AOI_11_Rotterdam_SAR-Intensity_<start>_<end>_tile_<n>.tif
        float32, bands HH, HV, VH, VV without descriptions, 0 = nodata in a slanted wedge, EPSG:32631, 0.5 m
    train/AOI_11_Rotterdam/PS-RGB/SN6_..._PS-RGB_...tif                        uint8 x 3, the same grid, no wedge
    train/AOI_11_Rotterdam/geojson_buildings/SN6_..._Buildings_...geojson      roof outlines in EPSG:32631
    train/AOI_11_Rotterdam/SummaryData/SAR_orientations.txt                    '<start>_<end> 0|1' for every strip
    test_public/AOI_11_Rotterdam/SAR-Intensity/SN6_Test_Public_...tif          `val`: the radar image alone
    simulated_captions.jsonl                                                   see captions.py

Scale and order are those that the real tiles seem to have (no official sentence on the scale is known). One tile in twenty
is almost all nodata.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from sarlang_hf.imaging.simulate.captions import caption_table
from sarlang_hf.imaging.simulate.clutter import Field
from sarlang_hf.imaging.simulate.encoding import geotiff
from sarlang_hf.imaging.simulate.geometry import clipped
from sarlang_hf.imaging.simulate.grids import Grid, Place, tile_grid
from sarlang_hf.imaging.simulate.layout import Layout
from sarlang_hf.imaging.simulate.planning import LAND_KINDS
from sarlang_hf.imaging.simulate.render import View
from sarlang_hf.imaging.simulate.request import Request, Shot
from sarlang_hf.imaging.simulate.scene import Scene
from sarlang_hf.imaging.simulate.sensor import Sensor
from sarlang_hf.imaging.simulate.swath import wedge
from sarlang_hf.imaging.simulate.targets import decibel

GAIN_DB = {"HH": 0.0, "HV": -6.5, "VH": -6.5, "VV": 0.4}
"""Gain of the bands, in file order; the cross-polarized ones get less back from everything. (The means of the real strips
lie about 3 dB apart.)"""

OFFSET_DB, FAINTEST = 60.0, 0.5
"""What is added to decibels, and the least value of a pixel with data: 0 is nodata, however dark the water."""

STRIPS, TILES_A_STRIP = 6, 4
_GSD_M = 0.5
_ROTTERDAM = Place("Rotterdam", 51.92, 4.4, 32631)
_FIRST_START = datetime(2019, 8, 4, 7, 2, 11)
_TRAIN, _TEST = "train/AOI_11_Rotterdam", "test_public/AOI_11_Rotterdam"


def strip(shot: Shot) -> tuple[str, int]:
    """Name of the flight strip of a tile, `<start>_<end>`, and its orientation: 0 seen from north, 1 from south.

    Test strips are other strips than training strips.
    """
    number = shot.number // TILES_A_STRIP % STRIPS + (STRIPS if shot.split == "val" else 0)
    return _strip_name(number), number % 2


def nodata_share(shot: Shot) -> float:
    """Share of a tile that its strip does not cover: most tiles little or nothing, one in twenty almost all."""
    if shot.number % 20 == 19:
        return 0.98
    return (0.0, 0.4, 0.0, 0.15, 0.25)[shot.number % 5]


def _strip_name(number: int) -> str:
    start = _FIRST_START + timedelta(minutes=13, seconds=7) * number
    return "_".join(f"{time:%Y%m%d%H%M%S}" for time in (start, start + timedelta(minutes=2, seconds=36)))


def _scene(request: Request, shot: Shot) -> tuple[Scene, np.random.Generator]:
    scene, rng = request.plan(shot, kinds=LAND_KINDS)
    _, from_south = strip(shot)
    return replace(scene, land="urban", look=(0, -1) if from_south else (0, 1)), rng


def _sar(seen: View, shot: Shot, rng: np.random.Generator) -> Field:
    power = np.stack([seen.power(rng, gain_db=gain) for gain in GAIN_DB.values()], axis=2)
    level = 10 * np.log10(np.maximum(power, np.float32(1e-12))) + np.float32(OFFSET_DB)
    level = np.maximum(level, np.float32(FAINTEST))
    level[wedge(rng, seen.scene.size, share=nodata_share(shot))] = 0
    return level


def _intensity(sar: Field) -> Field:
    return decibel(sar[:, :, 0] - np.float32(OFFSET_DB)).astype(np.float32)


def _grid(request: Request, shot: Shot) -> Grid:
    return tile_grid(_ROTTERDAM, shot.number, size=request.size, gsd_m=_GSD_M)


def _released_name(_: Request, shot: Shot) -> str:
    return f"SN6_Rotterdam_{strip(shot)[0]}_tile_{shot.number + 1}"


SPACENET6_SENSOR = Sensor(_scene, _sar, _intensity, _grid, _released_name)


def _name(product: str, shot: Shot) -> str:
    part = "Train" if shot.split == "train" else "Test_Public"
    return f"SN6_{part}_AOI_11_Rotterdam_{product}_{strip(shot)[0]}_tile_{shot.number + 1}"


def _files(_: Request, shot: Shot) -> tuple[str, ...]:
    sar = f"SAR-Intensity/{_name('SAR-Intensity', shot)}.tif"
    if shot.split == "val":
        return (f"{_TEST}/{sar}",)
    twin, outlines = f"PS-RGB/{_name('PS-RGB', shot)}.tif", f"geojson_buildings/{_name('Buildings', shot)}.geojson"
    return (f"{_TRAIN}/{sar}", f"{_TRAIN}/{twin}", f"{_TRAIN}/{outlines}")


def _draw(request: Request, shot: Shot) -> Iterator[bytes]:
    seen, rng = SPACENET6_SENSOR.view(request, shot)
    grid = _grid(request, shot)
    yield geotiff(_sar(seen, shot, rng), grid)
    if shot.split == "train":
        yield geotiff(seen.optical(rng), grid)
        yield json.dumps(_buildings(seen, grid)).encode()


def _buildings(seen: View, grid: Grid) -> dict[str, Any]:
    """GeoJSON of the roofs, as far as they lie in the tile."""
    crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{grid.epsg}"}}
    features = []
    for number, building in enumerate(seen.ground.buildings):
        corners = clipped(building.corners, seen.scene.size)
        if len(corners):
            ring = grid.on_ground(np.concatenate([corners, corners[:1]])).round(3).tolist()
            geometry = {"type": "Polygon", "coordinates": [ring]}
            features.append({"type": "Feature", "properties": {"TileBuildingId": number}, "geometry": geometry})
    return {"type": "FeatureCollection", "crs": crs, "features": features}


def _orientations() -> Iterator[str]:
    for number in range(2 * STRIPS):
        yield f"{_strip_name(number)} {number % 2}\n"


def _tables(request: Request) -> dict[str, Iterator[str]]:
    captions = caption_table(request, scene=SPACENET6_SENSOR.planned, stem=lambda shot: _name("SAR-Intensity", shot))
    return {f"{_TRAIN}/SummaryData/SAR_orientations.txt": _orientations()} | captions


SPACENET6 = Layout(
    folders=(
        *(f"{_TRAIN}/{product}" for product in ("SAR-Intensity", "PS-RGB", "geojson_buildings", "SummaryData")),
        f"{_TEST}/SAR-Intensity",
    ),
    files=_files,
    draw=_draw,
    tables=_tables,
)
