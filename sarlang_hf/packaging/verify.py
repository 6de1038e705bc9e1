"""`sarlang verify`: does a dataset folder hold exactly what its manifest says, and do its parts fit together?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sarlang_hf.errors import DatasetCorruptError
from sarlang_hf.files import sha256_of
from sarlang_hf.packaging.frequencies import check_frequencies
from sarlang_hf.packaging.manifest import COUNTS, MANIFEST, SIDE_FILES, Manifest, Shard, read_manifest, select_shards
from sarlang_hf.packaging.parquet import arrow_schema, read_rows
from sarlang_hf.packaging.recount import recount
from sarlang_hf.schema import SPLITS, Config, Split

_OTHER_IMAGES: tuple[Config, ...] = ("cap", "raw", "rgb")
_REMEDY = "build the dataset again, or fetch this file from where the dataset came from"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a successful verification has looked at."""

    files: int
    bytes: int
    images: int
    questions: int


def verify(path: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Verified:
    """Checks a dataset folder: checksums, columns, rows, order, counts, and that questions and images belong together.

    The document frequencies of captions are counted again.

    Args:
        path: the dataset folder.
        progress: called with (bytes checked, bytes in all).

    Raises:
        DatasetCorruptError: a file is missing, altered, foreign, or contradicts another.
        DatasetNotFoundError: the folder holds no finished dataset.
        DatasetFormatError: the folder is of another major version.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    _check_checksums(folder, manifest, progress or (lambda _done, _total: None))
    _check_strays(folder, manifest)
    _check_manifest(folder, manifest)
    for shard in manifest.shards:
        _check_columns(folder, shard)
    images = questions = 0
    for split in SPLITS:
        images += _check_order(folder, manifest, split)
        questions += _check_joins(folder, manifest, split)
        for config in _OTHER_IMAGES:
            _check_subset(folder, manifest, config, split)
        _check_counts(folder, manifest, split)
    check_frequencies(folder, manifest)
    every = manifest.all_files()
    return Verified(len(every), sum(file.bytes for file in every), images, questions)


def _check_checksums(folder: Path, manifest: Manifest, progress: Callable[[int, int], None]) -> None:
    every = manifest.all_files()
    total, done = sum(file.bytes for file in every), 0
    for file in every:
        path = folder / file.file
        if not path.is_file():
            raise DatasetCorruptError("file is missing", place=path, remedy=_REMEDY)
        if path.stat().st_size != file.bytes:
            problem = f"has {path.stat().st_size} bytes, the manifest says {file.bytes}"
            raise DatasetCorruptError(problem, place=path, remedy=_REMEDY)
        if (found := sha256_of(path)) != file.sha256:
            problem = f"was altered: its SHA-256 is {found[:12]}..., the manifest says {file.sha256[:12]}..."
            raise DatasetCorruptError(problem, place=path, remedy=_REMEDY)
        done += file.bytes
        progress(done, total)


def _check_manifest(folder: Path, manifest: Manifest) -> None:
    """The manifest lists what a dataset cannot lack, and agrees with the side files about its kind and its rejects."""
    place = folder / MANIFEST
    if not any(shard.config == "vqa" for shard in manifest.shards):
        raise DatasetCorruptError("lists no shard of config vqa", place=place, remedy=_REMEDY)
    missing = sorted(set(SIDE_FILES) - {file.file for file in manifest.files})
    if missing:
        raise DatasetCorruptError(f"does not list {', '.join(missing)}", place=place, remedy=_REMEDY)
    if f"sarlang-{manifest.dataset_kind}\n" not in (folder / "README.md").read_text():
        raise DatasetCorruptError(f"says {manifest.dataset_kind!r}, the card does not", place=place, remedy=_REMEDY)
    listed = [json.loads(line) for line in (folder / "rejects.jsonl").read_text().splitlines()]
    reasons = Counter((reject["reason"], reject["screened"]) for reject in listed)
    said = {(reason, flag): n for flag, by in ((False, manifest.rejects), (True, manifest.screened)) for reason, n in by.items()}
    if reasons != Counter(said):
        raise DatasetCorruptError("counts other rejects than rejects.jsonl lists", place=place, remedy=_REMEDY)


def _check_strays(folder: Path, manifest: Manifest) -> None:
    """A Parquet file the manifest does not know would be loaded all the same, since the card names files by pattern."""
    known = {folder / file.file for file in manifest.all_files()}
    for path in sorted([*(folder / "data").glob("*.parquet"), *(folder / "webdataset").glob("*.tar")]):
        if path not in known:
            raise DatasetCorruptError("file is not in the manifest", place=path, remedy="remove it: readers would load it")


def _check_columns(folder: Path, shard: Shard) -> None:
    path = folder / shard.file
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise DatasetCorruptError(f"is not a Parquet file ({error})", place=path, remedy=_REMEDY) from error
    if not file.schema_arrow.equals(arrow_schema(shard.config)):
        raise DatasetCorruptError(f"does not have the columns of config {shard.config}", place=path, remedy=_REMEDY)
    if file.metadata.num_rows != shard.rows:
        problem = f"has {file.metadata.num_rows} rows, the manifest says {shard.rows}"
        raise DatasetCorruptError(problem, place=path, remedy=_REMEDY)


def _check_order(folder: Path, manifest: Manifest, split: Split) -> int:
    """Image rows are sorted by id across shards, which also makes the ids unique. Returns the number of images."""
    images, last = 0, ""
    for image_id, place in _image_ids(folder, manifest, "vqa", split):
        if image_id <= last:
            raise DatasetCorruptError(f"row {images} ({image_id}) is out of order", place=place, remedy=_REMEDY)
        last, images = image_id, images + 1
    return images


def _check_subset(folder: Path, manifest: Manifest, config: Config, split: Split) -> None:
    """The images of the other configs are images of `vqa`, in the same order and once each."""
    images = _image_ids(folder, manifest, "vqa", split)
    for image_id, place in _image_ids(folder, manifest, config, split):
        if not any(image_id == known for known, _ in images):  # consumes the iterator up to the match
            problem = f"image {image_id} of config {config} is not where config vqa has it"
            raise DatasetCorruptError(problem, place=place, remedy=_REMEDY)


def _image_ids(folder: Path, manifest: Manifest, config: Config, split: Split) -> Iterator[tuple[str, Path]]:
    for shard in select_shards(manifest.shards, config, split):
        path = folder / shard.file
        for row in read_rows([path], ["image_id"]):
            yield row["image_id"], path


def _check_joins(folder: Path, manifest: Manifest, split: Split) -> int:
    """Compares the questions inside the image rows with the question rows, one by one and in order."""
    questions = 0
    listed = _question_rows(folder, manifest, split)
    for image_row, (image_id, question_ids, place) in enumerate(_embedded_questions(folder, manifest, split)):
        for question_id in question_ids:
            if next(listed, None) != (question_id, image_id, image_row):
                problem = f"question {question_id} of row {image_row} ({image_id}) is not where vqa_questions should have it"
                raise DatasetCorruptError(problem, place=place, remedy=_REMEDY)
            questions += 1
    if (extra := next(listed, None)) is not None:
        place = folder / "data"
        raise DatasetCorruptError(f"question {extra[0]} belongs to no image of split {split}", place=place, remedy=_REMEDY)
    _check_unique(folder, manifest, split)
    return questions


def _check_counts(folder: Path, manifest: Manifest, split: Split) -> None:
    counted = recount(folder, manifest, split)
    for what in COUNTS:
        said = manifest.counts.get(what, {}).get(split, {})
        if what != "clipped_boxes" and said != counted.get(what, {}):
            problem = f"counts of {what.replace('_', ' ')} in {split} are {said}, the rows have {counted.get(what, {})}"
            raise DatasetCorruptError(problem, place=folder / MANIFEST, remedy=_REMEDY)


def _embedded_questions(folder: Path, manifest: Manifest, split: Split) -> Iterator[tuple[str, list[str], Path]]:
    columns = ["image_id", "questions.list.element.question_id"]
    for shard in select_shards(manifest.shards, "vqa", split):
        path = folder / shard.file
        for row in read_rows([path], columns):
            yield row["image_id"], [question["question_id"] for question in row["questions"]], path


def _question_rows(folder: Path, manifest: Manifest, split: Split) -> Iterator[tuple[str, str, int]]:
    paths = [folder / shard.file for shard in select_shards(manifest.shards, "vqa_questions", split)]
    for row in read_rows(paths, ["question_id", "image_id", "image_row"]):
        yield row["question_id"], row["image_id"], row["image_row"]


def _check_unique(folder: Path, manifest: Manifest, split: Split) -> None:
    for shard in select_shards(manifest.shards, "vqa_questions", split):
        path = folder / shard.file
        ids = pq.read_table(path, columns=["question_id"]).column("question_id")
        if pc.count_distinct(ids).as_py() != len(ids):
            raise DatasetCorruptError("a question id occurs twice", place=path, remedy=_REMEDY)
