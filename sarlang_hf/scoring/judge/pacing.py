"""How fast a judge is asked: concurrency that adapts to its server, waits between attempts, and when to give up.

Concurrency starts moderate and doubles every round of successes, until the server says that it is too much (429, 503, 529).
From then on it halves, once for all calls that were in flight together, and grows by one a round: the additive increase and
multiplicative decrease of TCP. A `Retry-After` holds back every call, not the refused one alone: the limit is the account's.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import numpy as np


@dataclass(frozen=True, slots=True)
class Pacing:
    """Patience with a server.

    Attributes:
        start: calls at once, to begin with.
        attempts: calls a request may cost before it counts as failed; refusals for haste count apart.
        throttles: refusals for haste (429) a request may meet before it counts as failed.
        base_s: the first wait between attempts; it doubles from one to the next, give or take half.
        longest_s: the longest wait, whatever the server asks for.
        breaker: requests in a row that fail before all others are given up.
        claims_s: how often to look for verdicts that another process has claimed.
        batches_s: how often to look at a batch.
    """

    start: int = 16
    attempts: int = 6
    throttles: int = 20
    base_s: float = 1.0
    longest_s: float = 60.0
    breaker: int = 20
    claims_s: float = 0.5
    batches_s: float = 30.0

    def wait(self, attempt: int, asked_s: float | None, rng: np.random.Generator) -> float:
        """Seconds until the next attempt, after `attempt` earlier ones, 0 for the first.

        The server's own figure (`asked_s`) is the least there is; waits differ, so that calls refused together do not come
        back together.
        """
        waits = self.base_s * 2.0 ** min(attempt, 30) * (0.5 + rng.random())
        return min(self.longest_s, max(waits, asked_s or 0.0))


class Gate:
    """Lets as many calls through at once as the server seems to bear. For the tasks of one event loop."""

    def __init__(self, start: int, most: int) -> None:
        self._most = most
        self._limit = float(min(start, most))
        self._running = 0
        self._round = 0
        self._refused = False
        self._resumes_at = 0.0
        self._freed = asyncio.Event()

    @property
    def limit(self) -> int:
        """Calls that may run at once now."""
        return int(self._limit)

    async def enter(self) -> int:
        """Waits for a place; the round it returns goes to `throttled`. Whoever enters must `leave`."""
        clock = asyncio.get_running_loop().time
        while True:
            if (held_back := self._resumes_at - clock()) > 0:
                await asyncio.sleep(held_back)
            elif self._running < self.limit:
                self._running += 1
                return self._round
            else:
                self._freed.clear()
                await self._freed.wait()

    def leave(self) -> None:
        """Gives the place back."""
        self._running -= 1
        self._freed.set()

    def succeeded(self) -> None:
        """A call was answered: there may be room for more."""
        self._limit = min(self._most, self._limit + (1 / self._limit if self._refused else 1))
        self._freed.set()

    def throttled(self, entered: int, pause_s: float | None) -> None:
        """A call that entered in this round was refused for haste; nobody enters for the next `pause_s` seconds."""
        self._refused = True
        if entered == self._round:
            self._round += 1
            self._limit = max(1.0, self._limit / 2)
        if pause_s:
            self._resumes_at = max(self._resumes_at, asyncio.get_running_loop().time() + pause_s)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that a refusal asks to wait, from `retry-after-ms` or `Retry-After` (seconds or an HTTP date, RFC 9110).

    None if it does not say, or says nothing sensible.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    seconds = _number(text)
    return _until(text, now) if seconds is None else seconds


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _until(text: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if then.tzinfo is None:  # RFC 5322: '-0000' says nothing about the zone; HTTP dates are in UTC
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - now).total_seconds())
