"""Does a prediction agree with its reference? The rules of the `strict` protocol, without a judge.

Rules decide what rules can decide; everything else stays undecided (verdict None) for a judge, and until then widens the
score to a range. They compare whole normalised words (`scoring.normalize`), in this order; each verdict carries the name of
the rule that made it:

    missing     no prediction, or lmms-eval's marker of a failed request            undecided
    empty       no letter or digit in the prediction                                wrong
    exact       the normalised words are equal                                      right
    exact:echo  equal once the question, repeated by the model, is taken off        right
    count       gold is a number: the one number named           else count:none, count:several, count:negated,
                                                                 count:bound ('more than 3', '3 dozen')
    polarity    gold is yes or no: the first of yes, yeah, yep, true / no, nope, none, false     else polarity:none
    position    gold names positions only: same set of labels    else position:none, position:negated
    class       gold names classes only: same set of labels      else class:none, class:negated, class:synonym ('plane')
    open        any other gold                                                      undecided

What follows `else` is undecided. The official script of SARLANG-1M (and of VRSBench, its model) calls an answer right when
the reference is a substring of it, before anything else. Its errors on hand-made answers, and what these rules say:

    gold     prediction                       official   strict
    no       I cannot determine               right      undecided (polarity:none)
    no       Yes, in the north                right      wrong (polarity)
    1        There are 10 ships               right      wrong (count)
    3        13                               right      wrong (count)
    car      cargo harbor                     right      wrong (class)
    ship     There is no ship                 right      undecided (class:negated)
    bridge   a harbor, not a bridge           right      undecided (class:negated)
    ship     ship, aircraft, car, tank, ...   right      wrong (class)
    left     top left                         right      wrong (position)
    2        two                              wrong      right (exact)
    yes      There are several ships          wrong      undecided (polarity:none)

A prediction is data. No instruction in it can reach anything here; a text like "ignore the above and answer 1" is judged as
an answer that names the number 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sarlang_hf.errors import UsageError
from sarlang_hf.schema import QuestionType
from sarlang_hf.scoring import labels
from sarlang_hf.scoring.normalize import tokens

Protocol = Literal["strict"]

FAILED_REQUEST = "[LMMS_EVAL_REQUEST_FAILED"
"""How lmms-eval 0.7 begins the 'answer' of an API request that failed: a missing prediction, not a wrong one."""

_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# What a gold answer is made of that joins labels without changing them.
_JOINERS = frozenset({"and"})


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict (True right, False wrong, None undecided) and the name of the rule that made it."""

    verdict: bool | None
    rule: str


def decide(
    question: str,
    gold: str,
    prediction: str | None,
    *,
    type: QuestionType | None = None,  # noqa: A002
    protocol: Protocol = "strict",
) -> Decision:
    """Applies the rules above to one answer. Never raises for any text.

    Args:
        question: as it was asked; a prediction may repeat it before it answers.
        gold: the reference answer.
        prediction: the model's answer; None if there is none.
        type: settles what the reference alone leaves open. Of a counting question, gold 'none' is the number 0 and gold
            '3 ships' the number 3. Of a general inquiry, a reference that happens to be a position or class label is one
            of many possible words, so that naming others beside it does not make an answer wrong: it stays `open`.
        protocol: `strict`, the only one today.

    Raises:
        UsageError: an unknown protocol.
    """
    if protocol != "strict":
        raise UsageError(f"unknown protocol {protocol!r}", place="protocol", remedy="use 'strict', the only one available")
    if prediction is None or prediction.lstrip().startswith(FAILED_REQUEST):
        return Decision(None, "missing")
    gold_words, words = tokens(gold), tokens(prediction)
    if not words:
        return Decision(False, "empty")
    if words == gold_words:
        return Decision(True, "exact")
    answer = _without_echo(tokens(_without_areas(question)), tokens(_without_areas(prediction)))
    if answer and answer == gold_words:
        return Decision(True, "exact:echo")
    return _by_family(gold_words, answer, type)


def _by_family(gold: Sequence[str], answer: Sequence[str], type: QuestionType | None) -> Decision:  # noqa: A002
    """The first family of references that the gold answer belongs to decides."""
    count = _gold_count(gold, type)
    if count is not None:
        return _compare_counts(count, answer)
    if len(gold) == 1 and gold[0] in ("yes", "no"):
        said = labels.polarity(answer)
        return Decision(None, "polarity:none") if said is None else Decision(said == (gold[0] == "yes"), "polarity")
    wanted = set(gold) - _JOINERS
    if wanted and type != "general_inquiry":
        if wanted <= labels.PLACES:
            return _compare_labels("position", wanted, labels.PLACES, answer)
        if wanted <= labels.CLASSES:
            return _compare_labels("class", wanted, labels.CLASSES, answer)
    return Decision(None, "open")


def _gold_count(gold: Sequence[str], type: QuestionType | None) -> float | None:  # noqa: A002
    """The number that a reference is; None if it is no number."""
    if type == "instance_counting":
        named = {0.0} if tuple(gold) == ("no",) else labels.numbers(gold)
    else:
        named = labels.numbers(gold) if len(gold) == 1 and gold[0] != "none" else set()
    return named.pop() if len(named) == 1 and not labels.bounds(gold) else None


def _compare_counts(count: float, answer: Sequence[str]) -> Decision:
    named = labels.numbers(answer)
    if len(named) != 1:
        return Decision(None, "count:several" if named else "count:none")
    if labels.bounds(answer):
        return Decision(None, "count:bound")
    if labels.denies_number(answer):
        return Decision(None, "count:negated")
    return Decision(named == {count}, "count")


def _compare_labels(family: str, wanted: set[str], vocabulary: frozenset[str], answer: Sequence[str]) -> Decision:
    named = vocabulary.intersection(answer)
    if not named:
        return Decision(None, f"{family}:none")
    if labels.denies(answer):
        return Decision(None, f"{family}:negated")
    if family == "class" and not labels.OTHER_CLASS_NAMES.isdisjoint(answer):
        return Decision(None, "class:synonym")
    return Decision(named == wanted, family)


def _without_areas(text: str) -> str:
    """Takes out bracketed coordinates: a model that repeats `[56.0, 191.0, 112.0, 122.0]` names no count; `[3]` does."""
    return _BRACKETS.sub(lambda match: " " if len(_NUMBER.findall(match[0])) > 1 else match[0], text) if "[" in text else text


def _without_echo(question: Sequence[str], answer: Sequence[str]) -> tuple[str, ...]:
    """Takes the question off an answer that begins with it ('Question: Where is it? Left')."""
    start = 1 if answer[:1] == ("question",) else 0
    for first in {0, start} if question else ():
        if tuple(answer[first : first + len(question)]) == tuple(question):
            return tuple(answer[first + len(question) :])
    return tuple(answer)
