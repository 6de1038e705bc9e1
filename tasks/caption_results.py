"""Scores the captions of one task of a run, keeps the scores for its further metrics, and writes our files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from sarlang_hf.schema import CaptionKind
from sarlang_hf.scoring.caption_rows import CAPTIONS_FILE, CaptionAnswer, write_captions
from sarlang_hf.scoring.caption_run import score_captions
from sarlang_hf.scoring.caption_scorecard import CaptionScorecard
from sarlang_hf.scoring.signature import TASK_VERSION
from sarlang_hf.tasks.dataset import chosen, dataset_ref, folder
from sarlang_hf.tasks.outputs import Run, current_run
from sarlang_hf.tasks.run_files import keep
from sarlang_hf.tasks.settings import vision
from sarlang_hf.tasks.unscored import answers_come_first
from sarlang_hf.tasks.views import VIEWS
from sarlang_hf.texts.document_frequency import DocumentFrequency

CaptionMetric = Literal["bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "length_ratio", "n_missing"]

METRICS: tuple[CaptionMetric, ...] = get_args(CaptionMetric)

BOOTSTRAP_SEED = 0
"""Of the intervals of BLEU."""

_scorecards: dict[str, CaptionScorecard] = {}


def caption_value(task: str, kind: CaptionKind, metric: CaptionMetric) -> float:
    """One score that `score_items` found last for a task.

    Returns:
        The metric, or the number of references whose image has no caption; NaN where the dataset has no reference of the
        kind, for a metric while captions are missing, and for all where they could not be scored.
    """
    scores = _scorecards[task].by_kind.get(kind) if task in _scorecards else None
    if not scores:
        return float("nan")
    if metric == "n_missing":
        return next(iter(scores.values())).n_missing
    value = scores[metric].value
    return float("nan") if value is None else value


def require_document_frequencies(task: str) -> None:
    """Makes sure that CIDEr can be computed for a task, before the model captions anything.

    Raises:
        DatasetNotFoundError: the dataset has no such captions, or no table of their document frequencies.
        DatasetCorruptError: a table is damaged.
    """
    _document_frequencies(_references(task))


def score_items(items: list[dict[str, Any]], output_path: str | None) -> None:
    """Scores all captions of one task, and writes the files of the run where lmms-eval writes its own.

    Nothing that goes wrong is raised (`tasks.unscored`).

    Args:
        items: image_id and prediction of each caption, of one task, in any order; a part of the task under `--limit`.
        output_path: what the user gave as `--output_path`.
    """
    task, run = items[0]["task"], current_run(output_path)
    _scorecards.pop(task, None)
    with answers_come_first(items, "image_id", run):
        _score(task, items, run)


def _score(task: str, items: list[dict[str, Any]], run: Run) -> None:
    references = _references(task)
    predictions = {item["image_id"]: item["prediction"] for item in items}
    found = score_captions(
        [
            CaptionAnswer(**reference, prediction=predictions[reference["image_id"]])
            for reference in references
            if reference["image_id"] in predictions
        ],
        task=task,
        task_version=TASK_VERSION,
        dataset=dataset_ref(),
        document_frequency=_document_frequencies(references),
        expected=Counter(reference["kind"] for reference in references),
        extra=chosen(task).extra,
        vision=vision(),
        model=run.model,
        rng=np.random.default_rng(BOOTSTRAP_SEED),
    )
    _scorecards[task] = found.scorecard
    if run.folder is not None:
        path = run.folder / CAPTIONS_FILE
        keep(run.folder, found.scorecard, lambda: write_captions(path, found.rows))


def _document_frequencies(references: list[Mapping[str, Any]]) -> dict[CaptionKind, DocumentFrequency]:
    """The tables of the kinds that occur; those of the whole test part, so that any part of it is scored alike."""
    kinds: set[CaptionKind] = {reference["kind"] for reference in references}
    return {kind: folder().document_frequency(kind) for kind in sorted(kinds)}


def _references(task: str) -> list[Mapping[str, Any]]:
    """The references that a task scores, in the order of the dataset, as the fields of a caption answer."""
    table = folder().captions("test", ["image_id", "source", "scene", "place", "captions"]).take(chosen(task).rows)
    return [
        {
            **{name: row[name] for name in ("image_id", "source", "scene", "place")},
            "caption_id": caption["caption_id"],
            "kind": caption["kind"],
            "origin": caption["origin"],
            "reference": caption["text"],
        }
        for row in table.to_pylist()
        for caption in row["captions"]
        if caption["kind"] in VIEWS[task].kinds
    ]
