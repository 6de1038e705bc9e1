"""Where a scene is water: nowhere, everywhere, beyond a shoreline, or between the banks of a river.

The shoreline or the river's middle line is a straight line in a turned frame plus a few sine waves, so that any point can
be asked without an image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
FAR = 1e4
"""Distance to the shore, in pixels, that stands for 'no shore in sight'."""


@dataclass(frozen=True, slots=True)
class Wave:
    amplitude: float
    wavelength: float
    phase: float


@dataclass(frozen=True, slots=True)
class Waters:
    """The water of one scene.

    Attributes:
        kind: `none`, `all`, `shore` (water on one side of a line) or `river` (water within `half_width` of it).
        x, y: a point of the line, in pixels.
        angle: direction of the line in radians; the sea lies to its left-hand normal (-sin, cos).
        half_width: half the river's width in pixels.
        waves: deviations of the line from straight.
    """

    kind: Literal["none", "all", "shore", "river"]
    x: float = 0.0
    y: float = 0.0
    angle: float = 0.0
    half_width: float = 0.0
    waves: tuple[Wave, ...] = ()

    def depth(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Floats:
        """Distance to the shoreline in pixels (nearly, where it bends), positive on water; same shape as x and y."""
        x, y = np.asarray(x), np.asarray(y)
        if self.kind in ("none", "all"):
            return np.full(np.broadcast(x, y).shape, FAR if self.kind == "all" else -FAR, dtype=np.float32)
        c, s = math.cos(self.angle), math.sin(self.angle)
        along = (x - self.x) * c + (y - self.y) * s
        beyond = (y - self.y) * c - (x - self.x) * s - self._bend(along)
        return beyond if self.kind == "shore" else self.half_width - np.abs(beyond)

    def line_at(self, along: float) -> tuple[float, float, float]:
        """Point (x, y) of the line at a distance `along` it from (self.x, self.y), and the line's direction there."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        bend = float(self._bend(np.asarray(along)))
        slope = (float(self._bend(np.asarray(along + 1.0))) - float(self._bend(np.asarray(along - 1.0)))) / 2
        return (self.x + along * c - bend * s, self.y + along * s + bend * c, self.angle + math.atan(slope))

    def _bend(self, along: Floats) -> Floats:
        # Zero at along = 0, so that the line passes through its own point.
        total = np.zeros_like(along, dtype=np.result_type(along, np.float32))
        for wave in self.waves:
            pace = 2 * math.pi / wave.wavelength
            total = total + wave.amplitude * (np.sin(along * pace + wave.phase) - math.sin(wave.phase))
        return total


def waves(rng: np.random.Generator, *, size: int, roughness: float) -> tuple[Wave, ...]:
    """Three sine waves from the image's size down to a tenth of it; `roughness` 0.1 is a quay-like shore, 1 a wild one."""
    return tuple(
        Wave(
            amplitude=roughness * share * size * float(rng.uniform(0.4, 1.0)),
            wavelength=length * size * float(rng.uniform(0.8, 1.25)),
            phase=float(rng.uniform(0, 2 * math.pi)),
        )
        for share, length in ((0.05, 0.9), (0.014, 0.31), (0.005, 0.11))
    )
