"""What a run that makes no batches does about those of earlier runs.

A note keeps every other run from asking, so it must not outlive its batch. It ends with the batch; when the server refuses to
make the batch, or never got to hear of it (`batch`); when the server does not list it; and after two days anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sarlang_hf.errors import JudgeError
from sarlang_hf.scoring.judge.batch_api import BatchApi
from sarlang_hf.scoring.judge.batch_results import ENDED, Results, is_old
from sarlang_hf.scoring.judge.client import Transient
from sarlang_hf.scoring.judge.session import Case, Session
from sarlang_hf.scoring.judge.store_batches import BatchLedger, StoredBatch

if TYPE_CHECKING:
    from openai.types import Batch


async def look_into_batches(session: Session, cases: Sequence[Case], *, discount: float) -> None:
    """Takes the verdicts of earlier batches that have ended, and frees what no batch will bring; makes none, waits for none.

    Args:
        session: its snapshot must be known.
        cases: of the run. Those that stay open are free, or lie in a batch that is under way.
        discount: factor on the price of direct calls.

    Raises:
        JudgeError: another model has replied in a batch.
    """
    ledger = BatchLedger(session.store)
    results = Results(session, {case.key: case for case in cases}, discount)
    for batch in ledger.open_batches([case.key for case in cases if case.is_open]):
        state = await _looked_up(session, ledger, batch)
        if state is not None and state.status in ENDED:
            await results.collect(batch, state)
        elif is_old(batch):
            ledger.end(batch.nonce)


async def _looked_up(session: Session, ledger: BatchLedger, batch: StoredBatch) -> Batch | None:
    """A batch as the server has it; None if that cannot be said. One that the server was never told of is ended."""
    if session.settings.provider == "azure":
        return None
    api = BatchApi(session)
    try:
        batch_id = batch.batch_id or await _found(session, ledger, api, batch)
        return await api.state(batch_id) if batch_id else None
    except (Transient, JudgeError) as fault:
        session.last_fault = str(fault).partition("\n")[0]
        return None


async def _found(session: Session, ledger: BatchLedger, api: BatchApi, batch: StoredBatch) -> str | None:
    """The id of a batch that was noted without one."""
    token = f"batch {batch.nonce}"
    if not session.store.claim(token):  # another process is making it
        return None
    try:
        batch_id = await api.find(batch.nonce)
        if batch_id is None:
            ledger.end(batch.nonce)
        else:
            ledger.made(batch.nonce, batch_id, session.client.place)
        return batch_id
    finally:
        session.store.release(token)
