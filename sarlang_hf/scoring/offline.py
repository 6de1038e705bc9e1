"""Scoring predictions that were made outside lmms-eval: joined to the test questions, judged, scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.data import DatasetFolder, open_dataset
from sarlang_hf.scoring.answers import Protocol
from sarlang_hf.scoring.predictions import check_predictions, read_predictions
from sarlang_hf.scoring.scorecard import TASK_VERSION, DatasetRef, Scorecard, score
from sarlang_hf.scoring.verdicts import DATASET_COLUMN, Answer, Verdict, judge_answers

if TYPE_CHECKING:
    import pyarrow as pa

Predictions = Mapping[str, str | None]
"""Predictions by question id; None is a missing one."""


@dataclass(frozen=True, slots=True)
class Part:
    """The test questions that a task asks.

    Attributes:
        task: the task's name.
        rows: their row numbers in the test split, all distinct; None for every question.
        extra: what names the choice in the signature.
    """

    task: str = "sarlang_vqa"
    rows: Sequence[int] | NDArray[np.int64] | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts on predictions, one per test question in the order of the dataset, and the scorecard they give."""

    verdicts: list[Verdict]
    scorecard: Scorecard


def score_predictions(
    dataset: str | Path | DatasetFolder, predictions: str | Path | Predictions, *, protocol: Protocol = "strict"
) -> Scorecard:
    """Scores predictions for the test questions of a dataset. Questions without a prediction widen the score to a range.

    Args:
        dataset: folder of a built dataset, or the opened folder.
        predictions: a JSONL or CSV file (`scoring.predictions`), or predictions by question id, None for a missing one.
        protocol: how answers are judged.

    Raises:
        PredictionsError: the predictions cannot be read or do not fit the dataset.
        DatasetNotFoundError: there is no such dataset, or it has no test questions.
        DatasetFormatError, DatasetCorruptError: the dataset cannot be read.
        UsageError: an unknown protocol.
    """
    return judge_predictions(dataset, predictions, protocol=protocol).scorecard


def judge_predictions(
    dataset: str | Path | DatasetFolder,
    predictions: str | Path | Predictions,
    *,
    protocol: Protocol = "strict",
    part: Part | None = None,
) -> Judged:
    """Like `score_predictions`, with the verdict on every question, and for a part of the test questions if need be.

    Predictions may cover other test questions than those of the part; these are not scored.
    """
    part = part or Part()
    folder = open_dataset(dataset) if isinstance(dataset, str | Path) else dataset
    questions = folder.questions("test", list(DATASET_COLUMN.values()))
    named = _named(predictions, set(questions["question_id"].to_pylist()))
    asked = questions if part.rows is None else questions.take(part.rows)
    verdicts = judge_answers(_answers(asked, named), protocol=protocol, task=part.task)
    card = score(
        verdicts,
        task=part.task,
        task_version=TASK_VERSION,
        protocol=protocol,
        dataset=DatasetRef(folder.kind, folder.sha256),
        extra=part.extra,
    )
    return Judged(verdicts, card)


def _named(predictions: str | Path | Predictions, known: set[str]) -> Predictions:
    if isinstance(predictions, str | Path):
        return read_predictions(Path(predictions), known=known)
    return check_predictions(predictions, known=known)


def _answers(questions: pa.Table, predictions: Predictions) -> list[Answer]:
    columns = {field: questions[name].to_pylist() for field, name in DATASET_COLUMN.items()}
    columns["prediction"] = [predictions.get(question_id) for question_id in columns["question_id"]]
    return [Answer(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
