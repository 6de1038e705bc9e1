"""From linear intensity in memory to a PNG: refined Lee, decibels, 2-98 % stretch, encoding, against scipy, numpy and Pillow.

Both sides do the same to the same 512 x 512 float32 scene, in one thread; CPU time counts, repetitions alternate, medians are
compared. The pixels must agree before anything is measured.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from figures import Figure, print_figures
from lee_peers import scipy_refined_lee
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from sarlang_hf.imaging.contrast import db_percentiles, stretched
from sarlang_hf.imaging.png import encode
from sarlang_hf.imaging.speckle import refined_lee

SIZE = 512
ROUNDS = 9


def measure(folder: Path) -> list[Figure]:  # noqa: ARG001  # nothing is stored
    scene = speckled_scene(looks=1, seed=0)
    ours, theirs = our_levels(scene), _their_levels(scene)
    difference = np.abs(ours.astype(int) - theirs)
    if difference.max() > 1 or (difference > 0).mean() > 1e-3:
        raise RuntimeError(f"the chains disagree by up to {difference.max()} levels at {(difference > 0).mean():.2%} of pixels")
    filtered = refined_lee(scene)
    seconds = cpu_medians(
        {
            "theirs": lambda: pillow_png(_their_levels(scene)),
            "ours": lambda: encode(our_levels(scene)),
            "filter": lambda: refined_lee(scene),
            "stretch": lambda: _our_stretch(filtered),
            "PNG": lambda: encode(ours),
        },
        ROUNDS,
    )
    parts = ", ".join(f"{name} {1e3 * seconds[name]:.2f}" for name in ("filter", "stretch", "PNG"))
    detail = f"ours {1e3 * seconds['ours']:.2f} ms ({parts}), theirs {1e3 * seconds['theirs']:.0f} ms of CPU"
    return [
        Figure(
            "pixels to PNG, 512x512: scipy + numpy + Pillow / ours", seconds["theirs"] / seconds["ours"], ">=", 25, "x", detail
        )
    ]


def speckled_scene(*, looks: int, seed: int) -> NDArray[np.float32]:
    """Fully developed speckle over fields of different backscatter with a smooth texture: (512, 512) linear intensity."""
    rng = np.random.default_rng(seed)
    texture = gaussian_filter(rng.normal(0, 1, (SIZE, SIZE)), 4)
    fields = np.kron(rng.normal(0, 0.7, (SIZE // 32, SIZE // 32)), np.ones((32, 32)))
    backscatter: NDArray[np.float64] = np.exp(0.35 * texture / texture.std() + fields)
    return (backscatter * rng.gamma(looks, 1 / looks, (SIZE, SIZE))).astype(np.float32)


def our_levels(scene: NDArray[np.float32]) -> NDArray[np.uint8]:
    return _our_stretch(refined_lee(scene))


def _our_stretch(filtered: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = db_percentiles(filtered, (2, 98))
    return stretched(filtered, low_db=low, high_db=high)


def _their_levels(scene: NDArray[np.float32]) -> NDArray[np.uint8]:
    decibels = 10 * np.log10(scipy_refined_lee(scene))
    low, high = np.percentile(decibels[np.isfinite(decibels)], (2, 98))
    levels = np.clip(1 + 254 * (decibels - low) / (high - low), 1, 255)
    return np.where(np.isfinite(decibels), np.round(levels), 0).astype(np.uint8)


def pillow_png(levels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG")
    return buffer.getvalue()


def cpu_medians(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of this thread's CPU time per call; each round makes every call once, after one that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            start = time.thread_time()
            call()
            seconds[name].append(time.thread_time() - start)
    return {name: statistics.median(values[1:]) for name, values in seconds.items()}


if __name__ == "__main__":
    print_figures(measure(Path("runs/bench")))
