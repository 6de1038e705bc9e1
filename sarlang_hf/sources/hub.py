"""Requests to the Hugging Face Hub: continuing a download, and saying in our words what went wrong.

Addresses carry signatures and headers carry tokens, so neither is ever part of a message.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from sarlang_hf.errors import SarlangError, SourceError, UsageError

AGAIN = "run the same command again; it continues where it stopped"
_ATTEMPTS = 5
"""How often in a row a connection may break without a byte of progress."""


def receive(sink: IO[bytes], size: int, *, repository: str, commit: str, path: str, arrived: Callable[[int], bool]) -> None:
    """Appends the rest of a dataset file to what `sink` holds of it; broken connections are made again.

    Args:
        sink: a file opened for appending.
        size: of the whole file, in bytes.
        repository, commit, path: where it lies on the Hub.
        arrived: told the bytes that came (negative: that were thrown away); False ends the download early.

    Raises:
        SourceError: the Hub cannot be reached, or refuses.
    """
    from huggingface_hub.errors import HfHubHTTPError

    attempts = _ATTEMPTS
    with hub_errors(repository, commit):
        while (before := sink.tell()) < size:
            try:
                for chunk in _chunks(sink, repository, commit, path, arrived):
                    sink.write(chunk)
                    if not arrived(len(chunk)) or sink.tell() > size:
                        return
            except HfHubHTTPError:
                raise
            except _http_error():
                attempts = _ATTEMPTS if sink.tell() > before else attempts - 1
                if not attempts:
                    raise
                time.sleep(_ATTEMPTS - attempts)


def _chunks(sink: IO[bytes], repository: str, commit: str, path: str, arrived: Callable[[int], bool]) -> Iterator[bytes]:
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff  # type: ignore[attr-defined]

    have = sink.tell()
    url = hf_hub_url(repository, path, repo_type="dataset", revision=commit)
    headers = build_hf_headers() | {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with http_stream_backoff("GET", url, headers=headers, timeout=timeout, retry_on_exceptions=()) as response:
        hf_raise_for_status(response)
        if have and response.status_code != 206:  # the server knows no ranges: from the start
            sink.seek(0)
            sink.truncate()
            arrived(-have)
        yield from response.iter_bytes()


@contextmanager
def hub_errors(repository: str, revision: str) -> Iterator[None]:
    """Turns what can go wrong with the Hub into user errors."""
    from huggingface_hub import errors

    try:
        yield
    except SarlangError:
        raise
    except errors.RevisionNotFoundError as error:
        remedy = "leave --revision out for the pinned release, or give a branch, tag or commit of the repository"
        raise UsageError(f"has no revision {revision!r}", place=repository, remedy=remedy) from error
    except errors.GatedRepoError as error:
        remedy = "ask for access on its page on the Hub, then log in with `hf auth login`"
        raise SourceError("is gated, and you have no access", place=repository, remedy=remedy) from error
    except errors.RepositoryNotFoundError as error:
        remedy = "look at its page on the Hub; if it has become private, log in with `hf auth login`"
        raise SourceError("does not exist, or you may not see it", place=repository, remedy=remedy) from error
    except errors.OfflineModeIsEnabled as error:
        raise SourceError("huggingface_hub is told to stay offline", place=repository, remedy="unset HF_HUB_OFFLINE") from error
    except errors.HfHubHTTPError as error:
        raise _refusal(repository, error.response) from error
    except _http_error() as error:
        remedy = f"check the network, a proxy (HTTPS_PROXY) and HF_ENDPOINT, then {AGAIN}"
        raise SourceError(f"the Hub cannot be reached ({type(error).__name__})", place=repository, remedy=remedy) from error


def _refusal(repository: str, response: Any) -> SourceError:
    status = response.status_code
    remedy = "renew the token with `hf auth login`, or unset HF_TOKEN" if status in (401, 403) else f"wait a while, then {AGAIN}"
    return SourceError(f"the Hub answers with status {status}", place=repository, remedy=remedy)


def _http_error() -> type[Exception]:
    """What the HTTP library under huggingface_hub raises, httpx (1.x) or httpx2: documented as the base of its own errors."""
    from huggingface_hub.errors import HfHubHTTPError

    return next(kind for kind in HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError" and issubclass(kind, Exception))
