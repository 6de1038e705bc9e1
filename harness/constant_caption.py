"""The one caption that scores best when it is given to every image: what a caption metric is worth without any image.

Candidates are training captions: of each kind that the task scores the most frequent distinct texts. Each is scored with
CIDEr-D against a sample of the training captions of every kind, and the mean over the kinds decides; a tie goes to the more
frequent text, then to the first by alphabet. Document frequencies are counted over the same sample: nothing is learned from
the test part. Which captions stand in the sample, and which candidates of equal frequency are taken (most complex captions are
unique), goes by the BLAKE2b hash of their texts, equal ones numbered.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from sarlang_hf.scoring.captions import score
from sarlang_hf.texts.document_frequency import count_document_frequency

CANDIDATES = 16
"""Candidates of each kind."""

SAMPLE = 1000
"""Training captions of each kind that a candidate is scored against."""


def best_constant_caption(captions: Mapping[str, Sequence[str]], *, candidates: int = CANDIDATES, sample: int = SAMPLE) -> str:
    """Finds the caption.

    Args:
        captions: training captions by kind.
        candidates: how many to try of each kind.
        sample: how many captions of each kind to score them against.

    Raises:
        ValueError: there is no caption.
    """
    given = {kind: list(texts) for kind, texts in captions.items() if texts}
    if not given:
        raise ValueError("no training caption to choose from")
    counts = Counter(text for texts in given.values() for text in texts)
    tried = sorted({text for texts in given.values() for text in _most_frequent(texts, candidates)})
    means = np.mean([_cider(tried, _sample(texts, sample)) for texts in given.values()], axis=0)
    best = max(range(len(tried)), key=lambda index: (means[index], counts[tried[index]], -index))
    return tried[best]


def _most_frequent(texts: Sequence[str], number: int) -> list[str]:
    counts = Counter(texts)
    return sorted(counts, key=lambda text: (-counts[text], _rank(text)))[:number]


def _sample(texts: Sequence[str], number: int) -> list[str]:
    seen: Counter[str] = Counter()
    ranked = []
    for text in texts:
        ranked.append((_rank(f"{text}\x1f{seen[text]}"), text))
        seen[text] += 1
    return [text for _, text in sorted(ranked)[:number]]


def _cider(candidates: Sequence[str], references: Sequence[str]) -> list[float]:
    """Mean CIDEr-D of each candidate over the references, rounded so that no platform breaks a tie differently."""
    frequencies = count_document_frequency(references)
    predictions = [candidate for candidate in candidates for _ in references]
    scores = score(predictions, list(references) * len(candidates), document_frequency=frequencies)
    return [round(float(mean), 9) for mean in scores.item_cider.reshape(len(candidates), len(references)).mean(axis=1)]


def _rank(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
