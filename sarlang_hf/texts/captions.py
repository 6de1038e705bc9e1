"""Captions from boxes: one concise sentence per image that says what its boxes show, and nothing they do not.

    >>> concise_caption(tile, seed=0)
    'a radar image of three ships, two harbors and an aircraft'

The tone is that of the paper's concise captions (Figures 1 and 6: 'Aerial view of a large industrial area with a lot of tanks.';
most are BLIP's, in lower case and without a full stop).

    objects   classes by number of boxes, most first, then alphabetically: 'a ship', 'two ships' to 'ten ships', then 'many ships'
    place     of an image of one class, if every box holds the same position (rule: `texts.positions`): 'on the left'
    wording   one of `WORDINGS`, drawn by a hash of seed and image id

Which images get one: those whose boxes are complete, with at least one box, and without a concise caption of their own. Where no
box is, we know of six things that the image does not show and of nothing that it does.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from sarlang_hf.schema import Box, Caption, Position, Tile, text_ids
from sarlang_hf.texts.corpus import noun
from sarlang_hf.texts.positions import offsets_by_category, position

CaptionTexts = Literal["none", "template"]
"""Which captions a build writes itself: none, or one from the boxes of every tile that brings no concise caption."""

WORDINGS = (
    "a radar image of {objects}",
    "a radar image showing {objects}",
    "a radar view with {objects}",
    "{objects}, seen by radar",
)
PLACES: dict[Position, str] = {
    "left": "on the left",
    "right": "on the right",
    "top": "at the top",
    "bottom": "at the bottom",
    "center": "in the center",
}
_NUMBERS = ("", "a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_MANY = "many"


def is_captioned(tile: Tile, texts: CaptionTexts) -> bool:
    """Whether a build has captions of this tile: its own, or one from its boxes."""
    return bool(tile.captions) or _lacks_one(tile, texts)


def captions_of(tile: Tile, texts: CaptionTexts, *, seed: int) -> tuple[Caption, ...]:
    """A tile's own captions, and one from its boxes where that is asked for and lacking.

    Args:
        tile: the tile.
        texts: `template` adds a caption.
        seed: with the image id it fixes the wording.

    Returns:
        Captions whose ids are those of all of them together (`schema.text_ids`).
    """
    if not _lacks_one(tile, texts):
        return tile.captions
    captions = (*tile.captions, Caption("", concise_caption(tile, seed=seed), "concise", "template"))
    ids = text_ids(tile.image_id, [(caption.text, caption.kind) for caption in captions])
    return tuple(replace(caption, caption_id=caption_id) for caption, caption_id in zip(captions, ids, strict=True))


def _lacks_one(tile: Tile, texts: CaptionTexts) -> bool:
    own = any(caption.kind == "concise" for caption in tile.captions)
    return texts == "template" and tile.boxes_complete and bool(tile.boxes) and not own


def concise_caption(tile: Tile, *, seed: int) -> str:
    """The caption of a tile with at least one box."""
    digest = hashlib.blake2b(f"{seed}\x1fcaption\x1f{tile.image_id}".encode(), digest_size=8).digest()
    wording = WORDINGS[int.from_bytes(digest, "big") % len(WORDINGS)]
    return wording.format(objects=" ".join(filter(None, (listed(tile.boxes), _place(tile)))))


def captions_about(category: str) -> list[str]:
    """Every wording for three objects of one category on the left, as the documentation lists them."""
    return [wording.format(objects=f"three {noun(category).plural} {PLACES['left']}") for wording in WORDINGS]


def listed(boxes: Iterable[Box], *, most: int | None = None) -> str:
    """The objects in words: 'three ships, two harbors and an aircraft'; empty without boxes.

    Args:
        boxes: the objects.
        most: name at most this many classes, those with the most boxes.
    """
    words = [counted(category, number) for category, number in ranked(boxes)[:most]]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def ranked(boxes: Iterable[Box]) -> list[tuple[str, int]]:
    """(category, number of boxes), most first, then alphabetically."""
    return sorted(Counter(box.category for box in boxes).items(), key=lambda entry: (-entry[1], entry[0]))


def counted(category: str, number: int) -> str:
    """'a ship', 'two ships', 'many ships'."""
    if number == 1:
        return noun(category).a_singular
    return f"{_NUMBERS[number] if number < len(_NUMBERS) else _MANY} {noun(category).plural}"


def _place(tile: Tile) -> str:
    """Where all boxes of an image of one class lie; empty if they hold no common position, or there are several classes."""
    by_category = offsets_by_category(tile, {box.category for box in tile.boxes})
    held = {position(offset) for offsets in by_category.values() for offset in offsets} if len(by_category) == 1 else {None}
    place = held.pop() if len(held) == 1 else None
    return PLACES[place] if place else ""
