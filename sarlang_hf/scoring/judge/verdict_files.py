"""Files of verdicts, line by line or block by block: rows out, and rows in from files that nobody vouches for."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.judge.store import StoredVerdict
from sarlang_hf.scoring.judge.verdict_rows import EXCHANGED

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_BYTES = 1 << 30
MAX_LINE = 1 << 24
BLOCK_ROWS = 1000
_BLOCK_BYTES = 1 << 28
_JSON_SUFFIXES = (".jsonl", ".ndjson")
_REMEDY = "import a file as `sarlang verdicts export` wrote it; nothing of this one was taken"

Row = Mapping[str, Any]


def read_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """The rows of a .jsonl or .parquet file with their places, unchecked.

    Raises:
        UsageError: another ending; the file cannot be read, is larger than 1 GiB, broken, or no file but a pipe or a device.
    """
    rows = _parquet_rows if is_parquet(path) else _line_rows
    _check_size(path)
    return rows(path)


def write_rows(path: Path, verdicts: Iterator[StoredVerdict], *, parquet: bool) -> int:
    """Writes verdicts without their origin; returns how many."""
    return (_write_parquet if parquet else _write_lines)(path, verdicts)


def is_parquet(path: Path) -> bool:
    """Whether the name of a file of verdicts asks for Parquet, and not for JSON lines.

    Raises:
        UsageError: it asks for neither.
    """
    suffix = path.suffix.lower()
    if suffix not in (".parquet", *_JSON_SUFFIXES):
        remedy = "give it the ending of its format"
        raise UsageError(f"the name ends in {suffix!r}, neither .jsonl nor .parquet", place=path, remedy=remedy)
    return suffix == ".parquet"


def refuse(problem: str, place: str | Path) -> NoReturn:
    """Raises the error about a file that cannot be imported."""
    raise UsageError(problem, place=place, remedy=_REMEDY)


def _line_rows(path: Path) -> Iterator[tuple[str, Row]]:
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), 1):
            place = f"{path}, line {number}"
            if len(line) == MAX_LINE:
                refuse(f"is longer than {MAX_LINE >> 20} MiB", place)
            try:
                row = json.loads(line.decode(), object_pairs_hook=_without_repetition)
            except (ValueError, RecursionError) as error:
                refuse(f"broken JSON: {error}", place)
            if not isinstance(row, dict):
                refuse(f"holds {row!r:.80}, not a JSON object", place)
            yield place, row


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice in an object")
    return dict(pairs)


def _parquet_rows(path: Path) -> Iterator[tuple[str, Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_batch_rows(file.metadata, path), columns=list(EXCHANGED)):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        refuse(f"cannot be read as Parquet: {error}", path)


def _batch_rows(metadata: pq.FileMetaData, path: Path) -> int:
    """Rows that may be unpacked together: a text stored once can stand in every row."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    if sum(group.total_byte_size for group in groups) > MAX_BYTES:
        refuse(f"unpacks to more than {MAX_BYTES >> 30} GiB", path)
    chunks: list[int] = [group.column(index).total_uncompressed_size for group in groups for index in range(group.num_columns)]
    return max(1, min(BLOCK_ROWS, _BLOCK_BYTES // max([1, *chunks])))


def _write_lines(path: Path, verdicts: Iterator[StoredVerdict]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for verdict in verdicts:
            file.write(json.dumps(_row(verdict)) + "\n")
            count += 1
    return count


def _write_parquet(path: Path, verdicts: Iterator[StoredVerdict]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 0
    with pq.ParquetWriter(path, _schema(), compression="zstd") as writer:
        while block := [_row(verdict) for verdict in islice(verdicts, BLOCK_ROWS)]:
            writer.write_table(pa.Table.from_pylist(block, schema=_schema()))
            count += len(block)
    return count


def _schema() -> pa.Schema:
    import pyarrow as pa

    numbers = {"verdict": pa.bool_(), "input_tokens": pa.int64(), "output_tokens": pa.int64(), "cost_usd": pa.float64()}
    return pa.schema([(name, numbers.get(name, pa.string())) for name in EXCHANGED])


def _row(verdict: StoredVerdict) -> dict[str, object]:
    return {name: getattr(verdict, name) for name in EXCHANGED}


def _check_size(path: Path) -> None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe waits for somebody to write
            refuse("is no regular file", path)
        path.open("rb").close()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", place=path, remedy="name a readable file") from error
    if status.st_size > MAX_BYTES:
        refuse(f"is {status.st_size / 2**30:.1f} GiB large, more than {MAX_BYTES >> 30} GiB", path)
