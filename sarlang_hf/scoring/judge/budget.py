"""What judging may cost, and has cost: a cap that calls in flight cannot break through."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

_ROUNDING = 1e-9


@dataclass(slots=True)
class Purse:
    """What the judges of one command have spent together, in US dollars: one cap holds for all of them."""

    spent_usd: float = 0.0


class Budget:
    """Money of one judge, in US dollars. For the tasks of one event loop.

    Before a call its upper bound is reserved, and afterwards settled for what it cost: what is spent and reserved together
    never exceeds the cap.
    """

    def __init__(self, cap_usd: float) -> None:
        self._cap = cap_usd
        self._reserved = 0.0
        self._settled = asyncio.Event()
        self.spent_usd = 0.0

    @property
    def left_usd(self) -> float:
        """What is neither spent nor reserved."""
        return self._cap - self.spent_usd - self._reserved

    def reserve_now(self, bound_usd: float) -> bool:
        """Sets money aside; False if what is left is less.

        Sums of many small floats are off by some 1e-16 of their value; a free call must fit into a cap of 0.
        """
        if bound_usd > self.left_usd + _ROUNDING:
            return False
        self._reserved += bound_usd
        return True

    async def reserve(self, bound_usd: float) -> bool:
        """The same, but waits while calls in flight hold what may come back. False if it cannot be had."""
        while not self.reserve_now(bound_usd):
            if bound_usd > self._cap - self.spent_usd + _ROUNDING:
                return False
            self._settled.clear()
            await self._settled.wait()
        return True

    def settle(self, bound_usd: float, cost_usd: float) -> None:
        """Replaces a reservation by what was paid."""
        self._reserved -= bound_usd
        self.spent_usd += cost_usd
        self._settled.set()
