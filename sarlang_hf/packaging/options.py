"""The options of a build."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from sarlang_hf.errors import UsageError
from sarlang_hf.imaging.contrast import DEFAULT_STRETCH, Stretch
from sarlang_hf.packaging.pixels import MAX_NODATA, PixelOptions
from sarlang_hf.texts.captions import CaptionTexts
from sarlang_hf.texts.planner import PAPER_DENSITY

ROWS_PER_SHARD = 1000
OnError = Literal["fail", "skip"]


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What decides the bytes of a build, apart from its sources.

    Attributes:
        seed: of the 7:3 split, of `limit`'s choice and of the texts.
        density: questions per image the build aims at (see `texts.planner`).
        keep_ambiguous: ask region questions even where a box holds a second class, as the paper's count does.
        captions: `template` writes a concise caption from the boxes of images that have none (see `texts.captions`).
        on_error: what an unusable image does: stop the build, or be left out and recorded.
        limit: at most this many images per source and split.
        rows_per_shard: images per shard.
        stretch: the contrast stretch of radar rasters, as `imaging.contrast.Stretch.parse` reads it.
        max_nodata: share of nodata above which a tile is left out.
        with_raw, with_rgb: whether to add the configs `raw` and `rgb`.
        webdataset: whether to add the WebDataset export.

    Raises:
        UsageError: a value outside its range.
    """

    seed: int = 0
    density: float = PAPER_DENSITY
    keep_ambiguous: bool = False
    captions: CaptionTexts = "none"
    on_error: OnError = "fail"
    limit: int | None = None
    rows_per_shard: int = ROWS_PER_SHARD
    stretch: str = str(DEFAULT_STRETCH)
    max_nodata: float = MAX_NODATA
    with_raw: bool = False
    with_rgb: bool = False
    webdataset: bool = False

    def __post_init__(self) -> None:
        Stretch.parse(self.stretch)
        if self.on_error not in get_args(OnError):
            raise _out_of_range("on_error", self.on_error, "fail or skip")
        if self.captions not in get_args(CaptionTexts):
            raise _out_of_range("captions", self.captions, "none or template")
        if not (math.isfinite(self.density) and self.density > 0):
            raise _out_of_range("density", self.density, f"a number above 0; the paper has {PAPER_DENSITY}")
        if not 0 <= self.max_nodata <= 1:
            raise _out_of_range("max_nodata", self.max_nodata, "a share from 0 to 1")
        for name in ("rows_per_shard", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise _out_of_range(name, value, "1 or more")

    @property
    def skip_faults(self) -> bool:
        return self.on_error == "skip"

    def identity(self) -> dict[str, Any]:
        """The options that decide the bytes; `on_error` decides only whether the build gets to its end."""
        named = {name: value for name, value in asdict(self).items() if name != "on_error"}
        return named | {"stretch": str(Stretch.parse(self.stretch)), "max_nodata": float(self.max_nodata)}


def pixel_options(settings: BuildOptions, limits: Mapping[str, tuple[float, float]]) -> PixelOptions:
    """What decides the pixels of a build, with the limits of stretch `dataset`, if any."""
    return PixelOptions(
        stretch=Stretch.parse(settings.stretch),
        limits=limits,
        max_nodata=settings.max_nodata,
        with_raw=settings.with_raw,
        with_rgb=settings.with_rgb,
    )


def _out_of_range(name: str, value: object, wanted: str) -> UsageError:
    return UsageError(f"{name} is {value!r}", place="build options", remedy=f"give {wanted}")
