"""Two judges on the same predictions: how often the second one says otherwise, and whether it is long answers that flip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.people.audit import JUDGE_RULE
from sarlang_hf.scoring.people.length import LengthEffect, length_effect
from sarlang_hf.scoring.uncertainty import Interval, clustered_interval
from sarlang_hf.scoring.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Flips:
    """How the verdicts of two judges differ, over the answers that both have decided. Lengths are in words.

    Attributes:
        n_undecided: answers that one of them has not decided; they are left out.
        all: rate of flipped verdicts, clustered by image.
        judged: the same among answers that a judge model decided in either run; None if there are none.
        to_right, to_wrong: verdicts that the second judge turned to right, or to wrong.
        by_length: whether flipped answers are longer than others.
        direction: whether, among flipped answers, those turned to right are longer than those turned to wrong.
        first_right, second_right: whether the answers that each judge calls right are longer than those it calls wrong. Right
            answers may well be longer or shorter than wrong ones; what differs between the judges is theirs.
    """

    n_undecided: int
    all: Interval
    judged: Interval | None
    to_right: int
    to_wrong: int
    by_length: LengthEffect
    direction: LengthEffect
    first_right: LengthEffect
    second_right: LengthEffect


def paired(first: Sequence[Verdict], second: Sequence[Verdict], place: Path) -> dict[str, Verdict]:
    """The second judge's verdicts by question id, on the same predictions as the first's.

    Raises:
        UsageError: the second run lacks a question, or has another prediction or reference for one.
    """
    found = {verdict.answer.question_id: verdict for verdict in second}
    for verdict in first:
        question_id, other = verdict.answer.question_id, found.get(verdict.answer.question_id)
        if other is None:
            raise UsageError(f"has no verdict on question {question_id}", place=place, remedy="judge the same predictions")
        if (other.answer.prediction, other.answer.gold) != (verdict.answer.prediction, verdict.answer.gold):
            problem = f"has another prediction or reference for question {question_id}"
            raise UsageError(problem, place=place, remedy="judge the same predictions with another judge")
    return found


def flips(first: Sequence[Verdict], second: Mapping[str, Verdict], place: Path) -> Flips:
    """Compares two judges.

    Args:
        first: the verdicts of one run.
        second: those of the other, as `paired` gives them.
        place: the second run, for messages.

    Raises:
        UsageError: no answer is decided in both.
    """
    pairs = [(verdict, second[verdict.answer.question_id]) for verdict in first]
    both = [(a, b) for a, b in pairs if a.verdict is not None and b.verdict is not None]
    if not both:
        raise UsageError("shares no decided answer with the audited run", place=place, remedy="judge it with a judge model")
    before, after = (np.array([pair[index].verdict is True for pair in both]) for index in (0, 1))
    flipped = before != after
    judged = np.array([JUDGE_RULE in (a.rule, b.rule) for a, b in both])
    words = np.array([len((a.answer.prediction or "").split()) for a, _ in both])
    images = np.array([a.answer.image_id for a, _ in both])
    return Flips(
        n_undecided=len(pairs) - len(both),
        all=clustered_interval(flipped, images),
        judged=clustered_interval(flipped[judged], images[judged]) if judged.any() else None,
        to_right=int((flipped & after).sum()),
        to_wrong=int((flipped & before).sum()),
        by_length=length_effect(words, flipped, images),
        direction=length_effect(words[flipped], after[flipped], images[flipped]),
        first_right=length_effect(words, before, images),
        second_right=length_effect(words, after, images),
    )
