"""What the calls of one run share: the money, the snapshot that must reply, what was kept, and whether to go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from sarlang_hf.errors import JudgeError, SarlangError
from sarlang_hf.scoring.judge.budget import Budget
from sarlang_hf.scoring.judge.client import Completion, JudgeClient
from sarlang_hf.scoring.judge.environment import JudgeSettings
from sarlang_hf.scoring.judge.pacing import Gate
from sarlang_hf.scoring.judge.prices import Estimate, Price
from sarlang_hf.scoring.judge.prompts import PROTOCOL_VERSION, prompt_sha256
from sarlang_hf.scoring.judge.replies import parse_reply
from sarlang_hf.scoring.judge.requests import JudgeRequest
from sarlang_hf.scoring.judge.store import StoredVerdict, VerdictStore, verdict_key
from sarlang_hf.scoring.judge.store_unanswered import Unanswered


@dataclass(slots=True)
class Case:
    """One distinct request of a run, and what has become of it.

    Attributes:
        request: what is asked.
        most: the tokens and dollars that one call can take.
        key: of its verdict; empty while the snapshot is unknown.
        verdict: None while, or where, there is none.
        reason: why there is none, as in `JudgeVerdict`; empty while it is open.
        cost_usd: what it has cost in this run.
        again: whether it was asked in vain before.
    """

    request: JudgeRequest
    most: Estimate
    key: str = ""
    verdict: bool | None = None
    reason: str = ""
    cost_usd: float = 0.0
    again: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is neither decided nor given up."""
        return self.verdict is None and not self.reason


@dataclass(slots=True)
class Session:
    """One run of a judge over an open store. For the tasks of one event loop.

    Attributes:
        snapshot: the model that every reply must name; None until the first reply of an alias.
        works: whether the server has given, or once gave, a verdict: a request that it refuses is then at fault itself.
        answers: whether it has given one in this run.
        calls: completions that came back, good for a verdict or not.
        batched: cases that a batch holds which an earlier run has left.
        halted: why nothing more is asked; empty while the run goes on.
        error: the user error that ended it, if one did.
    """

    settings: JudgeSettings
    client: JudgeClient
    store: VerdictStore
    budget: Budget
    gate: Gate
    price: Price | None
    rng: np.random.Generator
    snapshot: str | None
    tell: Callable[[str], None]
    progress: Callable[[int], None]
    works: bool = False
    answers: bool = False
    calls: int = 0
    batched: int = 0
    halted: str = ""
    error: SarlangError | None = None
    last_fault: str = ""
    _failed_in_a_row: int = 0
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _unanswered: Unanswered = field(init=False)

    def __post_init__(self) -> None:
        self._unanswered = Unanswered(self.store)

    @property
    def judge(self) -> str:
        """What keys, store and signatures call the judge; empty while its snapshot is unknown."""
        return self.settings.name_of(self.snapshot) if self.snapshot else ""

    def halt(self, message: str) -> None:
        """Asks nothing more; what is in flight may end. The first message stands."""
        self.halted = self.halted or message
        self._ended.set()

    def fail(self, error: SarlangError) -> None:
        """Ends the run with a user error, the first that comes."""
        self.error = self.error or error
        self.halt(error.problem)

    async def pause(self, seconds: float) -> None:
        """Waits, unless the run ends before."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)

    def recall(self, cases: Sequence[Case]) -> None:
        """Marks the cases that were asked in vain before. Their keys must be known."""
        known = self._unanswered.among([case.key for case in cases])
        for case in cases:
            case.again = case.key in known

    def give_up(self, case: Case, reason: str, fault: str = "", *, transient: bool = False) -> None:
        """Leaves a case without a verdict; many in a row without a success between them end the run.

        Args:
            case: which one.
            reason: as in `JudgeVerdict`.
            fault: what was last heard.
            transient: whether the server, and not the request, is at fault. Other failures tell of a server that is of no use
                only while it has answered nothing, and only where they are news.
        """
        case.reason = reason
        self.last_fault = fault or self.last_fault
        if reason not in ("failed", "unparsable"):
            return
        if self.judge:
            self._unanswered.note(case.key or verdict_key(case.request, self.judge), reason)
        if transient or not (self.answers or case.again):
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= self.settings.pacing.breaker:
                self.halt(f"{self._failed_in_a_row} requests in a row without a verdict, the last: {self.last_fault or reason}")

    def take(
        self, case: Case, completion: Completion, usd: float, *, keep: Callable[[StoredVerdict], object] | None = None
    ) -> bool:
        """Keeps the verdict that a completion holds, with what it cost; False if it holds none.

        Args:
            case: what was asked.
            completion: the reply.
            usd: what it cost.
            keep: puts the verdict into the store, where that is not to happen at once.

        Raises:
            JudgeError: another model replied than the one asked for, or pinned.
        """
        tokens = self.tokens(case, completion)
        case.cost_usd += usd
        self.calls += 1
        self._accept(case, completion, usd)
        verdict = parse_reply(case.request.protocol, completion.text)
        if verdict is None:
            self.spend("unparsable", *tokens, usd)
            return False
        self._failed_in_a_row, self.works, self.answers = 0, True, True
        request = case.request
        case.key = verdict_key(request, self.judge)
        kept = StoredVerdict(
            key=case.key,
            protocol=request.protocol,
            protocol_version=PROTOCOL_VERSION[request.protocol],
            prompt_sha256=prompt_sha256(request.protocol),
            judge=self.judge,
            question=request.question,
            gold=request.gold,
            prediction=request.prediction,
            verdict=verdict,
            reply=completion.text or "",
            fingerprint=completion.fingerprint,
            asked_at=_now(),
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            cost_usd=usd,
        )
        (keep or self.store.add)(kept)
        case.verdict = verdict
        return True

    def tokens(self, case: Case, completion: Completion | None) -> tuple[int, int]:
        """Input and output tokens as the server counted them; where it did not, the most there can be."""
        counted = (None, None) if completion is None else (completion.input_tokens, completion.output_tokens)
        bounds = (case.most.input_tokens, case.most.output_tokens)
        return (bounds[0] if counted[0] is None else counted[0], bounds[1] if counted[1] is None else counted[1])

    def spend(self, reason: str, input_tokens: int, output_tokens: int, usd: float) -> None:
        """Notes a paid call that brought no verdict."""
        self.store.add_spending(
            judge=self.judge or self.settings.name_of(self.settings.model),
            reason=reason,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cost_usd=usd,
            asked_at=_now(),
        )

    def _accept(self, case: Case, completion: Completion, usd: float) -> None:
        """Checks the snapshot, which the first reply of an alias settles for every run on this store."""
        if self.snapshot is None:
            self.snapshot = self.store.pin(self.settings.model, self.client.place, completion.model)
        if completion.model == self.snapshot:
            return
        self.spend("snapshot", *self.tokens(case, completion), usd)
        problem = f"{completion.model!r} replied, not {self.snapshot!r}"
        if self.settings.snapshot is None:
            problem += f", which {self.settings.model!r} stood for when it was first asked"
        remedy = "judge with a dated snapshot that is still served (SARLANG_JUDGE_MODEL, --judge-model)"
        remedy += "; verdicts of two models are never mixed"
        raise JudgeError(problem, place=self.client.place, remedy=remedy)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
