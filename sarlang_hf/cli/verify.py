"""`sarlang verify`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from sarlang_hf.cli.progress import progress_bars
from sarlang_hf.errors import DatasetFormatError
from sarlang_hf.packaging.manifest import read_manifest
from sarlang_hf.packaging.official import (
    SCREENING,
    Difference,
    SourceDifference,
    difference_lines,
    mismatches,
    official_differences,
    source_differences,
    source_lines,
)
from sarlang_hf.packaging.verify import verify as verify_dataset


@click.command(epilog="\b\nExamples:\n  sarlang verify sarlang-1m\n  sarlang verify sarlang-1m --official\n")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--official", is_flag=True, help="Also compare the counts with the paper's Tables 1, 4 and 6.")
@click.option("--json", "as_json", is_flag=True, help="Print what was checked as JSON.")
def verify(dataset: Path, official: bool, as_json: bool) -> None:
    """Checks checksums, columns, row counts and joins of a dataset folder.

    With --official, Tables 1 and 6 must agree with the paper; Table 4 is shown, since its question types are inferred from the
    wording of the released texts.
    """
    with progress_bars() as report:
        checked = verify_dataset(dataset, progress=lambda done, total: report("checking bytes", done, total))
    counts, sources = _compared(dataset) if official else ([], [])
    if as_json:
        tables = {"counts": [asdict(row) for row in counts], "sources": [asdict(row) for row in sources]} if official else {}
        click.echo(json.dumps(asdict(checked) | tables))
    else:
        sizes = f"{checked.images:,} images, {checked.questions:,} questions, {checked.files} files, {checked.bytes:,} bytes"
        click.echo(f"{dataset}: intact ({sizes})")
        if official:
            _show(counts, sources)
    if wrong := mismatches(counts):
        worst = "; ".join(f"{row.what} {row.ours:,}, in the paper {row.paper:,}" for row in wrong[:3])
        raise DatasetFormatError(
            f"{len(wrong)} counts that must agree with the paper differ: {worst}",
            place=dataset,
            remedy="build from the complete released files (sarlang fetch-released; --released DIR --sardet DIR)",
        )


def _compared(dataset: Path) -> tuple[list[Difference], list[SourceDifference]]:
    manifest = read_manifest(dataset)
    listed = [json.loads(line) for line in (dataset / "rejects.jsonl").read_text().splitlines()]
    left_out = ((reject["image_id"], reject["reason"], reject.get("texts", 0)) for reject in listed)
    return official_differences(manifest.counts), source_differences(manifest.counts, left_out)


def _show(counts: list[Difference], sources: list[SourceDifference]) -> None:
    click.echo("\n".join(["", *difference_lines(counts), "", *source_lines(sources), ""]))
    click.echo("The paper removed images with incomplete information and gives no rule; these reasons do it here:")
    for reason, meaning in SCREENING.items():
        click.echo(f"  {reason}: {meaning}")
