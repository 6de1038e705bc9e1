"""SARDet-100K: 116,598 SAR images of ten detection datasets with boxes of six classes (Li et al. 2024, arXiv 2403.06534)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sarlang_hf.errors import ImageFault, SourceError
from sarlang_hf.schema import CATEGORIES, Split, Tile
from sarlang_hf.sources.base import SIMULATION_MARKER, register
from sarlang_hf.sources.coco_json import CocoFile, read_coco
from sarlang_hf.sources.detection import DetectionSet, tile_of
from sarlang_hf.sources.files import exists, is_file, is_folder, require_folder, require_readable
from sarlang_hf.sources.simulated_captions import captions_file, with_captions


@register("sardet100k")
class SARDet100K:
    """The official tree of SARDet-100K, or the simulator's copy of it.

    Format:
        Annotations/{train,val,test}.json   COCO boxes; category ids 0..5 = ship, aircraft, car, tank, bridge, harbor
        JPEGImages/{train,val,test}/        8-bit jpg, png or bmp of one or three channels, mostly 512x512

    `tank` is an oil storage tank, not an armoured vehicle; vehicles of all kinds are `car`. SARDet's train part becomes train,
    its val part becomes test; its own test part is not used: that is what the paper's image counts show (104,985 =
    94,493 + 10,492). Images are passed on byte for byte (section 3.2 of the paper: no preprocessing).

    Terms: CC BY-NC 4.0 for the collection, and the terms of its ten sources; not passed on by us.
    """

    terms = (
        "SARDet-100K (Li et al. 2024, arXiv 2403.06534), ten SAR detection datasets; CC BY-NC 4.0 and the terms of the ten. "
        "Its train part is train here, its val part is test, as the paper's image counts show."
    )
    splits: tuple[tuple[str, Split], ...] = (("train", "train"), ("val", "test"))

    def __init__(self, root: str | Path) -> None:
        """Raises a `SourceError` if the folder does not have SARDet's layout or hides an annotation file."""
        self.root = Path(root).absolute()  # an interrupted build may be continued from another working folder
        require_folder(self.root, what="SARDet-100K")
        missing = [path for path in self._annotations().values() if not exists(path)]
        missing += [folder for part, _ in self.splits if not is_folder(folder := self._image_folder(part))]
        if missing:
            remedy = "give the folder that holds Annotations/{train,val}.json and JPEGImages/{train,val}/"
            raise SourceError("part of SARDet-100K's layout is missing", place=missing[0], remedy=remedy)
        for path in self._annotations().values():
            require_readable(path)
        self.name = "sardet100k"
        self.simulated = is_file(self.root / SIMULATION_MARKER)

    def inputs(self) -> dict[str, Path]:
        return self._annotations() | captions_file(self._simulated_tree())

    def _annotations(self) -> dict[str, Path]:
        return {f"Annotations/{part}.json": self.root / "Annotations" / f"{part}.json" for part, _ in self.splits}

    def parameters(self) -> dict[str, Any]:
        return {}

    def tiles(self) -> Iterator[Tile | ImageFault]:
        return with_captions(self._images(), self._simulated_tree(), source=self.name, root=self.root)

    def _simulated_tree(self) -> Path | None:
        return self.root if self.simulated else None

    def _images(self) -> Iterator[Tile | ImageFault]:
        for (part, split), path in zip(self.splits, self._annotations().values(), strict=True):
            with read_coco(path) as annotations:
                found_in = self._detection_set(annotations, part, split)
                for image in annotations.images():
                    twin = self.root / "Optical" / part / image.file_name
                    yield tile_of(image, found_in, optical=twin if self.simulated and is_file(twin) else None)

    def _detection_set(self, annotations: CocoFile, part: str, split: Split) -> DetectionSet:
        return DetectionSet(
            source="sardet100k",
            prefix="",
            split=split,
            root=self.root,
            folder=self._image_folder(part),
            categories=_categories(annotations),
            license="CC0-1.0" if self.simulated else "CC-BY-NC-4.0",
            redistributable=self.simulated,
        )

    def _image_folder(self, part: str) -> Path:
        return self.root / "JPEGImages" / part


def _categories(annotations: CocoFile) -> dict[int, str | None]:
    """Category names by id; a file without a `categories` list has the official order."""
    names = {number: name.lower() for number, name in annotations.categories.items()} or dict(enumerate(CATEGORIES))
    foreign = sorted(set(names.values()) - set(CATEGORIES))
    if foreign:
        raise SourceError(
            f"unknown categories {', '.join(foreign)}",
            place=f"{annotations.path}: categories",
            remedy=f"SARDet-100K has {', '.join(CATEGORIES)}; read other detection sets with --coco and --class-map",
        )
    return dict(names)
