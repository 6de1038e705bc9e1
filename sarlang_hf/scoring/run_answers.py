"""The answers that a run keeps beside its verdicts: enough to judge them anew, without dataset, samples or model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.comparison.comparability import signature_parts
from sarlang_hf.scoring.comparison.runs import find_run
from sarlang_hf.scoring.scorecard import SCORECARD_FILE, AnyScorecard, Scorecard, read_scorecards
from sarlang_hf.scoring.verdicts import ANSWER_FIELDS, VERDICTS_FILE, Answer, read_verdicts


@dataclass(frozen=True, slots=True)
class RunAnswers:
    """The answers of one task of a run.

    Attributes:
        folder: the run's.
        answers: one per question that was asked.
        card: what the run was: model, vision, protocol, dataset.
        asked: questions of the whole task, of which the run may have asked a part (`--limit`).
    """

    folder: Path
    answers: list[Answer]
    card: Scorecard
    asked: int


def is_run(path: Path) -> bool:
    """Whether a path names a run: a folder, or a verdicts file."""
    return path.is_dir() or path.name == VERDICTS_FILE


def read_run_answers(path: Path, task: str | None = None) -> list[RunAnswers]:
    """Reads the tasks of questions of a run.

    Args:
        path: the verdicts file, its folder, or a folder that holds exactly one run at any depth.
        task: the only task to read; None for all.

    Raises:
        UsageError: there is no run or more than one, it holds no answers to questions or none of the task, or its files are
            unreadable or contradict each other.
    """
    folder = path.parent if path.name == VERDICTS_FILE and not path.is_dir() else find_run(path)
    file = folder / VERDICTS_FILE
    if not file.exists():
        remedy = "name the folder of a run on questions; captions are scored from their samples, or a file with image_id"
        raise UsageError(f"holds no {VERDICTS_FILE}", place=folder, remedy=remedy)
    answers: dict[str, list[Answer]] = {}
    for verdict in read_verdicts(file):
        answers.setdefault(verdict.task, []).append(verdict.answer)
    if not answers or task not in (None, *answers):
        problem = f"holds no answers{f' to {task}' if task else ''}"
        raise UsageError(problem, place=file, remedy=f"it has {', '.join(sorted(answers))}" if answers else "name another run")
    cards = read_scorecards(folder / SCORECARD_FILE)
    return [_checked(folder, name, found, cards.get(name)) for name, found in sorted(answers.items()) if task in (None, name)]


def _checked(folder: Path, task: str, answers: Sequence[Answer], card: AnyScorecard | None) -> RunAnswers:
    remedy = f"name a run whose {VERDICTS_FILE} and {SCORECARD_FILE} sarlang-hf wrote together"
    if not isinstance(card, Scorecard):
        raise UsageError(f"holds no scorecard of {task}", place=folder / SCORECARD_FILE, remedy=remedy)
    if len({answer.question_id for answer in answers}) < len(answers):
        raise UsageError(f"holds two answers to one question of {task}", place=folder / VERDICTS_FILE, remedy=remedy)
    needed = [name for name in ANSWER_FIELDS if name != "prediction"]
    if any(getattr(answer, name) is None for answer in answers for name in needed):
        raise UsageError(f"holds rows of {task} without question or reference", place=folder / VERDICTS_FILE, remedy=remedy)
    _, _, asked = signature_parts(card.signature).get("n", "").partition("/")
    if not asked.isascii() or not asked.isdigit() or int(asked) < len(answers):
        problem = f"counts {asked or 'no'} questions of {task}, where there are {len(answers)} answers"
        raise UsageError(problem, place=folder / SCORECARD_FILE, remedy=remedy)
    return RunAnswers(folder, list(answers), card, int(asked))
