"""Does a prediction agree with its reference? The rules of the `strict` protocol, without a judge.

Rules decide what rules can decide; everything else stays undecided (verdict None) for a judge, and until then widens the
score to a range. They compare whole normalised words (`scoring.normalize`), in this order; each verdict carries the name of
the rule that made it:

    missing     no prediction, or lmms-eval's marker of a failed request            undecided
    empty       no letter or digit in the prediction                                wrong
    exact       the normalised words are equal                                      right
    exact:echo  equal once the question, repeated by the model, is taken off        right
    count       gold is a number: the one number named           else count:none, count:several, count:negated,
                                                                 count:bound ('more than 3', '>3', '3 dozen')
    polarity    gold is yes or no: what the first of yes, yeah, yep, true / no, nope, none, false says, if the answer
                opens with it or holds no contrary one; 'yes and no' and lists with both open with neither
                                                                 else polarity:none, polarity:both, polarity:doubted
    position    gold names positions only: same set of labels    else position:none, position:negated, position:several
    class       gold names classes only: same set of labels      else class:none, class:negated, class:several,
                                                                 class:synonym ('plane')
    open        any other gold                                                      undecided

'several': a sentence names the single label of the reference and others beside it ('a harbor with several ships'), and only
its reader knows which one it gives as the answer. Where nothing but labels is said ('ship, harbor'), where two sides name a
corner ('the top left corner'), or where all labels that exist are named, the answer is wrong. 'middle left' may well mean left,
so a side beside the center is undecided in any form. 'doubted': 'the answer is not yes', 'yes is wrong', 'no ships, but
bridges', and what refuses or wavers: 'no image was provided', 'no wonder', 'no, I cannot say' (`scoring.denials`).

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
from collections.abc import Set as AbstractSet
from typing import Literal, get_args

from sarlang_hf.errors import UsageError
from sarlang_hf.schema import QuestionType
from sarlang_hf.scoring import denials, labels, released
from sarlang_hf.scoring.decision import Decision
from sarlang_hf.scoring.normalize import tokens

Protocol = Literal["strict", "released", "paper"]
"""How answers are judged: by the rules here; as the official script does (`scoring.released`); by a judge alone, as the paper
says."""

JudgeName = Literal["off", "openai", "azure"]
"""Who decides what the rules of a protocol leave open: nobody, a server that speaks OpenAI's protocol, or Azure."""

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
JUDGES: tuple[JudgeName, ...] = get_args(JudgeName)

FAILED_REQUEST = "[LMMS_EVAL_REQUEST_FAILED"
"""How lmms-eval 0.7 begins the 'answer' of an API request that failed: a missing prediction, not a wrong one."""

_BRACKETS = re.compile(r"\[[\d\s.,;:()-]*\]")
_AREA = 4  # numbers, at least
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NUMBERED = re.compile(
    r"\b(?:(?:image|picture|figure|fig\.?|question|option|step|object)\s+#?|no(?:\.\s*#?|\s*#))\d+(?:\.\d+)?\b", re.IGNORECASE
)
# What joins the labels of a reference without changing them, and what joins those of a bare list.
_JOINERS = frozenset({"and"})
_LIST_WORDS = _JOINERS | {"or"}


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
        protocol: `strict`: the rules above; `released`: those of the official script; `paper`: none, a judge decides all.

    Raises:
        UsageError: an unknown protocol.
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"unknown protocol {protocol!r}", place="protocol", remedy=f"use one of {', '.join(PROTOCOLS)}")
    if prediction is None or is_failed_request(prediction):
        return Decision(None, "missing")
    if protocol == "paper":
        return Decision(None, "open")
    if protocol == "released":
        return released.decide(gold, prediction)
    gold_words, words = tokens(gold), tokens(prediction)
    if not words:
        return Decision(False, "empty")
    if words == gold_words:
        return Decision(True, "exact")
    whole = _without_echo(tokens(question), words)
    if whole == gold_words:
        return Decision(True, "exact:echo")
    answer = _without_echo(tokens(_without_labels(question)), tokens(_without_labels(prediction)))
    decision = _by_family(gold_words, answer, whole, type)
    if decision.rule == "polarity" and len(answer) > 1 and _answers_nothing(question, prediction):
        return Decision(None, "polarity:doubted")
    return decision


def is_failed_request(prediction: str) -> bool:
    """Whether a prediction is lmms-eval's marker of a request that failed: as good as none."""
    return prediction.lstrip().startswith(FAILED_REQUEST)


def _by_family(gold: Sequence[str], answer: Sequence[str], whole: Sequence[str], type: QuestionType | None) -> Decision:  # noqa: A002
    """The first family of references that the gold answer belongs to decides.

    `answer` lacks the numbers that `_without_labels` takes out, `whole` does not.
    """
    count = _gold_count(gold, type)
    if count is not None:
        return _compare_counts(count, answer)
    if len(gold) == 1 and gold[0] in ("yes", "no"):
        return _compare_polarity(gold[0] == "yes", answer, whole)
    wanted = set(gold) - _JOINERS
    if wanted and type != "general_inquiry":
        if wanted <= labels.PLACES:
            return _compare_positions(wanted, answer)
        if wanted <= labels.CLASSES:
            return _compare_classes(wanted, answer)
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


def _compare_polarity(affirmed: bool, answer: Sequence[str], whole: Sequence[str]) -> Decision:
    said = labels.polarities(answer)
    if not said:
        return Decision(None, "polarity:none")
    if labels.says_both(answer) or labels.says_both(whole):  # in 'yes, no. 1', who knows what the 'no' is
        return Decision(None, "polarity:both")
    if labels.doubts_polarity(answer):
        return Decision(None, "polarity:doubted")
    return Decision(said[0] == affirmed, "polarity")


def _answers_nothing(question: str, prediction: str) -> bool:
    """Whether a yes or no refuses or wavers (`scoring.denials`)."""
    asked, said = (tokens(denials.mark_ends(_without_labels(text))) for text in (question, prediction))
    return denials.answers_nothing(_without_echo(asked, said), set(asked))


def _compare_positions(wanted: set[str], answer: Sequence[str]) -> Decision:
    named = labels.places(answer)
    if not named:
        return Decision(None, "position:none")
    if labels.denies(answer):
        return Decision(None, "position:negated")
    beside_center = len(wanted) == 1 and wanted < named == wanted | {"center"}  # 'middle left' may well mean left
    if beside_center or (_names_more(wanted, named, labels.PLACES, answer) and not labels.names_corner(answer)):
        return Decision(None, "position:several")
    return Decision(named == wanted, "position")


def _compare_classes(wanted: set[str], answer: Sequence[str]) -> Decision:
    named = labels.CLASSES.intersection(answer)
    if not named:
        return Decision(None, "class:none")
    if labels.denies(answer):
        return Decision(None, "class:negated")
    if not labels.OTHER_CLASS_NAMES.isdisjoint(answer) or ("tank" in named and not labels.ARMOUR.isdisjoint(answer)):
        return Decision(None, "class:synonym")
    if _names_more(wanted, named, labels.CLASSES, answer):
        return Decision(None, "class:several")
    return Decision(named == wanted, "class")


def _names_more(wanted: set[str], named: AbstractSet[str], vocabulary: AbstractSet[str], answer: Sequence[str]) -> bool:
    """Whether a sentence names the one label wanted and others; a reference of several labels asks for the whole set."""
    return len(wanted) == 1 and wanted < named < vocabulary and not named | _LIST_WORDS >= set(answer)


def _without_labels(text: str) -> str:
    """Takes out numbers that name things and count nothing.

    A model that repeats the area `[56.0, 191.0, 112.0, 122.0]` names no count, `[3]` does; 'image 3' is a number of an image,
    'ships in the image: 3' a count; 'no. 3' and 'no #3' do not deny, 'no 3' may.
    """
    if "[" in text:
        text = _BRACKETS.sub(lambda match: " " if len(_NUMBER.findall(match[0])) >= _AREA else match[0], text)
    return _NUMBERED.sub(" ", text)


def _without_echo(question: Sequence[str], answer: Sequence[str]) -> tuple[str, ...]:
    """Takes the question off an answer that begins with it ('Question: Where is it? Left')."""
    start = 1 if answer[:1] == ("question",) else 0
    for first in {0, start} if question else ():
        if tuple(answer[first : first + len(question)]) == tuple(question):
            return tuple(answer[first + len(question) :])
    return tuple(answer)
