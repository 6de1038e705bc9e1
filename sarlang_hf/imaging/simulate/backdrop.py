"""What the radar and the camera both see of a scene besides its objects: water, land cover, roads and buildings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sarlang_hf.imaging.simulate.clutter import Field, resized, smooth_field
from sarlang_hf.imaging.simulate.geometry import Outline, rectangle, turned
from sarlang_hf.imaging.simulate.placing import turn
from sarlang_hf.imaging.simulate.scene import Land, Scene, Surface

COARSE_SIZE = 128
"""Smooth fields are made on a grid of at most this size, or a quarter of the image's."""

_FIELD_SPREAD_DB: dict[Land, float] = {"rural": 2.6, "urban": 1.2, "bare": 1.6}
_FIELD_COLORS: dict[Land, tuple[tuple[int, int, int], ...]] = {
    "rural": ((86, 104, 58), (112, 126, 70), (148, 138, 92), (70, 92, 50), (128, 112, 78), (54, 78, 44)),
    "urban": ((120, 116, 108), (104, 108, 98), (94, 106, 80), (132, 126, 116)),
    "bare": ((150, 134, 106), (136, 124, 98), (120, 116, 92), (162, 148, 120)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Building:
    """A block with a flat roof: four corners in pixels in order round it, height in pixels."""

    corners: Outline
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """Ground of a scene.

    Attributes:
        depth: (H, W) float32, distance to the shore in pixels, positive on water.
        cover_db: (H, W) float32, backscatter of the land relative to its mean.
        color: (H, W, 3) float32, colour of the land, 0..255.
        swell: (H, W) float32, slow changes of wind over the water, about standard normal.
        boundary: (H, W) bool, hedges and ditches between fields.
        surfaces: roads and the scene's own surfaces, in painting order.
        buildings: on free land only.
    """

    depth: Field
    cover_db: Field
    color: Field
    swell: Field
    boundary: npt.NDArray[np.bool_]
    surfaces: tuple[Surface, ...]
    buildings: tuple[Building, ...]


def backdrop(scene: Scene, rng: np.random.Generator) -> Backdrop:
    """Draw the ground of a scene; the objects themselves are left out."""
    size = scene.size
    coarse = min(size, max(COARSE_SIZE, size // 4))
    centres = ((np.arange(coarse, dtype=np.float32) + 0.5) * (size / coarse)).astype(np.float32)
    depth = np.asarray(scene.waters.depth(centres[None, :], centres[:, None]), dtype=np.float32)
    cover_db, colors, gap = _fields(scene.land, rng, centres, scale=scene.scale)
    cover_db += 1.2 * smooth_field(rng, coarse, cells=7)
    roads = _roads(scene, rng)
    buildings = _buildings(scene, rng, depth) if scene.waters.kind != "all" else ()
    return Backdrop(
        depth=resized(depth, size),
        cover_db=resized(cover_db, size),
        color=np.stack([resized(np.ascontiguousarray(colors[:, :, band]), size) for band in range(3)], axis=2),
        swell=smooth_field(rng, size, cells=6),
        boundary=resized(gap, size) < 0.65 * size / coarse,
        surfaces=(*roads, *scene.surfaces),
        buildings=buildings,
    )


def _fields(land: Land, rng: np.random.Generator, centres: Field, *, scale: float) -> tuple[Field, Field, Field]:
    """Plots of land: the cells nearest to random seeds, in a turned and stretched metric that gives straight plots.

    Returns backscatter in dB (n, n), colours (n, n, 3), and the distance to the nearest boundary in pixels (n, n).
    """
    extent = float(centres[-1])
    count = int(np.clip((extent / (110 * scale)) ** 2, 5, 40))
    seeds = rng.uniform(0, extent, size=(count, 2)).astype(np.float32)
    angle, stretch = turn(rng), np.float32(rng.uniform(1.0, 2.2))
    c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    dx, dy = centres[None, None, :] - seeds[:, 0, None, None], centres[None, :, None] - seeds[:, 1, None, None]
    distance = np.maximum(np.abs(dx * c + dy * s), np.abs(dy * c - dx * s) * stretch)
    nearest = distance.argmin(axis=0)
    first, second = np.partition(distance, 1, axis=0)[:2]
    levels = rng.normal(0, _FIELD_SPREAD_DB[land], size=count).astype(np.float32)
    palette = np.array(_FIELD_COLORS[land], dtype=np.float32)
    tints = palette[rng.integers(len(palette), size=count)] + rng.normal(0, 6, size=(count, 1)).astype(np.float32)
    return levels[nearest], tints[nearest], (second - first) / 2


def _roads(scene: Scene, rng: np.random.Generator) -> tuple[Surface, ...]:
    if scene.waters.kind == "all":
        return ()
    count = {"rural": 2, "urban": 4, "bare": 1}[scene.land]
    heading, size = turn(rng), scene.size
    roads = []
    for index in range(count):
        x, y = rng.uniform(0, size, size=2)
        way = heading + (index % 2) * math.pi / 2 + float(rng.normal(0, 0.08))
        width = max(float(rng.uniform(5, 10)) * scene.scale, 1.5)
        roads.append(Surface("road", turned(rectangle(4 * size, width), x=x, y=y, heading=way)))
    return tuple(roads)


def _buildings(scene: Scene, rng: np.random.Generator, depth: Field) -> tuple[Building, ...]:
    """Blocks on a turned street grid wherever the land is free of water, objects and paved ground."""
    pitch = _pitch(scene)
    share = {"rural": 0.1, "urban": 0.9, "bare": 0.04}[scene.land]
    density = smooth_field(rng, depth.shape[0], cells=5)
    heading, reach = turn(rng), int(0.75 * scene.size / pitch) + 1
    taken = _taken(scene, depth)
    buildings = []
    for column in range(-reach, reach + 1):
        for row in range(-reach, reach + 1):
            chance, a, b, jx, jy, tall = rng.random(6)
            own = np.array([[(column + 0.2 * (jx - 0.5)) * pitch, (row + 0.2 * (jy - 0.5)) * pitch]])
            x, y = turned(own, x=scene.size / 2, y=scene.size / 2, heading=heading)[0]
            if not (0 <= x < scene.size and 0 <= y < scene.size):
                continue
            if chance > share * (1.0 if _at(density, x, y, scene.size) > -0.4 else 0.15):
                continue
            length, width = (0.35 + 0.5 * a) * pitch, (0.3 + 0.3 * b) * pitch
            corners = turned(rectangle(length, width), x=x, y=y, heading=heading)
            if not _touches(taken, corners, scene.size):
                buildings.append(Building(corners, height=pitch * (0.1 + 0.3 * tall**2)))
    return tuple(buildings)


def _pitch(scene: Scene) -> float:
    """Distance between building plots in pixels; a parking lot is seen from closer than the rest."""
    closer = {"parking": 2.8, "airfield": 1.5}.get(scene.kind, 1.0)
    return {"rural": 62, "urban": 40, "bare": 80}[scene.land] * max(scene.scale, 0.3) * closer


def _at(field: Field, x: float, y: float, size: int) -> float:
    coarse = field.shape[0]
    return float(field[int(y * coarse / size), int(x * coarse / size)])


def _taken(scene: Scene, depth: Field) -> npt.NDArray[np.bool_]:
    """(n, n) bool at coarse size: where no building may stand."""
    coarse = depth.shape[0]
    step = scene.size / coarse
    canvas = Image.fromarray((depth > -4 * scene.scale).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    margin = 8 * scene.scale
    for thing in scene.objects:
        x, y, width, height = thing.rect
        edges = (x - margin, y - margin, x + width + margin, y + height + margin)
        pen.rectangle([edge / step for edge in edges], fill=1)
    for surface in scene.surfaces:
        pen.polygon((surface.outline / step).ravel().tolist(), fill=1, outline=1)
    return np.asarray(canvas).astype(np.bool_)


def _touches(taken: npt.NDArray[np.bool_], corners: Outline, size: int) -> bool:
    coarse = taken.shape[0]
    low = np.clip((corners.min(axis=0) * coarse / size).astype(int), 0, coarse - 1)
    high = np.clip((corners.max(axis=0) * coarse / size).astype(int), 0, coarse - 1)
    return bool(taken[low[1] : high[1] + 1, low[0] : high[0] + 1].any())
