"""What a build of all 118,331 images takes, projected from rates measured here on simulated tiles of 512 x 512 pixels.

    core seconds = images x (seconds a tile that do not depend on its size + seconds a pixel x pixels of the source's tiles)
    time on N workers = core seconds of what is done once + core seconds of the shards / N

What is done once (column `once`), in one process whatever the number of workers, is what comes before and after the shards:
reading the annotations, planning the questions, and the finish. Everything else is done in the shards.

Sizes of the sources' tiles: SpaceNet6 900 x 900, DFC2023 512 x 512, OpenEarthMap-SAR 1024 x 1024; SARDet-100K mostly 512 x 512.
SpaceNet6 and DFC2023 are taken to be stored uncompressed: compressed rasters cost four to five times the rest. Questions are
asked about SARDet alone. The page cache is warm; a slower disk adds what it takes to read the sources once.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from build_dataset import floor_of
from radar_parts import per_tile
from radar_scenes import radar_scenes
from rich.console import Console
from rich.table import Table
from scenes import TRAIN, VAL, scenes

import sarlang_hf
from sarlang_hf.sources import SARDet100K, Source, SpaceNet6

WORKERS = (1, 2, 8, 32)
MEASURED_PIXELS = 512 * 512
ONCE = "once"
BY_TILE = ("headers", "other", ONCE)
"""Parts that cost the same for a tile of any size."""


@dataclass(frozen=True, slots=True)
class Share:
    """A source of the paper: images (Table 1), pixels of each, and whether they pass the preprocessing chain."""

    name: str
    images: int
    pixels: int
    radar: bool


PAPER = (
    Share("sardet100k", 104_985, 512 * 512, radar=False),
    Share("spacenet6", 3_311, 900 * 900, radar=True),
    Share("dfc2023", 5_222, 512 * 512, radar=True),
    Share("openearthmap_sar", 4_813, 1024 * 1024, radar=True),
)


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one kind of tile, at 512 x 512 pixels: seconds by part, `other` being what the parts leave of the shards, and bytes."""

    parts: Counter[str]
    stored: float


def projected(share: Share, rates: Rates) -> tuple[Counter[str], float]:
    """Core seconds by part, and bytes, of all images of a source."""
    scale = share.pixels / MEASURED_PIXELS
    seconds = {part: share.images * value * (1 if part in BY_TILE else scale) for part, value in rates.parts.items()}
    return Counter(seconds), share.images * rates.stored * scale


def measure(folder: Path, *, tiles: int = 1_000) -> dict[bool, Rates]:
    """The rates of tiles that are passed on (False) and of radar tiles (True)."""
    plain, radar = scenes(folder), radar_scenes(folder, tiles)
    passed_on = {part: seconds / (TRAIN + VAL) for part, seconds in floor_of(plain, folder / "floor.bin").items()}
    return {
        False: _rates(folder, SARDet100K(plain), Counter(passed_on)),
        True: _rates(folder, SpaceNet6(radar), per_tile(SpaceNet6(radar), folder / "floor.bin")),
    }


def _rates(folder: Path, source: Source, parts: Counter[str]) -> Rates:
    """Builds once. What the parts do not explain of the time of the shards is `other`: texts, rows, columns."""
    out = folder / "projection-out"
    shutil.rmtree(out, ignore_errors=True)
    marks: list[float] = []

    def progress(phase: str, _done: int, _total: int | None) -> None:
        if phase == "building shards":
            marks.append(time.perf_counter())

    start = time.perf_counter()
    manifest = sarlang_hf.build(out, [source], progress=progress)
    seconds, in_shards = time.perf_counter() - start, marks[-1] - marks[0]
    shutil.rmtree(out)
    images = sum(sum(counts.values()) for counts in manifest.counts["images"].values())
    rest = {"other": max(in_shards / images - parts.total(), 0.0), ONCE: (seconds - in_shards) / images}
    return Rates(Counter({**parts, **rest}), sum(shard.bytes for shard in manifest.shards) / images)


def on_workers(total: Counter[str], number: int) -> float:
    """Seconds that a build takes with so many workers, each on a core of its own."""
    return total[ONCE] + (total.total() - total[ONCE]) / number


def table(rates: dict[bool, Rates]) -> Table:
    """Time on one core by source and part, the parts that dominate first, and the disk it fills."""
    found = {share.name: projected(share, rates[share.radar]) for share in PAPER}
    total: Counter[str] = Counter()
    for seconds, _ in found.values():
        total.update(seconds)
    drawn = Table("source", "images", *(name for name, _ in total.most_common()), "core minutes", "GB")
    for share in PAPER:
        seconds, stored = found[share.name]
        _add(drawn, share.name, share.images, seconds, stored, total)
    _add(drawn, "all", sum(share.images for share in PAPER), total, sum(stored for _, stored in found.values()), total)
    workers = ", ".join(f"{_minutes(on_workers(total, number))} on {number}" for number in WORKERS)
    drawn.caption = f"minutes with as many workers on cores of their own: {workers}"
    return drawn


def _add(drawn: Table, name: str, images: int, seconds: Counter[str], stored: float, total: Counter[str]) -> None:
    parts = [_minutes(seconds[part]) if part in seconds else "" for part, _ in total.most_common()]
    drawn.add_row(name, f"{images:,}", *parts, _minutes(seconds.total()), f"{stored / 1e9:.1f}")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"


if __name__ == "__main__":
    Console(width=150).print(table(measure(Path("runs/bench"))))
