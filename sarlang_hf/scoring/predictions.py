"""Reading a file of predictions made elsewhere.

JSONL, one object a line, or CSV with a header; UTF-8, with or without a byte order mark. Captions have image_id in the place
of question_id:

    {"question_id": "3f0c2a9be1d45a77", "prediction": "two"}          question_id,prediction
    {"question_id": "9b1e07c2aa410f36", "prediction": "yes"}          3f0c2a9be1d45a77,two

Other columns are ignored. A JSON null is a missing prediction. The file comes from outside, so everything that could lose
or mix up an answer is an error that names the row: a duplicate question or column, a comma that was not quoted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from sarlang_hf.errors import PredictionsError
from sarlang_hf.scoring.prediction_rows import MAX_BYTES, Row, fail, read_rows

__all__ = ["MAX_BYTES", "Key", "Predictions", "check_predictions", "checked_text", "collect", "read_predictions"]

Key = Literal["question_id", "image_id"]
"""What a prediction is for: a question, or an image to be captioned."""

Predictions = Mapping[str, str | None]
"""Predictions by question id, or by image id for captions; None is a missing one."""

_LISTED = 3
_HOLDER: dict[Key, str] = {"question_id": "questions of config vqa_questions", "image_id": "images of config cap"}


def read_predictions(path: Path, *, known: Collection[str], key: Key = "question_id") -> dict[str, str]:
    """Reads predictions by id; what the file leaves out is simply absent.

    Args:
        path: a .jsonl, .ndjson, .json (one object a line) or .csv file of at most 1 GiB.
        known: the ids that may occur.
        key: the column of the ids.

    Raises:
        PredictionsError: naming file and row: unreadable, empty, too large, not UTF-8, broken JSON or CSV, a missing
            column, a field that is not text, an id twice or unknown.
    """
    return _present(collect(path, _named(path, read_rows(path), key), known=known, key=key))


def check_predictions(predictions: Predictions, *, known: Collection[str], key: Key = "question_id") -> dict[str, str]:
    """Holds predictions in memory to the rules for those of a file; None, like null there, is a missing prediction.

    Raises:
        PredictionsError: naming the id: it is no text or unknown, or its prediction is no text.
    """
    for name, prediction in predictions.items():
        _checked(f"predictions[{name!r:.80}]", key, name, prediction)
    _check_known("predictions", (("", name) for name in predictions), known, key)
    return _present(predictions)


def collect(path: Path, rows: Iterable[tuple[int, str, str | None]], *, known: Collection[str], key: Key) -> Predictions:
    """Gathers predictions, each id once and known.

    Args:
        path: where they come from.
        rows: (line number, id, prediction).
        known: the ids that may occur.
        key: what the ids are.

    Raises:
        PredictionsError: an id twice or unknown, or no rows.
    """
    predictions: dict[str, str | None] = {}
    first_line: dict[str, int] = {}
    for line, name, prediction in rows:
        if name in first_line:
            what = "question" if key == "question_id" else "image"
            fail(path, line, f"{key} {name!r} is already in line {first_line[name]}", f"keep one prediction for each {what}")
        first_line[name] = line
        predictions[name] = prediction
    if not first_line:
        raise PredictionsError("holds no predictions", place=path, remedy="write one row for each question")
    _check_known(path, ((f"line {line} ", name) for name, line in first_line.items()), known, key)
    return predictions


def checked_text(place: str, column: str, value: object) -> str | None:
    """A prediction or reference that is text, or None.

    Raises:
        PredictionsError: it is something else.
    """
    if value is not None and not isinstance(value, str):
        problem = f"{column} is {value!r:.80}, not text"
        raise PredictionsError(problem, place=place, remedy='write answers as text: "3", not 3')
    return value


def _present(predictions: Predictions) -> dict[str, str]:
    return {name: prediction for name, prediction in predictions.items() if prediction is not None}


def _check_known(place: Path | str, named: Iterable[tuple[str, str]], known: Collection[str], key: Key) -> None:
    """Refuses predictions for what the dataset does not have, naming the first few of the (row label, id) pairs."""
    unknown = [f"{label}{name!r}" for label, name in named if name not in known]
    if unknown:
        raise PredictionsError(
            f"{len(unknown)} {key} not in the test split of the dataset: {', '.join(unknown[:_LISTED])}"
            f"{', ...' if len(unknown) > _LISTED else ''}",
            place=place,
            remedy=f"predict the {_HOLDER[key]}, split test, and name the same dataset with --dataset",
        )


def _named(path: Path, rows: Iterator[Row], key: Key) -> Iterator[tuple[int, str, str | None]]:
    columns = (key, "prediction")
    for line, fields in rows:
        for column in columns:
            if column not in fields:
                found = ", ".join(map(repr, fields)) or "none"
                fail(path, line, f"no {column}; the columns are {found}", f"name the columns {' and '.join(columns)}")
        yield line, *_checked(f"{path}, line {line}", key, fields[key], fields["prediction"])


def _checked(place: str, key: Key, name: object, prediction: object) -> tuple[str, str | None]:
    if not isinstance(name, str) or not name.strip():
        problem = f"{key} is {name!r:.80}, not an id"
        raise PredictionsError(problem, place=place, remedy=f"copy the ids of the {_HOLDER[key]} as text")
    return name.strip(), checked_text(place, "prediction", prediction)
