"""What people answered on a sheet, scored like a model's answers.

Each rater has an accuracy with Wilson's interval, a group of raters the mean of theirs with an interval over questions and
raters: the paper's human rows are such means over three raters. Answers that are missing or undecided widen a score to a range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.scoring.normalize import tokens
from sarlang_hf.scoring.people.agreement import Agreement, cohen_kappa
from sarlang_hf.scoring.uncertainty import two_way_interval, wilson
from sarlang_hf.scoring.verdicts import Verdict

Bounds = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class RaterScore:
    """Accuracy of one rater, or of a model beside them, on the questions of a sheet, as fractions.

    Attributes:
        name: the rater.
        n: questions.
        n_missing: questions without an answer.
        n_unjudged: questions without a verdict, missing ones among them.
        value: share of right answers; None while `n_unjudged` > 0.
        low, high: the share if all unjudged answers were wrong, or right.
        interval: Wilson's 95% interval, of both ends while they differ.
    """

    name: str
    n: int
    n_missing: int
    n_unjudged: int
    value: float | None
    low: float
    high: float
    interval: Bounds


@dataclass(frozen=True, slots=True)
class MeanScore:
    """Mean over the raters of a group, of their accuracies or of their differences to a model, as a fraction.

    Attributes:
        name: the group.
        raters: how many.
        questions: how many.
        value: the mean; None while answers are unjudged.
        low, high: its lowest and highest value whatever the unjudged answers are.
        interval: 95% interval over questions and raters (`uncertainty.two_way_interval`); None for a single rater or question.
    """

    name: str
    raters: int
    questions: int
    value: float | None
    low: float
    high: float
    interval: Bounds


@dataclass(frozen=True, slots=True)
class Pair:
    """Two raters: the share of questions to which both gave the same words, and how far they are right on the same ones.

    `right` is kappa of right against wrong over the questions that both have a verdict on; None if there are none.
    """

    first: str
    second: str
    same_words: float
    right: Agreement | None


@dataclass(frozen=True, slots=True)
class HumanScore:
    """Everything about a sheet; `model` and the groups' differences to it only where one was named."""

    signature: str
    raters: tuple[RaterScore, ...]
    groups: tuple[MeanScore, ...]
    pairs: tuple[Pair, ...]
    model: RaterScore | None
    differences: tuple[MeanScore, ...]


def score_people(
    groups: Mapping[str, Mapping[str, Sequence[Verdict]]], *, signature: str, model: Mapping[str, Verdict] | None = None
) -> HumanScore:
    """Scores the verdicts on what raters answered.

    Args:
        groups: by group and rater, the verdicts on the same questions in the same order.
        signature: names the sheet and how it was judged.
        model: the verdicts on a model's answers by question id; questions of the sheet that it lacks are left out beside it.
    """
    raters = {name: verdicts for members in groups.values() for name, verdicts in members.items()}
    compared = () if model is None else [_difference(name, list(members.values()), model) for name, members in groups.items()]
    return HumanScore(
        signature=signature,
        raters=tuple(_rater(name, verdicts) for name, verdicts in raters.items()),
        groups=tuple(_group(name, list(members.values())) for name, members in groups.items()),
        pairs=tuple(_pair(first, raters[first], second, raters[second]) for first, second in combinations(raters, 2)),
        model=None if model is None else _rater("model", _beside(next(iter(raters.values())), model)),
        differences=tuple(compared),
    )


def _rater(name: str, verdicts: Sequence[Verdict]) -> RaterScore:
    n = len(verdicts)
    right, unjudged = _right(verdicts), _unjudged(verdicts)
    lowest, highest = int(right.sum()), int((right | unjudged).sum())
    return RaterScore(
        name=name,
        n=n,
        n_missing=sum(verdict.rule == "missing" for verdict in verdicts),
        n_unjudged=highest - lowest,
        value=None if highest > lowest else lowest / n,
        low=lowest / n,
        high=highest / n,
        interval=(wilson(lowest, n)[0], wilson(highest, n)[1]),
    )


def _group(name: str, raters: Sequence[Sequence[Verdict]]) -> MeanScore:
    low = np.array([_right(verdicts) for verdicts in raters], float)
    high = np.array([_right(verdicts) | _unjudged(verdicts) for verdicts in raters], float)
    return _mean(name, low, high, (0.0, 1.0))


def _difference(name: str, raters: Sequence[Sequence[Verdict]], model: Mapping[str, Verdict]) -> MeanScore:
    """Raters minus the model, question by question: the same questions, so their difficulty cancels."""
    common = [[verdict for verdict in verdicts if verdict.answer.question_id in model] for verdicts in raters]
    beside = _beside(common[0], model)
    lowest, highest = _right(beside), _right(beside) | _unjudged(beside)
    low = np.array([_right(verdicts).astype(float) - highest for verdicts in common])
    high = np.array([(_right(verdicts) | _unjudged(verdicts)).astype(float) - lowest for verdicts in common])
    return _mean(name, low, high, (-1.0, 1.0))


def _mean(name: str, low: NDArray[np.float64], high: NDArray[np.float64], limits: tuple[float, float]) -> MeanScore:
    """Of (raters, questions) values if unjudged answers were wrong, and if they were right."""
    raters, questions = (codes.ravel() for codes in np.indices(low.shape))
    lower, upper = (two_way_interval(values.ravel(), questions, raters) for values in (low, high))
    interval = None
    if lower.low is not None and upper.high is not None:
        interval = max(limits[0], lower.low), min(limits[1], upper.high)
    return MeanScore(
        name=name,
        raters=low.shape[0],
        questions=low.shape[1],
        value=None if (low != high).any() else lower.mean,
        low=lower.mean,
        high=upper.mean,
        interval=interval,
    )


def _pair(first: str, a: Sequence[Verdict], second: str, b: Sequence[Verdict]) -> Pair:
    words = [
        (tokens(one.answer.prediction or ""), tokens(other.answer.prediction or "")) for one, other in zip(a, b, strict=True)
    ]
    both = ~(_unjudged(a) | _unjudged(b))
    right = cohen_kappa(_right(a)[both], _right(b)[both]) if both.any() else None
    return Pair(first, second, float(np.mean([one == other != () for one, other in words])), right)


def _beside(verdicts: Sequence[Verdict], model: Mapping[str, Verdict]) -> list[Verdict]:
    """The model's verdicts on the questions of some others, in their order."""
    return [model[verdict.answer.question_id] for verdict in verdicts if verdict.answer.question_id in model]


def _right(verdicts: Sequence[Verdict]) -> NDArray[np.bool_]:
    return np.array([verdict.verdict is True for verdict in verdicts])


def _unjudged(verdicts: Sequence[Verdict]) -> NDArray[np.bool_]:
    return np.array([verdict.verdict is None for verdict in verdicts])
