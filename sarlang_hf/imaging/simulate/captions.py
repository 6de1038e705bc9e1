"""Captions of simulated scenes, for the trees of sources that bring none: a side file that the readers of these sources know.

    simulated_captions.jsonl
        {"image": "0000001", "captions": [{"kind": "complex", "text": "..."}, {"kind": "concise", "text": "..."}]}

`image` is the stem that the source gives the image. The complex caption names classes, counts, a position and the surroundings in
25 to 40 words, in the manner of GPT-4o's in the paper; the concise ones, in 8 to 14 words, are like BLIP's. One or two of the
latter come with an image, 1.87 on average, as in Table 6 (7,492 on 4,005 test images). Released trees have captions of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np

from sarlang_hf.imaging.simulate.request import Request, Shot
from sarlang_hf.imaging.simulate.scene import Land, Scene, SceneKind
from sarlang_hf.schema import Box, CaptionKind, Position
from sarlang_hf.texts.captions import listed, ranked
from sarlang_hf.texts.corpus import noun
from sarlang_hf.texts.positions import common_position

CAPTIONS = "simulated_captions.jsonl"
SECOND_CONCISE = 0.87
"""How often an image has a second concise caption."""

_SHOWN: dict[SceneKind, str] = {
    "sea": "open water",
    "coast": "a coast",
    "port": "a harbor area",
    "river": "a river",
    "airfield": "an airfield",
    "tank_farm": "a tank farm",
    "parking": "a parking lot",
    "empty": "open land",
}
_GROUND: dict[Land, tuple[str, ...]] = {
    "rural": ("fields and farms", "fields and farmland"),
    "urban": ("blocks of buildings", "rows of houses"),
    "bare": ("bare ground", "bare soil"),
}
_WATER = {
    "none": ("without any water in sight", "and no shore is to be seen"),
    "shore": ("with dark water along one side", "and a shoreline divides land from water"),
    "river": ("with a dark band of water running through", "and a river runs through the scene"),
}
_WHERE: dict[Position, str] = {
    "left": "on the left side",
    "right": "on the right side",
    "top": "near the top",
    "bottom": "near the bottom",
    "center": "in the center",
}
_SPECKLE = (
    "The granular texture is the speckle of coherent radar.",
    "Speckle gives all surfaces a grainy look.",
    "The whole image is covered by radar speckle.",
)
_LEAST_WORDS = 25


def caption_table(
    request: Request, *, scene: Callable[[Request, Shot], Scene], stem: Callable[[Shot], str]
) -> dict[str, Iterator[str]]:
    """The side file, as a table of a layout.

    Args:
        request: the tree.
        scene: plans an image.
        stem: names an image as its source does.
    """
    return {CAPTIONS: (_line(request, shot, scene(request, shot), stem(shot)) for shot in request.shots())}


def _line(request: Request, shot: Shot, scene: Scene, stem: str) -> str:
    texts = [{"kind": kind, "text": text} for kind, text in captions(scene, request.words(shot))]
    return json.dumps({"image": stem, "captions": texts}) + "\n"


def captions(scene: Scene, rng: np.random.Generator) -> list[tuple[CaptionKind, str]]:
    """(kind, text) of a scene's captions: one complex, one or two concise; `rng` draws the wordings."""
    concise = [_with_objects(scene, rng), _with_surroundings(scene, rng)]
    number = 2 if rng.random() < SECOND_CONCISE else 1
    return [("complex", complex_caption(scene, rng)), *(("concise", text) for text in concise[:number])]


def complex_caption(scene: Scene, rng: np.random.Generator) -> str:
    """Two or three sentences: what is shown, where the main objects lie, what surrounds them."""
    opening = _drawn(("The image shows", "This radar image shows", "The SAR image depicts", "The radar scene contains"), rng)
    objects = listed(scene.boxes, most=3)
    holding = f" {_drawn(('with', 'together with', 'that holds'), rng)} {objects}" if objects else " without any larger objects"
    sentences = [f"{opening} {_shown(scene)}{holding}.", _place(scene.boxes, scene.size, rng), _around(scene, rng)]
    if len(" ".join(sentences).split()) < _LEAST_WORDS:
        sentences.append(_drawn(_SPECKLE, rng))
    return " ".join(sentences)


def _shown(scene: Scene) -> str:
    return _SHOWN["sea" if scene.waters.kind == "all" else scene.kind]


def _place(boxes: tuple[Box, ...], size: int, rng: np.random.Generator) -> str:
    """A sentence on where the class with the most objects lies, by the rule of `texts.positions`."""
    if not boxes:
        return _drawn(("Nothing in it stands out brightly.", "No ship, aircraft or vehicle can be made out."), rng)
    category, number = ranked(boxes)[0]
    centers = [(box.x + box.width / 2, box.y + box.height / 2) for box in boxes if box.category == category]
    place = common_position([(x / size - 0.5, y / size - 0.5) for x, y in centers])
    if number == 1:
        return f"The {noun(category).singular} {f'lies {_WHERE[place]}' if place else 'stands out from its background'}."
    objects = noun(category).plural
    return f"Most of the {objects} lie {_WHERE[place]}." if place else f"The {objects} are spread over the image."


def _around(scene: Scene, rng: np.random.Generator) -> str:
    if scene.waters.kind == "all":
        return _drawn(("Calm, dark water reaches every edge of the scene.", "There is nothing but water around, no land."), rng)
    ground = _drawn(_GROUND[scene.land], rng)
    return f"The land around consists of {ground}, {_drawn(_WATER[scene.waters.kind], rng)}."


def _with_objects(scene: Scene, rng: np.random.Generator) -> str:
    opening = _drawn(("a radar image of", "a satellite image of", "a SAR image showing"), rng)
    objects = listed(scene.boxes, most=2)
    return f"{opening} {_shown(scene)} {f'with {objects}' if objects else 'without any objects'}"


def _with_surroundings(scene: Scene, rng: np.random.Generator) -> str:
    opening = _drawn(("Aerial view of", "Aerial radar view of", "Radar view from above of"), rng)
    if scene.waters.kind == "all":
        return f"{opening} {_shown(scene)} without any land around."
    return f"{opening} {_shown(scene)} surrounded by {_drawn(_GROUND[scene.land], rng)}."


def _drawn(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
