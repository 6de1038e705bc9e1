"""DFC2023: Gaofen-3 SAR of 17 cities with optical twins, roof outlines and heights (IEEE GRSS Data Fusion Contest 2023)."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sarlang_hf.errors import ImageFault, SourceError
from sarlang_hf.imaging.raster import RasterHeader
from sarlang_hf.schema import Tile
from sarlang_hf.sources.base import fit_box, register
from sarlang_hf.sources.cities import country_of
from sarlang_hf.sources.coco_json import CocoFile, CocoImage, read_coco
from sarlang_hf.sources.files import is_file, is_folder, require_folder, require_readable
from sarlang_hf.sources.raster_folders import rasters_in, simulated_tree
from sarlang_hf.sources.rasters import FoundBoxes, RasterFiles, RasterSet, RasterSettings, tile_of
from sarlang_hf.sources.released_stems import facts_of, stem_of
from sarlang_hf.sources.simulated_captions import captions_file, with_captions

_ANNOTATIONS = {
    "track1": ("roof_fine_train_corrected.json", "roof_fine_train.json"),
    "track2": ("buildings_only_train.json",),
}
Files = dict[str, Path]


@register("dfc2023")
class DFC2023:
    """The official tree of DFC2023, or the simulator's copy of it.

    Format:
        track1/roof_fine_train.json           COCO, twelve roof categories; roof_fine_train_corrected.json is preferred
        track2/buildings_only_train.json      COCO, one category; each file may also lie in annotations/
        track{1,2}/train/{rgb,sar}/           {GF2|SV}_<city>_<lat>_<lon>.tif, 512x512; track2 has dsm/ or height/ as well
        track{1,2}/val/{rgb,sar}/             P_0000.tif, not annotated

    One track may be absent, and the folder may be a track itself. The track is part of the id (`dfc2023/track1/P_0000`). Both
    tracks' P_0000 are different images, but a training tile of both tracks is one: it would stand in train and in test, so
    track 2's copy is left out (`in_both_tracks`). GF2 and SV name the optical sensor, Gaofen-2 and SuperView-1; the radar is
    Gaofen-3 throughout.

    Roofs become boxes, from `bbox` or, where that has no area, from the segmentation (polygons or run lengths). They ask no
    questions: the paper's questions about DFC2023 were not made from boxes. Heights are not read.

    Pixels: one band of an amplitude. 0 is data (shadow, calm water) except in areas at the border of a tile.

    Terms: citation and acknowledgement; no right to pass the images on is granted.
    """

    terms = (
        "DFC2023 track 1 and 2 (2023 IEEE GRSS Data Fusion Contest), SAR of Gaofen-3, optical of Gaofen-2 and SuperView-1; "
        "its terms grant no redistribution."
    )

    def __init__(self, root: str | Path, *, settings: RasterSettings | None = None) -> None:
        """Finds tracks and annotation files; raises a `SourceError` if the folder does not have DFC2023's layout."""
        self.root = Path(root).absolute()
        require_folder(self.root, what="DFC2023")
        self._tracks = _tracks(self.root)
        self.name = "dfc2023"
        self._simulated_tree = simulated_tree(self.root, layout="dfc2023")
        self.simulated = self._simulated_tree is not None
        terms = "CC0-1.0" if self.simulated else "DFC2023 terms (no redistribution)"
        self._set = RasterSet(
            source="dfc2023",
            root=self.root,
            license=terms,
            redistributable=self.simulated,
            optical_license=terms,
            optical_redistributable=self.simulated,
            sensor="Gaofen-3",
            input_scale="amplitude",
            zero="border",
            settings=settings or RasterSettings(),
            one_band=True,
        )

    def inputs(self) -> dict[str, Path]:
        parts = [track.folder / part / name for track in self._tracks for part in ("train", "val") for name in ("sar", "rgb")]
        found = [track.annotations for track in self._tracks] + [folder for folder in parts if is_folder(folder)]
        return {path.relative_to(self.root).as_posix(): path for path in found} | captions_file(self._simulated_tree)

    def parameters(self) -> dict[str, Any]:
        return self._set.parameters()

    def tiles(self) -> Iterator[Tile | ImageFault]:
        return with_captions(self._images(), self._simulated_tree, source=self.name, root=self.root)

    def _images(self) -> Iterator[Tile | ImageFault]:
        earlier: Files = {}
        for track in self._tracks:
            files = rasters_in(track.folder / "train/sar")
            yield from self._train(track, files, without=files.keys() & earlier.keys())
            yield from self._plain(track, rasters_in(track.folder / "val/sar"), rasters_in(track.folder / "val/rgb"))
            earlier = files

    def _train(self, track: _Track, files: Files, *, without: Set[str]) -> Iterator[Tile | ImageFault]:
        """The training tiles: those with annotations, then what else lies in the folder."""
        for stem in sorted(without):
            yield self._repeated(track, stem, files[stem])
        twins = rasters_in(track.folder / "train/rgb")
        rest = {stem: path for stem, path in files.items() if stem not in without}
        with read_coco(track.annotations, outlines=True) as annotations:
            for image in annotations.images():
                stem = stem_of(image.file_name)
                if stem not in without:
                    rest.pop(stem, None)
                    path = files.get(stem, track.folder / "train/sar" / image.file_name)
                    raster = self._raster(track, stem, path, twins.get(stem))
                    yield tile_of(raster, self._set, boxes=_Roofs(image, raster, annotations, self._set))
        yield from self._plain(track, rest, twins)

    def _plain(self, track: _Track, files: Files, twins: Files) -> Iterator[Tile | ImageFault]:
        """Tiles without annotations."""
        for stem, path in files.items():
            yield tile_of(self._raster(track, stem, path, twins.get(stem)), self._set)

    def _raster(self, track: _Track, stem: str, path: Path, twin: Path | None) -> RasterFiles:
        facts = facts_of(stem)
        return RasterFiles(
            stem=f"{track.name}/{stem}",
            path=path,
            optical=twin,
            optical_sensor="" if self.simulated else facts.optical_sensor,
            place=facts.place,
            country=country_of(facts.place),
            lat=facts.lat,
            lon=facts.lon,
        )

    def _repeated(self, track: _Track, stem: str, path: Path) -> ImageFault:
        problem, remedy = "is a training tile of the other track as well", "nothing needs to be done: that one is used"
        return self._set.fault(f"{track.name}/{stem}", path, "in_both_tracks", problem, remedy=remedy, screened=True)


@dataclass(frozen=True, slots=True)
class _Track:
    name: str
    folder: Path
    annotations: Path


@dataclass(frozen=True, slots=True)
class _Roofs:
    """Finds the boxes of the roofs in an annotated tile."""

    image: CocoImage
    raster: RasterFiles
    annotations: CocoFile
    found_in: RasterSet

    def __call__(self, header: RasterHeader) -> FoundBoxes:
        if (self.image.width, self.image.height) != (header.width, header.height):
            size = f"{self.image.width}x{self.image.height}"
            raise self._fault("size_mismatch", f"is {header.width}x{header.height} pixels, annotated as {size}")
        boxes, clipped = [], 0
        for annotation in self.image.annotations:
            category = self.annotations.categories.get(annotation.category_id)
            if category is None:
                raise self._fault("unknown_category", f"has a roof of unknown category id {annotation.category_id}")
            if annotation.problem:
                raise self._fault("bad_box", f"has a bad {annotation.record.rpartition(': ')[2]}: {annotation.problem}")
            fitted = fit_box(annotation.bbox, _roof(category), header.width, header.height)
            if isinstance(fitted, str):
                raise self._fault("bad_box", f"has a bad {annotation.record.rpartition(': ')[2]}: {fitted}")
            boxes.append(fitted[0])
            clipped += fitted[1]
        return boxes, clipped

    def _fault(self, reason: str, problem: str) -> ImageFault:
        return self.found_in.fault(self.raster.stem, self.raster.path, reason, problem, place=self.image.record)


def _tracks(root: Path) -> list[_Track]:
    named = [root / name for name in _ANNOTATIONS if is_folder(root / name / "train/sar")]
    folders = named or ([root] if is_folder(root / "train/sar") else [])
    if not folders:
        remedy = "give the folder that holds track1/ and track2/, or one of them, with train/sar and train/rgb"
        raise SourceError("there is no DFC2023 track", place=root, remedy=remedy)
    return [_track(folder) for folder in folders]


def _track(folder: Path) -> _Track:
    """A track with its annotation file, whose name tells which track it is."""
    for name, files in _ANNOTATIONS.items():
        for file in files if folder.name == name or folder.name not in _ANNOTATIONS else ():
            found = [path for place in ("", "annotations") if is_file(path := folder / place / file)]
            if len(found) > 1 and not found[0].samefile(found[1]):
                raise SourceError(f"{file} is there twice", place=found[1], remedy="remove one of the two")
            if found:
                require_readable(found[0])
                return _Track(name, folder, found[0])
    expected = " or ".join(_ANNOTATIONS.get(folder.name, sum(_ANNOTATIONS.values(), ())))
    raise SourceError("the annotations of this track are absent", place=folder, remedy=f"put {expected} here or in annotations/")


def _roof(category: str) -> str:
    """`flat roof` from `Flat`, `flat_roof` or `Flat roof`; track 2's `building` stays."""
    words = " ".join(category.replace("_", " ").lower().split())
    return words if words.startswith("building") or "roof" in words else f"{words} roof"
