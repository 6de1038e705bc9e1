"""The official README's hints: the possible answers, told in the prompt.

The README of SARLANG-1M advises to put the class list and the position list before SARDet's questions when training on
both parts of the dataset. A hint changes the task, so it is an option of the prompt and never part of a stored question.
"""

from __future__ import annotations

from sarlang_hf.schema import QuestionType

CLASS_HINT = "The classes are: tank, car, aircraft, harbor, bridge, ship."
POSITION_HINT = "The classes are: top, center, bottom, left, right."

_HINT_OF_TYPE: dict[QuestionType, str] = {
    "object_classification": CLASS_HINT,
    "region_referring": CLASS_HINT,
    "object_positioning": POSITION_HINT,
}


def hint(question_type: QuestionType) -> str:
    """The README's sentence for a question type, verbatim; empty for types whose answers it does not list."""
    return _HINT_OF_TYPE.get(question_type, "")
