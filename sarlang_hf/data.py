"""The only way the rest of the house reads a built dataset.

`load` hands out `datasets` objects. `open_dataset` is for evaluation: questions come as an Arrow table and images straight from
the Parquet files, so that nothing is copied into the `datasets` cache and no training image is touched.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from sarlang_hf.errors import DatasetCorruptError, DatasetNotFoundError, UsageError
from sarlang_hf.files import sha256_of
from sarlang_hf.packaging.image_store import ImageStore
from sarlang_hf.packaging.manifest import MANIFEST, Manifest, Shard, read_manifest, select_shards
from sarlang_hf.packaging.text_tables import flat_captions
from sarlang_hf.schema import CONFIGS, SPLITS, CaptionKind, Config, DatasetKind, Split
from sarlang_hf.texts.document_frequency import FILE_OF_KIND, DocumentFrequency, read_document_frequency

if TYPE_CHECKING:
    import datasets

__all__ = ["DATASET_VARIABLE", "DEFAULT_FOLDER", "DatasetFolder", "ImageStore", "LoadConfig", "load", "open_dataset"]

DEFAULT_FOLDER = "sarlang-1m"
DATASET_VARIABLE = "SARLANG_DATASET"

LoadConfig = Literal[Config, "vqa_flat", "captions_flat"]
_FLAT: Mapping[str, Config] = {"vqa_flat": "vqa_questions", "captions_flat": "cap"}
"""Where the texts of the configs with a row per text are stored."""

_CAPTION_COLUMNS = ("image_id", "source", "scene", "place", "captions")
_ROW = "image_row"


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

    def has(self, config: Config, split: Split) -> bool:
        """Whether there is such a config with such a split."""
        return bool(select_shards(self.manifest.shards, config, split))

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

    def captions(self, split: Split, columns: Sequence[str] | None = None) -> pa.Table:
        """The captions of a split: a row per image of config `cap`, without pixels.

        Args:
            split: which split.
            columns: some of image_id, source, scene, place, captions (list of caption_id, text, kind, origin) and image_row
                (0-based row of the `cap` split, as `images(split, "cap")` counts); None for all.

        Raises:
            DatasetNotFoundError: the dataset has no captions in this split.
        """
        wanted = [*_CAPTION_COLUMNS, _ROW] if columns is None else list(columns)
        stored = [name for name in wanted if name != _ROW] or ["image_id"]
        table = pa.concat_tables([pq.read_table(path, columns=stored) for path in self.files("cap", split)])
        return table.append_column(_ROW, pa.array(range(len(table)), pa.int64())).select(wanted).replace_schema_metadata(None)

    def document_frequency(self, kind: CaptionKind) -> DocumentFrequency:
        """The frozen document frequencies of the test captions of a kind.

        Raises:
            DatasetNotFoundError: the dataset has no such test captions.
            DatasetCorruptError: the file is missing, damaged, or not the one that the manifest lists.
        """
        name = FILE_OF_KIND[kind]
        listed = next((file for file in self.manifest.files if file.file == name), None)
        if listed is None:
            remedy = "build the dataset with --captions template, or from the released files"
            raise DatasetNotFoundError(f"has no {kind} test captions", place=self.path, remedy=remedy)
        path = self.path / name
        if path.is_file() and (found := sha256_of(path)) != listed.sha256:
            problem = f"was altered: its SHA-256 is {found[:12]}..., the manifest says {listed.sha256[:12]}..."
            raise DatasetCorruptError(problem, place=path, remedy="build the dataset again, or fetch it from where it came from")
        return read_document_frequency(path)

    def places(self, split: Split) -> dict[str, str]:
        """City or region of each image of a split by image id; empty text where unknown.

        Raises:
            DatasetNotFoundError: the dataset has no such split.
        """
        config: Config = "vqa" if self.has("vqa", split) or not self.has("cap", split) else "cap"
        tables = (pq.read_table(path, columns=["image_id", "place"]) for path in self.files(config, split))
        return {image: place for table in tables for image, place in zip(*table.to_pydict().values(), strict=True)}

    def image_rows(self, config: Config, split: Split) -> dict[str, int]:
        """0-based row number of each image in a config's split by image id.

        Raises:
            DatasetNotFoundError: the dataset has no such config or split.
        """
        columns = (pq.read_table(path, columns=["image_id"]).column("image_id") for path in self.files(config, split))
        return {image: row for row, image in enumerate(image for column in columns for image in column.to_pylist())}

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
            as you like, but what drops the transform of a `datasets.Dataset`, such as renaming or concatenating, leaves numbers);
            or `captions_flat`: the same with a row per caption.
        split: one split; None gives a dictionary of all.
        streaming: iterate without copying anything into the `datasets` cache.

    Raises:
        DatasetNotFoundError: no dataset, config or split of that name.
        UsageError: a config no release knows.
    """
    folder = open_dataset(source)
    stored = _stored_config(config, folder.path)
    splits = _splits(folder, stored, split)
    if config == "captions_flat":
        loaded = {name: _captions_with_images(folder, name, streaming=streaming) for name in splits}
    else:
        loaded = {name: _load_split(folder, stored, name, streaming=streaming) for name in splits}
    if config == "vqa_flat":
        loaded = {name: _with_images(folder.images(name), rows, streaming=streaming) for name, rows in loaded.items()}
    if split is not None:
        return loaded[split]
    import datasets as ds

    return ds.IterableDatasetDict(loaded) if streaming else ds.DatasetDict(loaded)


def _stored_config(config: str, place: Path) -> Config:
    for known in CONFIGS:
        if known == _FLAT.get(config, config):
            return known
    raise UsageError(f"unknown config {config!r}", place=place, remedy=f"use one of {', '.join((*CONFIGS, *_FLAT))}")


def _splits(folder: DatasetFolder, config: Config, split: Split | None) -> list[Split]:
    if split is not None:
        folder.files(config, split)
        return [split]
    present = {shard.split for shard in folder.manifest.shards if shard.config == config}
    return [name for name in SPLITS if name in present] or [shard.split for shard in folder.shards(config, "test")]


def _load_split(folder: DatasetFolder, config: Config, split: Split, *, streaming: bool) -> Any:
    import datasets as ds

    return ds.load_dataset(str(folder.path), config, split=split, streaming=streaming)


def _captions_with_images(folder: DatasetFolder, split: Split, *, streaming: bool) -> Any:
    """Rows of single captions. They come from memory, not through the cache, into which their images would go as well."""
    import datasets as ds

    rows = ds.Dataset(flat_captions(folder.captions(split)))
    return _with_images(folder.images(split, "cap"), rows.to_iterable_dataset() if streaming else rows, streaming=streaming)


def _with_images(images: ImageStore, rows: Any, *, streaming: bool) -> Any:
    """Puts the image beside each text: a stand-in column of row numbers, replaced when a row is read."""
    attach = _AttachImages(images)
    if streaming:
        return rows.map(attach.to_row)
    return rows.add_column("image", rows[_ROW][:]).with_transform(attach.to_batch)


class _AttachImages:
    """Decodes the images of text rows; picklable, so that data loaders may fork or spawn."""

    def __init__(self, images: ImageStore) -> None:
        self._images = images

    def to_row(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"image": self._images.image(row["image_row"]), **row}

    def to_batch(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        if "image" in batch:
            batch["image"] = [self._images.image(row) for row in batch["image"]]
        return batch
