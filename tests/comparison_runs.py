"""Run folders as a scoring run leaves them, from answers written down in a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sarlang_hf.scoring.caption_rows import CAPTIONS_FILE, CaptionAnswer, write_captions
from sarlang_hf.scoring.caption_run import score_captions
from sarlang_hf.scoring.scorecard import SCORECARD_FILE, DatasetRef, score, write_scorecards
from sarlang_hf.scoring.verdicts import VERDICTS_FILE, Answer, Verdict, write_verdicts
from sarlang_hf.texts.document_frequency import count_document_frequency

DATASET = DatasetRef(kind="simulated", sha256="1a2b3c4d5e6f" + "0" * 52)


def verdict(number: int, right: bool | None, *, image: str | None = None, prediction: str | None = None, **fields) -> Verdict:
    """The verdict on question `number`, two questions an image; the prediction is unlike any other unless given."""
    image_id = f"sardet100k/{number // 2:04d}" if image is None else image
    answer = Answer(
        question_id=f"{number:016x}",
        image_id=image_id,
        source="sardet100k",
        scene="",
        place="",
        question="What shape is the pond?",
        gold="oval",
        type="general_inquiry",
        application="others",
        template="",
        prediction=f"shape {right} of {number}" if prediction is None else prediction,
    )
    names = {name: fields.pop(name) for name in list(fields) if name in Answer.__dataclass_fields__}
    rule = {True: "exact", False: "class", None: "open"}[right]
    return Verdict(replace(answer, **names), **{"rule": rule, "verdict": right, **fields})


def questions(right: Sequence[bool | None]) -> list[Verdict]:
    """Verdicts on the questions 0, 1, ..."""
    return [verdict(number, value) for number, value in enumerate(right)]


def vqa_run(folder: Path, verdicts: Sequence[Verdict], *, task: str = "sarlang_vqa", **options) -> Path:
    """A run folder with these verdicts, which keep their own answers."""
    settings = {"task_version": "1.0", "protocol": "strict", "dataset": DATASET, **options}
    named = [replace(entry, task=task, protocol=settings["protocol"]) for entry in verdicts]
    write_verdicts(folder / VERDICTS_FILE, named)
    write_scorecards(folder / SCORECARD_FILE, {task: score(named, task=task, **settings)})
    return folder


REFERENCES = [
    "a large ship near the coast",
    "two ships in the harbor",
    "a bridge over a wide river",
    "several tanks stand in a row",
    "a car on the road near a bridge",
    "an aircraft on the runway of an airport",
]


def caption_run(
    folder: Path, captions: Mapping[int, str | None], *, task: str = "sarlang_cap", per_image: int = 2, **options
) -> Path:
    """A run folder with these captions of the images whose references are `REFERENCES`, by their number."""
    table = count_document_frequency(REFERENCES)
    settings = {"task_version": "1.0", "dataset": DATASET, "document_frequency": {"complex": table, "concise": table}, **options}
    answers = [
        CaptionAnswer(
            caption_id=f"{number:016x}{kind[:3]}",
            image_id=f"sardet100k/{number // per_image:04d}",
            source="sardet100k",
            scene="",
            place="",
            kind=kind,
            origin="template",
            reference=REFERENCES[number] if kind == "concise" else f"{REFERENCES[number]} seen from above",
            prediction=caption,
        )
        for number, caption in captions.items()
        for kind in ("complex", "concise")
    ]
    run = score_captions(answers, task=task, rng=np.random.default_rng(0), **settings)
    write_captions(folder / CAPTIONS_FILE, run.rows)
    write_scorecards(folder / SCORECARD_FILE, {task: run.scorecard})
    return folder
