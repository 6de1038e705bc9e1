"""The functions that the YAML files of the captions name.

A document is one image of the `cap` config without its pixels. A model captions it once; that caption is scored against each
reference of the image, the complex and the concise ones apart, when lmms-eval aggregates the first metric. The other metrics
read what was found then. The same moment writes `sarlang_scorecard.json` and `sarlang_captions.parquet` beside lmms-eval's
files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from sarlang_hf.schema import CaptionKind
from sarlang_hf.tasks.caption_results import METRICS, CaptionMetric, caption_value, require_document_frequencies, score_items
from sarlang_hf.tasks.dataset import TASK_COLUMN, documents, pictures
from sarlang_hf.tasks.prompts import CAPTION_PROMPT
from sarlang_hf.tasks.settings import ends_with_user_error
from sarlang_hf.tasks.views import VIEWS

Doc = Mapping[str, Any]
Aggregation = Callable[..., float]


def docs(loaded: Any) -> Any:
    """The images of the test part that have captions (`datasets.Dataset`)."""
    return _docs("sarlang_cap", loaded)


def docs_complex(loaded: Any) -> Any:
    """Those with complex captions."""
    return _docs("sarlang_cap_complex", loaded)


def docs_concise(loaded: Any) -> Any:
    """Those with concise captions."""
    return _docs("sarlang_cap_concise", loaded)


def docs_raw(loaded: Any) -> Any:
    """Those of OpenEarthMap-SAR that are there without preprocessing."""
    return _docs("sarlang_cap_raw", loaded)


def docs_pre(loaded: Any) -> Any:
    """The same images; all of OpenEarthMap-SAR where none is there without preprocessing."""
    return _docs("sarlang_cap_pre", loaded)


def docs_rgb(loaded: Any) -> Any:
    """Those that have an optical twin."""
    return _docs("sarlang_cap_rgb", loaded)


def _docs(task: str, loaded: Any) -> Any:
    with ends_with_user_error():
        require_document_frequencies(task)
        return documents(task, loaded, "image_id")


def doc_to_visual(doc: Doc) -> list[Image.Image]:
    """What `SARLANG_VISION` shows of an image: one RGB image in its stored size, or nothing."""
    with ends_with_user_error():
        return pictures(doc[TASK_COLUMN]).of(doc["image_id"])


def doc_to_text(doc: Doc) -> str:  # noqa: ARG001 - lmms-eval calls it so
    """The prompt, the same for every image."""
    return CAPTION_PROMPT


def doc_to_target(doc: Doc) -> str:
    """The first reference of the kinds that the task scores, complex ones before concise ones."""
    kinds = VIEWS[doc[TASK_COLUMN]].kinds
    return str(next(caption["text"] for kind in kinds for caption in doc["captions"] if caption["kind"] == kind))


def process_results(doc: Doc, results: Sequence[str | None]) -> dict[str, Any]:
    """What each metric needs to know of one caption. Scores nothing; the first item carries the caption, the others the task."""
    task = doc[TASK_COLUMN]
    names = [f"{kind}_{metric}" for kind in VIEWS[task].kinds for metric in METRICS]
    answer = {"task": task, "image_id": doc["image_id"], "prediction": results[0] if results else None}
    return {**dict.fromkeys(names, task), names[0]: answer}


def _aggregation(kind: CaptionKind, metric: CaptionMetric) -> Aggregation:
    def aggregate(items: list[Any], args: Any = None) -> float:
        """One metric over the references of one kind; NaN where there are none, and while captions are missing."""
        if isinstance(items[0], dict):
            score_items(items, getattr(args, "output_path", None))
        task = items[0]["task"] if isinstance(items[0], dict) else items[0]
        return caption_value(task, kind, metric)

    return aggregate


(
    complex_bleu_1,
    complex_bleu_2,
    complex_bleu_3,
    complex_bleu_4,
    complex_rouge_l,
    complex_cider,
    complex_length_ratio,
    complex_n_missing,
) = (_aggregation("complex", metric) for metric in METRICS)
(
    concise_bleu_1,
    concise_bleu_2,
    concise_bleu_3,
    concise_bleu_4,
    concise_rouge_l,
    concise_cider,
    concise_length_ratio,
    concise_n_missing,
) = (_aggregation("concise", metric) for metric in METRICS)
