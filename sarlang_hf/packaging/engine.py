"""`sarlang build`: survey, shards, finish. Killed at any moment and run again, it continues and ends with the same bytes.

    sources -> survey.sqlite -> one file set per shard (any number of processes, any order) -> finished folder

Everything lies under OUT/.build/ until the last shard is done; `manifest.json` is written last of all.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from sarlang_hf.errors import UsageError
from sarlang_hf.files import sha256_of
from sarlang_hf.packaging.build_shard import Receipt, ShardPlan, build_shard
from sarlang_hf.packaging.finish import finish
from sarlang_hf.packaging.manifest import Input, Manifest, Request, SourceSettings
from sarlang_hf.packaging.survey import Survey, survey
from sarlang_hf.packaging.workspace import claimed, finished_build, remove_work, require_no_rejects
from sarlang_hf.schema import SPLITS, DatasetKind
from sarlang_hf.sources import Source
from sarlang_hf.sources.files import reading
from sarlang_hf.texts.plan import QuestionPlan
from sarlang_hf.texts.planner import PAPER_DENSITY, QuestionPlanner

ROWS_PER_SHARD = 1000
OnError = Literal["fail", "skip"]
PAPER_SOURCES = frozenset({"sardet100k", "spacenet6", "dfc2023", "openearthmap_sar"})


class Progress(Protocol):
    """Told how far a phase has come; `total` is None while it is unknown."""

    def __call__(self, phase: str, done: int, total: int | None) -> None: ...


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What decides the bytes of a build, apart from its sources.

    Attributes:
        seed: of the 7:3 split, of `limit`'s choice and of the texts.
        density: questions per image the build aims at (see `texts.planner`).
        keep_ambiguous: ask region questions even where a box holds a second class, as the paper's count does.
        on_error: what an unusable image does: stop the build, or be left out and recorded.
        limit: at most this many images per source and split.
        rows_per_shard: images per shard.

    Raises:
        UsageError: a value outside its range.
    """

    seed: int = 0
    density: float = PAPER_DENSITY
    keep_ambiguous: bool = False
    on_error: OnError = "fail"
    limit: int | None = None
    rows_per_shard: int = ROWS_PER_SHARD

    def __post_init__(self) -> None:
        if self.on_error not in get_args(OnError):
            raise _out_of_range("on_error", self.on_error, "fail or skip")
        if not (math.isfinite(self.density) and self.density > 0):
            raise _out_of_range("density", self.density, f"a number above 0; the paper has {PAPER_DENSITY}")
        for name in ("rows_per_shard", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise _out_of_range(name, value, "1 or more")

    def identity(self) -> dict[str, Any]:
        """The options that decide the bytes; `on_error` decides only whether the build gets to its end."""
        return {name: value for name, value in asdict(self).items() if name != "on_error"}


def build(
    out: str | Path, sources: Sequence[Source], *, workers: int = 1, progress: Progress | None = None, **options: Any
) -> Manifest:
    """Builds a dataset folder.

    Args:
        out: folder to make; a finished build of the same inputs and options is left as it is.
        sources: what to read.
        workers: processes that build shards.
        progress: told about phases, for a progress bar.
        **options: fields of `BuildOptions`.

    Returns:
        The manifest of the finished folder.

    Raises:
        UsageError: the folder holds something else, or an unfinished build of other inputs or options.
        SourceError, ImageFault: an input is unusable.
        OutputError: the folder cannot be written.
    """
    out, settings = Path(out), BuildOptions(**options)
    _require_distinct(sources)
    report = progress or (lambda _phase, _done, _total: None)
    request = build_request(sources, settings)
    skip_faults = settings.on_error == "skip"
    if (finished := finished_build(out, request, skip_faults=skip_faults)) is not None:
        return finished
    with claimed(out, request) as work:
        _survey_once(work, sources, settings, report)
        surveyed = Survey(work / "survey.sqlite")
        questions, captions = plan_questions(surveyed, settings)
        plans = plan_shards(surveyed, settings.rows_per_shard)
        _build_shards(work, plans, questions, settings, captions=captions, workers=workers, report=report)
        report("finishing", 0, 1)
        manifest = finish(
            out, work, plans, kind=dataset_kind(sources), request=request, questions=questions, skip_faults=skip_faults
        )
        report("finishing", 1, 1)
    remove_work(out)
    return manifest


def build_request(sources: Sequence[Source], settings: BuildOptions) -> Request:
    """What is to be built: equal requests have equal results."""
    inputs = (_input(source.name, name, path) for source in sources for name, path in source.inputs().items())
    described = (SourceSettings(source.name, source.terms, source.parameters()) for source in sources)
    return Request(f"sarlang-hf {version('sarlang-hf')}", tuple(inputs), tuple(described), settings.identity())


def _input(source: str, name: str, path: Path) -> Input:
    with reading(path):
        return Input(source, name, path.stat().st_size, sha256_of(path))


def dataset_kind(sources: Sequence[Source]) -> DatasetKind:
    """Simulated input makes a simulated dataset; all four of the paper's sources make a rebuilt one."""
    if any(source.simulated for source in sources):
        return "simulated"
    return "rebuilt" if {source.name for source in sources} == PAPER_SOURCES else "custom"


def _out_of_range(name: str, value: object, wanted: str) -> UsageError:
    return UsageError(f"{name} is {value!r}", place="build options", remedy=f"give {wanted}")


def _require_distinct(sources: Sequence[Source]) -> None:
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two sources are named {name!r}", place="build", remedy="name the second one: --coco NAME=DIR")


def plan_shards(surveyed: Survey, rows_per_shard: int) -> list[ShardPlan]:
    """Cuts each split into shards of `rows_per_shard` tiles in id order."""
    plans = []
    for split in SPLITS:
        count = surveyed.count(split)
        total = -(-count // rows_per_shard)
        for index in range(total):
            first = index * rows_per_shard
            plans.append(ShardPlan(split, index, total, first, min(rows_per_shard, count - first)))
    return plans


def _survey_once(work: Path, sources: Sequence[Source], settings: BuildOptions, report: Progress) -> None:
    path = work / "survey.sqlite"
    if path.exists():
        found = Survey(path)
        found.require_sources()
        require_no_rejects(work.parent, len(found.rejects()), skip_faults=settings.on_error == "skip")
    else:
        survey(
            path,
            sources,
            seed=settings.seed,
            skip_faults=settings.on_error == "skip",
            limit=settings.limit,
            progress=lambda seen: report("reading annotations", seen, None),
        )


def plan_questions(surveyed: Survey, settings: BuildOptions) -> tuple[QuestionPlan, bool]:
    """The question plan of the whole build, and whether any tile brings captions."""
    planner, captions = QuestionPlanner(keep_ambiguous=settings.keep_ambiguous), False
    for tile in surveyed.all_tiles():
        planner.add(tile)
        captions |= bool(tile.captions)
    return planner.plan(density=settings.density), captions


def _build_shards(
    work: Path,
    plans: Sequence[ShardPlan],
    questions: QuestionPlan,
    settings: BuildOptions,
    *,
    captions: bool,
    workers: int,
    report: Progress,
) -> None:
    """Builds the shards that have no receipt yet."""
    total = sum(plan.count for plan in plans)
    missing = [plan for plan in plans if not (work / "receipts" / plan.receipt_name).exists()]
    done = total - sum(plan.count for plan in missing)
    report("building shards", done, total)
    shared: dict[str, Any] = {"seed": settings.seed, "skip_faults": settings.on_error == "skip", "captions": captions}
    for plan in _run(work, missing, questions, shared, workers):
        done += plan.count
        report("building shards", done, total)


def _run(
    work: Path, plans: Sequence[ShardPlan], questions: QuestionPlan, shared: Mapping[str, Any], workers: int
) -> Iterator[ShardPlan]:
    """Runs shard plans here or in spawned processes and yields each as it finishes."""
    if workers <= 1 or len(plans) <= 1:
        for plan in plans:
            build_shard(work, plan, questions, **shared)
            yield plan
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_become_worker) as pool:
        futures: dict[Future[Receipt], ShardPlan] = {pool.submit(build_shard, work, p, questions, **shared): p for p in plans}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _become_worker() -> None:
    """Leaves Ctrl-C to the parent, and dies with it: an orphan would write into a folder that others build by then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
