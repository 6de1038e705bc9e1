"""Asking for many verdicts at once, beside other processes that use the same store.

Before a call its key is claimed: a key that another process has claimed is waited for, and asked for by us if that process ends
without a verdict. What lies in a batch that was left is not asked for again. What an earlier run has asked in vain comes last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from sarlang_hf.errors import SarlangError
from sarlang_hf.scoring.judge.asking import ask
from sarlang_hf.scoring.judge.session import Case, Session
from sarlang_hf.scoring.judge.store import verdict_key
from sarlang_hf.scoring.judge.store_batches import BatchLedger


async def resolve(session: Session, cases: Sequence[Case]) -> None:
    """Asks alone until a reply says what the model is, so that verdicts can be looked up by it.

    Of several processes one asks, and the others wait for what it learns. Where the store turns out to know the verdict, its own
    stands.

    Args:
        session: its snapshot is unknown.
        cases: asked in this order, as long as no reply names a model.
    """
    token = f"first reply of {session.settings.model} at {session.client.place}"
    while session.snapshot is None and not session.halted:
        session.snapshot = session.store.snapshot_of(session.settings.model, session.client.place)
        if session.snapshot is None and session.store.claim(token):
            try:
                await _first_reply(session, cases)
            finally:
                session.store.release(token)
        elif session.snapshot is None:
            await session.pause(session.settings.pacing.claims_s)


async def _first_reply(session: Session, cases: Sequence[Case]) -> None:
    for case in cases:
        if session.snapshot is None and not session.halted:
            await ask(session, case)
            session.progress(int(not case.is_open))
            for known in session.store.get([case.key]).values():
                case.verdict = known.verdict
    if session.snapshot is None:
        session.halt("no reply has said which model it is from")


def look_up(session: Session, cases: Sequence[Case]) -> int:
    """Settles open cases whose verdict the store knows; how many. The snapshot must be known."""
    unsettled = [case for case in cases if case.is_open]
    for case in unsettled:
        case.key = case.key or verdict_key(case.request, session.judge)
    known = session.store.get([case.key for case in unsettled])
    for case in unsettled:
        if case.key in known:
            case.verdict = known[case.key].verdict
    session.works = session.works or bool(known)
    return len(known)


async def directly(session: Session, cases: Sequence[Case]) -> int:
    """Settles all open cases, by calls or by waiting for other processes; how many these have brought."""
    ledger = BatchLedger(session.store)
    pending, from_others = sorted((case for case in cases if case.is_open), key=lambda case: case.again), 0
    while pending:
        claims = _claimed(session, ledger, iter(pending))
        most = min(session.settings.concurrency, len(pending))
        await asyncio.gather(*(_work(session, claims) for _ in range(most)))
        pending = [case for case in pending if case.is_open]
        if pending and session.halted:
            for case in pending:
                session.give_up(case, "stopped")
            return from_others
        if pending:
            await session.pause(session.settings.pacing.claims_s)
            brought = look_up(session, pending)
            session.progress(brought)
            from_others += brought
            pending = [case for case in pending if case.is_open]
    return from_others


def _claimed(session: Session, ledger: BatchLedger, cases: Iterator[Case]) -> Iterator[Case]:
    """The cases that are ours to ask, each claimed when its turn comes."""
    for case in cases:
        if session.halted:
            return
        if not session.store.claim(case.key):
            continue
        if ledger.holds(case.key):
            session.store.release(case.key)
            session.give_up(case, "stopped")
            session.batched += 1
            session.progress(1)
        else:
            yield case


async def _work(session: Session, claims: Iterator[Case]) -> None:
    """Settles one claimed case after the other, until there are none or the run ends."""
    try:
        for case in claims:
            try:
                await ask(session, case)
            finally:
                if case.verdict is None:
                    session.store.release(case.key)
            session.progress(1)
    except SarlangError as error:
        session.fail(error)
