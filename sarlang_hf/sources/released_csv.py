"""The CSV form of the released texts.

    Image Name,Question,Answer
    SV_Darwin_-12.4278_130.8688.png,Where is the school located?,top left

Tolerated: a byte order mark before any row (joining files leaves it there), spaces around column names, `Image Name` in any case
or as `image` or `image_name`, more columns, folders in front of an image name.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from sarlang_hf.errors import SourceError
from sarlang_hf.sources.files import reading
from sarlang_hf.sources.released_texts import RepeatedHeader, TextPart, TextRow, checked_row

MAX_LINE = 1 << 20
"""Bytes of a line; the longest captions have a few hundred."""

_COLUMNS = {"image": ("image name", "image"), "caption": ("caption",), "question": ("question",), "answer": ("answer",)}
_BOM = "\ufeff"


def read_csv(part: TextPart) -> Iterator[TextRow | RepeatedHeader]:
    """Streams the rows of a CSV file.

    Raises:
        SourceError: the file cannot be read, is empty, not UTF-8 or no complete CSV; a column is missing or there twice; a row
            has too few or too many cells, no image name or a giant text; a line is longer than `MAX_LINE` or holds a NUL byte.
    """
    header: list[str] = []
    for line, cells in _records(part.path):
        names = [_column_name(cell) for cell in cells]
        if not any(names):
            continue
        if not header:
            header, columns = names, _columns(part, line, names)
        elif names == header:
            yield RepeatedHeader(line)
        else:
            _check_cells(part, line, cells, header)
            image, text, answer = (cells[at] if at is not None else "" for at in columns)
            yield checked_row(part, line, image, text, answer)
    if not header:
        raise SourceError("the file is empty", place=part.path, remedy="fetch it again")


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Every record with the line in which it begins."""

    def lines() -> Iterator[str]:
        for number, text in enumerate(_lines(path), 1):
            yield text.removeprefix(_BOM) if number == line else text  # within a row it is part of a text

    reader = csv.reader(lines(), strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        remedy = "mend the quotes of this row, or fetch the file again"
        raise SourceError(f"not a complete CSV file ({error})", place=f"{path}: line {line}", remedy=remedy) from error


def _lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, none longer than `MAX_LINE`."""
    with reading(path), path.open("rb") as file:
        number = 0
        while data := file.readline(MAX_LINE + 1):
            number += 1
            place = f"{path}: line {number}"
            if len(data) > MAX_LINE:
                raise SourceError(f"has more than {MAX_LINE} bytes", place=place, remedy="this is no row of texts: remove it")
            try:
                text = data.decode()
            except UnicodeDecodeError as error:
                remedy = "save the file as UTF-8"
                raise SourceError(f"is not UTF-8 ({error.reason})", place=place, remedy=remedy) from error
            if "\0" in text:
                raise SourceError("holds a NUL byte", place=place, remedy="fetch the file again: it is damaged")
            yield text


def _column_name(cell: str) -> str:
    return " ".join(cell.replace("_", " ").lower().split())


def _columns(part: TextPart, line: int, names: Sequence[str]) -> tuple[int, int, int | None]:
    """Where image, question or caption, and answer stand."""
    wanted = ("image", "question", "answer") if part.kind == "question" else ("image", "caption")
    found = [[at for at, name in enumerate(names) if name in _COLUMNS[want]] for want in wanted]
    for want, places in zip(wanted, found, strict=True):
        if len(places) != 1:
            problem = f"has {'no' if not places else 'more than one'} column {want!r}; its columns are {', '.join(names)[:200]}"
            remedy = f"name the columns {', '.join(_COLUMNS[name][0] for name in wanted)}"
            raise SourceError(problem, place=part.place(line), remedy=remedy)
    image, text, *answer = (places[0] for places in found)
    return image, text, answer[0] if answer else None


def _check_cells(part: TextPart, line: int, cells: Sequence[str], header: Sequence[str]) -> None:
    surplus = [cell for cell in cells[len(header) :] if cell.strip()]
    if len(cells) < len(header) or surplus:
        problem = f"has {len(cells)} cells, the header has {len(header)}"
        remedy = "put quotes around texts with commas, or fetch the file again"
        raise SourceError(problem, place=part.place(line), remedy=remedy)
