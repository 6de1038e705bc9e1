"""A judge that asks a model through its server: known verdicts first, then what is new, within a cap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from sarlang_hf.errors import SarlangError, UsageError
from sarlang_hf.scoring.judge.batch import in_batches
from sarlang_hf.scoring.judge.budget import Budget
from sarlang_hf.scoring.judge.client import JudgeClient
from sarlang_hf.scoring.judge.direct import directly, look_up, resolve
from sarlang_hf.scoring.judge.environment import JudgeSettings
from sarlang_hf.scoring.judge.pacing import Gate
from sarlang_hf.scoring.judge.prices import Price, estimate
from sarlang_hf.scoring.judge.report import JudgeReport
from sarlang_hf.scoring.judge.requests import JudgeRequest, JudgeVerdict
from sarlang_hf.scoring.judge.session import Case, Session
from sarlang_hf.scoring.judge.store import VerdictStore
from sarlang_hf.scoring.judge.store_batches import BatchLedger

Draw = Callable[[str, int, int | None], None]
"""Draws how far a phase has come: its name, steps done, steps in all."""

Progress = Callable[[], AbstractContextManager[Draw]]
"""Something to draw on for as long as a run takes."""


class ServerJudge:
    """The judge of some settings; made by `open_judge`."""

    def __init__(
        self,
        settings: JudgeSettings,
        price: Price | None,
        *,
        name: str,
        discount: float,
        notice: Callable[[str], None],
        progress: Progress | None,
        rng: np.random.Generator,
    ) -> None:
        self._settings = settings
        self._price = price
        self._discount = discount if settings.batch else 1.0
        self._notice = notice
        self._progress = progress
        self._rng = rng
        self._name = name
        self.report = JudgeReport()

    @property
    def name(self) -> str:
        """The snapshot that replies, or the model asked for while no reply has named one."""
        return self._name

    async def __call__(self, requests: Sequence[JudgeRequest]) -> list[JudgeVerdict]:
        """One verdict a request, in their order; one without a verdict says why. Costs stand at a request's first mention.

        Raises:
            SarlangError: the estimate exceeds the cap; the server refuses the key or the model; another snapshot replied; the
                store cannot be written. Verdicts that came before are kept.
        """
        cases = {request: Case(request, estimate([request], self._price)) for request in dict.fromkeys(requests)}
        with VerdictStore(self._settings.store) as store, (self._progress or nullcontext)() as draw:
            session = self._session(store, _Advance(draw, len(cases)))
            try:
                cached = await self._settle(session, list(cases.values()))
            except asyncio.CancelledError:
                self._notice("Judging was interrupted; verdicts so far are kept, and the same command goes on from there.")
                raise
            finally:
                await session.client.close()
        self.report = self.report.after(session, list(cases.values()), cached)
        if session.error is not None:
            raise session.error
        return self._verdicts(requests, cases)

    def _session(self, store: VerdictStore, advance: Callable[[int], None]) -> Session:
        settings = self._settings
        return Session(
            settings=settings,
            client=JudgeClient(settings),
            store=store,
            budget=Budget(settings.max_usd - self.report.cost_usd),
            gate=Gate(settings.pacing.start, settings.concurrency),
            price=self._price,
            rng=self._rng,
            snapshot=settings.snapshot or store.snapshot_of(settings.model, settings.server),
            tell=self._notice,
            progress=advance,
        )

    async def _settle(self, session: Session, cases: list[Case]) -> int:
        """Gives every case a verdict or a reason; how many verdicts nobody here had to ask for."""
        cached = look_up(session, cases) if session.snapshot else 0
        self._announce(session, [case for case in cases if case.is_open], cached)
        session.progress(cached)
        try:
            if session.snapshot is None and cases:
                await resolve(session, cases)
                brought = look_up(session, cases) if session.snapshot else 0
                session.progress(brought)
                cached += brought
            if self._settings.batch:
                cached += await in_batches(session, cases, discount=self._discount)
            else:
                cached += await directly(session, cases)
        except SarlangError as error:
            session.fail(error)
        for case in cases:
            if case.is_open:
                session.give_up(case, "stopped")
        self._name = session.snapshot or self._name
        return cached

    def _announce(self, session: Session, open_cases: Sequence[Case], cached: int) -> None:
        """Says what is about to be asked and what it costs at most; what lies in batches was announced when they were made.

        Raises:
            UsageError: more than the cap allows.
        """
        held = BatchLedger(session.store).held([case.key for case in open_cases if case.key])
        most = [case.most for case in open_cases if case.key not in held]
        if not most:
            return
        usd, left = self._discount * sum(bound.usd for bound in most), session.budget.left_usd
        tokens = f"{sum(bound.input_tokens for bound in most):,} + {sum(bound.output_tokens for bound in most):,} tokens"
        price = f"${usd:.4g}" if self._price else "no known price"
        known = f"; {cached:,} verdicts are known" if cached else ""
        calls = "1 call" if len(most) == 1 else f"{len(most):,} calls"
        self._notice(f"Judge {self.name}: {calls} to make, at most {tokens}, {price}{known}.")
        if usd > left + 1e-9:
            raise UsageError(
                f"{calls} may cost ${usd:.4g}, more than the ${left:.4g} they are allowed to; nothing was asked",
                place="SARLANG_JUDGE_MAX_USD",
                remedy="raise it (--max-usd), judge fewer answers, or choose a cheaper judge",
            )

    def _verdicts(self, requests: Sequence[JudgeRequest], cases: Mapping[JudgeRequest, Case]) -> list[JudgeVerdict]:
        verdicts, seen = [], set()
        for request in requests:
            case = cases[request]
            cost = 0.0 if request in seen else case.cost_usd
            verdicts.append(JudgeVerdict(case.verdict, "" if case.verdict is None else self._name, cost, case.reason))
            seen.add(request)
        return verdicts


class _Advance:
    """Counts settled requests, and draws them unless all were known before."""

    def __init__(self, draw: Draw | None, total: int) -> None:
        self._draw = draw
        self._total = total
        self._done = 0
        self._drawn = False

    def __call__(self, more: int) -> None:
        self._done += more
        if self._draw is not None and (self._drawn or self._done < self._total):
            self._draw("asking the judge", self._done, self._total)
            self._drawn = True
