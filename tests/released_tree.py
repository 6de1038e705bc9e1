"""Small trees in the forms in which SARLANG-1M's released files may lie on a disk."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

STRIP = "SN6_Train_AOI_11_Rotterdam_SAR-Intensity_20190822070610_20190822070846_tile_3721"
DARWIN = "SV_Darwin_-12.4278_130.8688"
NEW_YORK = "GF2_NewYork_40.7401_-73.9915"
NICE = "France_Alpes-Maritimes_Nice_3"
SARDET_TRAIN, SARDET_TEST = "0009787", "0000012"

AREA = "What is the object present in the area [56.0, 191.0, 112.0, 122.0]?"
SHOWN = "The image shows an industrial facility with multiple circular storage tanks and surrounding roads."
VIEW = "Aerial view of a large industrial area with a lot of tanks."
SEEN = "there is a large building with a parking lot, and trees"

Row = tuple[str, ...]
"""Image name, then caption, or question and answer."""


@dataclass(frozen=True)
class Texts:
    """Rows of one file: where it lies below the root, without extension, and what its columns are called."""

    name: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...] = ("Image Name", "Question", "Answer")


CAPTION = ("Image Name", "Caption")
CAPTIONS_TRAIN = Texts(
    "Text/caption/Caption-training", ((f"{STRIP}.png", SHOWN), (f"{STRIP}.png", VIEW), (f"{DARWIN}.png", SEEN)), CAPTION
)
COMPLEX_TEST = Texts("Text/caption/Caption_test", ((f"{NICE}.png", "A marina."), (f"{NEW_YORK}.png", SHOWN)), CAPTION)
CONCISE_TEST = Texts("Text/caption/Caption_test1", ((f"{NICE}.png", SHOWN),), CAPTION)
BOXES_TRAIN = Texts(
    "Text/VQA/train/SARVQA1_train",
    ((f"{SARDET_TRAIN}.jpg", AREA, "aircraft"), (f"{SARDET_TRAIN}.jpg", "How many tanks are there in the image?", "4")),
)
OTHERS_TRAIN = Texts("Text/VQA/train/SARVQA2_train", ((f"{DARWIN}.png", "Are there any surrounding trees?", "Yes."),))
BOXES_TEST = Texts(
    "Text/VQA/test/SARVQA1_test", ((f"{SARDET_TEST}.jpg", "Where are most harbors positioned within the image?", "bottom"),)
)
OTHERS_TEST = Texts("Text/VQA/test/SARVQA2_test", ((f"{NICE}.png", "What shape are the swimming pools?", "Rectangular."),))
TEXTS = (CAPTIONS_TRAIN, COMPLEX_TEST, CONCISE_TEST, BOXES_TRAIN, OTHERS_TRAIN, BOXES_TEST, OTHERS_TEST)

IMAGES = (f"{STRIP}.png", f"{DARWIN}.png", f"{NEW_YORK}.png", f"{NICE}.png", f"{SARDET_TRAIN}.jpg", f"{SARDET_TEST}.jpg")


@dataclass(frozen=True)
class Release:
    """What to write. `texts` and `images` are as released; the rest says how.

    Attributes:
        texts: the text files.
        images: file names in `image_folder`.
        image_folder: where the images lie.
        formats: extensions of each text file.
        bom: whether text files begin with a byte order mark.
    """

    texts: Sequence[Texts] = TEXTS
    images: Sequence[str] = IMAGES
    image_folder: str = "SARimages_preprocessed/SARimages"
    formats: Sequence[str] = (".csv",)
    bom: bool = False
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def write(self, root: Path) -> Path:
        for texts in self.texts:
            for extension in self.formats:
                content = csv_text(texts) if extension == ".csv" else json_text(texts)
                write_text(root / f"{texts.name}{extension}", ("\ufeff" if self.bom else "") + content)
        for name in self.images:
            write_image(root / self.image_folder / name, self.sizes.get(name, (32, 24)))
        return root


def with_rows(texts: Texts, *rows: Row) -> tuple[Texts, ...]:
    """All text files, with other rows in one of them."""
    return tuple(replace(one, rows=rows) if one.name == texts.name else one for one in TEXTS)


def renamed(**names: str) -> tuple[Texts, ...]:
    """All text files, some in another place: `renamed(Caption_test="Text/Caption/test/Caption_test")`."""
    return tuple(replace(one, name=names.get(Path(one.name).name.replace("-", "_"), one.name)) for one in TEXTS)


def csv_text(texts: Texts) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([texts.columns, *texts.rows])
    return buffer.getvalue()


def json_text(texts: Texts) -> str:
    request = "<image>Write a terse but informative summary of the picture."
    records = []
    for image, first, *answer in texts.rows:
        asked, said = (f"<image>{first}", answer[0]) if answer else (request, first)
        messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
        records.append({"messages": messages, "images": [f"SARimages/{image}"]})
    return json.dumps(records, ensure_ascii=False)


def write_text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", newline="")
    return path


def write_image(path: Path, size: tuple[int, int] = (32, 24)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(sum(path.stem.encode()))
    Image.fromarray(rng.integers(0, 256, (size[1], size[0]), np.uint8)).save(path)
    return path
