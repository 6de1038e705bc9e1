"""Questions from boxes: everything that one tile's boxes answer without doubt, in the wordings of `texts.corpus`.

    >>> asked, drops = questions(tile, plan=plan, seed=0)
    >>> asked[0].question, asked[0].answer
    ('Does the ship exist in the image?', 'no')

Asked, in this order:
    identification   yes/no questions at the plan's rates: existence, sides, other categories
    classification   one per image: the main object (most boxes) or all categories, by lot
    counting         one per present class
    positioning      one per present class (rule: `texts.positions`)
    region           one per box
An image without boxes is asked about existence only. Wordings are drawn before the answer is looked at.

Not asked, and counted by reason:
    ambiguous_side         a class is present but neither clearly on a side nor clearly away from it
    main_tie               the main object was to be asked, and two classes have the most boxes. It is not replaced by the
                           question for all categories: then that question would tell that there are several
    ambiguous_position     the only object of a class lies where two positions meet
    no_majority_position   no position holds more than half of a class's objects
    ambiguous_region       the printed area holds a part of a box of another class (asked with the plan's `keep_ambiguous`,
                           as in the paper, whose 221,450 region questions are one per box)
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np

from sarlang_hf.schema import APPLICATION_OF_TYPE, Question, Split, Tile, text_ids
from sarlang_hf.texts.corpus import (
    ALL,
    COUNT,
    MAIN,
    REGION,
    WHERE_MOST,
    WHERE_ONE,
    Template,
    noun,
    render,
    render_area,
)
from sarlang_hf.texts.facts import IDENTIFICATION, candidates, is_clear, main_category, printed_area
from sarlang_hf.texts.plan import QuestionPlan
from sarlang_hf.texts.positions import Offset, common_position, offsets_by_category

Drop = Literal["ambiguous_side", "main_tie", "ambiguous_position", "no_majority_position", "ambiguous_region"]
Present = Mapping[str, Sequence[Offset]]


class Asked(NamedTuple):
    """A question before it has an id."""

    template: Template
    question: str
    answer: str


def questions(tile: Tile, *, plan: QuestionPlan, seed: int) -> tuple[list[Question], Counter[str]]:
    """The questions of one tile, and how many were not asked, by reason.

    Args:
        tile: its split must be set; categories outside the plan's `askable` are not asked about, and a tile whose boxes are
            not complete is asked nothing: what its boxes do not show may be there all the same.
        plan: made from all tiles of the build.
        seed: with the image id it fixes every draw, so the result depends on no other tile and no order.

    Raises:
        ValueError: the tile has no split.
    """
    if tile.split is None:
        raise ValueError(f"{tile.image_id} has no split; set it before asking")
    if not tile.boxes_complete:
        return [], Counter()
    rng = _tile_rng(tile.image_id, seed)
    present = offsets_by_category(tile, plan.askable)
    outcomes = chain(
        _identify(present, tile.split, plan, rng),
        _classify(present, rng),
        _count(present, rng),
        _locate(present, rng),
        _refer(tile, plan, rng),
    )
    asked: list[Asked] = []
    drops: Counter[str] = Counter()
    for outcome in outcomes:
        if isinstance(outcome, Asked):
            asked.append(outcome)
        else:
            drops[outcome] += 1
    return _with_ids(tile.image_id, asked), drops


def _tile_rng(image_id: str, seed: int) -> np.random.Generator:
    digest = hashlib.blake2b(f"{seed}\x1f{image_id}".encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _with_ids(image_id: str, asked: Sequence[Asked]) -> list[Question]:
    ids = text_ids(image_id, [(entry.question, entry.answer) for entry in asked])
    return [
        Question(
            question_id=question_id,
            question=entry.question,
            answer=entry.answer,
            type=entry.template.type,
            application=APPLICATION_OF_TYPE[entry.template.type],
            topic="",
            template=entry.template.id,
            origin="template",
        )
        for question_id, entry in zip(ids, asked, strict=True)
    ]


def _identify(present: Present, split: Split, plan: QuestionPlan, rng: np.random.Generator) -> Iterator[Asked | Drop]:
    for key, answer in candidates(present, plan.askable):
        if answer is None:
            yield "ambiguous_side"
            continue
        point = rng.random()
        rate = plan.rate(split, key, answer)
        for template in _draw_wordings(IDENTIFICATION[key.family], rate, point):
            yield Asked(template, render(template, key.category, position=key.position), "yes" if answer else "no")


def _draw_wordings(templates: Sequence[Template], rate: float, point: float) -> Iterator[Template]:
    """Systematic sampling: each wording with probability rate / n, and two of them only where the rate exceeds one.

    The wordings lie end to end on a line, each rate / n long; those that hold one of the points `point`, `point` + 1, ...
    are drawn. `point` is uniform in [0, 1).
    """
    step = rate / len(templates)
    before = math.ceil(-point)
    for index, template in enumerate(templates, 1):
        points = math.ceil(index * step - point)
        if points > before:
            yield template
        before = points


def _draw_wording(templates: Sequence[Template], rng: np.random.Generator) -> Template:
    return templates[int(rng.random() * len(templates))]


def _classify(present: Present, rng: np.random.Generator) -> Iterator[Asked | Drop]:
    if not present:
        return
    template = _draw_wording(MAIN + ALL, rng)
    if template in ALL:
        yield Asked(template, render(template), ", ".join(sorted(noun(category).singular for category in present)))
    elif main := main_category(present):
        yield Asked(template, render(template), noun(main).singular)
    else:
        yield "main_tie"


def _count(present: Present, rng: np.random.Generator) -> Iterator[Asked | Drop]:
    for category, offsets in present.items():
        template = _draw_wording(COUNT, rng)
        yield Asked(template, render(template, category), str(len(offsets)))


def _locate(present: Present, rng: np.random.Generator) -> Iterator[Asked | Drop]:
    for category, offsets in present.items():
        single = len(offsets) == 1
        template = _draw_wording(WHERE_ONE if single else WHERE_MOST, rng)
        place = common_position(offsets)
        if place:
            yield Asked(template, render(template, category), place)
        else:
            yield "ambiguous_position" if single else "no_majority_position"


def _refer(tile: Tile, plan: QuestionPlan, rng: np.random.Generator) -> Iterator[Asked | Drop]:
    for box in tile.boxes:
        if box.category not in plan.askable:
            continue
        template = _draw_wording(REGION, rng)
        if plan.keep_ambiguous or is_clear(box, tile.boxes):
            yield Asked(template, render_area(template, printed_area(box)), noun(box.category).singular)
        else:
            yield "ambiguous_region"
