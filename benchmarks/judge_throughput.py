"""Verdicts a second against a loopback server that takes 0.2 s for each, in a process of its own; then the same run again.

The ideal is concurrency / latency. What keeps from it is starting with fewer calls at once, the end, where calls run out, and the
work of one Python process: a request made, sent, read, checked and committed to the store.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from figures import Figure, print_figures

from sarlang_hf.scoring.judge.environment import JudgeSettings
from sarlang_hf.scoring.judge.prompts import request_for
from sarlang_hf.scoring.judge.run import ask, open_judge

LATENCY_S = 0.2
CONCURRENCY = 64
REQUESTS = 3_000

SERVER = Path(__file__).parents[1] / "tests" / "judge_server.py"


def measure(_folder: Path) -> list[Figure]:
    requests = [request_for("strict", "What is beside the pier?", "a ship", f"vessel {number}") for number in range(REQUESTS)]
    with tempfile.TemporaryDirectory() as store, serving() as url:
        settings = JudgeSettings("strict", "openai", "judge", url, 0.0, Path(store) / "v.sqlite", None, False, CONCURRENCY)
        start = time.perf_counter()
        verdicts = ask(open_judge(settings, notice=lambda _text: None), requests)
        seconds = time.perf_counter() - start
        asked = calls(url)
        ask(open_judge(settings, notice=lambda _text: None), requests)
        again = calls(url) - asked
    if asked != REQUESTS or not all(found.verdict for found in verdicts):
        raise RuntimeError(f"{asked} calls for {REQUESTS} requests")
    share = 100 * REQUESTS / seconds / (CONCURRENCY / LATENCY_S)
    detail = f"{REQUESTS / seconds:.0f} verdicts/s, {CONCURRENCY} at once, {LATENCY_S} s each"
    return [
        Figure("judge throughput, share of concurrency / latency", share, ">=", 60, "%", detail),
        Figure("judge calls of a second run", again, "<=", 0, "calls", f"{REQUESTS:,} requests"),
    ]


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server that answers after `LATENCY_S`."""
    command = [sys.executable, str(SERVER), "--latency", str(LATENCY_S)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        yield server.stdout.readline().strip()
        server.stdin.close()


def calls(url: str) -> int:
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/calls") as reply:
        return int(json.load(reply)["calls"])


if __name__ == "__main__":
    print_figures(measure(Path()))
