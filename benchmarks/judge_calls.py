"""How many calls to a judge 125,255 answers take: distinct requests of the strict protocol beside calls of the official script.

No predictions of a real model are public, so the answers are made up. What is assumed, all of it here:

    questions   125,255 with the types of the paper's Table 4 (1.7% general inquiries). Those that boxes answer are real: asked by
                `texts.boxes` about simulated layouts, with their references; a type of which there are too few is drawn again.
    general     Table 4's 'others' come from GPT-4o in the paper, so wordings, nouns and references are made up: 160 questions,
                references and wrong answers from vocabularies of 10 to 14 phrases a topic, with Zipf frequencies.
    right       60% of the answers, whatever the type.
    wrong       the other labels of the reference's kind with Zipf frequencies (1/rank, ranks as listed); 1% of them name no label
                but something else ('a building', 'several', 'I cannot tell'), again with Zipf frequencies: strays.
    wordy       25% of the answers stand in a sentence. It says nothing else: a sentence that named other labels beside the
                reference ('a harbor with several ships') would go to the judge under strict, and to nobody in the script.

The official script asks once for every answer that its rules leave open, however often the same one was asked before. The
figure's detail says what other assumptions would give. It hangs on the strays: what names no label goes to the judge, and a
question about a region is asked once only, so that nothing is asked twice there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from figures import Figure, print_figures
from text_only_guesser import ask_all, simulated_tiles

from sarlang_hf.packaging.official import QUESTIONS, TEXTS_OF_APPLICATION
from sarlang_hf.schema import APPLICATION_OF_TYPE, CATEGORIES, POSITIONS, QUESTION_TYPES, Question, QuestionType
from sarlang_hf.scoring.answers import decide
from sarlang_hf.scoring.judge.prompts import request_for

LIMIT = 8.0
"""Per cent of the official script's calls."""

LAYOUTS = 9_000
ANSWERS = QUESTIONS["test"]

_NOUNS = ("ponds", "fields", "buildings", "roads", "storage tanks", "swimming pools", "piers", "parking lots")
_GENERAL = {
    "What shape are the {}?": ("rectangular", "circular", "oval", "L-shaped", "irregular", "square", "elongated", "curved",
                               "triangular", "U-shaped"),
    "In which direction do the {} run?": ("north to south", "east to west", "northwest to southeast", "northeast to southwest",
                                          "diagonally", "parallel to the shore", "along the river", "towards the harbor",
                                          "in all directions", "vertically"),
    "What land cover surrounds the {}?": ("bare land", "grassland", "water", "farmland", "forest", "developed space",
                                          "a residential area", "an industrial area", "sand", "wetland", "roads", "orchards"),
    "How are the {} arranged?": ("in rows", "in a grid", "scattered", "in clusters", "along the road", "in a circle", "densely",
                                 "evenly spaced", "in pairs", "randomly", "around a courtyard", "in two groups"),
    "What are the {} probably used for?": ("storage", "housing", "shipping", "irrigation", "recreation", "transport", "industry",
                                           "agriculture", "fishing", "offices", "a school", "sports", "parking", "defense"),
}  # fmt: skip
_TOPIC_NOUNS = ("large", "small", "bright", "dark")
_STRAYS: dict[QuestionType, tuple[str, ...]] = {
    "object_identification": ("I cannot tell", "unclear", "possibly", "maybe"),
    "object_classification": ("a building", "vehicles", "water", "land", "a runway", "vegetation", "I cannot tell"),
    "instance_counting": ("several", "many", "a few", "I cannot tell"),
    "object_positioning": ("in the corner", "near the coast", "in the water", "everywhere", "I cannot tell"),
    "region_referring": ("a building", "a vehicle", "water", "land", "a structure", "a road", "I cannot tell"),
}
_SENTENCES = (
    "The answer is {}.",
    "Based on the radar image, it is {}.",
    "It appears to be {}.",
    "In this image, the answer is {}.",
)


def measure(_folder: Path) -> list[Figure]:
    asked = [entry for part in ask_all(list(simulated_tiles(LAYOUTS, size=512, seed=0)), seed=0) for entry in part]
    ours, script = calls(asked, strays=0.01, alike=True)
    other = {
        "no strays": calls(asked, strays=0.0, alike=True),
        "5% strays": calls(asked, strays=0.05, alike=True),
        "no two general inquiries alike": calls(asked, strays=0.01, alike=False),
    }
    detail = f"{ours:,} of {script:,}; " + ", ".join(f"{name} {100 * a / b:.1f}%" for name, (a, b) in other.items())
    return [Figure(f"judge calls, {ANSWERS:,} answers", 100 * ours / script, "<=", LIMIT, "% of the script's", detail)]


def calls(asked: Sequence[Question], *, strays: float, alike: bool) -> tuple[int, int]:
    """Distinct requests under strict, and calls of the official script, for the made-up answers."""
    rng = np.random.default_rng(0)
    requests, script = set(), 0
    for row, (question, gold, type_) in enumerate(_questions(asked, rng)):
        text = _answer(gold, type_, strays, rng)
        if decide(question, gold, text, type=type_, protocol="released").verdict is None:
            script += 1
        if decide(question, gold, text, type=type_).verdict is None:
            unique = question if alike or type_ != "general_inquiry" else f"{question} ({row})"
            requests.add(request_for("strict", unique, gold, text))
    return len(requests), script


def _questions(asked: Sequence[Question], rng: np.random.Generator) -> list[tuple[str, str, QuestionType]]:
    """Question, reference and type, in the proportions of Table 4."""
    shares = np.array([TEXTS_OF_APPLICATION[APPLICATION_OF_TYPE[type_]] for type_ in QUESTION_TYPES], dtype=float)
    counts = rng.multinomial(ANSWERS, shares / shares.sum())
    drawn: list[tuple[str, str, QuestionType]] = []
    for type_, count in zip(QUESTION_TYPES, counts.tolist(), strict=True):
        if type_ == "general_inquiry":
            drawn += [(*_general(rng), type_) for _ in range(count)]
            continue
        pool = [(entry.question, entry.answer, type_) for entry in asked if entry.type == type_]
        rows = rng.choice(len(pool), count, replace=len(pool) < count)
        drawn += [pool[row] for row in rows.tolist()]
    return drawn


def _general(rng: np.random.Generator) -> tuple[str, str]:
    wording = list(_GENERAL)[rng.integers(len(_GENERAL))]
    noun = f"{_TOPIC_NOUNS[rng.integers(len(_TOPIC_NOUNS))]} {_NOUNS[rng.integers(len(_NOUNS))]}"
    return wording.format(noun), _zipf(_GENERAL[wording], rng)


def _answer(gold: str, type_: QuestionType, strays: float, rng: np.random.Generator) -> str:
    text = gold if rng.random() < 0.6 else _wrong(gold, type_, strays, rng)
    return _SENTENCES[rng.integers(len(_SENTENCES))].format(text) if rng.random() < 0.25 else text


def _wrong(gold: str, type_: QuestionType, strays: float, rng: np.random.Generator) -> str:
    if type_ == "general_inquiry":
        vocabulary: Sequence[str] = next(words for words in _GENERAL.values() if gold in words)
    elif rng.random() < strays:
        return _zipf(_STRAYS[type_], rng)
    else:
        vocabulary = {
            "object_identification": ("yes", "no"),
            "object_classification": CATEGORIES,
            "instance_counting": tuple(map(str, range(21))),
            "object_positioning": POSITIONS,
            "region_referring": CATEGORIES,
        }[type_]
    return _zipf([label for label in vocabulary if label != gold], rng)


def _zipf(ranked: Sequence[str], rng: np.random.Generator) -> str:
    weights = 1 / np.arange(1, len(ranked) + 1)
    return ranked[rng.choice(len(ranked), p=weights / weights.sum())]


if __name__ == "__main__":
    print_figures(measure(Path()))
