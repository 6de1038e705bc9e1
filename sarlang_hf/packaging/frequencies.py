"""The frozen document frequencies of a dataset folder: one file for each kind of test captions it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sarlang_hf.errors import DatasetCorruptError
from sarlang_hf.packaging.manifest import MANIFEST, Manifest, Shard, select_shards
from sarlang_hf.packaging.parquet import read_rows
from sarlang_hf.schema import CAPTION_KINDS, CaptionKind
from sarlang_hf.texts.document_frequency import (
    FILE_OF_KIND,
    DocumentFrequency,
    count_document_frequency,
    read_document_frequency,
    write_document_frequency,
)

_COLUMNS = [f"captions.list.element.{name}" for name in ("kind", "text")]


def write_frequencies(out: Path, shards: Sequence[Shard]) -> tuple[str, ...]:
    """Writes the files of a folder whose shards are in place, and returns their names.

    Captions pass one by one; memory holds the n-grams of one kind.
    """
    found = ((kind, counted(out, shards, kind)) for kind in CAPTION_KINDS)
    return tuple(_write(out / FILE_OF_KIND[kind], frequency) for kind, frequency in found if frequency.documents)


def counted(out: Path, shards: Sequence[Shard], kind: CaptionKind) -> DocumentFrequency:
    """The document frequencies of a folder's test captions of one kind, each of which is a document."""
    return count_document_frequency(_test_captions(out, shards, kind))


def check_frequencies(folder: Path, manifest: Manifest) -> None:
    """Holds the files of a folder to its captions.

    Raises:
        DatasetCorruptError: a file is not in the manifest, lacks or differs from what the captions give, or has no captions.
    """
    listed = {file.file for file in manifest.files}
    for kind, name in FILE_OF_KIND.items():
        expected = counted(folder, manifest.shards, kind)
        if name not in listed:
            if expected.documents:
                raise _corrupt(folder / MANIFEST, f"does not list {name}, though there are {kind} test captions")
            if (folder / name).exists():
                raise _corrupt(folder / name, "file is not in the manifest")
        elif (difference := _difference(read_document_frequency(folder / name), expected)) is not None:
            raise _corrupt(folder / name, difference)


def _difference(found: DocumentFrequency, expected: DocumentFrequency) -> str | None:
    """The first n-gram of which a file says something else than the captions, in words."""
    if found.documents != expected.documents:
        return f"counts {found.documents} captions, the test split has {expected.documents}"
    if found.counts == expected.counts:
        return None
    ngrams = sorted(found.counts.keys() | expected.counts.keys())
    differing = next(ngram for ngram in ngrams if found.counts.get(ngram) != expected.counts.get(ngram))
    held, has = found.counts.get(differing, 0), expected.counts.get(differing, 0)
    return f"says that {held} captions hold {differing!r:.80}; {has} test captions do"


def _test_captions(out: Path, shards: Sequence[Shard], kind: CaptionKind) -> Iterator[str]:
    paths = [out / shard.file for shard in select_shards(shards, "cap", "test")]
    for row in read_rows(paths, _COLUMNS):
        yield from (caption["text"] for caption in row["captions"] if caption["kind"] == kind)


def _write(path: Path, frequency: DocumentFrequency) -> str:
    write_document_frequency(path, frequency)
    return path.name


def _corrupt(path: Path, problem: str) -> DatasetCorruptError:
    return DatasetCorruptError(problem, place=path, remedy="build the dataset again, or fetch it from where it came from")
