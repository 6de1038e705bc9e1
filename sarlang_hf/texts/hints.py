"""The official README's hints: the possible answers, told in the prompt.

The README of SARLANG-1M (section "VQA Labels") advises to prepend the class list or the position list to the questions from
SARDet-100K when training on both parts of the dataset. A hint changes the task, so it is an option of the prompt
(`SARLANG_HINTS`) and never part of a stored question.
"""

from __future__ import annotations

from sarlang_hf.schema import QuestionType, SourceName

CLASS_HINT = "The classes are: tank, car, aircraft, harbor, bridge, ship."
POSITION_HINT = "The classes are: top, center, bottom, left, right."

_HINT_OF_TYPE: dict[QuestionType, str] = {
    "object_classification": CLASS_HINT,
    "region_referring": CLASS_HINT,
    "object_positioning": POSITION_HINT,
}

# COCO-style sources, which the README does not know, are mapped to the same six classes; the others name many more.
_SIX_CLASSES: frozenset[SourceName] = frozenset({"sardet100k", "coco"})


def hint(question_type: QuestionType, source: SourceName = "sardet100k") -> str:
    """The README's sentence for a question, verbatim; empty where it does not list the possible answers."""
    return _HINT_OF_TYPE.get(question_type, "") if source in _SIX_CLASSES else ""
