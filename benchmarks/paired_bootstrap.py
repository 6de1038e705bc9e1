"""The paired cluster bootstrap at the size of the paper's VQA test part: 50,000 questions, 2,000 resamples, one core.

Twice: with 10,000 images, and in the worst case, a question an image.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np
from figures import Figure, print_figures

from sarlang_hf.scoring.uncertainty import paired_bootstrap

ROUNDS = 3
QUESTIONS = 50_000
RESAMPLES = 2_000


def measure(_folder: Path) -> list[Figure]:
    return [_figure(clusters) for clusters in (10_000, QUESTIONS)]


def _figure(clusters: int) -> Figure:
    rng = np.random.default_rng(0)
    images = rng.permutation(np.arange(QUESTIONS) % clusters)
    first, second = (rng.random(QUESTIONS) < share for share in (0.6, 0.58))
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        paired_bootstrap(first, second, images, resamples=RESAMPLES, rng=rng)
        seconds.append(time.perf_counter() - start)
    name = f"paired bootstrap, {QUESTIONS:,} questions on {clusters:,} images"
    return Figure(name, statistics.median(seconds), "<=", 2, "s", f"{RESAMPLES:,} resamples, median of {ROUNDS}")


if __name__ == "__main__":
    print_figures(measure(Path()))
