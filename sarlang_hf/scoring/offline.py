"""Scoring predictions that were made outside lmms-eval: joined to the test questions, judged, scored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.data import DatasetFolder, open_dataset
from sarlang_hf.schema import CAPTION_KINDS, CaptionKind
from sarlang_hf.scoring.answers import Protocol
from sarlang_hf.scoring.predictions import Key, Predictions, check_predictions, read_predictions
from sarlang_hf.scoring.scorecard import Scorecard
from sarlang_hf.scoring.signature import TASK_VERSION, Cluster, DatasetRef, Vision
from sarlang_hf.scoring.verdicts import DATASET_COLUMN, Answer
from sarlang_hf.scoring.vqa_run import Judged, judge_run

if TYPE_CHECKING:
    import pyarrow as pa

    from sarlang_hf.scoring.judge import Judge

__all__ = ["Judged", "Part", "Predictions", "Setting", "judge_predictions", "named_predictions", "score_predictions"]


@dataclass(frozen=True, slots=True)
class Part:
    """What a task asks of the test part.

    Attributes:
        task: the task's name.
        rows: row numbers in the test split, all distinct: of questions, or of images with captions; None for every one.
        extra: what names the choice in the signature.
        kinds: the captions that a caption task scores.
    """

    task: str = "sarlang_vqa"
    rows: Sequence[int] | NDArray[np.int64] | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[CaptionKind, ...] = CAPTION_KINDS


@dataclass(frozen=True, slots=True)
class Setting:
    """How the predictions were made, as far as is known, and how they are to be scored.

    Attributes:
        vision: what the model was shown.
        model: its name.
        cluster: what the intervals take for dependent.
        partial: whether what the predictions leave out was not asked (`--limit`), instead of missing.
    """

    vision: Vision = "image"
    model: str = ""
    cluster: Cluster = "image"
    partial: bool = False


def score_predictions(
    dataset: str | Path | DatasetFolder,
    predictions: str | Path | Predictions,
    *,
    protocol: Protocol = "strict",
    judge: Judge | None = None,
) -> Scorecard:
    """Scores predictions for the test questions of a dataset. Questions without a prediction widen the score to a range.

    Args:
        dataset: folder of a built dataset, or the opened folder.
        predictions: a JSONL or CSV file (`scoring.predictions`), or predictions by question id, None for a missing one.
        protocol: how answers are judged.
        judge: decides what the rules of the protocol cannot; None leaves it undecided.

    Raises:
        PredictionsError: the predictions cannot be read or do not fit the dataset.
        DatasetNotFoundError: there is no such dataset, or it has no test questions.
        DatasetFormatError, DatasetCorruptError: the dataset cannot be read.
        UsageError: an unknown protocol.
        SarlangError: the judge refuses to go on.
    """
    return judge_predictions(dataset, predictions, protocol=protocol, judge=judge).scorecard


def judge_predictions(
    dataset: str | Path | DatasetFolder,
    predictions: str | Path | Predictions,
    *,
    protocol: Protocol = "strict",
    judge: Judge | None = None,
    part: Part | None = None,
    setting: Setting | None = None,
) -> Judged:
    """Like `score_predictions`, with the verdict on every question, and for a part of the test questions if need be.

    Predictions may cover other test questions than those of the part; these are not scored.
    """
    part, setting = part or Part(), setting or Setting()
    folder = open_dataset(dataset) if isinstance(dataset, str | Path) else dataset
    questions = folder.questions("test", list(DATASET_COLUMN.values()))
    asked = questions if part.rows is None else questions.take(part.rows)
    # A run of this very part cannot hold the answer to any other question.
    known = (asked if setting.partial else questions)["question_id"].to_pylist()
    named = named_predictions(predictions, set(known), "question_id")
    answers = _answers(asked, folder.places("test"), named)
    if setting.partial:
        answers = [answer for answer in answers if answer.question_id in named]
    return judge_run(
        answers,
        task=part.task,
        task_version=TASK_VERSION,
        protocol=protocol,
        judge=judge,
        dataset=DatasetRef(folder.kind, folder.sha256),
        expected=asked.num_rows,
        extra=part.extra,
        vision=setting.vision,
        model=setting.model,
        cluster=setting.cluster,
    )


def named_predictions(predictions: str | Path | Predictions, known: Collection[str], key: Key) -> Predictions:
    """Predictions by id, from a file or checked; a missing one of those in memory stays there as None."""
    if isinstance(predictions, str | Path):
        return read_predictions(Path(predictions), known=known, key=key)
    check_predictions(predictions, known=known, key=key)
    return predictions


def _answers(questions: pa.Table, places: Mapping[str, str], predictions: Predictions) -> list[Answer]:
    columns = {field: questions[name].to_pylist() for field, name in DATASET_COLUMN.items()}
    columns["place"] = [places.get(image_id, "") for image_id in columns["image_id"]]
    columns["prediction"] = [predictions.get(question_id) for question_id in columns["question_id"]]
    return [Answer(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
