"""What a simulated tree was asked to be, and what follows from that alone: its marker, its file names, its scenes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sarlang_hf.errors import UsageError
from sarlang_hf.imaging.simulate.layouts import LARGEST_SIZE, SMALLEST_SIZE, plan_scene
from sarlang_hf.imaging.simulate.scene import Scene

GENERATOR_VERSION = 1
"""Raised whenever the same seed would give other pixels or boxes."""

TreeSplit = Literal["train", "val"]
TREE_SPLITS: tuple[TreeSplit, ...] = ("train", "val")
_MOST_IMAGES = 9_999_999


@dataclass(frozen=True, slots=True)
class Request:
    """Numbers of images in the two splits, width and height in pixels, and the seed."""

    train: int
    val: int
    size: int
    seed: int

    def check(self, out: Path) -> None:
        """Raise UsageError for a number out of range; `out` is named as the place."""
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
            "layout": "sardet",
            "train": self.train,
            "val": self.val,
            "size": self.size,
            "seed": self.seed,
        }

    def count(self, split: TreeSplit) -> int:
        return self.train if split == "train" else self.val

    def file_name(self, split: TreeSplit, index: int) -> str:
        """Numbers count on from train to val, so that a file name is unique over both splits."""
        return f"{index + 1 + (self.train if split == 'val' else 0):07d}.png"

    def files(self) -> Iterator[tuple[TreeSplit, int, str]]:
        """Split, index in the split and file name of every image."""
        for split in TREE_SPLITS:
            for index in range(self.count(split)):
                yield split, index, self.file_name(split, index)

    def plan(self, split: TreeSplit, index: int) -> tuple[Scene, np.random.Generator]:
        """One image's scene, and the generator that draws its pixels: functions of (seed, split, index) and the size."""
        key = (TREE_SPLITS.index(split), index)
        layout, pixels = np.random.SeedSequence(self.seed, spawn_key=key).spawn(2)
        return plan_scene(np.random.default_rng(layout), self.size), np.random.default_rng(pixels)
