"""Counting a dataset's rows again, to hold the manifest to its word."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from sarlang_hf.packaging.manifest import Manifest, select_shards
from sarlang_hf.packaging.parquet import read_rows
from sarlang_hf.schema import Config, Split
from sarlang_hf.texts.infer import is_matched

_QUESTION = [f"questions.list.element.{name}" for name in ("question", "answer", "type", "origin")]
_VQA = ["source", "license", "preprocessing", "gsd_m", "objects.list.element.category", *_QUESTION]
_CAP = ["captions.list.element.kind", "captions.list.element.origin"]


def recount(folder: Path, manifest: Manifest, split: Split) -> dict[str, dict[str, int]]:
    """What the manifest counts of one split, from the rows themselves; all but clipped boxes, which leave no trace there."""
    counts: dict[str, Counter[str]] = {}
    for row in read_rows(_paths(folder, manifest, "vqa", split), _VQA):
        _add(counts, "images", [row["source"]])
        _add(counts, "licenses", [f"{row['source']}: {row['license']}"])
        found = _band_origin(row["preprocessing"])
        _add(counts, "band_origins", [f"{row['source']}: {origin}" for origin in found])
        _add(counts, "without_georeference", [row["source"] for _ in found if row["gsd_m"] is None])
        _add(counts, "boxes", [box["category"] for box in row["objects"]])
        _add(counts, "questions", [question["type"] for question in row["questions"]])
        _add(counts, "question_origins", [question["origin"] for question in row["questions"]])
        released = [question for question in row["questions"] if question["origin"] == "released"]
        matched = (is_matched(question["question"], question["answer"]) for question in released)
        _add(counts, "inferred_types", ["matched" if match else "fallback" for match in matched])
    for row in read_rows(_paths(folder, manifest, "cap", split), _CAP):
        _add(counts, "captions", [caption["kind"] for caption in row["captions"]])
        _add(counts, "caption_origins", [caption["origin"] for caption in row["captions"]])
    return {what: dict(counter) for what, counter in counts.items()}


def _band_origin(preprocessing: str) -> list[str]:
    """How the band of a preprocessed image was found; nothing for one that was passed on."""
    try:
        origin = json.loads(preprocessing).get("band_origin")
    except (ValueError, AttributeError):
        return ["unreadable"]  # no build writes this, so the counts will differ
    return [origin] if origin else []


def _paths(folder: Path, manifest: Manifest, config: Config, split: Split) -> list[Path]:
    return [folder / shard.file for shard in select_shards(manifest.shards, config, split)]


def _add(counts: dict[str, Counter[str]], what: str, names: list[str]) -> None:
    if names:
        counts.setdefault(what, Counter()).update(names)
