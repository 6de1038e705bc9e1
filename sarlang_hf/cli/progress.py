"""Progress of long work on standard error: a bar with rate and time left on a terminal, a line per phase elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Report:
    """Draws how far each phase has come; `total` is None while unknown."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        if phase not in self._tasks:
            # What an earlier run has done must not count as speed.
            self._tasks[phase] = self._bars.add_task(phase, total=total, completed=done)
            if not self._bars.console.is_terminal:
                self._bars.console.print(f"{phase} ...")
        self._bars.update(self._tasks[phase], completed=done, total=total)

    def notice(self, text: str) -> None:
        """Prints a sentence above the bars."""
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)


class _RateColumn(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s" if speed >= 100 else f"{speed:.3g}/s", style="progress.data.speed")


@contextmanager
def progress_bars() -> Iterator[Report]:
    """Yields a function that draws one bar per phase."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        yield Report(bars)
