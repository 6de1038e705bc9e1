"""Writing one Parquet shard: image bytes uncompressed, texts compressed, hashed on the way.

Uncompressed image columns let Xet share an image between configs and versions, and let `data.py` address single images by
byte offset. Row groups of 100 rows bound the memory of writers and of readers that stream.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from sarlang_hf.files import replacing
from sarlang_hf.schema import Config, features

ROWS_PER_GROUP = 100
IMAGE_BYTES = "image.bytes"
BYTES_PER_GROUP = 64 << 20
"""A group is also full with this many bytes of images: large rasters would otherwise fill the memory of readers and writers."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A finished file: rows, bytes and SHA-256."""

    rows: int
    bytes: int
    sha256: str


class ShardWriter:
    """Collects rows and writes them in groups; `written` holds the result once the shard is closed.

    Rows are written by the caller's own thread: builds run as many processes as there are cores to use.
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema, *, rows_per_group: int) -> None:
        self.written: WrittenFile | None = None
        self._sink = _HashingFile(file)
        self._schema = schema
        self._rows_per_group = rows_per_group
        self._pending: list[Mapping[str, Any]] = []
        self._pending_bytes = 0
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0
        self._has_images = "image" in schema.names
        texts = [path for path in _leaf_columns(self._schema) if path != IMAGE_BYTES]
        self._writer = pq.ParquetWriter(
            self._sink,
            self._schema,
            compression=dict.fromkeys(texts, "zstd") | ({IMAGE_BYTES: "none"} if self._has_images else {}),
            use_dictionary=texts,
            write_statistics=texts,
            store_schema=True,
        )

    def append(self, row: Mapping[str, Any]) -> None:
        """Adds a row with the schema's columns; an image is {"bytes": ..., "path": ...}."""
        self._pending.append(row)
        self._pending_bytes += len(row["image"]["bytes"]) if self._has_images else 0
        if len(self._pending) == self._rows_per_group or self._pending_bytes >= BYTES_PER_GROUP:
            self._flush()

    def append_batch(self, batch: pa.RecordBatch) -> None:
        """Adds rows that are Arrow columns already; not to be mixed with `append`."""
        self._batches.append(batch)
        if sum(len(one) for one in self._batches) >= self._rows_per_group:
            table = pa.Table.from_batches(self._batches)
            full = len(table) - len(table) % self._rows_per_group
            self._write(table.slice(0, full))
            self._batches = table.slice(full).to_batches()

    def close(self) -> WrittenFile:
        self._flush()
        self._writer.close()
        self.written = WrittenFile(self._rows, self._sink.bytes, self._sink.hash.hexdigest())
        return self.written

    def abandon(self) -> None:
        """Lets go of the file. Arrow's writer must still be closed, or it tries to write its footer when it is collected."""
        self._sink.discard()
        self._writer.close()

    def _flush(self) -> None:
        if self._pending:
            self._batches.append(pa.RecordBatch.from_pylist(self._pending, schema=self._schema))
        if self._batches:
            self._write(pa.Table.from_batches(self._batches))
        self._pending, self._pending_bytes, self._batches = [], 0, []

    def _write(self, table: pa.Table) -> None:
        self._writer.write_table(table, row_group_size=self._rows_per_group)
        self._rows += len(table)


@contextmanager
def shard(path: Path, schema: pa.Schema, *, rows_per_group: int = ROWS_PER_GROUP) -> Iterator[ShardWriter]:
    """Opens a shard that appears under `path` when the body ends well, and not at all otherwise."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        writer = ShardWriter(file, schema, rows_per_group=rows_per_group)
        try:
            yield writer
            writer.close()
        except BaseException:
            writer.abandon()
            raise


def read_rows(paths: Iterable[Path], columns: list[str]) -> Iterator[dict[str, Any]]:
    """Rows of some shards one after the other, a thousand in memory at a time; `columns` are dotted Parquet paths."""
    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(columns=columns, batch_size=1000):
            yield from batch.to_pylist()


def arrow_schema(config: Config) -> pa.Schema:
    """Arrow schema of a config, with the `huggingface` metadata from which `datasets` knows its features."""
    return features(config).arrow_schema


class _HashingFile:
    """The part of a binary file that pyarrow writes to; hashes and counts what passes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.bytes = 0
        self.closed = False
        self._discarding = False

    def discard(self) -> None:
        self._discarding = True

    def write(self, data: Any) -> int:
        self.hash.update(data)
        self.bytes += len(data)
        return len(data) if self._discarding else self._file.write(data)

    def tell(self) -> int:
        return self.bytes

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self.closed = True


def _leaf_columns(schema: pa.Schema) -> list[str]:
    """Dotted Parquet paths of the primitive columns (`questions.list.element.answer`)."""
    return [path for field in schema for path in _leaves(field.name, field.type)]


def _leaves(path: str, kind: pa.DataType) -> Iterator[str]:
    if pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves(f"{path}.{field.name}", field.type)
    elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type)
    else:
        yield path
