"""How loops over pixels are compiled.

Kernels are compiled on their first call and kept on disk (beside the module, else in the user's cache folder, or under
`NUMBA_CACHE_DIR`), keyed by the module's own time stamp and the processor. A kernel therefore calls kernels of its own module
only: a change elsewhere would not be noticed. Where they cannot be kept or read back (a full disk, a quota, a folder without
write permission, a damaged file), each process compiles for itself: that takes longer and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def kernel(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compiles a function over arrays: one thread, without the interpreter lock, division as in numpy (x / 0 = inf).

    No relaxed floating point: sums keep their order and nothing is contracted, so that every processor returns the same bits.
    """
    compiled: Any
    try:
        compiled = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
        compiled._cache = _ForgivingCache(compiled._cache)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return cast(Callable[Arguments, Result], compiled)


def inlined(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compiles a function that becomes part of every kernel that calls it: what a loop does to one pixel, with a name.

    A loop with a call in it would not be vectorised.
    """
    return cast(Callable[Arguments, Result], numba.njit(nogil=True, error_model="numpy", forceinline=True)(function))


class _ForgivingCache:
    """numba's cache of one function on disk, without which everything works as well: its failures stop nothing."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return self._cache.load_overload(sig, target_context)
        except Exception:  # a damaged pickle can raise anything
            self._forget()
            return None  # not found: compiled, and saved anew

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            self._cache.save_overload(sig, data)
        except OSError:
            self._forget()

    def _forget(self) -> None:
        """Removes the index, and asks no more of this cache if that is impossible.

        numba writes the index before the code it promises. Left alone, it would stand for what an earlier version of the
        function has left under that name. A damaged one would be read again when something is saved.
        """
        try:
            Path(self._cache._cache_file._index_path).unlink(missing_ok=True)
        except OSError:
            self._cache.disable()
