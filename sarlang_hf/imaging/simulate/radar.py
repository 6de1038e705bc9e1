"""The radar image of a scene: mean intensity of ground, shadows and targets; speckle; and the stretch to 8 bits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sarlang_hf.imaging.simulate.backdrop import Backdrop, Building
from sarlang_hf.imaging.simulate.clutter import Field, gamma_from_normal, normal_field, speckle
from sarlang_hf.imaging.simulate.geometry import Footprint, swept
from sarlang_hf.imaging.simulate.response import Scatterers, echo
from sarlang_hf.imaging.simulate.scene import PlacedObject, Scene, SurfaceKind
from sarlang_hf.imaging.simulate.targets import decibel, paint, shadow_length

LAND_DB, WATER_DB, SHADOW_DB, NOISE_DB = -10.0, -22.0, -23.0, -27.0
SURFACE_DB: dict[SurfaceKind, float] = {
    "road": -17.0,
    "runway": -20.0,
    "apron": -17.5,
    "lot": -15.5,
    "pad": -12.5,
    "yard": -8.0,
}
_E_PER_DB = np.float32(np.log(10) / 10)
_TEXTURE_CORRELATION = 1.2


@dataclass(frozen=True, slots=True, eq=False)
class Backscatter:
    """What a scene returns on average: the radar's answer before speckle.

    Attributes:
        mean: (H, W) float32 mean intensity of ground, shadows and object bodies, the noise floor included.
        scatterers: the objects' point targets.
        looks: number of looks of the speckle to come.
    """

    mean: Field
    scatterers: Scatterers
    looks: int


def backscatter(scene: Scene, ground: Backdrop, footprints: list[Footprint], rng: np.random.Generator) -> Backscatter:
    """Work out the mean intensity of a scene, with land clutter near -10 dB and calm water near -22 dB."""
    power = _ground_power(scene, ground, rng)
    power = _with_shadows(power, scene, rng)
    scatterers = paint(power, scene, footprints, rng)
    power *= _texture(ground.depth, rng)
    power += np.float32(decibel(NOISE_DB))
    return Backscatter(power, scatterers, scene.looks)


def radar_power(seen: Backscatter, rng: np.random.Generator, *, gain_db: float = 0.0) -> Field:
    """Draw speckle and echoes: linear intensity, (H, W) float32, never negative.

    Args:
        seen: the mean to draw around; it stays as it is, so that several channels can be drawn from it.
        rng: source of chance for the speckle and the phases of the point targets.
        gain_db: gain of the channel on all of the mean.
    """
    gain = float(decibel(gain_db))
    power = seen.mean * np.float32(gain) * speckle(rng, seen.mean.shape, looks=seen.looks)
    if len(seen.scatterers.power):
        power += echo(replace(seen.scatterers, power=seen.scatterers.power * gain), rng, power.shape[0])
    return power


def stretched(power: Field, rng: np.random.Generator, *, water: float) -> npt.NDArray[np.uint8]:
    """Intensity (H, W) to uint8: amplitude, or for one image in five decibels, between percentiles of the image.

    Open water is left dark, as in ship detection sets: its upper percentile is sea clutter, not targets.
    """
    power = np.maximum(power, np.float32(1e-6))  # exponential speckle in float32 can be exactly 0
    some = power[::2, ::2]
    if rng.random() < 0.2 * (water < 0.7):
        low, high = 10 * np.log10(np.percentile(some, (1.0, 99.9)))
        level = (10 / np.log(10)) * np.log(power)
    else:
        level = np.sqrt(power)
        low, high = 0.0, float(np.sqrt(np.percentile(some, 99.0))) * float(rng.uniform(1.0, 1.35))
        high *= 1.0 + float(rng.uniform(0.8, 2.2)) * water**3
    level -= np.float32(low)
    level *= np.float32(255 / (high - low))
    return np.asarray(np.clip(level, 0, 255), dtype=np.uint8)


def _ground_power(scene: Scene, ground: Backdrop, rng: np.random.Generator) -> Field:
    land = np.exp(_E_PER_DB * (ground.cover_db + np.float32(LAND_DB)))
    if scene.land != "bare":
        land[ground.boundary] *= np.float32(2.2)
    land = _with_trees(land, scene, rng)
    land = _with_built_ground(land, scene, ground, rng)
    sea_db = np.float32(WATER_DB + rng.normal(0, 1.5))
    sea = np.exp(_E_PER_DB * (ground.swell * np.float32(0.9) + sea_db))
    return np.where(ground.depth > 0, sea, land)


def _with_trees(land: Field, scene: Scene, rng: np.random.Generator) -> Field:
    count = int(scene.size**2 / 700)
    rows, columns = rng.integers(scene.size, size=(2, count))
    land[rows, columns] *= decibel(rng.normal(8, 3, count)).astype(np.float32)
    return land


def _with_built_ground(land: Field, scene: Scene, ground: Backdrop, rng: np.random.Generator) -> Field:
    canvas = Image.fromarray(land)
    pen = ImageDraw.Draw(canvas)
    for surface in ground.surfaces:
        pen.polygon(surface.outline.ravel().tolist(), fill=float(decibel(SURFACE_DB[surface.kind])))
    for building in ground.buildings:
        _draw_building(pen, building, scene, rng)
    return np.array(canvas)


def _draw_building(pen: ImageDraw.ImageDraw, building: Building, scene: Scene, rng: np.random.Generator) -> None:
    """Shadow behind, a roof of medium brightness, and bright lines where walls face the radar."""
    corners, look = building.corners, np.asarray(scene.look, dtype=np.float64)
    shadow = float(decibel(SHADOW_DB))
    roof, glow = (float(level) for level in decibel(rng.normal((-10, 3), (2, 5))))
    for quad in swept(corners, look * building.height):
        pen.polygon(quad.ravel().tolist(), fill=shadow)
    pen.polygon(corners.ravel().tolist(), fill=roof)
    after = np.roll(corners, -1, axis=0)
    outward = (corners + after) / 2 - corners.mean(axis=0)
    facing = -(outward @ look) / np.maximum(np.hypot(outward[:, 0], outward[:, 1]), 1e-9)
    wall = 2 if scene.scale > 0.6 else 1
    for start, end, turned_to in zip(corners, after, facing.tolist(), strict=True):
        if turned_to > 0.25:
            pen.line([*start.tolist(), *end.tolist()], fill=glow * turned_to**4, width=wall)


def _with_shadows(power: Field, scene: Scene, rng: np.random.Generator) -> Field:
    """Radar shadows behind tall objects, and the wakes of some ships."""
    canvas = Image.fromarray(power)
    pen = ImageDraw.Draw(canvas)
    look = np.asarray(scene.look, dtype=np.float64)
    for thing in scene.objects:
        for outline in thing.outlines if shadow_length(thing) else ():
            for quad in swept(outline, look * shadow_length(thing)):
                pen.polygon(quad.ravel().tolist(), fill=float(decibel(SHADOW_DB)))
        if thing.category == "ship" and rng.random() < 0.3:
            _draw_wake(pen, thing, scene, rng)
    return np.array(canvas)


def _draw_wake(pen: ImageDraw.ImageDraw, ship: PlacedObject, scene: Scene, rng: np.random.Generator) -> None:
    """A dark turbulent trail astern between two faint bright arms; none where it would run ashore."""
    astern = -np.array([np.cos(ship.heading), np.sin(ship.heading)])
    stern = np.array([ship.x, ship.y]) + 0.5 * ship.length * astern
    length = ship.length * float(rng.uniform(1.2, 3.0))
    trail = stern + np.linspace(0, length, 12)[:, None] * astern
    if scene.waters.depth(trail[:, 0], trail[:, 1]).min() < 0.15 * length:
        return
    aside = 0.13 * length * np.array([-astern[1], astern[0]])
    arms = ((0, WATER_DB - 4, 0.35 * ship.width), (1, WATER_DB + 4, 1.0), (-1, WATER_DB + 4, 1.0))
    for side, level, width in arms:
        end = stern + length * astern + side * aside
        pen.line([*stern.tolist(), *end.tolist()], fill=float(decibel(level)), width=max(int(width), 1))


def _texture(depth: Field, rng: np.random.Generator) -> Field:
    """Gamma texture of mean 1, spikier on land than on water, correlated over a few pixels; same shape as depth."""
    size = depth.shape[0]
    half = -(-size // 2)
    normal = normal_field(rng, (half, half), correlation=_TEXTURE_CORRELATION)
    sea = gamma_from_normal(normal, order=float(rng.choice([6.0, 12.0, 24.0])))
    land = gamma_from_normal(normal, order=float(rng.choice([5.0, 9.0])))
    return np.where(depth > 0, _doubled(sea, size), _doubled(land, size))


def _doubled(field: Field, size: int) -> Field:
    return np.repeat(np.repeat(field, 2, axis=0), 2, axis=1)[:size, :size]
