"""From a tile to the rows of the dataset folder. `sarlang build` and the builder script both go through here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sarlang_hf.packaging.pixels import PixelOptions, StoredImage, TileImages, read_images
from sarlang_hf.schema import Caption, Config, Question, Tile
from sarlang_hf.texts.boxes import questions
from sarlang_hf.texts.captions import CaptionTexts, captions_of
from sarlang_hf.texts.plan import QuestionPlan

_QUESTION_COLUMNS = tuple(field.name for field in fields(Question))
_CAPTION_COLUMNS = tuple(field.name for field in fields(Caption))


@dataclass(frozen=True, slots=True)
class TileRecord:
    """A tile with its images and its texts: everything its rows hold."""

    tile: Tile
    images: TileImages
    questions: tuple[Question, ...]
    captions: tuple[Caption, ...]
    question_drops: Counter[str]


def read_tile(tile: Tile, *, plan: QuestionPlan, seed: int, pixels: PixelOptions, captions: CaptionTexts = "none") -> TileRecord:
    """Reads and checks a tile's images, and writes its texts: the questions of `plan`, and what `captions` says.

    Raises:
        ImageFault: an image is absent, empty, truncated, too large, or not what the annotation says; or almost all nodata.
    """
    images = read_images(tile, pixels)
    asked, drops = questions(tile, plan=plan, seed=seed)
    return TileRecord(tile, images, (*tile.questions, *asked), captions_of(tile, captions, seed=seed), drops)


def image_rows(record: TileRecord) -> dict[Config, dict[str, Any]]:
    """The rows of a record by config; configs it has nothing for are absent."""
    rows: dict[Config, dict[str, Any]] = {"vqa": vqa_row(record)}
    if record.captions:
        rows["cap"] = caption_row(record)
    tile, raw, rgb = record.tile, record.images.raw, record.images.rgb
    if raw is not None:
        rows["raw"] = {**_image_columns(tile, raw), **_metadata(tile, raw)}
    if rgb is not None:
        rows["rgb"] = {**_image_columns(tile, rgb), **_metadata(tile, rgb), **_optical_metadata(tile)}
    return rows


def vqa_row(record: TileRecord) -> dict[str, Any]:
    objects = [{"bbox": list(box.bbox), "category": box.category} for box in record.tile.boxes]
    texts = [_columns(question, _QUESTION_COLUMNS) for question in record.questions]
    tile, image = record.tile, record.images.image
    return {**_image_columns(tile, image), "objects": objects, "questions": texts, **_metadata(tile, image)}


def caption_row(record: TileRecord) -> dict[str, Any]:
    texts = [_columns(caption, _CAPTION_COLUMNS) for caption in record.captions]
    tile, image = record.tile, record.images.image
    return {**_image_columns(tile, image), "captions": texts, **_metadata(tile, image)}


def question_rows(vqa: dict[str, Any], image_row: int) -> Sequence[dict[str, Any]]:
    """Rows of the `vqa_questions` config for one row of the `vqa` config at position `image_row` of its split."""
    shared = {name: vqa[name] for name in ("image_id", "source", "scene")} | {"image_row": image_row}
    return [{**question, **shared} for question in vqa["questions"]]


def _columns(text: Question | Caption, names: tuple[str, ...]) -> dict[str, Any]:
    """Like `dataclasses.asdict` without its deep copies, which took a tenth of a build's time."""
    return {name: getattr(text, name) for name in names}


def _image_columns(tile: Tile, image: StoredImage) -> dict[str, Any]:
    file = {"bytes": image.data, "path": image.name}
    return {"image": file, "image_id": tile.image_id, "source": tile.source, "scene": tile.scene}


def _optical_metadata(tile: Tile) -> dict[str, Any]:
    """What the optical twin does not share with its radar image."""
    return {
        "file_name": tile.optical.name if tile.optical else "",
        "polarization": "",
        "sensor": tile.optical_sensor,
        "license": tile.optical_license,
        "redistributable": tile.optical_redistributable,
    }


def _metadata(tile: Tile, image: StoredImage) -> dict[str, Any]:
    return {
        "width": image.width,
        "height": image.height,
        "file_name": tile.path.name,
        "place": tile.place,
        "country": tile.country,
        "lat": tile.lat,
        "lon": tile.lon,
        "polarization": tile.polarization,
        "gsd_m": tile.gsd_m,
        "sensor": tile.sensor,
        "preprocessing": image.preprocessing,
        "license": tile.license,
        "redistributable": tile.redistributable,
        "sha256": image.sha256,
    }
