"""Looking at the files of a source. What the system refuses to show is the source's fault and is said to be."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sarlang_hf.errors import SourceError

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}
"""Refusals that mean 'no such file can be there', as opposed to 'you may not look'."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns the system's refusal to read `path` into a `SourceError`."""
    try:
        yield
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        remedy = "check that it is there, of the right kind, and readable for this user"
        raise SourceError(problem, place=path, remedy=remedy) from error


def exists(path: Path) -> bool:
    """Whether anything is there.

    Unlike `Path.exists`, the same on every Python: a name too long is absent, and a folder that may not be searched is a
    `SourceError`. So it is with the questions below.
    """
    return _mode(path) != 0


def is_file(path: Path) -> bool:
    """Whether a file is there."""
    return stat.S_ISREG(_mode(path))


def is_folder(path: Path) -> bool:
    """Whether a folder is there."""
    return stat.S_ISDIR(_mode(path))


def require_folder(path: Path, *, what: str) -> None:
    """Raises a `SourceError` unless `path` is a folder."""
    if not is_folder(path):
        problem = "is not a folder" if exists(path) else "does not exist"
        raise SourceError(f"the {what} folder {problem}", place=path, remedy=f"give the folder that holds {what}")


def require_readable(path: Path) -> None:
    """Raises a `SourceError` unless `path` is a file that can be opened."""
    with reading(path), path.open("rb"):
        pass


def json_files(folder: Path) -> list[Path]:
    """The files *.json of a folder in name order; none if there is no such folder.

    `Path.glob` would pass over a folder that cannot be read without a word.
    """
    if not is_folder(folder):
        return []
    with reading(folder):
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(".json"))  # noqa: PTH208 (names suffice)


def _mode(path: Path) -> int:
    """The file's mode, 0 if it is absent."""
    with reading(path):
        try:
            return path.stat().st_mode
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
            return 0
