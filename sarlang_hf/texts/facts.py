"""What the boxes of one tile answer, apart from positions: identification candidates, the main category, clear regions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from sarlang_hf.schema import Box
from sarlang_hf.texts.corpus import EXIST, OTHER, SIDE, SIDES, Side, Template
from sarlang_hf.texts.positions import Offset, on_side

Family = Literal["exist", "side", "other"]

IDENTIFICATION: dict[Family, tuple[Template, ...]] = {"exist": EXIST, "side": SIDE, "other": OTHER}
"""The three families of yes/no questions. The wordings of a family ask the same thing."""

_SLACK = 1e-6
"""Overlaps thinner than this, in pixels, are floating-point noise between touching boxes."""


class Key(NamedTuple):
    """What a yes/no question asks, whatever its wording: the unit within which yes and no are balanced."""

    family: Family
    category: str
    position: Side | Literal[""]


def candidates(present: Mapping[str, Sequence[Offset]], askable: Collection[str]) -> Iterator[tuple[Key, bool | None]]:
    """Every yes/no question that may be asked about a tile, with its answer (None: the boxes leave it open).

    Existence is a candidate for every askable category; sides and other categories only for those present, so that a no is
    a hard one: not 'no ship at all', but 'not there' and 'nothing else'.
    """
    for category in askable:
        yield Key("exist", category, ""), category in present
    for category, offsets in present.items():
        for side in SIDES:
            yield Key("side", category, side), on_side(offsets, side)
    for category in present:
        yield Key("other", category, ""), len(present) > 1


def main_category(present: Mapping[str, Sequence[Offset]]) -> str | None:
    """The category with strictly the most boxes, None on a tie or without boxes."""
    ranked = sorted(present, key=lambda category: len(present[category]), reverse=True)
    if not ranked or (len(ranked) > 1 and len(present[ranked[0]]) == len(present[ranked[1]])):
        return None
    return ranked[0]


def printed_area(box: Box) -> tuple[float, float, float, float]:
    """A box as a region question prints it: x_min, y_min, width and height in pixels, rounded to one decimal."""
    # + 0.0 turns a negative zero into zero
    return round(box.x, 1) + 0.0, round(box.y, 1) + 0.0, round(box.width, 1) + 0.0, round(box.height, 1) + 0.0


def is_clear(box: Box, boxes: Sequence[Box]) -> bool:
    """Whether the printed area of a box holds no part of a box of another category."""
    if all(other.category == box.category for other in boxes):  # most images show one category
        return True
    x, y, width, height = printed_area(box)
    return not any(
        other.category != box.category
        and min(x + width, other.x + other.width) - max(x, other.x) > _SLACK
        and min(y + height, other.y + other.height) - max(y, other.y) > _SLACK
        for other in boxes
    )
