"""How much a question's wording gives away: a guesser that never sees the image.

Simulated layouts are split 70/30. Per question type, the guesser learns the most frequent answer of every exact text on
train (numbers masked, so that one region question is like another) and answers the test questions with it; the baseline
always gives the type's most frequent answer. Their difference, in points of accuracy, is what the wording leaks. Counting
is shown but not judged: how many ships an image holds is knowledge about ships, not about the question.

    python benchmarks/text_only_guesser.py --tiles 5000
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from sarlang_hf.schema import QUESTION_TYPES, Question, QuestionType, Split, Tile
from sarlang_hf.texts.boxes import questions
from sarlang_hf.texts.planner import QuestionPlanner

LIMIT = 2.0
"""Points of accuracy that a wording may be worth."""


@dataclass(frozen=True, slots=True)
class Gain:
    """Accuracies in per cent on the test questions of one type."""

    type: QuestionType
    n: int
    majority: float
    guesser: float

    @property
    def gain(self) -> float:
        return self.guesser - self.majority


def gains(train: Sequence[Question], test: Sequence[Question]) -> list[Gain]:
    """The guesser's gain per question type that both parts hold. A text unseen in train gets the type's majority."""
    by_type = _majorities((entry.type, entry.answer) for entry in train)
    by_text = _majorities((_masked(entry), entry.answer) for entry in train)
    scored = []
    for question_type in (name for name in QUESTION_TYPES if name in by_type):
        asked = [entry for entry in test if entry.type == question_type]
        majority = by_type[question_type]
        hits = sum(entry.answer == majority for entry in asked)
        guessed = sum(entry.answer == by_text.get(_masked(entry), majority) for entry in asked)
        if asked:
            scored.append(Gain(question_type, len(asked), 100 * hits / len(asked), 100 * guessed / len(asked)))
    return scored


def _masked(question: Question) -> str:
    return re.sub(r"\d+(\.\d+)?", "#", question.question)


def _majorities(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The most frequent answer per key; of equally frequent ones the first in the alphabet."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for key, answer in pairs:
        counts[key][answer] += 1
    return {key: min(answers, key=lambda answer: (-answers[answer], answer)) for key, answers in counts.items()}


def ask_all(tiles: Sequence[Tile], *, seed: int) -> tuple[list[Question], list[Question]]:
    """The train and the test questions of some tiles, under a plan made from them."""
    planner = QuestionPlanner()
    for tile in tiles:
        planner.add(tile)
    plan = planner.plan()
    asked: dict[str | None, list[Question]] = {"train": [], "test": []}
    for tile in tiles:
        asked[tile.split] += questions(tile, plan=plan, seed=seed)[0]
    return asked["train"], asked["test"]


def simulated_tiles(count: int, *, size: int, seed: int) -> Iterator[Tile]:
    """Layouts of the simulator without pixels, the first 70% for training."""
    from sarlang_hf.imaging.simulate import plan_scene

    for index, stream in enumerate(np.random.SeedSequence(seed).spawn(count)):
        boxes = plan_scene(np.random.default_rng(stream), size).boxes
        split: Split = "train" if index < 0.7 * count else "test"
        yield Tile("sardet100k", f"{index:07d}", split, Path(), Path(), f"layout {index}", size, size, boxes, "none", True)


def table(scored: Sequence[Gain]) -> str:
    lines = [f"{'type':<24}{'n':>8}{'majority %':>12}{'guesser %':>12}{'gain':>8}"]
    for row in scored:
        note = "  (not judged)" if row.type == "instance_counting" else ""
        lines.append(f"{row.type:<24}{row.n:>8,}{row.majority:>12.2f}{row.guesser:>12.2f}{row.gain:>+8.2f}{note}")
    return "\n".join(lines)


@click.command()
@click.option("--tiles", default=5000, show_default=True, help="Number of simulated layouts.")
@click.option("--size", default=512, show_default=True, help="Edge of a tile in pixels.")
@click.option("--seed", default=0, show_default=True)
def main(tiles: int, size: int, seed: int) -> None:
    """Print what a text-only guesser gains per question type; exit 1 if it gains more than 2 points."""
    scored = gains(*ask_all(list(simulated_tiles(tiles, size=size, seed=seed)), seed=seed))
    click.echo(f"Text-only guesser on {tiles:,} simulated layouts, 70/30, seed {seed}")
    click.echo(table(scored))
    if any(row.gain > LIMIT for row in scored if row.type != "instance_counting"):
        sys.exit(f"a wording is worth more than {LIMIT} points")


if __name__ == "__main__":
    main()
