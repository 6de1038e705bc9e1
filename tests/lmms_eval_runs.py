"""Runs several lmms-eval command lines in one process, because every start costs seconds: a script, not a test.

    python lmms_eval_runs.py RUNS.json OUTCOMES.json

RUNS is a list of {"name", "argv", "env"}; OUTCOMES maps each name to {"code", "out", "err"}. The environment of a run is the
process's own with `env` on top. Before the first run a tiny Qwen2.5-VL is written twice, to ./tiny and ./tiny_again.
lmms-eval's own folder of tasks, two seconds of YAML, is indexed once for all runs.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest import mock


def main(runs: Path, outcomes: Path) -> None:
    from sarlang_hf.harness.tiny_models import build_tiny_qwen2_5_vl

    for name in ("tiny", "tiny_again"):
        build_tiny_qwen2_5_vl(Path(name))
    _index_lmms_evals_tasks_once()
    outcomes.write_text(json.dumps({run["name"]: _run(run["argv"], run["env"]) for run in json.loads(runs.read_text())}))


def _index_lmms_evals_tasks_once() -> None:
    import lmms_eval.tasks

    own = str(Path(lmms_eval.tasks.__file__).parent)
    index, known = lmms_eval.tasks.TaskManager._get_task_and_group, {}

    def _get_task_and_group(self: Any, task_dir: str) -> dict[str, Any]:
        if os.path.normpath(task_dir) != own:
            return index(self, task_dir)
        if own not in known:
            known[own] = index(self, task_dir)
        return dict(known[own])

    lmms_eval.tasks.TaskManager._get_task_and_group = _get_task_and_group


def _run(argv: list[str], env: dict[str, str]) -> dict[str, object]:
    from lmms_eval.cli.dispatch import main as lmms_eval

    out, err, code = io.StringIO(), io.StringIO(), None
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, env))
        stack.enter_context(mock.patch.object(sys, "argv", ["lmms-eval", *argv]))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        try:
            lmms_eval()
        except SystemExit as ended:
            code = ended.code
    return {"code": code or 0, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
