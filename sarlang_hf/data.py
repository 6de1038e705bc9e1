"""The only way the rest of the house reads a built dataset.

`load` hands out `datasets` objects. `open_dataset` is for evaluation: questions come as an Arrow table and images straight from
the Parquet files, so that nothing is copied into the `datasets` cache and no training image is touched.
"""

from __future__ import annotations

import io
import os
import weakref
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from sarlang_hf.errors import DatasetCorruptError, DatasetNotFoundError, UsageError
from sarlang_hf.files import sha256_of
from sarlang_hf.packaging.manifest import MANIFEST, Manifest, Shard, read_manifest, select_shards
from sarlang_hf.packaging.pages import image_offsets
from sarlang_hf.schema import CONFIGS, SPLITS, Config, DatasetKind, Split

if TYPE_CHECKING:
    import datasets

DEFAULT_FOLDER = "sarlang-1m"
DATASET_VARIABLE = "SARLANG_DATASET"

LoadConfig = Literal[Config, "vqa_flat"]


@dataclass(frozen=True)
class DatasetFolder:
    """A built dataset: its folder and manifest."""

    path: Path
    manifest: Manifest

    @property
    def kind(self) -> DatasetKind:
        return self.manifest.dataset_kind

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the manifest, which holds the checksums of everything else: the identity of the dataset."""
        return sha256_of(self.path / MANIFEST)

    def shards(self, config: Config, split: Split) -> list[Shard]:
        """The shards of a config and split, in file order.

        Raises:
            DatasetNotFoundError: the dataset has no such config or split.
        """
        found = select_shards(self.manifest.shards, config, split)
        if not found:
            present = sorted({f"{shard.config}/{shard.split}" for shard in self.manifest.shards})
            problem = f"has no {split} split of config {config!r}"
            raise DatasetNotFoundError(problem, place=self.path, remedy=f"it has {', '.join(present)}: build what is missing")
        return found

    def files(self, config: Config, split: Split) -> list[Path]:
        """Paths of those shards.

        Raises:
            DatasetNotFoundError: the dataset has no such config or split.
            DatasetCorruptError: a shard is missing.
        """
        paths = [self.path / shard.file for shard in self.shards(config, split)]
        for path in paths:
            if not path.is_file():
                raise DatasetCorruptError("shard is missing", place=path, remedy="run the build again or fetch the file")
        return paths

    def questions(self, split: Split, columns: list[str] | None = None) -> pa.Table:
        """The `vqa_questions` config of a split, in image order."""
        tables = [pq.read_table(path, columns=columns) for path in self.files("vqa_questions", split)]
        return pa.concat_tables(tables)

    def image_row(self, image_id: str) -> dict[str, Any]:
        """The row of one image in the `vqa` config, without its pixels.

        Raises:
            DatasetNotFoundError: the dataset has no such image.
        """
        for shard in self.manifest.shards:
            if shard.config == "vqa":
                names = [name for name in pq.read_schema(self.path / shard.file).names if name != "image"]
                found = pq.read_table(self.path / shard.file, columns=names, filters=[("image_id", "=", image_id)])
                if found.num_rows:
                    return dict(found.to_pylist()[0])
        remedy = "ids look like <source>/<file name without extension>"
        raise DatasetNotFoundError(f"has no image {image_id!r}", place=self.path, remedy=remedy)

    def images(self, split: Split, config: Config = "vqa") -> ImageStore:
        """The images of a config and split, by row number."""
        return ImageStore(tuple(self.files(config, split)))


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


def open_dataset(source: str | Path | None = None) -> DatasetFolder:
    """Opens a dataset folder.

    Args:
        source: the folder; None means the environment variable SARLANG_DATASET, else ./sarlang-1m.

    Raises:
        DatasetNotFoundError: there is no built dataset.
        DatasetFormatError, DatasetCorruptError: its manifest cannot be read.
    """
    path = Path(source or os.environ.get(DATASET_VARIABLE) or DEFAULT_FOLDER)
    return DatasetFolder(path, read_manifest(path))


def load(
    source: str | Path | None = None, config: LoadConfig = "vqa", split: Split | None = None, *, streaming: bool = False
) -> datasets.Dataset | datasets.DatasetDict | datasets.IterableDataset | datasets.IterableDatasetDict:
    """Loads a config of a dataset folder as `datasets` objects.

    Args:
        source: the folder; None means SARLANG_DATASET, else ./sarlang-1m.
        config: a config of the folder, or `vqa_flat`: a row per question with its image, decoded when the row is read (until
            then the column `image` holds row numbers, which is what `features` shows; select, sort, shuffle, filter and pickle
            as you like, but what drops the transform of a `datasets.Dataset`, such as renaming or concatenating, leaves numbers).
        split: one split; None gives a dictionary of all.
        streaming: iterate without copying anything into the `datasets` cache.

    Raises:
        DatasetNotFoundError: no dataset, config or split of that name.
        UsageError: a config no release knows.
    """
    folder = open_dataset(source)
    stored = _stored_config(config, folder.path)
    splits = _splits(folder, stored, split)
    loaded = {name: _load_split(folder, stored, name, streaming=streaming) for name in splits}
    if config == "vqa_flat":
        loaded = {name: _with_images(folder, name, rows, streaming=streaming) for name, rows in loaded.items()}
    if split is not None:
        return loaded[split]
    import datasets as ds

    return ds.IterableDatasetDict(loaded) if streaming else ds.DatasetDict(loaded)


def _stored_config(config: str, place: Path) -> Config:
    if config == "vqa_flat":
        return "vqa_questions"
    for known in CONFIGS:
        if config == known:
            return known
    raise UsageError(f"unknown config {config!r}", place=place, remedy=f"use one of {', '.join((*CONFIGS, 'vqa_flat'))}")


def _splits(folder: DatasetFolder, config: Config, split: Split | None) -> list[Split]:
    if split is not None:
        folder.files(config, split)
        return [split]
    present = {shard.split for shard in folder.manifest.shards if shard.config == config}
    return [name for name in SPLITS if name in present] or [shard.split for shard in folder.shards(config, "test")]


def _load_split(folder: DatasetFolder, config: Config, split: Split, *, streaming: bool) -> Any:
    import datasets as ds

    return ds.load_dataset(str(folder.path), config, split=split, streaming=streaming)


def _with_images(folder: DatasetFolder, split: Split, rows: Any, *, streaming: bool) -> Any:
    """Puts the image beside each question: a stand-in column of row numbers, replaced when a row is read."""
    attach = _AttachImages(folder.images(split))
    if streaming:
        return rows.map(attach.to_row)
    return rows.add_column("image", rows["image_row"][:]).with_transform(attach.to_batch)


class _AttachImages:
    """Decodes the images of question rows; picklable, so that data loaders may fork or spawn."""

    def __init__(self, images: ImageStore) -> None:
        self._images = images

    def to_row(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"image": self._images.image(row["image_row"]), **row}

    def to_batch(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        if "image" in batch:
            batch["image"] = [self._images.image(row) for row in batch["image"]]
        return batch
