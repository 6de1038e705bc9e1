"""Building the shards of a build, or of one share of it: which ones, with what, by whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sarlang_hf.errors import UsageError
from sarlang_hf.packaging.blame import Blame, ShardTask
from sarlang_hf.packaging.build_shard import ShardPlan, build_shard
from sarlang_hf.packaging.pixels import PixelOptions
from sarlang_hf.packaging.pool import run_tasks
from sarlang_hf.packaging.survey import Survey
from sarlang_hf.packaging.worker import Watch
from sarlang_hf.packaging.workspace import Share, recorded_division
from sarlang_hf.schema import CONFIGS, SPLITS
from sarlang_hf.texts.captions import CaptionTexts
from sarlang_hf.texts.plan import QuestionPlan


@dataclass(frozen=True, slots=True)
class Recipe:
    """What every shard of a build is made with; see `build_shard` for the fields."""

    questions: QuestionPlan
    pixels: PixelOptions
    seed: int
    skip_faults: bool
    captions: CaptionTexts
    with_cap: bool


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


def plans_of(share: Share, plans: Sequence[ShardPlan]) -> Sequence[ShardPlan]:
    """Share I of N has the plans I, I + N, I + 2N, ...: neighbours, which often are of one source, go to different shares."""
    index, total = share
    return plans[index - 1 :: total]


def without_receipt(work: Path, plans: Sequence[ShardPlan]) -> list[ShardPlan]:
    """The plans whose shard is not finished."""
    return [plan for plan in plans if not (work / "receipts" / plan.receipt_name).exists()]


def require_all_shards(work: Path, plans: Sequence[ShardPlan]) -> None:
    """Raises a `UsageError` that says how many shards are missing, and which shares they belong to."""
    missing = set(without_receipt(work, plans))
    if not missing:
        return
    total = recorded_division(work) or 1
    lacking = {index: len(missing.intersection(plans_of((index, total), plans))) for index in range(1, total + 1)}
    shares = ", ".join(f"share {index}/{total} lacks {number}" for index, number in lacking.items() if number)
    problem = f"{len(missing)} of {len(plans)} shards are missing: {shares}"
    remedy = "build these shares (again): sarlang build OUT ... --shard I/N; finished shards are kept"
    raise UsageError(problem, place=work.parent, remedy=remedy)


def remove_leftovers(work: Path, plans: Sequence[ShardPlan]) -> None:
    """Removes what killed runs have half-written of these shards, and nothing of other shards."""
    own = {name for plan in plans for name in (plan.receipt_name, *(plan.file_name(config) for config in CONFIGS))}
    for leftover in work.glob("*/.*.part"):
        if any(leftover.name.startswith(f".{name}.") for name in own):
            leftover.unlink()


def build_shards(
    work: Path,
    plans: Sequence[ShardPlan],
    recipe: Recipe,
    *,
    blame: Blame,
    workers: int,
    tick: Callable[[int], None],
) -> None:
    """Builds those of the shards that are not finished.

    Args:
        work: the working folder.
        plans: which shards.
        recipe: what they are made with.
        blame: what to do about a shard that breaks down.
        workers: processes to use.
        tick: told the number of tiles that are done.

    Raises:
        ImageFault: an image is unusable and may not be left out.
        OutputError: the working folder cannot be written.
    """
    missing = without_receipt(work, plans)
    run_plans(partial(_build, work, recipe), plans, missing, blame=blame, workers=workers, tick=tick)


def run_plans(
    body: Callable[[ShardTask, Watch], None],
    plans: Sequence[ShardPlan],
    missing: Sequence[ShardPlan],
    *,
    blame: Blame,
    workers: int,
    tick: Callable[[int], None],
) -> None:
    """Runs `body` on the missing ones of some plans, if any, and keeps count of all their tiles."""
    if not missing:
        return
    done = sum(plan.count for plan in plans) - sum(plan.count for plan in missing)
    tick(done)
    tasks = [ShardTask.of(blame.work, plan) for plan in missing]
    running = run_tasks(body, tasks, workers=workers, failed=blame.failed, tick=lambda begun: tick(done + begun))
    with closing(running) as finished:
        for task, _ in finished:
            done += task.plan.count
            tick(done)


def _build(work: Path, recipe: Recipe, task: ShardTask, watch: Watch) -> None:
    build_shard(
        work,
        task.plan,
        recipe.questions,
        seed=recipe.seed,
        skip_faults=recipe.skip_faults,
        captions=recipe.captions,
        with_cap=recipe.with_cap,
        pixels=recipe.pixels,
        excluded=task.excluded,
        watch=watch,
    )
