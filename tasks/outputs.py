"""What is known of the run that is under way, and where lmms-eval writes it: OUT/<model>/<time>_results.json, and ours in
OUT/<model>/<time>_sarlang/.

A model whose `--model_args` hold no name (`sarlang_prior`) has an empty `<model>`: the files lie in OUT/ itself.
"""

from __future__ import annotations

import inspect
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from sarlang_hf.errors import OutputError
from sarlang_hf.tasks.model_name import model_name

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """A run of lmms-eval.

    Attributes:
        prefix: what the names of its files begin with; None where it writes none.
        logs_samples: whether it will write the answers one by one (`--log_samples`).
        model: how it was told to make and to ask the model.
    """

    prefix: Path | None
    logs_samples: bool
    model: str

    @property
    def folder(self) -> Path | None:
        """Our folder beside its files, shared by all tasks of the run."""
        return None if self.prefix is None else self.prefix.with_name(f"{self.prefix.name}_sarlang")

    def samples(self, task: str) -> Path | None:
        """The file that its answers to a task will stand in."""
        named = self.prefix is not None and self.logs_samples
        return self.prefix.with_name(f"{self.prefix.name}_samples_{task}.jsonl") if self.prefix and named else None


def current_run(output_path: str | None) -> Run:
    """The run that the caller works for.

    Args:
        output_path: what the user gave as `--output_path`.
    """
    frame = _simple_evaluate(inspect.currentframe())
    if frame is None:
        if output_path:
            _log.warning("no lmms-eval run found on the call stack: no scorecard is written under %s", output_path)
        return Run(prefix=None, logs_samples=False, model="")
    values = frame.f_locals
    tracker, prefix = values["evaluation_tracker"], None
    if tracker.output_path:
        folder = Path(tracker.output_path) / tracker.general_config_tracker.model_name_sanitized
        prefix = folder / values["datetime_str"].replace(":", "-")
    return Run(prefix, bool(values.get("log_samples")), model_name(values.get("model"), values.get("model_args"), values))


def require_writable_output() -> None:
    """Finds out before the model answers, not after, that lmms-eval's output folder cannot be written.

    Raises:
        OutputError: it cannot.
    """
    frame = _simple_evaluate(inspect.currentframe())
    if frame is None or not frame.f_locals["evaluation_tracker"].output_path:
        return
    folder = Path(frame.f_locals["evaluation_tracker"].output_path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "make it a folder that this user may write, or choose another --output_path"
        raise OutputError(f"cannot write: {error.strerror}", place=folder, remedy=remedy) from error


def _simple_evaluate(frame: FrameType | None) -> Any | None:
    """The frame of the innermost `lmms_eval.evaluator.simple_evaluate` on the call stack.

    lmms-eval hands a task its command line but neither its tracker nor the start time that names its files.
    """
    while frame is not None:
        if frame.f_code.co_name == "simple_evaluate" and frame.f_locals.get("evaluation_tracker") is not None:
            return frame
        frame = frame.f_back
    return None
