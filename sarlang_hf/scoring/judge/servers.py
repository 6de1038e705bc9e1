"""Addresses of judges' servers: whose they are, and what may be sent there."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from sarlang_hf.errors import UsageError

OPENAI_URL = "https://api.openai.com/v1"

_OPENAI = ("openai.com",)
_AZURE = ("openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com", "openai.azure.us")


def is_openais(url: str) -> bool:
    """Whether an address is OpenAI's own."""
    return _is_below(url, _OPENAI)


def is_azures(url: str) -> bool:
    """Whether an address is one that Azure gives to its resources."""
    return _is_below(url, _AZURE)


def is_readable_on_the_way(url: str) -> bool:
    """Whether others could read along: plain http that leaves this machine."""
    return urlsplit(url).scheme != "https" and not is_this_machine(url)


def is_this_machine(url: str) -> bool:
    """Whether an address is a loopback one."""
    host = _host(url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def host_and_port(url: str) -> str:
    """Host and, if the address has one, port: `localhost:8000`."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def checked_url(url: str) -> str:
    """An address without a slash at the end.

    Raises:
        UsageError: it is none. What is refused is not repeated: it may hold a password.
    """
    place = "address of the judge's server"
    try:
        parts = urlsplit(url)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        port_is_sound = False
    if not port_is_sound or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("is no web address", place=place, remedy="give one like http://localhost:8000/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        remedy = "give the bare address here, and the key in OPENAI_API_KEY or AZURE_OPENAI_API_KEY"
        raise UsageError("holds a user name, a password or a query, which logs would show", place=place, remedy=remedy)
    return url.rstrip("/")


def _is_below(url: str, domains: tuple[str, ...]) -> bool:
    host = _host(url)
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".")
