"""One pass over the annotations of a build: the counts behind the question plan, and how many questions to ask.

Classification, counting, positioning and region questions follow from the boxes alone (one per image, one per present
class twice, one per box), so the pass adds up their number exactly; only the lot between the two classification questions
is counted by its expectation. Identification fills up to the density: by default the paper's 9.3 questions per SARDet
image (875,806 questions on 94,493 images), but at least one per image on average. The total is spread evenly over the
families of wordings, then over the keys of a family, as far as they have candidates: a key can ask each wording of its
family of min(yes, no) tiles of either kind.

    >>> planner = QuestionPlanner()
    >>> for tile in source:
    ...     planner.add(tile)
    >>> plan = planner.plan(density=9.3)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from sarlang_hf.errors import UsageError
from sarlang_hf.schema import SPLITS, Split, Tile
from sarlang_hf.texts.corpus import ALL, MAIN
from sarlang_hf.texts.facts import IDENTIFICATION, Key, candidates, is_clear, main_category
from sarlang_hf.texts.plan import KeyPlan, QuestionPlan, SplitPlan
from sarlang_hf.texts.positions import Offset, common_position, offsets_by_category

PAPER_DENSITY = 9.3
"""Questions per SARDet training image in the paper: 875,806 / 94,493 = 9.27."""

_LEAST_IDENTIFICATION = 1.0
_MAIN_SHARE = len(MAIN) / (len(MAIN) + len(ALL))


class QuestionPlanner:
    """Counts a build's annotations, one tile at a time, and makes the plan. Memory grows with the classes alone.

    Args:
        keep_ambiguous: ask region questions whose area holds a second class too.
    """

    def __init__(self, *, keep_ambiguous: bool = False) -> None:
        self._keep_ambiguous = keep_ambiguous
        self._seen: set[str] = set()
        self._tiles: Counter[Split] = Counter()
        self._others: dict[Split, float] = dict.fromkeys(SPLITS, 0.0)
        self._answers: Counter[tuple[Split, Key, bool]] = Counter()

    def add(self, tile: Tile) -> None:
        """Count one tile; its split must be set. A tile whose boxes are not complete asks nothing and counts for nothing.

        Raises:
            ValueError: the tile has no split.
        """
        if tile.split is None:
            raise ValueError(f"{tile.image_id} has no split; set it before planning")
        if not tile.boxes_complete:
            return
        present = offsets_by_category(tile, {box.category for box in tile.boxes})
        self._seen.update(present)
        self._tiles[tile.split] += 1
        self._others[tile.split] += self._other_questions(tile, present)
        for key, answer in candidates(present, present):
            if answer is not None:
                self._answers[tile.split, key, answer] += 1

    def _other_questions(self, tile: Tile, present: Mapping[str, Sequence[Offset]]) -> float:
        """Expected number of classification, counting, positioning and region questions of a tile."""
        if not present:
            return 0.0
        classified = 1.0 if main_category(present) else 1.0 - _MAIN_SHARE
        positioned = sum(common_position(offsets) is not None for offsets in present.values())
        regions = sum(self._keep_ambiguous or is_clear(box, tile.boxes) for box in tile.boxes if box.category in present)
        return classified + len(present) + positioned + regions

    def plan(self, *, density: float = PAPER_DENSITY) -> QuestionPlan:
        """The plan for all tiles added.

        Args:
            density: questions per image to aim at in each split. More come out where the boxes alone give more, fewer
                where the yes/no candidates run out: `SplitPlan.density` tells.

        Raises:
            UsageError: the density is not a finite number above zero.
        """
        if not (math.isfinite(density) and density > 0):
            raise UsageError(
                f"{density} is no number of questions per image",
                place="question density",
                remedy=f"give a number above 0; the paper has {PAPER_DENSITY}",
            )
        askable = tuple(sorted(self._seen))
        splits = {split: self._split_plan(split, askable, density) for split in SPLITS}
        return QuestionPlan(density, self._keep_ambiguous, askable, splits)

    def _split_plan(self, split: Split, askable: Collection[str], density: float) -> SplitPlan:
        tiles, others = self._tiles[split], self._others[split]
        counts = self._counts(split, askable) if tiles else []
        families = [[entry for entry in counts if entry[0].family == family] for family in IDENTIFICATION]
        capacities = [[_capacity(*entry) for entry in family] for family in families]
        total = max(density * tiles - others, _LEAST_IDENTIFICATION * tiles)
        shares = water_fill(total, [sum(family) for family in capacities])
        keys = [
            KeyPlan(*entry, asked=asked)
            for family, capacity, share in zip(families, capacities, shares, strict=True)
            for entry, asked in zip(family, water_fill(share, capacity), strict=True)
        ]
        return SplitPlan(tiles, others, tuple(keys))

    def _counts(self, split: Split, askable: Collection[str]) -> list[tuple[Key, int, int]]:
        """(key, yes, no) of every key with candidates. Absence is not counted tile by tile: it is all tiles but the yes."""
        exist = {Key("exist", category, "") for category in askable}
        present_only = {key for of_split, key, _ in self._answers if of_split == split and key.family != "exist"}
        counts = []
        for key in sorted(exist | present_only):
            yes = self._answers[split, key, True]
            no = self._tiles[split] - yes if key.family == "exist" else self._answers[split, key, False]
            counts.append((key, yes, no))
        return counts


def _capacity(key: Key, yes: int, no: int) -> float:
    return float(len(IDENTIFICATION[key.family]) * 2 * min(yes, no))


def water_fill(total: float, capacities: Sequence[float]) -> list[float]:
    """Share a total as evenly as the capacities allow: all shares equal but for those that are full.

    >>> water_fill(10, [1, 9, 9])
    [1, 4.5, 4.5]
    """
    shares = [0.0] * len(capacities)
    for filled, index in enumerate(sorted(range(len(capacities)), key=lambda i: capacities[i])):
        shares[index] = min(capacities[index], total / (len(capacities) - filled))
        total -= shares[index]
    return shares
