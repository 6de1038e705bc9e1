"""Draws docs/scenes.jpg: simulated scenes, their optical twins, and a question each, as the build would ask it.

python docs/pictures.py
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sarlang_hf.imaging.simulate import plan_scene, render
from sarlang_hf.schema import Question, Tile
from sarlang_hf.texts.boxes import questions
from sarlang_hf.texts.planner import QuestionPlanner

SIZE, TEXT, GAP = 300, 44, 8
SEEDS = (22, 21, 7, 27)
WANTED = ("counting", "positioning", "region", "classification")
COLOUR = (255, 196, 0)


def main() -> None:
    scenes = [plan_scene(np.random.default_rng(seed), SIZE) for seed in SEEDS]
    tiles = [
        Tile("sardet100k", f"{seed}", "test", Path(), Path(), "", SIZE, SIZE, scene.boxes, "", True)
        for seed, scene in zip(SEEDS, scenes, strict=True)
    ]
    planner = QuestionPlanner()
    for tile in tiles:
        planner.add(tile)
    plan = planner.plan()
    sheet = Image.new("RGB", (len(SEEDS) * (SIZE + GAP) - GAP, 2 * SIZE + GAP + TEXT), "white")
    for column, (seed, scene, tile, wanted) in enumerate(zip(SEEDS, scenes, tiles, WANTED, strict=True)):
        picture = render(scene, np.random.default_rng(seed))
        asked = questions(tile, plan=plan, seed=0)[0]
        left = column * (SIZE + GAP)
        sheet.paste(_with_boxes(picture.sar, tile), (left, 0))
        sheet.paste(Image.fromarray(picture.optical), (left, SIZE + GAP))
        _write(sheet, left, next((q for q in asked if wanted in q.template), asked[-1]))
    sheet.save(Path(__file__).with_name("scenes.jpg"), quality=88)


def _with_boxes(sar: np.ndarray, tile: Tile) -> Image.Image:
    image = Image.fromarray(sar).convert("RGB")
    draw = ImageDraw.Draw(image)
    for box in tile.boxes:
        draw.rectangle((box.x - 1, box.y - 1, box.x + box.width, box.y + box.height), outline=COLOUR)
    return image


def _write(sheet: Image.Image, left: int, question: Question) -> None:
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    lines = textwrap.wrap(f"{question.question} {question.answer}", width=44)
    for number, line in enumerate(lines):
        draw.text((left, 2 * SIZE + GAP + 4 + 19 * number), line, fill="black", font=font)


if __name__ == "__main__":
    main()
