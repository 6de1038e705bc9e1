"""What a judge is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from sarlang_hf.scoring.answers import Protocol


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """One distinct thing to ask: the texts as the protocol normalises them. Equal requests have one verdict."""

    protocol: Protocol
    question: str
    gold: str
    prediction: str


@dataclass(frozen=True, slots=True)
class JudgeVerdict:
    """The judge's answer to one request.

    Attributes:
        verdict: whether the prediction matches; None: no verdict could be had.
        judge: the model snapshot that decided; empty without a verdict.
        cost_usd: what was paid for it in this run; 0 for a verdict that was already known.
        reason: why there is no verdict: `unparsable`, `failed`, `cap` or `stopped`; empty with a verdict.
    """

    verdict: bool | None
    judge: str = ""
    cost_usd: float = 0.0
    reason: str = ""


class Judge(Interface):
    """Decides what the rules of a protocol leave open. Any class with these two members is one."""

    @property
    def name(self) -> str:
        """What signatures call it: the model's snapshot, or the model asked for while no reply has named one."""

    async def __call__(self, requests: Sequence[JudgeRequest]) -> list[JudgeVerdict]:
        """One verdict a request, in their order; never raises for a failed call, never invents a verdict."""
