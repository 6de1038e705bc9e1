"""Any detection set in COCO format."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sarlang_hf.errors import ImageFault, SourceError, UsageError
from sarlang_hf.schema import CATEGORIES, Split, Tile
from sarlang_hf.sources.base import SIMULATION_MARKER, register
from sarlang_hf.sources.coco_json import CocoFile, read_categories, read_coco
from sarlang_hf.sources.detection import DetectionSet, tile_of
from sarlang_hf.sources.files import is_file, json_files, require_folder, require_readable


@register("coco")
class Coco:
    """A folder with COCO annotation files and images.

    Format:
        *.json, annotations/*.json, Annotations/*.json   a name with `train` is train, with `val` or `test` is test;
                                                         a single file is split 7:3 by the build
        images in the folder itself, or in images/, JPEGImages/, train/, val2017/ ... (found by the first file name)

    The set's terms are not known to us, so its images are marked as not to be passed on.
    """

    terms = "A COCO detection set given by whoever built this dataset; its terms are not known to sarlang-hf."

    def __init__(self, root: str | Path, *, label: str = "", class_map: Mapping[str, str] | None = None) -> None:
        """Finds and checks the annotation files.

        Args:
            root: the folder.
            label: name of this set where several COCO sets are given; becomes part of the image ids (`coco/<label>/...`).
            class_map: our category for each of the set's classes; an empty target drops the class.

        Raises:
            UsageError: the label cannot be part of an id, or a target of the class map is none of our categories.
            SourceError: no annotation files, one that cannot be read, or their names do not tell the splits apart.
        """
        if not re.fullmatch(r"|[\w-][\w.-]*", label):
            raise UsageError(f"{label!r} cannot name a COCO set", place="coco", remedy="use letters, digits, '.', '_' and '-'")
        for name, category in (class_map or {}).items():
            if category and category not in CATEGORIES:
                remedy = f"map to one of {', '.join(CATEGORIES)}, or to nothing to drop the class"
                raise UsageError(f"{name!r} is mapped to {category!r}", place="class map", remedy=remedy)
        self.root = Path(root).absolute()  # an interrupted build may be continued from another working folder
        require_folder(self.root, what="COCO")
        self.name = f"coco/{label}" if label else "coco"
        self.simulated = is_file(self.root / SIMULATION_MARKER)
        self._prefix = f"{label}/" if label else ""
        self._class_map = dict(class_map or {})
        self._splits = _annotation_files(self.root)

    def inputs(self) -> dict[str, Path]:
        return {path.relative_to(self.root).as_posix(): path for path in self._splits}

    def parameters(self) -> dict[str, Any]:
        return {"class_map": dict(sorted(self._class_map.items()))}

    def class_names(self) -> set[str]:
        """The set's own classes: all category names of its annotation files, each of which is read through once."""
        return {name for path in self._splits for name in read_categories(path).values()}

    def tiles(self) -> Iterator[Tile | ImageFault]:
        for path, split in self._splits.items():
            with read_coco(path) as annotations:
                found_in = self._detection_set(annotations, split)
                for image in annotations.images():
                    yield tile_of(image, found_in)

    def _detection_set(self, annotations: CocoFile, split: Split | None) -> DetectionSet:
        return DetectionSet(
            source="coco",
            prefix=self._prefix,
            split=split,
            root=self.root,
            folder=_image_folder(self.root, annotations),
            categories=self._categories(annotations),
            license="unknown",
            redistributable=False,
        )

    def _categories(self, annotations: CocoFile) -> dict[int, str | None]:
        names = annotations.categories
        known = {category: category for category in CATEGORIES} | self._class_map
        unmapped = sorted(set(names.values()) - set(known))
        if unmapped or not names:
            classes = _enumerate(sorted(names.values())) or "none"
            raise SourceError(
                f"no category given for {_enumerate(unmapped) or 'any class'} (classes of this file: {classes})",
                place=f"{annotations.path}: categories",
                remedy=f"map them with --class-map, e.g. --class-map {(unmapped or ['vessel'])[0]}=ship, or drop with 'name='",
            )
        return {number: known[name] or None for number, name in names.items()}


def _enumerate(names: Sequence[str], most: int = 30) -> str:
    """The names as a list for people, cut short where it would fill the screen."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _annotation_files(root: Path) -> dict[Path, Split | None]:
    """Annotation files with their splits, in name order; a file that links make appear twice is one file."""
    found = [path for folder in ("", "annotations", "Annotations") for path in json_files(root / folder)]
    files = sorted({os.path.realpath(path): path for path in found if path.name != SIMULATION_MARKER}.values())
    if not files:
        raise SourceError("no annotation file *.json", place=root, remedy="put the COCO JSON here or in annotations/")
    for path in files:
        require_readable(path)
    if len(files) == 1 and _split_of(files[0]) is None:
        return {files[0]: None}
    splits = {path: _split_of(path) for path in files}
    for path, split in splits.items():
        if split is None:
            remedy = "rename it so that its name holds train, val or test, or move it away"
            raise SourceError("cannot tell which split this file is", place=path, remedy=remedy)
    return splits


def _split_of(path: Path) -> Split | None:
    name = path.stem.lower()
    if "train" in name:
        return "train"
    return "test" if "val" in name or "test" in name else None


def _image_folder(root: Path, annotations: CocoFile) -> Path:
    """The folder in which the file names of an annotation file exist; decided by its first hundred images."""
    stem = annotations.path.stem
    part = re.split(r"[_\W]", stem)[-1]
    parts = dict.fromkeys(["", stem, part, *re.findall("train|val|test", stem.lower())])
    folders = [root / parent / name for parent in ("", "images", "JPEGImages") for name in parts]
    names = annotations.file_names(100)
    if not names:
        return root
    present = {folder: sum(is_file(folder / name) for name in names) for folder in dict.fromkeys(folders)}
    best: Path = max(present, key=lambda folder: present[folder])
    if not present[best]:
        looked = ", ".join(str(folder.relative_to(root)) for folder in present)
        problem = f"image {names[0]!r:.60} is in none of: {looked}"
        raise SourceError(problem, place=annotations.path, remedy="put the images in images/")
    return best
