"""CIDEr-D of each item as pycocoevalcap 1.2 computes it (Vedantam, Zitnick and Parikh 2015), without its mean over n = 1..4.

    weight of an n-gram = count * (ln N - ln max(1, df))
    similarity_n = sum of min(prediction's, reference's weight) * reference's weight / (norm * norm) * exp(-(l - l')^2 / 72)
    CIDEr = 10 * mean over n and references of similarity_n

N is the number of documents and df how many of them hold the n-gram; a document is what references an item has. l and l' are
numbers of bigrams. The exponential makes length decisive: three words too many cost a perfect caption 12% by it alone, twelve
86%. With one document all weights are 0, and so is the score.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.scoring.captions.ngrams import Ints, Ngrams, Overlap, Tokens

if TYPE_CHECKING:
    from sarlang_hf.texts.document_frequency import DocumentFrequency

SCALE = 10
SIGMA = 6.0

Floats = NDArray[np.float64]
Weigh = Callable[[Ngrams], Floats]
"""Gives each distinct n-gram, (distinct,), its weight ln N - ln max(1, df)."""


def counted_weights(owner: Ints, items: int) -> Weigh:
    """Weights ln N - ln df counted over the references at hand, one document an item.

    Args:
        owner: (references,) the item of each reference.
        items: N; the n-grams to be weighed are of as many predictions and of the references after them.
    """

    def weigh(ngrams: Ngrams) -> Floats:
        border = int(np.searchsorted(ngrams.text, items))
        holders = np.sort(owner[ngrams.text[border:] - items] * ngrams.distinct + ngrams.gram[border:])
        distinct_holders = holders[np.diff(holders, prepend=-1) > 0]
        frequency = np.bincount(distinct_holders % max(1, ngrams.distinct), minlength=ngrams.distinct)
        return inverse_frequency(frequency, items)

    return weigh


def frozen_weights(tokens: Tokens, table: DocumentFrequency) -> Weigh:
    """Weights ln N - ln df from frozen frequencies; an n-gram that the table lacks is taken to be as rare as can be, df = 1.

    Args:
        tokens: the texts whose n-grams are to be weighed.
        table: the frequencies.
    """
    # With the tokens joined by single blanks, as the table spells them, every n-gram is a slice of one long string.
    text = " ".join([tokens.vocabulary[code] for code in tokens.codes.tolist()])
    widths = np.array([len(token) for token in tokens.vocabulary], dtype=np.int64)[tokens.codes]
    ends = np.cumsum(widths + 1) - 1
    starts = ends - widths

    def weigh(ngrams: Ngrams) -> Floats:
        spans = zip(starts[ngrams.example].tolist(), ends[ngrams.example + ngrams.order - 1].tolist(), strict=True)
        counts = (table.counts.get(text[start:end], 0) for start, end in spans)
        return inverse_frequency(np.fromiter(counts, dtype=np.int64, count=ngrams.distinct), table.documents)

    return weigh


def inverse_frequency(frequency: Ints, documents: int) -> Floats:
    """Weights ln N - ln max(1, df) of n-grams that `frequency` (distinct,) of N documents hold."""
    weights: Floats = np.log(float(documents)) - np.log(np.maximum(1.0, frequency))
    # An n-gram of every document weighs exactly 0: a last digit left over would become a whole cosine once it is normalised.
    weights[np.maximum(1, frequency) == documents] = 0.0
    return weights


def similarities(ngrams: Ngrams, shared: Overlap, weights: Floats, lengths: Ints, owner: Ints) -> Floats:
    """(references,) similarity_n, with its length penalty, of each reference and the prediction of its item.

    Args:
        ngrams: of the predictions and of the references after them.
        shared: their overlap.
        weights: (distinct,) ln N - ln df.
        lengths: (predictions + references,) tokens of each text.
        owner: (references,) the prediction of each reference.
    """
    predictions = len(lengths) - len(owner)
    norms = np.sqrt(np.bincount(ngrams.text, weights=(ngrams.count * weights[ngrams.gram]) ** 2, minlength=len(lengths)))
    counts = ngrams.count[shared.reference]
    clipped = np.minimum(counts, ngrams.count[shared.prediction])
    products = clipped * counts * weights[ngrams.gram[shared.reference]] ** 2
    dots = np.bincount(ngrams.text[shared.reference] - predictions, weights=products, minlength=len(owner))
    norm = norms[:predictions][owner] * norms[predictions:]
    cosines = np.divide(dots, norm, out=np.zeros(len(owner)), where=norm != 0)
    bigrams = np.maximum(0, lengths - 1)
    delta = bigrams[:predictions][owner] - bigrams[predictions:]
    penalized: Floats = cosines * np.exp(-(delta.astype(np.float64) ** 2) / (2 * SIGMA**2))
    return penalized
