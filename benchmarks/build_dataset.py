"""Building 5,000 simulated tiles against the sum of what must be done anyway, and how memory grows.

The floor is reading the image files, decoding each once, hashing (the pixels for the `sha256` column, the bytes for the
manifest) and writing the bytes once with fsync; each part is measured alone, over the same files, in the same run.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from figures import Figure, print_figures
from PIL import Image
from scenes import fifth_of, scenes

import sarlang_hf
from sarlang_hf.sources import SARDet100K

CHUNK = 250


def measure(folder: Path) -> list[Figure]:
    tree = scenes(folder)
    out = folder / "sarlang-1m"
    floors, builds = [], []
    for _ in range(2):  # the second round of each counts more on a machine whose speed drifts: the smaller is taken
        floors.append(floor_of(tree, folder / "floor.bin"))
        shutil.rmtree(out, ignore_errors=True)
        builds.append(_build_seconds(tree, out))
    floor, seconds = min(floors, key=lambda parts: parts.total()), min(builds)
    parts = ", ".join(f"{name} {value:.1f} s" for name, value in floor.items())
    small, large = _peak_mib(fifth_of(tree, folder / "fifth"), folder / "peak"), _peak_mib(tree, folder / "peak")
    images = sum(path.stat().st_size for path in tree.glob("JPEGImages/*/*"))
    stored = sum(path.stat().st_size for path in out.glob("data/vqa-*.parquet"))
    return [
        Figure("build / sum of its parts", seconds / floor.total(), "<=", 1.3, "x", f"build {seconds:.1f} s; {parts}"),
        Figure("peak memory, 5,000 / 1,000 tiles", large / small, "<=", 1.1, "x", f"{large:.0f} and {small:.0f} MiB"),
        Figure("bytes of config vqa / its images", stored / images, "<=", 1.02, "x", f"{stored:,} and {images:,} bytes"),
    ]


def floor_of(tree: Path, scratch: Path) -> Counter[str]:
    """Seconds of reading, decoding, hashing and writing, each alone."""
    seconds: Counter[str] = Counter()
    paths = sorted(tree.glob("JPEGImages/*/*"))
    shard = hashlib.sha256()
    with scratch.open("wb") as file:
        for start in range(0, len(paths), CHUNK):
            with timed(seconds, "read"):
                files = [path.read_bytes() for path in paths[start : start + CHUNK]]
            with timed(seconds, "decode"):
                pixels = [np.asarray(Image.open(io.BytesIO(data))) for data in files]
            with timed(seconds, "hash"):
                for data, image in zip(files, pixels, strict=True):
                    shard.update(data)
                    hashlib.sha256(image).hexdigest()
            with timed(seconds, "write"):
                for data in files:
                    file.write(data)
        with timed(seconds, "write"):
            file.flush()
            os.fsync(file.fileno())
    scratch.unlink()
    return seconds


def _build_seconds(tree: Path, out: Path) -> float:
    start = time.perf_counter()
    sarlang_hf.build(out, [SARDet100K(tree)])
    return time.perf_counter() - start


_PEAK = r"""
import re, sys
from pathlib import Path
import sarlang_hf
from sarlang_hf.sources import SARDet100K
sarlang_hf.build(Path(sys.argv[2]), [SARDet100K(Path(sys.argv[1]))])
print(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
"""


def _peak_mib(tree: Path, out: Path) -> float:
    """Peak resident memory of a process that builds a tree (Linux)."""
    shutil.rmtree(out, ignore_errors=True)
    result = subprocess.run([sys.executable, "-c", _PEAK, str(tree), str(out)], check=True, capture_output=True, text=True)
    shutil.rmtree(out)
    return int(result.stdout) / 1024


@contextmanager
def timed(seconds: Counter[str], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[name] += time.perf_counter() - start  # type: ignore[assignment]


if __name__ == "__main__":
    print_figures(measure(Path("runs/bench")))
