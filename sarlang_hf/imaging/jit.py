"""How loops over pixels are compiled.

Kernels are compiled on their first call and kept on disk (beside the module, else in the user's cache folder, or under
`NUMBA_CACHE_DIR`), keyed by the module's own time stamp and the processor. A kernel therefore calls kernels of its own module
only: a change elsewhere would not be noticed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def kernel(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compiles a function over arrays: one thread, without the interpreter lock, division as in numpy (x / 0 = inf).

    No relaxed floating point: sums keep their order and nothing is contracted, so that every processor returns the same bits.
    """
    try:
        compiled = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        # Neither the package folder nor the user's cache folder can be written: each process compiles anew.
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return cast(Callable[Arguments, Result], compiled)


def inlined(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compiles a function that becomes part of every kernel that calls it: what a loop does to one pixel, with a name.

    A loop with a call in it would not be vectorised.
    """
    return cast(Callable[Arguments, Result], numba.njit(nogil=True, error_model="numpy", forceinline=True)(function))
