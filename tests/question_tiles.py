"""Tiles without pixels for the tests of the question rules."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sarlang_hf.schema import CATEGORIES, Box, Split, Tile
from sarlang_hf.texts.corpus import SIDES
from sarlang_hf.texts.facts import IDENTIFICATION, Family, Key
from sarlang_hf.texts.plan import KeyPlan, QuestionPlan, SplitPlan
from sarlang_hf.texts.planner import QuestionPlanner

SHIPS_FIRST = (0.6, 0.12, 0.08, 0.09, 0.07, 0.04)
"""Class frequencies as skewed as SARDet's, in the order of CATEGORIES."""


def tile_with(*boxes: Box, width: int = 512, height: int = 512, stem: str = "0000001", split: Split | None = "train") -> Tile:
    return Tile("sardet100k", stem, split, Path(), Path(), "test", width, height, boxes, "CC-BY-NC-4.0", False)


def box_at(category: str, u: float, v: float, size: float = 20) -> Box:
    """A square box with its centre at (u, v) of a 512 px tile, in image widths and heights."""
    return Box(512 * u - size / 2, 512 * v - size / 2, size, size, category)


def planned(tiles: Iterable[Tile], *, density: float = 9.3, keep_ambiguous: bool = False) -> QuestionPlan:
    planner = QuestionPlanner(keep_ambiguous=keep_ambiguous)
    for tile in tiles:
        planner.add(tile)
    return planner.plan(density=density)


def ask_everything(categories: Iterable[str] = CATEGORIES, *, keep_ambiguous: bool = False) -> QuestionPlan:
    """A plan that asks every candidate in every wording."""
    askable = tuple(sorted(categories))
    positions: dict[Family, tuple[str, ...]] = {"exist": ("",), "side": SIDES, "other": ("",)}
    keys = tuple(
        KeyPlan(Key(family, category, position), 1, 1, 2.0 * len(templates))
        for family, templates in IDENTIFICATION.items()
        for category in askable
        for position in positions[family]
    )
    split = SplitPlan(1, 0.0, keys)
    return QuestionPlan(9.3, keep_ambiguous, askable, {"train": split, "test": split})


def random_tiles(count: int, *, seed: int, size: int = 512) -> list[Tile]:
    """Layouts like SARDet's annotations: 2.1 boxes per image, mostly of one class, some images empty; 70/30 train/test."""
    rng = np.random.default_rng(seed)
    boxes_per_tile = np.minimum(rng.geometric(1 / 2.15, count), 30) * (rng.random(count) > 0.03)
    main = rng.choice(len(CATEGORIES), size=count, p=SHIPS_FIRST)
    second = np.where(rng.random(count) < 0.08, rng.integers(0, len(CATEGORIES), count), main)
    total = int(boxes_per_tile.sum())
    extent = rng.integers(8, 60, size=(total, 2))
    corner = (rng.random((total, 2)) * (size - extent)).round(1)
    use_second = rng.random(total) < 0.4
    tiles, start = [], 0
    for index, number in enumerate(boxes_per_tile):
        rows = range(start, start + int(number))
        start += int(number)
        classes = (main[index], second[index])
        boxes = [
            Box(*corner[row].tolist(), *extent[row].astype(float).tolist(), CATEGORIES[classes[int(use_second[row])]])
            for row in rows
        ]
        tiles.append(
            tile_with(*boxes, width=size, height=size, stem=f"{index:07d}", split="train" if index < 0.7 * count else "test")
        )
    return tiles
