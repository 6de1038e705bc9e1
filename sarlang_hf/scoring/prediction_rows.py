"""Rows of files that come from outside: JSONL, or CSV with or without a header; UTF-8, with or without a byte order mark.

Whatever could lose or mix up an answer is an error that names file and line.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from sarlang_hf.errors import PredictionsError

MAX_BYTES = 1 << 30
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")

Row = tuple[int, Mapping[str, object]]
"""A line number and the fields of the row that ends there, by folded column name."""

Cells = tuple[int, list[str]]
"""A line number and the fields of the CSV row that ends there."""


class Pairs(list[tuple[str, object]]):
    """A JSON object before duplicate keys are lost; objects within a row stay in this form."""


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a .jsonl, .ndjson or .json file (one object a line), or of a .csv file with a header; at most 1 GiB.

    Raises:
        PredictionsError: naming file and line: unreadable, empty, too large, not UTF-8, broken JSON or CSV, a column twice.
    """
    if path.suffix.lower() in JSON_SUFFIXES:
        return _json_rows(path, _lines(path))
    return _named_rows(path)


def read_cells(path: Path) -> Iterator[Cells]:
    """The rows of a .csv file by position, blank lines left out.

    Raises:
        PredictionsError: as for `read_rows`.
    """
    if not path.exists():
        raise PredictionsError("cannot be read: no such file", place=path, remedy="name a readable file, or the folder of a run")
    if path.suffix.lower() != ".csv":
        problem = f"the name ends in {path.suffix!r}, neither .csv nor .jsonl"
        raise PredictionsError(problem, place=path, remedy="name a file of this ending, or the folder of a run with its verdicts")
    # The csv module caps a field at 128 KiB for the whole process; a long answer must not stop the scoring of a file.
    limit = csv.field_size_limit(MAX_BYTES)
    reader = csv.reader(_lines(path), strict=True)
    try:
        yield from ((reader.line_num, cells) for cells in reader if cells)
    except csv.Error as error:
        fail(path, reader.line_num, f"broken CSV: {error}", "write CSV with commas and double quotes")
    finally:
        csv.field_size_limit(limit)


def check_size(path: Path) -> None:
    """Refuses a file before it is read.

    Raises:
        PredictionsError: it cannot be read, is empty or larger than 1 GiB.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise PredictionsError(f"cannot be read: {error.strerror}", place=path, remedy="name a readable file") from error
    if size > MAX_BYTES:
        problem = f"is {size / 2**30:.1f} GiB large, more than {MAX_BYTES / 2**30:g} GiB"
        raise PredictionsError(problem, place=path, remedy="keep only the columns question_id and prediction")
    if size == 0:
        raise PredictionsError("is empty", place=path, remedy="write one row for each question")


def fail(path: Path, line: int, problem: str, remedy: str) -> NoReturn:
    """Raises a `PredictionsError` that names file and line."""
    raise PredictionsError(problem, place=f"{path}, line {line}", remedy=remedy)


def _lines(path: Path) -> Iterator[str]:
    check_size(path)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    fail(path, number, f"byte {error.object[error.start]:#04x} is not UTF-8", "save the file as UTF-8")
    except OSError as error:
        raise PredictionsError(f"cannot be read: {error.strerror}", place=path, remedy="name a readable file") from error


def _json_rows(path: Path, lines: Iterator[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            pairs = json.loads(line, object_pairs_hook=Pairs)
            if isinstance(pairs, Pairs):
                row = _folded([key for key, _ in pairs], [value for _, value in pairs])
            else:
                fail(path, number, f"holds {line.strip()!r:.80}, not a JSON object", "write one JSON object a line")
        except (ValueError, RecursionError) as error:
            fail(path, number, f"broken JSON: {error}", "write one JSON object a line")
        yield number, row


def _named_rows(path: Path) -> Iterator[Row]:
    rows = read_cells(path)
    _, header = next(rows, (0, []))
    for line, cells in rows:
        if len(cells) != len(header):
            problem = f"{len(cells)} fields under {len(header)} columns"
            fail(path, line, problem, "put answers that contain a comma in double quotes")
        try:
            yield line, _folded(header, cells)
        except ValueError as error:
            fail(path, line, f"broken CSV: {error}", "write CSV with commas and double quotes")


def _folded(names: Sequence[str], values: Sequence[object]) -> dict[str, object]:
    """Fields by column name, stripped and in lower case; ValueError if a name occurs twice."""
    folded = [name.strip().casefold() for name in names]
    twice = next((name for index, name in enumerate(folded) if name in folded[:index]), None)
    if twice is not None:
        raise ValueError(f"column {twice!r} occurs twice")
    return dict(zip(folded, values, strict=True))
