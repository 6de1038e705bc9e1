"""`sarlang build`: survey, shards, finish. Killed at any moment and run again, it continues and ends with the same bytes.

    sources -> survey.sqlite -> one file set per shard (any number of processes and nodes, any order) -> finished folder

Everything lies under OUT/.build/ until the last shard is done; `manifest.json` is written last of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, overload

from sarlang_hf.errors import UsageError
from sarlang_hf.packaging.build_log import Progress, Report, build_log
from sarlang_hf.packaging.inputs import described_input
from sarlang_hf.packaging.manifest import Manifest, Request, SourceSettings
from sarlang_hf.packaging.measure import measured_limits
from sarlang_hf.packaging.options import BuildOptions, pixel_options
from sarlang_hf.packaging.shards import plan_shards, plans_of, remove_leftovers, require_all_shards
from sarlang_hf.packaging.steps import Job, build_all, complete, do_once, limits_of, open_survey, plan_questions, recipe_of
from sarlang_hf.packaging.workspace import Share, claimed, claimed_share, finished_build, remove_work
from sarlang_hf.schema import DatasetKind
from sarlang_hf.sources import Source
from sarlang_hf.sources.opening import require_unturned_texts

__all__ = ["BuildOptions", "build", "build_request", "dataset_kind", "measured_limits", "pixel_options", "plan_questions"]

PAPER_SOURCES = frozenset({"sardet100k", "spacenet6", "dfc2023", "openearthmap_sar"})


@overload
def build(
    out: str | Path,
    sources: Sequence[Source],
    *,
    workers: int = 1,
    share: None = None,
    finish_only: bool = False,
    log: Path | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
    **options: Any,
) -> Manifest: ...


@overload
def build(
    out: str | Path,
    sources: Sequence[Source],
    *,
    workers: int = 1,
    share: Share,
    finish_only: bool = False,
    log: Path | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
    **options: Any,
) -> None: ...


def build(
    out: str | Path,
    sources: Sequence[Source],
    *,
    workers: int = 1,
    share: Share | None = None,
    finish_only: bool = False,
    log: Path | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
    **options: Any,
) -> Manifest | None:
    """Builds a dataset folder, or a share of one.

    Several nodes that see one file system build a folder together: each calls this with its share, in any order or at the same
    time, and one calls it with `finish_only` when all are done. The folder is the same, byte for byte.

    Args:
        out: folder to make; a finished build of the same inputs and options is left as it is.
        sources: what to read.
        workers: processes that build shards. With 1, everything is done in this process, which dies with an image that kills it.
        share: (I, N): only the shards of the I-th of N shares, counted from 1, and nothing returned.
        finish_only: build no shard; complete the folder, whose shards must all be there.
        log: file to append a protocol to; a run that is refused leaves none.
        progress: told about phases, for a progress bar.
        notice: told, in a sentence, what went wrong and did not stop the build.
        **options: fields of `BuildOptions`.

    Returns:
        The manifest of the finished folder.

    Raises:
        UsageError: the folder holds something else, or an unfinished build of other inputs or options, or of the same inputs at
            another place; other processes build in it that do not go with this one; or there is not yet everything to finish.
        SourceError, ImageFault: an input is unusable.
        OutputError: the folder or the log cannot be written.
        SarlangError: workers die, whatever they are at.
    """
    out, settings = Path(out), BuildOptions(**options)
    _require_sense(workers, share, finish_only)
    _require_distinct(sources)
    require_unturned_texts(
        turned=any(source.parameters().get("turn_south") for source in sources),
        released=any(source.name == "released" for source in sources),
    )
    request, kind = build_request(sources, settings), dataset_kind(sources, settings.limit)
    job = Job(out, sources, settings, request, _places(sources), kind, workers, log, Report(progress, notice))
    if (finished := _finished(job)) is not None:
        return None if share else finished
    if share:
        _build_share(job, share)
        return None
    return _finish_shares(job) if finish_only else _build_whole(job)


def _finished(job: Job) -> Manifest | None:
    return finished_build(job.out, job.request, skip_faults=job.settings.skip_faults)


def _build_whole(job: Job) -> Manifest:
    with claimed(job.out, job.request, job.places) as work, build_log(job.log, job.report):
        if (finished := _finished(job)) is not None:  # by a process that held the lock a moment ago
            return finished
        plans, limits = do_once(job, work)
        recipe = recipe_of(job, work, limits)
        build_all(job, work, plans, recipe)
        manifest = complete(job, work, plans, recipe)
        remove_work(job.out)  # while nobody else may enter it
    return manifest


def _build_share(job: Job, share: Share) -> None:
    def waiting() -> None:
        job.report("waiting for the share that reads the annotations", 0, None)

    claim = claimed_share(job.out, job.request, job.places, share, waiting=waiting)
    with claim as (work, let_others), build_log(job.log, job.report):
        if _finished(job) is not None:
            return
        plans, limits = do_once(job, work)
        let_others()
        own = plans_of(share, plans)
        remove_leftovers(work, own)
        build_all(job, work, own, recipe_of(job, work, limits))


def _finish_shares(job: Job) -> Manifest:
    with claimed(job.out, job.request, job.places, to_finish=True) as work, build_log(job.log, job.report):
        plans = plan_shards(open_survey(job, work), job.settings.rows_per_shard)
        require_all_shards(work, plans)
        manifest = complete(job, work, plans, recipe_of(job, work, limits_of(job, work, plans)))
        remove_work(job.out)
    return manifest


def build_request(sources: Sequence[Source], settings: BuildOptions) -> Request:
    """What is to be built: equal requests have equal results."""
    inputs = (described_input(source.name, name, path) for source in sources for name, path in source.inputs().items())
    described = (SourceSettings(source.name, source.terms, source.parameters()) for source in sources)
    return Request(f"sarlang-hf {version('sarlang-hf')}", tuple(inputs), tuple(described), settings.identity())


def _places(sources: Sequence[Source]) -> dict[str, str]:
    """Where the inputs lie, whichever link they are named by."""
    return {f"{source.name}: {name}": str(path.resolve()) for source in sources for name, path in source.inputs().items()}


def dataset_kind(sources: Sequence[Source], limit: int | None) -> DatasetKind:
    """What a build of these sources is.

    Simulated input makes a simulated dataset. All of the paper's sources make a rebuilt one, its released files one that claims
    to be official: whether it is, the finish decides from the counts.
    """
    names = {source.name for source in sources}
    if any(source.simulated for source in sources):
        return "simulated"
    if limit is not None:
        return "custom"
    return "rebuilt" if names == PAPER_SOURCES else "official" if names == {"released"} else "custom"


def _require_sense(workers: int, share: Share | None, finish_only: bool) -> None:
    if workers < 1:
        raise UsageError(f"workers is {workers}", place="build options", remedy="give 1 or more")
    if share and not 1 <= share[0] <= share[1]:
        raise UsageError("share {} of {} does not exist".format(*share), place="build options", remedy="count from 1 to N")
    if share and finish_only:
        remedy = "build all shares first, then finish"
        raise UsageError("a share and the finish cannot be one run", place="build options", remedy=remedy)


def _require_distinct(sources: Sequence[Source]) -> None:
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two sources are named {name!r}", place="build", remedy="name the second one: --coco NAME=DIR")
