"""The tables that raters fill in, as CSV with a header; UTF-8, with or without a byte order mark:

    item,question_id,prediction           item,question_id,label,question,reference,prediction
    1,3f0c2a9be1d45a77,two                1,3f0c2a9be1d45a77,right,How many ships ...,2,two

An empty answer is a missing one. `item` is the number on the sheet and may be left out; with it, a question id that a
spreadsheet has turned into a number (123e4567 is 1.23E+4569 to it) does no harm. A column `rater` names who answered, else
the file name does. Semicolons or tabs instead of commas are read too: spreadsheets write them in half of the world.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import NoReturn

from sarlang_hf.errors import PredictionsError
from sarlang_hf.files import read_regular
from sarlang_hf.scoring.people.sheet import Sheet

MAX_BYTES = 1 << 26
_NUMBER_TO_SPREADSHEETS = re.compile(r"\d+(e\d+)?")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class RaterFile:
    """What one rater wrote, by question id; questions left blank are absent."""

    rater: str
    path: Path
    answers: dict[str, str]


def empty_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table for raters. Texts that a spreadsheet would run as a formula get an apostrophe before them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([f"'{cell}" if str(cell).startswith(_FORMULA_STARTS) else cell for cell in row] for row in rows)
    return text.getvalue()


def read_rater_file(path: Path, sheet: Sheet, column: str) -> RaterFile:
    """Reads what one rater answered on a sheet.

    Args:
        path: the CSV file.
        sheet: what was asked.
        column: the column that holds the answers.

    Raises:
        PredictionsError: naming file and line: unreadable, too large, not UTF-8, no such column, a question that the sheet
            does not ask or that was answered before, several raters in one file, no answer at all.
    """
    rows = list(_rows(path))
    if not rows:
        raise PredictionsError("holds no answers", place=path, remedy="fill in the table of the sheet")
    answers: dict[str, str] = {}
    seen: dict[str, int] = {}
    for line, fields in rows:
        question_id = _question(path, line, fields, sheet)
        if question_id in seen:
            _fail(path, line, f"question {question_id} is already in line {seen[question_id]}", "keep one row for each question")
        seen[question_id] = line
        answer = _field(path, line, fields, column).strip()
        if answer:
            answers[question_id] = answer
    if not answers:
        raise PredictionsError("holds no answers", place=path, remedy=f"fill in the column {column}")
    return RaterFile(_rater(path, [fields.get("rater", "").strip() for _, fields in rows]), path, answers)


def check_distinct(files: Sequence[RaterFile]) -> None:
    """Refuses a file or a rater that is there twice.

    Raises:
        PredictionsError: naming both files.
    """
    seen: dict[str, Path] = {}
    for file in files:
        for key in (str(file.path.resolve()), f"rater {file.rater.casefold()}"):
            if key in seen:
                problem = f"rater {file.rater!r} is already in {seen[key]}"
                raise PredictionsError(problem, place=file.path, remedy="name each rater once, with one file")
            seen[key] = file.path


def _rows(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    text = _text(path)
    limit = csv.field_size_limit(MAX_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        filled = (cells for cells in reader if any(cell.strip() for cell in cells))
        header = [name.strip().casefold() for name in next(filled, [])]
        if len(set(header)) < len(header):
            _fail(path, 1, "a column occurs twice", "keep the columns of the sheet's table")
        for cells in filled:
            if len(cells) > len(header):
                problem = f"{len(cells)} fields under {len(header)} columns"
                _fail(path, reader.line_num, problem, "put answers that contain a comma in double quotes")
            # Some programs leave empty cells at the end of a row out.
            yield reader.line_num, dict(zip_longest(header, cells, fillvalue=""))
    except csv.Error as error:
        _fail(path, reader.line_num, f"broken CSV: {error}", "save the table as CSV with commas and double quotes")
    finally:
        csv.field_size_limit(limit)


def _text(path: Path) -> str:
    try:
        return read_regular(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PredictionsError("is not UTF-8", place=path, remedy="save the table as 'CSV UTF-8'") from error
    except OSError as error:
        raise PredictionsError(f"cannot be read: {error.strerror}", place=path, remedy="name a readable file") from error


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _question(path: Path, line: int, fields: dict[str, str], sheet: Sheet) -> str:
    """The question that a row answers: by number if there is one, else by id. Both must fit each other."""
    question_id = _field(path, line, fields, "question_id").strip()
    remedy = "give the tables of this sheet, with their rows unchanged"
    item = fields.get("item", "").strip()
    if not item:
        if question_id not in sheet.question_ids:
            _fail(path, line, f"question_id {question_id!r:.80} is not on the sheet", remedy)
        return question_id
    if not item.isascii() or not item.isdigit() or not 1 <= int(item[:9]) <= len(sheet.question_ids):
        _fail(path, line, f"item {item!r:.80} is not on the sheet", remedy)
    expected = sheet.question_ids[int(item) - 1]
    if question_id != expected and not _NUMBER_TO_SPREADSHEETS.fullmatch(expected):
        _fail(path, line, f"question_id {question_id!r:.80} is not that of item {item}, {expected!r}", remedy)
    return expected


def _field(path: Path, line: int, fields: dict[str, str], column: str) -> str:
    if column not in fields:
        found = ", ".join(map(repr, fields)) or "none"
        _fail(path, line, f"no {column}; the columns are {found}", "keep the columns of the sheet's table")
    return fields[column]


def _rater(path: Path, named: Sequence[str]) -> str:
    names = set(named) - {""}
    if len(names) > 1:
        problem = f"holds answers of {len(names)} raters: {', '.join(sorted(names)[:3])}"
        raise PredictionsError(problem, place=path, remedy="give each rater a file of their own")
    return names.pop() if names else path.stem.removeprefix("answers-")


def _fail(path: Path, line: int, problem: str, remedy: str) -> NoReturn:
    raise PredictionsError(problem, place=f"{path}, line {line}", remedy=remedy)
