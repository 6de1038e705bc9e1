"""The tree of the released SARLANG-1M files, with every spelling that has been seen in them.

    SARimages_preprocessed/SARimages/     <stem>.png of the paired sources; 0000001.jpg of SARDet (which users must add)
    SARimages_original/<stem>.tif         before preprocessing, in the values of its source
    RGBimages/<stem>.png                  the optical twin
    Text/caption/Caption-training.csv     complex and concise captions mixed; byte order mark, padded header
    Text/caption/Caption_test.csv         complex ones
    Text/caption/Caption_test1.csv        concise ones; another header
    Text/VQA/train/SARVQA1_train.json     SARDet's questions, as messages
    Text/VQA/train/SARVQA2_train.csv      the paired sources' questions; padded header
    Text/VQA/test/SARVQA1_test.{csv,json} the same questions twice
    Text/VQA/test/SARVQA2_test.csv        byte order mark

Images come from SARDet-100K, SpaceNet6, DFC2023 and OpenEarthMap-SAR in turn, under the names each has there. One paired
image in twelve is left over: no text names it. The preprocessed images are a smoothed and stretched stand-in.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sarlang_hf.imaging.simulate.annotations import csv_text, json_list
from sarlang_hf.imaging.simulate.clutter import Field
from sarlang_hf.imaging.simulate.dfc2023 import DFC2023_SENSOR
from sarlang_hf.imaging.simulate.encoding import geotiff, jpeg, png
from sarlang_hf.imaging.simulate.layout import Layout
from sarlang_hf.imaging.simulate.openearthmap_sar import OPENEARTHMAP_SENSOR
from sarlang_hf.imaging.simulate.released_texts import box_questions, complex_caption, concise_captions, general_questions
from sarlang_hf.imaging.simulate.render import render
from sarlang_hf.imaging.simulate.request import Request, Shot, TreeSplit
from sarlang_hf.imaging.simulate.scene import Scene
from sarlang_hf.imaging.simulate.sensor import Sensor
from sarlang_hf.imaging.simulate.spacenet6 import SPACENET6_SENSOR

_SENSORS: tuple[Sensor | None, ...] = (None, SPACENET6_SENSOR, DFC2023_SENSOR, OPENEARTHMAP_SENSOR)
"""In turn; None stands for SARDet."""

_LEFT_OVER = 16
_LOW, _HIGH = 2.0, 98.0
_IMAGES, _ORIGINALS, _TWINS = "SARimages_preprocessed/SARimages", "SARimages_original", "RGBimages"
_CAPTIONS, _QUESTIONS = "Text/caption", "Text/VQA"


def _sensor(shot: Shot) -> Sensor | None:
    return _SENSORS[shot.number % len(_SENSORS)]


def _name(request: Request, shot: Shot) -> str:
    sensor = _sensor(shot)
    return f"{sensor.released_name(request, shot)}.png" if sensor else f"{shot.number + 1:07d}.jpg"


def _files(request: Request, shot: Shot) -> tuple[str, ...]:
    name = _name(request, shot)
    image = f"{_IMAGES}/{name}"
    if _sensor(shot) is None:
        return (image,)
    return (image, f"{_ORIGINALS}/{name.removesuffix('.png')}.tif", f"{_TWINS}/{name}")


def _draw(request: Request, shot: Shot) -> Iterator[bytes]:
    sensor = _sensor(shot)
    if sensor is None:
        yield jpeg(render(*request.plan(shot)).sar)
        return
    seen, rng = sensor.view(request, shot)
    sar = sensor.sar(seen, shot, rng)
    yield png(_preprocessed(sensor.intensity(sar), np.atleast_3d(sar)[:, :, 0] > 0))
    yield geotiff(sar, sensor.grid(request, shot))
    yield png(seen.optical(rng))


def _preprocessed(power: Field, valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """A quick look, (H, W) uint8: smoothed, in decibels, stretched between percentiles to 1..255; 0 where there is no data."""
    level = 10 * np.log10(np.maximum(ndimage.uniform_filter(power, 3), np.float32(1e-9)))
    low, high = np.percentile(level[valid], (_LOW, _HIGH))
    image = np.clip(1 + 254 * (level - low) / (high - low), 1, 255)
    return np.where(valid, image, 0).astype(np.uint8)


def _paired(request: Request, split: TreeSplit) -> Iterator[tuple[Scene, str]]:
    """Scene and file name of every paired image that has texts."""
    for shot in request.shots(split):
        sensor = _sensor(shot)
        if sensor and shot.number % _LEFT_OVER != _LEFT_OVER - 1:
            yield sensor.scene(request, shot)[0], _name(request, shot)


def _complex(request: Request, split: TreeSplit) -> Iterator[tuple[str, str]]:
    for scene, name in _paired(request, split):
        yield name, complex_caption(scene)


def _concise(request: Request, split: TreeSplit) -> Iterator[tuple[str, str]]:
    for scene, name in _paired(request, split):
        for caption in concise_captions(scene):
            yield name, caption


def _general(request: Request, split: TreeSplit) -> Iterator[tuple[str, str, str]]:
    for scene, name in _paired(request, split):
        for question, answer in general_questions(scene):
            yield name, question, answer


def _from_boxes(request: Request, split: TreeSplit) -> Iterator[tuple[str, str, str]]:
    for shot in request.shots(split):
        if _sensor(shot) is None:
            name = _name(request, shot)
            for question, answer in box_questions(request.plan(shot)[0], shot, name, seed=request.seed):
                yield name, question, answer


def _messages(rows: Iterator[tuple[str, str, str]]) -> Iterator[dict[str, Any]]:
    for name, question, answer in rows:
        asked, answered = {"role": "user", "content": f"<image>{question}"}, {"role": "assistant", "content": answer}
        yield {"messages": [asked, answered], "images": [f"SARimages/{name}"]}


def _tables(request: Request) -> dict[str, Iterator[str]]:
    captions, padded = ("Image Name", "Caption"), ("Image Name ", " Question", " Answer ")
    mixed = chain(_complex(request, "train"), _concise(request, "train"))
    return {
        f"{_CAPTIONS}/Caption-training.csv": csv_text(("Image Name ", " Caption"), mixed, bom=True),
        f"{_CAPTIONS}/Caption_test.csv": csv_text(captions, _complex(request, "val")),
        f"{_CAPTIONS}/Caption_test1.csv": csv_text(("image", "caption"), _concise(request, "val")),
        f"{_QUESTIONS}/train/SARVQA1_train.json": json_list(_messages(_from_boxes(request, "train"))),
        f"{_QUESTIONS}/train/SARVQA2_train.csv": csv_text(padded, _general(request, "train")),
        f"{_QUESTIONS}/test/SARVQA1_test.csv": csv_text(padded, _from_boxes(request, "val")),
        f"{_QUESTIONS}/test/SARVQA1_test.json": json_list(_messages(_from_boxes(request, "val"))),
        f"{_QUESTIONS}/test/SARVQA2_test.csv": csv_text(("Image Name", "Question", "Answer"), _general(request, "val"), bom=True),
    }


RELEASED = Layout(
    folders=(_IMAGES, _ORIGINALS, _TWINS, _CAPTIONS, f"{_QUESTIONS}/train", f"{_QUESTIONS}/test"),
    files=_files,
    draw=_draw,
    tables=_tables,
)
