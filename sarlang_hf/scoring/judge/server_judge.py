"""A judge that asks a model through its server: known verdicts first, then what is new, within a cap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from sarlang_hf.errors import SarlangError, UsageError
from sarlang_hf.scoring.judge.batch import in_batches
from sarlang_hf.scoring.judge.budget import Budget, Purse
from sarlang_hf.scoring.judge.client import JudgeClient
from sarlang_hf.scoring.judge.direct import directly, look_up, resolve
from sarlang_hf.scoring.judge.earlier_batches import look_into_batches
from sarlang_hf.scoring.judge.environment import JudgeSettings
from sarlang_hf.scoring.judge.pacing import Gate
from sarlang_hf.scoring.judge.prices import Price, estimate
from sarlang_hf.scoring.judge.report import JudgeReport
from sarlang_hf.scoring.judge.requests import JudgeRequest, JudgeVerdict
from sarlang_hf.scoring.judge.session import Case, Session
from sarlang_hf.scoring.judge.store import VerdictStore
from sarlang_hf.scoring.judge.store_batches import BatchLedger
from sarlang_hf.scoring.judge.stored_judge import StoredJudge

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
        purse: Purse | None = None,
    ) -> None:
        self._settings = settings
        self._purse = purse or Purse()
        self._price = price
        self._batch_discount = discount
        self._notice = notice
        self._progress = progress
        self._rng = rng
        self._name = name
        self.report = JudgeReport()

    @property
    def name(self) -> str:
        """The snapshot that replies, or the model asked for while no reply has named one; with the host, if that is neither
        OpenAI's nor Azure's.
        """
        return self._name

    def stored(self) -> StoredJudge:
        """A judge that gives what is known of this one and asks nothing, for when it has raised."""
        return StoredJudge(self._name, self._settings.store)

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
                self._name = session.judge or self._name
                await session.client.close()
        self._purse.spent_usd += session.budget.spent_usd
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
            budget=Budget(settings.max_usd - self._purse.spent_usd),
            gate=Gate(settings.pacing.start, settings.concurrency),
            price=self._price,
            rng=self._rng,
            snapshot=settings.snapshot or store.snapshot_of(settings.model, settings.server),
            tell=self._notice,
            progress=advance,
        )

    async def _settle(self, session: Session, cases: list[Case]) -> int:
        """Gives every case a verdict or a reason; how many verdicts nobody here had to ask for."""
        cached, batch = 0, self._settings.batch
        try:
            if session.snapshot is None and cases:
                await self._learn_snapshot(session, cases)
            if session.snapshot is not None:
                self._name = session.judge
                cached = look_up(session, cases)
                session.progress(cached)
                session.recall(cases)
                if not batch:
                    await look_into_batches(session, cases, discount=self._batch_discount)
                self._announce(session, [case for case in cases if case.is_open], cached)
                cached += await (in_batches(session, cases, discount=self._batch_discount) if batch else directly(session, cases))
        except SarlangError as error:
            session.fail(error)
        for case in cases:
            if case.is_open:
                session.give_up(case, "stopped")
        return cached

    async def _learn_snapshot(self, session: Session, cases: Sequence[Case]) -> None:
        """Makes the one call without which an alias says nothing: verdicts are known by the snapshot that gave them.

        Raises:
            SarlangError: it may cost more than the cap allows; the server refuses.
        """
        shortest = sorted(cases, key=lambda case: (case.most.usd, case.most.input_tokens))
        self._allow(session, shortest[:1], shortest[0].most.usd, "to learn which model replies")
        await resolve(session, shortest)

    def _announce(self, session: Session, open_cases: Sequence[Case], cached: int) -> None:
        """Says what is about to be asked and what it costs at most; what lies in batches was announced when they were made.

        Raises:
            UsageError: more than the cap allows.
        """
        held = BatchLedger(session.store).held([case.key for case in open_cases])
        asked = [case for case in open_cases if case.key not in held]
        usd = sum(case.most.usd for case in asked) * (self._batch_discount if self._settings.batch else 1.0)
        if asked:
            self._allow(session, asked, usd, "to make", f"; {cached:,} verdicts are known" if cached else "")

    def _allow(self, session: Session, asked: Sequence[Case], usd: float, what: str, more: str = "") -> None:
        """Says what calls can cost at most.

        Raises:
            UsageError: more than the cap allows.
        """
        tokens = f"{sum(case.most.input_tokens for case in asked):,} + {sum(case.most.output_tokens for case in asked):,} tokens"
        price = f"${usd:.4g}" if self._price else "no known price, so that no cap holds"
        calls = "1 call" if len(asked) == 1 else f"{len(asked):,} calls"
        self._notice(f"Judge {self.name}: {calls} {what}, at most {tokens}, {price}{more}.")
        left = session.budget.left_usd
        if usd > left + 1e-9:
            nothing = "nothing more" if session.calls else "nothing"
            raise UsageError(
                f"{calls} may cost ${usd:.4g}, more than the ${max(left, 0.0):.4g} they are allowed to; {nothing} was asked",
                place="SARLANG_JUDGE_MAX_USD (--max-usd)",
                remedy="raise it, judge fewer answers, or choose a cheaper judge",
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
