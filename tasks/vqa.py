"""The functions that `sarlang_vqa.yaml` and `sarlang_vqa_lite.yaml` name.

A document is one row of the `vqa_questions` config; its image is looked up in the `vqa` config by `image_row`. Answers are not
judged one by one but all at once, when lmms-eval aggregates `acc_strict`, the first metric; the other metrics read the
verdicts found then. The same moment writes `sarlang_scorecard.json` and `sarlang_verdicts.parquet` beside lmms-eval's files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from PIL import Image

from sarlang_hf.data import DatasetFolder, ImageStore, open_dataset
from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.verdicts import DATASET_COLUMN
from sarlang_hf.tasks.lite import Selection, select
from sarlang_hf.tasks.prompts import vqa_prompt
from sarlang_hf.tasks.results import Extent, Judged, judge_run, judged
from sarlang_hf.tasks.settings import ends_with_user_error, hints
from sarlang_hf.texts.hints import hint

Doc = Mapping[str, Any]
Item = dict[str, Any]


def doc_to_visual(doc: Doc) -> list[Image.Image]:
    """The image of a question, RGB, in the size in which it is stored."""
    with ends_with_user_error():
        return [_images(_source()).image(doc["image_row"]).convert("RGB")]


def doc_to_text(doc: Doc) -> str:
    """The prompt of a question, with the hint of its type before it where `SARLANG_HINTS` asks for hints."""
    with ends_with_user_error():
        told = hints()
    return vqa_prompt(doc["question"], hint=hint(doc["type"], doc["source"]) if told else "")


def docs(dataset: Any) -> Any:
    """The questions of the test part (`datasets.Dataset`), as they are."""
    with ends_with_user_error():
        _require_questions_of(_folder(_source()), dataset)
    return dataset


def docs_lite(dataset: Any) -> Any:
    """The questions of `sarlang_vqa_lite`, in the order of the test part."""
    return docs(dataset).select(_lite(_source()).rows, keep_in_memory=True)


def process_results(doc: Doc, results: list[str | None]) -> dict[str, Item]:
    """What each metric needs to know of one answer of `sarlang_vqa`. Judges nothing and cannot fail."""
    return _items("sarlang_vqa", doc, results)


def process_results_lite(doc: Doc, results: list[str | None]) -> dict[str, Item]:
    """What each metric needs to know of one answer of `sarlang_vqa_lite`."""
    return _items("sarlang_vqa_lite", doc, results)


def _items(task: str, doc: Doc, results: list[str | None]) -> dict[str, Item]:
    """One item a metric; the first carries the answer, the others only what their standard error needs.

    lmms-eval logs every item of every question, so that four whole ones would make its sample files several times as long.
    """
    key = {"task": task, "question_id": doc["question_id"], "image_id": doc["image_id"], "score": 0.0}
    answer = {name: doc[column] for name, column in DATASET_COLUMN.items()} | {"prediction": results[0] if results else None}
    return {
        "acc_strict": key | answer,
        "acc_strict_low": dict(key),
        "acc_strict_high": dict(key),
        "acc_strict_n_unjudged": dict(key),
    }


def acc_strict(items: list[Item], args: Any = None) -> float:
    """Judges every answer, writes the scorecard, and gives the share that is right; NaN while any answer is unjudged."""
    with ends_with_user_error():
        result = judge_run(items, _folder(_source()), _extent(items[0]["task"]), getattr(args, "output_path", None))
    score = result.scorecard.overall
    if score.value is None:
        _drop_scores(items)
        return float("nan")
    _set_scores(items, result, unjudged=0.0)
    return score.value


def acc_strict_low(items: list[Item]) -> float:
    """The share that is right if every unjudged answer is wrong."""
    result = judged(items[0]["task"])
    _set_scores(items, result, unjudged=0.0)
    return result.scorecard.overall.low


def acc_strict_high(items: list[Item]) -> float:
    """The share that is right if every unjudged answer is right."""
    result = judged(items[0]["task"])
    _set_scores(items, result, unjudged=1.0)
    return result.scorecard.overall.high


def acc_strict_n_unjudged(items: list[Item]) -> int:
    """How many answers the rules could not decide, missing ones included."""
    _drop_scores(items)
    return judged(items[0]["task"]).scorecard.overall.n_unjudged


def _set_scores(items: list[Item], result: Judged, *, unjudged: float) -> None:
    """lmms-eval's standard errors read `score`."""
    for item in items:
        verdict = result.verdict_of[item["question_id"]]
        item["score"] = unjudged if verdict is None else float(verdict)


def _drop_scores(items: list[Item]) -> None:
    """Without `score`, lmms-eval prints N/A for a standard error that would mean nothing."""
    for item in items:
        del item["score"]


def _source() -> str | None:
    return os.environ.get("SARLANG_DATASET")


@lru_cache(maxsize=4)
def _folder(source: str | None) -> DatasetFolder:
    return open_dataset(source)


@lru_cache(maxsize=4)
def _images(source: str | None) -> ImageStore:
    return _folder(source).images("test")


@lru_cache(maxsize=4)
def _lite(source: str | None) -> Selection:
    return select(_folder(source).questions("test"))


def _extent(task: str) -> Extent:
    extra = {"hints": "on"} if hints() else {}
    if task == "sarlang_vqa_lite":
        lite = _lite(_source())
        return Extent(len(lite.rows), {"lite": lite.digest, **extra})
    return Extent(_folder(_source()).questions("test").num_rows, extra)


def _require_questions_of(folder: DatasetFolder, dataset: Any) -> None:
    """Questions and images come by different ways; an `--include_path` written for another folder would part them."""
    if dataset["question_id"][:] != folder.questions("test")["question_id"].to_pylist():
        raise UsageError(
            "lmms-eval has loaded questions that this dataset does not hold",
            place=folder.path,
            remedy="give `python -m sarlang_hf.tasks` and lmms-eval the same SARLANG_DATASET",
        )
