"""What a released text is about, from its wording: the files of SARLANG-1M carry neither question types nor caption kinds.

    >>> infer_type("Where are most harbors positioned within the image?", "bottom")
    Inferred(type='object_positioning', topic='', matched=True)
    >>> infer_type("What shape are the swimming pools?", "Rectangular.")
    Inferred(type='general_inquiry', topic='shape', matched=True)
    >>> infer_caption_kind("The image shows an industrial facility with multiple circular storage tanks and surrounding roads.")
    'complex'

The first rule that fits decides; case, spacing and closing punctuation do not matter:

    1 instance_counting      'how many', 'what is the number of', 'count the'
    2 object_identification  a yes/no question about presence: 'is there', 'does ... exist', 'is any ... visible'
    3 general_inquiry        every other yes/no question (Figure 2: 'Are any buildings under construction?' is reasoning)
    4 region_referring       four numbers in a row: the area
    5 object_positioning     'where', 'in which part', 'what is the position of'
    6 general_inquiry        asks for a shape, direction, land cover, pattern, or for use and purpose (reasoning)
    7 object_classification  asks what something is or what kind of thing is somewhere
    8 general_inquiry        everything else; not `matched`, with a topic only where a keyword names one

The types are those that Table 5's rows and the applications of Figure 2 give to the printed questions. How a question was
typed by the authors is not published, so the counts by type (Table 4) are compared, never required to agree.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from sarlang_hf.schema import CaptionKind, QuestionType, Topic

MOST_WORDS = 20
"""Longer captions are complex: the BLIP and CoCa models that wrote the concise ones stop at 20 tokens unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Inferred:
    """The type of a question, the topic of a general inquiry, and whether a rule knew the wording."""

    type: QuestionType
    topic: Topic
    matched: bool


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b")


_HINT = re.compile(r"^the classes are:[^.]*\.\s*")  # the README's hint may stand before a question
_YES_NO = re.compile(r"^(?:yes|no)\b")
_OPENS_YES_NO = re.compile(r"^(?:is|are|was|were|do|does|did|has|have|can|could|will|would|should|may|might)\b")
_COUNT = re.compile(r"\bhow many\b|^(?:what|which)\b.*\b(?:number|count) of\b|^count\b")
_SEEN = "exists?|visible|present|seen|observed|detected|found|identified|shown|depicted"
_PRESENCE = re.compile(
    r"^(?:is|are|was|were) there\b"
    rf"|^(?:is|are|was|were|does|do|can|could)\b.*\b(?:{_SEEN})\b"
    r"|^(?:is|are) (?:a|an|any|some|other|another)\b.*\b(?:located|situated|in the (?:image|area|scene|picture))\b"
    r"|^(?:does|do)\b.*\b(?:contain|include|show|have|feature|depict)\b"
    r"|^(?:can|do|could) (?:you|we|one) (?:see|find|spot|identify|observe|detect)\b"
)
_NUMBER = r"-?\d{1,6}(?:\.\d{1,9})?"  # bounded, or a text of digits alone would take quadratic time
_AREA = re.compile(rf"(?:{_NUMBER}(?: ?, ?| )){{3}}{_NUMBER}")
_PART = "side|part|corner|section|quadrant|portion|position|location|end|edge"
_POSITION = re.compile(
    r"^where\b|^(?:in|on|within|at|from)\b.*\bwhere\b"
    rf"|^(?:(?:in|on|at|to|towards?) )?(?:which|what) (?:{_PART}|area of the image|region of the image)\b"
    r"|^what (?:is|are) the (?:\w+ ){0,2}(?:locations?|positions?) of\b"
)
_ASKS = r"^(?:(?:in|with|for|along|to) )?(?:what|which|how|why)\b(?: [\w'-]+){0,6}? "
_ASKED_TOPICS: tuple[tuple[Topic, re.Pattern[str]], ...] = (
    ("shape", re.compile(rf"{_ASKS}(?:shapes?|shaped|geometry)\b")),
    ("direction", re.compile(rf"{_ASKS}(?:directions?|orientations?|oriented|orientated)\b|^which way\b")),
    ("land_cover", re.compile(rf"{_ASKS}(?:land[ -]?cover|ground cover|terrain)\b")),
    (
        "pattern",
        re.compile(
            rf"{_ASKS}(?:patterns?|layout|laid out|arrang(?:ed?|ement)|distribut(?:ed|ion)|organi[sz](?:ed|ation)|aligned"
            r"|alignment|spaced|spacing|grouped|dense|densely|density)\b"
        ),
    ),
    (
        "reasoning",
        re.compile(rf"{_ASKS}(?:used?|usage|purposes?|functions?|activity|activities|likely|suggests?|indicates?)\b|^why\b"),
    ),
)
_KEYWORDS: tuple[tuple[Topic, re.Pattern[str]], ...] = (
    ("shape", _words("shapes?|shaped|rectangular|circular|round|oval|square|triangular|curved|straight|irregular")),
    (
        "direction",
        _words("directions?|orient(?:ed|ation)|diagonal(?:ly)?|horizontal(?:ly)?|vertical(?:ly)?|parallel|perpendicular"),
    ),
    ("land_cover", _words("land[ -]?cover|ground cover|terrain")),
    (
        "pattern",
        _words("patterns?|layout|arranged|arrangement|distributed|organi[sz]ed|grid|aligned|spaced|dense|densely|density"),
    ),
    ("reasoning", _words("used?|purpose|function|construction|likely|suggests?|indicates?|activity|activities")),
)
_KIND = (
    "types?|kinds?|sorts?|categor(?:y|ies)|class(?:es)?|objects?|features?|structures?|facilit(?:y|ies)|buildings?|areas?|zones?"
    "|landmarks?|vehicles?|vegetation|infrastructures?|bod(?:y|ies)|elements?|landscapes?|environments?|settings?|scenes?|things?"
    "|ships?|aircraft|airplanes?|vessels?|fields?|roads?|places?|landforms?|items?"
)
_SOMEWHERE = (
    "located|situated|visible|present|seen|shown|found|parked|docked|in|at|on|near|next|adjacent|along|beside|between|around|behind"
    "|surrounding|surrounds?|borders?|separates?|connects?|lines|crosses|runs?|dominates?|occup(?:y|ies)|divides?"
)
_CLASSIFY = re.compile(rf"^(?:what|which)\b.*\b(?:{_KIND}|{_SOMEWHERE})\b|^(?:identify|name|classify)\b")

_SHOWING = (
    "shows?|depicts?|displays?|features?|captures?|presents?|contains?|illustrates?|reveals?|includes?|highlights?|showcases?"
)
_PICTURE = "image|picture|photo|photograph|imagery|scene|view"
_OPENS_COMPLEX = re.compile(rf"^(?:(?:the|this|a|an) )?(?:[\w-]+ ){{0,3}}(?:{_PICTURE}) (?:\w+ly )?(?:{_SHOWING})\b")
_NEXT_SENTENCE = re.compile(r"[.!?]\s+\S")


def infer_type(question: str, answer: str) -> Inferred:
    """The type of a released question.

    Args:
        question: as released.
        answer: as released; only tells yes/no questions from those that offer a choice ('urban or rural?').
    """
    asked = _normal(question)
    if _COUNT.search(asked):
        return Inferred("instance_counting", "", matched=True)
    if _OPENS_YES_NO.search(asked):
        return _yes_no(asked, _normal(answer))
    if _AREA.search(asked):
        return Inferred("region_referring", "", matched=True)
    if _POSITION.search(asked):
        return Inferred("object_positioning", "", matched=True)
    if topic := _first(_ASKED_TOPICS, asked):
        return Inferred("general_inquiry", topic, matched=True)
    if _CLASSIFY.search(asked):
        return Inferred("object_classification", "", matched=True)
    return Inferred("general_inquiry", _first(_KEYWORDS, asked), matched=False)


def is_matched(question: str, answer: str) -> bool:
    """Whether a rule knows the wording; the build counts the questions it does not know."""
    return infer_type(question, answer).matched


def infer_caption_kind(caption: str) -> CaptionKind:
    """Whether GPT-4o (complex) or BLIP or CLIP (concise) wrote a training caption; the test files say it themselves.

    Complex is a caption that opens with the picture as subject of a verb of showing ('The image shows ...'), has a second
    sentence, two or more commas, or more than `MOST_WORDS` words; everything else is concise. Made from the captions that the
    paper prints (Figure 2) and from how the three models write. A short GPT-4o caption in the form of a phrase is taken for
    concise; Table 6's counts of training captions show how often.
    """
    text = _normal(caption)
    complex_ = (
        _OPENS_COMPLEX.search(text) or _NEXT_SENTENCE.search(text) or text.count(",") >= 2 or len(text.split()) > MOST_WORDS
    )
    return "complex" if complex_ else "concise"


def _yes_no(asked: str, answer: str) -> Inferred:
    offers_choice = " or " in asked and not _YES_NO.search(answer)
    if offers_choice:
        return Inferred("general_inquiry", _first(_KEYWORDS, asked), matched=False)
    if _PRESENCE.search(asked):
        return Inferred("object_identification", "", matched=True)
    return Inferred("general_inquiry", _first(_KEYWORDS, asked) or "reasoning", matched=True)


def _first(topics: tuple[tuple[Topic, re.Pattern[str]], ...], asked: str) -> Topic:
    return next((topic for topic, pattern in topics if pattern.search(asked)), "")


def _normal(text: str) -> str:
    """Lower case, one space between words, no closing punctuation, no hint in front."""
    words = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return _HINT.sub("", words).rstrip(" ?.!")
