"""The measuring pass of stretch `dataset`: one look at all radar pixels before the first shard, for limits that all tiles share.

Histograms of the filtered intensity are taken plan by plan, by the same workers as shards, and add up; a resumed build takes
those that are missing:

    OUT/.build/histograms/train-00000.npz     names of sources (n,) and counts (n, 65536)
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.errors import ImageFault
from sarlang_hf.files import write_atomically
from sarlang_hf.imaging.contrast import Stretch
from sarlang_hf.packaging.blame import Blame, ShardTask
from sarlang_hf.packaging.build_shard import ShardPlan
from sarlang_hf.packaging.options import BuildOptions
from sarlang_hf.packaging.pixels import radar_band
from sarlang_hf.packaging.shards import run_plans
from sarlang_hf.packaging.survey import Survey
from sarlang_hf.packaging.worker import Watch
from sarlang_hf.schema import Tile

Histogram = NDArray[np.int64]
Limits = dict[str, tuple[float, float]]
"""(low, high) in dB by source."""


def measure(
    work: Path,
    plans: Sequence[ShardPlan],
    *,
    max_nodata: float,
    blame: Blame,
    workers: int,
    tick: Callable[[int], None],
) -> None:
    """Takes the histograms of the plans that have none yet.

    Args:
        work: the working folder.
        plans: all shard plans of the build.
        max_nodata: share of nodata above which a tile is left out of the dataset, and hence of this.
        blame: what to do about a plan that breaks down.
        workers: processes to use.
        tick: told the number of tiles looked at.
    """
    missing = [plan for plan in plans if not _path(work, plan).exists()]
    run_plans(partial(_measure_plan, work, max_nodata), plans, missing, blame=blame, workers=workers, tick=tick)


def merged_limits(work: Path, plans: Sequence[ShardPlan], stretch: Stretch) -> Limits:
    """The limits of each source from the histograms of all plans."""
    total: dict[str, Histogram] = {}
    for plan in plans:
        with np.load(_path(work, plan)) as found:
            _merge(total, dict(zip(found["sources"].tolist(), found["counts"], strict=True)))
    return _limits(total, stretch)


def measured_limits(surveyed: Survey, settings: BuildOptions) -> Limits:
    """The limits of each source, measured here and now over all tiles; none for stretches other than `dataset`."""
    stretch = Stretch.parse(settings.stretch)
    if stretch.kind != "dataset":
        return {}
    return _limits(_histograms(surveyed.all_tiles(), max_nodata=settings.max_nodata), stretch)


def _limits(histograms: Mapping[str, Histogram], stretch: Stretch) -> Limits:
    """The percentiles `stretch` names, by source; a source without a single valid pixel has none."""
    from sarlang_hf.imaging.contrast import db_limits_from_histogram

    percents = (stretch.low, stretch.high)
    return {name: db_limits_from_histogram(counts, percents) for name, counts in sorted(histograms.items()) if counts.any()}


def _histograms(tiles: Iterator[Tile], *, max_nodata: float) -> dict[str, Histogram]:
    """The summed histograms of some tiles, by source.

    Files that cannot be read are passed over: reading them again to build their shard says so.
    """
    from sarlang_hf.imaging.contrast import histogram
    from sarlang_hf.imaging.preprocess import filtered_intensity

    total: dict[str, Histogram] = {}
    for tile in tiles:
        if tile.radar is None or tile.original is not None:
            continue
        try:
            intensity = filtered_intensity(radar_band(tile, tile.radar), tile.radar)
        except ImageFault:
            continue
        if np.isnan(intensity).mean() <= max_nodata:
            _merge(total, {tile.source: histogram(intensity)})
    return total


def _measure_plan(work: Path, max_nodata: float, task: ShardTask, watch: Watch) -> None:
    plan = task.plan

    def tiles() -> Iterator[Tile]:
        for tile in Survey(work / "survey.sqlite").tiles(plan.split, plan.first, plan.count):
            watch(tile.image_id)
            if tile.image_id not in task.excluded:
                yield tile

    found = _histograms(tiles(), max_nodata=max_nodata)
    counts = np.stack([*found.values()]) if found else np.zeros((0, 0), np.int64)
    file = io.BytesIO()
    np.savez_compressed(file, sources=np.array([*found], np.str_), counts=counts)
    write_atomically(_path(work, plan), file.getvalue())


def _merge(total: dict[str, Histogram], more: Mapping[str, Histogram]) -> None:
    for source, counts in more.items():
        total[source] = total[source] + counts if source in total else counts


def _path(work: Path, plan: ShardPlan) -> Path:
    return work / "histograms" / f"{plan.split}-{plan.index:05}.npz"
