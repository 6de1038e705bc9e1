"""Asking for one verdict: within the budget, through the gate, again where that may help.

refused for haste (429, 503, 529)                  the gate narrows; asked again after the time the server names
other 5xx, timeout, reset, a reply without sense   asked again after a growing, jittered wait; then `failed`
a reply that is no verdict                         asked once more, unless an earlier run has; then `unparsable`
the request refused (400, 413, 422)                `failed`, if the server takes others or says it is this one's fault
no credit left                                     the run halts: the rest is `stopped`
key or model refused (401, 403, 404, ...)          the run ends with the server's words
"""

from __future__ import annotations

from sarlang_hf.scoring.judge.client import CallFault, Completion, OutOfCredit, Transient
from sarlang_hf.scoring.judge.prompts import call_parameters, messages
from sarlang_hf.scoring.judge.session import Case, Session


async def ask(session: Session, case: Case) -> None:
    """Settles a case: with a verdict, which is kept, or with the reason why there is none.

    Raises:
        SarlangError: nobody else needs to be asked: the server refuses us, another model replied, the store is full.
    """
    for _ in range(1 if case.again else 2):
        completion = await _completion(session, case)
        if completion is None or session.take(case, *completion):
            return
    session.give_up(case, "unparsable", "the replies are no verdicts")


async def _completion(session: Session, case: Case) -> tuple[Completion, float] | None:
    """A reply and what it cost; None where the case was given up."""
    pacing = session.settings.pacing
    attempts = throttles = 0
    while not session.halted:
        if not await session.budget.reserve(case.most.usd):
            session.give_up(case, "cap")
            return None
        try:
            answered = await _call(session, case)
            if answered is not None:
                return answered
        except Transient as fault:
            session.last_fault = str(fault)
            attempts, throttles = attempts + (not fault.too_fast), throttles + fault.too_fast
            if attempts >= pacing.attempts or throttles >= pacing.throttles:
                session.give_up(case, "failed", str(fault), transient=True)
                return None
            await session.pause(pacing.wait(attempts + throttles - 1, fault.wait_s, session.rng))
        except OutOfCredit as fault:
            session.halt(f"the account has no credit left, {fault}")
        except CallFault as fault:
            _refused(session, case, str(fault))
            return None
    session.give_up(case, "stopped")
    return None


async def _call(session: Session, case: Case) -> tuple[Completion, float] | None:
    """One call, its reservation settled however it ends; None if the run ended before it."""
    cost, most = 0.0, case.most
    try:
        entered = await session.gate.enter()
        try:
            if session.halted:
                return None
            completion = await session.client.ask(messages(case.request), call_parameters(case.request.protocol))
        except Transient as fault:
            if fault.too_fast:
                session.gate.throttled(entered, min(fault.wait_s or 0.0, session.settings.pacing.longest_s))
            if fault.may_cost:
                cost = most.usd
                case.cost_usd += cost
                session.spend("no reply", most.input_tokens, most.output_tokens, cost)
            raise
        finally:
            session.gate.leave()
        session.gate.succeeded()
        tokens = session.tokens(case, completion)
        cost = session.price.usd(*tokens) if session.price else 0.0
        return completion, cost
    finally:
        session.budget.settle(most.usd, cost)


# What servers say about a request that is itself at fault: its texts are too long, or a filter takes offence.
_OWN_FAULT = ("content_filter", "content management policy", "context_length", "context length", "above_max_length")


def _refused(session: Session, case: Case, message: str) -> None:
    if session.works or any(sign in message for sign in _OWN_FAULT):
        session.give_up(case, "failed", message)
        return
    session.give_up(case, "stopped")
    session.fail(session.client.refused(message))
