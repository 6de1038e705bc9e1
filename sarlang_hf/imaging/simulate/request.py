"""What a simulated tree was asked to be, and what follows from that alone: its marker and its scenes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from sarlang_hf.errors import UsageError
from sarlang_hf.imaging.simulate.planning import LARGEST_SIZE, SMALLEST_SIZE, plan_scene
from sarlang_hf.imaging.simulate.scene import Scene, SceneKind

GENERATOR_VERSION = 1
"""Raised whenever the same seed would give other pixels or boxes."""

LayoutName = Literal["sardet", "spacenet6", "dfc2023", "openearthmap-sar", "released"]
LAYOUT_NAMES: tuple[LayoutName, ...] = get_args(LayoutName)
TreeSplit = Literal["train", "val"]
TREE_SPLITS: tuple[TreeSplit, ...] = ("train", "val")
_MOST_IMAGES = 9_999_999
_WORDS = 2
"""The third branch of an image's seed; scene and pixels are the first two."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One image of a tree: its split, its index there, and its number over both splits, all from 0.

    Numbers count on from train to val, so that names made of them are unique in the tree.
    """

    split: TreeSplit
    index: int
    number: int


@dataclass(frozen=True, slots=True)
class Request:
    """Whose layout, numbers of images in the two splits, width and height in pixels, and the seed."""

    layout: LayoutName
    train: int
    val: int
    size: int
    seed: int

    def check(self, out: Path) -> None:
        """Raise UsageError for a layout or number out of range; `out` is named as the place."""
        if self.layout not in LAYOUT_NAMES:
            raise UsageError(f"layout is {self.layout!r}", place=out, remedy=f"give one of {', '.join(LAYOUT_NAMES)}")
        for name, value, low, high in (
            ("train", self.train, 0, _MOST_IMAGES),
            ("val", self.val, 0, _MOST_IMAGES),
            ("train + val", self.train + self.val, 1, _MOST_IMAGES),
            ("size", self.size, SMALLEST_SIZE, LARGEST_SIZE),
            ("seed", self.seed, 0, 2**63 - 1),
        ):
            if not low <= value <= high:
                raise UsageError(f"{name} is {value}", place=out, remedy=f"give a {name} from {low} to {high}")

    @property
    def marker(self) -> dict[str, str | int]:
        """Content of the marker file."""
        return {
            "generator": "sarlang simulate",
            "generator_version": GENERATOR_VERSION,
            "layout": self.layout,
            "train": self.train,
            "val": self.val,
            "size": self.size,
            "seed": self.seed,
        }

    def shots(self, *splits: TreeSplit) -> Iterator[Shot]:
        """Every image of some splits, or of all, in order."""
        for split in splits or TREE_SPLITS:
            count, before = (self.train, 0) if split == "train" else (self.val, self.train)
            for index in range(count):
                yield Shot(split, index, before + index)

    def plan(self, shot: Shot, *, kinds: Collection[SceneKind] | None = None) -> tuple[Scene, np.random.Generator]:
        """One image's scene, of one of `kinds`, and the generator that draws its pixels.

        Both are functions of the seed, the image's split and index, the size and the kinds.
        """
        key = (TREE_SPLITS.index(shot.split), shot.index)
        layout, pixels = np.random.SeedSequence(self.seed, spawn_key=key).spawn(2)
        rng = np.random.default_rng(layout)
        scene = plan_scene(rng, self.size)
        while kinds is not None and scene.kind not in kinds:
            scene = plan_scene(rng, self.size)
        return scene, np.random.default_rng(pixels)

    def words(self, shot: Shot) -> np.random.Generator:
        """The generator that draws the words about an image; it takes nothing from those of `plan`."""
        key = (TREE_SPLITS.index(shot.split), shot.index, _WORDS)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))
