"""How the six classes answer the radar: the mean intensity of their footprint and their point scatterers.

Intensities are absolute, with land clutter near -10 dB and calm water near -22 dB. Strong answers come from corners: a
ship's superstructure, the double bounce in front of a tank's wall, the edges of a bridge, engines and wing roots.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sarlang_hf.imaging.simulate.clutter import Field
from sarlang_hf.imaging.simulate.geometry import Footprint, turned
from sarlang_hf.imaging.simulate.response import Scatterers
from sarlang_hf.imaging.simulate.scene import Look, PlacedObject, Scene

Points = npt.NDArray[np.float64]
_AIRCRAFT_CORNERS = np.array(
    [(0.48, 0), (0.3, 0), (0.1, 0.05), (0.1, -0.05), (-0.1, 0), (-0.3, 0), (-0.47, 0)]
    + [(side * 0.0 - 0.03, side * 0.18) for side in (-1, 1)]
    + [(-0.08, side * 0.3) for side in (-1, 1)]
    + [(-0.15, side * 0.46) for side in (-1, 1)]
    + [(-0.46, side * 0.16) for side in (-1, 1)]
)
_SHADOW_REACH = {"tank": 0.45, "aircraft": 0.16, "car": 0.5, "ship": 0.0, "bridge": 0.0, "harbor": 0.0}


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one object returns: `body` float32 intensities of its footprint's pixels, and scatterers, (n, 2) and (n,)."""

    body: Field
    points: Points
    power: npt.NDArray[np.float64]


def decibel(value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Intensity of a level in dB."""
    return np.asarray(10.0 ** (np.asarray(value, dtype=np.float64) / 10))


def shadow_length(thing: PlacedObject) -> float:
    """Length of the radar shadow behind an object, in pixels."""
    return _SHADOW_REACH[thing.category] * thing.length


def answers(thing: PlacedObject, pixels: Footprint, look: Look, rng: np.random.Generator) -> Answer:
    """Mean intensity of an object's pixels and its point scatterers."""
    return _ANSWERS[thing.category](thing, pixels, look, rng)


def paint(power: Field, scene: Scene, footprints: list[Footprint], rng: np.random.Generator) -> Scatterers:
    """Write all objects' bodies into the mean intensity (H, W), in place; their scatterers are returned."""
    resolution = float(rng.uniform(1.05, 1.5))
    points, strengths, spreads = [np.zeros((0, 2))], [np.zeros(0)], [np.zeros((0, 2))]
    azimuth = 1 if scene.look[0] else 0
    for thing, pixels in zip(scene.objects, footprints, strict=True):
        answer = answers(thing, pixels, scene.look, rng)
        power[pixels.window][pixels.mask] = answer.body
        spread = np.full((len(answer.power), 2), resolution)
        if thing.category == "ship":
            spread[:, azimuth] *= float(rng.uniform(1.0, 1.8))  # a moving ship is smeared along azimuth
        points.append(answer.points)
        strengths.append(answer.power)
        spreads.append(spread)
    return Scatterers(np.concatenate(points), np.concatenate(strengths), np.concatenate(spreads))


def _ship(thing: PlacedObject, pixels: Footprint, look: Look, rng: np.random.Generator) -> Answer:
    del look
    count = max(6, int(thing.length / 2.2))
    own = np.stack([rng.uniform(-0.46, 0.46, count) * thing.length, rng.normal(0, 0.2, count) * thing.width], axis=1)
    level = rng.normal(3, 5, count)
    house = 2 + count // 12
    own[:house, 0] = (rng.choice([-0.36, 0.05, 0.38]) + rng.normal(0, 0.03, house)) * thing.length
    level[:house] += 11
    return Answer(_rough(pixels, -5, 3, rng), _out(thing, own), decibel(level))


def _aircraft(thing: PlacedObject, pixels: Footprint, look: Look, rng: np.random.Generator) -> Answer:
    del look
    corners = _AIRCRAFT_CORNERS * [thing.length, thing.width]
    skin = rng.uniform(-0.45, 0.45, (max(4, int(thing.length / 5)), 1)) * np.array([[thing.length, 0.0]])
    own = np.concatenate([corners, skin]) + rng.normal(0, 0.015 * thing.length, (len(corners) + len(skin), 2))
    level = np.concatenate([rng.normal(6, 4, len(corners)), rng.normal(0, 4, len(skin))])
    return Answer(_rough(pixels, -6, 3, rng), _out(thing, own), decibel(level))


def _car(thing: PlacedObject, pixels: Footprint, look: Look, rng: np.random.Generator) -> Answer:
    half = np.array([thing.length, thing.width]) / 2
    sides = rng.uniform(-0.9, 0.9, (14, 2)) * half
    longways = np.arange(14) % 2 == 0
    sides[longways, 1] = np.sign(sides[longways, 1]) * 0.85 * half[1]
    sides[~longways, 0] = np.sign(sides[~longways, 0]) * 0.85 * half[0]
    points = _out(thing, sides)
    near = (points - [thing.x, thing.y]) @ np.asarray(look) < 0
    return Answer(_rough(pixels, -6, 2, rng), points, decibel(rng.normal(-3, 3, 14) + 8 * near))


def _tank(thing: PlacedObject, pixels: Footprint, look: Look, rng: np.random.Generator) -> Answer:
    """A dark roof, the bright double bounce at the foot of the wall that faces the radar, and the roof's rim laid over."""
    radius = thing.length / 2
    facing = math.atan2(-look[1], -look[0])
    count = max(8, int(1.6 * radius))
    foot = facing + rng.uniform(-1.25, 1.25, count)
    rim = rng.uniform(-math.pi, math.pi, count)
    offset = np.concatenate([np.stack([np.cos(foot), np.sin(foot)], 1), np.stack([np.cos(rim), np.sin(rim)], 1) * 0.97])
    points = np.array([thing.x, thing.y]) + offset * (radius - 0.7)
    points[count:] -= np.asarray(look) * min(0.3 * radius, 6.0)
    level = np.concatenate([2 + 9 * np.cos(foot - facing), np.full(count, -5.0)]) + rng.normal(0, 2, 2 * count)
    return Answer(_rough(pixels, -15, 1, rng), points, decibel(level))


def _bridge(thing: PlacedObject, pixels: Footprint, look: Look, rng: np.random.Generator) -> Answer:
    """A dim deck between bright lines: both edges, and the double bounce off the water for wide bridges."""
    del look
    lines = (-0.4, 0.4) if thing.width < 10 else (-0.42, 0.42, 0.0)
    count = max(8, int(thing.length / 1.6))
    own = np.concatenate(
        [np.stack([np.linspace(-0.49, 0.49, count) * thing.length, np.full(count, line * thing.width)], axis=1) for line in lines]
    )
    brightness = np.repeat(rng.normal(0, 2.5, len(lines)), count)
    level = brightness + rng.normal(0, 3, len(own)) + 9 * (rng.random(len(own)) < 0.04)
    return Answer(_rough(pixels, -7, 2, rng), _out(thing, own), decibel(level))


def _harbor(thing: PlacedObject, pixels: Footprint, look: Look, rng: np.random.Generator) -> Answer:
    """Concrete of medium brightness with bright walls towards the water, and cranes."""
    del look
    wall = pixels.mask & ~ndimage.binary_erosion(pixels.mask)
    body = np.full(pixels.mask.shape, -9.0)
    body[wall] = 0.0
    rows, columns = np.nonzero(pixels.mask)
    spots = rng.integers(len(rows), size=max(5, int(thing.length / 7)))
    cranes = np.stack([columns[spots] + pixels.left, rows[spots] + pixels.top], axis=1) + rng.random((len(spots), 2))
    noise = rng.normal(0, 2.5, len(rows))
    return Answer(decibel(body[pixels.mask] + noise).astype(np.float32), cranes, decibel(rng.normal(7, 5, len(spots))))


def _rough(pixels: Footprint, level: float, spread: float, rng: np.random.Generator) -> Field:
    noise = rng.standard_normal(int(np.count_nonzero(pixels.mask)), dtype=np.float32)
    return decibel(level + spread * noise).astype(np.float32)


def _out(thing: PlacedObject, own: Points) -> Points:
    return turned(own, x=thing.x, y=thing.y, heading=thing.heading)


_ANSWERS: dict[str, Callable[[PlacedObject, Footprint, Look, np.random.Generator], Answer]] = {
    "ship": _ship,
    "aircraft": _aircraft,
    "car": _car,
    "tank": _tank,
    "bridge": _bridge,
    "harbor": _harbor,
}
