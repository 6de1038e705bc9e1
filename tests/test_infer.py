"""Question types and caption kinds from the wording alone: Table 5, Figure 2, and our own wordings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarlang_hf.schema import CATEGORIES, QUESTION_TYPES, TOPICS
from sarlang_hf.texts.corpus import SIDES, TEMPLATES, noun, questions_about
from sarlang_hf.texts.hints import CLASS_HINT, POSITION_HINT
from sarlang_hf.texts.infer import infer_caption_kind, infer_type, is_matched

AREA = "[56.0, 191.0, 112.0, 122.0]"

# Table 5 as printed, every reading of its slashes, {} for [specific category] in the singular and in the plural.
TABLE_5 = [
    (
        "object_identification",
        "yes",
        ["Does the {} exist in the image?", "Are there {} exist in the image?", "Are there {} in the image?"],
    ),
    (
        "object_identification",
        "no",
        [f"Is there a {{}} located on the {side} side of the image?" for side in (*SIDES, "center")],
    ),
    (
        "object_identification",
        "Yes",
        [
            "Are there any other categories apart from {}/in the image?",
            "Are there any other categories apart from {}?",
            "Are there any other categories apart from {} in the image?",
            "Are there any other categories in the image?",
        ],
    ),
    (
        "object_classification",
        "ship",
        [
            "What is the main object visible in the image?",
            "What are the categories visible in the image?",
            "What is the main object/are the categories visible in the image?",
        ],
    ),
    (
        "instance_counting",
        "3",
        [
            "How many {} are visible in the image?",
            "How many {} is located in the image?",
            "How many {} are located in the image?",
            "How many {} are visible/is located in the image?",
        ],
    ),
    (
        "object_positioning",
        "left",
        [
            "Where is the most {} positioned within the image?",
            "Where are the most {} positioned within the image?",
            "Where are most {} positioned within the image?",
        ],
    ),
    ("region_referring", "bridge", [f"What is the object in the area {AREA}?", "What is the object in the area [3, 4, 50, 60]?"]),
]


@pytest.mark.parametrize(("expected", "answer", "wordings"), TABLE_5)
@pytest.mark.parametrize("category", CATEGORIES)
def test_every_reading_of_table_5(category: str, expected: str, answer: str, wordings: list[str]) -> None:
    for wording in wordings:
        for form in (noun(category).singular, noun(category).plural, category.title()):
            inferred = infer_type(wording.format(form), answer)
            assert (inferred.type, inferred.topic, inferred.matched) == (expected, "", True), wording.format(form)


FIGURE_2 = [
    ("Are there any surrounding trees?", "Yes.", "object_identification", ""),
    ("Is there a road surrounding the stadium?", "Yes.", "object_identification", ""),
    ("What type of area is mostly visible?", "Forest/park.", "object_classification", ""),
    ("What natural feature is in the top center?", "Dense trees.", "object_classification", ""),
    ("How many harbors are located in the image?", "2.", "instance_counting", ""),
    ("How many tanks are there in the image?", "4.", "instance_counting", ""),
    ("What is the object present in the area [56.0, 191.0, 112.0, 122.0]?", "aircraft.", "region_referring", ""),
    ("What is the category visible in the area [88.0, 376.0, 90.0, 99.0]?", "aircraft.", "region_referring", ""),
    ("Where are most harbors positioned within the image?", "bottom.", "object_positioning", ""),
    ("Where are most bridges positioned within the image?", "left.", "object_positioning", ""),
    ("Where is the school located?", "top left.", "object_positioning", ""),
    ("Where is the school visible?", "bottom left.", "object_positioning", ""),
    ("What shape are the swimming pools?", "Rectangular.", "general_inquiry", "shape"),
    ("What direction is the main road?", "Diagonal.", "general_inquiry", "direction"),
    ("Are any buildings under construction?", "No.", "general_inquiry", "reasoning"),
    ("What is the predominant land cover?", "Urban.", "general_inquiry", "land_cover"),
    ("How are the buildings arranged?", "Grid pattern.", "general_inquiry", "pattern"),
    ("What is the main use of this land?", "Commercial and residential.", "general_inquiry", "reasoning"),
]


@pytest.mark.parametrize(("question", "answer", "expected", "topic"), FIGURE_2)
def test_every_question_printed_in_figure_2(question: str, answer: str, expected: str, topic: str) -> None:
    inferred = infer_type(question, answer)
    assert (inferred.type, inferred.topic, inferred.matched) == (expected, topic, True)


ANSWERS = {"yes/no": "no", "category": "ship", "categories": "bridge, ship", "number": "3", "position": "left"}


@pytest.mark.parametrize("category", [*CATEGORIES, "building", "box", "used car", "land cover", "object in the shape of a ring"])
def test_our_own_questions_are_of_the_type_of_their_template(category: str) -> None:
    by_id = {template.id: template for template in TEMPLATES}
    for template_id, question in questions_about(category):
        template = by_id[template_id]
        assert infer_type(question, ANSWERS[template.answer]).type == template.type, question


# Written in the manner of Figure 2, for what it prints one example each of; each shows a decision of the rules.
OTHER_WORDINGS = [
    ("How many ships are in the area [1, 2, 3, 4]?", "2", "instance_counting", ""),  # asks for a number, not for a class
    ("What is the total number of aircraft?", "7", "instance_counting", ""),
    ("Is there a ship in the area [1, 2, 3, 4]?", "No", "object_identification", ""),  # answers yes or no, not a class
    ("Is any water visible in the image?", "Yes", "object_identification", ""),
    ("Does the image contain a stadium?", "No", "object_identification", ""),
    ("Are there buildings arranged in a grid?", "Yes", "object_identification", ""),  # presence comes before its attribute
    ("Is the river straight?", "No", "general_inquiry", "shape"),
    ("Are the houses arranged in rows?", "Yes", "general_inquiry", "pattern"),
    ("Is the runway oriented from left to right?", "Yes", "general_inquiry", "direction"),
    ("Which side of the image has more vegetation?", "Left", "object_positioning", ""),
    ("In which part of the image is the lake?", "Top", "object_positioning", ""),
    ("What is the position of the largest building?", "center", "object_positioning", ""),
    ("In which direction does the runway run?", "Diagonal", "general_inquiry", "direction"),
    ("What is the shape of the large building in the center?", "L-shaped", "general_inquiry", "shape"),
    ("What type of land cover is dominant?", "Forest", "general_inquiry", "land_cover"),
    ("What pattern do the roads form?", "Grid", "general_inquiry", "pattern"),
    ("What is the primary function of this area?", "Industrial", "general_inquiry", "reasoning"),
    ("What is located next to the river?", "A road", "object_classification", ""),
    ("What surrounds the stadium?", "Parking lots", "object_classification", ""),
]


@pytest.mark.parametrize(("question", "answer", "expected", "topic"), OTHER_WORDINGS)
def test_wordings_between_two_types(question: str, answer: str, expected: str, topic: str) -> None:
    inferred = infer_type(question, answer)
    assert (inferred.type, inferred.topic, inferred.matched) == (expected, topic, True)


@pytest.mark.parametrize(
    ("question", "answer", "topic"),
    [
        ("Is the area urban or rural?", "Rural", ""),  # a choice, not yes or no
        ("Are the roads straight or curved?", "Curved", "shape"),
        ("Describe the arrangement.", "Rows", "pattern"),
        ("Color?", "Grey", ""),
        ("", "", ""),
    ],
)
def test_a_wording_that_no_rule_knows_is_a_general_inquiry_and_counted(question: str, answer: str, topic: str) -> None:
    inferred = infer_type(question, answer)
    assert (inferred.type, inferred.topic, inferred.matched) == ("general_inquiry", topic, False)
    assert not is_matched(question, answer)


def test_a_choice_that_is_answered_yes_or_no_is_a_yes_no_question() -> None:
    assert infer_type("Is there a lake or river?", "Yes, a river.").type == "object_identification"


@pytest.mark.parametrize(("question", "answer", "expected", "topic"), FIGURE_2)
def test_case_spacing_punctuation_and_the_readmes_hint_do_not_matter(
    question: str, answer: str, expected: str, topic: str
) -> None:
    spaced = question.replace(" ", " \t ").replace("?", " ?!")
    for wording in (
        question.upper(),
        question.lower(),
        spaced,
        question.rstrip("?"),
        f"{CLASS_HINT} {question}",
        f"{POSITION_HINT}{question}",
    ):
        assert infer_type(wording, answer).type == expected
        assert infer_type(wording, answer).topic == topic


@given(st.text(max_size=200), st.text(max_size=20))
def test_every_text_has_a_type_and_only_general_inquiries_a_topic(question: str, answer: str) -> None:
    inferred = infer_type(question, answer)
    assert inferred.type in QUESTION_TYPES
    assert inferred.topic in TOPICS
    assert inferred.type == "general_inquiry" or (inferred.topic == "" and inferred.matched)


def test_a_hostile_question_takes_no_time() -> None:
    """Sixty thousand characters that almost fit: an expression that backtracks would not come back."""
    for piece in ("1", "1.", "1 ", "what is ", "image ", "is any ", "1, ", "the the the view "):
        infer_type("what " + piece * 10_000, "")
        infer_caption_kind(piece * 10_000)


@pytest.mark.parametrize(
    ("caption", "kind"),
    [
        (
            "The image shows an industrial facility with multiple circular storage tanks and surrounding roads.",
            "complex",
        ),  # Figure 2
        ("Aerial view of a large industrial area with a lot of tanks.", "concise"),  # Figure 2
        ("This satellite image depicts a river.", "complex"),
        ("The aerial view clearly shows a harbor", "complex"),
        ("Image shows a harbor.", "complex"),
        ("A dense residential area. A river crosses it.", "complex"),
        ("A dense residential area with roads, trees, and a river.", "complex"),
        (" ".join(["house"] * 21), "complex"),
        (" ".join(["house"] * 20), "concise"),
        ("there is a picture of a large building with a parking lot", "concise"),  # how BLIP writes
        ("an aerial view of a city with a river and trees .", "concise"),  # how CoCa writes: a space before the full stop
        ("a view of the city shows in the water", "concise"),  # the view is no subject of showing here
        ("arafed image of a harbor with boats", "concise"),
    ],
)
def test_the_kind_of_a_training_caption(caption: str, kind: str) -> None:
    assert infer_caption_kind(caption) == kind
    assert infer_caption_kind(f"  {caption.upper()} ") == kind
