"""Counting a dataset's rows again, to hold the manifest to its word."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sarlang_hf.packaging.manifest import Manifest, select_shards
from sarlang_hf.packaging.parquet import read_rows
from sarlang_hf.schema import Config, Split

_VQA = ["source", "license", "objects.list.element.category", "questions.list.element.type", "questions.list.element.origin"]
_CAP = ["captions.list.element.kind", "captions.list.element.origin"]


def recount(folder: Path, manifest: Manifest, split: Split) -> dict[str, dict[str, int]]:
    """What the manifest counts of one split, from the rows themselves; all but clipped boxes, which leave no trace there."""
    counts: dict[str, Counter[str]] = {}
    for row in read_rows(_paths(folder, manifest, "vqa", split), _VQA):
        _add(counts, "images", [row["source"]])
        _add(counts, "licenses", [f"{row['source']}: {row['license']}"])
        _add(counts, "boxes", [box["category"] for box in row["objects"]])
        _add(counts, "questions", [question["type"] for question in row["questions"]])
        _add(counts, "question_origins", [question["origin"] for question in row["questions"]])
    for row in read_rows(_paths(folder, manifest, "cap", split), _CAP):
        _add(counts, "captions", [caption["kind"] for caption in row["captions"]])
        _add(counts, "caption_origins", [caption["origin"] for caption in row["captions"]])
    return {what: dict(counter) for what, counter in counts.items()}


def _paths(folder: Path, manifest: Manifest, config: Config, split: Split) -> list[Path]:
    return [folder / shard.file for shard in select_shards(manifest.shards, config, split)]


def _add(counts: dict[str, Counter[str]], what: str, names: list[str]) -> None:
    if names:
        counts.setdefault(what, Counter()).update(names)
