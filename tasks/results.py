"""Judges the answers of one task of a run, keeps the verdicts for its further metrics, and writes our files."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sarlang_hf.data import DatasetFolder
from sarlang_hf.errors import SarlangError
from sarlang_hf.scoring.scorecard import SCORECARD_FILE, TASK_VERSION, DatasetRef, Scorecard, score, write_scorecards
from sarlang_hf.scoring.verdicts import ANSWER_FIELDS, VERDICTS_FILE, Answer, Verdict, judge_answers, write_verdicts
from sarlang_hf.tasks.outputs import run_folder
from sarlang_hf.tasks.settings import judge, protocol

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Extent:
    """How many questions a task has, and what else names it in the signature."""

    questions: int
    extra: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts by question id (None: unjudged) and the scorecard over them."""

    verdict_of: Mapping[str, bool | None]
    scorecard: Scorecard


_judged: dict[str, Judged] = {}


def judged(task: str) -> Judged:
    """What `judge_run` found last for a task.

    lmms-eval aggregates the metrics of a task one after the other, in the order in which `process_results` names them.
    """
    return _judged[task]


def judge_run(items: list[dict[str, Any]], dataset: DatasetFolder, extent: Extent, output_path: str | None) -> Judged:
    """Judges all answers of one task, scores them, and writes the files of the run where lmms-eval writes its own.

    Args:
        items: the answers, of one task, in any order.
        dataset: what was asked about.
        extent: the whole task; `items` cover a part of it under `--limit`.
        output_path: what the user gave as `--output_path`.
    """
    task = items[0]["task"]
    answers = [Answer(**{name: item[name] for name in ANSWER_FIELDS}) for item in items]
    verdicts = judge_answers(answers, protocol=protocol(), task=task)
    card = score(
        verdicts,
        task=task,
        task_version=TASK_VERSION,
        protocol=protocol(),
        dataset=DatasetRef(dataset.kind, dataset.sha256),
        judge=judge(),
        expected=extent.questions,
        extra=extent.extra,
    )
    _judged[task] = Judged({verdict.answer.question_id: verdict.verdict for verdict in verdicts}, card)
    folder = run_folder(output_path)
    if folder is not None:
        _write(folder, verdicts, card)
    return _judged[task]


def _write(folder: Path, verdicts: list[Verdict], card: Scorecard) -> None:
    try:
        write_verdicts(folder / VERDICTS_FILE, verdicts)
        write_scorecards(folder / SCORECARD_FILE, {card.task: card})
    except (SarlangError, OSError) as error:
        # The answers may have cost days: lmms-eval goes on to print its table and to save what it can.
        _log.error("no scorecard written: %s", error)
