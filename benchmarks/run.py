"""`make bench`: every figure of docs/performance.md, measured now; exit 1 if a target is missed.

The first run simulates 5,000 tiles and 250 radar rasters under runs/bench/, which takes minutes and four gigabytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import build_dataset
import caption_metrics
import encode_png
import image_lookup
import judge_calls
import judge_throughput
import lmms_eval_share
import paired_bootstrap
import pixel_chain
import projection
import rules_and_scores
import scaling
import speckle_filter
import text_only_guesser
from figures import Figure, print_figures
from rich.console import Console

PIXELS = (speckle_filter, encode_png, pixel_chain)
BUILDS = (scaling, build_dataset, image_lookup, lmms_eval_share)
SCORES = (caption_metrics, judge_calls, judge_throughput, rules_and_scores, paired_bootstrap)


def main() -> None:
    folder = Path("runs/bench")
    figures = [figure for benchmark in (*PIXELS, *BUILDS, *SCORES) for figure in benchmark.measure(folder)]
    figures.append(_guesser())
    print_figures(figures)
    Console(width=150).print(projection.table(projection.measure(folder)))
    if not all(figure.met for figure in figures):
        sys.exit("a target is missed")


def _guesser() -> Figure:
    """The largest gain of the text-only guesser over the majority answer, counting excepted."""
    tiles = list(text_only_guesser.simulated_tiles(5_000, size=512, seed=0))
    scored = text_only_guesser.gains(*text_only_guesser.ask_all(tiles, seed=0))
    print(text_only_guesser.table(scored))
    worst = max(row.gain for row in scored if row.type != "instance_counting")
    return Figure("text-only guesser's gain, worst type", worst, "<=", text_only_guesser.LIMIT, "points", "5,000 layouts")


if __name__ == "__main__":
    main()
