"""The 5,000 simulated tiles that several benchmarks share, made once under runs/bench/."""

from __future__ import annotations

import json
from pathlib import Path

from sarlang_hf.cli.progress import progress_bars
from sarlang_hf.imaging.simulate import write_tree
from sarlang_hf.sources import SIMULATION_MARKER
from sarlang_hf.sources.simulated_captions import SIMULATED_CAPTIONS

TRAIN, VAL, SIZE = 2_800, 2_200, 512


def scenes(folder: Path) -> Path:
    """A SARDet tree of 2,800 + 2,200 simulated tiles of 512 x 512 pixels, without captions, which SARDet-100K has not either."""
    with progress_bars() as report:
        write_tree(
            folder / "scenes",
            layout="sardet",
            train=TRAIN,
            val=VAL,
            size=SIZE,
            seed=0,
            progress=lambda done: report("simulating (once)", done, TRAIN + VAL),
        )
    bare = folder / "scenes-bare"
    bare.mkdir(exist_ok=True)
    for part in (folder / "scenes").iterdir():
        if part.name != SIMULATED_CAPTIONS and not (bare / part.name).is_symlink():
            (bare / part.name).symlink_to(part.absolute())
    return bare


def fifth_of(tree: Path, out: Path) -> Path:
    """A tree of the first fifth of each part's images: the same files, through links."""
    (out / "Annotations").mkdir(parents=True, exist_ok=True)
    for part in ("train", "val"):
        content = json.loads((tree / "Annotations" / f"{part}.json").read_bytes())
        content["images"] = content["images"][: len(content["images"]) // 5]
        kept = {image["id"] for image in content["images"]}
        content["annotations"] = [row for row in content["annotations"] if row["image_id"] in kept]
        (out / "Annotations" / f"{part}.json").write_text(json.dumps(content))
    images = out / "JPEGImages"
    if not images.is_symlink():
        images.symlink_to(tree.absolute() / "JPEGImages")
    (out / SIMULATION_MARKER).write_bytes((tree / SIMULATION_MARKER).read_bytes())
    return out
