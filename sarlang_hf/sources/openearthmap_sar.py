"""OpenEarthMap-SAR: Umbra spotlight SAR of Japan, France and the USA with optical twins (Xia et al. 2025, arXiv 2501.10891)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sarlang_hf.errors import ImageFault, SourceError
from sarlang_hf.schema import Tile
from sarlang_hf.sources.base import register
from sarlang_hf.sources.files import is_folder, require_folder
from sarlang_hf.sources.raster_folders import rasters_in, simulated_tree
from sarlang_hf.sources.rasters import RasterFiles, RasterSet, RasterSettings, tile_of
from sarlang_hf.sources.released_stems import OPTICAL_TERMS, SIMULATED, facts_of
from sarlang_hf.sources.simulated_captions import captions_file, with_captions

_PARTS = ("train", "val", "test")


@register("openearthmap_sar")
class OpenEarthMapSAR:
    """The official tree of OpenEarthMap-SAR (track 1 of DFC2025), or the simulator's copy of it.

    Format:
        train/{sar_images,rgb_images,labels}/TrainArea_000.tif
        {val,test}/sar_images/...           no twins in the official archives: incomplete, left out unless asked for

    The folder may also hold sar_images itself. SAR is one band of uint8, an amplitude; 0 is data (shadow, calm water) except in
    areas at the border of a tile. Labels are not read. Archives name tiles by numbers; the files that SARLANG-1M released
    name the place (`France_Alpes-Maritimes_Nice_3`), which is taken from such names. No mapping between the two is public.

    Terms: SAR by Umbra, CC BY 4.0; optical images of NAIP (public domain), IGN (Licence Ouverte) and GSI Japan. Tiles do not
    say which of the three theirs is from, so optical images are marked as not to be passed on.
    """

    terms = (
        "OpenEarthMap-SAR (Xia et al. 2025, arXiv 2501.10891), SAR by Umbra, CC BY 4.0; optical images of NAIP, IGN France and "
        "GSI Japan under their terms."
    )

    def __init__(self, root: str | Path, *, settings: RasterSettings | None = None) -> None:
        """Finds the parts; raises a `SourceError` if the folder does not have OpenEarthMap-SAR's layout."""
        self.root = Path(root).absolute()
        require_folder(self.root, what="OpenEarthMap-SAR")
        self._parts = [folder for part in ("", *_PARTS) if is_folder((folder := self.root / part) / "sar_images")]
        if not self._parts:
            remedy = "give the folder that holds train/sar_images and train/rgb_images"
            raise SourceError("there is no sar_images folder of OpenEarthMap-SAR", place=self.root, remedy=remedy)
        self.name = "openearthmap_sar"
        self._simulated_tree = simulated_tree(self.root, layout="openearthmap-sar")
        self.simulated = self._simulated_tree is not None
        optical = SIMULATED if self.simulated else OPTICAL_TERMS["openearthmap_sar"]
        self._set = RasterSet(
            source="openearthmap_sar",
            root=self.root,
            license="CC0-1.0" if self.simulated else "CC-BY-4.0",
            redistributable=True,
            optical_license=optical.license,
            optical_redistributable=optical.redistributable,
            sensor="Umbra",
            input_scale="amplitude",
            zero="border",
            settings=settings or RasterSettings(),
            one_band=True,
        )

    def inputs(self) -> dict[str, Path]:
        folders = [part / name for part in self._parts for name in ("sar_images", "rgb_images")]
        found = {folder.relative_to(self.root).as_posix(): folder for folder in folders if is_folder(folder)}
        return found | captions_file(self._simulated_tree)

    def parameters(self) -> dict[str, Any]:
        return self._set.parameters()

    def tiles(self) -> Iterator[Tile | ImageFault]:
        return with_captions(self._images(), self._simulated_tree, source=self.name, root=self.root)

    def _images(self) -> Iterator[Tile | ImageFault]:
        for part in self._parts:
            twins = rasters_in(part / "rgb_images")
            for stem, path in rasters_in(part / "sar_images").items():
                facts = facts_of(stem)
                files = RasterFiles(stem, path, twins.get(stem), place=facts.place, country=facts.country)
                yield tile_of(files, self._set)
