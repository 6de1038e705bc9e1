"""SARDet-100K: 116,598 SAR images of ten detection datasets with boxes of six classes (Li et al. 2024, arXiv 2403.06534)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sarlang_hf.errors import ImageFault, SourceError
from sarlang_hf.schema import CATEGORIES, Split, Tile
from sarlang_hf.sources.base import SIMULATION_MARKER, register, require_folder
from sarlang_hf.sources.coco_json import read_categories, read_images
from sarlang_hf.sources.detection import tile_of


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

    splits: tuple[tuple[str, Split], ...] = (("train", "train"), ("val", "test"))

    def __init__(self, root: Path) -> None:
        """Raises a `SourceError` if the folder does not have SARDet's layout."""
        require_folder(root, what="SARDet-100K")
        for part, _ in self.splits:
            for path in (root / "Annotations" / f"{part}.json", root / "JPEGImages" / part):
                if not path.exists():
                    remedy = "give the folder that holds Annotations/{train,val}.json and JPEGImages/{train,val}/"
                    raise SourceError("part of SARDet-100K's layout is missing", place=path, remedy=remedy)
        self.name = "sardet100k"
        self.root = root
        self.simulated = (root / SIMULATION_MARKER).is_file()

    def inputs(self) -> dict[str, Path]:
        return {f"Annotations/{part}.json": self.root / "Annotations" / f"{part}.json" for part, _ in self.splits}

    def parameters(self) -> dict[str, Any]:
        return {}

    def tiles(self) -> Iterator[Tile | ImageFault]:
        for (part, split), path in zip(self.splits, self.inputs().values(), strict=True):
            categories = _categories(path)
            twins = self.root / "Optical" / part
            for image in read_images(path):
                twin = twins / image.file_name
                yield tile_of(
                    image,
                    source="sardet100k",
                    prefix="",
                    split=split,
                    folder=self.root / "JPEGImages" / part,
                    categories=categories,
                    license="CC0-1.0" if self.simulated else "CC-BY-NC-4.0",
                    redistributable=self.simulated,
                    optical=twin if self.simulated and twin.is_file() else None,
                )


def _categories(annotations: Path) -> dict[int, str | None]:
    """Category names by id; a file without a `categories` list has the official order."""
    names = {number: name.lower() for number, name in read_categories(annotations).items()} or dict(enumerate(CATEGORIES))
    foreign = sorted(set(names.values()) - set(CATEGORIES))
    if foreign:
        raise SourceError(
            f"unknown categories {', '.join(foreign)}",
            place=f"{annotations}: categories",
            remedy=f"SARDet-100K has {', '.join(CATEGORIES)}; read other detection sets with --coco and --class-map",
        )
    return dict(names)
