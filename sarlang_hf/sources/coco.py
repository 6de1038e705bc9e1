"""Any detection set in COCO format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from sarlang_hf.errors import ImageFault, SourceError
from sarlang_hf.schema import CATEGORIES, Split, Tile
from sarlang_hf.sources.base import SIMULATION_MARKER, register, require_folder
from sarlang_hf.sources.coco_json import read_categories, read_images
from sarlang_hf.sources.detection import tile_of


@register("coco")
class Coco:
    """A folder with COCO annotation files and images.

    Format:
        *.json, annotations/*.json, Annotations/*.json   a name with `train` is train, with `val` or `test` is test;
                                                         a single file is split 7:3 by the build
        images in the folder itself, or in images/, JPEGImages/, train/, val2017/ ... (found by the first file name)

    The set's terms are not known to us, so its images are marked as not to be passed on.
    """

    def __init__(self, root: Path, *, label: str = "", class_map: Mapping[str, str] | None = None) -> None:
        """Finds and checks the annotation files.

        Args:
            root: the folder.
            label: name of this set where several COCO sets are given; becomes part of the image ids (`coco/<label>/...`).
            class_map: our category for each of the set's classes; an empty target drops the class.

        Raises:
            SourceError: no annotation files, or their names do not tell the splits apart.
        """
        require_folder(root, what="COCO")
        self.name = f"coco/{label}" if label else "coco"
        self.root = root
        self.simulated = (root / SIMULATION_MARKER).is_file()
        self._prefix = f"{label}/" if label else ""
        self._class_map = dict(class_map or {})
        self._splits = _annotation_files(root)

    def inputs(self) -> dict[str, Path]:
        return {path.relative_to(self.root.resolve()).as_posix(): path for path in self._splits}

    def parameters(self) -> dict[str, Any]:
        return {"class_map": dict(sorted(self._class_map.items()))}

    def tiles(self) -> Iterator[Tile | ImageFault]:
        for path, split in self._splits.items():
            categories = self._categories(path)
            folder = _image_folder(self.root, path)
            for image in read_images(path):
                yield tile_of(
                    image,
                    source="coco",
                    prefix=self._prefix,
                    split=split,
                    folder=folder,
                    categories=categories,
                    license="unknown",
                    redistributable=False,
                )

    def _categories(self, annotations: Path) -> dict[int, str | None]:
        names = read_categories(annotations)
        known = {category: category for category in CATEGORIES} | self._class_map
        unmapped = sorted(set(names.values()) - set(known))
        if unmapped or not names:
            classes = ", ".join(sorted(names.values())) or "none"
            raise SourceError(
                f"no category given for {', '.join(unmapped) or 'any class'} (classes of this file: {classes})",
                place=f"{annotations}: categories",
                remedy=f"map them with --class-map, e.g. --class-map {(unmapped or ['vessel'])[0]}=ship, or drop with 'name='",
            )
        return {number: known[name].lower() or None for number, name in names.items()}


def _annotation_files(root: Path) -> dict[Path, Split | None]:
    """Annotation files with their splits, in name order."""
    found = [*root.glob("*.json"), *root.glob("annotations/*.json"), *root.glob("Annotations/*.json")]
    files = sorted({path.resolve(): path for path in found if path.name != SIMULATION_MARKER}.values())
    if not files:
        raise SourceError("no annotation file *.json", place=root, remedy="put the COCO JSON here or in annotations/")
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


def _image_folder(root: Path, annotations: Path) -> Path:
    """The folder in which the file names of an annotation file exist; decided by its first hundred images."""
    part = re.split(r"[_\W]", annotations.stem)[-1]
    parts = dict.fromkeys(["", annotations.stem, part, *re.findall("train|val|test", annotations.stem.lower())])
    folders = [root / parent / name for parent in ("", "images", "JPEGImages") for name in parts]
    names = [image.file_name for image in islice(read_images(annotations), 100)]
    if not names:
        return root
    present = {folder: sum((folder / name).is_file() for name in names) for folder in dict.fromkeys(folders)}
    best: Path = max(present, key=lambda folder: present[folder])
    if not present[best]:
        looked = ", ".join(str(folder.relative_to(root)) for folder in present)
        raise SourceError(f"image {names[0]!r} is in none of: {looked}", place=annotations, remedy="put the images in images/")
    return best
