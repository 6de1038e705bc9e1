"""Any two folders of SAR and optical rasters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sarlang_hf.errors import ImageFault, SourceError, UsageError
from sarlang_hf.schema import Tile
from sarlang_hf.sources.base import register
from sarlang_hf.sources.files import is_folder, require_folder
from sarlang_hf.sources.raster_folders import ANY_RASTER, GEOTIFF, rasters_in, simulated_tree
from sarlang_hf.sources.rasters import RasterFiles, RasterSet, RasterSettings, tile_of


@register("paired")
class Paired:
    """SAR and optical rasters of the same places.

    Format:
        sar/    .tif, .tiff, .png, .jpg: one or more bands of SAR
        rgb/    the same stems, whatever the extension

    A SAR image without an optical one is incomplete and left out unless asked for; so is an optical image without SAR, always.
    What the pixels mean has to be said (`input_scale`), unless all SAR images are png or jpg, whose 8 bits are an amplitude.
    0 is data except in areas at the border of an image.

    The terms are not known to us, so the images are marked as not to be passed on.
    """

    terms = "Paired SAR and optical images given by whoever built this dataset; their terms are not known to sarlang-hf."

    def __init__(self, root: str | Path, *, label: str = "", settings: RasterSettings | None = None) -> None:
        """Finds and matches the files.

        Args:
            root: the folder that holds sar/ and rgb/.
            label: name of this set where several are given; becomes part of the image ids (`paired/<label>/...`).
            settings: how the rasters are read.

        Raises:
            UsageError: the label cannot be part of an id, or it is not said what the pixels mean.
            SourceError: sar/ or rgb/ is absent or cannot be read, sar/ is empty, or two files share a stem.
        """
        if not re.fullmatch(r"|[\w-][\w.-]*", label):
            raise UsageError(
                f"{label!r} cannot name a paired set", place="paired", remedy="use letters, digits, '.', '_' and '-'"
            )
        self.root = Path(root).absolute()
        require_folder(self.root, what="paired images")
        for part in ("sar", "rgb"):
            if not is_folder(self.root / part):
                remedy = "give the folder that holds sar/ and rgb/ with images of equal names"
                raise SourceError(f"there is no folder {part}/", place=self.root, remedy=remedy)
        radar = rasters_in(self.root / "sar", ANY_RASTER)
        if not radar:
            raise SourceError("there is no image", place=self.root / "sar", remedy=f"put {', '.join(ANY_RASTER)} files here")
        settings = settings or RasterSettings()
        _require_scale(radar, settings, self.root)
        self.name = f"paired/{label}" if label else "paired"
        self.simulated = simulated_tree(self.root) is not None
        self._prefix = f"{label}/" if label else ""
        terms = "CC0-1.0" if self.simulated else "unknown"
        self._set = RasterSet(
            source="paired",
            root=self.root,
            license=terms,
            redistributable=self.simulated,
            optical_license=terms,
            optical_redistributable=self.simulated,
            sensor="",
            input_scale="amplitude",
            zero="border",
            settings=settings,
        )

    def inputs(self) -> dict[str, Path]:
        return {part: self.root / part for part in ("sar", "rgb")}

    def parameters(self) -> dict[str, Any]:
        return self._set.parameters()

    def tiles(self) -> Iterator[Tile | ImageFault]:
        radar, twins = (rasters_in(self.root / part, ANY_RASTER) for part in ("sar", "rgb"))
        for stem, path in radar.items():
            yield tile_of(RasterFiles(self._prefix + stem, path, twins.get(stem)), self._set)
        for stem, path in twins.items():
            if stem not in radar:
                remedy = "put the SAR image of this name into sar/"
                yield self._set.fault(
                    self._prefix + stem, path, "missing_image", "has no SAR image", remedy=remedy, screened=True
                )


def _require_scale(radar: dict[str, Path], settings: RasterSettings, root: Path) -> None:
    rasters = [path for path in radar.values() if path.suffix.lower() in GEOTIFF]
    if rasters and settings.input_scale is None:
        problem = f"it is not said what the pixels of {rasters[0].relative_to(root).as_posix()} mean"
        remedy = "give --input-scale paired=SCALE with intensity, amplitude, db or db+OFFSET"
        raise UsageError(problem, place=root, remedy=remedy)
