"""`sarlang compare`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sarlang_hf.scoring.comparison.compare import Comparison
    from sarlang_hf.scoring.signature import Cluster

EXAMPLE = """\b
Examples:
  sarlang compare runs/model-a runs/model-b
  sarlang compare base=runs/a tuned=runs/b prior=runs/c --task sarlang_vqa --cluster place
  sarlang compare runs/a runs/b --task sarlang_cap --metric complex_bleu_4 --json
"""


@click.command(epilog=EXAMPLE)
@click.argument("runs", nargs=-1, required=True)
@click.option("--task", help="What was asked.  [default: the only task that all runs have]")
@click.option("--metric", help="acc; cider, rouge_l, bleu_4, ... or complex_cider, ...  [default: acc, for captions cider]")
@click.option(
    "--cluster",
    type=click.Choice(["image", "place"]),
    default="image",
    show_default=True,
    help="What the error bars take for dependent: questions about one image, or about one city or region.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the bootstrap.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def compare(runs: tuple[str, ...], task: str | None, metric: str | None, cluster: Cluster, seed: int, as_json: bool) -> None:
    """Compare RUNS pair by pair: differences with error bars, corrected p-values, ranks as ranges.

    Each of the RUNS is a folder with a scorecard and verdicts or captions in it or somewhere below, or NAME=FOLDER.
    """
    import numpy as np

    from sarlang_hf.scoring.comparison.comparability import choose_metrics
    from sarlang_hf.scoring.comparison.compare import compare as compared
    from sarlang_hf.scoring.comparison.runs import open_runs

    opened = open_runs(runs, task)
    # A generator for each metric: the interval of one must not depend on which others are printed.
    found = [
        compared(opened, metric=name, cluster=cluster, rng=np.random.default_rng(seed)) for name in choose_metrics(opened, metric)
    ]
    if as_json:
        click.echo(json.dumps([comparison.to_json() for comparison in found], indent=2, allow_nan=False))
        return
    for comparison in found:
        _print(comparison)


def _print(comparison: Comparison) -> None:
    from rich.console import Console

    from sarlang_hf.scoring.comparison.tables import footer, header, pair_table, run_table

    console = Console()
    # Only the tables go through rich, which would break lines at the width of the terminal.
    click.echo(header(comparison))
    console.print(run_table(comparison))
    console.print(pair_table(comparison))
    click.echo(footer(comparison))
