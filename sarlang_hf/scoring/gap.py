"""The difference between two runs of one model that a scorecard keeps: what the image, or the radar, was worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GapName = Literal["vision_gain", "modality_gap"]

_OPTICAL = "_rgb"


def is_optical(task: str) -> bool:
    """Whether a task shows optical twins."""
    return task.endswith(_OPTICAL)


def twin(task: str) -> str:
    """The task with the optical twins of a radar task's images, and the reverse."""
    return task.removesuffix(_OPTICAL) if is_optical(task) else task + _OPTICAL


@dataclass(frozen=True, slots=True)
class Gap:
    """A paired difference between this run and another, `comparison.gaps` finds it. Its sign is the same in both scorecards.

    Attributes:
        name: `vision_gain`: the run that saw the images minus the same model's without the right ones; `modality_gap`: the
            optical twins minus the radar images.
        against: what was subtracted: a vision (`none`, `grey`, `shuffled`), or the task with the radar images.
        metric: as in the scorecard, captions with their kind (`acc`, `complex_cider`).
        difference: in the unit of the metric: a fraction for accuracies, x100 for captions; None while answers are unjudged.
        low, high: 95% interval, of whatever the difference may turn out to be while answers are unjudged; None where a single
            cluster allows none.
        p: two-sided, the largest that verdicts can bring about while answers are unjudged; None likewise.
        n, clusters: items that both runs have, and clusters among them.
        run: name of the folder of the other run.
    """

    name: GapName
    against: str
    metric: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int
    clusters: int
    run: str

    @property
    def sides(self) -> str:
        """What was subtracted from what: 'image minus none', 'sarlang_cap_rgb minus sarlang_cap'."""
        return f"{'image' if self.name == 'vision_gain' else twin(self.against)} minus {self.against}"
