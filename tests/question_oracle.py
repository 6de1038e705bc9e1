"""An independent reader of questions: parses the sentence with its own patterns and answers it from the boxes.

It shares nothing with `sarlang_hf.texts`: plurals are a literal table, arithmetic is exact (fractions), and ambiguity is
found by moving the rule's thresholds instead of measuring distances to them.
"""

import re
from fractions import Fraction
from itertools import product

from sarlang_hf.schema import Box, Tile

SINGULAR = {
    "ships": "ship", "aircraft": "aircraft", "cars": "car", "tanks": "tank", "bridges": "bridge", "harbors": "harbor",
}  # fmt: skip
MARGIN = Fraction(2, 100)
REACH = Fraction(1, 4)


def possible_answers(question: str, tile: Tile) -> set[str]:
    """Every answer that the rules allow; empty where the question must not be asked of this tile."""
    for pattern, read in READERS:
        if match := re.fullmatch(pattern, question):
            return read(tile, *match.groups())
    raise AssertionError(f"no reader for {question!r}")


def yes_no(fact: bool | None) -> set[str]:
    return set() if fact is None else {"yes" if fact else "no"}


def of_class(tile: Tile, category: str) -> list[Box]:
    return [box for box in tile.boxes if box.category == category]


def center(box: Box, tile: Tile) -> tuple[Fraction, Fraction]:
    across = (Fraction(box.x) + Fraction(box.width) / 2) / tile.width
    down = (Fraction(box.y) + Fraction(box.height) / 2) / tile.height
    return across - Fraction(1, 2), down - Fraction(1, 2)


def place(box: Box, tile: Tile) -> str | None:
    du, dv = center(box, tile)
    answers = set()
    for reach, tilt in product((REACH - MARGIN, REACH + MARGIN), (-MARGIN, MARGIN)):
        if abs(du) <= reach and abs(dv) <= reach:
            answers.add("center")
        elif abs(du) > abs(dv) + tilt:
            answers.add("left" if du < 0 else "right")
        else:
            answers.add("top" if dv < 0 else "bottom")
    return answers.pop() if len(answers) == 1 else None


def exist(tile: Tile, word: str) -> set[str]:
    return yes_no(bool(of_class(tile, SINGULAR.get(word, word))))


def side(tile: Tile, article: str, category: str, name: str) -> set[str]:
    assert (article == "an") == (category == "aircraft")
    towards = []
    for du, dv in (center(box, tile) for box in of_class(tile, category)):
        towards.append({"left": -du, "right": du, "top": -dv, "bottom": dv}[name])
    if not towards:
        return set()
    if any(value >= REACH for value in towards):
        return {"yes"}
    return {"no"} if all(value <= -MARGIN for value in towards) else set()


def other(tile: Tile, plural: str) -> set[str]:
    present = {box.category for box in tile.boxes}
    return yes_no(present != {SINGULAR[plural]} if SINGULAR[plural] in present else None)


def main(tile: Tile) -> set[str]:
    counts = {name: len(of_class(tile, name)) for name in SINGULAR.values()}
    top = [name for name, count in counts.items() if count == max(counts.values())]
    return set(top) if len(top) == 1 else set()


def every(tile: Tile) -> set[str]:
    return {", ".join(sorted({box.category for box in tile.boxes}))} - {""}


def count(tile: Tile, plural: str) -> set[str]:
    number = len(of_class(tile, SINGULAR[plural]))
    return {str(number)} if number else set()


def where_one(tile: Tile, category: str) -> set[str]:
    boxes = of_class(tile, category)
    return {place(boxes[0], tile) or ""} - {""} if len(boxes) == 1 else set()


def where_most(tile: Tile, plural: str) -> set[str]:
    boxes = of_class(tile, SINGULAR[plural])
    if len(boxes) < 2:
        return set()
    places = [place(box, tile) for box in boxes]
    return {name for name in places if name and Fraction(places.count(name), len(boxes)) > Fraction(1, 2)}


def area_of(box: Box) -> list[str]:
    return [f"{abs(value):.1f}" for value in (box.x, box.y, box.width, box.height)]


def overlaps(area: list[Fraction], box: Box) -> bool:
    """Whether the interiors of an area and a box meet."""
    x, y, width, height = area
    left, top, right, bottom = box.x, box.y, Fraction(box.x) + Fraction(box.width), Fraction(box.y) + Fraction(box.height)
    return x < right and left < x + width and y < bottom and top < y + height and width > 0 and height > 0


def foreign(area: list[str], category: str, tile: Tile) -> bool:
    """Whether a box of another category reaches into an area."""
    exact = [Fraction(number) for number in area]
    return any(overlaps(exact, box) for box in tile.boxes if box.category != category)


def region(tile: Tile, *area: str) -> set[str]:
    return {box.category for box in tile.boxes if area_of(box) == list(area)}


NUMBER = r"(\d+\.\d)"
AREA = rf"\[{NUMBER}, {NUMBER}, {NUMBER}, {NUMBER}\]"
READERS = (
    (r"Does the (\w+) exist in the image\?", exist),
    (r"Are there (\w+) in the image\?", exist),
    (r"Is there (an?) (\w+) located on the (left|right|top|bottom) side of the image\?", side),
    (r"Are there any other categories apart from (\w+)(?: in the image)?\?", other),
    (r"What is the main object visible in the image\?", main),
    (r"What are the categories visible in the image\?", every),
    (r"How many (\w+) are (?:visible|located|there) in the image\?", count),
    (r"Where is the (\w+) positioned within the image\?", where_one),
    (r"Where are (?:the )?most (\w+) positioned within the image\?", where_most),
    (rf"What is the (?:object|object present|category visible) in the area {AREA}\?", region),
)
