"""The refined Lee filter against plain scipy and numpy and against findpeaks: seconds of one thread, and agreement.

The tiles are simulated: single-look speckle over fields, edges in several directions, and point targets 10,000 times as bright.
Runs are interleaved and medians compared. findpeaks has no refined Lee filter; its plain one, with the same 7x7 window, takes
minutes for a tile, so it gets 128x128 pixels and is compared per pixel.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from figures import Figure, print_figures
from lee_peers import scipy_directions, scipy_refined_lee
from numpy.typing import NDArray
from scipy import ndimage

from sarlang_hf.imaging.speckle import directions, refined_lee

SIZE = 1024
SMALL = 128
ROUNDS = 7


def measure(folder: Path) -> list[Figure]:  # noqa: ARG001  # every benchmark takes the folder it may write to
    from findpeaks.filters.lee import lee_filter

    logging.getLogger().setLevel(logging.WARNING)  # importing findpeaks has set it to INFO, for every library

    refined_lee(np.ones((8, 8), dtype=np.float32))  # compiles
    tile = speckled_tile(SIZE, np.random.default_rng(0))
    wedge, scattered = _wedge(tile), _scattered(tile)
    calls: dict[str, Callable[[], object]] = {
        f"{who}, {what}": partial(call, image)
        for what, image in (("full", tile), ("wedge", wedge), ("scattered", scattered))
        for who, call in (("ours", refined_lee), ("scipy", scipy_refined_lee))
    }
    calls["findpeaks"] = partial(lee_filter, tile[:SMALL, :SMALL].copy(), win_size=7)
    seconds = _medians(calls)
    full, peer = seconds["ours, full"], seconds["findpeaks"] * (SIZE / SMALL) ** 2
    sparse = f"5 % scattered nodata, 90 % of the windows incomplete: {_ratio(seconds, 'scattered')}"
    return [
        Figure("refined Lee, scipy and numpy / ours", seconds["scipy, full"] / full, ">=", 50, "x", _ratio(seconds, "full")),
        Figure("the same, 30 % nodata", seconds["scipy, wedge"] / seconds["ours, wedge"], ">=", 20, "x", sparse),
        Figure("Lee of findpeaks / ours", peer / full, ">=", 1000, "x", f"{SMALL}x{SMALL} pixels, scaled to {SIZE}x{SIZE}"),
        *_agreement(tile, wedge),
    ]


def speckled_tile(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(size, size) float32 single-look intensity: fields with straight borders, and a few bright points."""
    y, x = np.mgrid[0:size, 0:size] / size
    scene = np.ones((size, size))
    for _ in range(24):
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
        scene[(x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) > offset] *= rng.choice([0.5, 2.0])
    image = scene * rng.exponential(size=scene.shape)
    image[rng.integers(0, size, 40), rng.integers(0, size, 40)] *= 1e4
    return image.astype(np.float32)


def _wedge(tile: NDArray[np.float32]) -> NDArray[np.float32]:
    """30 % nodata behind a slanted edge, as in SpaceNet6."""
    y, x = np.indices(tile.shape)
    return np.where(x < 0.6 * y, np.float32(np.nan), tile)


def _scattered(tile: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.random.default_rng(1).random(tile.shape) < 0.05, np.float32(np.nan), tile)


def _medians(calls: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of processor time of each call, measured in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            seconds[name].append(_seconds(call))
    return {name: median(values) for name, values in seconds.items()}


def _seconds(call: Callable[[], object]) -> float:
    """Mean over as many calls as fit into a fifth of a second, at least one, as for one tile after another."""
    start, number = time.process_time(), 0
    while not number or time.process_time() - start < 0.2:
        call()
        number += 1
    return (time.process_time() - start) / number


def _ratio(seconds: Mapping[str, float], what: str) -> str:
    ours, peer = seconds[f"ours, {what}"], seconds[f"scipy, {what}"]
    return f"{peer * 1e3:.0f} ms / {ours * 1e3:.1f} ms = {peer / ours:.1f}"


def _agreement(tile: NDArray[np.float32], wedge: NDArray[np.float32]) -> list[Figure]:
    images: dict[str, NDArray[Any]] = {
        "float32": tile,
        "float32 with nodata": wedge,
        "uint16": np.clip(tile * 100, 0, 65535).astype(np.uint16),
        "uint8": np.clip(np.sqrt(tile) * 20, 0, 255).astype(np.uint8),
    }
    differences = {}
    for name, image in images.items():
        ours, peer = refined_lee(image), scipy_refined_lee(image)
        there = peer != 0  # NaN among them, and there must be NaN in both
        same = np.array_equal(np.isnan(ours), np.isnan(peer)) and not ours[~there].any()
        differences[name] = float(np.nanmax(np.abs(ours[there] / peer[there] - 1))) if same else np.inf
    flips = sum(_flips(image) for name, image in images.items() if name != "float32 with nodata")
    detail = ", ".join(f"{name} {value:.1g}" for name, value in differences.items())
    return [
        Figure("largest relative difference to scipy", max(differences.values()), "<=", 2e-5, "", detail),
        Figure("directions that differ from scipy's", flips, "<=", 0, "", "float32, uint16, uint8"),
    ]


def _flips(image: NDArray[Any]) -> int:
    sums = ndimage.correlate(image.astype(np.float64), np.ones((3, 3)), mode="constant")
    inner = np.s_[3:-3, 3:-3]
    return int((directions(image)[inner] != scipy_directions(sums)[inner]).sum())


if __name__ == "__main__":
    print_figures(measure(Path("runs/bench")))
