"""The functions that the YAML files of the questions name.

A document is one row of the `vqa_questions` config; its image is looked up by its id. Answers are not judged one by one but all
at once, when lmms-eval aggregates `acc_strict`, the first metric; the other metrics read the verdicts found then. The same
moment writes `sarlang_scorecard.json` and `sarlang_verdicts.parquet` beside lmms-eval's files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from sarlang_hf.scoring.accuracy import Score
from sarlang_hf.scoring.answers import PROTOCOLS, Protocol
from sarlang_hf.tasks.dataset import TASK_COLUMN, documents, pictures
from sarlang_hf.tasks.judging import require_judge
from sarlang_hf.tasks.prompts import vqa_prompt
from sarlang_hf.tasks.question_results import Outcome, judge_items, judged
from sarlang_hf.tasks.settings import ends_with_user_error, hints, protocol
from sarlang_hf.texts.hints import hint

Doc = Mapping[str, Any]
Item = dict[str, Any]
Aggregation = Callable[..., float]

PARTS = ("", "_low", "_high", "_n_unjudged")


def docs(loaded: Any) -> Any:
    """The questions of the test part (`datasets.Dataset`), all of them."""
    return _docs("sarlang_vqa", loaded)


def docs_lite(loaded: Any) -> Any:
    """The questions of `sarlang_vqa_lite`, in the order of the test part."""
    return _docs("sarlang_vqa_lite", loaded)


def docs_raw(loaded: Any) -> Any:
    """The questions on OpenEarthMap-SAR images that are there without preprocessing."""
    return _docs("sarlang_vqa_raw", loaded)


def docs_pre(loaded: Any) -> Any:
    """The same questions; all on OpenEarthMap-SAR where no image is there without preprocessing."""
    return _docs("sarlang_vqa_pre", loaded)


def docs_rgb(loaded: Any) -> Any:
    """The questions on images that have an optical twin."""
    return _docs("sarlang_vqa_rgb", loaded)


def _docs(task: str, loaded: Any) -> Any:
    with ends_with_user_error():
        require_judge()
        return documents(task, loaded, "question_id")


def doc_to_visual(doc: Doc) -> list[Image.Image]:
    """What `SARLANG_VISION` shows of a question: one RGB image in its stored size, or nothing."""
    with ends_with_user_error():
        return pictures(doc[TASK_COLUMN]).of(doc["image_id"])


def doc_to_text(doc: Doc) -> str:
    """The prompt of a question, with the hint of its type before it where `SARLANG_HINTS` asks for hints."""
    with ends_with_user_error():
        told = hints()
    return vqa_prompt(doc["question"], hint=hint(doc["type"], doc["source"]) if told else "")


def process_results(doc: Doc, results: Sequence[str | None]) -> dict[str, Item | str]:
    """What each metric needs to know of one answer. Judges nothing.

    lmms-eval logs every item of every question, so they are small: the first carries the answer, those of the chosen protocol
    what lmms-eval's standard errors need, the others the name of the task.
    """
    task, key = doc[TASK_COLUMN], {"task": doc[TASK_COLUMN], "question_id": doc["question_id"], "image_id": doc["image_id"]}
    named = {f"acc_{name}{part}": task for name in PROTOCOLS for part in PARTS}
    scored: dict[str, Item] = {f"acc_{protocol()}{part}": key | {"score": 0.0} for part in PARTS[:3]}
    answer = scored.get("acc_strict", key) | {"prediction": results[0] if results else None}
    return {**named, **scored, "acc_strict": answer}


def _value(name: Protocol) -> Aggregation:
    def accuracy(items: list[Any], args: Any = None) -> float:
        """The share of right answers; NaN while any is unjudged, or all unscored. The first call judges all, writes the files."""
        if name == "strict":
            judge_items(items, getattr(args, "output_path", None))
        score = _score(items, name)
        value = None if score is None else score.value
        _set_scores(items, name, unjudged=None if value is None else 0.0)
        return math.nan if value is None else value

    return accuracy


def _low(name: Protocol) -> Aggregation:
    def accuracy_low(items: list[Any]) -> float:
        """The share that is right if every unjudged answer is wrong."""
        _set_scores(items, name, unjudged=0.0)
        score = _score(items, name)
        return math.nan if score is None else score.low

    return accuracy_low


def _high(name: Protocol) -> Aggregation:
    def accuracy_high(items: list[Any]) -> float:
        """The share that is right if every unjudged answer is right."""
        _set_scores(items, name, unjudged=1.0)
        score = _score(items, name)
        return math.nan if score is None else score.high

    return accuracy_high


def _n_unjudged(name: Protocol) -> Aggregation:
    def number_unjudged(items: list[Any]) -> float:
        """How many answers are without a verdict, missing ones included."""
        score = _score(items, name)
        return math.nan if score is None else score.n_unjudged

    return number_unjudged


acc_strict, acc_strict_low, acc_strict_high = _value("strict"), _low("strict"), _high("strict")
acc_released, acc_released_low, acc_released_high = _value("released"), _low("released"), _high("released")
acc_paper, acc_paper_low, acc_paper_high = _value("paper"), _low("paper"), _high("paper")
acc_strict_n_unjudged, acc_released_n_unjudged, acc_paper_n_unjudged = map(_n_unjudged, PROTOCOLS)


def _outcome(items: list[Any]) -> Outcome | None:
    return judged(str(items[0]["task"] if isinstance(items[0], dict) else items[0]))


def _score(items: list[Any], name: Protocol) -> Score | None:
    """The score of a task; None if its answers could not be scored, which turns every metric into NaN."""
    outcome = _outcome(items)
    return None if outcome is None else outcome.score_of(name)


def _set_scores(items: list[Any], name: Protocol, *, unjudged: float | None) -> None:
    """lmms-eval's standard errors read `score`; without one it prints N/A, for what would mean nothing."""
    if not (isinstance(items[0], dict) and "score" in items[0]):
        return
    outcome = _outcome(items)
    for item in items:
        verdict = None if outcome is None else outcome.verdict_of[name].get(item["question_id"])
        score = unjudged if verdict is None else float(verdict)
        if outcome is None or unjudged is None or score is None:
            del item["score"]
        else:
            item["score"] = score
