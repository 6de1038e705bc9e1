"""Caption metrics: BLEU-1..4, ROUGE_L and CIDEr-D as the official script of SARLANG-1M computes them, in numpy.

    >>> from sarlang_hf.scoring.captions import score
    >>> scores = score(["a ship near the coast"], ["A ship near the coast ."])
    >>> [f"{value:.2f}" for value in (*scores.bleu, scores.rouge_l, scores.cider, scores.length_ratio)]
    ['65.50', '63.42', '60.32', '54.75', '71.55', '0.00', '0.83']
    >>> scores.signature
    'cap:tok=none|case=mixed|refs=1|unit=row|cider=D,n4,s6,x100|df=items|v1'

One item alone has no CIDEr: with one document every n-gram is in all of them and weighs nothing.
"""

from sarlang_hf.scoring.captions.bleu import bleu_from_statistics
from sarlang_hf.scoring.captions.profiles import PROFILES, Profile
from sarlang_hf.scoring.captions.scores import CaptionScores, score

__all__ = ["PROFILES", "CaptionScores", "Profile", "bleu_from_statistics", "score"]
