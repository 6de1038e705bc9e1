"""Sheets: a folder with what raters fill in, and a record of what they were asked.

    OUT/sheet.html           the sheet for raters: one file, works offline; its button saves answers-<name>.csv
    OUT/answers-1.csv ...    the same as empty tables, for those who prefer a spreadsheet
    OUT/sheet.json           the record of the sheet, for `score`; raters of an audit must not get it, nor audited.parquet
    OUT/audited.parquet      of an audit: every verdict of the run that the sample was drawn from

    {"format_version": "1.0", "sheet": "human", "task": "sarlang_vqa", "seed": 0, "question_ids": ["3f0c2a9be1d45a77", ...],
     "about": {...}}

A sheet is a pure function of what it was drawn from and the seed: the same command again completes the folder and leaves tables
that raters have begun alone. A folder with another sheet is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from sarlang_hf.errors import UsageError
from sarlang_hf.files import read_regular, write_atomically
from sarlang_hf.schema import FORMAT_VERSION

SHEET_FILE = "sheet.json"
PAGE_FILE = "sheet.html"
_MAX_BYTES = 1 << 26

SheetKind = Literal["human", "audit"]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What raters were asked.

    Attributes:
        sheet: whether people answer questions (human) or judge answers (audit).
        task: the task that the questions belong to.
        seed: of the draw.
        question_ids: the items, in the order of the sheet.
        about: what else names the sheet, as plain JSON values: `scoring.people.human` and `.audit` say what.
    """

    sheet: SheetKind
    task: str
    seed: int
    question_ids: tuple[str, ...]
    about: Mapping[str, Any]

    def to_json(self) -> str:
        """The record as it is written."""
        return json.dumps({"format_version": FORMAT_VERSION, **asdict(self)}, indent=1, allow_nan=False) + "\n"

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that tell sheets apart."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]


def claim_folder(out: Path, sheet: Sheet) -> None:
    """Makes `out` the folder of this sheet.

    Raises:
        UsageError: it holds another sheet, or anything else.
        OutputError: it cannot be written.
    """
    record = out / SHEET_FILE
    if record.exists():
        if record.read_bytes() == sheet.to_json().encode():
            return
        remedy = "choose another folder, or the dataset, run, number and seed that it was made with"
        raise UsageError("holds another sheet", place=out, remedy=remedy)
    if out.is_dir() and any(not path.name.startswith(".") for path in out.iterdir()):
        raise UsageError("is not empty", place=out, remedy="choose a new folder for the sheet")
    write_atomically(record, sheet.to_json().encode())


def write_new(path: Path, text: str) -> None:
    """Writes a file unless it is there: it may be one that a rater has begun."""
    if not path.exists():
        write_atomically(path, text.encode("utf-8", "replace"))


def read_sheet(out: Path, kind: SheetKind) -> Sheet:
    """Reads the record of a sheet.

    Raises:
        UsageError: there is none of that kind, or it is damaged.
    """
    path = out / SHEET_FILE
    try:
        sheet = _parsed(json.loads(read_regular(path, _MAX_BYTES)))
    except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        problem = f"is not the record of a sheet ({type(error).__name__}: {error})"
        raise UsageError(problem, place=path, remedy=f"name the folder that `sarlang {kind} sheet` wrote") from error
    if sheet.sheet != kind:
        raise UsageError(
            f"is a sheet of `sarlang {sheet.sheet}`", place=path, remedy=f"score it with `sarlang {sheet.sheet} score`"
        )
    return sheet


def _parsed(record: Mapping[str, Any]) -> Sheet:
    version = str(record["format_version"])
    if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise ValueError(f"format version {version}, not {FORMAT_VERSION}")
    ids = tuple(str(question_id) for question_id in record["question_ids"])
    if record["sheet"] not in get_args(SheetKind) or not ids or len(set(ids)) < len(ids):
        raise ValueError("no list of distinct questions")
    return Sheet(record["sheet"], str(record["task"]), int(record["seed"]), ids, dict(record["about"]))
