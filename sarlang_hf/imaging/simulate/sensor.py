"""What tells the paired sources apart: their scenes, their radar's pixel values, their grids and file names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sarlang_hf.imaging.simulate.clutter import Field
from sarlang_hf.imaging.simulate.grids import Grid
from sarlang_hf.imaging.simulate.render import View, view
from sarlang_hf.imaging.simulate.request import Request, Shot
from sarlang_hf.imaging.simulate.scene import Scene


@dataclass(frozen=True, slots=True)
class Sensor:
    """How one source sees a scene.

    Attributes:
        scene: plans an image of the kind the source shows; returns it with the generator for its pixels.
        sar: the radar image in the source's own values, (H, W) or (H, W, bands), 0 where it is empty.
        intensity: linear intensity of such an image's first band, (H, W) float32.
        grid: where the image lies.
        released_name: the stem under which SARLANG-1M has published it.
    """

    scene: Callable[[Request, Shot], tuple[Scene, np.random.Generator]]
    sar: Callable[[View, Shot, np.random.Generator], npt.NDArray[Any]]
    intensity: Callable[[npt.NDArray[Any]], Field]
    grid: Callable[[Request, Shot], Grid]
    released_name: Callable[[Request, Shot], str]

    def planned(self, request: Request, shot: Shot) -> Scene:
        """The scene alone."""
        return self.scene(request, shot)[0]

    def view(self, request: Request, shot: Shot) -> tuple[View, np.random.Generator]:
        """The scene drawn as far as radar and camera share it, and the generator for the rest."""
        scene, rng = self.scene(request, shot)
        return view(scene, rng), rng


def squared(sar: npt.NDArray[Any]) -> Field:
    """Intensity of an image of amplitudes."""
    return np.asarray(sar, dtype=np.float32) ** 2
