"""The captions that `sarlang simulate` leaves in its trees, beside the marker:

    simulated_captions.jsonl
        {"image": "0000001", "captions": [{"kind": "complex", "text": "The image shows ..."}, {"kind": "concise", ...}]}

`image` is the image's stem as its source names it (`track1/P_0000`). Real trees have no such file, and it is read only where the
marker says that the images are simulated. A tree of an earlier release lacks it and has no captions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from sarlang_hf.errors import ImageFault, SourceError
from sarlang_hf.schema import CAPTION_KINDS, Caption, CaptionKind, Tile, text_ids
from sarlang_hf.sources.files import is_file, reading

SIMULATED_CAPTIONS = "simulated_captions.jsonl"
_LONGEST_LINE = 1 << 16
_REMEDY = "run `sarlang simulate` with the same numbers on an empty folder, or remove this file to build without captions"

_Texts = list[tuple[str, CaptionKind]]


def captions_file(tree: Path | None) -> dict[str, Path]:
    """The file of a simulated tree, as an input of its source; nothing where the images are not simulated or there is none."""
    path = tree / SIMULATED_CAPTIONS if tree is not None else None
    return {SIMULATED_CAPTIONS: path} if path is not None and is_file(path) else {}


def with_captions(
    items: Iterator[Tile | ImageFault], tree: Path | None, *, source: str, root: Path
) -> Iterator[Tile | ImageFault]:
    """The tiles of a source, with their simulated captions.

    Nothing is remembered of images that come in the order of the file. A tile that is turned gets no captions: they say where
    things lie in the image as it was drawn. Captions of an image that the tree does not have come as a screened fault, unless
    the source is a part of the tree: then they may be another part's.

    Args:
        items: what the source yields.
        tree: the simulated tree's folder, None if the images are not simulated.
        source: the source's name.
        root: the source's folder.

    Raises:
        SourceError: the file is not one of the simulator's.
    """
    path = captions_file(tree).get(SIMULATED_CAPTIONS)
    if path is None:
        yield from items
        return
    with reading(path):
        file = path.open("rb")
    with file:
        passed: dict[str, _Texts] = {}
        faulty: set[str] = set()
        lines = _read(file, path)
        for item in items:
            if isinstance(item, ImageFault):
                faulty.add(item.image_id)
                yield item
            else:
                texts = _find(item.stem, lines, passed, path)
                yield item if item.turned else _captioned(item, texts)
        if tree == root:
            for stem, texts in (*passed.items(), *lines):
                if f"{source}/{stem}" not in faulty:
                    yield _imageless(f"{source}/{stem}", len(texts), path, root)


def _find(stem: str, lines: Iterator[tuple[str, _Texts]], passed: dict[str, _Texts], path: Path) -> _Texts:
    """The texts of an image; lines of other images that are read on the way are kept in `passed`."""
    if stem in passed:
        return passed.pop(stem)
    for found, texts in lines:
        if found == stem:
            return texts
        if found in passed:
            raise SourceError(f"image {found!r:.80} is named twice", place=path, remedy=_REMEDY)
        passed[found] = texts
    return []


def _imageless(image_id: str, texts: int, path: Path, root: Path) -> ImageFault:
    return ImageFault(
        f"{path.name} captions it, but there is no such image, or it is named there twice",
        place=path,
        remedy=_REMEDY,
        reason="missing_image",
        image_id=image_id,
        root=root,
        screened=True,
        texts=texts,
    )


def _captioned(tile: Tile, texts: _Texts) -> Tile:
    ids = text_ids(tile.image_id, texts)
    captions = (Caption(number, text, kind, "template") for number, (text, kind) in zip(ids, texts, strict=True))
    return replace(tile, captions=tuple(captions))


def _read(file: BinaryIO, path: Path) -> Iterator[tuple[str, _Texts]]:
    number = 0
    while True:
        with reading(path):
            line = file.readline(_LONGEST_LINE)
        if not line:
            return
        number += 1
        try:
            content = json.loads(line)  # a line that is too long is cut here, and so no JSON
            texts = [(_text(caption["text"]), _kind(caption["kind"])) for caption in content["captions"]]
            image = _text(content["image"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            problem = "is no line of the simulator's captions"
            raise SourceError(problem, place=f"{path}: line {number}", remedy=_REMEDY) from error
        yield image, texts


def _text(value: Any) -> str:
    if not (isinstance(value, str) and value.strip() and value.isprintable()):
        raise ValueError("not a text of printable characters")
    return value


def _kind(value: Any) -> CaptionKind:
    for kind in CAPTION_KINDS:
        if value == kind:
            return kind
    raise ValueError("not a kind of captions")
