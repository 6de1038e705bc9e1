"""Rules, intervals and breakdown for as many answers as the paper's VQA test part has: 125,255 on 14,497 images.

The answers are made up: question types in the proportions of the paper's Table 4, 60% right, 25% wrapped in a sentence. What is
timed is everything between answers and scorecard, the rule-decided parts of all three protocols included.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from figures import Figure, print_figures

from sarlang_hf.schema import CATEGORIES, QuestionType
from sarlang_hf.scoring.scorecard import DatasetRef
from sarlang_hf.scoring.verdicts import Answer
from sarlang_hf.scoring.vqa_run import judge_run

QUESTIONS = 125_255
IMAGES = 14_497

_PLACES = ("top", "bottom", "left", "right", "center", "top left", "bottom right")
_SHAPES = ("oval", "rectangular", "a circular pond", "bare land", "yes, because of the harbor next to it")

# Question, possible answers, and the number of such samples in Table 4.
_TYPES: dict[QuestionType, tuple[str, tuple[str, ...], int]] = {
    "object_identification": ("Is there a {} in the image?", ("yes", "no"), 484_620),
    "object_classification": ("What category is the object near the {}?", CATEGORIES, 132_525),
    "instance_counting": ("How many {}s are there in the image?", tuple(map(str, range(12))), 117_382),
    "region_referring": ("What is in the region next to the {}?", CATEGORIES, 221_450),
    "object_positioning": ("Where is the {} positioned within the image?", _PLACES, 106_171),
    "general_inquiry": ("What shape has the area around the {}?", _SHAPES, 18_479),
}


def measure(_folder: Path) -> list[Figure]:
    answers = made_up(QUESTIONS, seed=0)
    start = time.perf_counter()
    judged = judge_run(
        answers,
        task="sarlang_vqa",
        task_version="1.0",
        protocol="strict",
        judge=None,
        dataset=DatasetRef("custom", "0" * 64),
    )
    seconds = time.perf_counter() - start
    detail = f"{judged.scorecard.overall.n_unjudged:,} undecided, three protocols, 4 breakdowns"
    return [Figure(f"rules, intervals and breakdown, {QUESTIONS:,} answers", seconds, "<=", 15, "s", detail)]


def made_up(count: int, *, seed: int) -> list[Answer]:
    """Answers on `IMAGES` images in random order."""
    rng = np.random.default_rng(seed)
    weights = np.array([samples for _, _, samples in _TYPES.values()])
    types = rng.choice(list(_TYPES), count, p=weights / weights.sum())
    images = rng.integers(IMAGES, size=count)
    right, wordy = rng.random(count) < 0.6, rng.random(count) < 0.25
    return [
        _answer(row, type_, f"{images[row]:05d}", right=bool(right[row]), wordy=bool(wordy[row]), rng=rng)
        for row, type_ in enumerate(types.tolist())
    ]


def _answer(row: int, type_: QuestionType, image: str, *, right: bool, wordy: bool, rng: np.random.Generator) -> Answer:
    wording, possible, _ = _TYPES[type_]
    gold, other = (possible[rng.integers(len(possible))] for _ in range(2))
    category = CATEGORIES[rng.integers(len(CATEGORIES))]
    text = gold if right else other
    return Answer(
        question_id=f"{row:016x}",
        image_id=f"sardet100k/{image}",
        source="sardet100k",
        scene="",
        place="",
        question=wording.format(category),
        gold=gold,
        type=type_,
        application=type_,
        template=f"{type_}/{category}",
        prediction=f"Looking at image {image}, the answer is {text}." if wordy else text,
    )


if __name__ == "__main__":
    print_figures(measure(Path()))
