"""N-grams of many texts at once, as numbers: what BLEU and CIDEr count.

Every token gets a number, every n-gram another; an n-gram of order k is the pair of its first k - 1 tokens (one number from the
order before) and its last. Counting is then sorting integers, the same few numpy calls for two captions and for a million.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ORDERS = 4
"""Longest n-gram of BLEU and CIDEr."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Texts split at white space.

    Attributes:
        vocabulary: the distinct tokens; a token's number is its place here.
        codes: (tokens,) number of each token, the texts one after another.
        lengths: (texts,) tokens of each text.
    """

    vocabulary: list[str]
    codes: Ints
    lengths: Ints


@dataclass(frozen=True, slots=True)
class Ngrams:
    """The n-grams of one order: an entry for each n-gram of each text, sorted by (text, gram).

    Attributes:
        order: n.
        distinct: number of different n-grams, which are numbered from 0.
        text: (entries,) which text.
        gram: (entries,) which n-gram.
        count: (entries,) how often it stands in the text.
        example: (distinct,) a place in `Tokens.codes` where the n-gram begins.
    """

    order: int
    distinct: int
    text: Ints
    gram: Ints
    count: Ints
    example: Ints


def split_texts(texts: Iterable[str]) -> Tokens:
    """Splits as `str.split()` does: at any run of white space, Unicode's included. No text fails."""
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    codes, lengths = array("q"), array("q")
    for text in texts:
        before = len(codes)
        codes.extend(map(numbers.__getitem__, text.split()))
        lengths.append(len(codes) - before)
    return Tokens(list(numbers), np.array(codes, dtype=np.int64), np.array(lengths, dtype=np.int64))


def count_ngrams(tokens: Tokens) -> Iterator[Ngrams]:
    """Yields the n-grams of order 1, 2, 3 and 4; the memory of one order is free when the next is asked for."""
    text = np.repeat(np.arange(len(tokens.lengths)), tokens.lengths)
    left = np.repeat(np.cumsum(tokens.lengths), tokens.lengths) - np.arange(len(text))  # tokens from here to the text's end
    place, gram = np.arange(len(text)), tokens.codes
    yield _count(1, len(tokens.vocabulary), text, gram, place)
    for order in range(2, ORDERS + 1):
        inside = left[place] >= order
        place, gram = place[inside], gram[inside]
        last = tokens.codes[place + order - 1]
        pairs, gram = np.unique(gram * len(tokens.vocabulary) + last, return_inverse=True)
        yield _count(order, len(pairs), text[place], gram, place)


def _count(order: int, distinct: int, text: Ints, gram: Ints, place: Ints) -> Ngrams:
    example = np.zeros(distinct, dtype=np.int64)
    example[gram] = place
    keys, count = np.unique(text * max(1, distinct) + gram, return_counts=True)
    of_text, of_gram = np.divmod(keys, max(1, distinct))
    return Ngrams(order, distinct, of_text, of_gram, count, example)


@dataclass(frozen=True, slots=True)
class Overlap:
    """What predictions and references share: for each n-gram in both, its entry in either.

    Attributes:
        prediction: (shared,) index into the entries of `Ngrams`.
        reference: (shared,) likewise; a prediction's entry comes once for each reference that holds the n-gram.
    """

    prediction: Ints
    reference: Ints


def find_overlap(ngrams: Ngrams, owner: Ints, predictions: int) -> Overlap:
    """Finds the n-grams that a reference shares with the prediction it belongs to.

    Args:
        ngrams: of the predictions, and of the references after them.
        owner: (references,) which prediction each reference belongs to.
        predictions: how many of the texts are predictions.
    """
    border = int(np.searchsorted(ngrams.text, predictions))
    known = ngrams.text[:border] * ngrams.distinct + ngrams.gram[:border]
    wanted = owner[ngrams.text[border:] - predictions] * ngrams.distinct + ngrams.gram[border:]
    found = np.searchsorted(known, wanted)
    hit = found < border
    hit[hit] = known[found[hit]] == wanted[hit]
    return Overlap(found[hit], np.flatnonzero(hit) + border)
