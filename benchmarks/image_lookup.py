"""Looking images up in the dataset folder against decoding the same files from disk, in row order and in random order.

Both sides end with decoded pixels. Rounds alternate, and the median of the ratios counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from figures import Figure, print_figures
from PIL import Image
from scenes import scenes

import sarlang_hf
from sarlang_hf.data import open_dataset
from sarlang_hf.sources import SARDet100K

ROUNDS = 5
IMAGES = 1_000


def measure(folder: Path) -> list[Figure]:
    tree = scenes(folder)
    sarlang_hf.build(folder / "sarlang-1m", [SARDet100K(tree)])
    dataset = open_dataset(folder / "sarlang-1m")
    names = [image_id.removeprefix("sardet100k/") for image_id in _image_ids(dataset)]
    files = [tree / "JPEGImages/val" / f"{name}.png" for name in names]
    store = dataset.images("test")
    rng = np.random.default_rng(0)
    orders = {"question": np.arange(IMAGES), "random": rng.permutation(len(files))[:IMAGES]}
    targets = {"question": 0.8, "random": 0.6}
    figures = []
    for name, order in orders.items():
        ratios = [_rate(store.image, order) / _rate(lambda row: _decode(files[row]), order) for _ in range(ROUNDS)]
        detail = f"median of {ROUNDS} rounds over {IMAGES:,} images, {min(ratios):.2f} to {max(ratios):.2f}"
        figures.append(Figure(f"image lookup, {name} order / files", statistics.median(ratios), ">=", targets[name], "x", detail))
    return figures


def _image_ids(dataset: object) -> list[str]:
    import pyarrow.parquet as pq

    tables = [pq.read_table(path, columns=["image_id"]) for path in dataset.files("vqa", "test")]  # type: ignore[attr-defined]
    return [image_id for table in tables for image_id in table.column("image_id").to_pylist()]


def _decode(path: Path) -> Image.Image:
    image = Image.open(path)
    image.load()
    return image


def _rate(look_up: Callable[[int], Image.Image], order: Sequence[int] | np.ndarray) -> float:
    """Images a second."""
    start = time.perf_counter()
    for row in order:
        look_up(int(row))
    return len(order) / (time.perf_counter() - start)


if __name__ == "__main__":
    print_figures(measure(Path("runs/bench")))
