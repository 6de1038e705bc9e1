"""Captions, their scores one by one, and the file that keeps both.

`sarlang_captions.parquet`, one row per reference of each task of a run:

    task  profile  caption_id  image_id  source  scene  place  kind  origin  reference  prediction (null: missing)
    rouge_l  cider (x100; 0 where the prediction is missing)  bleu_matches  bleu_candidates (4 counts each, n-grams of
    1 to 4 words)  prediction_length  reference_length (words)

Sums of the counts over rows give BLEU, means of the other two give ROUGE_L and CIDEr: whatever a score is made of is here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sarlang_hf.schema import Origin
from sarlang_hf.scoring.caption_scorecard import SCORED_KINDS, ScoredKind
from sarlang_hf.scoring.captions import PROFILES, Profile
from sarlang_hf.scoring.run_tables import not_a_run_table, read_rows, storable, write_table

if TYPE_CHECKING:
    import pyarrow as pa

CAPTIONS_FILE = "sarlang_captions.parquet"


@dataclass(frozen=True, slots=True)
class CaptionAnswer:
    """One reference of the dataset with a model's caption of its image; None if the model gave none."""

    caption_id: str
    image_id: str
    source: str
    scene: str
    place: str
    kind: ScoredKind
    origin: Origin | str
    reference: str
    prediction: str | None


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """A caption with its scores; those of a missing one are 0, its counts an empty caption's."""

    answer: CaptionAnswer
    task: str
    profile: Profile
    rouge_l: float
    cider: float
    bleu_matches: tuple[int, int, int, int]
    bleu_candidates: tuple[int, int, int, int]
    prediction_length: int
    reference_length: int


CAPTION_FIELDS = tuple(field.name for field in fields(CaptionAnswer))
"""The names of a caption answer's fields; also its columns in the captions file."""

_SCORE_FIELDS = tuple(field.name for field in fields(CaptionRow) if field.name != "answer")


def write_captions(path: Path, rows: Sequence[CaptionRow]) -> None:
    """Writes scored captions; rows of other tasks that the file already holds stay, rows of the same tasks are replaced.

    Raises:
        OutputError: the folder cannot be written.
        UsageError: the file exists but is no captions file.
    """
    tasks = {row.task for row in rows}
    kept = [row for row in read_captions(path) if row.task not in tasks] if path.exists() else []
    write_table(path, _table([*kept, *rows]))


def read_captions(path: Path) -> list[CaptionRow]:
    """Reads a captions file.

    Raises:
        UsageError: there is no such file, or it is not a captions file.
    """
    rows = read_rows(path, _schema(), what="captions")
    try:
        return [_row(row) for row in rows]
    except (TypeError, ValueError) as error:
        raise not_a_run_table(path, "captions", error) from error


def _row(row: dict[str, Any]) -> CaptionRow:
    answer = CaptionAnswer(**{name: row.pop(name) for name in CAPTION_FIELDS})
    for name in ("bleu_matches", "bleu_candidates"):
        if len(row[name]) != 4 or None in row[name]:
            raise ValueError(f"{name} of caption {answer.caption_id!r} are not four counts")
        row[name] = tuple(row[name])
    if not (math.isfinite(row["rouge_l"]) and math.isfinite(row["cider"])):
        raise ValueError(f"a score of caption {answer.caption_id!r} is not finite")
    if answer.kind not in SCORED_KINDS or row["profile"] not in PROFILES:
        raise ValueError(f"caption {answer.caption_id!r} is {answer.kind!r}, {row['profile']!r}")
    return CaptionRow(answer=answer, **row)


def _schema() -> pa.Schema:
    import pyarrow as pa

    texts = [pa.field(name, pa.string(), nullable=name == "prediction") for name in ("task", "profile", *CAPTION_FIELDS)]
    scores = [(name, pa.float64()) for name in ("rouge_l", "cider")]
    counts = [(name, pa.list_(pa.int64())) for name in ("bleu_matches", "bleu_candidates")]
    lengths = [(name, pa.int64()) for name in ("prediction_length", "reference_length")]
    return pa.schema([*texts, *(pa.field(name, kind, nullable=False) for name, kind in (*scores, *counts, *lengths))])


def _table(rows: Sequence[CaptionRow]) -> pa.Table:
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [storable(getattr(row.answer, name)) for row in rows] for name in CAPTION_FIELDS}
    columns |= {name: [getattr(row, name) for row in rows] for name in _SCORE_FIELDS}
    return pa.table(columns, schema=_schema())
