"""Annotation files piece by piece, a record per line.

Scenes are planned again rather than remembered: memory does not grow with the number of images.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any


def coco_text(
    images: Iterable[dict[str, Any]], annotations: Iterable[dict[str, Any]], categories: Sequence[dict[str, Any]]
) -> Iterator[str]:
    """Text of a COCO file."""
    yield '{"images": ['
    yield from _lines(images)
    yield '],\n"annotations": ['
    yield from _lines(annotations)
    yield f'],\n"categories": {json.dumps(categories)}}}\n'


def json_list(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Text of a JSON file that holds one list."""
    yield "["
    yield from _lines(records)
    yield "\n]\n"


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]], *, bom: bool = False) -> Iterator[str]:
    """Text of a CSV file, with a byte order mark as spreadsheets write it if asked for."""
    if bom:
        yield "\ufeff"
    yield _csv_line(header)
    for row in rows:
        yield _csv_line(row)


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _lines(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    for number, record in enumerate(records):
        yield ("\n" if number == 0 else ",\n") + json.dumps(record)
