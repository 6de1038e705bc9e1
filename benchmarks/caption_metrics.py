"""Caption metrics on 14,000 long rows: our time against that of pycocoevalcap in the same run, on identical scores.

    python benchmarks/caption_metrics.py

The test split has 6,190 complex and 7,492 concise captions; 'long' is like the complex ones, some 40 words. The captions are
made up: words drawn by Zipf's law, a prediction being its reference with 30% of the words replaced.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from figures import Figure, print_figures
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from rich.console import Console
from rich.table import Table

from sarlang_hf.scoring.captions import CaptionScores, score
from sarlang_hf.texts.document_frequency import count_document_frequency

ROWS = 14_000
FASTER = 3.0
EQUAL = 1e-9


def measure(folder: Path) -> list[Figure]:  # noqa: ARG001
    """The figures of this benchmark; it writes nothing."""
    predictions, references = long_captions(ROWS, rng=np.random.default_rng(0))
    table = count_document_frequency(references)
    print(f"frequencies of {len(table.counts):,} n-grams, digest {table.digest}")
    ours, counted_s = timed(lambda: score(predictions, references))
    frozen, frozen_s = timed(lambda: score(predictions, references, document_frequency=table))
    theirs, theirs_s = timed(lambda: toolkit_scores(predictions, references))
    difference = max(largest_difference(scores, theirs) for scores in (ours, frozen))
    seconds = f"{theirs_s:.1f} s against"
    return [
        Figure(
            "caption metrics, faster than pycocoevalcap", theirs_s / counted_s, ">=", FASTER, "x", f"{seconds} {counted_s:.2f} s"
        ),
        Figure("the same with frozen frequencies", theirs_s / frozen_s, ">=", FASTER, "x", f"{seconds} {frozen_s:.2f} s"),
        Figure("largest difference of any item's score x100", difference, "<=", EQUAL, "", f"{ROWS:,} rows, 6 metrics"),
    ]


def long_captions(rows: int, *, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Predictions and references of 30 to 50 words out of 3,000."""
    words = np.array([f"w{number}" for number in range(3_000)])
    likely = 1 / np.arange(1, len(words) + 1)
    references = [rng.choice(words, size=rng.integers(30, 50), p=likely / likely.sum()) for _ in range(rows)]
    predictions = [np.where(rng.random(len(text)) < 0.7, text, rng.choice(words, size=len(text))) for text in references]
    return [" ".join(text) for text in predictions], [" ".join(text) for text in references]


def length_table(rows: int) -> Table:
    """What a perfect caption scores with words too many or too few at its end."""
    _, references = long_captions(rows, rng=np.random.default_rng(0))
    table = Table("words", "length ratio", "BLEU-1", "ROUGE_L", "CIDEr")
    for words in (3, 6, 12, 18, -3, -6, -12):
        predictions = [f"{text}{' filler' * words}" if words > 0 else " ".join(text.split()[:words]) for text in references]
        scores = score(predictions, references)
        values = (f"{scores.length_ratio:.2f}", f"{scores.bleu[0]:.1f}", f"{scores.rouge_l:.1f}", f"{scores.cider:.0f}")
        table.add_row(f"{words:+}", *values)
    return table


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


def toolkit_scores(predictions: list[str], references: list[str]) -> dict[str, Any]:
    """What the official script calls, in its order; x100."""
    wanted = {row: [text] for row, text in enumerate(references)}
    found = {row: [text] for row, text in enumerate(predictions)}
    _, bleu = Bleu(4).compute_score(wanted, found, verbose=0)
    _, rouge = Rouge().compute_score(wanted, found)
    _, cider = Cider().compute_score(wanted, found)
    return {"bleu": 100 * np.transpose(bleu), "rouge_l": 100 * rouge, "cider": 100 * cider}


def largest_difference(ours: CaptionScores, theirs: dict[str, Any]) -> float:
    pairs = [(ours.item_bleu, theirs["bleu"]), (ours.item_rouge_l, theirs["rouge_l"]), (ours.item_cider, theirs["cider"])]
    return max(float(np.abs(own - other).max()) for own, other in pairs)


def main() -> None:
    figures = measure(Path("runs/bench"))
    print_figures(figures)
    Console(width=150).print(length_table(ROWS))
    if not all(figure.met for figure in figures):
        sys.exit("a target is missed")


if __name__ == "__main__":
    main()
