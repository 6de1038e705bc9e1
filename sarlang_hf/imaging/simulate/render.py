"""A planned scene in pixels: the SAR image and its optical twin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sarlang_hf.imaging.simulate.backdrop import backdrop
from sarlang_hf.imaging.simulate.geometry import Footprint, footprint
from sarlang_hf.imaging.simulate.optical import optical_image
from sarlang_hf.imaging.simulate.radar import radar_image
from sarlang_hf.imaging.simulate.scene import Scene


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """`sar` (H, W) uint8 and `optical` (H, W, 3) uint8 of one scene, aligned to the pixel."""

    sar: npt.NDArray[np.uint8]
    optical: npt.NDArray[np.uint8]


def render(scene: Scene, rng: np.random.Generator) -> Rendered:
    """Draw a scene.

    Args:
        scene: what `plan_scene` laid out.
        rng: source of chance for everything the plan leaves open (land cover, buildings, scatterers, speckle).
    """
    ground = backdrop(scene, rng)
    prints = footprints(scene)
    return Rendered(
        sar=radar_image(scene, ground, prints, rng),
        optical=optical_image(scene, ground, prints, rng),
    )


def footprints(scene: Scene) -> list[Footprint]:
    """The pixels of each object, in the objects' order; the box of each is the object's `rect`."""
    prints = [footprint(thing.outlines) for thing in scene.objects]
    return [pixels for pixels in prints if pixels is not None]  # placing let no empty one in
