"""The vocabulary: tiles, boxes, captions, questions, their ids, and the columns of the dataset folder.

One image of the `vqa` config, as `datasets` hands it out:

    {"image": <PIL image>, "image_id": "sardet100k/0009787", "source": "sardet100k", "scene": "",
     "objects": [{"bbox": [56.0, 191.0, 112.0, 122.0], "category": "aircraft"}],
     "questions": [{"question_id": "3f0c2a9be1d45a77", "question": "How many aircraft are there in the image?",
                    "answer": "1", "type": "instance_counting", "application": "instance_counting", "topic": "",
                    "template": "counting/there-are", "origin": "template"}],
     "width": 512, "height": 512, "file_name": "0009787.jpg", ..., "sha256": "..."}
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import datasets

FORMAT_VERSION = "1.0"
"""Version of the dataset folder; readers refuse another major version."""

SourceName = Literal["sardet100k", "coco", "spacenet6", "dfc2023", "openearthmap_sar", "paired"]
Split = Literal["train", "test"]
DatasetKind = Literal["simulated", "official", "rebuilt", "custom"]
Config = Literal["vqa", "cap", "vqa_questions", "raw", "rgb"]
QuestionType = Literal[
    "object_identification",
    "object_classification",
    "instance_counting",
    "object_positioning",
    "region_referring",
    "general_inquiry",
]
Application = Literal[
    "image_description",
    "object_identification",
    "object_classification",
    "instance_counting",
    "region_referring",
    "object_positioning",
    "others",
]
Topic = Literal["", "shape", "direction", "land_cover", "pattern", "reasoning"]
Origin = Literal["template", "gpt-4o", "blip", "coca", "human", "released"]
CaptionKind = Literal["complex", "concise"]
Position = Literal["left", "right", "top", "bottom", "center"]
Polarization = Literal["HH", "HV", "VH", "VV"]
ZeroMeaning = Literal["nodata", "border", "data"]
BandOrigin = Literal["described", "order", "only", "first"]

SOURCE_NAMES: tuple[SourceName, ...] = get_args(SourceName)
SPLITS: tuple[Split, ...] = get_args(Split)
DATASET_KINDS: tuple[DatasetKind, ...] = get_args(DatasetKind)
CONFIGS: tuple[Config, ...] = get_args(Config)
QUESTION_TYPES: tuple[QuestionType, ...] = get_args(QuestionType)
APPLICATIONS: tuple[Application, ...] = get_args(Application)
TOPICS: tuple[Topic, ...] = get_args(Topic)
ORIGINS: tuple[Origin, ...] = get_args(Origin)
CAPTION_KINDS: tuple[CaptionKind, ...] = get_args(CaptionKind)
POSITIONS: tuple[Position, ...] = get_args(Position)
POLARIZATIONS: tuple[Polarization, ...] = get_args(Polarization)

CATEGORIES = ("ship", "aircraft", "car", "tank", "bridge", "harbor")
"""The six classes of SARDet-100K, in its own order. `tank` is an oil storage tank, not a vehicle."""

APPLICATION_OF_TYPE: dict[QuestionType, Application] = {
    "object_identification": "object_identification",
    "object_classification": "object_classification",
    "instance_counting": "instance_counting",
    "object_positioning": "object_positioning",
    "region_referring": "region_referring",
    "general_inquiry": "others",
}


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned object box: upper-left corner, width and height in pixels, and the object's category."""

    x: float
    y: float
    width: float
    height: float
    category: str

    @property
    def bbox(self) -> tuple[float, float, float, float]:
        return (self.x, self.y, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Question:
    """One question of one image with its reference answer.

    `template` is the id of the wording in `texts.corpus` (empty for texts that no template of ours wrote); `topic` is set
    for general inquiries only.
    """

    question_id: str
    question: str
    answer: str
    type: QuestionType
    application: Application
    topic: Topic
    template: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Caption:
    """One reference caption of one image."""

    caption_id: str
    text: str
    kind: CaptionKind
    origin: Origin


@dataclass(frozen=True, slots=True)
class Radar:
    """How the pixels of a raw radar raster are to be read. Images that are passed on byte for byte have none.

    Attributes:
        band: number of the chosen band in the file, from 1.
        band_origin: how the band was found: its description in the file names the polarization, it stands there by
            `--pol-order`, it is the file's only band, or the first of several that nothing tells apart.
        input_scale: what a pixel value means: `intensity`, `amplitude`, `db` or `db+60` (decibels plus 60).
        zero: whether 0 is nodata everywhere, nodata only in areas that touch the border, or data like any other value.
    """

    band: int
    band_origin: BandOrigin
    input_scale: str
    zero: ZeroMeaning


@dataclass(frozen=True, slots=True)
class Tile:
    """One image as a source describes it, before its pixels are read.

    Attributes:
        source: which source it comes from: one of `SOURCE_NAMES`, or the name under which a third party registered its own.
        stem: name within the source, unique there, without the file extension; may hold slashes (`track1/P_0000`).
        split: the part it belongs to by the source's own partition; None leaves it to the build's 7:3 split.
        path: the image file.
        root: the source folder.
        record: where its annotation stands, for error messages (`/data/SARDet_100K/Annotations/val.json: images[3]`).
        width, height: size in pixels as annotated; the pixels must agree.
        boxes: object boxes inside the image, in annotation order.
        clipped_boxes: how many of them stuck out of the image by at most a pixel and were clipped.
        license: SPDX id or name of the terms the pixels come under.
        redistributable: whether those terms let us pass the image on.
        radar: how to read the raw radar raster, which is `original` if there is one, else `path`. None: there is no raster,
            and `path` is passed on byte for byte.
        boxes_complete: whether the boxes name every object of the categories, so that questions can be asked from them.
        optical: the optical twin, where there is one.
        optical_license, optical_redistributable, optical_sensor: the twin's own terms and sensor.
        original: the image before preprocessing, where `path` is preprocessed already and passed on byte for byte.
        turned: whether image, original and twin are to be turned by 180 degrees; the boxes are turned already.
        scene: the acquisition (strip, product); empty where unknown.
        place, country: city or region; empty where unknown.
        lat, lon: degrees, WGS 84.
        polarization: `HH`, `VV`, ...; empty where unknown.
        gsd_m: ground sample distance in metres.
        captions, questions: texts that the source already carries.
    """

    source: str
    stem: str
    split: Split | None
    path: Path
    root: Path
    record: str
    width: int
    height: int
    boxes: tuple[Box, ...]
    license: str
    redistributable: bool
    clipped_boxes: int = 0
    radar: Radar | None = None
    boxes_complete: bool = True
    optical: Path | None = None
    optical_license: str = ""
    optical_redistributable: bool = False
    optical_sensor: str = ""
    original: Path | None = None
    turned: bool = False
    scene: str = ""
    place: str = ""
    country: str = ""
    lat: float | None = None
    lon: float | None = None
    polarization: str = ""
    gsd_m: float | None = None
    sensor: str = ""
    captions: tuple[Caption, ...] = ()
    questions: tuple[Question, ...] = ()

    @property
    def image_id(self) -> str:
        return f"{self.source}/{self.stem}"


def text_ids(image_id: str, texts: Sequence[tuple[str, str]]) -> list[str]:
    """Ids of an image's questions or captions, 16 hexadecimal digits each.

    Args:
        image_id: the image they belong to.
        texts: (question, answer) or (caption, kind) pairs. The second member orders equal texts, so that the ids do not
            depend on the order of the input.

    Returns:
        One id per pair, in input order: blake2b-64 of image id, stripped NFC text and the rank among equal texts.
    """
    normal = [text.strip() if text.isascii() else unicodedata.normalize("NFC", text).strip() for text, _ in texts]
    ranks = [0] * len(texts)
    if len(set(normal)) < len(normal):
        seen: dict[str, int] = {}
        for index in sorted(range(len(texts)), key=lambda i: (normal[i], texts[i][1], i)):
            ranks[index] = seen.get(normal[index], 0)
            seen[normal[index]] = ranks[index] + 1
    keys = (f"{image_id}\x1f{text}\x1f{rank}" for text, rank in zip(normal, ranks, strict=True))
    return [hashlib.blake2b(key.encode(), digest_size=8).hexdigest() for key in keys]


def features(config: Config) -> datasets.Features:
    """Columns of one config of the dataset folder, as `datasets` declares them."""
    import datasets as ds

    text = ds.Value("string")
    key = {"image_id": text, "source": text, "scene": text}
    question = {
        "question_id": text,
        "question": text,
        "answer": text,
        "type": text,
        "application": text,
        "topic": text,
        "template": text,
        "origin": text,
    }
    caption = {"caption_id": text, "text": text, "kind": text, "origin": text}
    box = {"bbox": ds.List(ds.Value("float64"), length=4), "category": text}
    metadata = {
        "width": ds.Value("int32"),
        "height": ds.Value("int32"),
        "file_name": text,
        "place": text,
        "country": text,
        "lat": ds.Value("float64"),
        "lon": ds.Value("float64"),
        "polarization": text,
        "gsd_m": ds.Value("float64"),
        "sensor": text,
        "preprocessing": text,
        "license": text,
        "redistributable": ds.Value("bool"),
        "sha256": text,
    }
    image = {"image": ds.Image()}
    columns: dict[Config, dict[str, object]] = {
        "vqa": {**image, **key, "objects": ds.List(box), "questions": ds.List(question), **metadata},
        "cap": {**image, **key, "captions": ds.List(caption), **metadata},
        "vqa_questions": {
            "question_id": text,
            "image_id": text,
            "image_row": ds.Value("int64"),
            "source": text,
            "scene": text,
            **{name: kind for name, kind in question.items() if name != "question_id"},
        },
        "raw": {**image, **key, **metadata},
        "rgb": {**image, **key, **metadata},
    }
    return ds.Features(columns[config])
