"""Two lmms-eval models without weights; lmms-eval loads them by name through `sarlang_hf.lmms_plugin`.

    lmms-eval --model sarlang_prior --tasks sarlang_vqa
    lmms-eval --model sarlang_gold --model_args touch_images=True --tasks sarlang_vqa

Both answer from the document alone.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from lmms_eval.api.model import lmms

from sarlang_hf.data import open_dataset
from sarlang_hf.harness.prior import MajorityAnswers, learn_majority
from sarlang_hf.tasks.settings import ends_with_user_error


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
    """`sarlang_prior`: the majority answer of the training questions with the same template. Looks at no image."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        with ends_with_user_error():
            self.majority: MajorityAnswers = learn_majority(open_dataset().questions("train"))

    def _answer(self, doc_to_visual: Any, doc_id: int, task: str, split: str) -> str:  # noqa: ARG002
        doc = self.task_dict[task][split][doc_id]
        return self.majority.answer(template=doc["template"], type=doc["type"])


class Gold(_WithoutWeights):
    """`sarlang_gold`: echoes the reference answer, to test and to time everything around a model.

    Args:
        touch_images: look up and decode the image of every question, as a model would.
        options: what lmms-eval hands to every model.
    """

    def __init__(self, *, touch_images: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.touch_images = touch_images

    def _answer(self, doc_to_visual: Any, doc_id: int, task: str, split: str) -> str:
        doc = self.task_dict[task][split][doc_id]
        if self.touch_images:
            doc_to_visual(doc)
        return str(doc["answer"])
