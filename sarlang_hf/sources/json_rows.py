"""The lists of objects under the top-level keys of a JSON file, as a stream in bounded memory.

The file comes from outside. Beyond being JSON it must hold every list once, no key twice within a row, and nothing nested
deeper than `MAX_DEPTH`. Python's own parser would keep the last of two equal keys without a word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import ijson

from sarlang_hf.errors import SourceError
from sarlang_hf.sources.files import reading

MAX_DEPTH = 64
"""Lists and objects may be nested this deep; COCO needs 5."""

_Events = Iterator[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """One object of a list; the accessors check types and name the field when they are wrong."""

    path: Path
    key: str
    position: int
    fields: dict[str, Any]

    def error(self, problem: str, remedy: str = "mend this field", field: str = "") -> SourceError:
        place = f"{self.path}: {self.key}[{self.position}]" + (f".{field}" if field else "")
        return SourceError(problem, place=place, remedy=remedy)

    def integer(self, field: str) -> int:
        value = self.fields.get(field)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON does not tell 64 from 64.0, and some writers print every number with a point
        if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
            raise self.error(f"expected a whole number, found {value!r:.60}", field=field)
        return value

    def text(self, field: str) -> str:
        value = self.fields.get(field)
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"expected a text, found {value!r:.60}", field=field)
        # Ids and lists of files are made of these; a line break or half a surrogate pair would break them.
        if not value.isprintable() and any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in value.strip()):
            raise self.error(f"{value!r:.60} holds a control character", field=field)
        return value.strip()

    def file_name(self, field: str) -> str:
        name = self.text(field)
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            raise self.error(f"file name {name!r:.60} leaves the image folder", "use names relative to the image folder", field)
        if not path.name or name.endswith("/"):
            raise self.error(f"{name!r:.60} names a folder, not a file", field=field)
        return str(path)

    def box(self, field: str) -> tuple[float, float, float, float]:
        value = self.fields.get(field)
        numbers = value if isinstance(value, list) and len(value) == 4 else []
        if not numbers or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers):
            raise self.error(f"expected a box [x, y, width, height], found {value!r:.60}", field=field)
        x, y, w, h = (float(v) for v in numbers)
        return x, y, w, h


def read_rows(path: Path, *, required: Collection[str], optional: Collection[str] = ()) -> Iterator[Row]:
    """Streams the rows of some top-level lists in file order; everything else in the file is passed over.

    Args:
        path: the JSON file.
        required: keys that must be there.
        optional: keys that may be there.

    Raises:
        SourceError: the file cannot be read, is no JSON, or is cut short; a list is missing, twice there or no list; a row is
            no object or holds a key twice; something is nested too deep.
    """
    with reading(path), path.open("rb") as file:
        _skip_bom(file)
        try:
            yield from _lists(path, ijson.basic_parse(file, use_float=True), required, optional)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            problem = f"not a complete JSON file ({' '.join(str(error).split())[:160]})"
            remedy = "fetch the annotation file again: it is damaged or cut short"
            raise SourceError(problem, place=path, remedy=remedy) from error


def _skip_bom(file: BinaryIO) -> None:
    if file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)


def _lists(path: Path, events: _Events, required: Collection[str], optional: Collection[str]) -> Iterator[Row]:
    missing, remedy = set(required), f"give a file of one object with the lists {', '.join((*required, *optional))}"
    possible = missing | set(optional)
    if next(events)[0] != "start_map":
        raise SourceError("the file does not hold an object", place=path, remedy=remedy)
    for event, key in events:
        if event == "end_map":  # of the file; going on to the end shows what may stand behind it
            continue
        if key not in (*required, *optional):
            _pass_over(events, place=f"{path}: {key:.60}")
        elif key not in possible:
            raise SourceError(f"the key {key!r} is there twice", place=path, remedy="join the two lists or remove one")
        else:
            missing.discard(key)
            possible.discard(key)
            yield from _rows(path, key, events)
    if missing:
        raise SourceError(f"there is no list {' and no list '.join(sorted(missing))}", place=path, remedy=remedy)


def _rows(path: Path, key: str, events: _Events) -> Iterator[Row]:
    event, value = next(events)
    if event != "start_array":
        found = "an object" if event == "start_map" else f"{value!r:.60}"
        raise SourceError(f"expected a list, found {found}", place=f"{path}: {key}", remedy="mend this list")
    for position, (event, value) in enumerate(events):
        if event == "end_array":
            return
        place = f"{path}: {key}[{position}]"
        row = _value(events, event, value, depth=2, place=place)
        if not isinstance(row, dict):
            raise SourceError(f"expected an object, found {row!r:.60}", place=place, remedy="mend this row")
        yield Row(path, key, position, row)


def _value(events: _Events, event: str, value: Any, *, depth: int, place: str) -> Any:
    """The value that begins with an event; `depth` is the nesting around it."""
    if event == "start_map":
        return _object(events, depth=depth + 1, place=place)
    if event == "start_array":
        return _array(events, depth=depth + 1, place=place)
    return value


def _object(events: _Events, *, depth: int, place: str) -> dict[str, Any]:
    _check_depth(depth, place)
    fields: dict[str, Any] = {}
    for event, key in events:
        if event == "end_map":
            break
        if key in fields:
            raise SourceError(f"the key {key!r:.60} is there twice", place=place, remedy="remove one of the two")
        event, value = next(events)  # noqa: PLW2901 (a key is followed by its value)
        fields[key] = _value(events, event, value, depth=depth, place=place)
    return fields


def _array(events: _Events, *, depth: int, place: str) -> list[Any]:
    _check_depth(depth, place)
    items: list[Any] = []
    for event, value in events:
        if event == "end_array":
            break
        items.append(_value(events, event, value, depth=depth, place=place))
    return items


def _pass_over(events: _Events, *, place: str) -> None:
    """Consumes one value of the top level without keeping it."""
    depth = 1
    for event, _ in events:
        if event in {"start_map", "start_array"}:
            depth += 1
            _check_depth(depth, place)
        elif event in {"end_map", "end_array"}:
            depth -= 1
        if depth == 1:
            return


def _check_depth(depth: int, place: str) -> None:
    if depth > MAX_DEPTH:
        problem = f"lists and objects are nested more than {MAX_DEPTH} deep"
        raise SourceError(problem, place=place, remedy="this is no COCO annotation: remove it")
