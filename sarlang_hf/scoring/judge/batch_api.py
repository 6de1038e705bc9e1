"""The few calls of the Batch API that judging needs, each tried again where that may help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sarlang_hf.scoring.judge.batch_lines import ENDPOINT
from sarlang_hf.scoring.judge.client import CallFault, Transient
from sarlang_hf.scoring.judge.session import Session

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import Batch

T = TypeVar("T")

NONCE = "sarlang_nonce"
"""Under which name a batch's metadata holds our nonce."""

_SEARCHED = 1_000


class BatchApi:
    """The server of a session.

    Every method raises Transient when the server stays out of reach, and JudgeError when it refuses.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def make(self, nonce: str, content: bytes, *, may_exist: bool) -> str:
        """Makes a batch of the lines of a file, unless one with this nonce exists; its id.

        Args:
            nonce: tells this batch from all others.
            content: the file.
            may_exist: look for it first. After any fault that is done anyway: the server may have made it all the same.
        """
        looks = may_exist

        async def made(connection: AsyncOpenAI) -> str:
            nonlocal looks
            if looks and (found := await _found(connection, nonce)):
                return found
            looks = True
            file = await connection.files.create(file=(f"sarlang-{nonce}.jsonl", content), purpose="batch")
            batch = await connection.batches.create(
                input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h", metadata={NONCE: nonce}
            )
            return batch.id

        return await self._call(made)

    async def state(self, batch_id: str) -> Batch | None:
        """A batch as it stands; None if the server does not know it."""

        async def retrieved(connection: AsyncOpenAI) -> Batch | None:
            import openai

            try:
                return await connection.batches.retrieve(batch_id)
            except openai.NotFoundError:
                return None

        return await self._call(retrieved)

    async def content(self, file_id: str) -> str:
        """The text of a file."""

        async def read(connection: AsyncOpenAI) -> str:
            return (await connection.files.content(file_id)).text

        return await self._call(read)

    async def _call(self, call: Callable[[AsyncOpenAI], Awaitable[T]]) -> T:
        session, attempt = self._session, 0
        while True:
            try:
                return await session.client.call(call)
            except Transient as fault:
                attempt += 1
                if attempt >= session.settings.pacing.attempts or session.halted:
                    raise
                await session.pause(session.settings.pacing.wait(attempt - 1, fault.wait_s, session.rng))
            except CallFault as fault:
                raise session.client.refused(str(fault)) from None


async def _found(connection: Any, nonce: str) -> str | None:
    """The id of the batch with a nonce among the newest."""
    searched = 0
    async for batch in connection.batches.list(limit=100):
        searched += 1
        if (batch.metadata or {}).get(NONCE) == nonce:
            return str(batch.id)
        if searched >= _SEARCHED:
            break
    return None
