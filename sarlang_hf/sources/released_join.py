"""Texts and image files of a released tree, joined image by image in bounded memory.

The 1.1 million texts stand in seven files in any order, the 118,331 images in several folders. All of them pass through a
private SQLite database in a temporary file (an empty name asks SQLite for one), which sorts and joins them by stem.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from sarlang_hf.errors import SourceError
from sarlang_hf.schema import Split
from sarlang_hf.sources.released_csv import read_csv
from sarlang_hf.sources.released_folders import ImageFolder, Role
from sarlang_hf.sources.released_json import count_records, read_json
from sarlang_hf.sources.released_stems import stem_of
from sarlang_hf.sources.released_texts import PartKind, RepeatedHeader, TextPart

_SCHEMA = """
CREATE TABLE texts (stem TEXT, part INTEGER, position INTEGER, image TEXT, text TEXT, answer TEXT, problem TEXT);
CREATE TABLE files (stem TEXT, folder INTEGER, name TEXT);
"""
_INDEXES = """
CREATE INDEX texts_by_stem ON texts (stem, part, position);
CREATE INDEX files_by_stem ON files (stem, folder, name);
"""
_TEXTS = "SELECT stem, part, position, image, text, answer, problem FROM texts ORDER BY stem, part, position"
_FILES = "SELECT folder, name FROM files WHERE stem = ? ORDER BY folder, name"
_NAMED = "SELECT DISTINCT stem FROM texts ORDER BY stem"
_UNNAMED = "SELECT stem, folder, name FROM files WHERE stem NOT IN (SELECT stem FROM texts) ORDER BY stem, folder, name"


@dataclass(frozen=True, slots=True)
class Text:
    """One text of an image, and what its file holds."""

    kind: PartKind
    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class NamedImage:
    """An image that texts name.

    Attributes:
        stem: of its name.
        names: the image names as the texts write them, without folders.
        split: of the texts.
        record: where the first text stands.
        texts: in the order of the parts and rows; empty if `problem` is set.
        problem: what is wrong with the first bad text, and where that stands.
        files: the files with this stem, in the order of their folders.
    """

    stem: str
    names: frozenset[str]
    split: Split
    record: str
    count: int
    texts: tuple[Text, ...]
    problem: tuple[str, str] | None
    files: tuple[tuple[ImageFolder, str], ...]

    def of_role(self, role: Role) -> list[Path]:
        """The files of a role, all from the first folder that has one."""
        found = [(folder, name) for folder, name in self.files if folder.role == role]
        return [folder.path / name for folder, name in found if folder == found[0][0]]


@dataclass(frozen=True, slots=True)
class Joined:
    """Read access to what was joined. `repeated_headers` are places."""

    parts: tuple[TextPart, ...]
    folders: tuple[ImageFolder, ...]
    repeated_headers: list[str]
    _db: sqlite3.Connection

    def named(self) -> Iterator[tuple[str, bool]]:
        """Every stem that texts name, and whether there is an image file for it."""
        for (stem,) in self._db.execute(_NAMED):
            yield stem, any(folder.role == "image" for folder, _ in self._files(stem))

    def images(self) -> Iterator[NamedImage]:
        """Streams the images that texts name, by stem.

        Raises:
            SourceError: texts of both splits name an image.
        """
        for stem, rows in groupby(self._db.execute(_TEXTS), key=lambda row: str(row[0])):
            yield self._image(stem, list(rows))

    def left_over(self) -> Iterator[tuple[str, Path]]:
        """The released images that no text names: stem and file, by stem, each stem once."""
        rows = ((stem, self.folders[folder], name) for stem, folder, name in self._db.execute(_UNNAMED))
        own = (row for row in rows if row[1].role == "image" and not row[1].lent)
        for stem, same in groupby(own, key=lambda row: row[0]):
            _, folder, name = next(same)
            yield stem, folder.path / name

    def _files(self, stem: str) -> tuple[tuple[ImageFolder, str], ...]:
        return tuple((self.folders[folder], name) for folder, name in self._db.execute(_FILES, (stem,)))

    def _image(self, stem: str, rows: Sequence[tuple[Any, ...]]) -> NamedImage:
        places = {self.parts[part].split: self.parts[part].place(at) for _, part, at, *_ in reversed(rows)}
        if len(places) > 1:
            problem = f"image {stem!r} is named in both parts: in {places['train']} and in {places['test']}"
            raise SourceError(problem, place=places["test"], remedy="an image must be in one part: remove it from the other")
        first = self.parts[rows[0][1]]
        bad = next(((problem, self.parts[part].place(at)) for _, part, at, *_, problem in rows if problem), None)
        texts = (Text(self.parts[part].kind, text, answer) for _, part, _, _, text, answer, _ in rows)
        return NamedImage(
            stem=stem,
            names=frozenset(row[3].replace("\\", "/").rpartition("/")[2] for row in rows),
            split=first.split,
            record=first.place(rows[0][2]),
            count=len(rows),
            texts=() if bad else tuple(texts),
            problem=bad,
            files=self._files(stem),
        )


@contextmanager
def joined(parts: Sequence[TextPart], folders: Sequence[ImageFolder]) -> Iterator[Joined]:
    """Reads all text files and lists all image folders; what it yields can be used until the context ends.

    Raises:
        SourceError: a file cannot be read (see `read_csv` and `read_json`), the two formats of a text file have different
            numbers of rows, or the temporary folder is full.
    """
    try:
        with closing(sqlite3.connect("")) as db:
            db.executescript(_SCHEMA)
            repeated = [place for number, part in enumerate(parts) for place in _load_texts(db, number, part)]
            for number, folder in enumerate(folders):
                rows = ((stem_of(name), number, name) for name in folder.names())
                db.executemany("INSERT INTO files VALUES (?, ?, ?)", rows)
            db.executescript(_INDEXES)
            yield Joined(tuple(parts), tuple(folders), repeated, db)
    except sqlite3.OperationalError as error:
        remedy = "free space in the temporary folder, or name another one in SQLITE_TMPDIR"
        raise SourceError(f"no room to sort the texts: {error}", place=parts[0].path, remedy=remedy) from error


@dataclass(slots=True)
class _Loading:
    """Rows on their way into the database, and what was met on the way."""

    number: int
    part: TextPart
    texts: int = 0
    repeated: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        for row in read_json(self.part) if self.part.is_json else read_csv(self.part):
            if isinstance(row, RepeatedHeader):
                self.repeated.append(self.part.place(row.position))
                continue
            self.texts += 1
            yield stem_of(row.image), self.number, row.position, row.image, row.text, row.answer, row.problem


def _load_texts(db: sqlite3.Connection, number: int, part: TextPart) -> list[str]:
    """Loads one part, holds it to its twin, and returns the places of repeated headers."""
    loading = _Loading(number, part)
    db.executemany("INSERT INTO texts VALUES (?, ?, ?, ?, ?, ?, ?)", loading.rows())
    if part.twin and (records := count_records(part.twin)) != loading.texts:
        problem = f"has {loading.texts} texts, but {part.twin.name} beside it has {records}"
        remedy = f"fetch both again, or move {part.twin} away to build from this file alone"
        raise SourceError(problem, place=part.path, remedy=remedy)
    return loading.repeated
