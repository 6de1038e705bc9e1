"""COCO detection JSON as a stream: images with their annotations, in bounded memory.

`images` and `annotations` are separate lists of one file, in any order. One pass over the file puts them into a private SQLite
database that lives in a temporary file (an empty name asks SQLite for one), where they are joined.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sarlang_hf.errors import SourceError
from sarlang_hf.sources.json_rows import Row, read_rows
from sarlang_hf.sources.segmentation import bounding_box, mask_size

_SCHEMA = """
CREATE TABLE images (id INTEGER PRIMARY KEY, position INTEGER, file_name TEXT UNIQUE, width INTEGER, height INTEGER);
CREATE TABLE annotations (image INTEGER, position INTEGER, category INTEGER, x REAL, y REAL, w REAL, h REAL, crowd INTEGER,
  mask_width INTEGER, mask_height INTEGER);
"""
_JOIN = """
SELECT i.position, i.id, i.file_name, i.width, i.height,
       a.position, a.category, a.x, a.y, a.w, a.h, a.crowd, a.mask_width, a.mask_height
FROM images AS i LEFT JOIN annotations AS a ON a.image = i.id ORDER BY i.file_name, a.position
"""
_ORPHAN = "SELECT position, image FROM annotations WHERE image NOT IN (SELECT id FROM images) ORDER BY 1"


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """One object: where it stands in `annotations`, its category id, box (x, y, w, h) and crowd flag.

    `problem` says why there is no box, which is then of no size, or why it is not to be believed; only with `outlines`.
    """

    record: str
    category_id: int
    bbox: tuple[float, float, float, float]
    crowd: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CocoImage:
    """One image: where it stands in `images`, its file name and size, and its annotations in file order."""

    record: str
    file_name: str
    width: int
    height: int
    annotations: tuple[CocoAnnotation, ...]


@dataclass(frozen=True, slots=True)
class CocoFile:
    """An annotation file that has been read: its category names by id, and its images."""

    path: Path
    categories: dict[int, str]
    _db: sqlite3.Connection

    def file_names(self, count: int) -> list[str]:
        """The file names of the first `count` images by name."""
        return [name for (name,) in self._db.execute("SELECT file_name FROM images ORDER BY file_name LIMIT ?", (count,))]

    def images(self) -> Iterator[CocoImage]:
        """Streams the images by file name, each with its annotations."""
        for _, rows in groupby(self._db.execute(_JOIN), key=lambda row: row[0]):
            yield _image(self.path, list(rows))


@contextmanager
def read_coco(path: Path, *, outlines: bool = False) -> Iterator[CocoFile]:
    """Reads an annotation file; what it yields can be used until the context ends.

    Args:
        path: the file.
        outlines: whether an annotation without a `bbox` that has an area gets the box of its `segmentation`. One that has
            neither, or a run-length code for an image of another size, is then the `problem` of its image, not of the file.

    Raises:
        SourceError: the file is no COCO JSON (see `read_rows`), a category id, image id or file name occurs twice, a file name
            leaves the image folder, an annotation names an image that is not listed, or the temporary folder is full.
    """
    try:
        with closing(sqlite3.connect("")) as db:
            db.executescript(_SCHEMA)
            yield CocoFile(path, _load(db, path, outlines), db)
    except sqlite3.OperationalError as error:
        remedy = "free space in the temporary folder, or name another one in SQLITE_TMPDIR"
        raise SourceError(f"no room to sort its annotations: {error}", place=path, remedy=remedy) from error


def read_categories(path: Path) -> dict[int, str]:
    """Category names by id; empty if the file lists none.

    Raises:
        SourceError: the file is no COCO JSON, or two categories share an id.
    """
    names: dict[int, str] = {}
    for row in _read(path):
        if row.key == "categories":
            _add_category(names, row)
    return names


def _read(path: Path) -> Iterator[Row]:
    return read_rows(path, required=("images", "annotations"), optional=("categories",))


def _load(db: sqlite3.Connection, path: Path, outlines: bool) -> dict[int, str]:
    """Fills the tables in one pass and returns the category names."""
    names: dict[int, str] = {}
    for row in _read(path):
        if row.key == "images":
            _add_image(db, row)
        elif row.key == "annotations":
            _add_annotation(db, row, outlines)
        else:
            _add_category(names, row)
    db.execute("CREATE INDEX by_image ON annotations (image)")
    if orphan := db.execute(_ORPHAN).fetchone():
        place, remedy = f"{path}: annotations[{orphan[0]}]", "list the image or remove the annotation"
        raise SourceError(f"image_id {orphan[1]} is not listed in images", place=place, remedy=remedy)
    return names


def _add_category(names: dict[int, str], row: Row) -> None:
    number = row.integer("id")
    if number in names:
        raise row.error(f"duplicate category id {number}", "give every category an id of its own")
    names[number] = row.text("name")


def _add_image(db: sqlite3.Connection, row: Row) -> None:
    name = row.file_name("file_name")
    values = (row.integer("id"), row.position, name, row.integer("width"), row.integer("height"))
    try:
        db.execute("INSERT INTO images VALUES (?, ?, ?, ?, ?)", values)
    except sqlite3.IntegrityError as error:
        twice = f"image id {values[0]}" if "images.id" in str(error) else f"file name {name!r}"
        first = db.execute("SELECT position FROM images WHERE id = ? OR file_name = ?", (values[0], name)).fetchone()[0]
        raise row.error(f"duplicate {twice}", f"images[{first}] has it already: remove one of the two") from error


def _add_annotation(db: sqlite3.Connection, row: Row, outlines: bool) -> None:
    crowd = int(row.fields.get("iscrowd") not in (None, 0, "0"))  # False is 0
    box: Sequence[float | None] = _box_or_outline(row) if outlines else row.box("bbox")
    mask = mask_size(row.fields.get("segmentation")) if outlines else None
    values = (row.integer("image_id"), row.position, row.integer("category_id"), *box, crowd, *(mask or (None, None)))
    db.execute("INSERT INTO annotations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def _box_or_outline(row: Row) -> Sequence[float | None]:
    """The box that is given, that of the outline where this has no area, and no numbers where there is neither."""
    try:
        given = row.box("bbox")
    except SourceError:
        return bounding_box(row.fields.get("segmentation")) or (None,) * 4
    return given if given[2] > 0 and given[3] > 0 else bounding_box(row.fields.get("segmentation")) or given


def _annotation(path: Path, columns: tuple[Any, ...], size: tuple[int, int]) -> CocoAnnotation:
    at, category, x, y, w, h, crowd, *mask = columns
    problem = ""
    if x is None:
        problem = "neither its box nor its outline can be read"
    elif mask[0] is not None and tuple(mask) != size:
        problem = f"its run-length code is for {mask[0]}x{mask[1]} pixels, the image has {size[0]}x{size[1]}"
    box = (0.0, 0.0, 0.0, 0.0) if x is None else (x, y, w, h)
    return CocoAnnotation(f"{path}: annotations[{at}]", category, box, bool(crowd), problem)


def _image(path: Path, rows: list[tuple[Any, ...]]) -> CocoImage:
    position, _, file_name, width, height = rows[0][:5]
    annotations = tuple(_annotation(path, row[5:], (width, height)) for row in rows if row[5] is not None)
    return CocoImage(f"{path}: images[{position}]", file_name, width, height, annotations)
