"""SARLANG-1M for Hugging Face: the dataset, the benchmark, and honest scores for models that look at radar images."""

from sarlang_hf.data import load
from sarlang_hf.packaging.engine import build
from sarlang_hf.packaging.verify import verify

__all__ = ["build", "load", "verify"]
