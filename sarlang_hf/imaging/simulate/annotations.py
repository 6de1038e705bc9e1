"""The COCO file of one split of a simulated tree, piece by piece.

Scenes are planned again rather than remembered: memory does not grow with the number of images.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sarlang_hf.imaging.simulate.request import Request, TreeSplit
from sarlang_hf.schema import CATEGORIES


def coco_text(request: Request, split: TreeSplit) -> Iterator[str]:
    """Text of `Annotations/<split>.json`: a record per line; image ids count from 1 within the split."""
    categories = [{"id": number, "name": name} for number, name in enumerate(CATEGORIES)]
    yield '{"images": ['
    yield from _lines(_images(request, split))
    yield '],\n"annotations": ['
    yield from _lines(_boxes(request, split))
    yield f'],\n"categories": {json.dumps(categories)}}}\n'


def _images(request: Request, split: TreeSplit) -> Iterator[dict[str, Any]]:
    for index in range(request.count(split)):
        name = request.file_name(split, index)
        yield {"id": index + 1, "file_name": name, "width": request.size, "height": request.size}


def _boxes(request: Request, split: TreeSplit) -> Iterator[dict[str, Any]]:
    number = 0
    for index in range(request.count(split)):
        scene, _ = request.plan(split, index)
        for thing in scene.objects:
            number += 1
            yield {
                "id": number,
                "image_id": index + 1,
                "bbox": list(thing.rect),
                "category_id": CATEGORIES.index(thing.category),
                "area": thing.rect[2] * thing.rect[3],
                "iscrowd": 0,
            }


def _lines(records: Iterator[dict[str, Any]]) -> Iterator[str]:
    for number, record in enumerate(records):
        yield ("\n" if number == 0 else ",\n") + json.dumps(record)
