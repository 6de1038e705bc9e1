"""The bounding box of a COCO segmentation: polygons, or a run-length code as text or as a list.

Run lengths count pixels column by column, first background, then object, in turns. As text they are COCO's own code: 5 bits a
sign from '0' on, 32 marks a continuation, 16 in the last sign a negative number; from the fourth on, numbers are differences to
the last but one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

BBox = tuple[float, float, float, float]

_SIGN_BITS = 5
_LONGEST = 1 << 31


def bounding_box(segmentation: Any) -> BBox | None:
    """(x, y, width, height) of a segmentation in pixels; None if it holds no object or is no segmentation.

    Args:
        segmentation: JSON value: a list of polygons [x1, y1, x2, y2, ...], or {"size": [height, width], "counts": ...}.
    """
    try:
        if isinstance(segmentation, dict):
            height, width = (int(length) for length in segmentation["size"])
            counts = segmentation["counts"]
            runs = decode_counts(counts) if isinstance(counts, str) else [int(count) for count in counts]
            return _box_of_runs(runs, height, width)
        return _box_of_polygons(segmentation)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None


def mask_size(segmentation: Any) -> tuple[int, int] | None:
    """(width, height) of the image for which a run-length code is made; None if the segmentation is none, or gives no size."""
    try:
        height, width = (int(length) for length in segmentation["size"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return (width, height) if max(abs(width), abs(height)) <= _LONGEST else None


def decode_counts(text: str) -> list[int]:
    """Run lengths of COCO's compressed code.

    Raises:
        ValueError: it breaks off within a number, or holds a sign that is not part of the code.
    """
    runs: list[int] = []
    value, shift = 0, 0
    for sign in text:
        bits = ord(sign) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"{sign!r} is no sign of a run-length code")
        value |= (bits & 31) << shift
        shift += _SIGN_BITS
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value, shift = 0, 0
    if shift:
        raise ValueError("the run-length code breaks off")
    return runs


def _box_of_polygons(polygons: Sequence[Sequence[float]]) -> BBox | None:
    xs = [float(x) for polygon in polygons for x in polygon[0::2]]
    ys = [float(y) for polygon in polygons for y in polygon[1::2]]
    if not xs or len(xs) != len(ys) or not all(map(math.isfinite, (*xs, *ys))):
        return None
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def _box_of_runs(runs: Sequence[int], height: int, width: int) -> BBox | None:
    if min(runs, default=-1) < 0 or sum(runs) != height * width:
        return None
    columns: list[int] = []
    rows: list[int] = []
    at = 0
    for position, run in enumerate(runs):
        if position % 2 and run:
            first, last = at, at + run - 1
            columns += [first // height, last // height]
            whole = first // height != last // height  # goes over the end of a column: touches both edges
            rows += [0, height - 1] if whole else [first % height, last % height]
        at += run
    if not columns:
        return None
    left, top = min(columns), min(rows)
    return float(left), float(top), float(max(columns) - left + 1), float(max(rows) - top + 1)
