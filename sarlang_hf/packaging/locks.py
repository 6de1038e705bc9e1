"""Locks between processes, also of several nodes: advisory `flock` on small files that only their holder removes.

They need a file system that passes locks between its clients: NFS, GPFS, BeeGFS, CephFS and Lustre (mounted with `flock`) do. A
lock ends with its process, however that ends, so that a killed build blocks nothing.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sarlang_hf.errors import OutputError

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 0.3
"""A refusal is final after this time: others hold a lock for an instant when they look whether it is taken."""


class LockedError(Exception):
    """Another process holds the lock."""


@contextmanager
def locked(
    path: Path, *, shared: bool = False, waiting: Callable[[], None] | None = None, patience: float = PATIENCE_SECONDS
) -> Iterator[None]:
    """Holds the lock file `path` for the body.

    Args:
        path: made if it is not there.
        shared: tolerate other shared holders.
        waiting: called once if the lock is taken, which is then waited for without limit; None gives up.
        patience: seconds after which a taken lock is given up or `waiting` is called.

    Raises:
        LockedError: another process holds the lock, and `waiting` is None.
        OutputError: the file system has no locks.
    """
    give_up = time.monotonic() + patience
    while (file := _taken(path, shared=shared)) is None:
        if time.monotonic() >= give_up:
            if waiting is None:
                raise LockedError(str(path))
            waiting()
            waiting, give_up = _told, float("inf")
        time.sleep(POLL_SECONDS)
    with file:
        yield


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock file `path` exclusively."""
    try:
        with path.open("rb") as file:
            return not _try(file, path, shared=True)
    except FileNotFoundError:
        return False


def _taken(path: Path, *, shared: bool) -> IO[bytes] | None:
    """The open lock file, if the lock could be had."""
    path.parent.mkdir(exist_ok=True)  # whoever held the lock may have removed it with its folder
    file = path.open("a+b")
    try:
        if _try(file, path, shared=shared) and _is_at(file, path):
            return file
    except BaseException:
        file.close()
        raise
    file.close()
    return None


def _is_at(file: IO[bytes], path: Path) -> bool:
    """Whether the file is still the one of that name: the lock on a removed file keeps nobody out."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _try(file: IO[bytes], path: Path, *, shared: bool) -> bool:
    import fcntl  # POSIX only; all but building works elsewhere too

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}:
            raise
        remedy = "choose a folder on another file system, or mount this one with locks (Lustre: -o flock)"
        raise OutputError("the file system has no locks", place=path, remedy=remedy) from error
    return True


def _told() -> None:
    """Stands in for `waiting` after it was called."""
