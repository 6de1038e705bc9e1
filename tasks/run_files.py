"""Our files of a run, and what the run's scores say beside those of other runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sarlang_hf.errors import SarlangError
from sarlang_hf.scoring.comparison.gaps import find_gaps
from sarlang_hf.scoring.gap import Gap, twin
from sarlang_hf.scoring.scorecard import SCORECARD_FILE, AnyScorecard, read_scorecards, write_scorecards
from sarlang_hf.scoring.tables import gap_lines
from sarlang_hf.tasks.settings import say

_log = logging.getLogger(__name__)


def keep(folder: Path, card: AnyScorecard, write_rows: Callable[[], None]) -> None:
    """Writes rows and scorecard of a task, then looks for runs to set beside it.

    What goes wrong here is said and costs nothing else: lmms-eval goes on to print its table and to save the answers.

    Args:
        folder: our folder of the run.
        card: the scores of the task.
        write_rows: writes the rows that the scores were computed from.
    """
    try:
        write_rows()
        write_scorecards(folder / SCORECARD_FILE, {card.task: card})
    except (SarlangError, OSError) as error:
        _log.error("no scorecard written: %s", error)
        return
    try:
        gaps = _add_gaps(folder, card.task)
    except Exception:
        # Files of other runs take part; whatever they hold, the answers of this one come first.
        _log.exception("this run is not set beside others")
        return
    for line in gap_lines(gaps):
        say(f"{card.task}: {line}")


def _add_gaps(folder: Path, task: str) -> tuple[Gap, ...]:
    """Puts the gaps of a task into its scorecard, and into that of its optical or radar twin where the run has one."""
    cards = read_scorecards(folder / SCORECARD_FILE)
    found = {name: find_gaps(folder, name) for name in (task, twin(task)) if name in cards}
    changed = {name: replace(cards[name], gaps=gaps) for name, gaps in found.items() if gaps != cards[name].gaps}
    if changed:
        write_scorecards(folder / SCORECARD_FILE, changed)
    return found[task]
