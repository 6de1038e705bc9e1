"""The sheet of the human comparison: test questions with their images, for any number of people to answer.

The paper asked three experts and three laymen 30 questions and has not published them. A sheet is another sample: in
proportion to the numbers of questions by type and source, each about an image of its own as far as there are enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sarlang_hf.data import DatasetFolder
from sarlang_hf.errors import UsageError
from sarlang_hf.files import write_atomically
from sarlang_hf.schema import DATASET_KINDS
from sarlang_hf.scoring.people.page import Item, Wording, sheet_page
from sarlang_hf.scoring.people.rater_files import empty_table
from sarlang_hf.scoring.people.sampling import allocate
from sarlang_hf.scoring.people.sheet import PAGE_FILE, SHEET_FILE, Sheet, claim_folder, write_new
from sarlang_hf.scoring.signature import TASK_VERSION, DatasetRef

TASK = "sarlang_vqa"
COLUMN = "prediction"

_COLUMNS = ["question_id", "image_id", "image_row", "source", "type", "question"]


def write_human_sheet(out: Path, dataset: DatasetFolder, *, questions: int = 30, raters: int = 3, seed: int = 0) -> Sheet:
    """Draws questions of the test part and writes the sheet that people answer. No file holds a reference answer.

    Args:
        out: a new folder, or that of the same sheet.
        dataset: the dataset that is asked about.
        questions: how many; all there are if that is less.
        raters: how many empty tables are written beside the page, which serves any number.
        seed: of the draw.

    Raises:
        UsageError: `out` holds another sheet or anything else.
        OutputError: it cannot be written.
        DatasetNotFoundError, DatasetCorruptError: there are no test questions, or they cannot be read.
    """
    table = dataset.questions("test", _COLUMNS)
    rows = draw_questions(table, questions, np.random.default_rng(seed))
    asked = table.take(rows).to_pylist()
    sheet = Sheet(
        sheet="human",
        task=TASK,
        seed=seed,
        question_ids=tuple(row["question_id"] for row in asked),
        about={"task_version": TASK_VERSION, "dataset": asdict(DatasetRef(dataset.kind, dataset.sha256))},
    )
    claim_folder(out, sheet)
    ids = list(enumerate(sheet.question_ids, 1))
    for rater in range(1, raters + 1):
        blank = empty_table(("item", "question_id", COLUMN), [(item, question_id, "") for item, question_id in ids])
        write_new(out / f"answers-{rater}.csv", blank)
    images = dataset.images("test")
    items = [Item(images.bytes(row["image_row"]), [("Question", row["question"])]) for row in asked]
    write_atomically(out / PAGE_FILE, sheet_page(sheet, items, _wording(sheet, table.num_rows)).encode("utf-8", "replace"))
    return sheet


def dataset_of(sheet: Sheet) -> DatasetRef:
    """The dataset that a sheet was drawn from.

    Raises:
        UsageError: the record of the sheet does not say.
    """
    about = sheet.about.get("dataset")
    if isinstance(about, Mapping) and about.get("kind") in DATASET_KINDS and isinstance(about.get("sha256"), str):
        return DatasetRef(about["kind"], about["sha256"])
    raise UsageError("does not name the dataset of the sheet", place=SHEET_FILE, remedy="draw the sheet again")


def draw_questions(table: pa.Table, total: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of a stratified sample, in random order.

    Strata are type by source, in proportion. The smallest stratum draws first; an image that is taken is drawn again only
    where a stratum has no other.

    Args:
        table: columns type, source and image_id of the questions to draw from.
        total: how many; all there are if that is less.
        rng: source of the draws.
    """
    keys = list(zip(table["type"].to_pylist(), table["source"].to_pylist(), strict=True))
    strata: dict[tuple[str, str], list[int]] = {key: [] for key in sorted(set(keys))}
    for row, key in enumerate(keys):
        strata[key].append(row)
    shares = allocate([len(rows) for rows in strata.values()], total)
    images, used, drawn = table["image_id"].to_pylist(), set[str](), list[int]()
    for rows, share in sorted(zip(strata.values(), shares, strict=True), key=lambda stratum: len(stratum[0])):
        chosen = _prefer_new_images(rng.permutation(rows).tolist(), share, images, used)
        used.update(images[row] for row in chosen)
        drawn += chosen
    return rng.permutation(np.array(drawn, np.int64))


def _prefer_new_images(rows: Sequence[int], share: int, images: Sequence[str], used: set[str]) -> list[int]:
    first: list[int] = []
    later: list[int] = []
    seen = set(used)
    for row in rows:
        (later if images[row] in seen else first).append(row)
        seen.add(images[row])
    return [*first, *later][:share]


def _wording(sheet: Sheet, available: int) -> Wording:
    number = len(sheet.question_ids)
    return Wording(
        title=f"{number} questions about radar images",
        introduction=[
            "Look at each image and answer the question below it in a word or a few. Answer every question; if you are not "
            "sure, give your best guess. An empty field counts as not answered.",
            "Areas are written as [x, y, width, height] in pixels, counted from the upper left corner of the image.",
            f"The questions are a random sample of the {available:,} test questions of this dataset (seed {sheet.seed}), not the "
            "questions of the SARLANG-1M paper, which were not published.",
            "Answers stay on this device until you save them as a file, with the button below. Enter goes to the next question.",
        ],
        prompt="Your answer",
        column=COLUMN,
    )
