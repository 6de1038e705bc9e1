"""The k-th smallest of the positive finite values of a float32 image, without sorting.

Positive floats sort like their bit patterns. A histogram of the 16 bits after the sign (exponent and 8 bits of the fraction)
finds the bin of a rank; a second pass counts that bin's values by their other 15 bits and finds the value itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 1 << 16
"""Bins of a histogram; each is at most 2^-8 of its values wide, except for values below 1e-38."""

BIN_PATTERNS = 1 << 15
"""Bit patterns that fall into one bin, where they are linear in the value."""


def flat(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The image as one read-only row (n,), so that kernels are compiled for one kind of array only.

    Raises:
        ValueError: if it is not float32.
    """
    if image.dtype != np.float32:
        raise ValueError(f"intensity must be float32 in the machine's byte order, not {image.dtype}")
    row = np.require(image, requirements=("C", "A")).reshape(-1)
    row.flags.writeable = False
    return row


def count(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Histogram (65536,) of the positive finite ones among flat values."""
    from sarlang_hf.imaging.contrast_kernels import count_coarse

    counts = np.zeros(BINS, np.int64)
    count_coarse(values.view(np.uint32), counts)
    return counts


def exact_values(values: NDArray[np.float32], counts: NDArray[np.int64], ranks: NDArray[np.int64]) -> NDArray[np.float32]:
    """The values of given ranks (from 0), in one more pass over the flat values that were counted."""
    from sarlang_hf.imaging.contrast_kernels import count_fine

    bins, within = _bins(counts, ranks)
    wanted, row_of_rank = np.unique(bins, return_inverse=True)
    rows = np.zeros(2 * BINS, np.uint16)  # patterns with the sign bit have bins of their own, where none is wanted
    rows[wanted] = np.arange(1, wanted.size + 1)
    fine = np.zeros((wanted.size, BIN_PATTERNS), np.int64)
    count_fine(values.view(np.uint32), rows, fine)
    ends = np.cumsum(fine, axis=1)
    low_bits = [np.searchsorted(ends[row], rank, side="right") for row, rank in zip(row_of_rank, within, strict=True)]
    return _values(bins * BIN_PATTERNS + np.array(low_bits))


def expected_values(counts: NDArray[np.int64], ranks: NDArray[np.int64]) -> NDArray[np.float32]:
    """The values of given ranks (from 0) if those of a bin lie evenly in it."""
    bins, within = _bins(counts, ranks)
    share = (within + 0.5) / counts[bins]
    return _values(np.maximum((bins + share) * BIN_PATTERNS, 1))


def _bins(counts: NDArray[np.int64], ranks: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The bins in which values of given ranks lie, and their ranks within them."""
    ends = np.cumsum(counts)
    bins = np.searchsorted(ends, ranks, side="right")
    return bins, ranks - (ends[bins] - counts[bins])


def _values(patterns: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float32]:
    return patterns.astype(np.uint32).view(np.float32)
