"""Judging through the Batch API: half the price, an answer within a day, and nobody needs to wait for it.

    note        which keys a batch asks for, in the store, under claims: no other run asks for them, now or later
    make        the batch at the server; one that was noted by a run since killed is looked for there first
    wait        until it has ended; whoever is interrupted here is followed by the next run with the same store
    collect     its verdicts into the store, all at once, and with them the note that the batch has ended

What an expired batch left unanswered, and what was answered without a verdict, goes into the next batch, three times at most.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sarlang_hf.errors import JudgeError
from sarlang_hf.scoring.judge.batch_api import BatchApi
from sarlang_hf.scoring.judge.batch_lines import BatchReply, batch_line, batch_replies, chunks
from sarlang_hf.scoring.judge.client import Completion, Transient
from sarlang_hf.scoring.judge.direct import look_up
from sarlang_hf.scoring.judge.prices import estimate
from sarlang_hf.scoring.judge.session import Case, Session
from sarlang_hf.scoring.judge.store import StoredVerdict
from sarlang_hf.scoring.judge.store_batches import BatchItem, BatchLedger, StoredBatch

if TYPE_CHECKING:
    from openai.types import Batch

_ROUNDS = 3
_LOST_AFTER_S = 2 * 86_400.0  # a batch ends within a day
_ENDED = frozenset({"completed", "expired", "cancelled", "failed"})


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
        self._reserved: dict[str, float] = {}
        self._again: set[str] = set()

    async def settle(self) -> int:
        session, rounds, from_others = self._session, 0, 0
        while (pending := self._open()) and not session.halted:
            earlier = self._ours(pending)
            noted = self._note([case for case in pending if case.is_open]) if rounds < _ROUNDS else []
            rounds += bool(noted)
            made = [await self._make(batch, may_exist=True) for batch in earlier]
            made += [await self._make(batch, may_exist=False) for batch in noted]
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

    def _ours(self, pending: Sequence[Case]) -> list[StoredBatch]:
        """Earlier batches with our keys; what lies in batches of other servers cannot be had here."""
        session, ours = self._session, []
        for batch in self._ledger.open_batches([case.key for case in pending]):
            if (batch.server, batch.model) == (session.client.place, session.settings.model):
                ours.append(batch)
                continue
            for key in self._ledger.items(batch.nonce).keys() & self._cases.keys():
                session.batched += 1
                session.give_up(self._cases[key], "stopped", f"a batch of {batch.model} at {batch.server} has it")
        return ours

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
        self._reserved[case.key] = bound
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
        self._ledger.note(batch, {key: BatchItem(case.request, key in self._again) for key, case in cases.items()})
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
        items = self._ledger.items(batch.nonce)
        content = b"".join(batch_line(key, item.request, batch.model) for key, item in items.items())
        batch_id = await self._api.make(batch.nonce, content, may_exist=may_exist)
        self._ledger.made(batch.nonce, batch_id)
        self._session.tell(f"Batch {batch_id} of {len(items):,} requests is under way; it may take a day.")

    async def _follow(self, batch: StoredBatch) -> None:
        """Waits until the server is done with a batch, then collects it."""
        session = self._session
        while not session.halted:
            state = await self._api.state(batch.batch_id)
            if state is None:
                return self._lost(batch)
            if state.status in _ENDED:
                return await self._collect(batch, state)
            await session.pause(session.settings.pacing.batches_s)
        return None

    def _lost(self, batch: StoredBatch) -> None:
        """The server does not know the batch: the key is another one's, or it was deleted, which nobody notices for long."""
        if time.time() - batch.made_at < _LOST_AFTER_S:
            remedy = "use the key that the batch was made with; a batch that is not found for two days is asked for anew"
            raise JudgeError(f"does not know batch {batch.batch_id}", place=batch.server, remedy=remedy)
        self._ledger.end(batch.nonce)
        self._session.tell(f"Batch {batch.batch_id} is gone; what it asked for is asked for anew.")

    async def _collect(self, batch: StoredBatch, state: Batch) -> None:
        """Keeps what a batch has brought, in one transaction with the note that it has ended.

        Raises:
            JudgeError: another model replied to some of it; the other verdicts are kept.
        """
        session, errors = self._session, []
        files = [await self._api.content(name) for name in (state.error_file_id, state.output_file_id) if name]
        replies = {reply.key: reply for text in files for reply in batch_replies(text)}
        items = self._ledger.items(batch.nonce)
        with session.store.adding() as put:
            for key, item in items.items() if self._ledger.end(batch.nonce) else ():
                try:
                    self._settle(key, item, replies.get(key), state.status, put)
                except JudgeError as error:
                    errors.append(error)
        if state.status == "failed":
            session.halt(f"the server refuses the batch, {session.client.shown(_explained(state))}")
        if errors:
            raise errors[0]

    def _settle(
        self, key: str, item: BatchItem, reply: BatchReply | None, status: str, put: Callable[[StoredVerdict], bool]
    ) -> None:
        session = self._session
        case = self._cases.get(key) or Case(item.request, estimate([item.request], session.price), key)
        bound, before = self._reserved.pop(key, 0.0), case.cost_usd
        try:
            if reply is not None and not reply.fault:
                self._take(case, item, session.client.completion(reply.body), put)
            elif reply is not None and reply.lasting:
                session.give_up(case, "failed", session.client.shown(reply.fault))
            elif status == "cancelled":
                session.give_up(case, "stopped", "the batch was cancelled")
        except Transient as fault:  # paid for, but no reply
            case.cost_usd += self._discount * case.most.usd
            session.spend("no reply", case.most.input_tokens, case.most.output_tokens, self._discount * case.most.usd)
            session.last_fault = str(fault)
        finally:
            session.budget.settle(bound, case.cost_usd - before)
            session.progress(int(key in self._cases and not case.is_open))

    def _take(self, case: Case, item: BatchItem, completion: Completion, put: Callable[[StoredVerdict], bool]) -> None:
        session = self._session
        tokens = session.tokens(case, completion)
        usd = self._discount * session.price.usd(*tokens) if session.price else 0.0

        def keep(verdict: StoredVerdict) -> None:
            if not put(verdict):
                session.spend("duplicate", *tokens, usd)

        if session.take(case, completion, usd, keep=keep):
            return
        if item.again:
            session.give_up(case, "unparsable", "the replies are no verdicts")
        self._again.add(case.key)


def _explained(state: Batch) -> str:
    """Why a batch has failed."""
    found = (state.errors.data if state.errors else None) or []
    return "; ".join(f"{error.code}: {error.message}" for error in found[:3]) or "without a reason"
