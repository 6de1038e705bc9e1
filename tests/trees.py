"""Small source trees of noise images with chosen boxes, for tests that need files but no physics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sarlang_hf.schema import CATEGORIES

VESSEL = [("vessel", 1.0, 2.0, 9.0, 8.0)]
"""Boxes of a class that must be mapped."""


@dataclass
class Picture:
    """One image of a tree: its file name, (width, height), mode and boxes as (category, x, y, w, h)."""

    name: str
    size: tuple[int, int] = (32, 24)
    mode: str = "L"
    boxes: list[tuple[str, float, float, float, float]] = field(default_factory=lambda: [("ship", 4.0, 5.0, 8.0, 6.0)])


def coco(pictures: Sequence[Picture], categories: Sequence[str] = CATEGORIES) -> dict[str, Any]:
    """COCO JSON of some pictures, ids from 1, category ids from 0."""
    images = [{"id": i, "file_name": p.name, "width": p.size[0], "height": p.size[1]} for i, p in enumerate(pictures, 1)]
    annotations = [
        {"image_id": i, "category_id": list(categories).index(box[0]), "bbox": list(box[1:]), "iscrowd": 0}
        for i, picture in enumerate(pictures, 1)
        for box in picture.boxes
    ]
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in enumerate(categories)],
    }


def write_picture(folder: Path, picture: Picture) -> None:
    width, height = picture.size
    rng = np.random.default_rng(sum(picture.name.encode()))
    pixels = rng.integers(0, 256, (height, width) if picture.mode == "L" else (height, width, 3), np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / picture.name)


def sardet_tree(root: Path, train: Sequence[Picture], val: Sequence[Picture]) -> Path:
    """Writes SARDet-100K's layout and returns its root."""
    (root / "Annotations").mkdir(parents=True)
    for part, pictures in (("train", train), ("val", val)):
        (root / "JPEGImages" / part).mkdir(parents=True)
        for picture in pictures:
            write_picture(root / "JPEGImages" / part, picture)
        (root / "Annotations" / f"{part}.json").write_text(json.dumps(coco(pictures)))
    return root


def coco_folder(root: Path, files: dict[str, list[Picture]], categories: tuple[str, ...], images: str = "images") -> Path:
    """Writes annotation files and their images, and returns the folder."""
    for name, pictures in files.items():
        for picture in pictures:
            write_picture(root / images, picture)
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(coco(pictures, categories)))
    return root


def plain_tree(root: Path, train: int = 12, val: int = 6) -> Path:
    """A tree of `train` + `val` pictures whose boxes vary in class, place and number."""
    rng = np.random.default_rng(0)

    def picture(number: int) -> Picture:
        boxes = [
            (CATEGORIES[int(rng.integers(6))], float(rng.integers(0, 40)), float(rng.integers(0, 30)), 12.0, 10.0)
            for _ in range(int(rng.integers(0, 5)))
        ]
        return Picture(f"{number:07}.png", (64, 48), boxes=boxes)

    return sardet_tree(root, [picture(i) for i in range(train)], [picture(i) for i in range(train, train + val)])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def edit_json(path: Path, **changes: Any) -> None:
    """Replaces top-level keys of a JSON file; a callable gets the old value."""
    content = json.loads(path.read_text())
    for key, value in changes.items():
        content[key] = value(content.get(key)) if callable(value) else value
    path.write_text(json.dumps(content))
