"""`sarlang_vqa_lite`: about 2,000 test questions that stand for all of them, defined for any build.

The rule. Every pair of question type and source is a stratum; its quota is its share of the 2,000, rounded so that the quotas
add up (largest remainders first, ties by name). The images are walked in the order of the BLAKE2b hash of their ids. An image
is taken, with all its questions, if that brings the counts of the strata strictly closer to the quotas (sum of absolute
differences). Nothing but the questions themselves decides: neither the order of rows or shards nor a random number. A test part
of at most 2,000 questions is taken whole.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

LITE_SIZE = 2000

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Selection:
    """Chosen rows of a table of questions.

    Attributes:
        rows: (n,) int64, ascending.
        digest: 16 hexadecimal digits over the ids of the chosen questions, the same for any order of the table.
    """

    rows: Integers
    digest: str


def select(questions: pa.Table, *, size: int = LITE_SIZE) -> Selection:
    """Chooses about `size` questions by the rule above.

    Args:
        questions: columns question_id, image_id, source and type.
        size: how many questions to aim at.
    """
    ids = np.asarray(questions["question_id"].to_pylist(), dtype=object)
    rows = np.arange(len(ids)) if len(ids) <= size else _stratified(questions, size)
    digest = hashlib.blake2b("\n".join(sorted(ids[rows])).encode(), digest_size=8).hexdigest()
    return Selection(rows, digest)


def _stratified(questions: pa.Table, size: int) -> Integers:
    strata = zip(questions["type"].to_pylist(), questions["source"].to_pylist(), strict=True)
    _, stratum = np.unique(np.asarray(["\x1f".join(pair) for pair in strata]), return_inverse=True)
    images, image = np.unique(np.asarray(questions["image_id"].to_pylist(), dtype=str), return_inverse=True)
    counts = np.zeros((len(images), int(stratum.max()) + 1), dtype=np.int64)
    np.add.at(counts, (image, stratum), 1)
    taken = _walk(counts, _quotas(counts.sum(axis=0), size), sorted(range(len(images)), key=lambda i: _rank(images[i])))
    return np.flatnonzero(taken[image])


def _quotas(totals: Integers, size: int) -> Integers:
    """Splits `size` in proportion to `totals` by largest remainders; the first stratum wins a tie."""
    quotas: Integers
    quotas, remainders = np.divmod(totals * size, totals.sum())
    first = np.argsort(-remainders, kind="stable")[: size - int(quotas.sum())]
    quotas[first] += 1
    return quotas


def _walk(counts: Integers, quotas: Integers, order: list[int]) -> npt.NDArray[np.bool_]:
    """Marks the images (rows of `counts`) that bring the sum of `counts` closer to `quotas`, visited in `order`."""
    taken = np.zeros(len(counts), dtype=bool)
    missing = quotas.copy()
    for index in order:
        left = missing - counts[index]
        if np.abs(left).sum() < np.abs(missing).sum():
            taken[index] = True
            missing = left
    return taken


def _rank(image_id: Any) -> tuple[bytes, str]:
    return hashlib.blake2b(str(image_id).encode(), digest_size=8).digest(), str(image_id)
