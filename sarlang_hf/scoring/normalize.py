"""Answers as words: the form in which the strict rules compare a prediction with its reference.

    >>> " ".join(tokens("There are twenty-one harbours; aren't there?"))
    'there are 21 harbor are not there'

What is evened out: Unicode compatibility forms (NFKC), case, punctuation (a decimal point and a minus sign of a number
stay), invisible characters, articles, the number words zero to ninety-nine, thousands separators, the plural of the six
class labels, British spellings, and upper/lower/middle for top/bottom/center. Signs that change what a number says are spelled
out (`>3` is 'more than 3', `3%` '3 percent', `~3` 'about 3'). Letters of other alphabets that merely look Latin stay
what they are.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from sarlang_hf.schema import CATEGORIES

_UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_NUMBER_WORDS = {
    **{word: value for value, word in enumerate(_UNITS + _TEENS)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
}
_CANONICAL = {
    **{word: str(value) for word, value in _NUMBER_WORDS.items()},
    **{f"{label}s": label for label in CATEGORIES},
    "harbour": "harbor",
    "harbours": "harbor",
    "centre": "center",
    "middle": "center",
    "upper": "top",
    "lower": "bottom",
    "cannot": "not",
}
_ARTICLES = frozenset({"a", "an", "the"})

_LOOKALIKE_MARKS = str.maketrans("\u2018\u2019\u02bc\u2032`\u2010\u2011\u2012\u2013\u2014\u2212", "'''''------")
_COMPOUND = re.compile(rf"\b({'|'.join(_TENS)})[-\s]+({'|'.join(_UNITS[1:])})\b")
_THOUSANDS = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?!,?\d)")
_NEGATION = re.compile(r"\b(is|are|was|were|do|does|did|has|have|had|ca|wo|ai|could|should|would|must|need)n'?t\b")
_POSSESSIVE = re.compile(r"'s\b")
# Signs that change what a number says. Those around a tag ('<answer>3</answer>') and that of an arrow ('-> 3') do not.
_SIGN = re.compile(
    r"<[^\s\d<>=][^<>]*>|(?<![-=])>=?|<(?!-)=?|!=|(?<!~)~(?!~)|[+%\u00b0\u00b1\u2030\u223c\u2243\u2245\u2248\u2260\u2264-\u226b\u226e\u226f\u2272\u2273\u2a7d\u2a7e]"
)
_SPELLED = {
    **dict.fromkeys((">", "\u226b"), "more than"),
    **dict.fromkeys(("<", "\u226a"), "less than"),
    **dict.fromkeys((">=", "\u2265", "\u2267", "\u2269", "\u226e", "\u2273", "\u2a7e"), "at least"),
    **dict.fromkeys(("<=", "\u2264", "\u2266", "\u2268", "\u226f", "\u2272", "\u2a7d"), "at most"),
    **dict.fromkeys(("!=", "\u2260"), "not"),
    **dict.fromkeys(("%", "\u2030"), "percent"),
    **dict.fromkeys(("+", "\u00b1"), "plus"),
    **dict.fromkeys("~\u223c\u2243\u2245\u2248", "about"),
    "\u00b0": "degrees",
}
# A run of letters and digits; full stops join it only between digits ("1.5", "v1.0"), a minus sign only opens a number.
_WORD = re.compile(r"(?:(?<![^\s(:=])-(?=\d))?[^\W_]+(?:(?<=\d)\.(?=\d)[^\W_]+)*")

_CACHED_LENGTH = 200
_MAX_COMBINING = 30


def tokens(text: str) -> tuple[str, ...]:
    """The normalised words of a text, in order; empty if it holds no letter or digit.

    Articles go, unless the text is nothing but articles ("A" may be the answer).
    """
    return _cached_tokens(text) if len(text) <= _CACHED_LENGTH else _tokens(text)


def _tokens(text: str) -> tuple[str, ...]:
    text = text.lower() if text.isascii() else fold(text)
    if "'" in text or "nt" in text or "`" in text:
        text = _POSSESSIVE.sub("", _NEGATION.sub(r"\1 not", text.replace("`", "'")))
    text = _COMPOUND.sub(lambda match: str(_NUMBER_WORDS[match[1]] + _NUMBER_WORDS[match[2]]), text)
    text = _THOUSANDS.sub(lambda match: match[0].replace(",", ""), text)
    words = [_CANONICAL.get(word, word) for word in _WORD.findall(_SIGN.sub(_spelled, text))]
    return tuple(word for word in words if word not in _ARTICLES) or tuple(words)


_cached_tokens = lru_cache(maxsize=1 << 16)(_tokens)


def _spelled(sign: re.Match[str]) -> str:
    """A sign in words; a tag without its brackets."""
    return f" {_SPELLED.get(sign[0]) or sign[0].strip('<>')} "


def fold(text: str) -> str:
    """NFKC, case folding, plain quotes and dashes, ASCII digits, no invisible characters."""
    text = unicodedata.normalize("NFKC", _stream_safe(text)).casefold()
    text = unicodedata.normalize("NFKC", text).translate(_LOOKALIKE_MARKS)
    return "".join(_ascii_digit(char) for char in text if unicodedata.category(char) != "Cf")


def _ascii_digit(char: str) -> str:
    value = unicodedata.decimal(char, None)
    return char if value is None else str(value)


def _stream_safe(text: str) -> str:
    """Cuts runs of combining marks at 30, the Stream-Safe Text Format of UAX 15.

    Normalisation sorts such a run in quadratic time: 0.8 s were measured for 80 KB, so that a hostile
    answer of 2 MB would take minutes.
    """
    kept, run = [], 0
    for char in text:
        run = run + 1 if unicodedata.combining(char) else 0
        if run <= _MAX_COMBINING:
            kept.append(char)
    return "".join(kept)


def well_formed(text: str) -> str:
    """The text with lone surrogates replaced, which models produce through JSON escapes and UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
