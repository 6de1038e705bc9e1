"""What a batch has brought: its verdicts into the store, what is left without one back to the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sarlang_hf.errors import JudgeError
from sarlang_hf.scoring.judge.batch_api import BatchApi
from sarlang_hf.scoring.judge.batch_lines import BatchReply, batch_replies
from sarlang_hf.scoring.judge.client import Completion, Transient
from sarlang_hf.scoring.judge.prices import estimate
from sarlang_hf.scoring.judge.session import Case, Session
from sarlang_hf.scoring.judge.store import StoredVerdict
from sarlang_hf.scoring.judge.store_batches import BatchItem, BatchLedger, StoredBatch

if TYPE_CHECKING:
    from openai.types import Batch

ENDED = frozenset({"completed", "expired", "cancelled", "failed"})
"""The states of a batch that nothing follows."""

_LOST_AFTER_S = 2 * 86_400.0  # a batch ends within a day


class Results:
    """Collects the batches of a session.

    Args:
        session: of the run.
        cases: of the run, by key.
        discount: factor on the price of direct calls.
    """

    def __init__(self, session: Session, cases: Mapping[str, Case], discount: float) -> None:
        self._session = session
        self._cases = cases
        self._discount = discount
        self._ledger = BatchLedger(session.store)
        self._api = BatchApi(session)
        self.reserved: dict[str, float] = {}
        """What the run has set aside for each key."""

    async def collect(self, batch: StoredBatch, state: Batch) -> None:
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
                    self._settle(key, item, replies.get(key), put)
                except JudgeError as error:
                    errors.append(error)
        if errors:
            raise errors[0]

    def _settle(self, key: str, item: BatchItem, reply: BatchReply | None, put: Callable[[StoredVerdict], bool]) -> None:
        session = self._session
        case = self._cases.get(key) or Case(item.request, estimate([item.request], session.price), key)
        bound, before = self.reserved.pop(key, 0.0), case.cost_usd
        try:
            if reply is not None and not reply.fault:
                self._take(case, item, session.client.completion(reply.body), put)
            elif reply is not None and reply.lasting:
                session.give_up(case, "failed", session.client.shown(reply.fault))
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
        case.again = True
        if item.again:
            session.give_up(case, "unparsable", "the replies are no verdicts")


def is_old(batch: StoredBatch) -> bool:
    """Whether a batch was made so long ago that it has ended, whatever its server says."""
    return time.time() - batch.made_at >= _LOST_AFTER_S


def explained(state: Batch) -> str:
    """Why a batch has failed."""
    found = (state.errors.data if state.errors else None) or []
    return "; ".join(f"{error.code}: {error.message}" for error in found[:3]) or "without a reason"
