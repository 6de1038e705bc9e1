"""Simulated SpaceNet6 tiles of 512 x 512 pixels for the benchmarks of the engine, made once under runs/bench/radar/.

250 tiles are drawn; larger trees show them again under other tile numbers, through links. A build reads, filters and stores each
of them as if it were another, and the files stay in the page cache, so that the disk is not what is measured.
"""

from __future__ import annotations

import os
import re
from itertools import cycle, islice
from pathlib import Path

from sarlang_hf.cli.progress import progress_bars
from sarlang_hf.imaging.simulate import MARKER, write_tree

DRAWN, SIZE = 250, 512
_PART = "train/AOI_11_Rotterdam"


def radar_scenes(folder: Path, number: int) -> Path:
    """A SpaceNet6 tree of `number` tiles with their optical twins."""
    drawn, out = folder / "radar", folder / f"radar-{number}"
    with progress_bars() as report:
        write_tree(
            drawn,
            layout="spacenet6",
            train=DRAWN,
            val=0,
            size=SIZE,
            seed=0,
            progress=lambda done: report("simulating rasters (once)", done, DRAWN),
        )
    for kind in ("SAR-Intensity", "PS-RGB"):
        (out / _PART / kind).mkdir(parents=True, exist_ok=True)
        files = sorted((drawn / _PART / kind).iterdir(), key=_tile_number)
        for index, file in enumerate(islice(cycle(files), number)):
            link = out / _PART / kind / re.sub(r"\d+\.tif$", f"{index}.tif", file.name)
            if not link.exists():
                os.link(file, link)
    (out / MARKER).write_bytes((drawn / MARKER).read_bytes())
    return out


def _tile_number(file: Path) -> int:
    return int(file.stem.rpartition("_")[2])
