"""The plan of a synthetic scene: what lies where, before any pixel is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sarlang_hf.imaging.simulate.geometry import Outline, Rect
from sarlang_hf.imaging.simulate.outlines import outlines
from sarlang_hf.imaging.simulate.waters import Waters
from sarlang_hf.schema import Box

SceneKind = Literal["sea", "coast", "port", "river", "airfield", "tank_farm", "parking", "empty"]
Land = Literal["rural", "urban", "bare"]
SurfaceKind = Literal["road", "runway", "apron", "lot", "pad", "yard"]
Look = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PlacedObject:
    """One object of a scene: see `outlines.outlines` for the meaning of its measures.

    `rect` is the tight box of the pixels it covers.
    """

    category: str
    x: float
    y: float
    heading: float
    length: float
    width: float
    variant: int
    rect: Rect

    @property
    def outlines(self) -> tuple[Outline, ...]:
        return outlines(
            self.category,
            x=self.x,
            y=self.y,
            heading=self.heading,
            length=self.length,
            width=self.width,
            variant=self.variant,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A piece of built ground (a runway, a parking lot) that objects stand on; a convex outline in pixels."""

    kind: SurfaceKind
    outline: Outline


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A synthetic scene.

    Attributes:
        kind: what the scene shows.
        size: width and height in pixels.
        scale: pixels per design pixel (designed for 512-pixel images).
        land: what the land looks like.
        waters: where the water is.
        look: the radar's line of sight on the ground, as a (column, row) step away from the radar.
        looks: number of looks of the speckle.
        surfaces: built ground, in painting order.
        objects: the annotated objects.
    """

    kind: SceneKind
    size: int
    scale: float
    land: Land
    waters: Waters
    look: Look
    looks: int
    surfaces: tuple[Surface, ...]
    objects: tuple[PlacedObject, ...]

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Tight object boxes in whole pixels, inside the image."""
        return tuple(
            Box(float(x), float(y), float(width), float(height), thing.category)
            for thing in self.objects
            for x, y, width, height in [thing.rect]
        )
