"""The steps of a build, as engine.py puts them together for a whole build, for a share, and for the finish of shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sarlang_hf.errors import UsageError
from sarlang_hf.packaging.blame import Blame, excluded_images
from sarlang_hf.packaging.build_log import Report
from sarlang_hf.packaging.build_shard import Receipt, ShardPlan
from sarlang_hf.packaging.finish import finish
from sarlang_hf.packaging.manifest import Manifest, Request
from sarlang_hf.packaging.measure import Limits, measure, merged_limits
from sarlang_hf.packaging.options import BuildOptions, pixel_options
from sarlang_hf.packaging.shards import Recipe, build_shards, plan_shards
from sarlang_hf.packaging.survey import Survey, survey
from sarlang_hf.packaging.workspace import Places, require_no_rejects
from sarlang_hf.schema import DatasetKind
from sarlang_hf.sources import Source
from sarlang_hf.texts.captions import is_captioned
from sarlang_hf.texts.plan import QuestionPlan
from sarlang_hf.texts.planner import QuestionPlanner

_TOLD_EVERY = 100
"""Tiles read between two reports."""


@dataclass(frozen=True, slots=True)
class Job:
    """What every step of one run needs."""

    out: Path
    sources: Sequence[Source]
    settings: BuildOptions
    request: Request
    places: Places
    kind: DatasetKind
    workers: int
    log: Path | None
    report: Report


def plan_questions(surveyed: Survey, settings: BuildOptions) -> tuple[QuestionPlan, bool]:
    """The question plan of the whole build, and whether any tile has captions, its own or from its boxes."""
    planner, captions = QuestionPlanner(keep_ambiguous=settings.keep_ambiguous), False
    for tile in surveyed.all_tiles():
        planner.add(tile)
        captions = captions or is_captioned(tile, settings.captions)
    return planner.plan(density=settings.density), captions


def do_once(job: Job, work: Path) -> tuple[list[ShardPlan], Limits]:
    """What is done once for all shares: reading the annotations, compiling, and measuring for stretch `dataset`."""
    surveyed = open_survey(job, work) if (work / "survey.sqlite").exists() else _read_annotations(job, work)
    plans = plan_shards(surveyed, job.settings.rows_per_shard)
    if surveyed.has_radar():
        _compile(job.report)
    return plans, limits_of(job, work, plans)


def _read_annotations(job: Job, work: Path) -> Survey:
    settings, seen = job.settings, 0

    def progress(number: int) -> None:
        nonlocal seen
        seen = number
        if seen % _TOLD_EVERY == 0:
            job.report("reading annotations", seen, None)

    job.report("reading annotations", 0, None)
    survey(
        work / "survey.sqlite",
        job.sources,
        seed=settings.seed,
        skip_faults=settings.skip_faults,
        limit=settings.limit,
        progress=progress,
    )
    job.report("reading annotations", seen, seen)
    return Survey(work / "survey.sqlite")


def open_survey(job: Job, work: Path) -> Survey:
    """The survey of an unfinished build, whose sources and left-out images must suit this run."""
    if not (work / "survey.sqlite").exists():
        problem, remedy = "no share has read the annotations yet", "build the shares first: sarlang build OUT ... --shard I/N"
        raise UsageError(problem, place=job.out, remedy=remedy)
    found = Survey(work / "survey.sqlite")
    found.require_sources()
    require_no_rejects(job.out, _number_left_out(work, found), skip_faults=job.settings.skip_faults)
    return found


def _number_left_out(work: Path, surveyed: Survey) -> int:
    """How many images earlier runs have left out of this unfinished build because something was wrong with them."""
    receipts = map(Receipt.read, (work / "receipts").glob("*.json"))
    built = {reject.image_id for receipt in receipts for reject in receipt.rejects if not reject.screened}
    return sum(not reject.screened for reject in surveyed.rejects()) + len(built | excluded_images(work))


def _compile(report: Report) -> None:
    """Fills the cache of compiled code, before each worker would do it for itself."""
    from sarlang_hf.imaging.preprocess import warm

    report("compiling the filters", 0, 1)
    warm()
    report("compiling the filters", 1, 1)


def limits_of(job: Job, work: Path, plans: Sequence[ShardPlan]) -> Limits:
    stretch = pixel_options(job.settings, {}).stretch
    if stretch.kind != "dataset":
        return {}
    measure(
        work,
        plans,
        max_nodata=job.settings.max_nodata,
        blame=_blame(job, work),
        workers=job.workers,
        tick=lambda done: job.report("measuring contrast", done, sum(plan.count for plan in plans)),
    )
    return merged_limits(work, plans, stretch)


def recipe_of(job: Job, work: Path, limits: Limits) -> Recipe:
    settings = job.settings
    questions, with_cap = plan_questions(Survey(work / "survey.sqlite"), settings)
    if settings.captions == "template" and not with_cap:
        job.report.notice("no image has boxes that name every object: no captions are written")
    return Recipe(
        questions, pixel_options(settings, limits), settings.seed, settings.skip_faults, settings.captions, with_cap=with_cap
    )


def build_all(job: Job, work: Path, plans: Sequence[ShardPlan], recipe: Recipe) -> None:
    total = sum(plan.count for plan in plans)
    build_shards(
        work,
        plans,
        recipe,
        blame=_blame(job, work),
        workers=job.workers,
        tick=lambda done: job.report("building shards", done, total),
    )


def complete(job: Job, work: Path, plans: Sequence[ShardPlan], recipe: Recipe) -> Manifest:
    return finish(
        job.out,
        work,
        plans,
        kind=job.kind,
        request=job.request,
        questions=recipe.questions,
        limits=recipe.pixels.limits,
        skip_faults=job.settings.skip_faults,
        report=job.report,
    )


def _blame(job: Job, work: Path) -> Blame:
    return Blame(work, job.settings.skip_faults, job.report.notice, Counter())
