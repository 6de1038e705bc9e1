"""The engine on radar rasters: from file to shard on one core, on two cores, and in how much memory.

What two workers gain is set against what two processes that only compute gain in the same minute: cores are shared with other
machines, and two of them may be the two threads of one.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from figures import Figure, print_figures
from radar_parts import per_tile
from radar_scenes import radar_scenes

import sarlang_hf
from sarlang_hf.sources import SpaceNet6

ROUNDS = 3
ROWS_PER_SHARD = 50
SPIN = "import sys\nfor _ in range(int(sys.argv[1])): pass"
SPIN_STEPS = 60_000_000


def measure(
    folder: Path, *, tiles: int = 300, many: int = 1_000, scaled: int = 3_000, spin_steps: int = SPIN_STEPS
) -> list[Figure]:
    """Measures with `tiles` on one core, `scaled` on one and two, and memory with `tiles` and `many`."""
    return [_file_to_shard(folder, tiles), *_scaling(folder, scaled, spin_steps), *_memory(folder, tiles, many)]


def _file_to_shard(folder: Path, tiles: int) -> Figure:
    tree, out = radar_scenes(folder, tiles), folder / "radar-out"
    _build(tree, out)  # compiles, and fills the page cache
    parts: list[Counter[str]] = []
    builds: list[float] = []
    for _ in range(ROUNDS):  # the best of each: disturbances only add
        parts.append(per_tile(SpaceNet6(tree), folder / "floor.bin"))
        builds.append(_build(tree, out) / tiles)
    floor = min(parts, key=lambda one: one.total())
    detail = ", ".join(f"{name} {1000 * seconds:.2f}" for name, seconds in floor.items())
    detail = f"build {1000 * min(builds):.2f} ms a tile; {detail}"
    return Figure("radar file to shard / sum of its parts", min(builds) / floor.total(), "<=", 1.3, "x", detail)


def _scaling(folder: Path, tiles: int, spin_steps: int) -> list[Figure]:
    tree, out = radar_scenes(folder, tiles), folder / "radar-out"
    relative, ours, spins = [], [], []
    for _ in range(ROUNDS):
        one, two = (_tiles_per_second(tree, out, workers) for workers in (1, 2))
        spin = 2 * _spin_seconds(1, spin_steps) / _spin_seconds(2, spin_steps)
        ours.append(two / one)
        spins.append(spin)
        relative.append(two / one / spin)
    detail = f"builds {_listed(ours)}, computing alone {_listed(spins)}"
    return [Figure("two workers' speed-up / that of computing alone", statistics.median(relative), ">=", 0.9, "x", detail)]


def _tiles_per_second(tree: Path, out: Path, workers: int) -> float:
    """Speed of the shard phase between a fifth and four fifths of the tiles: without starting and finishing."""
    marks: list[tuple[float, int]] = []
    total = 0

    def progress(phase: str, done: int, of: int | None) -> None:
        nonlocal total
        if phase == "building shards" and of:
            total = of
            marks.append((time.perf_counter(), done))

    _build(tree, out, workers=workers, progress=progress)
    begin = next(mark for mark in marks if mark[1] >= 0.2 * total)
    end = next(mark for mark in marks if mark[1] >= 0.8 * total)
    return (end[1] - begin[1]) / (end[0] - begin[0])


def _spin_seconds(processes: int, steps: int) -> float:
    """Seconds that some processes take that only count, at the same time."""
    start = time.perf_counter()
    running = [subprocess.Popen([sys.executable, "-c", SPIN, str(steps)]) for _ in range(processes)]
    for process in running:
        process.wait()
    return time.perf_counter() - start


_PEAK = r"""
import json, re, sys
from multiprocessing import active_children
from pathlib import Path
import sarlang_hf
from sarlang_hf.sources import SpaceNet6
workers = [0.0]
def peak(process):  # of the program alone: `getrusage` begins with the memory of the process that started it
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0  # a process that has just ended has none
def look(*_):  # also at the end of each shard, when its worker still waits for the next
    workers.extend(peak(child.pid) for child in active_children())
if __name__ == "__main__":
    tree, out, rows = sys.argv[1:]
    sarlang_hf.build(Path(out), [SpaceNet6(Path(tree))], workers=2, rows_per_shard=int(rows), progress=look)
    print(json.dumps([max(workers), peak("self")]))
"""


def _memory(folder: Path, few: int, many: int) -> list[Figure]:
    """Peak resident memory of the largest worker (Linux), with a shard of half of all tiles and two smaller ones."""
    peaks = {}
    script = folder / "peak.py"  # a file: spawned workers import the main module
    script.write_text(_PEAK)
    for tiles in (few, many):
        out = folder / "radar-out"
        shutil.rmtree(out, ignore_errors=True)
        command = [sys.executable, str(script), str(radar_scenes(folder, tiles)), str(out), str(tiles // 2)]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[tiles], parent = json.loads(result.stdout)
        shutil.rmtree(out)
    detail = f"{peaks[few]:.0f} MiB with {few} tiles, {peaks[many]:.0f} with {many:,}; parent {parent:.0f}"
    return [
        Figure("peak memory of a worker", peaks[many] * 1.048576, "<=", 600, "MB", detail),
        Figure(f"peak memory, {many:,} / {few} tiles", peaks[many] / peaks[few], "<=", 1.1, "x", detail),
    ]


def _build(tree: Path, out: Path, *, workers: int = 1, progress: Callable[[str, int, int | None], None] | None = None) -> float:
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    rows = ROWS_PER_SHARD if workers > 1 or progress else 1000
    sarlang_hf.build(out, [SpaceNet6(tree)], workers=workers, progress=progress, rows_per_shard=rows)
    seconds = time.perf_counter() - start
    shutil.rmtree(out)
    return seconds


def _listed(values: list[float]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    print_figures(measure(Path("runs/bench")))
