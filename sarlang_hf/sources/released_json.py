"""The JSON form of the released texts: one record per text, in the `sharegpt` form with OpenAI's tags.

    [{"messages": [{"role": "user", "content": "<image>Where is the school located?"},
                   {"role": "assistant", "content": "top left"}],
      "images": ["SARimages/SV_Darwin_-12.4278_130.8688.png"]}, ...]

The user's words are the question; before a caption they are one of LLaVA's requests for a description and are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from sarlang_hf.errors import SourceError
from sarlang_hf.sources.files import reading
from sarlang_hf.sources.released_texts import TextPart, TextRow, checked_row

MAX_DEPTH = 16
"""Lists and objects of a record may be nested this deep; 4 are needed."""


def read_json(part: TextPart) -> Iterator[TextRow]:
    """Streams the rows of a JSON file.

    Raises:
        SourceError: the file cannot be read, or is no complete JSON list; a record has a key twice, or is not of the form above;
            it has no image name or a giant text.
    """
    for position, record in enumerate(_records(part.path)):
        image, asked, said = _turn(part, position, record)
        if part.kind == "question":
            yield checked_row(part, position, image, asked.replace("<image>", " "), said)
        else:
            yield checked_row(part, position, image, said, "")


def count_records(path: Path) -> int:
    """The number of records of a JSON file."""
    return sum(1 for _ in _records(path))


def _records(path: Path) -> Iterator[Any]:
    """The members of a JSON file's list."""
    position = 0
    with reading(path), path.open("rb") as file:
        _require_list(path, file)
        try:
            events = ijson.basic_parse(file, use_float=True)
            next(events)  # the list begins
            for position, (event, value) in enumerate(events):
                if event != "end_array":
                    yield _value(events, event, value, depth=1, place=f"{path}: [{position}]")
        except (ijson.JSONError, UnicodeDecodeError) as error:
            reason = str(error).strip().partition("\n")[0][:80]  # the parser draws an arrow below
            problem = f"not a complete JSON file ({reason})"
            remedy = "fetch the file again: it is damaged or cut short"
            raise SourceError(problem, place=f"{path}: [{position}]", remedy=remedy) from error


def _value(events: Iterator[tuple[str, Any]], event: str, value: Any, *, depth: int, place: str) -> Any:
    """The value that begins with an event. Python's own parser would keep the last of two equal keys without a word."""
    if depth > MAX_DEPTH:
        raise SourceError(f"is nested more than {MAX_DEPTH} deep", place=place, remedy="this is no record of texts: remove it")
    if event == "start_map":
        fields: dict[str, Any] = {}
        for kind, key in events:
            if kind == "end_map":
                break
            if key in fields:
                raise SourceError(f"the key {key!r:.60} is there twice", place=place, remedy="remove one of the two")
            fields[key] = _value(events, *next(events), depth=depth + 1, place=place)
        return fields
    if event == "start_array":
        return [_value(events, *one, depth=depth + 1, place=place) for one in iter(lambda: next(events), ("end_array", None))]
    return value


def _require_list(path: Path, file: BinaryIO) -> None:
    """Leaves the file at the beginning of its list."""
    start = len(b"\xef\xbb\xbf") if file.read(3) == b"\xef\xbb\xbf" else 0
    file.seek(start)
    if not file.read(4096).lstrip().startswith(b"["):
        raise SourceError("the file does not hold a list", place=path, remedy="give a list of records with messages and images")
    file.seek(start)


def _turn(part: TextPart, position: int, record: Any) -> tuple[str, str, str]:
    """Image name, user's and assistant's words of a record."""
    match record:
        case {
            "messages": [{"role": "user", "content": str(asked)}, {"role": "assistant", "content": str(said)}],
            "images": [str(image)],
        }:
            return image, asked, said
    problem = "expected a message of the user, one of the assistant and one image"
    raise SourceError(problem, place=part.place(position), remedy="mend this record, or use the CSV file")
