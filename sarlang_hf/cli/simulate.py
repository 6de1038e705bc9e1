"""`sarlang simulate`: synthetic SAR scenes with boxes and an optical twin, in a source's own tree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sarlang_hf.cli.progress import progress_bars

if TYPE_CHECKING:
    from sarlang_hf.imaging.simulate import LayoutName

# Spelled out: the simulator's own list would load scipy at every start of the command line.
LAYOUTS = ("sardet", "spacenet6", "dfc2023", "openearthmap-sar", "released")

EXAMPLE = """\b
Examples:
  sarlang simulate runs/scenes --train 200 --val 40 --size 256 --seed 0
  sarlang build runs/sarlang-1m --sardet runs/scenes
  sarlang simulate runs/rotterdam --layout spacenet6 --train 40 --val 0 --size 900
  sarlang build runs/sarlang-sn6 --spacenet6 runs/rotterdam
"""


@click.command(epilog=EXAMPLE)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--layout", type=click.Choice(LAYOUTS), default="sardet", show_default=True, help="Whose tree to write.")
@click.option("--train", type=int, required=True, help="Number of training images.")
@click.option("--val", type=int, required=True, help="Number of validation images (released and sardet: the test part).")
@click.option("--size", type=int, default=512, show_default=True, help="Width and height in pixels, 64 to 2048.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same layout, seed and numbers, same bytes.")
def simulate(out: Path, layout: LayoutName, train: int, val: int, size: int, seed: int) -> None:
    """Write synthetic SAR scenes with boxes and an optical twin to the folder OUT.

    A run that was stopped continues when it is called again with the same numbers. Datasets built from these scenes are
    marked `simulated`.
    """
    from sarlang_hf.imaging.simulate import write_tree

    with progress_bars() as report:
        drawn = write_tree(
            out,
            layout=layout,
            train=train,
            val=val,
            size=size,
            seed=seed,
            progress=lambda done: report("drawing scenes", done, train + val),
        )
    if drawn:
        click.echo(f"{out}: {train} training and {val} validation scenes of {size} x {size} pixels ({drawn} drawn now)")
    else:
        click.echo(f"{out}: already complete, nothing to do")
