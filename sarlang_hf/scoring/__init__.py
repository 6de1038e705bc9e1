"""Scores: answers judged by rules or a model, captions measured, error bars that know about images, scorecards."""

from sarlang_hf.scoring.offline import score_predictions

__all__ = ["score_predictions"]
