"""Captions and questions about simulated scenes, in the manner of the released SARLANG-1M files.

Complex captions read like GPT-4o's ('The image shows ...'), concise ones like BLIP's; box questions have the wordings of
the paper's Table 5, general ones those of its Figure 2.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sarlang_hf.imaging.simulate.request import Shot
from sarlang_hf.imaging.simulate.scene import Land, Scene, SceneKind
from sarlang_hf.schema import CATEGORIES, SPLITS, Tile
from sarlang_hf.texts.boxes import questions
from sarlang_hf.texts.corpus import SIDES, noun
from sarlang_hf.texts.facts import Key
from sarlang_hf.texts.plan import KeyPlan, QuestionPlan, SplitPlan

_SHOWN: dict[SceneKind, str] = {
    "sea": "open water",
    "coast": "a stretch of coast",
    "port": "a harbor area",
    "river": "a river valley",
    "airfield": "an airfield",
    "tank_farm": "an industrial area with storage tanks",
    "parking": "a large parking lot",
    "empty": "a plain area",
}
_USE: dict[SceneKind, str] = {"port": "Port", "airfield": "Airport", "tank_farm": "Industrial", "parking": "Commercial"}
_GROUND: dict[Land, str] = {"rural": "fields and scattered farms", "urban": "blocks of buildings", "bare": "bare ground"}
_COVER: dict[Land, str] = {"rural": "Farmland", "urban": "Urban", "bare": "Bare soil"}
_NUMERALS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

_EVEN_RATE = 0.8
_KEYS = tuple(
    KeyPlan(key, yes=1, no=1, asked=_EVEN_RATE)
    for category in sorted(CATEGORIES)
    for key in (Key("exist", category, ""), *(Key("side", category, side) for side in SIDES), Key("other", category, ""))
)
_PLAN = QuestionPlan(
    density=0.0,
    keep_ambiguous=True,
    askable=tuple(sorted(CATEGORIES)),
    splits={split: SplitPlan(tiles=0, other_questions=0.0, keys=_KEYS) for split in SPLITS},
)
"""Every yes/no question at one rate: these files need not be balanced, they need to be like the released ones."""


def complex_caption(scene: Scene) -> str:
    objects = _listed(scene)
    holding = f" with {objects}" if objects else ""
    return f"The image shows {_SHOWN[scene.kind]}{holding}, surrounded by {_GROUND[scene.land]}{_water(scene)}."


def concise_captions(scene: Scene) -> tuple[str, str]:
    objects = _listed(scene)
    return (
        f"Aerial view of {_SHOWN[scene.kind]}{f' with {objects}' if objects else ''}.",
        f"a satellite image of {_SHOWN[scene.kind]}",
    )


def box_questions(scene: Scene, shot: Shot, name: str, *, seed: int) -> list[tuple[str, str]]:
    """(question, answer) pairs that the boxes of a SARDet image answer."""
    tile = Tile(
        source="sardet100k",
        stem=Path(name).stem,
        split="train" if shot.split == "train" else "test",
        path=Path(name),
        root=Path(),
        record="",
        width=scene.size,
        height=scene.size,
        boxes=scene.boxes,
        license="",
        redistributable=True,
    )
    return [(asked.question, asked.answer) for asked in questions(tile, plan=_PLAN, seed=seed)[0]]


def general_questions(scene: Scene) -> list[tuple[str, str]]:
    """(question, answer) pairs about a scene as a whole."""
    asked = [
        ("What is the predominant land cover?", _COVER[scene.land]),
        ("Is there any water in the image?", "Yes" if scene.waters.kind != "none" else "No"),
        ("What is the main use of this land?", _USE.get(scene.kind, "Residential")),
    ]
    counts = Counter(thing.category for thing in scene.objects)
    if counts["tank"]:
        asked.append(("What shape are the storage tanks?", "Round"))
    for category, count in sorted(counts.items()):
        asked.append((f"How many {noun(category).plural} are there in the image?", str(count)))
    return asked


def _listed(scene: Scene) -> str:
    """The objects in words: 'two ships and one harbor'; empty without objects."""
    counts = sorted(Counter(thing.category for thing in scene.objects).items())
    words = [f"{_NUMERALS[n]} {noun(name).singular if n == 1 else noun(name).plural}" for name, n in counts]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _water(scene: Scene) -> str:
    words = {
        "none": "",
        "all": ", far from any shore",
        "shore": ", with water on one side",
        "river": ", with water running through",
    }
    return words[scene.waters.kind]
