"""The answer a guesser gives who knows the questions but sees no image: the floor every model must leave behind."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class MajorityAnswers:
    """The most frequent training answer by template, by type, and of all."""

    by_template: Mapping[str, str]
    by_type: Mapping[str, str]
    overall: str

    def answer(self, *, template: str, type: str) -> str:  # noqa: A002 - the column's name
        """The guess for a question: by its template; else, or without a template, by its type; else the overall one."""
        return self.by_template.get(template) or self.by_type.get(type) or self.overall


def learn_majority(questions: pa.Table) -> MajorityAnswers:
    """Learns the majority answers from training questions (columns template, type, answer); ties go to the first by alphabet.

    Questions without a template (written by no template of ours) count for their type only.

    Raises:
        ValueError: there is no question.
    """
    answers = questions["answer"].to_pylist()
    if not answers:
        raise ValueError("no training question to learn from")
    by_template = _majorities(questions["template"].to_pylist(), answers)
    by_template.pop("", None)
    return MajorityAnswers(by_template, _majorities(questions["type"].to_pylist(), answers), _majority(Counter(answers)))


def _majorities(keys: list[str], answers: list[str]) -> dict[str, str]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for key, answer in zip(keys, answers, strict=True):
        counts[key][answer] += 1
    return {key: _majority(count) for key, count in counts.items()}


def _majority(counts: Counter[str]) -> str:
    return min(counts, key=lambda answer: (-counts[answer], answer))
