"""Shapes on the pixel grid: oriented outlines, the pixels they cover, and their tight boxes.

Coordinates are (x, y) in pixels, x to the right and y down; pixel (column c, row r) covers [c, c+1) x [r, r+1). An outline
is a convex polygon, (N, 2) float64. A pixel belongs to a shape when its centre lies inside one of the shape's outlines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Outline = npt.NDArray[np.float64]
Rect = tuple[int, int, int, int]
"""x, y, width and height of a box in whole pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Footprint:
    """The pixels of a shape: `mask` (height, width) bool, its upper-left pixel at (`left`, `top`), no empty border."""

    left: int
    top: int
    mask: npt.NDArray[np.bool_]

    @property
    def rect(self) -> Rect:
        height, width = self.mask.shape
        return (self.left, self.top, width, height)

    @property
    def window(self) -> tuple[slice, slice]:
        """Index of the footprint's rectangle in the image."""
        height, width = self.mask.shape
        return (slice(self.top, self.top + height), slice(self.left, self.left + width))


def rectangle(length: float, width: float, *, x: float = 0.0, y: float = 0.0) -> Outline:
    """A rectangle along the x axis around (x, y), in an object's own frame."""
    a, b = length / 2, width / 2
    return np.array([(x - a, y - b), (x + a, y - b), (x + a, y + b), (x - a, y + b)])


def disc(radius: float, *, sides: int = 20) -> Outline:
    """A regular polygon of circumscribed radius `radius` around the origin."""
    angles = np.arange(sides) * (2 * math.pi / sides)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def turned(points: Outline, *, x: float, y: float, heading: float) -> Outline:
    """Points (N, 2) of an object's frame in the image: turned by `heading` (radians), then moved to (x, y)."""
    c, s = math.cos(heading), math.sin(heading)
    return np.asarray(points @ np.array([[c, s], [-s, c]]) + np.array([x, y]))


def swept(outline: Outline, shift: npt.NDArray[np.float64]) -> list[Outline]:
    """Four-sided outlines that an outline's edges sweep when it moves by `shift` (x, y): its shadow, but for itself."""
    after = np.roll(outline, -1, axis=0)
    return [np.stack([a, b, b + shift, a + shift]) for a, b in zip(outline, after, strict=True)]


def bounds(outlines: Sequence[Outline]) -> tuple[float, float, float, float]:
    """Smallest and largest x and y of some outlines: (x_min, y_min, x_max, y_max)."""
    points = np.concatenate(outlines)
    low, high = points.min(axis=0), points.max(axis=0)
    return (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def footprint(outlines: Sequence[Outline]) -> Footprint | None:
    """Pixels whose centre lies inside one of the outlines; None if there is no such pixel."""
    x_min, y_min, x_max, y_max = bounds(outlines)
    left, top = math.floor(x_min), math.floor(y_min)
    xs = np.arange(left, math.ceil(x_max), dtype=np.float64) + 0.5
    ys = np.arange(top, math.ceil(y_max), dtype=np.float64) + 0.5
    mask = np.zeros((len(ys), len(xs)), dtype=np.bool_)
    for outline in outlines:
        mask |= _inside(outline, xs, ys)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    tight = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Footprint(left=left + int(columns[0]), top=top + int(rows[0]), mask=tight)


def clipped(outline: Outline, size: int) -> Outline:
    """The part of a convex outline inside the image of `size` x `size` pixels: (M, 2), M = 0 if there is none.

    Sutherland and Hodgman (Communications of the ACM 17, 1974): one side of the image after the other.
    """
    for axis, limit, sign in ((0, 0.0, 1.0), (0, float(size), -1.0), (1, 0.0, 1.0), (1, float(size), -1.0)):
        inside = sign * (outline[:, axis] - limit)
        kept: list[npt.NDArray[np.float64]] = []
        for start, end, a, b in zip(outline, np.roll(outline, -1, axis=0), inside, np.roll(inside, -1), strict=True):
            if a >= 0:
                kept.append(start)
            if (a >= 0) != (b >= 0):
                kept.append(start + (end - start) * (a / (a - b)))
        outline = np.array(kept).reshape(-1, 2)
    return outline


def polygon_area(outline: Outline) -> float:
    """Area of a polygon in square pixels."""
    return abs(_signed_area(outline))


def overlap(a: Rect, b: Rect) -> int:
    """Common area of two boxes in pixels."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def _inside(outline: Outline, xs: npt.NDArray[np.floating], ys: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    edges = np.roll(outline, -1, axis=0) - outline
    turn = math.copysign(1.0, _signed_area(outline))  # either direction of travel round the polygon is accepted
    dx, dy = (turn * edges[:, 0])[:, None], (turn * edges[:, 1])[:, None]
    side_y = dx * (ys[None, :] - outline[:, 1:2])
    side_x = dy * (xs[None, :] - outline[:, 0:1])
    return np.asarray((side_y[:, :, None] >= side_x[:, None, :]).all(axis=0))


def _signed_area(outline: Outline) -> float:
    x, y = outline[:, 0], outline[:, 1]
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
