"""Two lmms-eval models without weights; lmms-eval loads them by name through `sarlang_hf.lmms_plugin`.

    lmms-eval --model sarlang_prior --tasks sarlang
    lmms-eval --model sarlang_gold --model_args touch_images=True --tasks sarlang

Both answer from the document alone.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import Any

import torch
from lmms_eval.api.model import lmms

from sarlang_hf.errors import DatasetNotFoundError
from sarlang_hf.harness.constant_caption import best_constant_caption
from sarlang_hf.harness.prior import MajorityAnswers, learn_majority
from sarlang_hf.schema import CaptionKind
from sarlang_hf.tasks.cap import doc_to_target
from sarlang_hf.tasks.dataset import TASK_COLUMN, folder
from sarlang_hf.tasks.settings import ends_with_user_error
from sarlang_hf.tasks.views import VIEWS


class _WithoutWeights(lmms):  # type: ignore[misc]
    """What lmms-eval asks of a model on one or several ranks, for models that answer from the document alone."""

    is_simple = True

    def __init__(self, batch_size: int = 1, max_batch_size: int | None = None, device: str = "cpu") -> None:
        super().__init__()
        self.batch_size = batch_size
        self.max_batch_size = max_batch_size
        self.device = torch.device(device)

    def generate_until(self, requests: list[Any]) -> list[str]:
        """One answer a request, in order."""
        return [self._answer(*request.args[2:6]) for request in requests]

    @abstractmethod
    def _answer(self, doc_to_visual: Any, doc_id: int, task: str, split: str) -> str:
        """The answer to one document."""

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        raise NotImplementedError(f"{type(self).__name__} generates answers; it has no likelihoods")

    def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
        raise NotImplementedError(f"{type(self).__name__} answers in one round")


class Prior(_WithoutWeights):
    """`sarlang_prior`: what the training part alone suggests. Looks at no image.

    A question gets the majority answer of the training questions with the same template, every image of a caption task the one
    training caption that scores best on all (`harness.constant_caption`).
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._captions: dict[tuple[CaptionKind, ...], str] = {}

    def _answer(self, doc_to_visual: Any, doc_id: int, task: str, split: str) -> str:  # noqa: ARG002
        doc = self.task_dict[task][split][doc_id]
        view = VIEWS[doc[TASK_COLUMN]]
        with ends_with_user_error():
            if view.texts == "cap":
                return self._caption(view.kinds)
            return self._majority.answer(template=doc["template"], type=doc["type"])

    @cached_property
    def _majority(self) -> MajorityAnswers:
        return learn_majority(folder().questions("train", ["template", "type", "answer"]))

    def _caption(self, kinds: tuple[CaptionKind, ...]) -> str:
        if kinds not in self._captions:
            captions = _training_captions(kinds)
            self._captions[kinds] = best_constant_caption(captions)
        return self._captions[kinds]


def _training_captions(kinds: tuple[CaptionKind, ...]) -> dict[str, list[str]]:
    """The training captions by kind.

    Raises:
        DatasetNotFoundError: the dataset has none of these kinds.
    """
    captions: dict[str, list[str]] = {kind: [] for kind in kinds}
    for row in folder().captions("train", ["captions"])["captions"].to_pylist():
        for caption in row:
            if caption["kind"] in captions:
                captions[caption["kind"]].append(caption["text"])
    if not any(captions.values()):
        problem = f"has no {' or '.join(kinds)} caption in its training part to choose a constant one from"
        raise DatasetNotFoundError(problem, place=folder().path, remedy="build it from sources with training captions")
    return captions


class Gold(_WithoutWeights):
    """`sarlang_gold`: echoes the reference answer or caption, to test and to time everything around a model.

    Args:
        touch_images: look up and decode the image of every document, as a model would.
        options: what lmms-eval hands to every model.
    """

    def __init__(self, *, touch_images: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.touch_images = touch_images

    def _answer(self, doc_to_visual: Any, doc_id: int, task: str, split: str) -> str:
        doc = self.task_dict[task][split][doc_id]
        if self.touch_images:
            doc_to_visual(doc)
        return doc_to_target(doc) if VIEWS[doc[TASK_COLUMN]].texts == "cap" else str(doc["answer"])
