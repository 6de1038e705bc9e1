"""The rules of the official script of SARLANG-1M (`Evaluate_VQA.py`, commit e9a3ead), defects included.

In this order, all texts in lower case:

    released:substring   the reference is a substring of the prediction                            right
    released:exact       the reference is yes, no or 0 to 99: right if the prediction equals it    right or wrong
    open                 anything else                                                             undecided

The substring test comes first, so that gold `no` is found in 'I cannot determine' and gold `1` in '10 ships'.
"""

from __future__ import annotations

from sarlang_hf.scoring.decision import Decision

_EXACT = frozenset({"yes", "no", *map(str, range(100))})


def decide(gold: str, prediction: str) -> Decision:
    """What the script decides without asking its judge. Nothing is stripped or normalised, as there."""
    gold, prediction = gold.lower(), prediction.lower()
    if gold in prediction:
        return Decision(True, "released:substring")
    if gold in _EXACT:
        return Decision(gold == prediction, "released:exact")
    return Decision(None, "open")
