"""`sarlang build`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from sarlang_hf.cli.progress import progress_bars
from sarlang_hf.errors import UsageError
from sarlang_hf.packaging.engine import BuildOptions
from sarlang_hf.packaging.engine import build as build_dataset
from sarlang_hf.packaging.manifest import Manifest
from sarlang_hf.sources import Coco, SARDet100K, Source, source_class

EXAMPLE = """\b
Examples:
  sarlang build sarlang-1m --sardet SARDet_100K --workers 8
  sarlang build ssdd --coco SSDD --class-map vessel=ship,buoy=
"""

_DEFAULTS = BuildOptions()


@click.command(epilog=EXAMPLE)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--sardet", type=click.Path(path_type=Path), help="SARDet-100K: Annotations/ and JPEGImages/.")
@click.option("--coco", "cocos", multiple=True, metavar="[NAME=]DIR", help="A COCO detection set; name a second one.")
@click.option("--source", "others", multiple=True, metavar="NAME=DIR", help="A source that an installed package registers.")
@click.option("--class-map", default="", metavar="NAME=CATEGORY,...", help="Categories of --coco classes; 'name=' drops one.")
@click.option("--seed", default=_DEFAULTS.seed, show_default=True, help="Of splits, choices and texts.")
@click.option("--density", default=_DEFAULTS.density, show_default=True, help="Questions per image to aim at.")
@click.option("--keep-ambiguous", is_flag=True, help="Ask region questions even where a box holds a second class.")
@click.option("--on-error", type=click.Choice(["fail", "skip"]), default=_DEFAULTS.on_error, show_default=True,
              help="What an unusable image does; skipped ones are listed in rejects.jsonl.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="At most N images per source and split, chosen by hash.")
@click.option("--rows-per-shard", type=click.IntRange(min=1), default=_DEFAULTS.rows_per_shard, show_default=True,
              help="Images per Parquet file.")  # fmt: skip
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that build shards.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest's counts as JSON.")
def build(
    out: Path,
    sardet: Path | None,
    cocos: tuple[str, ...],
    others: tuple[str, ...],
    class_map: str,
    seed: int,
    density: float,
    keep_ambiguous: bool,
    on_error: Literal["fail", "skip"],
    limit: int | None,
    rows_per_shard: int,
    workers: int,
    as_json: bool,
) -> None:
    """Builds the dataset folder OUT from SAR images with boxes.

    Killed at any moment and run again, the command continues; the result is the same, byte for byte.
    """
    categories = parse_class_map(class_map)
    sources: list[Source] = [SARDet100K(sardet)] if sardet else []
    sources += [_coco(value, categories) for value in cocos] + [_registered(value) for value in others]
    if not sources:
        raise UsageError("no source given", place="sarlang build", remedy="give --sardet DIR, --coco DIR or --source NAME=DIR")
    _require_known_classes(categories, sources)
    with progress_bars() as report:
        manifest = build_dataset(
            out,
            sources,
            workers=workers,
            progress=report,
            seed=seed,
            density=density,
            keep_ambiguous=keep_ambiguous,
            on_error=on_error,
            limit=limit,
            rows_per_shard=rows_per_shard,
        )
    click.echo(json.dumps(_summary(manifest)) if as_json else _sentence(out, manifest))


def parse_class_map(text: str) -> dict[str, str]:
    """{'vessel': 'ship', 'buoy': ''} from 'vessel=ship,buoy='.

    Raises:
        UsageError: an entry has no `=`, or a class is mapped twice.
    """
    mapping: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, category = (part.strip() for part in entry.partition("="))
        if not (name and equals):
            raise UsageError(f"{entry!r} is not name=category", place="--class-map", remedy="write e.g. vessel=ship,buoy=")
        if name in mapping:
            raise UsageError(f"{name!r} is mapped twice", place="--class-map", remedy="map it once")
        mapping[name] = category.lower()
    return mapping


def _require_known_classes(categories: dict[str, str], sources: list[Source]) -> None:
    """A name in --class-map that no COCO set knows is a typo, and would silently map nothing."""
    known = {name for source in sources if isinstance(source, Coco) for name in source.class_names()} if categories else set()
    unknown = sorted(set(categories) - known)
    if unknown:
        remedy = f"the classes are {', '.join(sorted(known))}" if known else "leave it out, or give --coco DIR"
        raise UsageError(f"no COCO set given has a class {unknown[0]!r}", place="--class-map", remedy=remedy)


def _registered(value: str) -> Source:
    name, equals, folder = value.partition("=")
    if not (name and equals and folder):
        raise UsageError(f"{value!r} is not NAME=DIR", place="--source", remedy="write e.g. --source sardet100k=SARDet_100K")
    return source_class(name)(Path(folder))


def _coco(value: str, categories: dict[str, str]) -> Coco:
    """The source of one --coco option; what precedes the first '=' is its name, unless it is part of a path."""
    label, equals, folder = value.partition("=")
    if not equals or "/" in label:
        label, folder = "", value
    return Coco(Path(folder), label=label, class_map=categories)


def _summary(manifest: Manifest) -> dict[str, object]:
    return {
        "dataset_kind": manifest.dataset_kind,
        "counts": manifest.counts,
        "drops": manifest.drops,
        "rejects": manifest.rejects,
    }


def _sentence(out: Path, manifest: Manifest) -> str:
    images = sum(sum(counts.values()) for counts in manifest.counts["images"].values())
    questions = sum(sum(counts.values()) for counts in manifest.counts.get("questions", {}).values())
    left_out = f", {sum(manifest.rejects.values()):,} left out and staying out (rejects.jsonl)" if manifest.rejects else ""
    return f"{out}: {images:,} images, {questions:,} questions, {manifest.dataset_kind}{left_out}"
