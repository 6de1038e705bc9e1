"""The one caption that scores best when it is given to every image: what a caption metric is worth without any image.

Every training caption is tried on all training captions of every kind that the task scores (CIDEr-D, document frequencies
counted over them: nothing is learned from the test part), and the mean over the kinds decides. A tie goes to the more frequent
text, then to the first by alphabet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from sarlang_hf.scoring.captions.constant import mean_cider


def best_constant_caption(captions: Mapping[str, Sequence[str]]) -> str:
    """Finds the caption among training captions by kind.

    Raises:
        ValueError: there is no caption.
    """
    given = [texts for texts in captions.values() if texts]
    if not given:
        raise ValueError("no training caption to choose from")
    counts = Counter(text for texts in given for text in texts)
    tried = sorted(counts)
    # Rounded so that no platform and no order of the captions breaks a tie differently.
    means = np.mean([mean_cider(tried, texts) for texts in given], axis=0).round(9)
    best = max(range(len(tried)), key=lambda index: (means[index], counts[tried[index]], -index))
    return tried[best]
