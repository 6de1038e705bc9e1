"""Putting objects into a scene one by one, keeping the rules that every layout shares.

An object is placed only if it lies wholly inside the image with a pixel to spare, its box has at least 5 pixels each way,
it stands on the right ground (ships on water, cars, aircraft and tanks on land), and its box stays clear of the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from sarlang_hf.imaging.simulate.geometry import Outline, Rect, bounds, footprint, overlap, rectangle, turned
from sarlang_hf.imaging.simulate.outlines import outlines
from sarlang_hf.imaging.simulate.scene import PlacedObject, Surface, SurfaceKind
from sarlang_hf.imaging.simulate.waters import Waters

MIN_BOX = 5
SMALLEST = 5.8
"""Least length or width of an object in pixels: every box of it then holds 5 pixel centres each way."""

# In rows that run askew, boxes of neighbours overlap although the objects do not.
_ROWS = frozenset({"car", "tank", "aircraft"})


@dataclass(slots=True)
class Site:
    """A scene under construction; `rng` is the only source of chance."""

    rng: np.random.Generator
    size: int
    scale: float
    waters: Waters
    surfaces: list[Surface] = field(default_factory=list)
    objects: list[PlacedObject] = field(default_factory=list)

    def length(self, low: float, high: float) -> float:
        """A length drawn between two design lengths, in pixels of this image."""
        return max(self.scale * float(self.rng.uniform(low, high)), SMALLEST)

    def anchor(self, margin: float) -> tuple[float, float]:
        """A point at least `margin` from the border: one of the 3 x 3 parts of the image first, then a point in it.

        Were it uniform over the points that a large object can have, harbours and bridges would gather in the middle,
        and a guesser that sees no image would know where to find them.
        """
        margin = min(margin, self.size * 0.45)
        cells = self.rng.integers(3, size=2)
        low = np.maximum(cells * self.size / 3, margin)
        high = np.minimum((cells + 1) * self.size / 3, self.size - margin)
        x, y = self.rng.uniform(np.minimum(low, high), np.maximum(low, high))
        return (float(x), float(y))

    def pave(self, kind: SurfaceKind, *, x: float, y: float, heading: float, length: float, width: float) -> None:
        self.surfaces.append(Surface(kind, turned(rectangle(length, width), x=x, y=y, heading=heading)))

    def place(
        self, category: str, *, x: float, y: float, heading: float, length: float, width: float, variant: int = 0
    ) -> PlacedObject | None:
        """Add an object if the rules allow it there; None if they do not."""
        parts = outlines(category, x=x, y=y, heading=heading, length=length, width=width, variant=variant)
        x_min, y_min, x_max, y_max = bounds(parts)
        if min(x_min, y_min) < 1 or max(x_max, y_max) > self.size - 1 or not self._on_its_ground(category, parts):
            return None
        pixels = footprint(parts)
        if pixels is None or min(pixels.mask.shape) < MIN_BOX or not self._clear(category, pixels.rect):
            return None
        thing = PlacedObject(category, x, y, heading, length, width, variant, pixels.rect)
        self.objects.append(thing)
        return thing

    def _on_its_ground(self, category: str, parts: tuple[Outline, ...]) -> bool:
        if category in ("bridge", "harbor"):
            return True  # they stand on both; their layouts put them across the shore
        points = np.concatenate(parts)
        depth = self.waters.depth(points[:, 0], points[:, 1])
        margin = 1.0 + 2.0 * self.scale
        return bool((depth > margin).all() if category == "ship" else (depth < -margin).all())

    def _clear(self, category: str, rect: Rect) -> bool:
        for other in self.objects:
            common = overlap(rect, other.rect)
            if not common:
                continue
            if category == other.category and category in _ROWS:
                if common > 0.3 * min(rect[2] * rect[3], other.rect[2] * other.rect[3]):
                    return False
            elif {category, other.category} != {"ship", "harbor"} or self.rng.random() > 0.1:
                return False  # a few ships lie at their berths
        return True


def turn(rng: np.random.Generator) -> float:
    """A direction, uniform over the circle, in radians."""
    return float(rng.uniform(0, 2 * math.pi))
