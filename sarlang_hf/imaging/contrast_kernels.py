"""Compiled loops of the contrast stretch. Importing this module loads numba; import it inside functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.imaging.jit import kernel

LARGEST = np.uint32(0x7F7FFFFF)
"""Bit pattern of the largest finite float32. Positive finite values have the patterns 1 to this one, in their own order."""


@kernel
def count_coarse(bits: NDArray[np.uint32], counts: NDArray[np.int64]) -> None:
    """Adds to `counts` (65,536,) the positive finite values of float32 bit patterns (n,), by the 16 bits after the sign."""
    for pattern in bits:
        if pattern - np.uint32(1) < LARGEST:
            counts[pattern >> np.uint32(15)] += 1


@kernel
def count_fine(bits: NDArray[np.uint32], rows: NDArray[np.uint16], counts: NDArray[np.int64]) -> None:
    """Adds to `counts` (R, 32,768) by their low bits the values of R coarse bins: `rows` (131,072,) has row + 1, else 0."""
    for pattern in bits:
        row = rows[pattern >> np.uint32(15)]
        if row > 0 and pattern != np.uint32(0):
            counts[row - 1, pattern & np.uint32(0x7FFF)] += 1


@kernel
def propose_levels(
    intensity: NDArray[np.float32],
    logs: NDArray[np.float32],
    slope: np.float32,
    offset: np.float32,
    doubt: np.float32,
    levels: NDArray[np.uint8],
    doubtful: NDArray[np.uint8],
) -> None:
    """Writes slope * log + offset, rounded down and cut to 1..255, to `levels` (n,); 0 where the intensity is not finite.

    `offset` brings the half that rounds to the nearest level. `doubtful` (n or more,) is not 0 where the level would be
    another one `doubt` further up or down. The logarithm of what is not positive is -inf or NaN, fails the first comparison
    and becomes 1. No branch and one type of loop: the compiler makes vector instructions of it.
    """
    for i in range(levels.size):
        exact = slope * logs[i] + offset
        exact = exact if exact > np.float32(1.5) else np.float32(1.5)
        exact = exact if exact < np.float32(255.5) else np.float32(255.5)
        doubtful[i] = np.uint8(np.int32(exact + doubt) ^ np.int32(exact - doubt))
        levels[i] = np.uint8(np.int32(exact)) if abs(intensity[i]) < np.float32(np.inf) else np.uint8(0)


@kernel
def settle_levels(
    intensity: NDArray[np.float32], edges: NDArray[np.float32], doubtful: NDArray[np.uint64], levels: NDArray[np.uint8]
) -> None:
    """Compares the intensities of groups of eight that hold a doubtful pixel with `edges` (256,), the least of each level."""
    for group in range(doubtful.size):
        if doubtful[group]:
            for i in range(8 * group, min(8 * group + 8, levels.size)):
                level = int(levels[i])
                while 0 < level < 255 and intensity[i] >= edges[level + 1]:
                    level += 1
                while level > 1 and intensity[i] < edges[level]:
                    level -= 1
                levels[i] = level
