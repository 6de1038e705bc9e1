"""Whether the yes or no in an answer answers the question: 'No, there is not' does, 'No image was provided' is a refusal.

A refusal must not be right wherever the reference is no: a model that sees nothing would gain accuracy by it. So a no decides
only where nothing follows it in its clause ('No.', 'no, ...'), or what follows belongs to an answer: a class, a word of the
question, or the beginning of a sentence ('no there is not'). Everything else is left open ('no wonder', 'no comment').
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise

from sarlang_hf.scoring import labels
from sarlang_hf.scoring.normalize import fold

CLAUSE_END = "endofclause"
"""The word that `mark_ends` puts behind a no. In an answer that holds it by itself, it does no more than a comma."""

_END = re.compile(
    r"""(?<![^\W_])(no|nope|none|false)(?![^\W_])(?=["'*_)\]}\s]*?(?:[.,;:!?(\n\r\u2013\u2014\u3002\uff0c\uff01\uff1b]|\s-+\s|$))""",
    re.IGNORECASE,
)
# What a model was not given or does not give: 'no image', 'no further details'.
_SOURCES = frozenset(
    {"image", "images", "picture", "pictures", "photo", "photos", "imagery", "file", "attachment", "input", "data"}
)
_REPLIES = frozenset({"answer", "answers", "response", "comment", "conclusion", "information", "context", "detail", "details"})
_REFUSED = _SOURCES | _REPLIES
_DEGREES = frozenset({"visible", "other", "such", "apparent", "obvious", "evident", "single", "discernible", "detectable"})
_SUBJECTS = frozenset({"there", "it", "this", "that", "these", "those", "they", "i", "we"})
_VERBS = frozenset({"is", "are", "was", "were", "do", "does", "can", "not", "because", "since", "as", "nor", "in", "for"})
_BELONGS = labels.COUNTED | labels.PLACES | _SUBJECTS | _VERBS
_OF_WHAT = labels.COUNTED | {"them", "these", "those", "it"}

_NOT = frozenset({"not", "unable", "impossible", "insufficient", "hard", "difficult"})
_SAY = frozenset(
    {"say", "said", "answer", "answered", "tell", "told", "determine", "determined", "confirm", "confirmed", "verify", "know"}
    | {"known", "decide", "decided", "judge", "judged", "conclude", "conclusive", "sure", "certain", "clear", "provided"}
    | {"attached", "view", "access", "open", "load", "process", "analyze", "assess", "ascertain"}
)
_REACH = 5  # words: 'not enough information to tell'
_ASKS = frozenset({"can you", "could you", "would you", "will you", "should i", "do you"})


def mark_ends(text: str) -> str:
    """The text with the word `CLAUSE_END` behind every no after which a clause ends."""
    return _END.sub(rf"\1 {CLAUSE_END} ", text if text.isascii() else fold(text))


def answers_nothing(marked: Sequence[str], question: AbstractSet[str]) -> bool:
    """Whether an answer that says yes or no refuses, wavers, or asks, or says a no that answers nothing.

    Args:
        marked: the words of the answer after `mark_ends`.
        question: the words of the question.
    """
    words, ended = [word for word in marked if word != CLAUSE_END], _ended(marked)
    if (
        not labels.polarities(words)
        or _refuses(words, ended)
        or "wait" in words
        or "upload" in words
        or ("false", "that") in pairwise(words)
    ):
        return True
    first = labels.first_polarity(words)
    if "if" in words[:first] or any(f"{one} {two}" in _ASKS for one, two in pairwise(words[:first])):
        return True
    if words[first] in labels.YES:
        return False
    return ("at", "least") in pairwise(words[first:]) or not _stands(words, first, ended, question)


def _refuses(words: Sequence[str], ended: AbstractSet[int]) -> bool:
    """Whether 'no image', 'cannot say', or 'cannot see what' is said anywhere; 'no, the image ...' is none of them."""
    for index, word in enumerate(words):
        open_no = word == "no" and index not in ended and not _names_thing(words, index)
        if open_no and not _REFUSED.isdisjoint(words[index + 1 : index + 3]):
            return True
        if word in _NOT and any(_says(words, after) for after in range(index + 1, min(index + 1 + _REACH, len(words)))):
            return True
    return False


def _names_thing(words: Sequence[str], index: int) -> bool:
    """Whether a no is followed by what it denies or by a sentence: 'no ships', 'No. The image ...', 'no, in the image'."""
    return not (_BELONGS | labels.NO).isdisjoint(words[index + 1 : index + 2])


def _says(words: Sequence[str], index: int) -> bool:
    following = words[index + 1 : index + 3]
    if words[index] == "see":
        return not {"what", "whether", "if"}.isdisjoint(following[:1]) or not _SOURCES.isdisjoint(following)
    return words[index] in _SAY and not (words[index] == "answer" and following[:1] == ["is"])


def _ended(marked: Sequence[str]) -> set[int]:
    """Where, among the words without marks, a clause ends behind a no."""
    marks = [index for index, word in enumerate(marked) if word == CLAUSE_END]
    return {index - count - 1 for count, index in enumerate(marks)}


def _stands(words: Sequence[str], index: int, ended: AbstractSet[int], question: AbstractSet[str]) -> bool:
    """Whether the no at an index stands alone or before words that belong to an answer."""
    following = list(words[index + 1 : index + 4])
    if index in ended or not following:
        return True
    if words[index] == "none" and following[0] == "of":
        return not (_OF_WHAT | question).isdisjoint(following[1:2])
    while following[:-1] and following[0] in _DEGREES:
        following.pop(0)
    return following[0] in _BELONGS or following[0] in _DEGREES or (following[0] in question and following[0] not in _REFUSED)
