"""One call to a judge's server: a reply that was checked, or a fault that says what to do about it.

The openai package carries the calls; retries are ours (`asking`), because they must know of the budget and of each other.
Replies are read from the raw body: a server may send anything. The key is blotted out of every text that comes back, and
faults are raised outside the handlers of the errors they replace, so that no traceback shows a request with its headers.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sarlang_hf.errors import JudgeError
from sarlang_hf.scoring.judge.environment import SHORTEST_SECRET, JudgeSettings, api_key, azure_api_version
from sarlang_hf.scoring.judge.pacing import retry_after

if TYPE_CHECKING:
    from openai import APIError, AsyncOpenAI

T = TypeVar("T")

_LONGEST_MESSAGE = 500
_MODEL = "SARLANG_JUDGE_MODEL, --judge-model"
_NO_CREDIT = "insufficient_quota"
_WAIT = frozenset({408, 409, 425})
_TOO_FAST = frozenset({429, 503, 529})
_UNFIT = frozenset({400, 413, 422})


@dataclass(frozen=True, slots=True)
class Completion:
    """What a reply says. `text` is None where the model refused to speak; token counts are None where none are given."""

    text: str | None
    model: str
    fingerprint: str
    input_tokens: int | None
    output_tokens: int | None


class CallFault(Exception):
    """A call that brought no completion. The message is fit to be shown. Stays within the judge."""


class Transient(CallFault):
    """May work when tried again.

    `too_fast`: the server asks for fewer calls. `wait_s`: how long it asks to wait. `may_cost`: it may have done the work.
    """

    def __init__(self, message: str, *, too_fast: bool = False, wait_s: float | None = None, may_cost: bool = False) -> None:
        super().__init__(message)
        self.too_fast = too_fast
        self.wait_s = wait_s
        self.may_cost = may_cost


class Unfit(CallFault):
    """The server refuses this request for what it holds: too long, filtered, or all are malformed."""


class OutOfCredit(CallFault):
    """The account has nothing left to pay with."""


class JudgeClient:
    """An open connection to the server of some settings; to be closed."""

    def __init__(self, settings: JudgeSettings) -> None:
        """Reads the key from the environment.

        Raises:
            UsageError: the key, or the version of Azure's interface, is missing, or the key would travel for all to read.
        """
        secret = api_key(settings)
        _hush_transport()
        self.place = settings.server
        self._model = settings.model
        self._timeout_s = settings.timeout_s
        self._secret = secret if len(secret) >= SHORTEST_SECRET else ""  # blotting placeholders out would alter replies
        self.connection = _connection(settings, secret)

    async def close(self) -> None:
        """Closes the connections."""
        await self.connection.close()

    async def ask(self, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> Completion:
        """One chat completion.

        Raises:
            CallFault: there is none, see its kinds.
            JudgeError: there never will be: the server refuses the key or does not know the model.
        """
        import openai

        fault: CallFault | JudgeError
        try:
            async with asyncio.timeout(self._timeout_s):  # the client's own limit is one of silence, not of the whole call
                # In `extra_body` the request is sent as it is; of arguments, openai's client checks every level first, which was
                # a quarter of a call's work.
                raw = await self.connection.chat.completions.with_raw_response.create(
                    model=self._model, messages=[], extra_body={"messages": list(messages), **parameters}
                )
            return self.completion(_json(raw.text))
        except TimeoutError:
            fault = Transient("timed out", may_cost=True)
        except CallFault as found:
            fault = found
        except openai.OpenAIError as error:
            fault = self.fault_of(error)
        raise fault

    async def call(self, call: Callable[[AsyncOpenAI], Awaitable[T]]) -> T:
        """Any other call to the server; raises as `ask`."""
        import openai

        try:
            return await call(self.connection)
        except openai.OpenAIError as error:
            fault = self.fault_of(error)
        raise fault

    def completion(self, body: object) -> Completion:
        """Reads the body of a reply.

        Raises:
            Transient: it is none.
        """
        choices = body.get("choices") if isinstance(body, dict) else None
        message = choices[0].get("message") if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
        model = body.get("model") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(message, dict) or not isinstance(model, str) or not model:
            raise Transient("the reply lacks a message or the model's name", may_cost=True)
        text, fingerprint, usage = message.get("content"), body.get("system_fingerprint"), body.get("usage")
        return Completion(
            text=self.scrubbed(text) if isinstance(text, str) else None,
            model=self.scrubbed(model),
            fingerprint=self.scrubbed(fingerprint) if isinstance(fingerprint, str) else "",
            input_tokens=_count(usage, "prompt_tokens"),
            output_tokens=_count(usage, "completion_tokens"),
        )

    def fault_of(self, error: Exception) -> CallFault | JudgeError:
        """What an error of the openai package means here."""
        import openai

        if isinstance(error, openai.APITimeoutError):
            return Transient("timed out", may_cost=not _never_sent(error))
        if isinstance(error, openai.APIConnectionError):
            return Transient("the connection failed", may_cost=not _never_sent(error))
        if isinstance(error, openai.APIStatusError):
            return self._refusal(error, error.status_code, error.response.headers)
        return Transient("the reply cannot be read", may_cost=True)

    def _refusal(self, error: APIError, status: int, headers: Mapping[str, str]) -> CallFault | JudgeError:
        message = self.shown(f"{status}: {_message(error.body) or 'no explanation'}")
        if status == 429 and _NO_CREDIT in (error.code, error.type):
            return OutOfCredit(message)
        if status in _TOO_FAST | _WAIT or status >= 500:
            return Transient(message, too_fast=status in _TOO_FAST, wait_s=retry_after(headers, datetime.now(UTC)))
        if status in _UNFIT:
            return Unfit(message)
        return self.refused(message, status)

    def refused(self, message: str, status: int = 400) -> JudgeError:
        """The user error about a server that will not answer."""
        return JudgeError(f"the judge's server refuses, {message}", place=self.place, remedy=_remedy(status, self._model))

    def shown(self, text: str) -> str:
        """A server's words as a message may show them: one short line without the key and without control characters."""
        line = " ".join("".join(char if char.isprintable() else " " for char in self.scrubbed(text)).split())
        return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."

    def scrubbed(self, text: str) -> str:
        """The text with the key blotted out, should it be there."""
        return text.replace(self._secret, "[key]") if self._secret else text


def _hush_transport() -> None:
    """Keeps the transport's DEBUG records back, unless they were asked for by name: they hold the headers of replies, which a
    server can make repeat the key.
    """
    for name in ("httpcore", "httpcore2"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)


def _connection(settings: JudgeSettings, secret: str) -> AsyncOpenAI:
    from openai import AsyncAzureOpenAI, AsyncOpenAI

    if settings.provider == "azure":
        return AsyncAzureOpenAI(
            api_key=secret,
            azure_endpoint=settings.server,
            azure_deployment=settings.model,
            api_version=azure_api_version(),
            timeout=settings.timeout_s,
            max_retries=0,
        )
    return AsyncOpenAI(api_key=secret, base_url=settings.server, timeout=settings.timeout_s, max_retries=0)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        fault = Transient("the reply is no JSON", may_cost=True)
    raise fault


def _count(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _message(body: object) -> str:
    """The words in an error's body: OpenAI's client has already taken off the outer `error`."""
    said = body.get("message") if isinstance(body, dict) else body
    return said if isinstance(said, str) else ""


def _never_sent(error: Exception) -> bool:
    """Whether no connection came about. Named, not imported: the package that openai sends through differs by version."""
    return type(error.__cause__).__name__ in {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"}


def _remedy(status: int, model: str) -> str:
    if status == 401:
        return (
            "check the key in OPENAI_API_KEY or AZURE_OPENAI_API_KEY, then run the same command again: verdicts so far are kept"
        )
    if status == 403:
        return f"check that your account and region may use {model!r}, then run the same command again"
    if status == 404:
        return f"check the address of the server (OPENAI_BASE_URL, --judge-url) and the model {model!r} ({_MODEL})"
    return f"check that the server's model {model!r} takes these requests ({_MODEL}), then run the same command again"
