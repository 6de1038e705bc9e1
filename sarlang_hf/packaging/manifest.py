"""`manifest.json`: what was built from what. Written last, so that its presence proves a complete dataset folder.

    {"format_version": "1.0", "generator": "sarlang-hf 0.1.0", "dataset_kind": "simulated",
     "inputs":     [{"source": "sardet100k", "file": "Annotations/train.json", "bytes": 52143, "sha256": "..."}],
     "sources":    [{"source": "sardet100k", "terms": "SARDet-100K ...", "parameters": {}}],
     "parameters": {"seed": 0, "density": 9.3, "keep_ambiguous": false, "captions": "none", "limit": null,
                    "rows_per_shard": 1000},
     "question_plan": {...},
     "counts":     {"images": {"train": {"sardet100k": 40}}, "questions": {"train": {"region_referring": 91}}, ...},
     "limits":     {"spacenet6": [-31.4, 5.2]},      with stretch `dataset`: what black and white are, in dB
     "drops":      {"ambiguous_region": 3},          questions the boxes could not answer, by reason
     "rejects":    {"undecodable": 1},               unusable images, by reason; rejects.jsonl names them
     "screened":   {"missing_twin": 4},              sound images that are incomplete, left out as the paper did; named there too
     "shards":     [{"file": "data/vqa-train-00000-of-00001.parquet", "config": "vqa", "split": "train",
                     "rows": 40, "bytes": 812345, "sha256": "..."}],
     "webdataset": [{"file": "webdataset/vqa-train-000000.tar", "config": "vqa", "split": "train", "samples": 40,
                     "bytes": 819200, "sha256": "..."}],
     "files":      [{"file": "README.md", "bytes": 5120, "sha256": "..."}]}

A manifest may come from anywhere. It is checked when it is read; fields of a later minor version are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sarlang_hf.errors import DatasetCorruptError, DatasetFormatError, DatasetNotFoundError
from sarlang_hf.files import write_atomically
from sarlang_hf.schema import FORMAT_VERSION, Config, DatasetKind, Split

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MANIFEST = "manifest.json"
WORK = ".build"
"""Working folder of an unfinished build, inside the dataset folder."""

SIDE_FILES = ("README.md", "eval.yaml", "provenance.parquet", "rejects.jsonl")
"""What lies beside the shards and the manifest in every dataset folder; with test captions, their document frequencies too."""

COUNTS = (
    "images",
    "questions",
    "captions",
    "boxes",
    "clipped_boxes",
    "question_origins",
    "caption_origins",
    "inferred_types",
    "band_origins",
    "without_georeference",
    "licenses",
)
"""What the manifest counts per split, in the order in which people are shown it."""

Counts = dict[str, dict[str, dict[str, int]]]
"""What is counted -> split -> name -> number."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One Parquet file of the dataset."""

    file: str
    config: Config
    split: Split
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Tar:
    """One file of the WebDataset export."""

    file: str
    config: Config
    split: Split
    samples: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A file beside the shards (card, rejects, provenance)."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Input:
    """An annotation file the build read, relative to its source folder."""

    source: str
    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """A source, its terms in a sentence, and its own settings."""

    source: str
    terms: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What decides the bytes of a build."""

    generator: str
    inputs: tuple[Input, ...]
    sources: tuple[SourceSettings, ...]
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Content of `manifest.json`; see the module docstring for the layout."""

    dataset_kind: DatasetKind
    generator: str
    inputs: tuple[Input, ...]
    sources: tuple[SourceSettings, ...]
    parameters: dict[str, Any]
    question_plan: dict[str, Any]
    counts: Counts
    drops: dict[str, int]
    rejects: dict[str, int]
    shards: tuple[Shard, ...]
    files: tuple[OtherFile, ...]
    screened: dict[str, int] = field(default_factory=dict)
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    webdataset: tuple[Tar, ...] = ()
    format_version: str = FORMAT_VERSION

    def all_files(self) -> list[Shard | Tar | OtherFile]:
        """Every file of the folder but the manifest itself."""
        return [*self.shards, *self.webdataset, *self.files]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def select_shards(shards: Iterable[Shard], config: Config, split: Split) -> list[Shard]:
    """The shards of one config and split, in the given order."""
    return [shard for shard in shards if (shard.config, shard.split) == (config, split)]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    write_atomically(folder / MANIFEST, manifest.to_json().encode())


def read_manifest(folder: Path) -> Manifest:
    """Reads and checks a dataset folder's manifest.

    Raises:
        DatasetNotFoundError: there is none; the build may not be finished.
        DatasetFormatError: written by another major version of the format.
        DatasetCorruptError: not a manifest of ours.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_bytes())
        version = str(content["format_version"])
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _not_found(folder) from error
    except OSError as error:
        raise _corrupt(path, f"cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _corrupt(path, "is not a manifest of a sarlang dataset") from error
    if version.split(".", maxsplit=1)[0] != FORMAT_VERSION.split(".")[0]:
        raise DatasetFormatError(
            f"format version {version} cannot be read by this release, which knows {FORMAT_VERSION}",
            place=path,
            remedy="install the sarlang-hf release that wrote it, or build the dataset again",
        )
    return _checked(path, content)


def _checked(path: Path, content: Any) -> Manifest:
    from pydantic import ValidationError

    try:
        manifest = _adapter().validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise _corrupt(path, f"field {field!r}: {first['msg'].lower()}") from error
    for name in (file.file for file in manifest.all_files()):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise _corrupt(path, f"names a file outside the dataset folder: {name!r}")
    return manifest


@cache
def _adapter() -> TypeAdapter[Manifest]:
    from pydantic import TypeAdapter

    return TypeAdapter(Manifest)


def _not_found(folder: Path) -> DatasetNotFoundError:
    if (folder / WORK).is_dir():
        remedy = "run the same `sarlang build` again; it continues where it stopped"
        return DatasetNotFoundError("the build of this dataset is not finished", place=folder, remedy=remedy)
    remedy = "build one with `sarlang build`, or name its folder (option --dataset or variable SARLANG_DATASET)"
    problem = "no dataset here" if folder.exists() else "there is no such folder"
    return DatasetNotFoundError(problem, place=folder, remedy=remedy)


def _corrupt(path: Path, problem: str) -> DatasetCorruptError:
    return DatasetCorruptError(problem, place=path, remedy="build the dataset again or fetch an intact copy")
