"""Images of a dataset folder by row number, read straight from the Parquet files by byte offset."""

from __future__ import annotations

import io
import os
import weakref
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from sarlang_hf.errors import DatasetCorruptError
from sarlang_hf.packaging.pages import image_offsets


class ImageStore:
    """Images of some Parquet shards by row number, read by byte offset; threads and processes may share it.

    The offsets of a shard are found the first time one of its images is asked for.
    """

    def __init__(self, files: tuple[Path, ...]) -> None:
        self._files = tuple(path.absolute() for path in files)  # model code may change the working folder
        self._starts: list[int] = [0, *accumulate(pq.read_metadata(path).num_rows for path in files)]
        self._open()

    def __len__(self) -> int:
        return self._starts[-1]

    def bytes(self, row: int) -> bytes:
        """The image file of a row, as it was stored.

        Raises:
            IndexError: there is no such row.
            DatasetCorruptError: the shard is damaged.
        """
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)} images")
        file = bisect_right(self._starts, row) - 1
        offset, length = self._offset_table(file)[row - self._starts[file]]
        data = os.pread(self._descriptor(file), int(length), int(offset))
        if len(data) != length:
            raise DatasetCorruptError("was cut short while it was read", place=self._files[file], remedy="see sarlang verify")
        return data

    def image(self, row: int) -> Image.Image:
        """The decoded image of a row, in the mode it was stored in (L, RGB or P)."""
        image = Image.open(io.BytesIO(self.bytes(row)))
        image.load()
        return image

    def __getstate__(self) -> dict[str, Any]:
        return {"_files": self._files, "_starts": self._starts}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def _open(self) -> None:
        """Starts with no file open; those opened later are closed with the store."""
        self._offsets: dict[int, NDArray[np.int64]] = {}
        self._descriptors: dict[int, int] = {}
        weakref.finalize(self, _close_all, self._descriptors)

    def _offset_table(self, file: int) -> NDArray[np.int64]:
        if file not in self._offsets:
            self._offsets[file] = image_offsets(self._files[file])
        return self._offsets[file]

    def _descriptor(self, file: int) -> int:
        if file not in self._descriptors:
            opened = os.open(self._files[file], os.O_RDONLY)
            if self._descriptors.setdefault(file, opened) != opened:
                os.close(opened)  # another thread was faster
        return self._descriptors[file]


def _close_all(descriptors: dict[int, int]) -> None:
    for descriptor in descriptors.values():
        os.close(descriptor)
    descriptors.clear()
