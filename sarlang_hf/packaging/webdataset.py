"""The WebDataset export: the image configs as tars of samples in a fixed random order, for trainers that read forward only.

    webdataset/vqa-train-000000.tar
        000000000.png    the image file, byte for byte
        000000000.json   every other column of its row: image_id, questions or captions, boxes, metadata
        000000000.txt    one text, for readers that want just one (open_clip)
        000000001.png    ...

- Keys are numbers: image names hold dots, at which readers would split them. The name is in the JSON.
- The text is drawn among the image's captions, or is one drawn question with its answer. An image without texts is left out:
  a trainer would learn that it means nothing. The number of samples is therefore that of the images with texts.
- All images of a config have one extension, or `datasets` would see a column for each: `jpg` if all are JPEG files, else `png`.
  Readers go by the content, and nothing is encoded again.
- `datasets` takes the columns' types from the first five samples of the first tar. Samples that fill the columns which others
  leave empty (boxes, coordinates) therefore come first, in every tar that has some.

Order, choice of texts, and bytes depend on the rows and the seed alone. Read with webdataset 0.2.86, datasets 5.2 and open_clip
3.3; webdataset 1.x breaks open_clip's reader.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import pyarrow.compute as pc
import pyarrow.parquet as pq

from sarlang_hf.files import output_errors, replacing
from sarlang_hf.packaging.manifest import Shard, Tar, select_shards
from sarlang_hf.packaging.pages import image_offsets
from sarlang_hf.packaging.parquet import read_rows
from sarlang_hf.schema import SPLITS, Config, Split

FOLDER = "webdataset"
MAX_BYTES = 10**9
MAX_SAMPLES = 10_000
_TOLD_EVERY = 100

_Config = Literal["vqa", "cap"]
_CONFIGS: tuple[_Config, ...] = ("vqa", "cap")
_TEXTS: dict[Config, tuple[str, str]] = {"vqa": ("questions", "question_id"), "cap": ("captions", "caption_id")}
"""The column of texts and its id, by config."""
_SPARSE = ("objects", "lat", "lon", "gsd_m")
"""Columns that may be empty in one row and filled in another; a config need not have all of them."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """Where the parts of a sample lie: the image in a shard, JSON and text one after the other in the spool file."""

    order: bytes
    shard: int
    image: tuple[int, int]
    spool: tuple[int, int, int]
    filled: tuple[bool, ...]

    @property
    def tar_bytes(self) -> int:
        return sum(512 + -(-size // 512) * 512 for size in (self.image[1], *self.spool[1:]))


def write_tars(
    out: Path,
    shards: Sequence[Shard],
    *,
    seed: int,
    max_bytes: int = MAX_BYTES,
    max_samples: int = MAX_SAMPLES,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Tar, ...]:
    """Writes the tars of a dataset folder whose shards are in place.

    Memory holds a few numbers per image and one image; texts go through an unnamed temporary file in `out`.

    Args:
        out: the dataset folder.
        shards: its shards; those of the configs vqa and cap are exported.
        seed: decides order and choice of texts.
        max_bytes: size of a tar, unless a single sample is larger.
        max_samples: samples in a tar.
        progress: called with (images done, images in all) of those with texts: before the first, now and then, after the last.

    Returns:
        What was written, in name order.

    Raises:
        DatasetCorruptError: a shard is not one of ours.
        OutputError: the folder cannot be written, or the disk is full.
    """
    written: list[Tar] = []
    tell = _Telling(sum(_images_with_texts(out / shard.file, shard.config) for shard in shards), progress)
    for config in _CONFIGS:
        files = {split: [out / shard.file for shard in select_shards(shards, config, split)] for split in SPLITS}
        extension = _extension(path for paths in files.values() for path in paths)
        for split in SPLITS:
            with output_errors(out), tempfile.TemporaryFile(dir=out) as spool:
                samples = sorted(_samples(files[split], config, seed, spool), key=lambda sample: sample.order)
                done = 0
                for number, part in enumerate(_parts(_leaders_first(samples), max_bytes, max_samples)):
                    path = out / FOLDER / f"{config}-{split}-{number:06}.tar"
                    members = _members(tell.each(_leaders_first(part)), done, extension, files[split], spool)
                    written.append(_write(path, members, config, split, len(part)))
                    done += len(part)
    return tuple(sorted(written, key=lambda tar: tar.file))


class _Telling:
    """Tells how many samples are written."""

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        self._done, self._total, self._progress = 0, total, progress
        self._tell()

    def each(self, samples: Iterable[_Sample]) -> Iterator[_Sample]:
        """The samples; one is written when the next is asked for."""
        for sample in samples:
            yield sample
            self._done += 1
            if self._done % _TOLD_EVERY == 0 or self._done == self._total:
                self._tell()

    def _tell(self) -> None:
        if self._progress and self._total:
            self._progress(self._done, self._total)


def _images_with_texts(path: Path, config: Config) -> int:
    """How many rows of a shard have texts; none if its config is not exported."""
    if config not in _TEXTS:
        return 0
    texts, text_id = _TEXTS[config]
    batches = pq.ParquetFile(path).iter_batches(columns=[f"{texts}.list.element.{text_id}"], batch_size=1000)
    return sum(pc.sum(pc.greater(pc.list_value_length(batch.column(texts)), 0)).as_py() for batch in batches)


def _extension(files: Iterable[Path]) -> str:
    names = (row["image"]["path"].lower() for row in read_rows(files, ["image.path"]))
    return "jpg" if all(name.endswith((".jpg", ".jpeg")) for name in names) else "png"


def _samples(files: Sequence[Path], config: _Config, seed: int, spool: IO[bytes]) -> Iterator[_Sample]:
    """Writes JSON and text of every image that has texts to `spool`, and says where."""
    at = 0
    for shard, path in enumerate(files):
        columns = [name for name in pq.read_schema(path).names if name != "image"]
        for row, (offset, size) in zip(read_rows([path], columns), image_offsets(path).tolist(), strict=True):
            if text := _text(row, config, seed):
                data = json.dumps(row, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
                spool.write(data + text)
                filled = tuple(row.get(name) not in (None, []) for name in _SPARSE)
                order = _draw(seed, row["image_id"]) + row["image_id"].encode()
                yield _Sample(order, shard, (offset, size), (at, len(data), len(text)), filled)
                at += len(data) + len(text)
    spool.flush()


def _text(row: Mapping[str, Any], config: _Config, seed: int) -> bytes:
    """One text of an image, each equally likely; empty if it has none."""
    if config == "cap":
        texts = {caption["caption_id"]: caption["text"] for caption in row["captions"]}
    else:
        texts = {question["question_id"]: f"{question['question']} {question['answer']}" for question in row["questions"]}
    return str(texts[min(texts, key=lambda text_id: _draw(seed, text_id))]).encode() if texts else b""


def _draw(seed: int, name: str) -> bytes:
    """16 bytes that look random, always the same for a seed and a name."""
    return hashlib.blake2b(f"{seed}\x1f{name}".encode(), digest_size=16).digest()


def _leaders_first(samples: Sequence[_Sample]) -> list[_Sample]:
    """The samples in order, but first those that fill a column which none before them fills: four at most."""
    leaders: list[int] = []
    for column in range(len(_SPARSE)):
        if not any(samples[index].filled[column] for index in leaders):
            leaders += [index for index, sample in enumerate(samples) if sample.filled[column]][:1]
    return [samples[index] for index in leaders] + [sample for at, sample in enumerate(samples) if at not in leaders]


def _parts(samples: Iterable[_Sample], max_bytes: int, max_samples: int) -> Iterator[list[_Sample]]:
    """Cuts the samples into tars."""
    part: list[_Sample] = []
    size = 0
    for sample in samples:
        if part and (len(part) == max_samples or _padded(size + sample.tar_bytes + 1024) > max_bytes):
            yield part
            part, size = [], 0
        part.append(sample)
        size += sample.tar_bytes
    if part:
        yield part


def _members(
    samples: Iterable[_Sample], first: int, extension: str, files: Sequence[Path], spool: IO[bytes]
) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a tar's files; keys count from `first`."""
    for key, sample in enumerate(samples, first):
        at, size, text = sample.spool
        data = os.pread(spool.fileno(), size + text, at)
        yield f"{key:09}.{extension}", _image(files[sample.shard], *sample.image)
        yield f"{key:09}.json", data[:size]
        yield f"{key:09}.txt", data[size:]


def _write(path: Path, members: Iterable[tuple[str, bytes]], config: _Config, split: Split, samples: int) -> Tar:
    digest, size = hashlib.sha256(), 0
    with replacing(path) as temporary, temporary.open("wb") as file:
        for block in _tar_blocks(members):
            file.write(block)
            digest.update(block)
            size += len(block)
    return Tar(f"{FOLDER}/{path.name}", config, split, samples, size, digest.hexdigest())


def _tar_blocks(members: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """A POSIX ustar archive: mode 0644, owner and time 0."""
    size = 0
    for name, data in members:
        head = tarfile.TarInfo(name)
        head.size = len(data)
        yield head.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")
        yield data
        yield bytes(-len(data) % 512)
        size += 512 + len(data) + -len(data) % 512
    yield bytes(_padded(size + 1024) - size)


def _padded(size: int) -> int:
    return -(-size // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


def _image(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb", buffering=0) as file:  # opened for each image: a build may have more shards than files may be open
        return os.pread(file.fileno(), size, offset)
