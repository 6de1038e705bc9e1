"""Every exception a user can meet.

A user error names the value that is wrong, the place where it stands (file, row, field) and the remedy; the command line
prints it without a traceback and exits 2. Anything else that is raised is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class SarlangError(Exception):
    """Base of all user errors.

    Args:
        problem: what is wrong, with the offending value.
        place: where it stands: a file, and within it the row or field.
        remedy: what the user can do about it.
    """

    exit_code = 2

    def __init__(self, problem: str, *, place: str | Path, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.place = str(place)
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}\n  -> {self.remedy}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Worker processes send their errors home; keyword-only arguments need help to survive the trip.
        return _rebuild, (type(self), self.__dict__)


def _rebuild(kind: type[SarlangError], state: Mapping[str, Any]) -> SarlangError:
    error = kind.__new__(kind)
    Exception.__init__(error, state["problem"])
    error.__dict__.update(state)
    return error


class UsageError(SarlangError):
    """An option or argument is wrong or contradicts another one."""


class SourceError(SarlangError):
    """A source folder or one of its annotation files cannot be read as a whole. Always stops the build."""


class ImageFault(SarlangError):
    """One image, or its annotation, is unusable; `--on-error fail|skip` decides what happens.

    `reason` is the short code under which the manifest counts it and `rejects.jsonl` files it. `root` is the source folder;
    what is filed names places relative to it, so that a dataset does not depend on where its source lay. A `screened` image
    is sound but incomplete (no optical twin, almost no pixels): the paper leaves such images out, and they never stop a build.
    `texts` is the number of texts that go with the image.
    """

    def __init__(
        self,
        problem: str,
        *,
        place: str | Path,
        remedy: str,
        reason: str,
        image_id: str,
        root: Path,
        screened: bool = False,
        texts: int = 0,
    ) -> None:
        super().__init__(problem, place=place, remedy=remedy)
        self.reason = reason
        self.image_id = image_id
        self.root = root
        self.screened = screened
        self.texts = texts


class OutputError(SarlangError):
    """The output folder cannot be written: read-only, full, or in use by another dataset."""


class DatasetNotFoundError(SarlangError):
    """No built dataset where one was expected, or it lacks the config or split that was asked for."""


class DatasetFormatError(SarlangError):
    """The folder was written by another major version of the format."""


class DatasetCorruptError(SarlangError):
    """A file of the dataset folder is missing or altered, or its rows contradict each other."""


class PredictionsError(SarlangError):
    """A predictions file cannot be read or does not fit the dataset."""


class JudgeError(SarlangError):
    """The judge cannot go on: its server refuses the key or the request, or another model answers than the one asked for."""
