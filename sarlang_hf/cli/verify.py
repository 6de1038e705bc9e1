"""`sarlang verify`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from sarlang_hf.cli.progress import progress_bars
from sarlang_hf.packaging.verify import verify as verify_dataset


@click.command(epilog="\b\nExample:\n  sarlang verify sarlang-1m\n")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print what was checked as JSON.")
def verify(dataset: Path, as_json: bool) -> None:
    """Checks checksums, columns, row counts and joins of a dataset folder."""
    with progress_bars() as report:
        checked = verify_dataset(dataset, progress=lambda done, total: report("checking bytes", done, total))
    if as_json:
        click.echo(json.dumps(asdict(checked)))
    else:
        counts = f"{checked.images:,} images, {checked.questions:,} questions, {checked.files} files, {checked.bytes:,} bytes"
        click.echo(f"{dataset}: intact ({counts})")
