"""Keeping compiled kernels on disk is best effort: whatever the disk does, a kernel computes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from sarlang_hf.imaging.jit import kernel

IN_LITTLE_ROOM = """
import resource, runpy, signal, sys

space = runpy.run_path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that the system answers EFBIG, as a full disk does ENOSPC
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
import numpy
from sarlang_hf.imaging.jit import kernel

print(float(kernel(space["total"])(numpy.arange(5.0))))
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder))
    return folder


def source(folder: Path, plus: int = 0) -> Path:
    """A module with a function to compile; `plus` is what its versions differ in."""
    path = folder / "sums.py"
    path.write_text(f"def total(row):\n    return row.sum() + {plus}\n")
    return path


def loaded(path: Path) -> Callable[[Any], Any]:
    space: dict[str, Any] = {"__name__": "sums"}
    exec(compile(path.read_text(), str(path), "exec"), space)
    return space["total"]  # type: ignore[no-any-return]


def outcome(path: Path) -> tuple[float, int]:
    """What a kernel that knows nothing yet returns, and how often it was found in the cache."""
    total: Any = kernel(loaded(path))
    return float(total(np.arange(5.0))), sum(total.stats.cache_hits.values())


def outcome_in_little_room(path: Path, file_bytes: int, cache: Path) -> float:
    """What a kernel returns in a process that may write files of so many bytes only."""
    command = [sys.executable, "-W", "error", "-c", IN_LITTLE_ROOM, str(path), str(file_bytes)]
    done = subprocess.run(command, env={**os.environ, "NUMBA_CACHE_DIR": str(cache)}, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    return float(done.stdout)


def test_a_kernel_compiles_where_no_cache_can_be_kept() -> None:
    space: dict[str, Any] = {}
    exec(compile("def total(row):\n    return row.sum()", "<no file>", "exec"), space)  # numba finds no place for its cache
    assert kernel(space["total"])(np.arange(5.0)) == 10


def test_without_room_for_anything_a_kernel_is_compiled_and_nothing_left_behind(tmp_path: Path, cache: Path) -> None:
    path = source(tmp_path)
    assert outcome_in_little_room(path, 0, cache) == 10
    assert [file for file in cache.rglob("*") if file.is_file()] == []
    assert outcome(path) == (10, 0)
    assert outcome(path) == (10, 1)  # with room again, it is kept


def test_code_of_an_earlier_version_does_not_pass_for_code_that_found_no_room(tmp_path: Path, cache: Path) -> None:
    assert outcome(source(tmp_path)) == (10, 0)
    path = source(tmp_path, plus=100)
    assert outcome_in_little_room(path, 1000, cache) == 110  # room for the index, but not for the code it names
    assert [outcome(path), outcome(path)] == [(110, 0), (110, 1)]


@pytest.mark.parametrize("pattern", ["*.nbi", "*.nbc"], ids=["index", "code"])
@pytest.mark.parametrize("size", [0, 20])
def test_truncated_cache_files_are_replaced(tmp_path: Path, cache: Path, pattern: str, size: int) -> None:
    path = source(tmp_path)
    assert [outcome(path), outcome(path)] == [(10, 0), (10, 1)]
    [file] = cache.rglob(pattern)
    os.truncate(file, size)
    assert [outcome(path), outcome(path)] == [(10, 0), (10, 1)]


def test_an_unreadable_index_that_cannot_be_removed_is_left_alone(tmp_path: Path, cache: Path) -> None:
    path = source(tmp_path)
    assert outcome(path) == (10, 0)
    [index] = cache.rglob("*.nbi")
    index.unlink()
    index.mkdir()  # neither to be read nor to be unlinked, not even by root
    assert [outcome(path), outcome(path)] == [(10, 0), (10, 0)]
    assert index.is_dir()
