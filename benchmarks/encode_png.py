"""Our PNG writer against Pillow's defaults on despeckled 512 x 512 tiles of 1, 4 and 10 looks.

One thread, CPU time, alternating repetitions, medians; the worst tile counts. The writer without ISA-L is measured in the same
run and stands in the detail.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from figures import Figure, print_figures
from pixel_chain import cpu_medians, our_levels, pillow_png, speckled_scene

from sarlang_hf.imaging import png

LOOKS = (1, 4, 10)
ROUNDS = 41


def measure(folder: Path) -> list[Figure]:  # noqa: ARG001  # nothing is stored
    speeds, fallbacks, sizes = {}, {}, {}
    for looks in LOOKS:
        tile = our_levels(speckled_scene(looks=looks, seed=looks))
        seconds = cpu_medians(
            {
                "ours": partial(png.encode, tile),
                "fallback": partial(png._file, tile, png._STANDARD_LIBRARY),
                "Pillow": partial(pillow_png, tile),
            },
            ROUNDS,
        )
        speeds[looks] = seconds["Pillow"] / seconds["ours"]
        fallbacks[looks] = seconds["Pillow"] / seconds["fallback"]
        sizes[looks] = len(png.encode(tile)) / len(pillow_png(tile))
    times = f"{_by_looks(speeds, '.1f')}; without ISA-L {_by_looks(fallbacks, '.1f')}"
    return [
        Figure("PNG, Pillow's time / ours", min(speeds.values()), ">=", 10, "x", times),
        Figure("PNG, our bytes / Pillow's", max(sizes.values()), "<=", 1, "x", _by_looks(sizes, ".3f")),
    ]


def _by_looks(values: dict[int, float], digits: str) -> str:
    return ", ".join(f"{value:{digits}} ({looks} look{'s' * (looks > 1)})" for looks, value in values.items())


if __name__ == "__main__":
    print_figures(measure(Path("runs/bench")))
