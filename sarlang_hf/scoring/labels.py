"""What the words of an answer name: positions, classes, numbers, and whether something is denied.

All functions take the normalised words of `normalize.tokens`, so they see whole words only: `car` is not in `cargo`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sarlang_hf.schema import CATEGORIES, POSITIONS

YES = frozenset({"yes", "yeah", "yep", "true"})
NO = frozenset({"no", "nope", "none", "false"})
CLASSES = frozenset(CATEGORIES)
PLACES = frozenset(POSITIONS)

NEGATIONS = frozenset({"no", "not", "none", "never", "nothing", "neither", "nor", "without", "except", "rather"})
"""Words after which a label or number named in the answer may be denied: 'a harbor, not a bridge'."""

_OTHER_NAMES = {"aeroplane", "airplane", "jet", "plane", "boat", "vessel", "carrier", "vehicle", "truck", "dock", "pier", "port"}
OTHER_CLASS_NAMES = frozenset(_OTHER_NAMES | {f"{name}s" for name in _OTHER_NAMES})
"""Words that may mean one of the six classes. Beside them, the labels named are not all that the answer names."""

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_SCALES = frozenset({"dozen", "dozens", "hundred", "hundreds", "thousand", "thousands", "million", "millions"})
_COUNTED = CLASSES | {"object", "objects", "instance", "instances", "target", "targets"}
_COMPARED = {f"{degree} than" for degree in ("more", "less", "fewer", "greater")}
_BOUND_BEFORE = frozenset(_COMPARED | {"at least", "at most", "up to", "over", "under", "above", "below"})
_BOUND_AFTER = frozenset({"plus", "or more", "or less", "or fewer", "and more"})


def polarity(words: Sequence[str]) -> bool | None:
    """Whether the first polarity word says yes; None if there is none. 'not' is none: it may deny anything."""
    return next((word in YES for word in words if word in YES or word in NO), None)


def denies(words: Sequence[str]) -> bool:
    """Whether anything in the answer is negated."""
    return not NEGATIONS.isdisjoint(words)


def numbers(words: Sequence[str]) -> set[float]:
    """The distinct numbers named; 'none' and 'no ships' name zero."""
    named = {float(word) for word in words if _NUMBER.fullmatch(word)}
    if any(_names_zero(words, index) for index in range(len(words))):
        named.add(0.0)
    return named


def denies_number(words: Sequence[str]) -> bool:
    """Whether a word is negated, leaving aside the negations that name zero."""
    return any(word in NEGATIONS and not _names_zero(words, index) for index, word in enumerate(words))


def bounds(words: Sequence[str]) -> bool:
    """Whether a number named is only a limit ('more than 3', '3 or more') or a factor ('3 dozen')."""
    if not _SCALES.isdisjoint(words):
        return True
    return any(_limited(words, index) for index, word in enumerate(words) if _NUMBER.fullmatch(word))


def _limited(words: Sequence[str], index: int) -> bool:
    before, after = words[max(0, index - 2) : index], words[index + 1 : index + 3]
    return (
        " ".join(before) in _BOUND_BEFORE
        or (bool(before) and before[-1] in _BOUND_BEFORE)
        or " ".join(after) in _BOUND_AFTER
        or (bool(after) and after[0] in _BOUND_AFTER)
    )


def _names_zero(words: Sequence[str], index: int) -> bool:
    """'none', or 'no' before a counted thing with at most one word between ('no visible ship'), but not 'no idea'."""
    if words[index] == "no":
        return not _COUNTED.isdisjoint(words[index + 1 : index + 3])
    return words[index] == "none"
