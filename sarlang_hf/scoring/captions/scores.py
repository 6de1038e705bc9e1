"""All caption metrics of a list of items in one pass over their n-grams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.captions import bleu, cider
from sarlang_hf.scoring.captions.ngrams import ORDERS, Ints, count_ngrams, find_overlap, split_texts
from sarlang_hf.scoring.captions.profiles import Profile, References, prepare, signature
from sarlang_hf.scoring.captions.rouge import rouge_l

if TYPE_CHECKING:
    from sarlang_hf.texts.document_frequency import DocumentFrequency

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CaptionScores:
    """Scores x100, so that a perfect CIDEr is 1000 and every other perfect score 100; `n` items.

    Attributes:
        bleu: (4,) float64, BLEU-1..4 of the corpus: no mean of the items'.
        rouge_l: mean over items.
        cider: mean over items.
        length_ratio: tokens of all predictions / tokens of all references, of several references the closest in length; nan
            if the references hold none. Read CIDEr beside it: captions too long score almost nothing.
        signature: what must be equal for two scores to be comparable.
        n: number of items.
        item_bleu: (n, 4) float64.
        item_rouge_l: (n,) float64.
        item_cider: (n,) float64.
        bleu_statistics: (n, 10) int64: matches of order 1..4, n-grams of order 1..4 in the prediction, its length, the
            reference's; summed over any items, `bleu_from_statistics` gives their BLEU.
    """

    bleu: Floats
    rouge_l: float
    cider: float
    length_ratio: float
    signature: str
    n: int
    item_bleu: Floats
    item_rouge_l: Floats
    item_cider: Floats
    bleu_statistics: Ints


def score(
    predictions: Sequence[str],
    references: References,
    *,
    profile: Profile = "official",
    document_frequency: DocumentFrequency | None = None,
) -> CaptionScores:
    """BLEU-1..4, ROUGE_L and CIDEr-D, equal to pycocoevalcap 1.2 on every item to 1e-9.

    Args:
        predictions: one text an item. `official`: an item is a reference row, so that an image with three references comes
            three times with the same prediction.
        references: one text an item; `coco`: all texts of the image.
        profile: `official` scores the texts as they are, as the script of SARLANG-1M does; `coco` tokenizes them first (PTB,
            lower case), which takes Java and the extra `java`.
        document_frequency: frozen n-gram frequencies of the full test split, with which the scores of a subset are those that
            its items have in the whole. None counts them over `references`, as pycocoevalcap does: then CIDEr of different
            items cannot be compared. Not for `coco`, whose texts are other ones.

    Raises:
        UsageError: no items, lists of different lengths, a prediction or reference that is no text, an unknown profile, frozen
            frequencies with `coco` or of no document; `coco`: Java or pycocoevalcap is missing.
    """
    _check_table(document_frequency, profile)
    texts, wanted = prepare(predictions, references, profile)
    measured = measure(texts, wanted, document_frequency=document_frequency)
    statistics = measured.bleu_statistics
    lengths = statistics[:, -2:].sum(axis=0)
    return CaptionScores(
        bleu=bleu.bleu_from_statistics(statistics.sum(axis=0)),
        rouge_l=float(measured.rouge_l.mean()),
        cider=float(measured.cider.mean()),
        length_ratio=float(lengths[0] / lengths[1]) if lengths[1] else math.nan,
        signature=signature(profile, document_frequency),
        n=len(texts),
        item_bleu=bleu.bleu_from_statistics(statistics),
        item_rouge_l=measured.rouge_l,
        item_cider=measured.cider,
        bleu_statistics=statistics,
    )


@dataclass(frozen=True, slots=True, eq=False)
class ItemScores:
    """What `CaptionScores` holds of each item."""

    rouge_l: Floats
    cider: Floats
    bleu_statistics: Ints


def measure(
    predictions: Sequence[str], references: Sequence[Sequence[str]], *, document_frequency: DocumentFrequency | None = None
) -> ItemScores:
    """Scores each prediction against its one or more references, all texts taken as they are."""
    items = len(predictions)
    owner = np.repeat(np.arange(items), [len(of_item) for of_item in references])
    tokens = split_texts(chain(predictions, chain.from_iterable(references)))
    frozen = document_frequency
    weigh = cider.counted_weights(owner, items) if frozen is None else cider.frozen_weights(tokens, frozen)
    matches = np.zeros((items, ORDERS), dtype=np.int64)
    similarity = np.zeros(len(owner))
    for ngrams in count_ngrams(tokens):
        shared = find_overlap(ngrams, owner, items)
        matches[:, ngrams.order - 1] = bleu.clipped_matches(ngrams, shared, items)
        similarity += cider.similarities(ngrams, shared, weigh(ngrams), tokens.lengths, owner)
    means = np.bincount(owner, weights=similarity) / ORDERS / np.bincount(owner)
    return ItemScores(
        rouge_l=rouge_l(predictions, references),
        cider=100 * cider.SCALE * means,
        bleu_statistics=bleu.assemble_statistics(matches, tokens.lengths[:items], tokens.lengths[items:], owner),
    )


def _check_table(table: DocumentFrequency | None, profile: Profile) -> None:
    if table is None:
        return
    if profile == "coco":
        remedy = "leave document_frequency out: profile 'coco' counts over the tokenized references at hand"
        raise UsageError("frozen frequencies are of texts as they are", place="document_frequency", remedy=remedy)
    if table.documents < 1:
        remedy = "use the frequencies that a build with test captions wrote"
        raise UsageError(f"frequencies of {table.documents} documents", place="document_frequency", remedy=remedy)
