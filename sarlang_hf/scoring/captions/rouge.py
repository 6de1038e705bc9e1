"""ROUGE_L of each item: pycocoevalcap 1.2's, whose tokens are what stands between single blanks.

    P = LCS / |prediction|,  R = LCS / |reference|,  F = (1 + b^2) P R / (R + b^2 P) with b = 1.2

Lin 2004. `text.split(" ")`, not `text.split()`: two blanks enclose an empty token, a line break glues two words into one, and
an empty text is one empty token, so that an empty prediction of an empty reference scores 100. Of several references the
greatest precision and the greatest recall count, each on its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BETA = 1.2


def rouge_l(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """(items,) ROUGE_L x100 of each prediction against its references, of which every item has at least one."""
    scores = (_of_item(prediction, of_item) for prediction, of_item in zip(predictions, references, strict=True))
    return 100 * np.fromiter(scores, dtype=np.float64, count=len(predictions))


def _of_item(prediction: str, references: Sequence[str]) -> float:
    words = prediction.split(" ")
    precision = recall = 0.0
    for reference in references:
        wanted = reference.split(" ")
        common = longest_common_subsequence(wanted, words)
        precision = max(precision, common / len(words))
        recall = max(recall, common / len(wanted))
    if precision == 0 or recall == 0:
        return 0.0
    return ((1 + _BETA**2) * precision * recall) / (recall + _BETA**2 * precision)


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, bit-parallel: one Python integer holds a column of the dynamic programme.

    Hyyrö 2004, "Bit-parallel LCS-length computation revisited". A zero bit of `column` marks a row where the length grows by
    one. The shorter text makes the column, so that a prediction of a megabyte costs one short addition a word.
    """
    short, long = (first, second) if len(first) <= len(second) else (second, first)
    rows: dict[str, int] = {}
    for row, token in enumerate(short):
        rows[token] = rows.get(token, 0) | 1 << row
    everything = (1 << len(short)) - 1
    column = everything
    for token in long:
        if token in rows:
            matched = column & rows[token]
            column = ((column + matched) | (column - matched)) & everything
    return len(short) - column.bit_count()
