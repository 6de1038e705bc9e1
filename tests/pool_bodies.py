"""What the workers of tests/test_engine.py do: functions that a spawned process can import without loading a test suite."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def spelled(task: str, watch: Callable[[str], None]) -> str:
    """Goes through a word letter by letter."""
    for letter in task:
        watch(letter)
    return task.upper()


def killed_at_x(task: str, watch: Callable[[str], None]) -> str:
    for letter in task:
        watch(letter)
        if letter == "x":
            os.kill(os.getpid(), signal.SIGKILL)
    return task


def raising_at_x(task: str, watch: Callable[[str], None]) -> str:
    for letter in task:
        watch(letter)
        if letter == "x":
            raise LookupError(f"no {letter} here")
    return task


def threads(_task: str, _watch: Callable[[str], None]) -> dict[str, str | int]:
    """How many threads the numerical libraries of this process may use."""
    import pyarrow as pa

    return {"omp": os.environ["OMP_NUM_THREADS"], "numba": os.environ["NUMBA_NUM_THREADS"], "arrow": pa.cpu_count()}


def patient(task: str, _watch: Callable[[str], None]) -> None:
    """Waits until there is a file `task`, for a minute at most."""
    for _ in range(12_000):
        if Path(task).exists():
            return
        time.sleep(0.005)
    raise TimeoutError(task)


def slow(task: str, watch: Callable[[str], None]) -> None:
    """Writes its process id to the file `task`, then works for a minute."""
    watch("slow")
    Path(task).write_text(str(os.getpid()))
    time.sleep(60)
