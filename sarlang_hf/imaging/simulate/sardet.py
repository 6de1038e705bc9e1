"""The official tree of SARDet-100K, with optical twins beside it.

Annotations/{train,val}.json              COCO: images, annotations, categories (ids 0..5 in SARDet's order)
JPEGImages/{train,val}/0000001.png ...    uint8, one channel; numbers are unique over both splits
Optical/{train,val}/0000001.png ...       the optical twins, uint8 RGB
simulated_captions.jsonl                  see captions.py
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sarlang_hf.imaging.simulate.annotations import coco_text
from sarlang_hf.imaging.simulate.captions import caption_table
from sarlang_hf.imaging.simulate.encoding import png
from sarlang_hf.imaging.simulate.layout import Layout
from sarlang_hf.imaging.simulate.render import render
from sarlang_hf.imaging.simulate.request import TREE_SPLITS, Request, Shot, TreeSplit
from sarlang_hf.schema import CATEGORIES


def _stem(shot: Shot) -> str:
    return f"{shot.number + 1:07d}"


def _name(shot: Shot) -> str:
    return f"{_stem(shot)}.png"


def _files(_: Request, shot: Shot) -> tuple[str, ...]:
    return (f"JPEGImages/{shot.split}/{_name(shot)}", f"Optical/{shot.split}/{_name(shot)}")


def _draw(request: Request, shot: Shot) -> Iterator[bytes]:
    rendered = render(*request.plan(shot))
    yield png(rendered.sar)
    yield png(rendered.optical)


def _tables(request: Request) -> dict[str, Iterator[str]]:
    categories = [{"id": number, "name": name} for number, name in enumerate(CATEGORIES)]
    annotations = {
        f"Annotations/{split}.json": coco_text(_images(request, split), _boxes(request, split), categories)
        for split in TREE_SPLITS
    }
    return annotations | caption_table(request, scene=lambda asked, shot: asked.plan(shot)[0], stem=_stem)


def _images(request: Request, split: TreeSplit) -> Iterator[dict[str, Any]]:
    for shot in request.shots(split):
        yield {"id": shot.index + 1, "file_name": _name(shot), "width": request.size, "height": request.size}


def _boxes(request: Request, split: TreeSplit) -> Iterator[dict[str, Any]]:
    number = 0
    for shot in request.shots(split):
        scene, _ = request.plan(shot)
        for thing in scene.objects:
            number += 1
            yield {
                "id": number,
                "image_id": shot.index + 1,
                "bbox": list(thing.rect),
                "category_id": CATEGORIES.index(thing.category),
                "area": thing.rect[2] * thing.rect[3],
                "iscrowd": 0,
            }


SARDET = Layout(
    folders=("Annotations", *(f"{kind}/{split}" for kind in ("JPEGImages", "Optical") for split in TREE_SPLITS)),
    files=_files,
    draw=_draw,
    tables=_tables,
)
