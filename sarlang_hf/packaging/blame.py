"""What happens to a shard whose processing broke down, and which image is to blame.

Unusable images are found by reading them, and raise `ImageFault`. Here it is about what should not happen at all: a worker that
is killed (out of memory, a crash in a decoder) or an unexpected exception. The first time, the shard is simply run again. An
image that does it twice is left out, if the build may leave images out, and stays so when the build is resumed:

    OUT/.build/excluded/train-00000.json     {"sardet100k/0000014": {"reason": "worker_died", ...}}
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from sarlang_hf.errors import ImageFault, SarlangError
from sarlang_hf.files import write_atomically
from sarlang_hf.packaging.build_shard import ShardPlan
from sarlang_hf.packaging.pool import Failure
from sarlang_hf.packaging.survey import Reject, Survey

MAX_FAILURES = 4
"""So often a shard may break down, each time at another image; once more stops the build."""

MAX_EXCLUDED = 20
"""So many images of a shard may be to blame before the build stops: then the cause lies elsewhere."""


@dataclass(frozen=True, slots=True)
class ShardTask:
    """A shard to build, and the images to leave untouched, by id."""

    plan: ShardPlan
    excluded: dict[str, Reject]

    @property
    def shard(self) -> str:
        """The shard's name: `train-00003`."""
        return f"{self.plan.split}-{self.plan.index:05}"

    @classmethod
    def of(cls, work: Path, plan: ShardPlan) -> ShardTask:
        """The task with what earlier runs have left out."""
        path = _note(work, plan)
        found = json.loads(path.read_bytes()) if path.exists() else {}
        return cls(plan, {image_id: Reject(**reject) for image_id, reject in found.items()})


@dataclass(frozen=True, slots=True)
class Blame:
    """Counts what went wrong in one run of a build and decides how it goes on.

    Attributes:
        work: the working folder.
        skip_faults: whether images may be left out.
        notice: told, in a sentence, what went wrong and did not stop the build.
        failures: how often (shard, image) went wrong since the shard last lost an image.
    """

    work: Path
    skip_faults: bool
    notice: Callable[[str], None]
    failures: Counter[tuple[str, str]]

    def failed(self, task: ShardTask, failure: Failure) -> ShardTask:
        """The task to run instead of one that broke down.

        Raises:
            ImageFault: an image has brought two workers down, and images may not be left out.
            SarlangError: workers die whichever image they are at.
            Exception: the unexpected exception, if images may not be left out or none is to blame.
        """
        shard, image = task.shard, failure.item
        self.failures[shard, image] += 1
        if self.failures[shard, image] == 1 and self._number(shard) <= MAX_FAILURES:
            self.notice(f"shard {shard}, {_at(image)}: {failure.how}; the shard is built again")
            return task
        if not image or self.failures[shard, image] == 1 or len(task.excluded) == MAX_EXCLUDED:
            raise self._hopeless(task, failure)
        fault = self._fault(shard, failure)
        if not self.skip_faults:
            raise fault if failure.error is None else _noted(failure.error, fault)
        for key in [key for key in self.failures if key[0] == shard]:
            del self.failures[key]
        self.notice(f"shard {shard}, {_at(image)}: {failure.how} again; the image is left out")
        return _without(self.work, task, Reject.of(fault))

    def _number(self, shard: str) -> int:
        return sum(number for (name, _), number in self.failures.items() if name == shard)

    def _fault(self, shard: str, failure: Failure) -> ImageFault:
        tile = Survey(self.work / "survey.sqlite").tile(failure.item)
        name = tile.path.relative_to(tile.root).as_posix() if tile.path.is_relative_to(tile.root) else tile.path.name
        return ImageFault(
            f"image {name} broke shard {shard} twice: {failure.how}".replace(f"{tile.root}/", ""),
            place=tile.record,
            remedy="leave such images out with --on-error skip, or give the workers more memory",
            reason="worker_died" if failure.error is None else "internal_error",
            image_id=failure.item,
            root=tile.root,
            texts=len(tile.captions) + len(tile.questions),
        )

    def _hopeless(self, task: ShardTask, failure: Failure) -> Exception:
        if failure.error is not None:
            return failure.error
        many = f"{self._number(task.shard)} workers died over shard {task.shard} without one image to blame"
        problem = f"{many}, the last {_at(failure.item)}: {failure.how}"
        remedy = "memory may be short: use fewer --workers, then repeat the command; finished shards are kept"
        if not failure.item:
            remedy += '. A script that calls build() with workers needs `if __name__ == "__main__":`'
        return SarlangError(problem, place=self.work.parent, remedy=remedy)


def excluded_images(work: Path) -> set[str]:
    """The images that earlier runs have left out because of what they did to workers, by id."""
    return {image_id for path in (work / "excluded").glob("*.json") for image_id in json.loads(path.read_bytes())}


def _without(work: Path, task: ShardTask, reject: Reject) -> ShardTask:
    """The task without one more image; also noted in the working folder."""
    excluded = {**task.excluded, reject.image_id: reject}
    content = {image_id: asdict(one) for image_id, one in excluded.items()}
    write_atomically(_note(work, task.plan), json.dumps(content, sort_keys=True, ensure_ascii=False).encode())
    return ShardTask(task.plan, excluded)


def _note(work: Path, plan: ShardPlan) -> Path:
    return work / "excluded" / plan.receipt_name


def _noted(error: Exception, fault: ImageFault) -> Exception:
    """The exception, which also says what it happened to."""
    error.add_note(f"{fault.place}: {fault.problem}")
    return error


def _at(image: str) -> str:
    return f"at {image}" if image else "at no image"
