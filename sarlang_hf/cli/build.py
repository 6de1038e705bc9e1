"""`sarlang build`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sarlang_hf.cli.progress import Report, progress_bars
from sarlang_hf.cli.source_options import source_folders, source_options
from sarlang_hf.errors import UsageError
from sarlang_hf.packaging.build_log import log_path
from sarlang_hf.packaging.engine import BuildOptions
from sarlang_hf.packaging.engine import build as build_dataset
from sarlang_hf.packaging.manifest import Manifest

if TYPE_CHECKING:
    from sarlang_hf.sources import Source

EXAMPLE = """\b
Examples:
  sarlang build sarlang-1m --sardet SARDet_100K --spacenet6 SN6 --workers 8
  sarlang build pairs --paired S1S2 --input-scale paired=db --pol-order VV,VH --with-raw --with-rgb
  sarlang build ssdd --coco SSDD --class-map vessel=ship,buoy= --captions template
  sarlang build sarlang-1m --sardet SARDet_100K --shard 3/16      (on each of 16 nodes, then once with --finish)
"""

_DEFAULTS = BuildOptions()


@click.command(epilog=EXAMPLE)
@click.argument("out", type=click.Path(path_type=Path))
@source_options
@click.option(
    "--stretch",
    default=_DEFAULTS.stretch,
    show_default=True,
    metavar="KIND[:LOW,HIGH]",
    help="Contrast: percentile (per tile), dataset (per source) or fixed_db:LOW,HIGH.",
)
@click.option(
    "--max-nodata",
    type=click.FloatRange(0, 1),
    default=_DEFAULTS.max_nodata,
    show_default=True,
    help="Leave out tiles with a larger share of nodata.",
)
@click.option("--with-raw", is_flag=True, help="Add the config raw: the chosen band in 8 bits, without filter and log.")
@click.option("--with-rgb", is_flag=True, help="Add the config rgb: the optical twins.")
@click.option("--webdataset", is_flag=True, help="Add WebDataset tars of the image configs.")
@click.option("--seed", default=_DEFAULTS.seed, show_default=True, help="Of splits, choices and texts.")
@click.option("--density", default=_DEFAULTS.density, show_default=True, help="Questions per image to aim at.")
@click.option("--keep-ambiguous", is_flag=True, help="Ask region questions even where a box holds a second class.")
@click.option(
    "--captions",
    type=click.Choice(["none", "template"]),
    default=_DEFAULTS.captions,
    show_default=True,
    help="Captions to write: template adds a concise one, from its boxes, to each image that has none.",
)
@click.option(
    "--on-error",
    type=click.Choice(["fail", "skip"]),
    default=_DEFAULTS.on_error,
    show_default=True,
    help="What an unusable image does; skipped ones are listed in rejects.jsonl.",
)
@click.option("--limit", type=click.IntRange(min=1), help="At most N images per source and split, chosen by hash.")
@click.option(
    "--rows-per-shard",
    type=click.IntRange(min=1),
    default=_DEFAULTS.rows_per_shard,
    show_default=True,
    help="Images per Parquet file.",
)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that build shards.")
@click.option("--shard", "share", metavar="I/N", help="Build only share I of N, counted from 1; any node, any order.")
@click.option("--finish", is_flag=True, help="Join the shares into the finished folder.")
@click.option("--log", type=click.Path(path_type=Path), help="Log file; default: OUT.log beside the folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest's counts as JSON.")
def build(out: Path, *, workers: int, share: str | None, finish: bool, log: Path | None, as_json: bool, **options: Any) -> None:
    """Builds the dataset folder OUT from SAR images with boxes, SAR rasters with optical twins, or the released files.

    Each folder may also be given as the .zip or .tar.gz of it. Killed at any moment and run again, the command continues; the
    result is the same, byte for byte.
    """
    part = _share(share)
    with progress_bars() as report:
        manifest = build_dataset(
            out,
            _opened(options, report),
            workers=workers,
            share=part,
            finish_only=finish,
            log=log or log_path(out, part),
            progress=report,
            notice=report.notice,
            **options,
        )
    if manifest is None:
        click.echo(json.dumps({"share": share}) if as_json else f"{out}: share {share} is done; --finish joins all shares")
    else:
        click.echo(json.dumps(_summary(manifest)) if as_json else _sentence(out, manifest))


def _opened(options: dict[str, Any], report: Report) -> list[Source]:
    """The sources of the options, which are taken out of `options`."""
    from sarlang_hf.sources import Coco
    from sarlang_hf.sources.opening import open_sources

    folders = source_folders(options)
    sources = open_sources(folders, progress=report)
    sets = [source for source in sources if isinstance(source, Coco)] if folders.class_map else []
    known = {name for source in sets for name in source.class_names()}
    if unknown := sorted(set(folders.class_map) - known):  # a typo, which would silently map nothing
        remedy = f"the classes are {', '.join(sorted(known))}" if known else "leave it out, or give --coco DIR"
        raise UsageError(f"no COCO set given has a class {unknown[0]!r}", place="--class-map", remedy=remedy)
    return sources


def _share(text: str | None) -> tuple[int, int] | None:
    """(3, 16) from '3/16'."""
    if text is None:
        return None
    index, slash, total = text.partition("/")
    if not (slash and index.isdecimal() and total.isdecimal() and 1 <= int(index) <= int(total)):
        raise UsageError(f"{text!r} is not I/N with I from 1 to N", place="--shard", remedy="write e.g. --shard 3/16")
    return int(index), int(total)


def _summary(manifest: Manifest) -> dict[str, object]:
    return {
        "dataset_kind": manifest.dataset_kind,
        "counts": manifest.counts,
        "drops": manifest.drops,
        "rejects": manifest.rejects,
        "screened": manifest.screened,
    }


def _sentence(out: Path, manifest: Manifest) -> str:
    images = sum(sum(counts.values()) for counts in manifest.counts["images"].values())
    questions = sum(sum(counts.values()) for counts in manifest.counts.get("questions", {}).values())
    captions = sum(sum(counts.values()) for counts in manifest.counts.get("captions", {}).values())
    texts = f"{questions:,} questions, {captions:,} captions" if captions else f"{questions:,} questions"
    left_out = f", {sum(manifest.rejects.values()):,} left out and staying out (rejects.jsonl)" if manifest.rejects else ""
    screened = f", {sum(manifest.screened.values()):,} left out as incomplete" if manifest.screened else ""
    return f"{out}: {images:,} images, {texts}, {manifest.dataset_kind}{screened}{left_out}"
