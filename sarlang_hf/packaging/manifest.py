"""`manifest.json`: what was built from what. Written last, so that its presence proves a complete dataset folder.

{"format_version": "1.0", "generator": "sarlang-hf 0.1.0", "dataset_kind": "simulated",
"inputs":     [{"source": "sardet100k", "file": "Annotations/train.json", "bytes": 52143, "sha256": "..."}],
"parameters": {"seed": 0, "density": 9.3, "keep_ambiguous": false, "on_error": "fail", "limit": null,
"rows_per_shard": 1000, "class_map": {}, ...},
"question_plan": {...},
"counts":     {"images": {"train": 40, "test": 20}, "boxes": {...}, "questions": {"train": {"region_referring": 91}}, ...},
"drops":      {"ambiguous_region": 3},          questions the boxes could not answer, by reason
"rejects":    {"undecodable": 1},               images left out, by reason; rejects.jsonl names them
"shards":     [{"file": "data/vqa-train-00000-of-00001.parquet", "config": "vqa", "split": "train",
"rows": 40, "bytes": 812345, "sha256": "..."}],
"files":      [{"file": "README.md", "bytes": 5120, "sha256": "..."}]}
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sarlang_hf.errors import DatasetCorruptError, DatasetFormatError, DatasetNotFoundError
from sarlang_hf.files import write_atomically
from sarlang_hf.schema import FORMAT_VERSION, Config, DatasetKind, Split

MANIFEST = "manifest.json"
COUNTS = (
    "images",
    "questions",
    "captions",
    "boxes",
    "clipped_boxes",
    "question_origins",
    "caption_origins",
    "licenses",
)
"""What the manifest counts per split, in the order in which people are shown it."""
WORK = ".build"
"""Working folder of an unfinished build, inside the dataset folder."""


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
class Manifest:
    """Content of `manifest.json`; see the module docstring for the layout."""

    dataset_kind: DatasetKind
    generator: str
    inputs: tuple[Input, ...]
    parameters: dict[str, Any]
    question_plan: dict[str, Any]
    counts: dict[str, Any]
    drops: dict[str, int]
    rejects: dict[str, int]
    shards: tuple[Shard, ...]
    files: tuple[OtherFile, ...]
    format_version: str = FORMAT_VERSION

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


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
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _not_found(folder) from error
    try:
        content = json.loads(text)
        version = str(content["format_version"])
    except (ValueError, TypeError, KeyError) as error:
        raise _corrupt(path, "is not a manifest of a sarlang dataset") from error
    if version.split(".", maxsplit=1)[0] != FORMAT_VERSION.split(".")[0]:
        raise DatasetFormatError(
            f"format version {version} cannot be read by this release, which knows {FORMAT_VERSION}",
            place=path,
            remedy="install the sarlang-hf release that wrote it, or build the dataset again",
        )
    try:
        content["shards"] = tuple(Shard(**shard) for shard in content["shards"])
        content["files"] = tuple(OtherFile(**file) for file in content["files"])
        content["inputs"] = tuple(Input(**file) for file in content["inputs"])
        return Manifest(**content)
    except (TypeError, KeyError) as error:
        raise _corrupt(path, f"lacks a field or has a foreign one ({error})") from error


def _not_found(folder: Path) -> DatasetNotFoundError:
    if (folder / WORK).is_dir():
        remedy = "run the same `sarlang build` again; it continues where it stopped"
        return DatasetNotFoundError("the build of this dataset is not finished", place=folder, remedy=remedy)
    remedy = "build one with `sarlang build`, or name its folder (option --dataset or variable SARLANG_DATASET)"
    problem = "no dataset here" if folder.exists() else "there is no such folder"
    return DatasetNotFoundError(problem, place=folder, remedy=remedy)


def _corrupt(path: Path, problem: str) -> DatasetCorruptError:
    return DatasetCorruptError(problem, place=path, remedy="build the dataset again or fetch an intact copy")
