"""The question plan: how often each yes/no question is asked, so that its wording does not give the answer away.

Ships dominate SARDet-100K: asked at random, 'Are there ships in the image?' would mostly be answered yes and 'Are there
bridges in the image?' no. `texts.planner` counts, per split and per `Key` (family of wordings, category, side), the tiles
whose answer would be yes and those whose answer would be no. The plan asks either kind at the rate that makes the
expected number of yes equal the expected number of no. A key with answers of one kind only is never asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sarlang_hf.schema import SPLITS, Split
from sarlang_hf.texts.facts import Key


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """Rates of one key in one split.

    Attributes:
        key: what is asked.
        yes, no: tiles whose answer would be yes, or no.
        asked: expected number of questions, half of them answered yes.
    """

    key: Key
    yes: int
    no: int
    asked: float

    def rate(self, answer: bool) -> float:
        """Expected number of wordings asked of one tile with this answer; at most the number of wordings."""
        return self.asked / 2 / (self.yes if answer else self.no) if self.asked else 0.0


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """One split: its tiles, the expected number of questions that are not identification, and the yes/no keys."""

    tiles: int
    other_questions: float
    keys: tuple[KeyPlan, ...]

    @property
    def density(self) -> float:
        """Expected number of questions per tile; below the density asked for where candidates run out."""
        return (self.other_questions + sum(entry.asked for entry in self.keys)) / self.tiles if self.tiles else 0.0

    @property
    def unbalanced_key(self) -> int:
        """Number of keys never asked because all their answers are yes, or all no."""
        return sum(not entry.yes or not entry.no for entry in self.keys)


@dataclass(frozen=True)
class QuestionPlan:
    """Class counts and sampling rates of a whole build, and the options under which questions are asked.

    Attributes:
        density: questions per image aimed at.
        keep_ambiguous: ask region questions whose area holds a second class too.
        askable: categories that are asked about, alphabetically.
        splits: the rates per split.
    """

    density: float
    keep_ambiguous: bool
    askable: tuple[str, ...]
    splits: Mapping[Split, SplitPlan]

    def rate(self, split: Split, key: Key, answer: bool) -> float:
        """Expected number of wordings of a key to ask of one tile with this answer."""
        return self._rates.get((split, key, answer), 0.0)

    @cached_property
    def _rates(self) -> dict[tuple[Split, Key, bool], float]:
        return {
            (split, entry.key, answer): entry.rate(answer)
            for split, plan in self.splits.items()
            for entry in plan.keys
            for answer in (True, False)
        }

    def to_json(self) -> dict[str, Any]:
        """A JSON object, the same for the same plan; `density` and `unbalanced_key` of a split are for the reader."""
        splits = {
            split: {
                "tiles": plan.tiles,
                "other_questions": plan.other_questions,
                "density": plan.density,
                "unbalanced_key": plan.unbalanced_key,
                "keys": [_key_to_json(entry) for entry in plan.keys],
            }
            for split, plan in self.splits.items()
        }
        return {
            "density": self.density,
            "keep_ambiguous": self.keep_ambiguous,
            "askable": list(self.askable),
            "splits": splits,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> QuestionPlan:
        """The plan that `to_json` wrote."""
        splits = {split: _split_from_json(data["splits"][split]) for split in SPLITS}
        return cls(data["density"], data["keep_ambiguous"], tuple(data["askable"]), splits)


def _key_to_json(entry: KeyPlan) -> dict[str, Any]:
    return {**entry.key._asdict(), "yes": entry.yes, "no": entry.no, "asked": entry.asked}


def _split_from_json(data: Mapping[str, Any]) -> SplitPlan:
    keys = tuple(
        KeyPlan(Key(entry["family"], entry["category"], entry["position"]), entry["yes"], entry["no"], entry["asked"])
        for entry in data["keys"]
    )
    return SplitPlan(data["tiles"], data["other_questions"], keys)
