"""What `sarlang score` and `sarlang judge` are told: tasks, judges and how answers are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sarlang_hf.cli.judge_options import JudgeChoice
    from sarlang_hf.scoring.answers import Protocol
    from sarlang_hf.scoring.captions import Profile
    from sarlang_hf.scoring.judge.run import ServerJudge
    from sarlang_hf.scoring.signature import Cluster

TASKS = (
    "sarlang_vqa",
    "sarlang_vqa_lite",
    "sarlang_vqa_raw",
    "sarlang_vqa_pre",
    "sarlang_vqa_rgb",
    "sarlang_cap",
    "sarlang_cap_complex",
    "sarlang_cap_concise",
    "sarlang_cap_raw",
    "sarlang_cap_pre",
    "sarlang_cap_rgb",
)
"""`tasks.views` has what they ask; it is not loaded to print a help text."""


class Judges:
    """The judges of one command, one for each protocol; the cap on their cost holds for all together."""

    def __init__(self, choice: JudgeChoice) -> None:
        from sarlang_hf.scoring.judge.budget import Purse

        self._choice = choice
        self._purse = Purse()
        self._opened: dict[Protocol, ServerJudge | None] = {}

    def open(self, protocol: Protocol) -> ServerJudge | None:
        """The judge of a protocol; None if there is none."""
        if protocol not in self._opened:
            self._opened[protocol] = self._choice.open(protocol, self._purse)
        return self._opened[protocol]

    def complaints(self) -> list[str]:
        """Why verdicts are lacking, a sentence for each judge that could not give all."""
        return [judge.report.message for judge in self._opened.values() if judge is not None and judge.report.message]


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is to be scored.

    Attributes:
        judges: opened once it is known that the file holds questions.
        dataset: folder of the dataset; None takes the default.
        task: None takes what the file tells, of a run all tasks of questions.
        protocol: None takes that of the run that the file belongs to, else strict.
        profile, meteor: of captions.
        cluster: what intervals take for dependent; None takes what the run took, else the image.
        seed: of BLEU's bootstrap.
        questions_only: whether captions are refused.
    """

    judges: Judges
    dataset: str | None
    task: str | None
    protocol: Protocol | None
    profile: Profile = "official"
    meteor: bool = False
    cluster: Cluster | None = None
    seed: int = 0
    questions_only: bool = False
