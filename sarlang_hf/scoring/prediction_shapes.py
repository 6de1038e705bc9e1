"""The shapes of files that `sarlang score` and `sarlang judge` read, told apart by their first row.

| shape | file | first row |
|---|---|---|
| `questions`, `images` | ours, JSONL or CSV with a header | columns question_id or image_id, and prediction |
| `samples` | lmms-eval's `<time>_samples_<task>.jsonl` | doc_id, and an object with task, question_id or image_id, prediction |
| `official_vqa` | CSV of the official `Evaluate_VQA.py`: no header | image, prediction, question, reference by position |
| `official_captions` | JSONL of the official `Evaluate_caption.py` | label, predict |
| `llama_factory` | LLaMA-Factory's `generated_predictions.jsonl` | prompt, predict, label |

The first three rows name what a dataset holds; the others bring their own references (`scoring.own_gold`). A run folder, whose
answers are judged already, is read by `scoring.run_answers`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sarlang_hf.errors import PredictionsError
from sarlang_hf.scoring.prediction_rows import JSON_SUFFIXES, Pairs, fail, read_cells, read_rows
from sarlang_hf.scoring.predictions import Key, Predictions, checked_text, collect

Shape = Literal["questions", "images", "samples", "official_vqa", "official_captions", "llama_factory"]

OFFICIAL_COLUMNS = 4
"""Columns of the official script's CSV: image, prediction, question, reference. It ignores those after them."""

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_HEADER_WORDS = frozenset(
    {"answer", "file", "filename", "gold", "ground", "gt", "id", "image", "img", "label", "model", "output", "path"}
    | {"pred", "predict", "predicted", "prediction", "query", "question", "reference", "response", "truth"}
)
_SENTENCE_WORDS = 4


@dataclass(frozen=True, slots=True)
class Samples:
    """The answers in a sample file of lmms-eval.

    Attributes:
        task: the task they were asked by.
        key: what the answers are named by.
        answers: by question id, or image id for captions; None for a missing one.
        hinted: whether the prompts hold a hint (`texts.hints`).
    """

    task: str
    key: Key
    answers: Predictions
    hinted: bool


def shape_of(path: Path) -> Shape:
    """Which shape a file has; `questions`, whose reader says what is missing, if its first row fits none.

    Raises:
        PredictionsError: it cannot be read, is empty, or its first row is broken, names its columns in a way that leaves open
            what they hold, or is separated by something else than commas.
    """
    if path.suffix.lower() not in JSON_SUFFIXES:
        return _shape_of_csv(path)
    line, fields = next(read_rows(path), (0, {}))
    if "doc_id" in fields and _named_answer(fields) is not None:
        return "samples"
    if "predict" in fields and "label" in fields:
        return "llama_factory" if "prompt" in fields else "official_captions"
    return _named_shape(path, line, list(fields))


def _shape_of_csv(path: Path) -> Shape:
    line, cells = next(read_cells(path), (0, []))
    names = [cell.strip().casefold() for cell in cells]
    if "prediction" in names and not {"question_id", "image_id"}.isdisjoint(names):
        return _named_shape(path, line, names)
    if len(cells) >= OFFICIAL_COLUMNS:
        return "official_vqa"
    for separator, name in _SEPARATORS.items():
        if len(",".join(cells).split(separator)) > len(cells):
            fail(
                path,
                line,
                f"the fields are separated by {name}",
                "separate them by commas, and put texts that hold one in quotes",
            )
    return "questions"


def _named_shape(path: Path, line: int, names: Sequence[str]) -> Shape:
    """`images` only where nothing else is named: captions go by their image alone, answers to questions never do."""
    if "image_id" not in names or "question_id" in names:
        return "questions"
    if "question" in names:
        problem = f"the columns are {', '.join(names)}: image_id and prediction make captions, but there is a question"
        remedy = "name answers by question_id; leave question out of a file of captions"
        if path.suffix.lower() == ".csv":
            remedy += "; for references of your own, write image, prediction, question, reference in this order, without a header"
        fail(path, line, problem, remedy)
    return "images"


def is_header(cells: Sequence[str]) -> bool:
    """Whether the first row of a CSV that is read by position names its columns.

    Where the third cell, the question, is a sentence, a prediction like 'no answer' or an image 'image' names none.
    """
    question = cells[2].strip()
    if "?" in question or len(question.split()) >= _SENTENCE_WORDS:
        return False
    return any(not _HEADER_WORDS.isdisjoint(re.split(r"[\W_]+", cell.strip().casefold())) and _is_name(cell) for cell in cells)


def _is_name(cell: str) -> bool:
    """Whether a cell may be the name of a column: a few words without digits and full stops ('image_1.png')."""
    return len(cell.split()) < _SENTENCE_WORDS and not re.search(r"[\d.]", cell)


def read_samples(path: Path) -> Samples:
    """Reads a sample file of lmms-eval 0.7.3 with one of our tasks.

    The dictionary of a task's first metric carries the answer (`tasks.vqa`, `tasks.cap`).

    Raises:
        PredictionsError: a row without one, of another task, or a question or image twice.
    """
    from sarlang_hf.texts.hints import CLASS_HINT, POSITION_HINT

    tasks: set[tuple[str, Key]] = set()
    hinted = False
    rows: list[tuple[int, str, str | None]] = []
    for line, fields in read_rows(path):
        found = _named_answer(fields)
        if found is None:
            problem, remedy = "no answer to one of the sarlang tasks", "name the sample file of a sarlang task"
            raise PredictionsError(problem, place=f"{path}, line {line}", remedy=remedy)
        task, key, name, prediction = found
        tasks.add((task, key))
        rows.append((line, name, checked_text(f"{path}, line {line}", "prediction", prediction)))
        hinted = hinted or any(hint in str(fields.get("input", "")) for hint in (CLASS_HINT, POSITION_HINT))
    if len(tasks) > 1:
        problem = f"holds the answers of several tasks: {', '.join(sorted(task for task, _ in tasks))}"
        raise PredictionsError(problem, place=path, remedy="name the sample file of one task")
    task, key = tasks.pop()
    return Samples(task, key, collect(path, rows, known={name for _, name, _ in rows}, key=key), hinted)


def _named_answer(fields: Mapping[str, object]) -> tuple[str, Key, str, object] | None:
    """Task, kind of id, id and prediction of a sample: those of the first metric that holds them."""
    keys: tuple[Key, ...] = ("question_id", "image_id")
    for value in fields.values():
        item = dict(value) if isinstance(value, Pairs) else {}
        task = item.get("task")
        for key in keys:
            name = item.get(key)
            if isinstance(task, str) and isinstance(name, str) and "prediction" in item:
                return task, key, name, item["prediction"]
    return None
