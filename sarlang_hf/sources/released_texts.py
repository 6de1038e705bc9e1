"""The rows of SARLANG-1M's text files, whatever their format; `released_csv` and `released_json` read them.

The exact bytes of the released files are not documented, so they are read tolerantly. Exact duplicates of a row are kept: the
paper's counts are counts of rows. Empty lines are nothing. A header that is repeated within a file, as joining files leaves it
behind, is no text; it is handed on as what it is. What cannot be read as a row with certainty stops the build.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sarlang_hf.errors import SourceError
from sarlang_hf.schema import Split
from sarlang_hf.sources.released_stems import stem_of

PartKind = Literal["question", "complex", "concise", "mixed"]
"""What a file holds: questions, or captions of one kind, or (for training) of both."""

MAX_TEXT = 1 << 17
"""Characters of a question, an answer or a caption; also Python's own limit for a CSV field."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """One text file: what it holds, its part of the dataset, and the other format's file of the same rows, if it is there."""

    path: Path
    kind: PartKind
    split: Split
    twin: Path | None = None

    @property
    def is_json(self) -> bool:
        return self.path.suffix.lower() == ".json"

    def place(self, position: int) -> str:
        """Where a row stands, for messages."""
        return f"{self.path}: [{position}]" if self.is_json else f"{self.path}: line {position}"


@dataclass(frozen=True, slots=True)
class TextRow:
    """One text.

    Attributes:
        position: the line where the row begins in a CSV file, from 1; the index of the record in a JSON file, from 0.
        image: the image name as written.
        text: the question or caption, without spaces around it.
        answer: likewise; empty for captions.
        problem: what is wrong with the texts of this row; they are empty then.
    """

    position: int
    image: str
    text: str
    answer: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RepeatedHeader:
    """The file's header, once more, in this line."""

    position: int


def checked_row(part: TextPart, position: int, image: str, text: str, answer: str) -> TextRow:
    """A row as a reader found it, without the spaces around its texts.

    Raises:
        SourceError: there is no image name, or a text is longer than `MAX_TEXT`.
    """
    image, text, answer = image.strip(), text.strip(), answer.strip()
    if not stem_of(image) or not image.isprintable():
        raise SourceError(f"expected an image name, found {image!r:.60}", place=part.place(position), remedy="mend this row")
    if max(len(text), len(answer)) > MAX_TEXT:
        raise SourceError(f"has a text of more than {MAX_TEXT} characters", place=part.place(position), remedy="remove this row")
    what = ("question", "answer") if part.kind == "question" else ("caption",)
    for name, value in zip(what, (text, answer), strict=False):
        if problem := _problem(value):
            return TextRow(position, image, "", "", f"the {name} {problem}")
    return TextRow(position, image, text, answer)


def _problem(text: str) -> str:
    """What makes a text no text: nothing in it, a control character other than white space, or half a surrogate pair."""
    if not text:
        return "is empty"
    if not text.isprintable() and any(unicodedata.category(sign) in {"Cc", "Cs"} and sign not in "\t\r\n" for sign in text):
        return "holds a control character"
    return ""
