"""Runs that are to be compared: found below folders, read, and refused where their numbers do not belong together.

A run is a folder that holds `sarlang_scorecard.json` and, per question or reference, `sarlang_verdicts.parquet` or
`sarlang_captions.parquet`. It may be named by any folder above it that holds no other run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.caption_rows import CAPTIONS_FILE, CaptionRow, read_captions
from sarlang_hf.scoring.scorecard import SCORECARD_FILE, AnyScorecard, Scorecard, read_scorecards
from sarlang_hf.scoring.verdicts import VERDICTS_FILE, Verdict, read_verdicts

_NAMED_AT_MOST = 8

Row = TypeVar("Row", Verdict, CaptionRow)


@dataclass(frozen=True, slots=True)
class Run:
    """What one model did on one task.

    Attributes:
        name: what tables call it.
        scorecard: its scorecard, for dataset, protocol and signature.
        verdicts: by question id, for a task of questions.
        captions: by caption id, for a task of captions.
    """

    name: str
    scorecard: AnyScorecard
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    captions: Mapping[str, CaptionRow] = field(default_factory=dict)


def open_runs(arguments: Sequence[str], task: str | None = None) -> dict[str, Run]:
    """Reads the runs that arguments name, each a folder or NAME=FOLDER.

    Args:
        arguments: at least two.
        task: the task to compare; None takes the only one that all runs have.

    Returns:
        The runs by name, in the order of the arguments.

    Raises:
        UsageError: fewer than two runs, a folder without a run or with several, one run twice, no or several common tasks, a
            file that cannot be read.
    """
    if len(arguments) < 2:
        raise UsageError(f"{len(arguments)} run", place="RUNS", remedy="name at least two folders of runs to compare")
    folders = _named_folders(arguments)
    cards = {name: read_scorecards(folder / SCORECARD_FILE) for name, folder in folders.items()}
    chosen = _common_task({name: list(held) for name, held in cards.items()}, task)
    return {name: read_run(folder, cards[name][chosen], name=name) for name, folder in folders.items()}


def read_run(folder: Path, card: AnyScorecard, *, name: str) -> Run:
    """Reads the verdicts or captions behind one scorecard of a run folder.

    Raises:
        UsageError: the file is missing, unreadable, without rows of the task, or names a question twice.
    """
    if isinstance(card, Scorecard):
        path, verdicts = folder / VERDICTS_FILE, read_verdicts(folder / VERDICTS_FILE)
        return Run(name, card, verdicts=_by_id(verdicts, card.task, path, lambda verdict: verdict.answer.question_id))
    path = folder / CAPTIONS_FILE
    if card.profile != "official":
        remedy = "score the same captions with --profile official"
        raise UsageError(f"profile {card.profile} of {card.task} keeps no scores of single captions", place=folder, remedy=remedy)
    return Run(name, card, captions=_by_id(read_captions(path), card.task, path, lambda row: row.answer.caption_id))


def find_run(path: Path) -> Path:
    """The only folder at or below `path` that holds a run.

    Raises:
        UsageError: there is none, or more than one.
    """
    found = sorted({file.parent for name in (VERDICTS_FILE, CAPTIONS_FILE) for file in path.rglob(name)})
    if len(found) == 1:
        return found[0]
    if not found:
        remedy = f"name a folder that `sarlang score --out`, `sarlang judge` or lmms-eval wrote, with its {VERDICTS_FILE}"
        raise UsageError("holds no run" if path.is_dir() else "is no folder", place=path, remedy=remedy)
    listed = ", ".join(str(folder) for folder in found[:_NAMED_AT_MOST])
    more = f" and {len(found) - _NAMED_AT_MOST} more" if len(found) > _NAMED_AT_MOST else ""
    raise UsageError(f"holds {len(found)} runs", place=path, remedy=f"name one of them: {listed}{more}")


def _named_folders(arguments: Sequence[str]) -> dict[str, Path]:
    """The run folder of each argument by name; arguments without a name get the shortest that tells them apart."""
    given = [_split(argument) for argument in arguments]
    found = [find_run(path) for _, path in given]
    short = [name or _short_name(path) for name, path in given]
    names = [name if short.count(name) == 1 else given[row][0] or str(given[row][1]) for row, name in enumerate(short)]
    folders: dict[str, Path] = {}
    for name, folder in zip(names, found, strict=True):
        if any(folder.samefile(other) for other in folders.values()):
            raise UsageError("is named twice", place=folder, remedy="name two different runs")
        if name in folders:
            raise UsageError(f"two runs are called {name!r}", place=folder, remedy="call them by different names: NAME=FOLDER")
        folders[name] = folder
    return folders


def _split(argument: str) -> tuple[str, Path]:
    """Name ('' if none is given) and folder. A folder that exists may have an '=' in its name."""
    name, sign, folder = argument.partition("=")
    return (name, Path(folder)) if sign and name and not Path(argument).exists() else ("", Path(argument))


def _short_name(path: Path) -> str:
    """The folder's own name, after that of its model if it is one of lmms-eval's `<model>/<time>_sarlang`."""
    whole = path.resolve()
    time = whole.name.removesuffix("_sarlang")
    return whole.name if time == whole.name else f"{whole.parent.name}/{time}"


def _common_task(tasks: Mapping[str, Sequence[str]], chosen: str | None) -> str:
    common = set.intersection(*map(set, tasks.values()))
    listed = "; ".join(f"{name}: {', '.join(held) or 'none'}" for name, held in tasks.items())
    if chosen is not None and chosen not in common:
        lacking = [name for name, held in tasks.items() if chosen not in held]
        raise UsageError(f"no scorecard of {chosen!r}", place=", ".join(lacking), remedy=f"choose a task they share ({listed})")
    if not common:
        raise UsageError("the runs have no task in common", place="RUNS", remedy=f"compare runs of one task ({listed})")
    if chosen is None and len(common) > 1:
        remedy = f"choose one with --task: {', '.join(sorted(common))}"
        raise UsageError(f"the runs share {len(common)} tasks", place="--task", remedy=remedy)
    return chosen or common.pop()


def _by_id(rows: Sequence[Row], task: str, path: Path, id_of: Callable[[Row], str]) -> dict[str, Row]:
    own = [row for row in rows if row.task == task]
    by_id = {id_of(row): row for row in own}
    if len(by_id) < len(own) or not own:
        problem = f"names an item of {task} twice" if own else f"holds no rows of {task}"
        raise UsageError(problem, place=path, remedy="score the run again: its files do not belong together")
    return by_id
