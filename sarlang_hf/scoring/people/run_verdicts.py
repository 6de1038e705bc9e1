"""The verdicts of one task of a run."""

from __future__ import annotations

from pathlib import Path

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.comparison.runs import find_run
from sarlang_hf.scoring.verdicts import VERDICTS_FILE, Verdict, read_verdicts


def read_run(folder: Path, task: str | None = None) -> list[Verdict]:
    """Reads the verdicts of a run.

    Args:
        folder: the run's folder, or one that holds exactly one run at any depth.
        task: the task; None for the only one.

    Raises:
        UsageError: there is no run or more than one, it has captions only, lacks the task, has several and none was named, or
            holds two verdicts on one question.
    """
    path = find_run(folder) / VERDICTS_FILE
    if not path.exists():
        raise UsageError(f"has captions only, no {VERDICTS_FILE}", place=path.parent, remedy="name a run of a task of questions")
    verdicts = read_verdicts(path)
    tasks = sorted({verdict.task for verdict in verdicts})
    if task is None and len(tasks) != 1:
        problem = f"holds verdicts of {len(tasks)} tasks" + (f": {', '.join(tasks)}" if tasks else "")
        raise UsageError(problem, place=path, remedy="name one with --task" if tasks else "name a run that has verdicts")
    if task is not None and task not in tasks:
        raise UsageError(f"holds no verdicts of {task}", place=path, remedy=f"it has {', '.join(tasks) or 'none'}")
    chosen = [verdict for verdict in verdicts if task in (None, verdict.task)]
    if len({verdict.answer.question_id for verdict in chosen}) < len(chosen):
        raise UsageError("holds two verdicts on one question", place=path, remedy="name a file that sarlang-hf wrote")
    return chosen
