"""The few calls of the Batch API that judging needs, each tried again where that may help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sarlang_hf.errors import JudgeError
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
_NO_SUCH_API = frozenset({404, 405, 501})


@dataclass(slots=True)
class Making:
    """A batch that is to be made.

    Attributes:
        nonce: tells this batch from all others.
        content: the file.
        may_exist: whether the server may have made it already; so too after an attempt has failed.
    """

    nonce: str
    content: bytes
    may_exist: bool


class BatchApi:
    """The server of a session.

    Every method raises Transient when the server stays out of reach, and JudgeError when it refuses.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def make(self, making: Making) -> str:
        """Makes a batch of the lines of a file, unless one with its nonce exists; its id."""

        async def made(connection: AsyncOpenAI) -> str:
            import openai

            if making.may_exist and (found := await _found(connection, making.nonce)):
                return found
            making.may_exist = False
            file_id = await self._uploaded(connection, making)
            making.may_exist = True
            try:
                batch = await connection.batches.create(
                    input_file_id=file_id, endpoint=ENDPOINT, completion_window="24h", metadata={NONCE: making.nonce}
                )
            except openai.APIStatusError as error:
                making.may_exist = error.status_code >= 500 or error.status_code == 408
                raise
            return str(batch.id)

        return self._session.client.shown(await self._call(made))

    async def _uploaded(self, connection: AsyncOpenAI, making: Making) -> str:
        import openai

        try:
            return (await connection.files.create(file=(f"sarlang-{making.nonce}.jsonl", making.content), purpose="batch")).id
        except openai.APIStatusError as error:
            if error.status_code not in _NO_SUCH_API:
                raise
            status = error.status_code
        remedy = "leave --batch out, or check the address of the server (OPENAI_BASE_URL, --judge-url)"
        raise JudgeError(f"has no Batch API: {status} for an upload", place=self._session.client.place, remedy=remedy)

    async def find(self, nonce: str) -> str | None:
        """The id of the batch with a nonce; None if there is none, or the server knows no batches at all."""

        async def found(connection: AsyncOpenAI) -> str | None:
            return await _found(connection, nonce)

        batch_id = await self._call(found)
        return None if batch_id is None else self._session.client.shown(batch_id)

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
    import openai

    searched = 0
    try:
        async for batch in connection.batches.list(limit=100):
            searched += 1
            if (batch.metadata or {}).get(NONCE) == nonce:
                return str(batch.id)
            if searched >= _SEARCHED:
                break
    except openai.APIStatusError as error:
        if error.status_code not in _NO_SUCH_API:
            raise
    return None
