"""Every wording of every question that boxes can answer, as data.

The wordings are those of the paper's Table 5 and of the box questions printed in its Figure 2. Table 5 writes
alternatives with slashes and says 'a [specific category]' for every class; here each alternative is spelled out as an
English sentence of its own. Questions of Figure 2 that boxes cannot answer ('What shape are the swimming pools?',
'Where is the school located?') came from GPT-4o in the paper and are not here.

    >>> render(COUNT[2], "aircraft")
    'How many aircraft are there in the image?'
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from sarlang_hf.schema import QuestionType

AnswerForm = Literal["yes/no", "category", "categories", "number", "position"]
Side = Literal["left", "right", "top", "bottom"]

SIDES: tuple[Side, ...] = ("left", "right", "top", "bottom")
"""The sides an identification question names. `center` is a position but not a side."""


@dataclass(frozen=True, slots=True)
class Template:
    """One wording.

    Attributes:
        id: name of the wording, stored with every question it makes.
        type: the paper's question type.
        wording: the sentence, with {singular}, {a_singular}, {plural}, {position} and {area} to fill in.
        answer: form of the answer: `yes` or `no`; one category; all categories, alphabetical, joined by ', '; a count in
            digits; one position.
        reference: where the paper prints it.
    """

    id: str
    type: QuestionType
    wording: str
    answer: AnswerForm
    reference: str


_EXIST_ROW = "Table 5: Does the/Are there [specific category] exist in the image?"
_SIDE_ROW = "Table 5: Is there a [specific category] located on the [specific position] side of the image?"
_OTHER_ROW = "Table 5: Are there any other categories apart from [specific category]/in the image?"
_MAIN_ROW = "Table 5: What is the main object/are the categories visible in the image?"
_COUNT_ROW = "Table 5: How many [specific category] are visible/is located in the image?"
_WHERE_ROW = "Table 5: Where is/are the most [specific category] positioned within the image?"
_REGION_ROW = "Table 5: What is the object in the area [detailed coordinates]?"

EXIST = (
    Template(
        "identification/exist-does", "object_identification", "Does the {singular} exist in the image?", "yes/no", _EXIST_ROW
    ),
    Template("identification/exist-are-there", "object_identification", "Are there {plural} in the image?", "yes/no", _EXIST_ROW),
)
SIDE = (
    Template(
        "identification/side",
        "object_identification",
        "Is there {a_singular} located on the {position} side of the image?",
        "yes/no",
        _SIDE_ROW,
    ),
)
# The slash before 'in the image' makes those words optional.
OTHER = (
    Template(
        "identification/other",
        "object_identification",
        "Are there any other categories apart from {plural}?",
        "yes/no",
        _OTHER_ROW,
    ),
    Template(
        "identification/other-in-the-image",
        "object_identification",
        "Are there any other categories apart from {plural} in the image?",
        "yes/no",
        _OTHER_ROW,
    ),
)
MAIN = (
    Template(
        "classification/main",
        "object_classification",
        "What is the main object visible in the image?",
        "category",
        _MAIN_ROW,
    ),
)
ALL = (
    Template(
        "classification/categories",
        "object_classification",
        "What are the categories visible in the image?",
        "categories",
        _MAIN_ROW,
    ),
)
COUNT = (
    Template("counting/visible", "instance_counting", "How many {plural} are visible in the image?", "number", _COUNT_ROW),
    Template(
        "counting/located",
        "instance_counting",
        "How many {plural} are located in the image?",
        "number",
        "Table 5 and Figure 2: How many harbors are located in the image?",
    ),
    Template(
        "counting/there-are",
        "instance_counting",
        "How many {plural} are there in the image?",
        "number",
        "Figure 2: How many tanks are there in the image?",
    ),
)
# Table 5's 'Where is the most ship positioned' is not English and, read as 'the ship', asks for a majority of one. So the
# singular asks where the only object is, and the plural where most objects are.
WHERE_ONE = (
    Template(
        "positioning/one",
        "object_positioning",
        "Where is the {singular} positioned within the image?",
        "position",
        _WHERE_ROW,
    ),
)
WHERE_MOST = (
    Template(
        "positioning/most",
        "object_positioning",
        "Where are most {plural} positioned within the image?",
        "position",
        "Figure 2: Where are most harbors positioned within the image?",
    ),
    Template(
        "positioning/the-most",
        "object_positioning",
        "Where are the most {plural} positioned within the image?",
        "position",
        _WHERE_ROW,
    ),
)
REGION = (
    Template("region/object", "region_referring", "What is the object in the area {area}?", "category", _REGION_ROW),
    Template(
        "region/object-present",
        "region_referring",
        "What is the object present in the area {area}?",
        "category",
        "Figure 2: What is the object present in the area [56.0, 191.0, 112.0, 122.0]?",
    ),
    Template(
        "region/category-visible",
        "region_referring",
        "What is the category visible in the area {area}?",
        "category",
        "Figure 2: What is the category visible in the area [88.0, 376.0, 90.0, 99.0]?",
    ),
)
TEMPLATES: tuple[Template, ...] = (
    *EXIST, *SIDE, *OTHER, *MAIN, *ALL, *COUNT, *WHERE_ONE, *WHERE_MOST, *REGION,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Noun:
    """The three forms of a category that the wordings need."""

    singular: str
    a_singular: str
    plural: str


_IRREGULAR_PLURALS = {"aircraft": "aircraft"}


@lru_cache(maxsize=1024)
def noun(category: str) -> Noun:
    """The forms of a category's name, in lower case.

    Plurals follow the plain English rule: s, x, z, ch and sh take -es, a consonant and y become -ies, all others take -s;
    `aircraft` stays. The article goes by the first letter: `an` before a, e, i, o, u.
    """
    name = category.lower()
    article = "an" if name[:1] in set("aeiou") else "a"
    return Noun(name, f"{article} {name}", _IRREGULAR_PLURALS.get(name) or _regular_plural(name))


def _regular_plural(name: str) -> str:
    if name.endswith(("s", "x", "z", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2:-1] not in set("aeiou"):
        return f"{name[:-1]}ies"
    return f"{name}s"


@lru_cache(maxsize=8192)
def render(template: Template, category: str = "", *, position: Side | Literal[""] = "") -> str:
    """The sentence of a wording that names no area."""
    forms = noun(category)
    return template.wording.format(singular=forms.singular, a_singular=forms.a_singular, plural=forms.plural, position=position)


def render_area(template: Template, area: tuple[float, float, float, float]) -> str:
    """The sentence of a region wording; the area is printed as `[x_min, y_min, width, height]` with one decimal."""
    return template.wording.format(area="[{:.1f}, {:.1f}, {:.1f}, {:.1f}]".format(*area))


def questions_about(category: str) -> list[tuple[str, str]]:
    """(template id, question) for every question that can be asked about one category, with Figure 2's area as example."""
    listed = []
    for template in TEMPLATES:
        if template in REGION:
            listed.append((template.id, render_area(template, (56.0, 191.0, 112.0, 122.0))))
        elif template in SIDE:
            listed.extend((template.id, render(template, category, position=side)) for side in SIDES)
        else:
            listed.append((template.id, render(template, category)))
    return listed
