"""What goes into a batch's file and what comes out of its output files, one JSON object a line.

in    {"custom_id": KEY, "method": "POST", "url": "/v1/chat/completions", "body": {"model": ..., "messages": [...], ...}}
out   {"custom_id": KEY, "response": {"status_code": 200, "body": {...}}, "error": null}
      {"custom_id": KEY, "response": null, "error": {"code": "batch_expired", "message": ...}}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sarlang_hf.scoring.judge.prompts import call_parameters, messages
from sarlang_hf.scoring.judge.requests import JudgeRequest

ENDPOINT: Final = "/v1/chat/completions"
MOST_REQUESTS = 50_000
MOST_BYTES = 190_000_000
"""OpenAI's limits of one batch, 200 MB with some room left."""


@dataclass(frozen=True, slots=True)
class BatchReply:
    """A line of an output file: the body of a reply, or what the server says instead; `lasting`: asking again would not help."""

    key: str
    body: object
    fault: str = ""
    lasting: bool = False


def batch_line(key: str, request: JudgeRequest, model: str) -> bytes:
    """A request as a batch's file holds it, with the end of its line."""
    body = {"model": model, "messages": messages(request), **call_parameters(request.protocol)}
    return json.dumps({"custom_id": key, "method": "POST", "url": ENDPOINT, "body": body}).encode() + b"\n"


def chunks(
    sizes: Iterable[tuple[str, int]], *, most_requests: int = MOST_REQUESTS, most_bytes: int = MOST_BYTES
) -> Iterator[list[str]]:
    """Keys of requests, in order, in as few runs as the limits allow.

    Args:
        sizes: key and bytes of each request's line; one alone is never split.
        most_requests: of one run.
        most_bytes: of one run.
    """
    chunk: list[str] = []
    total = 0
    for key, size in sizes:
        if chunk and (len(chunk) == most_requests or total + size > most_bytes):
            yield chunk
            chunk, total = [], 0
        chunk.append(key)
        total += size
    if chunk:
        yield chunk


def batch_replies(text: str) -> Iterator[BatchReply]:
    """The replies in an output or error file. Lines that are none are passed over: their requests then count as unanswered."""
    for line in text.split("\n"):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and isinstance(found.get("custom_id"), str):
            yield _reply(found)


def _reply(line: Mapping[str, object]) -> BatchReply:
    key, response, error = str(line["custom_id"]), line.get("response"), line.get("error")
    if not isinstance(response, dict):
        return BatchReply(key, None, _said(error) or "no reply")
    status, body = response.get("status_code"), response.get("body")
    if status == 200:
        return BatchReply(key, body)
    said = _said(body.get("error")) if isinstance(body, dict) else ""
    return BatchReply(key, None, f"{status}: {said or 'no explanation'}", lasting=status in (400, 413, 422))


def _said(error: object) -> str:
    parts = [error.get("code"), error.get("message")] if isinstance(error, dict) else []
    return ": ".join(part for part in parts if isinstance(part, str))
