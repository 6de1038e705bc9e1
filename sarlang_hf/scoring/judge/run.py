"""Making a judge, and asking it from synchronous code.

judge = open_judge(settings, notice=print)
verdicts = ask(judge, requests)
judge.report                             # calls, cost, what stayed without a verdict
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import numpy as np

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.judge.budget import Purse
from sarlang_hf.scoring.judge.environment import JudgeSettings, check_credentials, goes_elsewhere
from sarlang_hf.scoring.judge.prices import Price, Prices
from sarlang_hf.scoring.judge.report import JudgeReport
from sarlang_hf.scoring.judge.requests import Judge, JudgeRequest, JudgeVerdict
from sarlang_hf.scoring.judge.server_judge import Progress, ServerJudge
from sarlang_hf.scoring.judge.store import VerdictStore

__all__ = ["JudgeReport", "ServerJudge", "ask", "open_judge"]


def open_judge(
    settings: JudgeSettings,
    *,
    notice: Callable[[str], None],
    progress: Progress | None = None,
    rng: np.random.Generator | None = None,
    purse: Purse | None = None,
) -> ServerJudge:
    """Makes a judge; nothing is asked yet, but what would fail later fails now.

    Args:
        settings: which judge, and how it is asked.
        notice: prints a sentence.
        progress: makes something to draw on while it asks.
        rng: shakes the waits between attempts, and nothing else; by default each process waits differently.
        purse: what other judges under the same cap have spent, and this one will; None for a cap of its own.

    Raises:
        UsageError: no key, or one that would travel for all to read; no price; a price table or store that is none.
        OutputError: the store cannot be written.
    """
    check_credentials(settings)
    if host := goes_elsewhere(settings):
        notice(f"Note: OPENAI_API_KEY is sent to {host}.")
    prices = Prices.load(settings.prices)
    with VerdictStore(settings.store) as store:
        pinned = store.snapshot_of(settings.model, settings.server)
    return ServerJudge(
        settings,
        _price(settings, prices, pinned),
        name=settings.name_of(settings.snapshot or pinned or settings.model),
        discount=prices.batch_discount,
        notice=notice,
        progress=progress,
        rng=np.random.default_rng() if rng is None else rng,
        purse=purse,
    )


def _price(settings: JudgeSettings, prices: Prices, pinned: str | None) -> Price | None:
    """The price of the model asked for, by its name with or without the host, or of the snapshot that it stands for.

    Raises:
        UsageError: there is none, but calls cost money or a cap was asked for.
    """
    names = [settings.name_of(settings.model), settings.model, *([pinned] if pinned else [])]
    price = next((price for name in names if (price := prices.of(name))), None)
    if price is not None or not (settings.costs_money or settings.cap_given):
        return price
    choice = "or choose a model of the built-in table"
    if not settings.costs_money:
        choice = "0 if it is free, or leave the cap out (SARLANG_JUDGE_MAX_USD, --max-usd)"
    raise UsageError(
        f"the price of {settings.model!r} is not known, so its cost cannot be capped",
        place="SARLANG_JUDGE_MODEL (--judge-model)",
        remedy=f"give its price in a file (SARLANG_JUDGE_PRICES, --prices), {choice}",
    )


def ask(judge: Judge, requests: Sequence[JudgeRequest]) -> list[JudgeVerdict]:
    """Asks a judge from synchronous code, also where an event loop is running already.

    Raises:
        SarlangError: the judge cannot go on.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_asked(judge, requests))
    return _in_a_thread(judge, requests)


async def _asked(judge: Judge, requests: Sequence[JudgeRequest]) -> list[JudgeVerdict]:
    return await judge(requests)


def _in_a_thread(judge: Judge, requests: Sequence[JudgeRequest]) -> list[JudgeVerdict]:
    """Asks in a loop of its own; one who is interrupted while waiting for it ends it first."""
    verdicts: Future[list[JudgeVerdict]] = Future()
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[list[JudgeVerdict]]]] = Future()

    def run() -> None:
        try:
            with asyncio.Runner() as runner:
                loop = runner.get_loop()
                task = loop.create_task(_asked(judge, requests))
                begun.set_result((loop, task))
                verdicts.set_result(loop.run_until_complete(task))
        except BaseException as error:  # goes on in the thread that waits
            verdicts.set_exception(error)

    thread = threading.Thread(target=run, name="judge")
    thread.start()
    try:
        return verdicts.result()
    finally:
        loop, task = begun.result()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
