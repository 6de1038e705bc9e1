"""SARLANG-1M for Hugging Face: the dataset, the benchmark, and honest scores for models that look at radar images."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sarlang_hf.data import load
    from sarlang_hf.packaging.engine import build
    from sarlang_hf.packaging.verify import verify

__all__ = ["build", "load", "verify"]

_FUNCTIONS = {"build": "sarlang_hf.packaging.engine", "load": "sarlang_hf.data", "verify": "sarlang_hf.packaging.verify"}
_ROOMS = frozenset({"data", "errors", "imaging", "schema", "scoring", "sources", "texts"})


def __getattr__(name: str) -> Any:
    # Imported on first use: every lmms-eval start imports this package, also those that have nothing to do with us.
    if name in _FUNCTIONS:
        return getattr(import_module(_FUNCTIONS[name]), name)
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
