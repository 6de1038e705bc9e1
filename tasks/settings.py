"""What the environment may choose for a run inside lmms-eval, and how a user error ends one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sarlang_hf.errors import SarlangError, UsageError

Protocol = Literal["strict"]
Judge = Literal["off"]


def protocol() -> Protocol:
    """`SARLANG_PROTOCOL`: how answers are judged.

    Raises:
        UsageError: a protocol that does not exist.
    """
    _require("SARLANG_PROTOCOL", "strict", "the strict protocol, which needs no judge model")
    return "strict"


def judge() -> Judge:
    """`SARLANG_JUDGE`: the model that decides what the rules leave open; none by default.

    Raises:
        UsageError: a judge that does not exist.
    """
    _require("SARLANG_JUDGE", "off", "rules alone; answers they cannot decide widen the reported range")
    return "off"


def cache_folder() -> Path:
    """`SARLANG_CACHE`, else `~/.cache/sarlang-hf`."""
    chosen = os.environ.get("SARLANG_CACHE")
    return Path(chosen).expanduser().absolute() if chosen else Path.home() / ".cache" / "sarlang-hf"


@contextmanager
def ends_with_user_error() -> Iterator[None]:
    """Ends the process with the message and exit code of a user error raised inside.

    lmms-eval retries what fails while a task is built, prints a traceback for any other `Exception` and exits 0; only
    `SystemExit` passes through all of it.
    """
    try:
        yield
    except SarlangError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        raise SystemExit(error.exit_code) from error


def _require(variable: str, only: str, meaning: str) -> None:
    value = os.environ.get(variable) or only
    if value != only:
        raise UsageError(
            f"unknown value {value!r}",
            place=f"environment variable {variable}",
            remedy=f"unset it or set it to {only!r}: {meaning}",
        )
