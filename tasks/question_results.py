"""Judges the answers of one task of a run, keeps the verdicts for its further metrics, and writes our files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sarlang_hf.scoring.accuracy import Score
from sarlang_hf.scoring.answers import Protocol
from sarlang_hf.scoring.scorecard import Scorecard
from sarlang_hf.scoring.signature import TASK_VERSION
from sarlang_hf.scoring.verdicts import DATASET_COLUMN, VERDICTS_FILE, Answer, write_verdicts
from sarlang_hf.tasks.dataset import chosen, dataset_ref, folder
from sarlang_hf.tasks.judging import judge_answers
from sarlang_hf.tasks.outputs import Run, current_run
from sarlang_hf.tasks.run_files import keep
from sarlang_hf.tasks.settings import hints, vision
from sarlang_hf.tasks.unscored import answers_come_first


@dataclass(frozen=True, slots=True)
class Outcome:
    """The scorecard of a task, and under each protocol the verdicts by question id (None: unjudged)."""

    scorecard: Scorecard
    verdict_of: Mapping[Protocol, Mapping[str, bool | None]]

    def score_of(self, protocol: Protocol) -> Score:
        """The overall score under a protocol."""
        return self.scorecard.protocols[protocol]


_outcomes: dict[str, Outcome] = {}


def judged(task: str) -> Outcome | None:
    """What `judge_items` found last for a task; None if it could not score the answers.

    lmms-eval aggregates the metrics of a task one after the other, in the order in which `process_results` names them.
    """
    return _outcomes.get(task)


def judge_items(items: list[dict[str, Any]], output_path: str | None) -> None:
    """Judges all answers of one task, scores them, and writes the files of the run where lmms-eval writes its own.

    Nothing that goes wrong is raised (`tasks.unscored`).

    Args:
        items: question_id and prediction of each answer, of one task, in any order; a part of the task under `--limit`.
        output_path: what the user gave as `--output_path`.
    """
    task, run = items[0]["task"], current_run(output_path)
    _outcomes.pop(task, None)
    with answers_come_first(items, "question_id", run):
        _judge(task, items, run)


def _judge(task: str, items: list[dict[str, Any]], run: Run) -> None:
    choice = chosen(task)
    found = judge_answers(
        _answers({item["question_id"]: item["prediction"] for item in items}),
        run=run.folder,
        task=task,
        task_version=TASK_VERSION,
        dataset=dataset_ref(),
        expected=len(choice.rows),
        extra={**choice.extra, **({"hints": "on"} if hints() else {})},
        vision=vision(),
        model=run.model,
    )
    ids = [verdict.answer.question_id for verdict in found.verdicts]
    verdict_of = {protocol: dict(zip(ids, verdicts, strict=True)) for protocol, verdicts in found.verdict_of.items()}
    _outcomes[task] = Outcome(found.scorecard, verdict_of)
    if run.folder is not None:
        path = run.folder / VERDICTS_FILE
        keep(run.folder, found.scorecard, lambda: write_verdicts(path, found.verdicts))


def _answers(predictions: Mapping[str, str | None]) -> list[Answer]:
    """The questions that were answered, in the order of the dataset, with their predictions."""
    questions = folder().questions("test", list(DATASET_COLUMN.values()))
    places = folder().places("test") if any(folder().has(config, "test") for config in ("vqa", "cap")) else {}
    columns = [questions[name].to_pylist() for name in DATASET_COLUMN.values()]
    rows = (dict(zip(DATASET_COLUMN, row, strict=True)) for row in zip(*columns, strict=True))
    return [
        Answer(**row, place=places.get(row["image_id"], ""), prediction=predictions[row["question_id"]])
        for row in rows
        if row["question_id"] in predictions
    ]
