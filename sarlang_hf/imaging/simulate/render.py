"""A planned scene in pixels: what the radar and the camera see of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sarlang_hf.imaging.simulate.backdrop import Backdrop, backdrop
from sarlang_hf.imaging.simulate.clutter import Field
from sarlang_hf.imaging.simulate.geometry import Footprint, footprint
from sarlang_hf.imaging.simulate.optical import optical_image
from sarlang_hf.imaging.simulate.radar import Backscatter, backscatter, radar_power, stretched
from sarlang_hf.imaging.simulate.scene import Scene


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """`sar` (H, W) uint8 and `optical` (H, W, 3) uint8 of one scene, aligned to the pixel."""

    sar: npt.NDArray[np.uint8]
    optical: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A scene with everything drawn that radar and camera share; their own chance is drawn by the methods."""

    scene: Scene
    ground: Backdrop
    footprints: list[Footprint]
    seen: Backscatter

    @property
    def water(self) -> float:
        """Share of the image that is water."""
        return float((self.ground.depth > 0).mean())

    def power(self, rng: np.random.Generator, *, gain_db: float = 0.0) -> Field:
        """One radar channel: linear intensity, (H, W) float32."""
        return radar_power(self.seen, rng, gain_db=gain_db)

    def optical(self, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        """The optical twin, (H, W, 3) uint8."""
        return optical_image(self.scene, self.ground, self.footprints, rng)


def view(scene: Scene, rng: np.random.Generator) -> View:
    """Draw what a planned scene leaves open: land cover, buildings, scatterers."""
    ground = backdrop(scene, rng)
    prints = footprints(scene)
    return View(scene, ground, prints, backscatter(scene, ground, prints, rng))


def render(scene: Scene, rng: np.random.Generator) -> Rendered:
    """Draw a scene as an 8-bit image of a detection set, with its optical twin.

    Args:
        scene: what `plan_scene` laid out.
        rng: source of chance for everything the plan leaves open (land cover, buildings, scatterers, speckle).
    """
    seen = view(scene, rng)
    return Rendered(sar=stretched(seen.power(rng), rng, water=seen.water), optical=seen.optical(rng))


def footprints(scene: Scene) -> list[Footprint]:
    """The pixels of each object, in the objects' order; the box of each is the object's `rect`."""
    prints = [footprint(thing.outlines) for thing in scene.objects]
    return [pixels for pixels in prints if pixels is not None]  # placing let no empty one in
