"""What the environment may choose for a run inside lmms-eval, and how a user error ends one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sarlang_hf.errors import SarlangError, UsageError
from sarlang_hf.scoring.answers import JUDGES, PROTOCOLS, JudgeName, Protocol
from sarlang_hf.scoring.signature import VISIONS, Vision

Choice = TypeVar("Choice", bound=str)


def protocol() -> Protocol:
    """`SARLANG_PROTOCOL`: how answers are judged.

    Raises:
        UsageError: a protocol that does not exist.
    """
    return _chosen("SARLANG_PROTOCOL", PROTOCOLS)


def judge() -> JudgeName:
    """`SARLANG_JUDGE`: the model that decides what the rules leave open; none by default.

    Raises:
        UsageError: a judge that does not exist.
    """
    return _chosen("SARLANG_JUDGE", JUDGES)


def hints() -> bool:
    """`SARLANG_HINTS`, on or off: whether prompts tell the possible answers (`texts.hints`); off by default.

    Raises:
        UsageError: neither of the two.
    """
    return _chosen("SARLANG_HINTS", ("off", "on")) == "on"


def vision() -> Vision:
    """`SARLANG_VISION`: what a model is shown (`tasks.vision`); the image by default.

    Raises:
        UsageError: a kind of input that does not exist.
    """
    return _chosen("SARLANG_VISION", VISIONS)


def check_settings() -> None:
    """Refuses a setting that does not exist before anything is done.

    Raises:
        UsageError: naming the variable.
    """
    for setting in (protocol, judge, hints, vision):
        setting()


def say(message: str) -> None:
    """Tells the user on stderr, once for all ranks of a run."""
    if os.environ.get("RANK", "0") == "0":
        print(f"sarlang: {message}", file=sys.stderr, flush=True)


@contextmanager
def ends_with_user_error() -> Iterator[None]:
    """Ends the process with the message and exit code of a user error raised inside.

    lmms-eval retries what fails while a task is built, prints a traceback for any other `Exception` and exits 0; only
    `SystemExit` passes through all of it. Nothing that runs after the model has answered may use this: the answers would be
    lost.
    """
    try:
        yield
    except SarlangError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        raise SystemExit(error.exit_code) from error


def _chosen(variable: str, choices: Sequence[Choice]) -> Choice:
    """The choice an environment variable makes; the first where it is unset or empty."""
    value = os.environ.get(variable) or choices[0]
    for choice in choices:
        if choice == value:
            return choice
    place, remedy = f"environment variable {variable}", f"unset it or set it to {' or '.join(map(repr, choices))}"
    raise UsageError(f"unknown value {value!r}", place=place, remedy=remedy)
