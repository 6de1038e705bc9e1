"""Where lmms-eval writes the run that is under way: OUT/<model>/<time>_results.json, and ours in OUT/<model>/<time>_sarlang/.

A model whose `--model_args` hold no name (`sarlang_prior`) has an empty `<model>`: the files lie in OUT/ itself.
"""

from __future__ import annotations

import inspect
import logging
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

from sarlang_hf.errors import OutputError

_log = logging.getLogger(__name__)


def run_folder(output_path: str | None) -> Path | None:
    """Our folder beside the files lmms-eval will write, shared by all tasks of the run.

    Args:
        output_path: what the user gave as `--output_path`.

    Returns:
        None where lmms-eval writes nothing either.
    """
    run = _run_in_progress(inspect.currentframe())
    if run is None:
        if output_path:
            _log.warning("no lmms-eval run found on the call stack: no scorecard is written under %s", output_path)
        return None
    tracker, started = run
    if not tracker.output_path:
        return None
    model: str = tracker.general_config_tracker.model_name_sanitized
    return Path(tracker.output_path) / model / f"{started}_sarlang"


def require_writable_output() -> None:
    """Finds out before the model answers, not after, that lmms-eval's output folder cannot be written.

    Raises:
        OutputError: it cannot.
    """
    run = _run_in_progress(inspect.currentframe())
    if run is None or not run[0].output_path:
        return
    folder = Path(run[0].output_path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "make it a folder that this user may write, or choose another --output_path"
        raise OutputError(f"cannot write: {error.strerror}", place=folder, remedy=remedy) from error


def _run_in_progress(frame: FrameType | None) -> tuple[Any, str] | None:
    """The tracker and the start time of the innermost `lmms_eval.evaluator.simple_evaluate` on the call stack.

    lmms-eval hands a task its command line but neither of the two, and a time taken here would match no file of its own.
    """
    while frame is not None:
        if frame.f_code.co_name == "simple_evaluate" and frame.f_locals.get("evaluation_tracker") is not None:
            return frame.f_locals["evaluation_tracker"], frame.f_locals["datetime_str"].replace(":", "-")
        frame = frame.f_back
    return None
