"""Which judge to ask and how, from the environment and from options, which win.

    SARLANG_JUDGE            off (the default), openai (OpenAI, or any server that speaks its protocol), azure
    SARLANG_JUDGE_MODEL      the model; by default OpenAI is asked for the protocol's, other servers need one named; the
                             deployment's name for azure
    SARLANG_JUDGE_MAX_USD    what one run may cost, 5 by default
    SARLANG_JUDGE_PRICES     a price table that goes before the built-in one
    OPENAI_API_KEY           for OpenAI; other servers often need none
    OPENAI_BASE_URL          the server, if it is not OpenAI's, e.g. http://localhost:8000/v1
    AZURE_OPENAI_API_KEY, AZURE_OPENAI_ENDPOINT, OPENAI_API_VERSION    for azure

Keys are read from the environment alone, when a client is made: no option takes one, and nothing here keeps one.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sarlang_hf.errors import UsageError
from sarlang_hf.files import cache_folder
from sarlang_hf.scoring.answers import JUDGES, JudgeName, Protocol
from sarlang_hf.scoring.judge.pacing import Pacing
from sarlang_hf.scoring.judge.prompts import DEFAULT_MODEL
from sarlang_hf.scoring.judge.servers import (
    OPENAI_URL,
    checked_url,
    host_and_port,
    is_azures,
    is_openais,
    is_readable_on_the_way,
    is_this_machine,
)

Provider = Literal["openai", "azure"]

DEFAULT_MAX_USD = 5.0
SHORTEST_SECRET = 8
"""Characters; shorter keys are placeholders such as EMPTY."""

# Models whose name is that of a snapshot: gpt-4o-2024-08-06, gpt-4-0613, gpt-4-1106-preview, fine-tuned ones.
_DATED = re.compile(r"^ft:|-(\d{4}-\d{2}-\d{2}|\d{4})(-preview)?$")


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """One judge and how it is asked.

    Attributes:
        protocol: decides the prompt, and how replies are read.
        provider: `openai` for OpenAI and any server that speaks its protocol, `azure`.
        model: the model asked for; on Azure the name of the deployment.
        base_url: the server; None for OpenAI's own. On Azure its endpoint.
        max_usd: US dollars that one run may cost.
        store: the SQLite file that keeps verdicts.
        prices: a price table of the user's, which goes before ours.
        batch: through the Batch API, at half the price and within a day.
        concurrency: calls at once, at most.
        timeout_s: seconds after which a call counts as failed.
        pacing: attempts and waits.
        cap_given: whether `max_usd` was asked for, and is not the default.
    """

    protocol: Protocol
    provider: Provider
    model: str
    base_url: str | None
    max_usd: float
    store: Path
    prices: Path | None
    batch: bool
    concurrency: int = 64
    timeout_s: float = 60.0
    pacing: Pacing = field(default_factory=Pacing)
    cap_given: bool = False

    @property
    def server(self) -> str:
        """The address of the server."""
        return self.base_url or OPENAI_URL

    @property
    def is_openai(self) -> bool:
        """Whether OpenAI itself is asked, and not another server."""
        return self.provider == "openai" and is_openais(self.server)

    @property
    def costs_money(self) -> bool:
        """Whether calls are sure to be billed: OpenAI's and Azure's are, one's own server's may be free."""
        return self.is_openai or self.provider == "azure"

    @property
    def snapshot(self) -> str | None:
        """The model that every reply must name; None where only the first reply tells: an alias, an Azure deployment.

        What other servers call their models is compared as given.
        """
        if self.provider == "azure" or (self.is_openai and not _DATED.search(self.model)):
            return None
        return self.model

    def name_of(self, snapshot: str) -> str:
        """What keys, the store and signatures call a model of this server.

        Its own name where OpenAI or Azure reply; else `model@host:port`, since any server may call its model as it likes, and
        its verdicts must not pass for theirs.
        """
        official = self.is_openai or (self.provider == "azure" and is_azures(self.server))
        return snapshot if official else f"{snapshot}@{host_and_port(self.server)}"


def settings_from_environment(
    protocol: Protocol,
    *,
    provider: JudgeName | None = None,
    model: str | None = None,
    base_url: str | None = None,
    max_usd: float | None = None,
    store: Path | None = None,
    prices: Path | None = None,
    batch: bool = False,
) -> JudgeSettings | None:
    """The judge that the environment asks for, where no argument says otherwise; None if it is off.

    Raises:
        UsageError: a variable has an unusable value, or one that is needed is not set. Values that may hold a password are
            not repeated.
    """
    chosen = provider or os.environ.get("SARLANG_JUDGE") or "off"
    if chosen not in JUDGES:
        raise UsageError(f"unknown judge {chosen!r}", place="SARLANG_JUDGE", remedy=f"use one of {', '.join(JUDGES)}")
    if chosen == "off":
        return None
    model, url = _asked_at(chosen, model or os.environ.get("SARLANG_JUDGE_MODEL"), base_url, batch=batch)
    given = os.environ.get("SARLANG_JUDGE_PRICES")
    return JudgeSettings(
        protocol=protocol,
        provider=chosen,
        model=model or DEFAULT_MODEL[protocol],
        base_url=url,
        max_usd=_max_usd() if max_usd is None else _amount(max_usd, "--max-usd"),
        store=store or cache_folder() / "verdicts.sqlite",
        prices=prices or (Path(given) if given else None),
        batch=batch,
        cap_given=max_usd is not None or bool(os.environ.get("SARLANG_JUDGE_MAX_USD")),
    )


def _asked_at(provider: Provider, model: str | None, url: str | None, *, batch: bool) -> tuple[str | None, str | None]:
    """Model and address; a model of None is the protocol's, an address of None OpenAI's."""
    if provider == "azure":
        if batch:
            raise UsageError("batches are not supported on Azure", place="--batch", remedy="leave --batch out")
        url = checked_url(url or _needed("AZURE_OPENAI_ENDPOINT", "set it to the address of your resource"))
        return model or _needed("SARLANG_JUDGE_MODEL (--judge-model)", "set it to the name of your deployment"), url
    given = url or os.environ.get("OPENAI_BASE_URL")
    if not given:
        return model, None
    url = checked_url(given)
    if not (model or is_openais(url)):
        remedy = f"name the model that {host_and_port(url)} serves, or leave its address out (OPENAI_BASE_URL, --judge-url)"
        raise UsageError("is not set, and the server is not OpenAI's", place="SARLANG_JUDGE_MODEL (--judge-model)", remedy=remedy)
    return model, url


def check_credentials(settings: JudgeSettings) -> None:
    """Makes sure that a client can be made.

    Raises:
        UsageError: a variable that it needs is not set or unusable.
    """
    api_key(settings)
    if settings.provider == "azure":
        azure_api_version()


def api_key(settings: JudgeSettings) -> str:
    """The key for the server; 'EMPTY' for one that is not OpenAI's, if none is set.

    Raises:
        UsageError: it is needed and not set, holds what no HTTP header can, or would travel for all to read.
    """
    name = "AZURE_OPENAI_API_KEY" if settings.provider == "azure" else "OPENAI_API_KEY"
    key = os.environ.get(name, "").strip()
    if not key and (settings.is_openai or settings.provider == "azure"):
        raise UsageError("is not set", place=name, remedy="set it to your key, or judge without a model: SARLANG_JUDGE=off")
    if not (key.isascii() and key.isprintable()):
        raise UsageError("holds characters that no key has", place=name, remedy="set it to your key again")
    if len(key) >= SHORTEST_SECRET and is_readable_on_the_way(settings.server):
        remedy = f"use https, or a tunnel to this machine, or unset {name} if the server needs no key"
        raise UsageError(f"would go to {host_and_port(settings.server)} over plain http", place=name, remedy=remedy)
    return key or "EMPTY"


def goes_elsewhere(settings: JudgeSettings) -> str:
    """The host that OPENAI_API_KEY is sent to, if that is neither OpenAI nor this machine; else empty."""
    if settings.provider == "azure" or settings.is_openai or is_this_machine(settings.server):
        return ""
    return host_and_port(settings.server) if len(api_key(settings)) >= SHORTEST_SECRET else ""


def azure_api_version() -> str:
    """The version of Azure's interface, which it wants to be told.

    Raises:
        UsageError: it is not set.
    """
    return _needed("OPENAI_API_VERSION", "set it to the version that your resource offers, e.g. 2024-10-21")


def _needed(name: str, remedy: str) -> str:
    value = os.environ.get(name.partition(" ")[0], "").strip()
    if not value:
        raise UsageError("is not set", place=name, remedy=remedy)
    return value


def _max_usd() -> float:
    text = os.environ.get("SARLANG_JUDGE_MAX_USD")
    if not text:
        return DEFAULT_MAX_USD
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    return _amount(value, "SARLANG_JUDGE_MAX_USD", text)


def _amount(value: float, place: str, text: str | None = None) -> float:
    if not (math.isfinite(value) and value >= 0):
        remedy = "give US dollars as a number from 0, e.g. 2.50"
        raise UsageError(f"{text or value!r} is no amount of money", place=place, remedy=remedy)
    return value
