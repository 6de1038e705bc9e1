"""The engine of `sarlang build`: workers that die, shares on several nodes, what is left out, the log."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pool_bodies
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from trees import Picture, contents, plain_tree, sardet_tree

import sarlang_hf
from sarlang_hf.errors import ImageFault, OutputError, SarlangError, UsageError
from sarlang_hf.imaging.speckle import refined_lee
from sarlang_hf.packaging import engine, parquet, workspace
from sarlang_hf.packaging.blame import MAX_FAILURES, Blame, ShardTask
from sarlang_hf.packaging.build_log import BuildLog, log_path
from sarlang_hf.packaging.build_shard import ShardPlan
from sarlang_hf.packaging.engine import dataset_kind
from sarlang_hf.packaging.inputs import described_input
from sarlang_hf.packaging.locks import is_locked, locked
from sarlang_hf.packaging.manifest import Manifest, read_manifest
from sarlang_hf.packaging.pool import Failure, run_tasks
from sarlang_hf.packaging.rows import question_rows
from sarlang_hf.packaging.shards import plans_of
from sarlang_hf.packaging.survey import Survey, survey
from sarlang_hf.packaging.text_tables import provenance_batches, question_batches
from sarlang_hf.packaging.worker import SharedNote, serve
from sarlang_hf.schema import Box, Caption, Question, Radar, Tile
from sarlang_hf.sources import SARDet100K


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A tree of 20 + 5 images and what a plain build makes of it in 13 shards."""
    folder = tmp_path_factory.mktemp("engine")
    root = plain_tree(folder / "s", train=20, val=5)
    build(folder / "d", root)
    return root, contents(folder / "d")


def build(out: Path, root: Path, **options: Any) -> Manifest | None:
    return sarlang_hf.build(out, [SARDet100K(root)], rows_per_shard=2, **options)


def command(out: Path, root: Path, *more: str) -> list[str]:
    shards = ["--rows-per-shard", "2", "--log", str(out.parent / "log")]
    return [sys.executable, "-m", "sarlang_hf.cli", "build", str(out), "--sardet", str(root), *shards, *more]


def wait_for(condition: Callable[[], Any]) -> Any:
    """Waits until something is true, and gives it; for a minute at most."""
    give_up = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < give_up, f"waited for a minute for {condition.__qualname__}"
        time.sleep(0.005)
    return found


def interrupt_at(phase: str) -> Callable[[str, int, int | None], None]:
    """A progress callback that stops a build where a phase begins."""

    def progress(now: str, _done: int, _total: int | None) -> None:
        if now == phase:
            raise KeyboardInterrupt

    return progress


# Workers


def run(body: Callable[..., Any], tasks: list[str], workers: int, failed: Callable[..., str] | None = None) -> dict[str, Any]:
    def unexpected(_task: str, failure: Failure) -> str:
        raise AssertionError(failure)

    ticks: list[int] = []
    with closing(run_tasks(body, tasks, workers=workers, failed=failed or unexpected, tick=ticks.append)) as done:
        return dict(done)


@pytest.mark.parametrize("workers", [1, 3])
def test_every_task_is_done_once(workers: int) -> None:
    assert run(pool_bodies.spelled, ["a", "bc", "", "def"], workers) == {"a": "A", "bc": "BC", "": "", "def": "DEF"}


@pytest.mark.parametrize(
    ("body", "workers", "how"),
    [
        (pool_bodies.killed_at_x, 2, "a worker was killed by SIGKILL"),
        (pool_bodies.raising_at_x, 2, "LookupError: no x here"),
        (pool_bodies.raising_at_x, 1, "LookupError: no x here"),
    ],
)
def test_a_breakdown_is_told_with_its_item_and_costs_no_other_task(body: Callable[..., Any], workers: int, how: str) -> None:
    told = []

    def failed(task: str, failure: Failure) -> str:
        told.append((task, failure.item, failure.how))
        return task.replace("x", "")

    assert run(body, ["ab", "cxd", "e"], workers, failed) == {"ab": "ab", "cd": "cd", "e": "e"}
    assert told == [("cxd", "x", how)]


def test_an_exception_in_a_worker_keeps_its_traceback() -> None:
    def failed(_task: str, failure: Failure) -> str:
        assert failure.error is not None
        raise failure.error

    with pytest.raises(LookupError) as caught:
        run(pool_bodies.raising_at_x, ["x"], 2, failed)
    assert "pool_bodies.py" in caught.value.__notes__[0]
    assert "at x" in caught.value.__notes__[0]


def test_workers_use_one_thread_each() -> None:
    assert run(pool_bodies.threads, ["one"], 2) == {"one": {"omp": "1", "numba": "1", "arrow": 1}}
    assert "NUMBA_NUM_THREADS" not in os.environ


def test_an_error_of_the_caller_is_nobodys_breakdown() -> None:
    """What the progress callback raises comes out as it is, although it is raised from within a task."""

    def tick(_begun: int) -> None:
        raise ZeroDivisionError

    def body(_task: str, watch: Callable[[str], None]) -> None:
        time.sleep(0.25)  # longer than the time between two ticks
        watch("a")

    with pytest.raises(ZeroDivisionError):
        list(run_tasks(body, ["a"], workers=1, failed=lambda task, _failure: task, tick=tick))


def test_workers_end_when_their_caller_gives_up(tmp_path: Path) -> None:
    tasks = [str(tmp_path / "a"), str(tmp_path / "b")]

    def tick(_begun: int) -> None:
        if all(Path(task).exists() and Path(task).read_text() for task in tasks):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_tasks(pool_bodies.slow, tasks, workers=2, failed=lambda task, _failure: task, tick=tick))
    for task in tasks:
        with pytest.raises(ProcessLookupError):
            os.kill(int(Path(task).read_text()), 0)


def test_a_worker_dismissed_while_it_answers_ends_without_a_word(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(pool_bodies.patient, theirs, SharedNote(context)))
    process.start()
    theirs.close()
    ours.send(str(tmp_path / "go"))
    ours.close()
    (tmp_path / "go").touch()
    process.join(60)
    assert process.exitcode == 0
    assert capfd.readouterr() == ("", "")


# Images that bring workers down. A named pipe in an image's place holds the worker that opens it until the test kills it.

IMAGE = "0000007"


class Trap:
    """The pipe in the place of an image of a tree of which a build in `out` has built all shards but that of the image."""

    def __init__(self, out: Path, root: Path) -> None:
        with pytest.raises(KeyboardInterrupt):
            build(out, root, progress=interrupt_at("finishing"))
        (out / ".build/receipts/train-00003.json").unlink()
        self.path = root / f"JPEGImages/train/{IMAGE}.png"
        self._image = self.path.read_bytes()
        self.path.unlink()
        os.mkfifo(self.path)

    def mend(self) -> None:
        """Puts the image back; whoever has the pipe open keeps it."""
        self.path.with_suffix(".new").write_bytes(self._image)
        self.path.with_suffix(".new").replace(self.path)

    @contextmanager
    def sprung(self, builder: int) -> Iterator[int]:
        """Waits until a worker of the process `builder` has opened the pipe, and yields the worker's process id."""

        def opened() -> list[int]:
            with suppress(OSError):  # refused while nobody reads
                return [os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)]
            return []

        def readers() -> list[int]:
            return [worker for worker in workers_of(builder) if self._is_open_in(worker)]

        [writer] = wait_for(opened)
        try:
            yield wait_for(readers)[0]
        finally:
            os.close(writer)

    def _is_open_in(self, process: int) -> bool:
        with suppress(FileNotFoundError, ProcessLookupError):  # files and processes come and go meanwhile
            return str(self.path) in {str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir()}
        return False

    def kill(self, *, mended: bool = False) -> None:
        with self.sprung(os.getpid()) as worker:
            if mended:
                self.mend()
            os.kill(worker, signal.SIGKILL)
            # Gone, lest the end of the pipe passes for the end of an image.
            wait_for(lambda: worker not in workers_of(os.getpid()))


@pytest.fixture
def trap(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> Iterator[Trap]:
    made = Trap(tmp_path / "d", undisturbed[0])
    yield made
    made.mend()


def workers_of(parent: int) -> list[int]:
    found = []
    for thread in Path(f"/proc/{parent}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in (thread / "children").read_text().split():
                with suppress(FileNotFoundError, ProcessLookupError):
                    if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                        found.append(int(child))
    return found


def in_thread(function: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Any]:
    """Runs a function while the test goes on, and may fail without waiting for it."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(function(*arguments, **options))
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def test_a_killed_worker_costs_nothing_but_time(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path, trap: Trap) -> None:
    told: list[str] = []
    building = in_thread(build, tmp_path / "d", undisturbed[0], workers=2, notice=told.append)
    trap.kill(mended=True)
    building.result(timeout=60)
    assert contents(tmp_path / "d") == undisturbed[1]
    assert told == [f"shard train-00003, at sardet100k/{IMAGE}: a worker was killed by SIGKILL; the shard is built again"]


def test_an_image_that_kills_two_workers_stops_the_build_and_stays_out_if_wished(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path, trap: Trap
) -> None:
    def interrupt(_phase: str, _done: int, _total: int | None) -> None:
        if list((tmp_path / "d/.build/excluded").glob("*.json")):
            raise KeyboardInterrupt

    root, _ = undisturbed
    building = in_thread(build, tmp_path / "d", root, workers=2)
    trap.kill()
    trap.kill()
    with pytest.raises(ImageFault) as caught:
        building.result(timeout=60)
    image = f"image JPEGImages/train/{IMAGE}.png"
    assert caught.value.problem == f"{image} broke shard train-00003 twice: a worker was killed by SIGKILL"
    assert caught.value.place.endswith(f"train.json: images[{int(IMAGE)}]")

    building = in_thread(build, tmp_path / "d", root, workers=2, on_error="skip", progress=interrupt)
    trap.kill()
    trap.kill()
    with pytest.raises(KeyboardInterrupt):
        building.result(timeout=60)
    trap.mend()
    with pytest.raises(UsageError, match="has left 1 images out here"):
        build(tmp_path / "d", root)
    manifest = build(tmp_path / "d", root, on_error="skip")
    assert manifest.rejects == {"worker_died": 1}
    assert manifest.counts["images"] == {"train": {"sardet100k": 19}, "test": {"sardet100k": 5}}
    [reject] = [json.loads(line) for line in (tmp_path / "d/rejects.jsonl").read_text().splitlines()]
    assert (reject["image_id"], reject["screened"]) == (f"sardet100k/{IMAGE}", False)
    sarlang_hf.verify(tmp_path / "d")


def test_ctrl_c_stops_workers_at_once_and_leaves_nothing_half_written(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path, trap: Trap
) -> None:
    process = subprocess.Popen(command(tmp_path / "d", undisturbed[0], "--workers", "2"), start_new_session=True)
    with trap.sprung(process.pid):  # one worker would wait for ever
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) != 0
    wait_for(lambda: not is_alive(process.pid))  # the helper of `multiprocessing` ends a moment later
    assert not list((tmp_path / "d").rglob("*.part"))
    trap.mend()
    build(tmp_path / "d", undisturbed[0])
    assert contents(tmp_path / "d") == undisturbed[1]


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


# Who is to blame


@pytest.fixture
def work(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> Path:
    survey(
        tmp_path / "survey.sqlite",
        [SARDet100K(undisturbed[0])],
        seed=0,
        skip_faults=False,
        limit=None,
        progress=lambda _seen: None,
    )
    return tmp_path


def blame(work: Path, *, skip_faults: bool) -> Blame:
    return Blame(work, skip_faults, lambda _text: None, Counter())


TASK = ShardTask(ShardPlan("train", 0, 1, 0, 40), {})


def died(number: int) -> Failure:
    return Failure(f"sardet100k/{number:07}", "a worker was killed by SIGKILL", None)


@pytest.mark.parametrize("skip_faults", [True, False])
def test_workers_that_die_at_ever_other_images_stop_the_build(work: Path, skip_faults: bool) -> None:
    judge = blame(work, skip_faults=skip_faults)
    for number in range(MAX_FAILURES):
        assert judge.failed(TASK, died(number)) == TASK
    with pytest.raises(SarlangError, match=f"{MAX_FAILURES + 1} workers died over shard train-00000") as caught:
        judge.failed(TASK, died(MAX_FAILURES))
    assert "memory may be short" in caught.value.remedy


def test_workers_that_die_before_the_first_image_stop_the_build(work: Path) -> None:
    judge = blame(work, skip_faults=True)
    start = Failure("", "a worker ended with exit status 1", None)
    assert judge.failed(TASK, start) == TASK
    with pytest.raises(SarlangError, match="exit status 1"):
        judge.failed(TASK, start)


def test_an_image_left_out_clears_the_shards_name(work: Path) -> None:
    """After each image that was to blame, the shard may break down as often as before; a later run knows them all."""
    judge, task = blame(work, skip_faults=True), TASK
    for number in range(MAX_FAILURES + 2):
        task = judge.failed(judge.failed(task, died(number)), died(number))
    assert [*task.excluded] == [f"sardet100k/{number:07}" for number in range(MAX_FAILURES + 2)]
    assert ShardTask.of(work, TASK.plan) == task


@dataclass
class Odd:
    """A source with a tile whose file name no system call takes, which nobody expects, and one that is incomplete."""

    root: Path
    name: str = "odd"
    simulated: bool = False
    terms: str = "ours"
    odd: str = "b"

    def inputs(self) -> dict[str, Path]:
        return {"images": self.root}

    def parameters(self) -> dict[str, Any]:
        return {}

    def tiles(self) -> Iterator[Tile | ImageFault]:
        names = sorted(path.stem for path in (self.root / "JPEGImages/train").iterdir())
        for number, name in enumerate(names[:9]):
            path = self.root / f"JPEGImages/train/{name}.png"
            record = f"{self.root}/list.txt: line {number}"
            if number == 5:
                about = {"reason": "missing_twin", "image_id": f"odd/{name}", "root": self.root}
                yield ImageFault("no twin", place=record, remedy="none", screened=True, **about)
            else:
                path = path.with_name("\0.png") if number == 3 and self.odd else path
                yield Tile("odd", name, "train", path, self.root, record, 64, 48, (), "CC0-1.0", redistributable=True)


def test_an_unexpected_exception_stops_the_build_and_says_where(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    told: list[str] = []
    with pytest.raises(ValueError, match="null") as caught:
        sarlang_hf.build(tmp_path / "d", [Odd(undisturbed[0])], rows_per_shard=3, notice=told.append)
    said = "list.txt: line 3: image JPEGImages/train/\0.png broke shard train-00001 twice"
    assert said in caught.value.__notes__[-1]
    assert len(told) == 1
    assert "the shard is built again" in told[0]


def test_an_image_that_raises_twice_is_left_out_alike_by_any_number_of_workers(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    for workers in (1, 2):
        options = {"workers": workers, "on_error": "skip"}
        manifest = sarlang_hf.build(tmp_path / str(workers), [Odd(undisturbed[0])], **options)
        assert (manifest.rejects, manifest.screened) == ({"internal_error": 1}, {"missing_twin": 1})
        assert manifest.counts["images"] == {"train": {"odd": 7}}
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert str(undisturbed[0]) not in (tmp_path / "1/rejects.jsonl").read_text()


def test_an_incomplete_image_never_stops_a_build(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    source = Odd(undisturbed[0], odd="")
    manifest = sarlang_hf.build(tmp_path / "d", [source], rows_per_shard=3)
    assert (manifest.rejects, manifest.screened) == ({}, {"missing_twin": 1})
    [reject] = (tmp_path / "d/rejects.jsonl").read_text().splitlines()
    what = '"reason": "missing_twin", "problem": "no twin", "place": "list.txt: line 5", "screened": true, "texts": 0'
    assert reject == f'{{"image_id": "odd/0000005", {what}}}'
    assert sarlang_hf.build(tmp_path / "d", [source], rows_per_shard=3) == manifest


# Shares


def test_shares_on_several_nodes_give_the_same_folder(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    root, expected = undisturbed
    shares = [command(tmp_path / "d", root, "--shard", *share) for share in (("3/3",), ("1/3", "--workers", "2"))]
    running = [subprocess.Popen(share, stderr=subprocess.PIPE, text=True) for share in shares]
    build(tmp_path / "d", root, share=(2, 3))
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert build(tmp_path / "d", root, finish_only=True) == read_manifest(tmp_path / "d")
    assert contents(tmp_path / "d") == expected
    assert build(tmp_path / "d", root, share=(2, 3)) is None  # at once: nothing is left to do
    assert contents(tmp_path / "d") == expected


@given(st.integers(0, 60), st.integers(1, 20))
def test_every_plan_belongs_to_one_share(number: int, total: int) -> None:
    plans = [ShardPlan("train", index, number, index, 1) for index in range(number)]
    shares = [plans_of((index, total), plans) for index in range(1, total + 1)]
    assert sorted((plan for share in shares for plan in share), key=lambda plan: plan.index) == plans
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_the_finish_names_the_shares_that_are_missing(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    root, expected = undisturbed
    with pytest.raises(UsageError, match="no unfinished build here"):
        build(tmp_path / "d", root, finish_only=True)
    assert not (tmp_path / "d").exists()
    with pytest.raises(KeyboardInterrupt):  # with a wrong option, which a second command mends
        build(tmp_path / "d", root, share=(1, 3), seed=5, progress=interrupt_at("building shards"))
    build(tmp_path / "d", root, share=(1, 3))
    with pytest.raises(UsageError, match="8 of 13 shards are missing: share 2/3 lacks 4, share 3/3 lacks 4"):
        build(tmp_path / "d", root, finish_only=True)
    with pytest.raises(UsageError, match=r"unfinished build with parameters\.seed = 0, now 1"):
        build(tmp_path / "d", root, finish_only=True, seed=1)
    build(tmp_path / "d", root)  # a plain build takes over what the shares have done
    assert contents(tmp_path / "d") == expected


def test_what_does_not_go_with_a_running_share_is_refused(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    root, log = undisturbed[0], tmp_path / "log"
    elsewhere = shutil.copytree(root, tmp_path / "s")
    refused: list[str] = []

    def meanwhile(phase: str, _done: int, _total: int | None) -> None:
        if phase != "building shards" or refused:
            return
        for options in ({}, {"finish_only": True}, {"share": (2, 3)}, {"share": (1, 2)}, {"share": (1, 3), "seed": 1}):
            with pytest.raises(UsageError) as caught:
                build(tmp_path / "d", root, log=log, **options)
            refused.append(caught.value.problem)
        with pytest.raises(UsageError) as caught:
            build(tmp_path / "d", elsewhere, share=(1, 3))
        refused.append(caught.value.problem)

    build(tmp_path / "d", root, share=(2, 3), log=log, progress=meanwhile)
    assert "stopped" not in log.read_text()  # by what was refused
    assert refused == [
        "shares of this build are running here: 2/3",
        "shares of this build are running here: 2/3",
        "another process is building share 2/3 here",
        "a build in 3 shares is running here, not in 2",
        "holds an unfinished build with parameters.seed = 0, now 1",
        f"holds an unfinished build that was begun from {root}/Annotations/train.json, now {elsewhere}/Annotations/train.json",
    ]
    build(tmp_path / "d", root, share=(1, 3))


def test_a_share_is_refused_while_a_plain_build_runs(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    def meanwhile(phase: str, done: int, _total: int | None) -> None:
        if phase == "finishing" and done == 0:
            with pytest.raises(UsageError, match="another process is building here"):
                build(tmp_path / "d", undisturbed[0], share=(1, 2))
            refused.append(True)

    refused: list[bool] = []
    build(tmp_path / "d", undisturbed[0], progress=meanwhile)
    assert refused == [True]


def test_a_share_waits_while_another_reads_the_annotations(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    def second(phase: str, _done: int, _total: int | None) -> None:
        if phase == "reading annotations" and not others:
            share = {"share": (2, 2), "progress": lambda now, _done, _total: phases.append(now)}
            others.append(in_thread(build, tmp_path / "d", undisturbed[0], **share))
            wait_for(lambda: phases == ["waiting for the share that reads the annotations"])
            assert not (tmp_path / "d/.build/survey.sqlite").exists()

    others: list[Future[Any]] = []
    phases: list[str] = []
    build(tmp_path / "d", undisturbed[0], share=(1, 2), progress=second)
    others[0].result(timeout=60)
    assert "building shards" in phases
    assert "reading annotations" not in phases
    build(tmp_path / "d", undisturbed[0], finish_only=True)
    assert contents(tmp_path / "d") == undisturbed[1]


def test_a_share_leaves_what_others_are_writing_alone(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    build(tmp_path / "d", undisturbed[0], share=(1, 3))
    shards = tmp_path / "d/.build/shards"
    own, other = (shards / f".vqa-train-{index:05}-of-00010.parquet.1-ab.part" for index in (3, 4))
    own.touch()
    other.touch()
    build(tmp_path / "d", undisturbed[0], share=(1, 3))
    assert (own.exists(), other.exists()) == (False, True)
    build(tmp_path / "d", undisturbed[0])
    assert contents(tmp_path / "d") == undisturbed[1]


def test_images_left_out_by_a_share_are_noticed_before_any_work(tree: Path, tmp_path: Path) -> None:
    image = tree / "JPEGImages/val/0000014.png"
    image.write_bytes(image.read_bytes()[:200])
    build(tmp_path / "d", tree, share=(2, 2), on_error="skip")
    phases: list[str] = []
    for options in ({"share": (2, 2)}, {"share": (1, 2)}, {}):
        with pytest.raises(UsageError, match="has left 1 images out here"):
            build(tmp_path / "d", tree, progress=lambda phase, _done, _total: phases.append(phase), **options)
    assert phases == []
    assert build(tmp_path / "d", tree, on_error="skip").rejects == {"undecodable": 1}


def test_the_working_folder_is_removed_while_it_is_locked(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def removed(out: Path) -> None:
        seen.append(is_locked(out / ".build/lock"))
        workspace.remove_work(out)

    seen: list[bool] = []
    monkeypatch.setattr(engine, "remove_work", removed)
    build(tmp_path / "a", tree)
    build(tmp_path / "b", tree, share=(1, 1))
    build(tmp_path / "b", tree, finish_only=True)
    assert seen == [True, True]
    assert not list(tmp_path.glob("*/.build"))


def test_a_lock_that_was_removed_with_its_folder_is_made_anew(tmp_path: Path) -> None:
    """Whoever waits for a lock must not end up with that of a file nobody else will find."""
    lock, told = tmp_path / "work/lock", Event()

    def second() -> bool:
        with locked(lock, waiting=told.set):
            return lock.exists() and is_locked(lock)

    lock.parent.mkdir()
    with locked(lock):
        waiting = in_thread(second)
        assert told.wait(60)
        shutil.rmtree(lock.parent)
    assert waiting.result(timeout=60)


@pytest.mark.parametrize(("share", "finish_only"), [((0, 3), False), ((4, 3), False), ((1, 3), True)])
def test_shares_that_make_no_sense_leave_no_trace(tree: Path, tmp_path: Path, share: tuple[int, int], finish_only: bool) -> None:
    with pytest.raises(UsageError):
        build(tmp_path / "d", tree, share=share, finish_only=finish_only)
    assert not (tmp_path / "d").exists()


# Stretch `dataset`


@dataclass
class Decibels:
    """Two sources' worth of small rasters of gamma speckle in decibels, the second 10 dB brighter; one is almost all nodata."""

    root: Path
    name: str
    simulated: bool = False
    terms: str = "ours"

    def write(self, mean_db: float, rng: np.random.Generator) -> list[NDArray[np.float32]]:
        self.root.mkdir(parents=True)
        scenes = [mean_db + 10 * np.log10(rng.gamma(4, 0.25, (40, 48))).astype(np.float32) for _ in range(5)]
        scenes[1][:, :20] = np.nan
        scenes[3][1:] = np.nan
        for number, scene in enumerate(scenes):
            tifffile.imwrite(self.root / f"{number}.tif", scene)
        return [scene for number, scene in enumerate(scenes) if number != 3]

    def inputs(self) -> dict[str, Path]:
        return {"sar": self.root}

    def parameters(self) -> dict[str, Any]:
        return {}

    def tiles(self) -> Iterator[Tile]:
        for path in sorted(self.root.iterdir()):
            radar = Radar(1, "only", "db", "data")
            where = (path, self.root, path.name)
            yield Tile(self.name, path.stem, None, *where, 48, 40, (), "CC0-1.0", redistributable=True, radar=radar)


def test_dataset_limits_are_the_percentiles_of_all_pixels_of_a_source(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sources = [Decibels(tmp_path / name, name) for name in ("dark", "bright")]
    scenes = {source.name: source.write(level, rng) for source, level in zip(sources, (-20, -10), strict=True)}
    options = {"stretch": "dataset:1,99", "rows_per_shard": 4}
    plain = sarlang_hf.build(tmp_path / "d", sources, **options)
    for name, bands in scenes.items():
        pixels = np.concatenate([refined_lee(10 ** (band / 10)).ravel() for band in bands])
        expected = np.percentile(10 * np.log10(pixels[~np.isnan(pixels)]), (1, 99))
        assert plain.limits[name] == pytest.approx(expected, abs=0.018)  # a bin of the histogram
    assert plain.screened == {"mostly_nodata": 2}
    sarlang_hf.build(tmp_path / "s", sources, share=(1, 2), **options)
    (tmp_path / "s/.build/histograms/train-00001.npz").unlink()
    sarlang_hf.build(tmp_path / "s", sources, share=(2, 2), workers=2, **options)  # measures what is missing
    assert sarlang_hf.build(tmp_path / "s", sources, finish_only=True, **options) == plain
    assert contents(tmp_path / "s") == contents(tmp_path / "d")


# What a build is made from


def test_a_folder_of_images_counts_by_names_sizes_and_samples(tmp_path: Path) -> None:
    for name, size in (("b/2.tif", 3), ("a.tif", 5), ("b/.DS_Store", 9), ("e\u0301.tif", 1)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "b/again").symlink_to(tmp_path)  # must not be walked for ever
    found = described_input("paired", "sar", tmp_path)
    samples = {size: hashlib.blake2b(b"x" * size, digest_size=16).hexdigest() for size in (1, 3, 5)}
    lines = f"a.tif\0005\0{samples[5]}\nb/2.tif\0003\0{samples[3]}\n\u00e9.tif\0001\0{samples[1]}\n"
    digest = hashlib.sha256(lines.encode()).hexdigest()
    assert (found.source, found.file, found.bytes, found.sha256) == ("paired", "sar/", 9, digest)


def test_uncompressed_rasters_of_equal_names_and_sizes_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        rng = np.random.default_rng(len(name) + ord(name))
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.tif").write_bytes(b"II*\0" + bytes(20_000) + rng.bytes(100) + bytes(20_000))
    first, second = (described_input("paired", "sar", tmp_path / name) for name in ("a", "b"))
    assert first.bytes == second.bytes
    assert first.sha256 != second.sha256


@pytest.mark.parametrize(
    ("names", "limit", "kind"),
    [
        (["sardet100k", "spacenet6", "dfc2023", "openearthmap_sar"], None, "rebuilt"),
        (["sardet100k", "spacenet6", "dfc2023", "openearthmap_sar"], 5, "custom"),
        (["sardet100k", "spacenet6", "dfc2023", "openearthmap_sar", "coco"], None, "custom"),
        (["sardet100k", "spacenet6", "dfc2023"], None, "custom"),
        (["released"], None, "official"),  # the finish has the last word
        (["released"], 5, "custom"),
        (["released", "sardet100k"], None, "custom"),
    ],
)
def test_the_kind_follows_from_sources_and_limit(tmp_path: Path, names: list[str], limit: int | None, kind: str) -> None:
    sources = [Odd(tmp_path, name=name) for name in names]
    assert dataset_kind(sources, limit) == kind
    sources[0].simulated = True
    assert dataset_kind(sources, limit) == "simulated"


def test_a_survey_gives_tiles_back_as_they_were(tmp_path: Path) -> None:
    plain = Tile("odd", "a", "train", Path("/s/a.png"), Path("/s"), "r", 64, 48, (), "CC0-1.0", redistributable=False)
    full = Tile(
        source="odd",
        stem="b",
        split="test",
        path=Path("/s/b.tif"),
        root=Path("/s"),
        record="b",
        width=1,
        height=2,
        boxes=(Box(0.1, 2, 3, 4, "ship"),),
        license="x",
        redistributable=True,
        clipped_boxes=1,
        radar=Radar(2, "order", "db+60", "nodata"),
        boxes_complete=False,
        optical=Path("/s/rgb/b.tif"),
        original=Path("/s/o/b.tif"),
        turned=True,
        scene="s",
        place="p",
        country="c",
        lat=-1.5,
        lon=0.0,
        polarization="HV",
        gsd_m=0.5,
        sensor="t",
        captions=(Caption("1", "a caption", "complex", "released"),),
        questions=(Question("2", "q", "a", "general_inquiry", "others", "shape", "", "released"),),
    )
    source = Odd(tmp_path)
    source.tiles = lambda: iter([full, replace(plain, split=None), replace(plain, stem="c")])  # type: ignore[method-assign]
    path = tmp_path / "survey.sqlite"
    survey(path, [source], seed=0, skip_faults=False, limit=None, progress=lambda _seen: None)
    found = Survey(path)
    assert [*found.tiles("test")] == [replace(plain, split="test"), full]  # 7:3 of a single tile is 0:1
    assert [*found.tiles("train")] == [replace(plain, stem="c")]
    assert found.tile("odd/b") == full
    assert found.has_radar()


def test_a_survey_that_cannot_be_written_is_named_as_it_would_have_been(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    path, limits = tmp_path / "survey.sqlite", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputError) as caught:
            survey(path, [SARDet100K(undisturbed[0])], seed=0, skip_faults=False, limit=None, progress=lambda _seen: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.place == str(path)


def test_a_row_group_ends_before_it_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "BYTES_PER_GROUP", 1000)
    rows = [{"image": {"bytes": bytes([number]) * 300, "path": f"{number}.png"}, "image_id": str(number)} for number in range(10)]
    with parquet.shard(tmp_path / "x.parquet", parquet.arrow_schema("raw")) as writer:
        for row in rows:
            writer.append(row)
    metadata = pq.read_metadata(tmp_path / "x.parquet")
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [4, 4, 2]
    stored = pq.read_table(tmp_path / "x.parquet", columns=["image", "image_id"]).to_pylist()
    assert stored == rows


def test_columns_are_written_in_groups_of_the_same_size(tmp_path: Path) -> None:
    schema = pa.schema([("number", pa.int64())])
    with parquet.shard(tmp_path / "x.parquet", schema, rows_per_group=10) as writer:
        for start, end in ((0, 4), (4, 25), (25, 25), (25, 31)):
            writer.append_batch(pa.RecordBatch.from_arrays([pa.array(range(start, end), pa.int64())], schema=schema))
    metadata = pq.read_metadata(tmp_path / "x.parquet")
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [10, 10, 10, 1]
    assert pq.read_table(tmp_path / "x.parquet")["number"].to_pylist() == list(range(31))


def test_texts_taken_by_columns_are_those_taken_row_by_row(plain_dataset: Path) -> None:
    shards = sorted((plain_dataset / "data").glob("vqa-train-*"))
    images = [row for path in shards for row in pq.read_table(path).to_pylist()]
    schema = parquet.arrow_schema("vqa_questions")
    questions = pa.Table.from_batches(question_batches(shards, schema)).to_pylist()
    assert questions == [row for number, image in enumerate(images) for row in question_rows(image, number)]
    texts = pa.Table.from_batches(provenance_batches(shards, kind="question")).to_pylist()
    unknown = {"model": "", "prompt_sha256": "", "reviewer": ""}
    assert texts == [
        {"text_id": q["question_id"], "text_kind": "question", "image_id": row["image_id"], "origin": q["origin"], **unknown}
        for row in images
        for q in row["questions"]
    ]


# The log


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 9, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_the_log_has_rate_and_time_left() -> None:
    clock, file = Clock(), io.StringIO()
    log = BuildLog(file, clock)
    steps = [(0, 400), (1, 500), (9, 1_300), (10, 1_400), (15, 1_900), (20, 2_400), (36, 4_000)]
    for second, done in steps:  # 400 were done by an earlier run; since then 100 a second
        clock.now = datetime(2026, 1, 5, 9, 0, 0, tzinfo=UTC) + timedelta(seconds=second)
        log.progress("building shards", done, 4_000)
    log.notice("image x is left out")
    log.progress("finishing", 0, 1)
    log.close("done")
    lines = [line.removeprefix("2026-01-05T09:00:") for line in file.getvalue().splitlines()]
    assert lines == [
        "00+00:00 building shards: started at 400 of 4,000",
        "10+00:00 building shards: 1,400 of 4,000, 100/s, 26 s left",
        "20+00:00 building shards: 2,400 of 4,000, 100/s, 16 s left",
        "36+00:00 building shards: 4,000 in 36 s",
        "36+00:00 image x is left out",
        "36+00:00 finishing: started",
        "36+00:00 done",
    ]


def test_a_build_tells_its_log_how_it_ended(tree: Path, tmp_path: Path) -> None:
    (tree / "JPEGImages/val/0000014.png").write_bytes(b"")
    with pytest.raises(ImageFault):
        build(tmp_path / "d", tree, log=tmp_path / "logs/d.log")
    build(tmp_path / "d", tree, log=tmp_path / "logs/d.log", on_error="skip")
    lines = [line.split(" ", 1)[1] for line in (tmp_path / "logs/d.log").read_text().splitlines()]
    [stopped] = [line for line in lines if line.startswith("stopped: ")]
    assert "0000014.png is empty" in stopped
    [read] = [line for line in lines if line.startswith("reading annotations: 18 in ")]
    assert re.fullmatch(r"reading annotations: 18 in \d+ s", read)
    assert lines[-1] == "done"


def begun(log: Path) -> list[str]:
    """The phases of a build, as its log has them."""
    lines = [line.split(" ", 1)[1] for line in log.read_text().splitlines()]
    return [line.split(":")[0] for line in lines if ": started" in line]


def test_the_log_names_each_phase_once_and_none_without_work(tree: Path, tmp_path: Path) -> None:
    phases = ["reading annotations", "building shards", "writing tars", "finishing"]
    build(tmp_path / "d", tree, webdataset=True, log=tmp_path / "log")
    assert begun(tmp_path / "log") == phases
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "e", tree, webdataset=True, progress=interrupt_at("writing tars"))
    build(tmp_path / "e", tree, webdataset=True, log=tmp_path / "again")
    assert begun(tmp_path / "again") == phases[2:]


def test_tars_that_would_hold_nothing_are_said_to_be_missing(tmp_path: Path) -> None:
    root, told = sardet_tree(tmp_path / "s", [Picture("a.png", boxes=[])], []), []
    manifest = build(tmp_path / "d", root, webdataset=True, notice=told.append)
    assert manifest.webdataset == ()
    assert told == ["no image has texts: no tars are written"]


def test_a_log_that_cannot_be_written_is_said_before_any_work(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="log file") as caught:
        build(tmp_path / "d", tree, log=tmp_path / "file/d.log")
    assert "--log" in caught.value.remedy
    assert not (tmp_path / "d/.build/survey.sqlite").exists()


def test_logs_lie_beside_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert log_path(Path("sarlang-1m/"), None) == tmp_path / "sarlang-1m.log"
    assert log_path(Path("data.v1"), (2, 16)) == tmp_path / "data.v1.share-2-of-16.log"
