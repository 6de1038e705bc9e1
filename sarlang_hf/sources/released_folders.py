"""Where the files of a released SARLANG-1M tree lie, whatever the spelling of its folders.

    SARimages_preprocessed/SARimages/, SARimages_preprocessed/, SARimages/    preprocessed images, png (or SARDet's own files)
    SARimages_original/                                                       the images before preprocessing, tif
    RGBimages/                                                                optical twins
    Text/, or its parts caption/ and VQA/, in any case, at any depth:
        Caption-training | Caption_train      captions of both kinds, train
        Caption_test, Caption_test1           complex and concise captions, test
        SARVQA1_train, SARVQA2_train, ...     questions of SARDet-100K (1) and of the other three sources (2)

Each text file is there as .csv, as .json, or as both. Of both, the CSV is read and the JSON must have as many rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sarlang_hf.errors import SourceError
from sarlang_hf.schema import Split
from sarlang_hf.sources.files import is_file, is_folder, reading
from sarlang_hf.sources.released_texts import PartKind, TextPart

Role = Literal["image", "original", "optical"]

_IMAGE_FOLDERS = ("SARimages_preprocessed/SARimages", "SARimages_preprocessed", "SARimages")
_ORIGINAL_FOLDERS = ("SARimages_original", "SARimages_original/SARimages", "SARimages_original/SARimages_original")
_OPTICAL_FOLDERS = ("RGBimages", "RGBimages/RGBimages")
_SARDET_FOLDERS = ("JPEGImages/train", "JPEGImages/val")
_TEXT_FOLDERS = {"text", "caption", "captions", "vqa"}

_FETCH = "or run `sarlang fetch-released` on this folder"

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
_RASTERS = (".tif", ".tiff")
_EXTENSIONS: dict[Role, tuple[str, ...]] = {"image": _PICTURES, "original": _RASTERS, "optical": _PICTURES + _RASTERS}

# The order is that in which an image's texts are read.
_PARTS: tuple[tuple[re.Pattern[str], PartKind, Split], ...] = (
    (re.compile(r"caption[-_ ]?train(?:ing)?"), "mixed", "train"),
    (re.compile(r"caption[-_ ]?test"), "complex", "test"),
    (re.compile(r"caption[-_ ]?test[-_ ]?1"), "concise", "test"),
    (re.compile(r"sarvqa1[-_ ]?train(?:ing)?"), "question", "train"),
    (re.compile(r"sarvqa2[-_ ]?train(?:ing)?"), "question", "train"),
    (re.compile(r"sarvqa1[-_ ]?test"), "question", "test"),
    (re.compile(r"sarvqa2[-_ ]?test"), "question", "test"),
)


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """A folder of images of one role; `lent` is one of SARDet-100K's own tree."""

    path: Path
    role: Role
    lent: bool = False

    def names(self) -> Iterator[str]:
        """The names of its files that have an extension of the role, in no order; hidden files are passed over.

        Raises:
            SourceError: the folder cannot be read, or a name cannot be part of an id.
        """
        extensions = _EXTENSIONS[self.role]
        with reading(self.path), os.scandir(self.path) as entries:
            for entry in entries:
                name = entry.name
                if not name.lower().endswith(extensions) or name.startswith(".") or not entry.is_file():
                    continue
                if not name.isprintable():
                    raise SourceError(f"file name {name!r} is not printable or no UTF-8", place=self.path, remedy="rename it")
                yield name


def image_folders(root: Path, sardet: Path | None) -> list[ImageFolder]:
    """The image folders that are there; of two images of one name, that of the folder named first is taken.

    A raster in a folder of preprocessed images is the original that users keep beside them.

    Raises:
        SourceError: no folder of SAR images, or `sardet` is no tree of SARDet-100K.
    """
    images = _existing(root, _IMAGE_FOLDERS)
    lent = _existing(sardet, _SARDET_FOLDERS) if sardet else []
    if sardet and not lent:
        remedy = f"give the folder that holds {' and '.join(_SARDET_FOLDERS)}"
        raise SourceError("no images of SARDet-100K here", place=sardet, remedy=remedy)
    if not images and not lent:
        remedy = f"give the folder that holds {_IMAGE_FOLDERS[0]}/ (or {_IMAGE_FOLDERS[-1]}/) and Text/, {_FETCH}"
        raise SourceError("no folder of released SAR images", place=root, remedy=remedy)
    originals = [*_existing(root, _ORIGINAL_FOLDERS), *images]
    return [
        *(ImageFolder(path, "image") for path in images),
        *(ImageFolder(path, "image", lent=True) for path in lent),
        *(ImageFolder(path, "original") for path in originals),
        *(ImageFolder(path, "optical") for path in _existing(root, _OPTICAL_FOLDERS)),
    ]


def _existing(root: Path, names: Sequence[str]) -> list[Path]:
    return [root / name for name in names if is_folder(root / name)]


@dataclass(frozen=True, slots=True)
class TextFiles:
    """The text files of a tree: those to read, in reading order, and tables of other names that are left alone."""

    parts: tuple[TextPart, ...]
    unknown: tuple[Path, ...]


def text_files(root: Path) -> TextFiles:
    """Finds the text files.

    Raises:
        SourceError: there is none, or one is there twice in the same format.
    """
    paths = sorted(path for folder in _text_folders(root) for path in _tables(folder))
    found = [[path for path in paths if name.fullmatch(path.stem.lower())] for name, _, _ in _PARTS]
    parts = [_part(paths_of, kind, split) for paths_of, (_, kind, split) in zip(found, _PARTS, strict=True) if paths_of]
    if not parts:
        packed = is_file(root / "Text.zip")
        remedy = "unpack Text.zip here" if packed else "give the folder that holds Text/ with caption/ and VQA/"
        raise SourceError("no text files of SARLANG-1M", place=root, remedy=f"{remedy}, {_FETCH}")
    known = {path for paths_of in found for path in paths_of}
    return TextFiles(tuple(parts), tuple(path for path in paths if path not in known))


def _text_folders(root: Path) -> list[Path]:
    with reading(root):
        names = sorted(os.listdir(root))  # noqa: PTH208 (names suffice)
    return [root / name for name in names if name.lower() in _TEXT_FOLDERS and is_folder(root / name)]


def _tables(top: Path) -> Iterator[Path]:
    """The CSV and JSON files below a folder; hidden ones, and what a Mac adds to an archive (`__MACOSX`), are passed over."""
    with reading(top):
        for folder, folders, names in os.walk(top, onerror=_refuse):
            folders[:] = [name for name in folders if not name.startswith((".", "__"))]
            wanted = (name for name in names if name.lower().endswith((".csv", ".json")) and not name.startswith("."))
            yield from (Path(folder) / name for name in wanted)


def _refuse(error: OSError) -> None:
    """`os.walk` would pass over a folder that cannot be read without a word."""
    raise error


def _part(paths: Sequence[Path], kind: PartKind, split: Split) -> TextPart:
    by_format = {path.suffix.lower(): path for path in paths}
    if len(by_format) < len(paths):
        first, second = next((a, b) for a in paths for b in paths if a < b and a.suffix.lower() == b.suffix.lower())
        raise SourceError("this text file is there twice", place=second, remedy=f"keep one of it and {first}")
    csv_file = by_format.get(".csv")
    part = TextPart(csv_file or by_format[".json"], kind, split)
    return replace(part, twin=by_format.get(".json")) if csv_file else part
