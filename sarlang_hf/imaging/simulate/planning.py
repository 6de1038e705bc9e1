"""Planning scenes: open sea, coast, port, river, airfield, tank farm, parking lot, nothing.

Each is laid out around an anchor that is spread evenly over the image, in a direction that is uniform over the circle, so
that no class prefers a side of the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sarlang_hf.imaging.simulate.outlines import QUAY_SHARE
from sarlang_hf.imaging.simulate.placing import SMALLEST, Site, turn
from sarlang_hf.imaging.simulate.scene import Land, Look, Scene, SceneKind
from sarlang_hf.imaging.simulate.waters import Waters, waves

SMALLEST_SIZE, LARGEST_SIZE = 64, 2048
DESIGN_SIZE = 512
OBJECT_SCALING = 0.7
"""Objects shrink slower than images: a 64-pixel tile with everything at 1/8 would hold nothing but 5-pixel blobs."""

SHARES: dict[SceneKind, float] = {
    "sea": 0.20,
    "coast": 0.14,
    "port": 0.16,
    "river": 0.14,
    "airfield": 0.11,
    "tank_farm": 0.12,
    "parking": 0.10,
    "empty": 0.03,
}
LAND_KINDS: frozenset[SceneKind] = frozenset({"coast", "port", "river", "airfield", "tank_farm", "parking"})
"""Scenes with ground under them, as the sources of land cover and buildings show it."""

LOOKS = (1, 2, 4, 8)
_MOST_SHIPS = 9
_LAND: dict[SceneKind, tuple[float, float, float]] = {  # rural, urban, bare
    "sea": (1.0, 0.0, 0.0),
    "coast": (0.4, 0.3, 0.3),
    "port": (0.1, 0.8, 0.1),
    "river": (0.6, 0.35, 0.05),
    "airfield": (0.6, 0.2, 0.2),
    "tank_farm": (0.4, 0.3, 0.3),
    "parking": (0.25, 0.7, 0.05),
    "empty": (0.5, 0.2, 0.3),
}
_LOOK_DIRECTIONS: tuple[Look, ...] = ((1, 0), (-1, 0), (0, 1), (0, -1))


def plan_scene(rng: np.random.Generator, size: int) -> Scene:
    """Lay out one scene without drawing it.

    Args:
        rng: source of chance.
        size: width and height of the image in pixels, 64 to 2048 (checked where a tree is asked for, not here).

    Returns:
        The scene; 1 to 12 objects, mostly of one or two classes, none in about 3 of 100 scenes.
    """
    kinds = list(SHARES)
    kind = kinds[int(rng.choice(len(kinds), p=list(SHARES.values())))]
    lands: tuple[Land, ...] = ("rural", "urban", "bare")
    land = lands[int(rng.choice(3, p=_LAND[kind]))]
    site = _laid_out(rng, kind, size)
    return Scene(
        kind=kind,
        size=size,
        scale=site.scale,
        land=land,
        waters=site.waters,
        look=_LOOK_DIRECTIONS[int(rng.integers(4))],
        looks=LOOKS[int(rng.integers(len(LOOKS)))],
        surfaces=tuple(site.surfaces),
        objects=tuple(site.objects),
    )


def _laid_out(rng: np.random.Generator, kind: SceneKind, size: int) -> Site:
    scale = (size / DESIGN_SIZE) ** OBJECT_SCALING
    for _ in range(50):
        site = Site(rng=rng, size=size, scale=scale, waters=Waters("none"))
        _LAYOUTS[kind](site)
        if site.objects or kind == "empty":
            return site
    raise AssertionError(f"no room for a single object in 50 layouts of kind {kind} at {size} pixels")


def _sea(site: Site) -> None:
    site.waters = Waters("all")
    _ships(site, min(int(site.rng.geometric(0.38)), _MOST_SHIPS), low=24, high=105)


def _coast(site: Site) -> None:
    x, y = site.anchor(site.size * 0.1)
    rough = float(site.rng.uniform(0.6, 1.3))
    site.waters = Waters("shore", x, y, turn(site.rng), waves=waves(site.rng, size=site.size, roughness=rough))
    _ships(site, int(site.rng.integers(1, 5)), low=22, high=80)


def _port(site: Site) -> None:
    _harbor_shore(site)
    _ships(site, int(site.rng.choice(5, p=(0.25, 0.25, 0.25, 0.15, 0.1))), low=22, high=75)
    if site.rng.random() < 0.2:
        _tanks(site, *site.anchor(40 * site.scale), count=int(site.rng.integers(1, 5)))


def _river(site: Site) -> None:
    half = site.length(18, 62)
    length = 2 * half * float(site.rng.uniform(1.25, 1.5))
    x, y = site.anchor(length * 0.42)
    bends = waves(site.rng, size=site.size, roughness=float(site.rng.uniform(0.3, 1.0)))
    site.waters = Waters("river", x, y, turn(site.rng), half, bends)
    count = int(site.rng.choice([1, 2, 3], p=(0.6, 0.3, 0.1)))
    for along in (0.0, *(site.rng.uniform(-0.8, 0.8, size=count - 1) * site.size)):
        _bridge(site, float(along), length)
    if site.rng.random() < 0.5:
        _ships(site, int(site.rng.integers(1, 4)), low=20, high=min(60, 1.2 * half / site.scale + 20))
    if site.rng.random() < 0.15:
        _cars(site, *site.anchor(30 * site.scale), count=int(site.rng.integers(1, 4)))


def _airfield(site: Site) -> None:
    rng, s = site.rng, site.scale
    heading, span = turn(rng), site.length(34, 70)
    count = int(rng.choice(6, p=(0.2, 0.22, 0.22, 0.16, 0.12, 0.08))) + 1
    x, y = site.anchor(0.7 * span + 0.25 * count * span)
    ahead = np.array([math.cos(heading), math.sin(heading)])
    aside = np.array([-ahead[1], ahead[0]]) * rng.choice([-1, 1])
    far = 4.0 * site.size
    for offset, width in ((span + 120 * s, 38 * s), (span + 48 * s, 15 * s)):  # the runway and its taxiway
        cx, cy = np.array([x, y]) + aside * offset
        site.pave("runway", x=cx, y=cy, heading=heading, length=far, width=width)
    for along in rng.uniform(-0.7, 0.7, size=3) * site.size:
        cx, cy = np.array([x, y]) + aside * (span + 60 * s) + ahead * along
        site.pave("runway", x=cx, y=cy, heading=heading + math.pi / 2, length=150 * s, width=13 * s)
    pitch = 1.3 * span
    site.pave("apron", x=x, y=y, heading=heading, length=(count + 1.4) * pitch, width=2.1 * span)
    nose = heading + float(rng.choice([-1, 1])) * math.pi / 2 + float(rng.uniform(-0.25, 0.25))
    for index in range(count):
        px, py = np.array([x, y]) + ahead * ((index - (count - 1) / 2) * pitch)
        size = span * float(rng.uniform(0.85, 1.0))
        site.place("aircraft", x=px, y=py, heading=nose + float(rng.normal(0, 0.06)), length=size, width=size * 0.95)
    if rng.random() < 0.2:
        _cars(site, *(np.array([x, y]) - aside * (1.6 * span + 55 * s)), count=int(rng.integers(1, 5)))


def _tank_farm(site: Site) -> None:
    rng = site.rng
    count = int(rng.integers(2, 9))
    x, y = site.anchor(60 * site.scale)
    angle = turn(rng)
    if rng.random() < 0.45:
        away = site.length(75, 130)
        shore = Waters("shore", x - away * math.sin(angle), y + away * math.cos(angle), angle)
        site.waters = replace(shore, waves=waves(rng, size=site.size, roughness=0.15))
    _tanks(site, x, y, count=count)
    if site.waters.kind == "shore":
        _ships(site, int(rng.integers(1, 3)), low=24, high=80)


def _parking(site: Site) -> None:
    _cars(site, *site.anchor(45 * site.scale), count=int(site.rng.integers(2, 10)))


def _empty(site: Site) -> None:
    x, y = site.anchor(0)
    bends = waves(site.rng, size=site.size, roughness=1.0)
    kinds: tuple[Waters, ...] = (Waters("all"), Waters("none"), Waters("shore", x, y, turn(site.rng), waves=bends))
    site.waters = kinds[int(site.rng.integers(3))]


def _ships(site: Site, count: int, *, low: float, high: float) -> None:
    lane = turn(site.rng)
    for _ in range(count):
        for _ in range(12):
            # Most ships are small: the square of a uniform number.
            length = max(site.length(low, low + (high - low) * float(site.rng.random()) ** 2), 1.4 * SMALLEST)
            width = max(length * float(site.rng.uniform(0.15, 0.24)), SMALLEST)
            x, y = site.anchor(length * 0.3)
            heading = lane + float(site.rng.normal(0, 0.5)) if site.rng.random() < 0.5 else turn(site.rng)
            if site.place("ship", x=x, y=y, heading=heading, length=length, width=width):
                break


def _harbor_shore(site: Site) -> None:
    """One harbour, sometimes two, on a straightened shore; the shoreline runs along the outer edge of the quay."""
    rng = site.rng
    length = site.length(90, 190)
    width = max(length * float(rng.uniform(0.45, 0.75)), 2 * SMALLEST)
    angle, (x, y) = turn(rng), site.anchor(0.5 * length)
    inland = (0.5 - QUAY_SHARE) * width
    shore = Waters("shore", x + inland * math.sin(angle), y - inland * math.cos(angle), angle)
    site.waters = replace(shore, waves=waves(rng, size=site.size, roughness=0.08))
    positions = [0.0] if rng.random() < 0.75 else [0.0, float(rng.choice([-1, 1])) * length * 1.4]
    for along in positions:
        px, py, heading = site.waters.line_at(along)
        cx, cy = px - inland * math.sin(heading), py + inland * math.cos(heading)
        variant = int(rng.integers(24))
        if site.place("harbor", x=cx, y=cy, heading=heading, length=length, width=width, variant=variant):
            back = 0.5 * width + 0.2 * width
            site.pave(
                "yard",
                x=cx + back * math.sin(heading),
                y=cy - back * math.cos(heading),
                heading=heading,
                length=1.1 * length,
                width=0.5 * width,
            )


def _bridge(site: Site, along: float, length: float) -> None:
    x, y, direction = site.waters.line_at(along)
    heading = direction + math.pi / 2 + float(site.rng.uniform(-0.25, 0.25))
    width = site.length(8, 17)
    if site.place("bridge", x=x, y=y, heading=heading, length=length, width=width):
        site.pave("road", x=x, y=y, heading=heading, length=4 * site.size, width=max(0.5 * width, 2))


def _tanks(site: Site, x: float, y: float, *, count: int) -> None:
    rng, heading, diameter = site.rng, turn(site.rng), site.length(20, 52)
    columns = math.ceil(math.sqrt(count * float(rng.uniform(0.6, 1.8))))
    rows = math.ceil(count / columns)
    pitch = diameter * float(rng.uniform(1.35, 1.7))
    pad = len(site.surfaces)
    placed = 0
    for index in range(count):
        own = np.array([index % columns - (columns - 1) / 2, index // columns - (rows - 1) / 2]) * pitch
        c, s = math.cos(heading), math.sin(heading)
        size = max(diameter * float(rng.uniform(0.8, 1.0)), SMALLEST)
        px, py = x + own[0] * c - own[1] * s, y + own[0] * s + own[1] * c
        placed += site.place("tank", x=px, y=py, heading=heading, length=size, width=size) is not None
    if placed:
        site.pave("pad", x=x, y=y, heading=heading, length=(columns + 0.5) * pitch, width=(rows + 0.5) * pitch)
        site.surfaces.insert(pad, site.surfaces.pop())


def _cars(site: Site, x: float, y: float, *, count: int) -> None:
    """Cars in the bays of a parking lot, two rows to a driving lane."""
    rng, heading = site.rng, turn(site.rng)
    length = max(site.length(26, 40), 1.3 * SMALLEST)
    width = max(0.45 * length, SMALLEST)
    columns, rows = max(3, math.ceil(count * 0.8)), int(rng.integers(2, 5))
    bays = rng.permutation(columns * rows)[: min(count, columns * rows)]
    depth = np.array([0.0, 1.25, 3.0, 4.25])[:rows] * length
    depth -= depth.mean()
    c, s = math.cos(heading), math.sin(heading)
    placed = 0
    for bay in sorted(int(bay) for bay in bays):
        across = (bay % columns - (columns - 1) / 2) * 1.55 * width + float(rng.normal(0, 0.04 * width))
        down = float(depth[bay // columns] + rng.normal(0, 0.04 * length))
        px, py = x + across * c - down * s, y + across * s + down * c
        facing = heading + math.pi / 2 + float(rng.normal(0, 0.03))
        placed += site.place("car", x=px, y=py, heading=facing, length=length, width=width) is not None
    if placed:
        lot = (columns + 1) * 1.55 * width, float(np.ptp(depth)) + 2.0 * length
        site.pave("lot", x=x, y=y, heading=heading, length=lot[0], width=lot[1])


_LAYOUTS: dict[SceneKind, Callable[[Site], None]] = {
    "sea": _sea,
    "coast": _coast,
    "port": _port,
    "river": _river,
    "airfield": _airfield,
    "tank_farm": _tank_farm,
    "parking": _parking,
    "empty": _empty,
}
