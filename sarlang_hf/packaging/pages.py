"""Byte offsets of the images in a Parquet shard, so that one image can be read without its row group.

Image columns are written plain and uncompressed: inside a data page, every value is four bytes of length followed by the
image's own bytes. Walking the page headers of a column chunk (Thrift compact protocol, parquet.thrift `PageHeader`) and then
from length to length gives each image's place in the file without touching its pixels.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sarlang_hf.errors import DatasetCorruptError
from sarlang_hf.packaging.parquet import IMAGE_BYTES

_DATA_PAGE = 0
_PLAIN = 0


def image_offsets(path: Path) -> NDArray[np.int64]:
    """Where the images of a shard lie.

    Returns:
        (rows, 2) int64: offset and length in bytes, in row order.

    Raises:
        DatasetCorruptError: the shard has another layout than the one this package writes.
    """
    metadata = pq.read_metadata(path)
    spans: list[tuple[int, int]] = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for group in range(metadata.num_row_groups):
            chunk = _image_chunk(path, metadata.row_group(group))
            try:
                spans.extend(_chunk_values(data, chunk.data_page_offset, chunk.num_values))
            except (IndexError, ValueError) as error:
                raise _corrupt(path, f"row group {group}: {error}") from error
    return np.array(spans, np.int64).reshape(-1, 2)


def _image_chunk(path: Path, group: pq.RowGroupMetaData) -> pq.ColumnChunkMetaData:
    for index in range(group.num_columns):
        chunk = group.column(index)
        if chunk.path_in_schema == IMAGE_BYTES:
            if chunk.compression != "UNCOMPRESSED" or chunk.has_dictionary_page:
                raise _corrupt(path, "its images are compressed or dictionary encoded")
            return chunk
    raise _corrupt(path, "it has no image column")


def _chunk_values(data: mmap.mmap, position: int, count: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of the `count` values of a column chunk whose first data page starts at `position`."""
    while count:
        header = _ThriftReader(data, position)
        page = header.struct()
        if page.get(1) != _DATA_PAGE or page[5].get(2) != _PLAIN:
            raise ValueError("expected plain data pages")
        at, end, values = header.position, header.position + page[3], page[5][1]
        at += 4 + int.from_bytes(data[at : at + 4], "little")  # definition levels; an image is never null
        for _ in range(values):
            length = int.from_bytes(data[at : at + 4], "little")
            yield at + 4, length
            at += 4 + length
        if at != end:
            raise ValueError("an image is missing")
        position, count = end, count - values


class _ThriftReader:
    """Reads one struct of Thrift's compact protocol as {field id: value}; nested structs are dicts."""

    def __init__(self, data: mmap.mmap, position: int) -> None:
        self._data = data
        self.position = position

    def struct(self) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            fields[number] = self._value(head & 0x0F)
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (1, 2):  # booleans live in the type itself
            return kind == 1
        if kind in (4, 5, 6):  # i16, i32, i64
            return self._zigzag()
        if kind == 3:
            return self._byte()
        if kind == 8:  # binary: page statistics
            length = self._varint()
            self.position += length
            return self._data[self.position - length : self.position]
        if kind == 12:
            return self.struct()
        raise ValueError(f"unexpected Thrift type {kind}")

    def _byte(self) -> int:
        self.position += 1
        return self._data[self.position - 1]

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


def _corrupt(path: Path, problem: str) -> DatasetCorruptError:
    remedy = "build the dataset again, or fetch an intact copy (see sarlang verify)"
    return DatasetCorruptError(f"images cannot be located: {problem}", place=path, remedy=remedy)
