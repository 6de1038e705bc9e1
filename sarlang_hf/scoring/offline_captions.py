"""Scoring captions that were made outside lmms-eval: joined to the references of the test part by image."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from sarlang_hf.data import DatasetFolder, open_dataset
from sarlang_hf.errors import DatasetNotFoundError
from sarlang_hf.schema import CaptionKind
from sarlang_hf.scoring.caption_rows import CaptionAnswer
from sarlang_hf.scoring.caption_run import CaptionRun, score_captions
from sarlang_hf.scoring.caption_scorecard import ScoredKind
from sarlang_hf.scoring.captions import Profile
from sarlang_hf.scoring.offline import Part, Setting, named_predictions
from sarlang_hf.scoring.predictions import Predictions
from sarlang_hf.scoring.signature import TASK_VERSION, DatasetRef
from sarlang_hf.texts.document_frequency import DocumentFrequency

CAPTION_COLUMNS = ["image_id", "source", "scene", "place", "captions"]


def score_caption_predictions(
    dataset: str | Path | DatasetFolder,
    predictions: str | Path | Predictions,
    *,
    part: Part,
    setting: Setting | None = None,
    profile: Profile = "official",
    meteor: bool = False,
    rng: np.random.Generator,
) -> CaptionRun:
    """Scores one caption an image against every reference of the image.

    Args:
        dataset: folder of a built dataset, or the opened folder.
        predictions: a JSONL or CSV file with image_id and prediction, or predictions by image id, None for a missing one. Images
            outside the part are not scored.
        part: what the task asks: images, and kinds of references.
        setting: how the predictions were made and are to be scored.
        profile: `official` or `coco`.
        meteor: whether to measure METEOR too, with `coco`.
        rng: draws BLEU's bootstrap.

    Raises:
        PredictionsError: the predictions cannot be read or do not fit the dataset.
        DatasetNotFoundError: there is no such dataset, or it has no test captions of the kinds.
        DatasetFormatError, DatasetCorruptError: the dataset cannot be read.
        UsageError: profile `coco` without Java or its package.
    """
    setting = setting or Setting()
    folder = open_dataset(dataset) if isinstance(dataset, str | Path) else dataset
    images = folder.captions("test", CAPTION_COLUMNS).to_pylist()
    chosen = images if part.rows is None else [images[row] for row in part.rows]
    known = {image["image_id"] for image in (chosen if setting.partial else images)}
    named = named_predictions(predictions, known, "image_id")
    answers = [answer for image in chosen for answer in caption_answers(image, named.get(image["image_id"]), part.kinds)]
    if not answers:
        problem = f"has no {' or '.join(part.kinds)} captions in its test split"
        raise DatasetNotFoundError(
            problem, place=folder.path, remedy="build it from a source with captions, or --captions template"
        )
    asked = [answer for answer in answers if answer.image_id in named] if setting.partial else answers
    return score_captions(
        asked,
        task=part.task,
        task_version=TASK_VERSION,
        dataset=DatasetRef(folder.kind, folder.sha256),
        document_frequency=frozen_frequencies(folder, {answer.kind for answer in answers}),
        expected=Counter(answer.kind for answer in answers) if profile == "official" else None,
        extra=part.extra,
        vision=setting.vision,
        model=setting.model,
        cluster=setting.cluster,
        profile=profile,
        meteor=meteor,
        rng=rng,
    )


def caption_answers(image: dict[str, object], prediction: str | None, kinds: tuple[CaptionKind, ...]) -> list[CaptionAnswer]:
    """One answer for each reference of an image of the kinds asked for; `image` is a row with `CAPTION_COLUMNS`."""
    of_image = {name: image[name] for name in ("image_id", "source", "scene", "place")}
    return [
        CaptionAnswer(
            **of_image,  # type: ignore[arg-type]  # texts, as the dataset's schema has it
            caption_id=caption["caption_id"],
            kind=caption["kind"],
            origin=caption["origin"],
            reference=caption["text"],
            prediction=prediction,
        )
        for caption in image["captions"]  # type: ignore[attr-defined]
        if caption["kind"] in kinds
    ]


def frozen_frequencies(folder: DatasetFolder, kinds: set[ScoredKind]) -> dict[CaptionKind, DocumentFrequency]:
    """The dataset's document frequencies of some kinds."""
    return {kind: folder.document_frequency(kind) for kind in ("complex", "concise") if kind in kinds}
