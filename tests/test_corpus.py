import re

import pytest

from sarlang_hf.schema import QUESTION_TYPES
from sarlang_hf.texts.corpus import TEMPLATES, noun, questions_about
from sarlang_hf.texts.hints import hint

# The sentences, as English is: read them aloud before changing one.
ABOUT_SHIPS = [
    ("identification/exist-does", "Does the ship exist in the image?"),
    ("identification/exist-are-there", "Are there ships in the image?"),
    ("identification/side", "Is there a ship located on the left side of the image?"),
    ("identification/side", "Is there a ship located on the right side of the image?"),
    ("identification/side", "Is there a ship located on the top side of the image?"),
    ("identification/side", "Is there a ship located on the bottom side of the image?"),
    ("identification/other", "Are there any other categories apart from ships?"),
    ("identification/other-in-the-image", "Are there any other categories apart from ships in the image?"),
    ("classification/main", "What is the main object visible in the image?"),
    ("classification/categories", "What are the categories visible in the image?"),
    ("counting/visible", "How many ships are visible in the image?"),
    ("counting/located", "How many ships are located in the image?"),
    ("counting/there-are", "How many ships are there in the image?"),
    ("positioning/one", "Where is the ship positioned within the image?"),
    ("positioning/most", "Where are most ships positioned within the image?"),
    ("positioning/the-most", "Where are the most ships positioned within the image?"),
    ("region/object", "What is the object in the area [56.0, 191.0, 112.0, 122.0]?"),
    ("region/object-present", "What is the object present in the area [56.0, 191.0, 112.0, 122.0]?"),
    ("region/category-visible", "What is the category visible in the area [56.0, 191.0, 112.0, 122.0]?"),
]
ABOUT_AIRCRAFT = [
    "Does the aircraft exist in the image?",
    "Are there aircraft in the image?",
    "Is there an aircraft located on the left side of the image?",
    "Is there an aircraft located on the right side of the image?",
    "Is there an aircraft located on the top side of the image?",
    "Is there an aircraft located on the bottom side of the image?",
    "Are there any other categories apart from aircraft?",
    "Are there any other categories apart from aircraft in the image?",
    "What is the main object visible in the image?",
    "What are the categories visible in the image?",
    "How many aircraft are visible in the image?",
    "How many aircraft are located in the image?",
    "How many aircraft are there in the image?",
    "Where is the aircraft positioned within the image?",
    "Where are most aircraft positioned within the image?",
    "Where are the most aircraft positioned within the image?",
    "What is the object in the area [56.0, 191.0, 112.0, 122.0]?",
    "What is the object present in the area [56.0, 191.0, 112.0, 122.0]?",
    "What is the category visible in the area [56.0, 191.0, 112.0, 122.0]?",
]


def test_every_question_about_ships_and_aircraft():
    assert questions_about("ship") == ABOUT_SHIPS
    assert [question for _, question in questions_about("aircraft")] == ABOUT_AIRCRAFT


# Figure 2 of the paper, read from its page; the ones that boxes answer.
@pytest.mark.parametrize(
    ("category", "question"),
    [
        ("harbor", "How many harbors are located in the image?"),
        ("tank", "How many tanks are there in the image?"),
        ("aircraft", "What is the object present in the area [56.0, 191.0, 112.0, 122.0]?"),
        ("harbor", "Where are most harbors positioned within the image?"),
        ("bridge", "Where are most bridges positioned within the image?"),
    ],
)
def test_figure_2_box_questions_are_asked_word_for_word(category, question):
    assert question in dict(map(reversed, questions_about(category)))


@pytest.mark.parametrize(
    ("category", "a_singular", "plural"),
    [
        ("car", "a car", "cars"),
        ("aircraft", "an aircraft", "aircraft"),
        ("airbus", "an airbus", "airbuses"),
        ("box", "a box", "boxes"),
        ("beach", "a beach", "beaches"),
        ("marsh", "a marsh", "marshes"),
        ("ferry", "a ferry", "ferries"),
        ("quay", "a quay", "quays"),
        ("oil tank", "an oil tank", "oil tanks"),
        ("Island", "an island", "islands"),
    ],
)
def test_articles_and_plurals_of_other_categories(category, a_singular, plural):
    assert (noun(category).a_singular, noun(category).plural) == (a_singular, plural)


def test_template_ids_are_unique_and_every_box_question_type_has_one():
    assert len({template.id for template in TEMPLATES}) == len(TEMPLATES)
    assert {template.type for template in TEMPLATES} == set(QUESTION_TYPES) - {"general_inquiry"}


def test_wordings_are_one_sentence_without_slashes_or_brackets():
    for template in TEMPLATES:
        assert re.fullmatch(r"[A-Z][a-z {}_]+\?", template.wording), template.id


def test_hints_are_the_readme_sentences():
    assert hint("object_classification") == "The classes are: tank, car, aircraft, harbor, bridge, ship."
    assert hint("region_referring") == hint("object_classification")
    assert hint("object_positioning") == "The classes are: top, center, bottom, left, right."
    assert hint("instance_counting") == hint("object_identification") == hint("general_inquiry") == ""
