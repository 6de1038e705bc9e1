"""Files of answers that bring their own questions and references: what the official scripts and LLaMA-Factory read and write.

They are scored without a dataset. Types are inferred from the wording (`texts.infer`), intervals are clustered by the image
that a row names, or not at all where rows name none (`cluster=row`), and the signature calls the data by a hash of questions
and references (`data=file:...`), so that the answers of two models to the same file can be compared, and with nothing else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sarlang_hf.errors import PredictionsError, UsageError
from sarlang_hf.schema import APPLICATION_OF_TYPE, text_ids
from sarlang_hf.scoring.caption_rows import CaptionAnswer
from sarlang_hf.scoring.caption_scorecard import ScoredKind
from sarlang_hf.scoring.prediction_rows import fail, read_cells, read_rows
from sarlang_hf.scoring.prediction_shapes import OFFICIAL_COLUMNS, Shape, is_header
from sarlang_hf.scoring.predictions import checked_text
from sarlang_hf.scoring.signature import Cluster, DatasetRef
from sarlang_hf.scoring.verdicts import Answer
from sarlang_hf.texts.infer import infer_type

KIND_OF_TASK: dict[str, ScoredKind] = {
    "sarlang_cap": "any",
    "sarlang_cap_complex": "complex",
    "sarlang_cap_concise": "concise",
}
VQA_TASK = "sarlang_vqa"

_QUESTION = re.compile(r"Question: (.*)\. Answer the question concisely\.", re.DOTALL)
_NO_HEADER = (
    "name the columns question_id and prediction to score with a dataset; or write image, prediction, question and reference in "
    "this order, as the official script reads them, and take the header off"
)
_CAPTION_PROMPT = "Describe the content of this image in one sentence"


@dataclass(frozen=True, slots=True)
class OwnGold:
    """The answers of such a file: to questions, or captions; the other list is empty.

    Attributes:
        task: the task they are scored as.
        dataset: kind `custom`, with the hash of questions and references.
        cluster: `image` where rows name images.
    """

    task: str
    answers: list[Answer]
    captions: list[CaptionAnswer]
    dataset: DatasetRef
    cluster: Cluster


@dataclass(frozen=True, slots=True)
class _Row:
    image: str
    question: str
    gold: str
    prediction: str | None


def read_own_gold(path: Path, shape: Shape, *, task: str | None = None) -> OwnGold:
    """Reads a file of one of the three shapes.

    Args:
        path: the file.
        shape: `official_vqa`, `official_captions` or `llama_factory`.
        task: `sarlang_vqa` or one of `KIND_OF_TASK`; None takes what shape or prompts tell.

    Raises:
        PredictionsError: naming file and line: what cannot be read or is no text.
        UsageError: a task that the file cannot be scored as, or that nothing tells.
    """
    rows = list(_official_rows(path) if shape == "official_vqa" else _labelled_rows(path, prompted=shape == "llama_factory"))
    if not rows:
        raise PredictionsError("holds no predictions", place=path, remedy="write one row for each answer")
    task = _task(path, shape, task, rows)
    dataset = DatasetRef("custom", _digest(rows), from_file=True)
    cluster: Cluster = "image" if shape == "official_vqa" else "row"
    if task == VQA_TASK:
        return OwnGold(task, _answers(rows), [], dataset, cluster)
    return OwnGold(task, [], _captions(rows, KIND_OF_TASK[task]), dataset, cluster)


def _official_rows(path: Path) -> Iterator[_Row]:
    """Image, prediction, question and reference, by position as the official script reads them; more columns are ignored."""
    for number, (line, cells) in enumerate(read_cells(path)):
        if len(cells) < OFFICIAL_COLUMNS:
            problem = f"{len(cells)} fields, not image, prediction, question and reference"
            fail(path, line, problem, "put texts that contain a comma in double quotes")
        if number == 0 and is_header(cells):
            fail(path, line, f"{', '.join(cells)!r:.80} looks like a header", _NO_HEADER)
        image, prediction, question, gold = cells[:OFFICIAL_COLUMNS]
        yield _Row(image.strip() or _row_name(line), question, gold, prediction)


def _labelled_rows(path: Path, *, prompted: bool) -> Iterator[_Row]:
    wanted = ("prompt", "predict", "label") if prompted else ("predict", "label")
    for line, fields in read_rows(path):
        for column in wanted:
            if column not in fields:
                found = ", ".join(map(repr, fields)) or "none"
                fail(path, line, f"no {column}; the keys are {found}", f"write the keys {', '.join(wanted)}")
        place = f"{path}, line {line}"
        prompt, prediction, gold = (checked_text(place, name, fields.get(name, "")) for name in ("prompt", "predict", "label"))
        if gold is None or prompt is None:
            fail(path, line, f"{'label' if gold is None else 'prompt'} is null", "give every row its reference")
        asked = _QUESTION.search(prompt)
        yield _Row(_row_name(line), asked[1] if asked else prompt, gold, prediction)


def _row_name(line: int) -> str:
    return f"row/{line:06d}"


def _task(path: Path, shape: Shape, task: str | None, rows: Sequence[_Row]) -> str:
    """What the file is scored as: what was asked for, if it can be, else what the shape or every prompt tells."""
    possible = {"official_vqa": (VQA_TASK,), "official_captions": tuple(KIND_OF_TASK)}.get(shape, (VQA_TASK, *KIND_OF_TASK))
    if task is None and shape == "llama_factory":
        captions = [_CAPTION_PROMPT in row.question for row in rows]
        if any(captions) != all(captions):
            problem = "holds prompts of captions and others"
            raise UsageError(problem, place=path, remedy="put questions and captions into files of their own")
        task = "sarlang_cap" if all(captions) else VQA_TASK
    task = task or possible[0]
    if task not in possible:
        raise UsageError(
            f"cannot be scored as {task}", place=path, remedy=f"give --task {' or '.join(possible)}, or leave it out"
        )
    return task


def _digest(rows: Sequence[_Row]) -> str:
    keys = sorted(json.dumps([row.image, row.question, row.gold]) for row in rows)
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()


def _answers(rows: Sequence[_Row]) -> list[Answer]:
    answers = []
    for row, question_id in zip(rows, _ids([(row.image, row.question, row.gold) for row in rows]), strict=True):
        kind = infer_type(row.question, row.gold).type
        answers.append(
            Answer(
                question_id=question_id,
                image_id=row.image,
                source="",
                scene="",
                place="",
                question=row.question,
                gold=row.gold,
                type=kind,
                application=APPLICATION_OF_TYPE[kind],
                template="",
                prediction=row.prediction,
            )
        )
    return answers


def _captions(rows: Sequence[_Row], kind: ScoredKind) -> list[CaptionAnswer]:
    ids = _ids([(row.image, row.gold, kind) for row in rows])
    return [
        CaptionAnswer(caption_id, row.image, "", "", "", kind, "", row.gold, row.prediction)
        for row, caption_id in zip(rows, ids, strict=True)
    ]


def _ids(texts: Sequence[tuple[str, str, str]]) -> list[str]:
    """Ids of (image, text, what orders equal texts), as the dataset's own are made."""
    by_image: dict[str, list[int]] = {}
    for row, (image, _, _) in enumerate(texts):
        by_image.setdefault(image, []).append(row)
    ids = [""] * len(texts)
    for image, rows in by_image.items():
        for row, found in zip(rows, text_ids(image, [texts[row][1:] for row in rows]), strict=True):
            ids[row] = found
    return ids
