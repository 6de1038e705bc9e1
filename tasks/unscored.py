"""Answers whose scoring fails are still answers: they may have cost days, and lmms-eval has not written them yet."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sarlang_hf.errors import SarlangError
from sarlang_hf.files import write_atomically
from sarlang_hf.tasks.outputs import Run
from sarlang_hf.tasks.settings import say

_log = logging.getLogger(__name__)


@contextmanager
def answers_come_first(items: Sequence[dict[str, Any]], key: str, run: Run) -> Iterator[None]:
    """Lets lmms-eval go on to print its table and to save the answers, whatever goes wrong inside; says how to score them later.

    Where lmms-eval writes files but no answers (without `--log_samples`), they are written here, as `sarlang score` reads them:
    OUT/<model>/<time>_sarlang/sarlang_answers_<task>.jsonl.

    Args:
        items: prediction, and question_id or image_id, of each answer of one task.
        key: which of the two ids.
        run: the run that they belong to.
    """
    task = items[0]["task"]
    try:
        yield
    except SarlangError as error:
        say(f"{task} is not scored: {error}\n  -> then {_command(task, items, key, run)}")
    except KeyboardInterrupt:
        say(f"scoring {task} was interrupted\n  -> {_command(task, items, key, run)}")
    except Exception:
        _log.exception("scoring %s did not finish; %s", task, _command(task, items, key, run))


def _command(task: str, items: Sequence[dict[str, Any]], key: str, run: Run) -> str:
    """What scores the answers later."""
    path = run.samples(task)
    if path is not None:
        return f"`sarlang score {path}` scores the answers"
    if run.folder is None:
        return "run it again: without --output_path no answers are saved"
    path = run.folder / f"sarlang_answers_{task}.jsonl"
    try:
        _write(path, items, key)
    except (SarlangError, OSError) as error:
        return f"run it again with --log_samples: the answers cannot be saved here ({error})"
    return f"`sarlang score {path} --task {task}` scores the answers"


def _write(path: Path, items: Sequence[dict[str, Any]], key: str) -> None:
    rows = (json.dumps({key: item[key], "prediction": item["prediction"]}) + "\n" for item in items)
    write_atomically(path, "".join(rows).encode())
