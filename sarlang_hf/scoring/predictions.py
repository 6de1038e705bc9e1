"""Reading a file of predictions made elsewhere.

JSONL, one object a line, or CSV with a header; UTF-8, with or without a byte order mark:

    {"question_id": "3f0c2a9be1d45a77", "prediction": "two"}          question_id,prediction
    {"question_id": "9b1e07c2aa410f36", "prediction": "yes"}          3f0c2a9be1d45a77,two

Other columns are ignored. A JSON null is a missing prediction. The file comes from outside, so everything that could lose
or mix up an answer is an error that names the row: a duplicate question or column, a comma that was not quoted.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn

from sarlang_hf.errors import PredictionsError

COLUMNS = ("question_id", "prediction")
MAX_BYTES = 1 << 30
_LISTED = 3
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")

Row = tuple[int, Mapping[str, object]]
"""A line number and the fields of the row that ends there, by folded column name."""


def read_predictions(path: Path, *, known: Collection[str]) -> dict[str, str]:
    """Reads predictions by question id; questions that the file leaves out are simply absent.

    Args:
        path: a .jsonl, .ndjson, .json (one object a line) or .csv file of at most 1 GiB.
        known: the question ids that may occur.

    Raises:
        PredictionsError: naming file and row: unreadable, empty, too large, not UTF-8, broken JSON or CSV, a missing
            column, a field that is not text, a question id twice or unknown.
    """
    _check_size(path)
    try:
        with path.open("rb") as file:
            return _collect(path, _rows(path, file), known)
    except OSError as error:
        raise PredictionsError(f"cannot be read: {error.strerror}", place=path, remedy="name a readable file") from error


def check_predictions(predictions: Mapping[str, str | None], *, known: Collection[str]) -> dict[str, str]:
    """Holds predictions in memory to the rules for those of a file; None, like null there, is a missing prediction.

    Raises:
        PredictionsError: naming the id: it is no text or unknown, or its prediction is no text.
    """
    for question_id, prediction in predictions.items():
        _checked(f"predictions[{question_id!r:.80}]", question_id, prediction)
    _check_known("predictions", (("", question_id) for question_id in predictions), known)
    return {question_id: prediction for question_id, prediction in predictions.items() if prediction is not None}


def _check_known(place: Path | str, named: Iterable[tuple[str, str]], known: Collection[str]) -> None:
    """Refuses predictions for questions that the dataset does not have.

    Args:
        place: where they come from.
        named: (row label, question id) pairs.
        known: the question ids of the dataset.

    Raises:
        PredictionsError: naming the first few and how many there are.
    """
    unknown = [f"{label}{question_id!r}" for label, question_id in named if question_id not in known]
    if unknown:
        raise PredictionsError(
            f"{len(unknown)} question_id not in the test split of the dataset: {', '.join(unknown[:_LISTED])}"
            f"{', ...' if len(unknown) > _LISTED else ''}",
            place=place,
            remedy="predict the questions of config vqa_questions, split test, and name the same dataset with --dataset",
        )


def _collect(path: Path, rows: Iterator[Row], known: Collection[str]) -> dict[str, str]:
    predictions: dict[str, str] = {}
    first_line: dict[str, int] = {}
    for line, fields in rows:
        question_id, prediction = _fields(path, line, fields)
        if question_id in first_line:
            problem = f"question_id {question_id!r} is already in line {first_line[question_id]}"
            _fail(path, line, problem, "keep one prediction for each question")
        first_line[question_id] = line
        if prediction is not None:
            predictions[question_id] = prediction
    if not first_line:
        raise PredictionsError("holds no predictions", place=path, remedy="write one row for each question")
    _check_known(path, ((f"line {line} ", question_id) for question_id, line in first_line.items()), known)
    return predictions


def _fields(path: Path, line: int, fields: Mapping[str, object]) -> tuple[str, str | None]:
    for column in COLUMNS:
        if column not in fields:
            found = ", ".join(map(repr, fields)) or "none"
            _fail(path, line, f"no {column}; the columns are {found}", f"name the columns {' and '.join(COLUMNS)}")
    return _checked(f"{path}, line {line}", *(fields[column] for column in COLUMNS))


def _checked(place: str, question_id: object, prediction: object) -> tuple[str, str | None]:
    if not isinstance(question_id, str) or not question_id.strip():
        problem = f"question_id is {question_id!r:.80}, not an id"
        raise PredictionsError(problem, place=place, remedy="copy the ids of config vqa_questions as text")
    if prediction is not None and not isinstance(prediction, str):
        problem = f"prediction is {prediction!r:.80}, not text"
        raise PredictionsError(problem, place=place, remedy='write answers as text: "3", not 3')
    return question_id.strip(), prediction


def _rows(path: Path, file: BinaryIO) -> Iterator[Row]:
    suffix = path.suffix.lower()
    if suffix in _JSON_SUFFIXES:
        return _json_rows(path, _lines(path, file))
    if suffix == ".csv":
        return _csv_rows(path, _lines(path, file))
    raise PredictionsError(
        f"the name ends in {path.suffix!r}, neither .csv nor .jsonl", place=path, remedy="give it the ending of its format"
    )


def _lines(path: Path, file: BinaryIO) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            _fail(path, number, f"byte {error.object[error.start]:#04x} is not UTF-8", "save the file as UTF-8")


class _Pairs(list[tuple[str, object]]):
    """A JSON object before duplicate keys are lost."""


def _json_rows(path: Path, lines: Iterator[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            pairs = json.loads(line, object_pairs_hook=_Pairs)
            if isinstance(pairs, _Pairs):
                yield number, _folded([key for key, _ in pairs], [value for _, value in pairs])
                continue
        except (ValueError, RecursionError) as error:
            _fail(path, number, f"broken JSON: {error}", "write one JSON object a line")
        _fail(path, number, f"holds {line.strip()!r:.80}, not a JSON object", "write one JSON object a line")


def _csv_rows(path: Path, lines: Iterator[str]) -> Iterator[Row]:
    # The csv module caps a field at 128 KiB for the whole process; a long answer must not stop the scoring of a file.
    limit = csv.field_size_limit(MAX_BYTES)
    reader = csv.reader(lines, strict=True)
    try:
        rows = (cells for cells in reader if cells)
        header = next(rows, [])
        for cells in rows:
            if len(cells) != len(header):
                problem = f"{len(cells)} fields under {len(header)} columns"
                _fail(path, reader.line_num, problem, "put answers that contain a comma in double quotes")
            yield reader.line_num, _folded(header, cells)
    except (csv.Error, ValueError) as error:
        _fail(path, reader.line_num, f"broken CSV: {error}", "write CSV with commas and double quotes")
    finally:
        csv.field_size_limit(limit)


def _folded(names: Sequence[str], values: Sequence[object]) -> dict[str, object]:
    """Fields by column name, stripped and in lower case; ValueError if a name occurs twice."""
    folded = [name.strip().casefold() for name in names]
    twice = next((name for index, name in enumerate(folded) if name in folded[:index]), None)
    if twice is not None:
        raise ValueError(f"column {twice!r} occurs twice")
    return dict(zip(folded, values, strict=True))


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise PredictionsError(f"cannot be read: {error.strerror}", place=path, remedy="name a readable file") from error
    if size > MAX_BYTES:
        problem = f"is {size / 2**30:.1f} GiB large, more than {MAX_BYTES / 2**30:g} GiB"
        raise PredictionsError(problem, place=path, remedy="keep only the columns question_id and prediction")
    if size == 0:
        raise PredictionsError("is empty", place=path, remedy="write one row for each question")


def _fail(path: Path, line: int, problem: str, remedy: str) -> NoReturn:
    raise PredictionsError(problem, place=f"{path}, line {line}", remedy=remedy)
