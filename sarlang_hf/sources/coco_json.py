"""COCO detection JSON as a stream: images with their annotations, in bounded memory.

`images` and `annotations` are separate lists of one file, in any order. They are parsed incrementally into a private SQLite
database that lives in a temporary file (an empty name asks SQLite for one), and joined there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import ijson

from sarlang_hf.errors import SourceError

_SCHEMA = """
CREATE TABLE images (id INTEGER PRIMARY KEY, position INTEGER, file_name TEXT UNIQUE, width INTEGER, height INTEGER);
CREATE TABLE annotations (image INTEGER, position INTEGER, category INTEGER, x REAL, y REAL, w REAL, h REAL, crowd INTEGER);
"""
_JOIN = """
SELECT i.position, i.id, i.file_name, i.width, i.height, a.position, a.category, a.x, a.y, a.w, a.h, a.crowd
FROM images AS i LEFT JOIN annotations AS a ON a.image = i.id ORDER BY i.file_name, a.position
"""


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """One object: where it stands in `annotations`, its category id, box (x, y, w, h) and crowd flag."""

    record: str
    category_id: int
    bbox: tuple[float, float, float, float]
    crowd: bool


@dataclass(frozen=True, slots=True)
class CocoImage:
    """One image: where it stands in `images`, its file name and size, and its annotations in file order."""

    record: str
    file_name: str
    width: int
    height: int
    annotations: tuple[CocoAnnotation, ...]


def read_categories(path: Path) -> dict[int, str]:
    """Category names by id.

    Raises:
        SourceError: the file is no COCO JSON, or two categories share an id.
    """
    names: dict[int, str] = {}
    for position, row in _items(path, "categories"):
        where = _Row(path, f"categories[{position}]", row)
        number = where.integer("id")
        if number in names:
            raise where.error(f"duplicate category id {number}", "give every category an id of its own")
        names[number] = where.text("name")
    return names


def read_images(path: Path) -> Iterator[CocoImage]:
    """Streams the images of a COCO file by file name, each with its annotations.

    Raises:
        SourceError: the JSON is cut short or malformed, an id or file name occurs twice, a file name leaves the image
            folder, or an annotation names an image that is not listed.
    """
    with closing(sqlite3.connect("")) as db:
        db.executescript(_SCHEMA)
        _load_images(db, path)
        _load_annotations(db, path)
        for _, rows in groupby(db.execute(_JOIN), key=lambda row: row[0]):
            yield _image(path, list(rows))


def _load_images(db: sqlite3.Connection, path: Path) -> None:
    for position, row in _items(path, "images"):
        where = _Row(path, f"images[{position}]", row)
        name = where.file_name("file_name")
        values = (where.integer("id"), position, name, where.integer("width"), where.integer("height"))
        try:
            db.execute("INSERT INTO images VALUES (?, ?, ?, ?, ?)", values)
        except sqlite3.IntegrityError as error:
            twice = f"image id {values[0]}" if "images.id" in str(error) else f"file name {name!r}"
            first = db.execute("SELECT position FROM images WHERE id = ? OR file_name = ?", (values[0], name)).fetchone()[0]
            remedy = f"images[{first}] has it already: remove one of the two"
            raise where.error(f"duplicate {twice}", remedy) from error


def _load_annotations(db: sqlite3.Connection, path: Path) -> None:
    for position, row in _items(path, "annotations"):
        where = _Row(path, f"annotations[{position}]", row)
        box = where.box("bbox")
        values = (where.integer("image_id"), position, where.integer("category_id"), *box, int(bool(row.get("iscrowd", 0))))
        db.execute("INSERT INTO annotations VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
    db.execute("CREATE INDEX by_image ON annotations (image)")
    orphan = db.execute(
        "SELECT position, image FROM annotations WHERE image NOT IN (SELECT id FROM images) ORDER BY 1"
    ).fetchone()
    if orphan:
        raise SourceError(
            f"image_id {orphan[1]} is not listed in images",
            place=f"{path}: annotations[{orphan[0]}]",
            remedy="list the image or remove the annotation",
        )


def _image(path: Path, rows: list[tuple[Any, ...]]) -> CocoImage:
    position, _, file_name, width, height = rows[0][:5]
    annotations = tuple(
        CocoAnnotation(f"{path}: annotations[{at}]", category, (x, y, w, h), bool(crowd))
        for *_, at, category, x, y, w, h, crowd in rows
        if at is not None
    )
    return CocoImage(f"{path}: images[{position}]", file_name, width, height, annotations)


def _items(path: Path, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(position, row) of the list under a top-level key; every row is an object."""
    try:
        with path.open("rb") as file:
            _skip_bom(file)
            for position, row in enumerate(ijson.items(file, f"{key}.item", use_float=True)):
                if not isinstance(row, dict):
                    raise SourceError(
                        f"expected an object, found {row!r:.60}", place=f"{path}: {key}[{position}]", remedy="mend this row"
                    )
                yield position, row
    except (ijson.JSONError, UnicodeDecodeError) as error:
        problem = f"not a complete JSON file ({' '.join(str(error).split())[:160]})"
        raise SourceError(problem, place=path, remedy="fetch the annotation file again: it is damaged or cut short") from error
    except FileNotFoundError as error:
        raise SourceError("annotation file is missing", place=path, remedy="check the folder's layout") from error


def _skip_bom(file: BinaryIO) -> None:
    if file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of outside JSON; the accessors check types and name the field when they are wrong."""

    path: Path
    record: str
    row: dict[str, Any]

    def error(self, problem: str, remedy: str, field: str = "") -> SourceError:
        place = f"{self.path}: {self.record}" + (f".{field}" if field else "")
        return SourceError(problem, place=place, remedy=remedy)

    def integer(self, field: str) -> int:
        value = self.row.get(field)
        if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
            raise self.error(f"expected a whole number, found {value!r:.60}", "mend this field", field)
        return value

    def text(self, field: str) -> str:
        value = self.row.get(field)
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"expected a text, found {value!r:.60}", "mend this field", field)
        return value.strip()

    def file_name(self, field: str) -> str:
        name = self.text(field)
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\x00" in name:
            raise self.error(f"file name {name!r} leaves the image folder", "use names relative to the image folder", field)
        return str(path)

    def box(self, field: str) -> tuple[float, float, float, float]:
        value = self.row.get(field)
        numbers = value if isinstance(value, list) and len(value) == 4 else []
        if not numbers or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers):
            raise self.error(f"expected a box [x, y, width, height], found {value!r:.60}", "mend this field", field)
        x, y, w, h = (float(v) for v in numbers)
        return x, y, w, h
