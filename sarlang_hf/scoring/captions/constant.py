"""CIDEr-D of texts that are given to every item: the mean over all references, for all of them at once.

A table of candidates x references would be computed pair by pair; its row means need no pair. An n-gram that stands a times in
a candidate and b times in a reference adds min(a, b) b w^2 to their product (w its weight), and

    min(a, b) b = sum over k = 1, 2, ... of [a >= k] [b >= k] b

is a product of two factors for each k. References of equal length have equal length penalties, so the second factors, divided
by the norms of their references, are summed over each length first. What is left is a sparse matrix of candidates x n-grams
times one of n-grams x lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.captions.cider import SCALE, SIGMA, inverse_frequency
from sarlang_hf.scoring.captions.ngrams import ORDERS, Ints, Ngrams, count_ngrams, split_texts

Floats = NDArray[np.float64]


def mean_cider(candidates: Sequence[str], references: Sequence[str]) -> Floats:
    """(candidates,) mean CIDEr-D x100 of each candidate over all references, an item each.

    Document frequencies are counted over the references. Equal to `score([candidate] * n, references).cider` with them, in time
    proportional to the number of candidates and references, not to their product.

    Raises:
        UsageError: there are no references.
    """
    if not references:
        raise UsageError("there are no references", place="references", remedy="give at least one")
    tokens = split_texts(chain(candidates, references))
    bigrams = np.maximum(0, tokens.lengths - 1)
    lengths, length_of = np.unique(bigrams[len(candidates) :], return_inverse=True)
    means = np.zeros((len(candidates), len(lengths)))
    for ngrams in count_ngrams(tokens):
        means += _summed_cosines(ngrams, len(candidates), length_of)
    delta = (bigrams[: len(candidates), None] - lengths).astype(np.float64)
    found: Floats = 100 * SCALE / ORDERS / len(references) * (means * np.exp(-(delta**2) / (2 * SIGMA**2))).sum(axis=1)
    return found


def _summed_cosines(ngrams: Ngrams, candidates: int, length_of: Ints) -> Floats:
    """(candidates, lengths) cosine of each candidate with each reference, without penalty, summed over those of a length.

    Args:
        ngrams: of the candidates, and of the references after them.
        candidates: how many of the texts are candidates.
        length_of: (references,) number of each reference's length.
    """
    from scipy.sparse import csr_array

    border = int(np.searchsorted(ngrams.text, candidates))
    references, lengths = len(length_of), int(length_of.max()) + 1
    frequency = np.bincount(ngrams.gram[border:], minlength=ngrams.distinct)
    weights = inverse_frequency(frequency, references)[ngrams.gram]
    norms = np.sqrt(np.bincount(ngrams.text, weights=(ngrams.count * weights) ** 2, minlength=candidates + references))
    scale = np.divide(1, norms, out=np.zeros(len(norms)), where=norms != 0)[ngrams.text]
    share = ngrams.count * weights**2 * scale
    sums = np.zeros((candidates, lengths))
    for times in range(1, int(ngrams.count.max(initial=0)) + 1):
        tried = np.flatnonzero(ngrams.count[:border] >= times)
        held = np.flatnonzero(ngrams.count[border:] >= times) + border
        if not (len(tried) and len(held)):
            break
        left = csr_array((scale[tried], (ngrams.text[tried], ngrams.gram[tried])), shape=(candidates, ngrams.distinct))
        places = (ngrams.gram[held], length_of[ngrams.text[held] - candidates])
        sums += (left @ csr_array((share[held], places), shape=(ngrams.distinct, lengths))).toarray()
    return sums
