"""The inside of a worker process of pool.py: gets tasks, does them, answers, and does not outlive its parent."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from typing import Any

from sarlang_hf.errors import SarlangError

Watch = Callable[[str], None]
"""Told the name of each item before it is begun."""

_NAME_BYTES = 8192


class SharedNote:
    """Memory that a worker and its parent share: how many items are begun, and the name of the last."""

    def __init__(self, context: SpawnContext) -> None:
        self._begun = context.RawValue("q", 0)
        self._names = (context.RawArray("c", _NAME_BYTES), context.RawArray("c", _NAME_BYTES))

    def __call__(self, item: str) -> None:
        # The counter follows the name, and names take turns: a worker killed in between leaves the last one whole.
        self._names[(self._begun.value + 1) % 2].value = item.encode()[: _NAME_BYTES - 1]
        self._begun.value += 1

    def reset(self) -> None:
        self._begun.value = 0

    @property
    def begun(self) -> int:
        return int(self._begun.value)

    @property
    def item(self) -> str:
        return bytes(self._names[self.begun % 2].value).decode(errors="replace") if self.begun else ""


def serve(body: Callable[[Any, Watch], Any], pipe: Connection[Any, Any], note: SharedNote) -> None:
    """The main function of a worker."""
    _become_worker()
    with suppress(EOFError, ConnectionError):  # dismissed, be it while answering
        while True:
            pipe.send(_attempt(body, pipe.recv(), note))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # taking the interpreter apart would take as long as half of its start


def _attempt(body: Callable[[Any, Watch], Any], task: Any, note: SharedNote) -> tuple[str, Any, str]:
    try:
        return "done", body(task, note), ""
    except SarlangError as error:
        return "fault", error, ""
    except Exception as error:
        return "broken", _portable(error), traceback.format_exc()


def _become_worker() -> None:
    """Leaves Ctrl-C to the parent, and dies with it: an orphan would write into a folder that others build by then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(1))  # so that half-written files are removed
    threading.Thread(target=_die_with_parent, daemon=True).start()
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _portable(error: Exception) -> Exception:
    """The exception, or one that says the same, if it would not survive the trip between processes."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)
    except Exception:
        return RuntimeError(described(error))
    return error


def described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
