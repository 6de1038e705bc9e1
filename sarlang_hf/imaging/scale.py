"""What a pixel value means, and how it becomes linear intensity, the scale in which speckle is multiplicative.

InputScale.parse("db+60")                      # SpaceNet6: decibels plus 60
to_intensity(values, InputScale.parse("db"))   # 10 ** (values / 10), float32
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.errors import UsageError

ScaleKind = Literal["intensity", "amplitude", "db"]

_FORM = re.compile(r"(intensity|amplitude)|db([+-]\d{1,3}(?:\.\d{1,6})?)?", re.ASCII)
_LINEAR: dict[str, ScaleKind] = {"intensity": "intensity", "amplitude": "amplitude"}
_SMALLEST = float(np.finfo(np.float32).tiny)
_E_PER_DB = float(np.log(10) / 10)


@dataclass(frozen=True, slots=True)
class InputScale:
    """What the pixels of a raster measure.

    Attributes:
        kind: `intensity` (power), `amplitude` (its square root) or `db` (10 log10 of intensity).
        offset: what was added to the decibels when the file was written; 0 for the linear kinds.
    """

    kind: ScaleKind
    offset: float = 0.0

    @classmethod
    def parse(cls, text: str) -> InputScale:
        """Reads `intensity`, `amplitude`, `db`, `db+60` or `db-3.5`.

        Raises:
            UsageError: any other text; an offset has at most three digits before and six behind the point.
        """
        form = _FORM.fullmatch(text)
        if form is None:
            remedy = "give intensity, amplitude, db, or db with the offset that the file adds to its decibels, as in db+60"
            raise UsageError(f"'{text}' is not an input scale", place="--input-scale", remedy=remedy)
        if form[1]:
            return cls(_LINEAR[form[1]])
        return cls("db", float(form[2] or 0) + 0.0)  # db-0 is db

    def __str__(self) -> str:
        return self.kind if self.offset == 0 else f"{self.kind}{np.format_float_positional(self.offset, trim='-', sign=True)}"


def to_intensity(values: NDArray[Any], scale: InputScale) -> NDArray[np.float32]:
    """Converts pixels to linear intensity, each by itself.

    Integers of up to 16 bits are exact in float32 before they are squared; wider types are converted in float64. Filtering
    happens in intensity whatever the file holds; ESA SNAP filters an amplitude band as it is, which removes a little less
    speckle (an amplitude's coefficient of variation is half of the intensity's).

    Args:
        values: (H, W) real numbers. Pixels that are no data may hold anything.
        scale: what they mean.

    Returns:
        (H, W) float32, NaN where a value is no measurement: not finite, a negative intensity or amplitude (an artefact of
        noise removal or resampling), or out of float32's range as intensity (decibels beyond about -379 and +385). A linear 0
        stays 0.
    """
    narrow = values.dtype.itemsize <= 2 or values.dtype == np.float32
    number: NDArray[np.floating] = values.astype(np.float32 if narrow else np.float64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if scale.kind == "db":
            # exp instead of 10 ** x: numpy has it vectorised, and float32's rounding of the argument costs below 1e-4 dB.
            number = np.exp((number - scale.offset) * _E_PER_DB)
            usable = number >= _SMALLEST
        else:
            usable = number >= 0
            number = number * number if scale.kind == "amplitude" else number
        intensity = number.astype(np.float32, copy=False)
        usable &= intensity < np.inf
    if not usable.all():
        intensity[~usable] = np.nan
    return intensity
