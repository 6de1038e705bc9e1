"""The log file of a build, for those who do not sit at the terminal: phases, rates, what went wrong.

    2026-01-05T09:12:44+00:00 reading annotations: started
    2026-01-05T09:12:58+00:00 reading annotations: 118,331 in 14 s
    2026-01-05T09:13:08+00:00 building shards: 4,212 of 118,331, 421/s, 4 min 31 s left
    2026-01-05T09:13:09+00:00 shard train-00004, at spacenet6/SN6_...: a worker was killed by SIGKILL; the shard is built again

Lines are appended: a build that is run again continues its log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TextIO

from sarlang_hf.errors import OutputError
from sarlang_hf.files import output_errors

SECONDS_BETWEEN_LINES = 10.0

Clock = Callable[[], datetime]


class Progress(Protocol):
    """Told how far a phase has come; `total` is None while it is unknown."""

    def __call__(self, phase: str, done: int, total: int | None, /) -> None: ...


def log_path(out: Path, share: tuple[int, int] | None) -> Path:
    """Where the log of a dataset folder lies: beside it, one per share."""
    part = "" if share is None else ".share-{}-of-{}".format(*share)
    return Path(f"{out.absolute()}{part}.log")


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a phase is at a time; `total` is None while unknown."""

    time: datetime
    done: int
    total: int | None


def progress_text(phase: str, start: Mark, now: Mark) -> str:
    """A phase in a line: what is done, the rate since `start` and the time left at that rate."""
    seconds = (now.time - start.time).total_seconds()
    rate = (now.done - start.done) / seconds if seconds > 0 else 0.0
    if now.done == now.total:
        return f"{phase}: {now.done:,} in {duration(seconds)}"
    of = "" if now.total is None else f" of {now.total:,}"
    left = f", {duration((now.total - now.done) / rate)} left" if now.total is not None and rate > 0 else ""
    return f"{phase}: {now.done:,}{of}, {rate:.3g}/s{left}" if rate < 1000 else f"{phase}: {now.done:,}{of}, {rate:,.0f}/s{left}"


def duration(seconds: float) -> str:
    """Seconds as people read them: `8 s`, `4 min 31 s`, `3 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


class BuildLog:
    """Writes a line when a phase starts or ends, now and then in between, and for every notice.

    Args:
        file: what the lines are written to.
        clock: the time now.
    """

    def __init__(self, file: TextIO, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._phase = ""
        self._start = self._last = self._written = Mark(clock(), 0, None)

    def progress(self, phase: str, done: int, total: int | None) -> None:
        now = Mark(self._clock(), done, total)
        if phase != self._phase:
            self._end()
            self._phase, self._start, self._written = phase, now, now
            self._write(now.time, f"{phase}: started" + (f" at {done:,} of {total:,}" if done and total else ""))
        elif (now.time - self._written.time).total_seconds() >= SECONDS_BETWEEN_LINES:
            self._written = now
            self._write(now.time, progress_text(phase, self._start, now))
        self._last = now

    def notice(self, text: str) -> None:
        self._write(self._clock(), text)

    def close(self, ending: str) -> None:
        """Ends the last phase, and the log with it."""
        self._end()
        self.notice(ending)

    def _end(self) -> None:
        if self._phase and self._last != self._written:
            self._write(self._last.time, progress_text(self._phase, self._start, self._last))

    def _write(self, time: datetime, text: str) -> None:
        self._file.write(f"{time.isoformat(timespec='seconds')} {text}\n")
        self._file.flush()


class Report:
    """Passes progress and notices on to whoever wants to know: a progress bar, a log file, both or nobody."""

    def __init__(self, progress: Progress | None = None, notice: Callable[[str], None] | None = None) -> None:
        self.log: BuildLog | None = None
        self._progress = progress
        self._notice = notice

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        if self._progress:
            self._progress(phase, done, total)
        if self.log:
            self.log.progress(phase, done, total)

    def notice(self, text: str) -> None:
        if self._notice:
            self._notice(text)
        if self.log:
            self.log.notice(text)


@contextmanager
def build_log(path: Path | None, report: Report) -> Iterator[None]:
    """Opens a log file, lets `report` write to it, and notes how the body ended.

    Raises:
        OutputError: the file cannot be written.
    """
    if path is None:
        yield
        return
    with _opened(path) as file:
        log = report.log = BuildLog(file, lambda: datetime.now(UTC))
        try:
            yield
        except BaseException as error:
            with suppress(OSError):  # the error itself matters more than that it cannot be logged
                log.close(f"stopped: {error or type(error).__name__}".replace("\n", " "))
            raise
        log.close("done")


def _opened(path: Path) -> TextIO:
    try:
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("a", encoding="utf-8")
    except OutputError as error:
        raise OutputError(f"log file: {error.problem}", place=path, remedy="choose another one with --log FILE") from error
