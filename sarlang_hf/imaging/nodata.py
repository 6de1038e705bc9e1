"""Which pixels of a band hold data, where zero may or may not mean that there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.schema import ZeroMeaning

SMALLEST_BORDER_AREA = 64
"""Pixels that an area of zeros at the border must have to be nodata; smaller ones are dark pixels that happen to lie there."""

_FRAME = ((0, slice(None)), (-1, slice(None)), (slice(None), 0), (slice(None), -1))


def valid_mask(values: NDArray[Any], valid: NDArray[np.bool_], zero: ZeroMeaning) -> NDArray[np.bool_]:
    """Finds the pixels that hold data.

    With `border`, zeros are nodata where they lie in an area that touches the image border and has at least
    `SMALLEST_BORDER_AREA` pixels: the wedge beside a flight strip, but neither a radar shadow nor calm water inside the
    image. Areas are made of zeros and of what the file itself marks as nodata, joined along edges (not across corners: in
    dark, speckled water zeros join across corners over long ways). Water that is wholly 0 up to the border is taken for nodata.

    Args:
        values: (H, W), as stored, before any conversion.
        valid: (H, W), what the file itself declares to be data.
        zero: what a 0 means in this source.

    Returns:
        (H, W) bool; `valid` itself where the zeros change nothing.
    """
    if zero == "data":
        return valid
    if zero == "nodata":
        not_zero: NDArray[np.bool_] = values != 0
        return valid & not_zero
    if not any(((values[edge] == 0) | ~valid[edge]).any() for edge in _FRAME):
        return valid  # the usual case, and a cheap one: nothing is missing at the border
    zeros = (values == 0) & valid
    return valid & ~_border_areas(zeros | ~valid) if zeros.any() else valid


def _border_areas(empty: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage

    labels, count = ndimage.label(empty)  # joins along edges; label 0 is the data
    touching = np.zeros(count + 1, dtype=np.bool_)
    for edge in _FRAME:
        touching[labels[edge]] = True
    touching[0] = False
    large = np.bincount(labels.ravel(), minlength=count + 1) >= SMALLEST_BORDER_AREA
    areas: NDArray[np.bool_] = (touching & large)[labels]
    return areas
