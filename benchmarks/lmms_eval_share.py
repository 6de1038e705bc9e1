"""What sarlang-hf itself costs inside lmms-eval: a whole run of `sarlang_gold` over 20,000 questions, with our functions timed.

Counted are the documents, prompts, image look-up (bytes, without decoding), results, judging, scoring and writing our files.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from figures import Figure, print_figures
from scenes import scenes

import sarlang_hf
from sarlang_hf.data import ImageStore
from sarlang_hf.scoring.answers import PROTOCOLS
from sarlang_hf.scoring.scorecard import SCORECARD_FILE, Scorecard, read_scorecards
from sarlang_hf.sources import SARDet100K
from sarlang_hf.tasks import templates, vqa

LIMIT_MS = 0.3


def measure(folder: Path) -> list[Figure]:
    sarlang_hf.build(folder / "sarlang-1m", [SARDet100K(scenes(folder))])
    caches = {"SARLANG_CACHE": folder / "cache", "HF_HOME": folder / "cache"}
    os.environ |= {name: str(path.absolute()) for name, path in caches.items()}
    os.environ |= {"SARLANG_DATASET": str(folder / "sarlang-1m"), "HF_HUB_OFFLINE": "1"}
    seconds: Counter[str] = Counter()
    for owner, name in _OURS:
        setattr(owner, name, _timed(getattr(owner, name), name, seconds))
    questions = _evaluate(folder / "lmms-eval")
    share = 1000 * seconds.total() / questions
    parts = ", ".join(f"{name} {1000 * value / questions:.3f}" for name, value in seconds.most_common(5))
    detail = f"{questions:,} questions; ms a question: {parts}"
    return [Figure("our share in lmms-eval, per question", share, "<=", LIMIT_MS, "ms", detail)]


_METRICS = tuple(f"acc_{protocol}{part}" for protocol in PROTOCOLS for part in vqa.PARTS)
_OURS: list[tuple[Any, str]] = [
    (templates, "write_tasks"),
    (ImageStore, "bytes"),
    *((vqa, name) for name in ("docs", "doc_to_text", "process_results", *_METRICS)),
]


def _timed(function: Callable[..., Any], name: str, seconds: Counter[str]) -> Callable[..., Any]:
    @wraps(function)  # lmms-eval looks at signatures
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            seconds[name] += time.perf_counter() - start  # type: ignore[assignment]

    return timed


def _evaluate(out: Path) -> int:
    """Runs lmms-eval's own command line in this process and returns the number of questions."""
    import sys

    from lmms_eval.cli.dispatch import main as lmms_eval

    from sarlang_hf.data import open_dataset

    command = "--model sarlang_gold --model_args touch_images=True --tasks sarlang_vqa --log_samples --verbosity WARNING"
    sys.argv = ["lmms-eval", *command.split(), "--process-docs-parallel", "1", "--output_path", str(out)]
    try:
        lmms_eval()
    except SystemExit as ended:
        if ended.code:
            raise
    questions = open_dataset().questions("test").num_rows
    newest = max(out.rglob(SCORECARD_FILE), key=lambda path: path.stat().st_mtime_ns)
    card = read_scorecards(newest)["sarlang_vqa"]
    right = isinstance(card, Scorecard) and (card.overall.n, card.overall.value) == (questions, 1.0)
    if not right:  # lmms-eval exits 0 after most errors
        raise RuntimeError(f"the reference answers scored {card}")
    return questions


if __name__ == "__main__":
    print_figures(measure(Path("runs/bench")))
