"""From a tile to the rows of the dataset folder. `sarlang build` and the builder script both go through here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sarlang_hf.errors import ImageFault
from sarlang_hf.imaging.decode import UndecodableError, decode, pixel_sha256
from sarlang_hf.schema import Caption, Question, Tile
from sarlang_hf.texts.boxes import questions
from sarlang_hf.texts.plan import QuestionPlan

UNPROCESSED = json.dumps({"band": None, "input_scale": None, "filter": None, "low": None, "high": None, "nodata_share": 0.0})
"""The `preprocessing` column of images that are passed on byte for byte."""

_QUESTION_COLUMNS = tuple(field.name for field in fields(Question))
_CAPTION_COLUMNS = tuple(field.name for field in fields(Caption))


@dataclass(frozen=True, slots=True)
class TileRecord:
    """A tile with its pixels read and its texts written: everything its rows hold."""

    tile: Tile
    image: bytes
    sha256: str
    preprocessing: str
    questions: tuple[Question, ...]
    captions: tuple[Caption, ...]
    question_drops: Counter[str]


def read_tile(tile: Tile, *, plan: QuestionPlan, seed: int) -> TileRecord:
    """Reads and checks a tile's image, and writes its texts.

    Raises:
        ImageFault: the image is absent, empty, truncated, too large, or not what the annotation says.
    """
    try:
        image = tile.path.read_bytes()
        pixels = decode(image, size=(tile.width, tile.height))
    except UndecodableError as error:
        raise _fault(tile, error.reason, f"image {_name(tile)} {error}") from error
    except OSError as error:
        raise _fault(tile, "unreadable", f"image {_name(tile)} cannot be read: {error.strerror}") from error
    asked, drops = questions(tile, plan=plan, seed=seed)
    return TileRecord(
        tile=tile,
        image=image,
        sha256=pixel_sha256(pixels),
        preprocessing=UNPROCESSED,
        questions=(*tile.questions, *asked),
        captions=tile.captions,
        question_drops=drops,
    )


def vqa_row(record: TileRecord) -> dict[str, Any]:
    objects = [{"bbox": list(box.bbox), "category": box.category} for box in record.tile.boxes]
    texts = [_columns(question, _QUESTION_COLUMNS) for question in record.questions]
    return {**_image_columns(record), "objects": objects, "questions": texts, **_metadata(record)}


def caption_row(record: TileRecord) -> dict[str, Any]:
    return {
        **_image_columns(record),
        "captions": [_columns(caption, _CAPTION_COLUMNS) for caption in record.captions],
        **_metadata(record),
    }


def question_rows(vqa: dict[str, Any], image_row: int) -> Sequence[dict[str, Any]]:
    """Rows of the `vqa_questions` config for one row of the `vqa` config at position `image_row` of its split."""
    shared = {name: vqa[name] for name in ("image_id", "source", "scene")} | {"image_row": image_row}
    return [{**question, **shared} for question in vqa["questions"]]


def _columns(text: Question | Caption, names: tuple[str, ...]) -> dict[str, Any]:
    """Like `dataclasses.asdict` without its deep copies, which took a tenth of a build's time."""
    return {name: getattr(text, name) for name in names}


def _image_columns(record: TileRecord) -> dict[str, Any]:
    tile = record.tile
    image = {"bytes": record.image, "path": tile.path.name}
    return {"image": image, "image_id": tile.image_id, "source": tile.source, "scene": tile.scene}


def _metadata(record: TileRecord) -> dict[str, Any]:
    tile = record.tile
    return {
        "width": tile.width,
        "height": tile.height,
        "file_name": tile.path.name,
        "place": tile.place,
        "country": tile.country,
        "lat": tile.lat,
        "lon": tile.lon,
        "polarization": tile.polarization,
        "gsd_m": tile.gsd_m,
        "sensor": tile.sensor,
        "preprocessing": record.preprocessing,
        "license": tile.license,
        "redistributable": tile.redistributable,
        "sha256": record.sha256,
    }


def _fault(tile: Tile, reason: str, problem: str) -> ImageFault:
    remedy = "restore the file, or leave such images out with --on-error skip"
    return ImageFault(problem, place=tile.record, remedy=remedy, reason=reason, image_id=tile.image_id, root=tile.root)


def _name(tile: Tile) -> str:
    """The image file as its source folder knows it."""
    return tile.path.relative_to(tile.root).as_posix() if tile.path.is_relative_to(tile.root) else tile.path.name
