"""`sarlang info`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from sarlang_hf.data import DatasetFolder, open_dataset
from sarlang_hf.packaging.manifest import COUNTS
from sarlang_hf.schema import SPLITS

EXAMPLE = """\b
Examples:
  sarlang info sarlang-1m
  sarlang info sarlang-1m sardet100k/0000031
"""


@click.command(epilog=EXAMPLE)
@click.argument("dataset", type=click.Path(path_type=Path))
@click.argument("image_id", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def info(dataset: Path, image_id: str | None, as_json: bool) -> None:
    """Counts of a dataset folder, or one image with its boxes and questions."""
    folder = open_dataset(dataset)
    if image_id is not None:
        row = folder.image_row(image_id)
        click.echo(json.dumps(row)) if as_json else _print_image(row)
    elif as_json:
        click.echo(json.dumps({"dataset_kind": folder.kind, "sha256": folder.sha256, "counts": folder.manifest.counts}))
    else:
        _print_counts(folder)


def _print_counts(folder: DatasetFolder) -> None:
    console = Console()
    console.print(f"{folder.path}: {folder.kind}, manifest {folder.sha256[:12]}", highlight=False)
    table = Table("", *SPLITS, box=box.SIMPLE_HEAD, pad_edge=False)
    known = [what for what in COUNTS if what in folder.manifest.counts]
    for what in dict.fromkeys([*known, *folder.manifest.counts]):
        splits = folder.manifest.counts[what]
        table.add_row(f"[bold]{what.replace('_', ' ')}")
        for name in sorted({name for counts in splits.values() for name in counts}):
            table.add_row(f"  {name}", *(f"{splits.get(split, {}).get(name, 0):,}" for split in SPLITS))
    console.print(table)
    left_out = folder.manifest
    for what, counts in (
        ("questions not asked", left_out.drops),
        ("incomplete images left out", left_out.screened),
        ("unusable images left out", left_out.rejects),
    ):
        if counts:
            console.print(f"{what}: " + ", ".join(f"{number:,} {reason}" for reason, number in counts.items()), highlight=False)


def _print_image(row: Mapping[str, Any]) -> None:
    console = Console()
    console.print(f"{row['image_id']}  {row['width']}x{row['height']}  {row['file_name']}  {row['license']}", highlight=False)
    boxes = Table("category", "x", "y", "width", "height", box=box.SIMPLE_HEAD, pad_edge=False)
    for item in row["objects"]:
        boxes.add_row(item["category"], *(f"{value:.1f}" for value in item["bbox"]))
    questions = Table("question", "answer", "template", box=box.SIMPLE_HEAD, pad_edge=False)
    for question in row["questions"]:
        questions.add_row(question["question"], question["answer"], question["template"])
    console.print(boxes, questions)
