"""SpaceNet 6: quad-polarized airborne X-band SAR of Rotterdam with optical twins (Shermeyer et al. 2020, arXiv 2004.06500)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sarlang_hf.errors import ImageFault, SourceError
from sarlang_hf.imaging.polarization import DEFAULT_ORDER
from sarlang_hf.imaging.raster import RasterHeader
from sarlang_hf.schema import Tile
from sarlang_hf.sources.base import register
from sarlang_hf.sources.buildings import read_buildings
from sarlang_hf.sources.files import is_file, is_folder, reading, require_folder
from sarlang_hf.sources.raster_folders import rasters_in, simulated_tree
from sarlang_hf.sources.rasters import FoundBoxes, RasterFiles, RasterSet, RasterSettings, tile_of
from sarlang_hf.sources.simulated_captions import captions_file, with_captions

_SAR, _OPTICAL, _BUILDINGS = "SAR-Intensity", "PS-RGB", "Buildings"
_ORIENTATIONS = "SummaryData/SAR_orientations.txt"
_PARTS = ("", "AOI_11_Rotterdam", "train/AOI_11_Rotterdam", "test_public/AOI_11_Rotterdam")
_STRIP = re.compile(r"_(\d{14}_\d{14})_tile_\d+$", re.ASCII)
_LINE = re.compile(r"(\d{14}_\d{14})\s+([01])", re.ASCII)
_FROM_SOUTH = "1"


@register("spacenet6")
class SpaceNet6:
    """The official tree of SpaceNet 6, or the simulator's copy of it.

    Format:
        train/AOI_11_Rotterdam/
            SAR-Intensity/      SN6_Train_AOI_11_Rotterdam_SAR-Intensity_<start>_<end>_tile_<n>.tif, float32, 4 bands
            PS-RGB/             the optical twins, ..._PS-RGB_...
            geojson_buildings/  building outlines, ..._Buildings_....geojson (optional)
            SummaryData/SAR_orientations.txt    lines "<start>_<end> 0|1": looked from north or from south
        test_public/AOI_11_Rotterdam/SAR-Intensity/     no twins: incomplete, left out unless asked for

    The folder may also be AOI_11_Rotterdam itself. `<start>_<end>` is the flight strip, our scene.

    Pixels: bands are HH, HV, VH, VV where the file does not name them, and `auto` is HH. Values of the official tiles lie in
    0..93, which fits decibels plus 60 (strips: mean -12, maximum +30 dB); nobody documents it, so `input_scale` can be set. 0 is
    nodata: strips are not north-up and leave slanted wedges.

    Strips looked at from the south show shadows on the other side. `turn_south` turns them, with twin and boxes, by 180 degrees
    as the challenge's baseline does; it is off, since the paper's texts ("top left") speak of unturned images.

    Terms: CC BY-SA 4.0; images made from it carry the same.
    """

    terms = (
        "SpaceNet 6 (Shermeyer et al. 2020, arXiv 2004.06500), SAR by Capella Space, optical by Maxar; CC BY-SA 4.0, which the "
        "images made from it carry on."
    )

    def __init__(self, root: str | Path, *, settings: RasterSettings | None = None, turn_south: bool = False) -> None:
        """Finds the parts of the tree.

        Args:
            root: the folder that holds train/AOI_11_Rotterdam, or AOI_11_Rotterdam itself.
            settings: how the rasters are read.
            turn_south: turn strips looked at from the south by 180 degrees.

        Raises:
            SourceError: the folder does not have SpaceNet 6's layout, or the orientations are needed and absent or damaged.
        """
        self.root = Path(root).absolute()
        require_folder(self.root, what="SpaceNet 6")
        self._parts = [folder for part in _PARTS if is_folder((folder := self.root / part) / _SAR)]
        if not self._parts:
            remedy = "give the folder that holds train/AOI_11_Rotterdam/SAR-Intensity, or AOI_11_Rotterdam itself"
            raise SourceError("there is no SAR-Intensity folder of SpaceNet 6", place=self.root, remedy=remedy)
        self.name = "spacenet6"
        self._simulated_tree = simulated_tree(self.root, layout="spacenet6")
        self.simulated = self._simulated_tree is not None
        self._turn_south = turn_south
        terms = "CC0-1.0" if self.simulated else "CC-BY-SA-4.0"
        self._set = RasterSet(
            source="spacenet6",
            root=self.root,
            license=terms,
            redistributable=True,
            optical_license=terms,
            optical_redistributable=True,
            sensor="Capella",
            input_scale="db+60",
            zero="nodata",
            settings=settings or RasterSettings(),
            preferred="HH",
            order=DEFAULT_ORDER,
        )
        self._orientations = _read_orientations(self._orientation_file()) if turn_south else {}

    def inputs(self) -> dict[str, Path]:
        folders = [part / name for part in self._parts for name in (_SAR, _OPTICAL, "geojson_buildings")]
        found = [folder for folder in folders if is_folder(folder)] + ([self._orientation_file()] if self._turn_south else [])
        return {path.relative_to(self.root).as_posix(): path for path in found} | captions_file(self._simulated_tree)

    def parameters(self) -> dict[str, Any]:
        return {**self._set.parameters(), "turn_south": self._turn_south}

    def tiles(self) -> Iterator[Tile | ImageFault]:
        return with_captions(self._images(), self._simulated_tree, source=self.name, root=self.root)

    def _images(self) -> Iterator[Tile | ImageFault]:
        for part in self._parts:
            twins = rasters_in(part / _OPTICAL)
            for stem, path in rasters_in(part / _SAR).items():
                twin = twins.get(stem.replace(_SAR, _OPTICAL))
                outlines = part / "geojson_buildings" / f"{stem.replace(_SAR, _BUILDINGS)}.geojson"
                yield self._tile(stem, path, twin, outlines)

    def _tile(self, stem: str, path: Path, twin: Path | None, outlines: Path) -> Tile | ImageFault:
        strip = match[1] if (match := _STRIP.search(stem)) else ""
        if self._turn_south and strip not in self._orientations:
            problem = f"belongs to strip {strip!r}, which {_ORIENTATIONS} does not list"
            remedy = "add the strip to that file, or leave out --turn-south"
            return self._set.fault(stem, path, "unknown_orientation", problem, remedy=remedy)
        files = RasterFiles(
            stem=stem,
            path=path,
            optical=twin,
            optical_sensor="" if self.simulated else "WorldView-2",
            scene=strip,
            place="Rotterdam",
            country="Netherlands",
            turned=self._orientations.get(strip) == _FROM_SOUTH,
        )
        return tile_of(files, self._set, boxes=_Outlines(stem, outlines, self._set))

    def _orientation_file(self) -> Path:
        """The list of orientations; one part's list holds the strips of all."""
        found = [path for part in self._parts if is_file(path := part / _ORIENTATIONS)]
        if not found:
            remedy = "take SAR_orientations.txt from the official archive, or leave out --turn-south"
            raise SourceError("the orientations of the strips are absent", place=self._parts[0] / _ORIENTATIONS, remedy=remedy)
        return found[0]


@dataclass(frozen=True, slots=True)
class _Outlines:
    """Finds the boxes of the buildings in a tile."""

    stem: str
    path: Path
    found_in: RasterSet

    def __call__(self, header: RasterHeader) -> FoundBoxes:
        if not is_file(self.path):
            return (), 0
        found = read_buildings(self.path, header)
        if isinstance(found, str):
            raise self.found_in.fault(self.stem, self.path, "bad_outlines", found)
        return found, 0


def _read_orientations(path: Path) -> dict[str, str]:
    """`0` or `1` by strip."""
    found: dict[str, str] = {}
    with reading(path), path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            line = raw.decode("ascii", "replace").strip()
            match = _LINE.fullmatch(line)
            if line and match is None:
                remedy = "write lines such as 20190804111224_20190804111453 1"
                raise SourceError(f"{line!r:.60} is no strip with 0 or 1", place=f"{path}: line {number}", remedy=remedy)
            if match and found.setdefault(match[1], match[2]) != match[2]:
                problem = f"strip {match[1]} is listed as {found[match[1]]} and as {match[2]}"
                raise SourceError(problem, place=f"{path}: line {number}", remedy="keep one of the two lines")
    return found
