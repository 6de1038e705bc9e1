"""The survey: one pass over all annotations before any pixel is read.

It checks every annotation, gives tiles without a split one, and leaves a small SQLite file from which each shard reads its own
tiles in id order, so that neither the build nor its workers hold the whole dataset in memory:

    OUT/.build/survey.sqlite
        tiles    image_id, input, split, draw, root, record, raw, tile (json)   one row per usable tile
        rejects  image_id, reason, problem, place, screened, texts              one row per tile that is left out already
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sarlang_hf.errors import ImageFault, OutputError, SourceError
from sarlang_hf.files import replacing
from sarlang_hf.schema import SPLITS, Box, Caption, Question, Radar, Split, Tile
from sarlang_hf.sources import Source

TRAIN_SHARE = (7, 10)
"""Tiles whose source has no partition of its own are split 7:3, rounded down to whole images within each source: that gives
the paper's 9,341 training images of 3,311 + 5,222 + 4,813 (section 4.1.1)."""

_TILE_DEFAULTS = {field.name: field.default for field in fields(Tile)}
_PATHS = {"path", "root", "optical", "original"}
_PARTS: dict[str, type[Box | Caption | Question]] = {"boxes": Box, "captions": Caption, "questions": Question}
_SCHEMA = """
CREATE TABLE tiles (
    image_id TEXT PRIMARY KEY, input TEXT, split TEXT, draw TEXT, root TEXT, record TEXT, raw INTEGER, tile TEXT
) WITHOUT ROWID;
CREATE TABLE rejects (image_id TEXT, reason TEXT, problem TEXT, place TEXT, screened INTEGER, texts INTEGER);
"""


@dataclass(frozen=True, slots=True)
class Reject:
    """A tile that was left out, and why; a `screened` one is sound but incomplete (see `ImageFault`)."""

    image_id: str
    reason: str
    problem: str
    place: str
    screened: bool = False
    texts: int = 0

    @classmethod
    def of(cls, fault: ImageFault) -> Reject:
        """The entry to file: places are relative to the source folder, wherever that lies today."""
        place = fault.place.removeprefix(f"{fault.root}/")
        return cls(fault.image_id, fault.reason, fault.problem, place, fault.screened, fault.texts)


def survey(
    path: Path,
    sources: Sequence[Source],
    *,
    seed: int,
    skip_faults: bool,
    limit: int | None,
    progress: Callable[[int], None],
) -> None:
    """Surveys the sources and writes the SQLite file.

    Args:
        path: the file to write.
        sources: what to read.
        seed: of the 7:3 split and of `limit`'s choice.
        skip_faults: whether an unusable annotation is recorded as a reject; otherwise it is raised. Screened tiles are always
            recorded.
        limit: keep at most this many tiles per source and split, chosen by hash.
        progress: called with the number of tiles seen so far.

    Raises:
        ImageFault: an annotation is unusable and `skip_faults` is off.
        SourceError: a source cannot be read, or two tiles share an id.
    """
    with replacing(path) as temporary, _database(temporary, shown=path) as db:
        db.executescript(_SCHEMA)
        seen = 0
        for source in sources:
            for item in source.tiles():
                if isinstance(item, Tile):
                    _insert(db, item, source.name, seed)
                elif skip_faults or item.screened:
                    db.execute("INSERT INTO rejects VALUES (?, ?, ?, ?, ?, ?)", tuple(asdict(Reject.of(item)).values()))
                else:
                    raise item
                seen += 1
                progress(seen)
        _split(db)
        if limit is not None:
            _limit(db, limit)
        db.execute("CREATE INDEX by_split ON tiles (split, image_id)")
        db.commit()


@dataclass(frozen=True, slots=True)
class Survey:
    """Read access to a finished survey."""

    path: Path

    def count(self, split: Split) -> int:
        with self._read() as db:
            return int(db.execute("SELECT count(*) FROM tiles WHERE split = ?", (split,)).fetchone()[0])

    def tiles(self, split: Split, first: int = 0, count: int = -1) -> Iterator[Tile]:
        """Tiles of a split in id order, `count` of them from position `first` (-1: all)."""
        query = "SELECT split, tile FROM tiles WHERE split = ? ORDER BY image_id LIMIT ? OFFSET ?"
        with self._read() as db:
            for _, text in db.execute(query, (split, count, first)):
                yield _tile_from_json(text, split)

    def all_tiles(self) -> Iterator[Tile]:
        for split in SPLITS:
            yield from self.tiles(split)

    def tile(self, image_id: str) -> Tile:
        """The tile with this id; there must be one."""
        with self._read() as db:
            split, text = db.execute("SELECT split, tile FROM tiles WHERE image_id = ?", (image_id,)).fetchone()
        return _tile_from_json(text, split)

    def has_radar(self) -> bool:
        """Whether any tile has raw radar pixels."""
        with self._read() as db:
            return bool(db.execute("SELECT EXISTS (SELECT 1 FROM tiles WHERE raw)").fetchone()[0])

    def require_sources(self) -> None:
        """Checks that the source folders still lie where they were surveyed.

        Raises:
            SourceError: one is gone.
        """
        with self._read() as db:
            roots = [root for (root,) in db.execute("SELECT DISTINCT root FROM tiles ORDER BY root")]
        for root in roots:
            if not Path(root).is_dir():
                remedy = f"put it back to continue the build, or remove {self.path.parent} to start over"
                raise SourceError("this source folder of an unfinished build is gone", place=root, remedy=remedy)

    def rejects(self) -> list[Reject]:
        with self._read() as db:
            rows = db.execute("SELECT * FROM rejects ORDER BY image_id, reason, place").fetchall()
        return [
            Reject(image, reason, problem, place, bool(screened), texts)
            for image, reason, problem, place, screened, texts in rows
        ]

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            yield db


def _insert(db: sqlite3.Connection, tile: Tile, input_name: str, seed: int) -> None:
    draw = hashlib.blake2b(f"{seed}\x1f{tile.image_id}".encode(), digest_size=16).hexdigest()
    raw = tile.radar is not None
    row = (tile.image_id, input_name, tile.split, draw, str(tile.root), tile.record, raw, _tile_to_json(tile))
    try:
        db.execute("INSERT INTO tiles VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    except sqlite3.IntegrityError as error:
        other, split = db.execute("SELECT record, split FROM tiles WHERE image_id = ?", (tile.image_id,)).fetchone()
        both = f"; it is in both {split} and {tile.split}" if split != tile.split else ""
        raise SourceError(
            f"image id {tile.image_id!r} (file {tile.path.name}) occurs twice{both}",
            place=tile.record,
            remedy=f"{other} has it already: rename or remove one of the two",
        ) from error


def _split(db: sqlite3.Connection) -> None:
    """Gives the tiles without a split one, 7:3 within each source, in the order of a seeded hash."""
    for (name,) in db.execute("SELECT DISTINCT input FROM tiles WHERE split IS NULL ORDER BY input").fetchall():
        total = db.execute("SELECT count(*) FROM tiles WHERE split IS NULL AND input = ?", (name,)).fetchone()[0]
        train = total * TRAIN_SHARE[0] // TRAIN_SHARE[1]
        unsplit = "SELECT image_id FROM tiles WHERE split IS NULL AND input = ? ORDER BY draw, image_id LIMIT ?"
        db.execute(f"UPDATE tiles SET split = 'train' WHERE image_id IN ({unsplit})", (name, train))  # noqa: S608 (constant)
        db.execute("UPDATE tiles SET split = 'test' WHERE split IS NULL AND input = ?", (name,))


def _limit(db: sqlite3.Connection, limit: int) -> None:
    ranked = "SELECT image_id, row_number() OVER (PARTITION BY input, split ORDER BY draw, image_id) AS rank FROM tiles"
    db.execute(f"DELETE FROM tiles WHERE image_id IN (SELECT image_id FROM ({ranked}) WHERE rank > ?)", (limit,))  # noqa: S608


@contextmanager
def _database(path: Path, *, shown: Path) -> Iterator[sqlite3.Connection]:
    """A connection for bulk writing. SQLite wraps the system's errors in its own; they become ours again here."""
    path.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA synchronous = OFF")  # an unfinished survey is thrown away anyway
            db.execute("PRAGMA journal_mode = OFF")
            yield db
    except sqlite3.OperationalError as error:
        raise OutputError(
            f"cannot write: {error}", place=shown, remedy="free disk space or raise its limits, then repeat"
        ) from error


def _tile_to_json(tile: Tile) -> str:
    """A tile as JSON, without the fields that have their default value: most have, and each tile is read twice."""
    given = {name: value for name, default in _TILE_DEFAULTS.items() if (value := getattr(tile, name)) != default}
    return json.dumps(given, default=_plain, ensure_ascii=False)


def _plain(value: Path | Box | Caption | Question | Radar) -> object:
    """What JSON does not know: paths as text, the parts of a tile as objects."""
    if isinstance(value, Path):
        return str(value)
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _tile_from_json(text: str, split: Split) -> Tile:
    content = json.loads(text)
    for name in _PATHS & content.keys():
        content[name] = Path(content[name])
    for name in _PARTS.keys() & content.keys():
        content[name] = tuple(_PARTS[name](**part) for part in content[name])
    if "radar" in content:
        content["radar"] = Radar(**content["radar"])
    return Tile(**{**content, "split": split})
