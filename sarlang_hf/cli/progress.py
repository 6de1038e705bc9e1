"""Progress of long work on standard error: a bar with rate and time left on a terminal, a line per phase elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Report(Protocol):
    """Tells how far a phase has come; `total` is None while unknown."""

    def __call__(self, phase: str, done: int, total: int | None) -> None: ...


@contextmanager
def progress_bars() -> Iterator[Report]:
    """Yields a function that draws one bar per phase."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        def report(phase: str, done: int, total: int | None) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=total)
                if not console.is_terminal:
                    console.print(f"{phase} ...")
            bars.update(tasks[phase], completed=done, total=total)

        yield report
