"""Judging through the Batch API: half the price, an answer within a day, and nobody needs to wait for it.

    note        which keys a batch asks for, in the store, under claims: no other run asks for them, now or later
    make        the batch at the server; one that was noted by a run since killed is looked for there first
    wait        until it has ended; whoever is interrupted here is followed by the next run with the same store
    collect     its verdicts into the store, all at once, and with them the note that the batch has ended

What an expired batch left unanswered, and what was answered without a verdict, goes into the next batch, three times at most.

A note must not outlive its batch, since it keeps every other run from asking. It ends with the batch; when the server refuses to
make the batch, or never got to hear of it; when the server, asked by any later run, does not list it; and after two days anyway.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sarlang_hf.errors import JudgeError
from sarlang_hf.scoring.judge.batch_api import BatchApi, Making
from sarlang_hf.scoring.judge.batch_lines import batch_line, chunks
from sarlang_hf.scoring.judge.batch_results import ENDED, Results, explained, is_old
from sarlang_hf.scoring.judge.client import Transient
from sarlang_hf.scoring.judge.direct import look_up
from sarlang_hf.scoring.judge.session import Case, Session
from sarlang_hf.scoring.judge.store_batches import BatchItem, BatchLedger, StoredBatch

if TYPE_CHECKING:
    from openai.types import Batch

_ROUNDS = 3


async def in_batches(session: Session, cases: Sequence[Case], *, discount: float) -> int:
    """Settles all open cases through batches, earlier ones first; how many verdicts other processes have brought.

    Args:
        session: its snapshot must be known.
        cases: of the run.
        discount: factor on the price of direct calls.
    """
    work = _Work(session, cases, discount)
    try:
        return await work.settle()
    except Transient as fault:
        session.halt(f"the server is out of reach, {fault}; the same command picks the batches up")
    except asyncio.CancelledError:
        session.tell("Batches that are under way go on at the server; the same command picks them up.")
        raise
    return 0


class _Work:
    def __init__(self, session: Session, cases: Sequence[Case], discount: float) -> None:
        self._session = session
        self._cases = {case.key: case for case in cases}
        self._discount = discount
        self._ledger = BatchLedger(session.store)
        self._api = BatchApi(session)
        self._results = Results(session, self._cases, discount)
        self._tried: set[str] = set()

    async def settle(self) -> int:
        session, rounds, from_others = self._session, 0, 0
        while (pending := self._open()) and not session.halted:
            earlier = self._ledger.open_batches([case.key for case in pending])
            noted = self._note([case for case in pending if case.is_open]) if rounds < _ROUNDS else []
            rounds += bool(noted)
            try:
                made = [await self._make(batch, may_exist=True) for batch in earlier]
                made += [await self._make(batch, may_exist=False) for batch in noted]
            finally:
                self._forget_untried(noted)
            for batch in filter(None, made):
                await self._follow(batch)
            if not (earlier or noted) and rounds == _ROUNDS:
                for case in self._open():
                    session.give_up(case, "failed", f"{_ROUNDS} batches have left it unanswered")
            elif not (earlier or noted):
                await session.pause(session.settings.pacing.claims_s)
            brought = look_up(session, self._open())
            session.progress(brought)
            from_others += brought
        return from_others

    def _open(self) -> list[Case]:
        return [case for case in self._cases.values() if case.is_open]

    def _note(self, pending: Sequence[Case]) -> list[StoredBatch]:
        """Notes new batches for what nobody asks for yet, as far as the money goes."""
        session = self._session
        held = self._ledger.held([case.key for case in pending])
        claimed = [case for case in pending if case.key not in held and session.store.claim(case.key)]
        try:
            held = self._ledger.held([case.key for case in claimed])
            free = {case.key: case for case in claimed if case.key not in held and self._affords(case)}
            sizes = [(key, len(batch_line(key, case.request, session.settings.model))) for key, case in free.items()]
            return [self._noted({key: free[key] for key in keys}) for keys in chunks(sizes)]
        finally:
            for case in claimed:
                session.store.release(case.key)

    def _affords(self, case: Case) -> bool:
        bound = self._discount * case.most.usd
        if not self._session.budget.reserve_now(bound):
            self._session.give_up(case, "cap")
            return False
        self._results.reserved[case.key] = bound
        return True

    def _noted(self, cases: dict[str, Case]) -> StoredBatch:
        session = self._session
        batch = StoredBatch(
            nonce=secrets.token_hex(16),
            server=session.client.place,
            model=session.settings.model,
            snapshot=session.snapshot or "",
            made_at=time.time(),
            batch_id="",
        )
        self._ledger.note(batch, {key: BatchItem(case.request, case.again) for key, case in cases.items()})
        return batch

    async def _make(self, batch: StoredBatch, *, may_exist: bool) -> StoredBatch | None:
        """The batch with its id; None if another process has ended it meanwhile. One process makes it, others wait."""
        session, token, found = self._session, f"batch {batch.nonce}", self._ledger.batch(batch.nonce)
        while found is not None and not found.batch_id and not session.halted:
            if session.store.claim(token):
                try:
                    await self._make_claimed(batch, may_exist=may_exist)
                finally:
                    session.store.release(token)
            else:
                await session.pause(session.settings.pacing.claims_s)
            found = self._ledger.batch(batch.nonce)
        return found

    async def _make_claimed(self, batch: StoredBatch, *, may_exist: bool) -> None:
        self._tried.add(batch.nonce)
        items = self._ledger.items(batch.nonce)
        content = b"".join(batch_line(key, item.request, batch.model) for key, item in items.items())
        making = Making(batch.nonce, content, may_exist)
        try:
            batch_id = await self._api.make(making)
        except BaseException:
            if not making.may_exist:
                self._ledger.end(batch.nonce)
            raise
        self._ledger.made(batch.nonce, batch_id, self._session.client.place)
        self._session.tell(f"Batch {batch_id} of {len(items):,} requests is under way; it may take a day.")

    def _forget_untried(self, noted: Sequence[StoredBatch]) -> None:
        """Ends the notes of batches that nobody has begun to make: the run has stopped before."""
        store = self._session.store
        for batch in noted:
            token, found = f"batch {batch.nonce}", self._ledger.batch(batch.nonce)
            if batch.nonce not in self._tried and found and not found.batch_id and store.claim(token):
                self._ledger.end(batch.nonce)
                store.release(token)

    async def _follow(self, batch: StoredBatch) -> None:
        """Waits until the server is done with a batch, then collects it."""
        session = self._session
        while not session.halted:
            state = await self._api.state(batch.batch_id)
            if state is None:
                return self._lost(batch)
            if state.status in ENDED:
                await self._results.collect(batch, state)
                return self._leave(batch, state)
            await session.pause(session.settings.pacing.batches_s)
        return None

    def _leave(self, batch: StoredBatch, state: Batch) -> None:
        """Stops where somebody has put an end to a batch: its requests wait for another run."""
        session = self._session
        if state.status == "failed":
            session.halt(f"the server refuses the batch, {session.client.shown(explained(state))}")
        if state.status == "cancelled":
            self._give_up(batch, "the batch was cancelled")

    def _lost(self, batch: StoredBatch) -> None:
        """The server does not know the batch: it is another one's, or the key is, or it was deleted, which shows after days."""
        session = self._session
        if is_old(batch):
            self._ledger.end(batch.nonce)
            session.tell(f"Batch {batch.batch_id} is gone; what it asked for is asked for anew.")
        elif batch.server != session.client.place:
            session.batched += self._give_up(batch, f"a batch of {batch.model} at {batch.server} has it")
        else:
            remedy = "use the key that the batch was made with; a batch that is not found for two days is asked for anew"
            raise JudgeError(f"does not know batch {batch.batch_id}", place=batch.server, remedy=remedy)

    def _give_up(self, batch: StoredBatch, why: str) -> int:
        """Leaves the open cases of a batch to another run; how many."""
        keys = self._ledger.items(batch.nonce).keys()
        left = [case for case in self._open() if case.key in keys]
        for case in left:
            self._session.give_up(case, "stopped", why)
        self._session.progress(len(left))
        return len(left)
