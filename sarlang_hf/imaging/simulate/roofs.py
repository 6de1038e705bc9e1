"""Roofs of a simulated city as annotations: polygons and the two run-length codes of COCO."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sarlang_hf.imaging.simulate.backdrop import Building
from sarlang_hf.imaging.simulate.geometry import Footprint, Outline, bounds, clipped, footprint, polygon_area

ROOF_TYPES = (
    "flat_roof", "gable_roof", "gambrel_roof", "row_roof", "multiple_eave_roof", "hipped_roof_v1",
    "hipped_roof_v2", "mansard_roof", "pyramid_roof", "arched_roof", "revolved", "other",
)  # fmt: skip
"""The twelve classes of DFC2023's first track, ids from 1. Here every kind comes in turn: roofs are drawn flat."""


def roofs(buildings: Sequence[Building], size: int) -> Iterator[dict[str, Any]]:
    """Segmentation, box and area of every building that shows in an image of `size` x `size` pixels.

    Even ones are polygons, odd ones run-length codes, in turn compressed and as a list of counts.
    """
    number = 0
    for building in buildings:
        corners = clipped(building.corners, size)
        pixels = footprint([corners]) if len(corners) else None
        if pixels is None:
            continue
        yield {**(_coded(pixels, size, number) if number % 2 else _polygon(corners)), "iscrowd": 0}
        number += 1


def _polygon(corners: Outline) -> dict[str, Any]:
    corners = corners.round(2)
    x_min, y_min, x_max, y_max = bounds([corners])
    return {
        "segmentation": [corners.ravel().tolist()],
        "bbox": [round(value, 2) for value in (x_min, y_min, x_max - x_min, y_max - y_min)],
        "area": round(polygon_area(corners), 2),
    }


def _coded(pixels: Footprint, size: int, number: int) -> dict[str, Any]:
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[pixels.window] = pixels.mask
    counts = run_lengths(mask)
    return {
        "segmentation": {"size": [size, size], "counts": compressed(counts) if number % 4 == 1 else counts},
        "bbox": list(pixels.rect),
        "area": int(pixels.mask.sum()),
    }


def run_lengths(mask: npt.NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of a mask (H, W), down the columns, beginning with a run of False that may be empty."""
    flat = np.concatenate([[False], mask.ravel(order="F")])
    starts = np.flatnonzero(np.diff(flat)).tolist()
    ends = [*starts, mask.size]
    return [end - start for start, end in zip([0, *starts], ends, strict=True)]


def compressed(counts: Sequence[int]) -> str:
    """COCO's text form of run lengths: from the third on as differences to the last but one, in base 32.

    Each character holds five bits, the lowest first, and a sixth that says that more follow, added to 48.
    """
    text = []
    for index, count in enumerate(counts):
        value = count - (counts[index - 2] if index > 2 else 0)
        more = True
        while more:
            low, value = value & 31, value >> 5
            more = value != (-1 if low & 16 else 0)
            text.append(chr(48 + low + 32 * more))
    return "".join(text)
