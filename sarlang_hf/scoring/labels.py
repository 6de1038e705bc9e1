"""What the words of an answer name: positions, classes, numbers, yes and no, and whether something is denied.

All functions take the normalised words of `normalize.tokens`, so they see whole words only: `car` is not in `cargo`. A word
that belongs to a fixed phrase names nothing: 'left blank' is no position, '10 m' is no count, 'no doubt', 'no fewer' and 'false
positive' neither affirm nor deny. Which no answers a question is for `denials` to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise

from sarlang_hf.schema import CATEGORIES, POSITIONS

YES = frozenset({"yes", "yeah", "yep", "true"})
NO = frozenset({"no", "nope", "none", "false"})
CLASSES = frozenset(CATEGORIES)
PLACES = frozenset(POSITIONS)

CONTRASTS = frozenset({"but", "however", "although", "though", "yet"})
REFUTATIONS = frozenset({"wrong", "incorrect", "inaccurate", "mistaken", "untrue"})
"""Words that take back what is said beside them: 'yes is wrong'."""

_UNLIKELY = frozenset({"unlikely", "improbable", "implausible", "doubtful", "hardly", "scarcely"})
_LACKING = frozenset({"absence", "absent", "devoid", "excluded", "excluding", "fails", "lack", "lacking", "lacks", "missing"})
_DENIALS = _UNLIKELY | _LACKING | {"barely", "instead", "impossible", "nobody", "nope"}
_RULED_OUT = {f"{form} out" for form in ("rule", "rules", "ruled", "ruling")}
_DENYING = frozenset(
    {"all but", "anything but", "apart from", "aside from", "far from", "free from", "free of", "other than", "i doubt"}
    | _RULED_OUT
)
# Deny a label, though not a number or a yes: 'non-ship', 'ship-free', 'less a ship than a building', 'nowhere near the left'.
_LABEL_DENIALS = CONTRASTS | {"non", "free", "less", "nowhere", "opposite", "doubt", "doubts"}

NEGATIONS = REFUTATIONS | _DENIALS | {"no", "not", "none", "never", "nothing", "neither", "nor", "without", "except", "rather"}
"""Words beside which a label or number named in the answer may be denied: 'a harbor, not a bridge', 'unlikely to be a ship'."""

_OTHER_NAMES = {"aeroplane", "airplane", "jet", "plane", "boat", "vessel", "carrier", "vehicle", "truck", "dock", "pier", "port"}
OTHER_CLASS_NAMES = frozenset(_OTHER_NAMES | {f"{name}s" for name in _OTHER_NAMES})
"""Words that may mean one of the six classes. Beside them, the labels named are not all that the answer names."""

ARMOUR = frozenset({"battle", "military", "armored", "armoured"})
"""Words that make a tank a vehicle; the benchmark's tanks hold oil."""

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_SCALES = frozenset({"dozen", "dozens", "hundred", "hundreds", "thousand", "thousands", "million", "millions"})
COUNTED = CLASSES | {"object", "objects", "instance", "instances", "target", "targets"}
_COMPARED = {f"{degree} than" for degree in ("more", "less", "fewer", "greater")}
_LIMITS = {"at least", "at most", "up to", "over", "under", "above", "below", "max", "maximum", "min", "minimum"}
_LIMITS_OF = {f"{part} of" for part in ("half", "percent", "maximum", "minimum", "multiple", "multiples")}
_ROUGHLY = {"about", "almost", "approximately", "around", "circa", "close to", "nearly", "roughly"}
_FACTORS = {"minus", "times", "twice", "double", "half"}
_BOUND_BEFORE = frozenset(_COMPARED | _LIMITS | _LIMITS_OF | _ROUGHLY | _FACTORS)
_BOUND_AFTER = frozenset(_COMPARED | {"at least", "at most", "or so", "plus", "or more", "or less", "or fewer", "and more"})

_UNITS = frozenset({"m", "meter", "meters", "metre", "metres", "km", "px", "pixel", "pixels", "percent", "degree", "degrees"})
_TRUE_OR_FALSE = frozenset({"positive", "positives", "negative", "negatives", "alarm", "alarms", "color", "colour", "north"})
_PHRASES = {
    "no": frozenset(
        {"answer", "clue", "doubt", "idea", "information", "matter", "need", "problem", "question", "way", "of", "denying"}
        | {"fewer", "less", "more", "longer", "small", "shortage", "scarcity", "lack", "end", "exception"}
    ),
    "true": _TRUE_OR_FALSE,
    "false": _TRUE_OR_FALSE,
    "left": frozenset({"blank", "empty", "out", "unanswered", "unspecified"}),
    "right": frozenset({"answer", "away", "now"}),
}
_JOINERS = frozenset({"and", "or"})
_LABELS = YES | NO | CLASSES | PLACES | _JOINERS
# Verbs that make a yes or no before them what the answer speaks about: 'yes would be wrong'.
_SPEAKS_OF = frozenset({"is", "was", "would", "may", "might", "could", "can", "must", "should", "seems", "sounds", "looks"})


def polarities(words: Sequence[str]) -> list[bool]:
    """What each polarity word says, in order: True for yes. 'not' is no polarity word: it may deny anything."""
    said = [word for index, word in enumerate(words) if (word in YES or word in NO) and not _in_phrase(words, index)]
    return [word in YES for word in said]


def first_polarity(words: Sequence[str]) -> int:
    """Where the first yes or no stands; `polarities` must not be empty."""
    return next(index for index, word in enumerate(words) if word in YES | NO and not _in_phrase(words, index))


def opens_with_polarity(words: Sequence[str]) -> bool:
    """Whether the first word answers yes or no.

    In 'no bridges', 'no' belongs to the bridges. 'yes or no' answers nothing, nor does a bare list with both: 'yes, 0, left, no'.
    """
    if not words or words[0] not in YES | NO or _in_phrase(words, 0) or _names_zero(words, 0):
        return False
    contrary = NO if words[0] in YES else YES
    following = [word for word in words[1:3] if word not in _JOINERS][:1]
    return contrary.isdisjoint(following) and (contrary.isdisjoint(words) or not _is_list(words))


def says_both(words: Sequence[str]) -> bool:
    """Whether yes and no are both said, and the answer opens with neither."""
    return len(set(polarities(words))) > 1 and not opens_with_polarity(words)


def places(words: Sequence[str]) -> set[str]:
    """The positions named."""
    return {word for index, word in enumerate(words) if word in PLACES and not _in_phrase(words, index)}


def names_corner(words: Sequence[str]) -> bool:
    """Whether two sides stand next to each other and so name one place: 'top left'. 'middle left' may well mean left."""
    sides = PLACES - {"center"}
    return any(first in sides and second in sides for first, second in pairwise(words))


def doubts_polarity(words: Sequence[str]) -> bool:
    """Whether a yes or no is taken back: 'yes is wrong', 'unlikely, yes', 'not yes', or 'no ships, but bridges'.

    What an answer opens with is taken back by fewer words than what stands within a sentence: 'No, but there is a harbor'.
    """
    if not (REFUTATIONS | _UNLIKELY).isdisjoint(words) or any(first in YES and then == "not" for first, then in pairwise(words)):
        return True
    if opens_with_polarity(words):
        return not _SPEAKS_OF.isdisjoint(words[1:2])
    said = [index for index, word in enumerate(words) if word in YES | NO and not _in_phrase(words, index)]
    denied = any(not {"not", "never"}.isdisjoint(words[max(0, index - 2) : index]) for index in said)
    return denied or not (CONTRASTS | _DENIALS).isdisjoint(words) or _holds_pair(words, _DENYING)


def denies(words: Sequence[str]) -> bool:
    """Whether anything in the answer is negated, or counted as zero."""
    return (
        not NEGATIONS.isdisjoint(words)
        or "0" in words
        or not _LABEL_DENIALS.isdisjoint(words)
        or _holds_pair(words, _DENYING)
        or any(_falls_short(words, index) for index, word in enumerate(words) if word == "too")
        or any(word == "right" and words[max(0, index - 2)] == "you" for index, word in enumerate(words))
        or any(word == "false" and not _in_phrase(words, index) for index, word in enumerate(words))
    )


def numbers(words: Sequence[str]) -> set[float]:
    """The distinct counts named; 'none' and 'no ships' name zero."""
    named = {float(word) for index, word in enumerate(words) if _is_count(words, index)}
    if any(_names_zero(words, index) for index in range(len(words))):
        named.add(0.0)
    return named


def denies_number(words: Sequence[str]) -> bool:
    """Whether a word is negated, leaving aside the negations that name zero."""
    negated = any(word in NEGATIONS and not _names_zero(words, index) for index, word in enumerate(words))
    return negated or _holds_pair(words, _DENYING)


def bounds(words: Sequence[str]) -> bool:
    """Whether a number named is only a limit ('more than 3', '3 or more') or a factor ('3 dozen')."""
    if not _SCALES.isdisjoint(words):
        return True
    return any(_limited(words, index) for index, word in enumerate(words) if _NUMBER.fullmatch(word))


def _holds_pair(words: Sequence[str], pairs: AbstractSet[str]) -> bool:
    return any(f"{first} {then}" in pairs for first, then in pairwise(words))


def _falls_short(words: Sequence[str], index: int) -> bool:
    """Whether 'too' begins 'too small for' or 'too small to be'."""
    return not {"for", "to"}.isdisjoint(words[index + 2 : index + 3])


def _is_list(words: Sequence[str]) -> bool:
    """Whether nothing but labels and numbers is said."""
    return all(word in _LABELS or _NUMBER.fullmatch(word) for word in words)


def _limited(words: Sequence[str], index: int) -> bool:
    before, after = words[max(0, index - 2) : index], words[index + 1 : index + 3]
    return (
        " ".join(before) in _BOUND_BEFORE
        or (bool(before) and before[-1] in _BOUND_BEFORE)
        or " ".join(after) in _BOUND_AFTER
        or (bool(after) and after[0] in _BOUND_AFTER)
    )


def _is_count(words: Sequence[str], index: int) -> bool:
    """A number that does not measure in the unit after it ('10 m')."""
    return bool(_NUMBER.fullmatch(words[index])) and _UNITS.isdisjoint(words[index + 1 : index + 2])


def _names_zero(words: Sequence[str], index: int) -> bool:
    """'none', or 'no' before a counted thing with at most one word between ('no visible ship'), but not 'no idea'."""
    if words[index] == "no":
        return not _in_phrase(words, index) and not COUNTED.isdisjoint(words[index + 1 : index + 3])
    return words[index] == "none"


def _in_phrase(words: Sequence[str], index: int) -> bool:
    """Whether the next word makes a fixed phrase of this one."""
    following = words[index + 1] if index + 1 < len(words) else ""
    return following in _PHRASES.get(words[index], ())
