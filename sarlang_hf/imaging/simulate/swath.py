"""The edge of a flight strip: a slanted wedge of the tile that the radar never saw."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


def wedge(rng: np.random.Generator, size: int, *, share: float) -> npt.NDArray[np.bool_]:
    """(size, size) bool, True where the tile is empty: a share of the pixels on one side of a slanted line.

    Strips are not flown along the map's grid: the edge is turned against it by 12 to 30 degrees.
    """
    turn = math.radians(float(rng.uniform(12, 30))) + float(rng.integers(4)) * math.pi / 2
    steps = np.arange(size)
    across = steps[None, :] * math.cos(turn) + steps[:, None] * math.sin(turn)
    limit = np.quantile(across, share, method="lower")
    return np.asarray(across < limit)
