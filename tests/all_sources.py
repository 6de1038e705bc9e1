"""A small dataset with everything a task may need: four sources, captions, unpreprocessed images and optical twins."""

from __future__ import annotations

from pathlib import Path

import sarlang_hf
from sarlang_hf.imaging.simulate import write_tree
from sarlang_hf.sources import Released


def build_all_sources(folder: Path) -> Path:
    """Builds it as `folder/sarlang-1m`: 11 test images, 8 of them with caption, original and twin, 2 of OpenEarthMap-SAR."""
    write_tree(folder / "released", layout="released", train=12, val=12, size=64, seed=0, progress=None)
    sarlang_hf.build(folder / "sarlang-1m", [Released(folder / "released")], with_raw=True, with_rgb=True)
    return folder / "sarlang-1m"
