"""BLEU-1 to BLEU-4 of a corpus and of each item, with the constants of pycocoevalcap 1.2.

    p_k   = (sum of clipped matches + 1e-15) / (sum of max(0, length - k + 1) + 1e-9)
    BLEU-n = BP * (p_1 * ... * p_n) ^ (1/n)          BP = exp(1 - 1/ratio) if ratio < 1, else 1
    ratio = (prediction lengths + 1e-15) / (reference lengths + 1e-9)

Papineni et al. 2002. Of several references the one closest in length counts, the shorter of two equally close. The sums are
sufficient statistics: adding those of any items gives the BLEU of these items as a corpus, which is what bootstraps need.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sarlang_hf.scoring.captions.ngrams import ORDERS, Ints, Ngrams, Overlap

STATISTICS = 2 * ORDERS + 2
"""Columns of the statistics: matches 1..4, candidates 1..4, prediction length, reference length."""

_TINY, _SMALL = 1e-15, 1e-9


def bleu_from_statistics(sums: ArrayLike) -> NDArray[np.float64]:
    """BLEU-1..4 x100 from summed (or single items') statistics.

    Args:
        sums: (..., 10) matches of orders 1..4, n-grams of orders 1..4 in the predictions, tokens of the predictions, tokens of
            the references. Any leading axes, for example one of bootstrap resamples.

    Returns:
        (..., 4) float64.

    Raises:
        ValueError: the last axis does not hold 10 numbers.
    """
    values = np.asarray(sums, dtype=np.float64)
    if values.shape[-1:] != (STATISTICS,):
        raise ValueError(f"BLEU statistics must have shape (..., {STATISTICS}), not {values.shape}")
    matches, candidates = values[..., :ORDERS], values[..., ORDERS : 2 * ORDERS]
    precisions = (matches + _TINY) / (candidates + _SMALL)
    means = np.cumprod(precisions, axis=-1) ** (1 / np.arange(1, ORDERS + 1))
    ratio = (values[..., -2] + _TINY) / (values[..., -1] + _SMALL)
    penalty: NDArray[np.float64] = np.exp(np.minimum(0.0, 1 - 1 / ratio))
    result: NDArray[np.float64] = 100 * means * penalty[..., None]
    return result


def clipped_matches(ngrams: Ngrams, shared: Overlap, predictions: int) -> Ints:
    """(predictions,) n-grams of each prediction that a reference holds, each at most as often as the reference richest in it."""
    allowed = np.zeros(len(ngrams.count), dtype=np.int64)
    np.maximum.at(allowed, shared.prediction, ngrams.count[shared.reference])
    matched = np.minimum(allowed, ngrams.count)
    entries = np.flatnonzero(matched)
    sums = np.bincount(ngrams.text[entries], weights=matched[entries], minlength=predictions)
    return sums.astype(np.int64)


def assemble_statistics(matches: Ints, prediction_lengths: Ints, reference_lengths: Ints, owner: Ints) -> Ints:
    """(items, 10) statistics of each item.

    Args:
        matches: (items, 4) clipped matches.
        prediction_lengths: (items,) tokens.
        reference_lengths: (references,) tokens.
        owner: (references,) the item of each reference, ascending.
    """
    orders = np.arange(1, ORDERS + 1)
    candidates = np.maximum(0, prediction_lengths[:, None] - orders + 1)
    distance = np.abs(reference_lengths - prediction_lengths[owner])
    closest_first = np.lexsort((reference_lengths, distance, owner))
    first_of_item = np.unique(owner, return_index=True)[1]
    closest = reference_lengths[closest_first[first_of_item]]
    return np.column_stack([matches, candidates, prediction_lengths, closest])
