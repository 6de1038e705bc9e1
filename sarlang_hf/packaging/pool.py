"""Processes that work through tasks under supervision: one that is killed costs its task a second try, not the build.

A worker is a spawned process. It gets one task at a time through a pipe and answers through it. Before each item of a task (an
image of a shard) it writes the item's name into memory shared with its parent: that costs next to nothing, and tells the parent
how far everybody is, and at what a worker was when it died.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext
from typing import Any, Generic, TypeVar

from sarlang_hf.errors import SarlangError
from sarlang_hf.packaging.worker import SharedNote, Watch, described, serve

TICK_SECONDS = 0.2
GRACE_SECONDS = 10.0
"""Workers that are told to stop get this long to remove what they have half-written."""

Task = TypeVar("Task")
Result = TypeVar("Result")

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "GDAL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Failure:
    """How a task broke down.

    Attributes:
        item: the item it was at; empty before the first.
        how: what happened, in words: `a worker was killed by SIGKILL`, `ValueError: ...`.
        error: the unexpected exception; None if the process died.
    """

    item: str
    how: str
    error: Exception | None


def run_tasks(
    body: Callable[[Task, Watch], Result],
    tasks: Sequence[Task],
    *,
    workers: int,
    failed: Callable[[Task, Failure], Task],
    tick: Callable[[int], None],
) -> Generator[tuple[Task, Result], None, None]:
    """Does something with each task, and yields each task with its result as it is done, in any order.

    Close the generator (`contextlib.closing`) to stop the workers whatever happens.

    Args:
        body: what is done with a task; must be picklable if there are workers.
        tasks: picklable descriptions of what to do.
        workers: processes; 1 does everything in this one, which then dies with whatever kills it.
        failed: decides about a task that broke down: returns the task to run in its place, or raises.
        tick: told now and then how many items of the running tasks are done.

    Raises:
        SarlangError: raised by `body`, and not a breakdown.
    """
    if workers == 1 or not tasks:
        yield from _run_here(body, tasks, failed, tick)
        return
    with _crew(body, min(workers, len(tasks))) as crew:
        waiting = deque(tasks)
        while waiting or any(worker.task is not None for worker in crew):
            for worker in crew:
                if worker.task is None and waiting:
                    worker.assign(waiting.popleft())
            busy = {worker.pipe: worker for worker in crew if worker.task is not None}
            for pipe in wait(list(busy), TICK_SECONDS):
                task, outcome = busy[pipe].collect()  # type: ignore[index]  # typeshed: wait returns what it is given
                if isinstance(outcome, Failure):
                    waiting.appendleft(failed(task, outcome))
                else:
                    yield task, outcome.result
            tick(sum(max(worker.begun - 1, 0) for worker in crew if worker.task is not None))


def _run_here(
    body: Callable[[Task, Watch], Result],
    tasks: Sequence[Task],
    failed: Callable[[Task, Failure], Task],
    tick: Callable[[int], None],
) -> Iterator[tuple[Task, Result]]:
    for task in tasks:
        watch = _WatchHere(tick)
        try:
            while True:
                try:
                    result = body(task, watch)
                    break
                except SarlangError:
                    raise
                except Exception as error:
                    error.add_note(f"while working at {watch.item or 'no item'}")
                    task = failed(task, Failure(watch.item, described(error), error))  # noqa: PLW2901 (its next try)
                    watch = _WatchHere(tick)
        except _TickError as error:
            raise error.cause from None
        yield task, result


class _WatchHere:
    """Counts items in the parent itself. What `tick` raises must not pass for a breakdown of the item."""

    def __init__(self, tick: Callable[[int], None]) -> None:
        self.item = ""
        self._begun = 0
        self._tick = tick
        self._told = time.monotonic()

    def __call__(self, item: str) -> None:
        self.item = item
        self._begun += 1
        if (now := time.monotonic()) - self._told >= TICK_SECONDS:
            self._told = now
            try:
                self._tick(self._begun - 1)
            except Exception as error:
                raise _TickError(error) from None


class _TickError(BaseException):
    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


@dataclass(frozen=True, slots=True)
class _Done(Generic[Result]):
    result: Result


class _Worker(Generic[Task, Result]):
    """One place of the crew; the process that fills it is started when there is work, and again when it has died."""

    def __init__(self, context: SpawnContext, body: Callable[[Task, Watch], Result]) -> None:
        self.task: Task | None = None
        self.pipe: Connection[Any, Any]
        self._context = context
        self._body = body
        self._note = SharedNote(context)
        self._process: Any = None  # of the context's own class

    @property
    def begun(self) -> int:
        return self._note.begun

    def assign(self, task: Task) -> None:
        self.task = task
        self._note.reset()
        if self._process is None or not self._process.is_alive():
            self._start()
        with suppress(BrokenPipeError):  # it has died this moment: `collect` will see that
            self.pipe.send(task)

    def collect(self) -> tuple[Task, _Done[Result] | Failure]:
        """The task and what became of it; to be called when the pipe has something, be it its end."""
        task, self.task = self.task, None
        assert task is not None  # noqa: S101 (only busy workers are asked)
        try:
            kind, value, trace = self.pipe.recv()
        except (EOFError, OSError):
            return task, Failure(self._note.item, self._death(), None)
        if kind == "done":
            return task, _Done(value)
        if kind == "fault":
            raise value
        value.add_note(f"in a worker process, at {self._note.item or 'no item'}:\n{trace}")
        return task, Failure(self._note.item, described(value), value)

    def dismiss(self) -> None:
        """Tells the process to end; what it is at is given up."""
        if self._process is not None:
            if self.task is not None:
                self._process.terminate()
            self.pipe.close()

    def wait_for_end(self) -> None:
        if self._process is not None:
            self._process.join(GRACE_SECONDS)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()

    def _start(self) -> None:
        self.pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=serve, args=(self._body, theirs, self._note), daemon=True)
        with _one_thread_each():
            self._process.start()
        theirs.close()  # so that the pipe ends with the process

    def _death(self) -> str:
        self._process.join()
        code = self._process.exitcode
        with suppress(ValueError):  # a number without a name
            return f"a worker was killed by {signal.Signals(-code).name}"
        return f"a worker ended with exit status {code}"


@contextmanager
def _crew(body: Callable[[Task, Watch], Result], number: int) -> Iterator[list[_Worker[Task, Result]]]:
    context = multiprocessing.get_context("spawn")
    crew = [_Worker[Task, Result](context, body) for _ in range(number)]
    try:
        yield crew
    finally:
        for worker in crew:
            worker.dismiss()
        for worker in crew:
            worker.wait_for_end()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """An environment for children in which numerical libraries, which read it when they are loaded, use one thread."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
