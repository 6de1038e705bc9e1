"""A loopback server that speaks what judging needs of OpenAI's protocol, and can misbehave as asked.

In a test: `with serving(JudgeServer(verdict=lambda text: "ship" in text)) as server: ... server.url`. In a process of its own,
for programs that must not share one with it: `python tests/judge_server.py --latency 0.2` prints its address, serves until its
standard input ends, and answers GET /calls with the number of calls it has answered.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sarlang_hf.scoring.judge import JudgeRequest
    from sarlang_hf.scoring.judge.environment import JudgeSettings

SNAPSHOT = "gpt-4o-mini-2024-07-18"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: a body (bytes as they are, anything else as JSON), after a pause; or the connection is reset."""

    body: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came in."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """The text of the last message."""
        return text_of(self.body)


@dataclass
class JudgeServer:
    """How the server behaves, and what it has seen.

    verdict: the text of the last message -> whether it is a match; worded as the request wants it (JSON or a digit).
    say: the same -> the literal content of the reply, if not None; wins over `verdict`.
    model: the snapshot that replies name; None: the model asked for.
    misbehave: (number of the call, from 0; the call) -> an answer to give instead, or None. Calls of the Batch API count down
        from -1, their path being like 'POST /batches'.
    endings: per batch, in order, how it ends and how many of its requests are answered by then; all, where none is given.
    polls: how often a batch is looked at before it has ended.
    batch_errors: what an ended batch gives as its errors.
    """

    verdict: Callable[[str], bool] = lambda _text: True
    say: Callable[[str], str | None] = lambda _text: None
    model: str | None = None
    latency_s: float = 0.0
    usage: Mapping[str, int] | None = field(default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 2})
    misbehave: Callable[[int, Call], Answer | None] = lambda _number, _call: None
    endings: list[tuple[str, int]] = field(default_factory=list)
    polls: int = 1
    batch_errors: list[dict[str, str]] = field(default_factory=list)
    keep: bool = True
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    asked: int = 0
    completed: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    others: list[Call] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)

    def name(self, model: str = SNAPSHOT) -> str:
        """What our code calls a model of this server."""
        return f"{model}@{self.url.split('/')[2]}"

    async def answer(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        if path.partition("?")[0].endswith("/chat/completions"):
            return await self._chat(Call(path, headers, json.loads(raw)))
        if path == "/calls":
            return Answer({"calls": self.completed})
        found = re.fullmatch(r"/v1/(files|batches)(?:/([\w-]+))?(/content)?(?:\?.*)?", path)
        if not found:
            return Answer({"error": {"message": f"unknown path {path}"}}, 404)
        what, name, _ = found.groups()
        self.others.append(Call(f"{method} /{what}", headers, json.loads(raw) if what == "batches" and raw else {}))
        chosen = self.misbehave(-len(self.others), self.others[-1])
        if chosen is None:
            return self._batch_api(method, what, name, raw)
        await asyncio.sleep(chosen.delay_s)
        return chosen

    async def _chat(self, call: Call) -> Answer:
        number, self.asked = self.asked, self.asked + 1
        if self.keep:
            self.calls.append(call)
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        try:
            chosen = self.misbehave(number, call)
            await asyncio.sleep(chosen.delay_s if chosen else self.latency_s)
        finally:
            self.in_flight -= 1
        if chosen is None or (chosen.status == 200 and not chosen.reset):
            self.completed += 1
        return chosen or Answer(self.completion(call.body))

    def completion(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A regular reply to a request."""
        text = text_of(asked)
        said = self.say(text)
        if said is None:
            match = self.verdict(text)
            said = json.dumps({"match": match}) if asked.get("response_format") else str(int(match))
        usage = {"usage": {**self.usage, "total_tokens": sum(self.usage.values())}} if self.usage else {}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
        model = self.model or asked["model"]
        return {"id": "c", "object": "chat.completion", "created": 0, "model": model, "choices": [choice], **usage}

    def _batch_api(self, method: str, what: str, name: str | None, raw: bytes) -> Answer:
        if what == "files" and method == "POST":
            name = f"file-{len(self.files)}"
            self.files[name] = _uploaded(raw)
            return Answer({"id": name, "object": "file", "bytes": len(raw), "created_at": 0, "filename": "f", "purpose": "batch"})
        if what == "files":
            return Answer(self.files[name or ""])
        if method == "POST":
            return Answer(self.create(json.loads(raw)))
        if name is None:
            newest = list(reversed(self.batches.values()))
            return Answer({"object": "list", "data": newest, "has_more": False})
        batch = self.batches.get(name)
        if batch is None:
            return Answer({"error": {"message": f"No batch found with id {name!r}."}}, 404)
        batch["polls"] += 1
        if batch["polls"] >= self.polls and batch["status"] == "in_progress":
            self._finish(batch)
        return Answer(batch)

    def create(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Makes a batch."""
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {
            **asked, "id": name, "object": "batch", "created_at": 0, "status": "in_progress", "polls": 0,
            "output_file_id": None, "error_file_id": None,
        }  # fmt: skip
        return self.batches[name]

    def _finish(self, batch: dict[str, Any]) -> None:
        lines = self.files[batch["input_file_id"]].decode().splitlines()
        status, answered = self.endings.pop(0) if self.endings else ("completed", len(lines))
        done, rest = [json.loads(line) for line in lines[:answered]], [json.loads(line) for line in lines[answered:]]
        self.completed += len(done)
        replies = [{"custom_id": line["custom_id"], "error": None,
                    "response": {"status_code": 200, "body": self.completion(line["body"])}} for line in done]  # fmt: skip
        errors = [{"custom_id": line["custom_id"], "response": None,
                   "error": {"code": "batch_expired", "message": "not executed before the window ended"}}
                  for line in rest]  # fmt: skip
        batch["status"] = status
        batch["errors"] = {"object": "list", "data": self.batch_errors} if self.batch_errors else None
        if status == "failed":  # nothing was tried
            return
        for field_name, found in (("output_file_id", replies), ("error_file_id", errors)):
            if found:
                batch[field_name] = f"file-{len(self.files)}"
                self.files[batch[field_name]] = "\n".join(map(json.dumps, found)).encode()


def impatient(server: JudgeServer, folder: Path, **changes: Any) -> JudgeSettings:
    """Settings that ask this server, with waits of milliseconds and a store in a folder."""
    from sarlang_hf.scoring.judge.environment import JudgeSettings
    from sarlang_hf.scoring.judge.pacing import Pacing

    settings = JudgeSettings(
        protocol="strict",
        provider="openai",
        model=SNAPSHOT,
        base_url=server.url,
        max_usd=5.0,
        store=folder / "verdicts.sqlite",
        prices=None,
        batch=False,
        concurrency=8,
        timeout_s=20.0,
        pacing=Pacing(base_s=0.001, longest_s=0.01, claims_s=0.01, batches_s=0.01),
    )
    return replace(settings, **changes)


def inquiries(count: int, protocol: str = "strict") -> list[JudgeRequest]:
    """Distinct requests; the odd ones say 'odd'."""
    from sarlang_hf.scoring.judge.prompts import request_for

    return [
        request_for(protocol, "What is beside the pier?", "a ship", f"{'odd' if i % 2 else 'even'} ship number {i}")
        for i in range(count)
    ]


def text_of(asked: Mapping[str, Any]) -> str:
    """The text of a request's last message."""
    content = asked["messages"][-1]["content"]
    return content if isinstance(content, str) else content[0]["text"]


def _uploaded(multipart: bytes) -> bytes:
    """The content of the part named file."""
    boundary = multipart.partition(b"\r\n")[0]
    part = next(part for part in multipart.split(boundary) if b'name="file"' in part)
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


async def _talk(behaviour: JudgeServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            line, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            method, path, _ = line.split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (entry.partition(":") for entry in rest)}
            raw = await reader.readexactly(int(headers.get("content-length", 0)))
            answer = await behaviour.answer(method, path, headers, raw)
            if answer.reset:
                writer.transport.abort()
                return
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            sent = {"Content-Type": "application/json", "Content-Length": str(len(body)), **answer.headers}
            lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
            writer.write(f"HTTP/1.1 {answer.status} X\r\n{lines}\r\n".encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        pass
    finally:
        writer.close()


async def _serve(behaviour: JudgeServer, ready: Callable[[], None]) -> None:
    server = await asyncio.start_server(lambda reader, writer: _talk(behaviour, reader, writer), "127.0.0.1", 0, limit=1 << 26)
    behaviour.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    ready()
    await asyncio.Event().wait()


@contextmanager
def serving(behaviour: JudgeServer | None = None) -> Iterator[JudgeServer]:
    """Runs the server in a thread, on a free port of this machine; `url` is the base URL to give to a client."""
    behaviour = behaviour or JudgeServer()
    ready, loop = threading.Event(), asyncio.new_event_loop()
    task = loop.create_task(_serve(behaviour, ready.set))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            for talk in (talks := asyncio.all_tasks(loop)):
                talk.cancel()
            if talks:
                loop.run_until_complete(asyncio.wait(talks))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(30)
    try:
        yield behaviour
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(30)


def main() -> None:
    latency = float(sys.argv[sys.argv.index("--latency") + 1]) if "--latency" in sys.argv else 0.0
    with serving(JudgeServer(latency_s=latency, keep=False)) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
