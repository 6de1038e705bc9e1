"""The verdict store: every verdict that was paid for or imported, by what was asked and who answered.

    ~/.cache/sarlang-hf/verdicts.sqlite          (`SARLANG_CACHE` moves ~/.cache/sarlang-hf)

A verdict's key is a digest of the protocol, its version, the prompt's hash, the judge's snapshot, and the three texts as they
were sent: the same question is never paid for twice, and a changed prompt or snapshot never meets an old verdict. Each verdict is
committed when it comes. Several processes may use one store (`claims`); the format is in `database`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from sarlang_hf.files import cache_folder
from sarlang_hf.scoring.answers import Protocol
from sarlang_hf.scoring.judge.claims import Claims
from sarlang_hf.scoring.judge.database import BUSY_SECONDS, database_errors, open_database, transaction
from sarlang_hf.scoring.judge.prompts import PROTOCOL_VERSION, prompt_sha256
from sarlang_hf.scoring.judge.requests import JudgeRequest
from sarlang_hf.scoring.normalize import well_formed

_BLOCK = 500
_INSERT = "INSERT OR IGNORE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT = "SELECT * FROM verdicts WHERE key IN (SELECT value FROM json_each(?))"
_SELECT_ALL = "SELECT * FROM verdicts WHERE (?1 IS NULL OR protocol = ?1) AND (?2 IS NULL OR judge = ?2) ORDER BY key"
_OWN_COSTS = "SELECT cost_usd FROM verdicts WHERE origin = '' UNION ALL SELECT cost_usd FROM spending"


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """A verdict with everything it came from.

    Attributes:
        key: `key_of` the fields from `protocol` to `prediction`.
        protocol, protocol_version, prompt_sha256: what was asked (`prompts`).
        judge: the snapshot that the reply named.
        question, gold, prediction: the texts as they were sent.
        verdict: whether the prediction matches.
        reply: what the judge wrote.
        fingerprint: the reply's `system_fingerprint`; empty if it had none.
        asked_at: UTC, as '2026-11-20T22:11:03Z'.
        input_tokens, output_tokens: as the server counted, else the estimate's bounds.
        cost_usd: what the call cost.
        origin: empty for an own verdict, else the SHA-256 of the file it was imported from.
    """

    key: str
    protocol: Protocol
    protocol_version: str
    prompt_sha256: str
    judge: str
    question: str
    gold: str
    prediction: str
    verdict: bool
    reply: str
    fingerprint: str
    asked_at: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    origin: str = ""


VERDICT_FIELDS = tuple(field.name for field in fields(StoredVerdict))


def default_store() -> Path:
    """Where verdicts are kept unless another file is named."""
    return cache_folder() / "verdicts.sqlite"


def verdict_key(request: JudgeRequest, snapshot: str) -> str:
    """The key of the verdict that a judge's snapshot gives on a request, under the present version of its protocol."""
    protocol = request.protocol
    texts = (request.question, request.gold, request.prediction)
    return key_of(protocol, PROTOCOL_VERSION[protocol], prompt_sha256(protocol), snapshot, *texts)


def key_of(protocol: str, version: str, prompt_hash: str, snapshot: str, question: str, gold: str, prediction: str) -> str:
    """SHA-256 of the JSON list of these texts, in hexadecimal."""
    listed = json.dumps([protocol, version, prompt_hash, snapshot, question, gold, prediction], separators=(",", ":"))
    return hashlib.sha256(listed.encode()).hexdigest()


class VerdictStore:
    """An open verdict store; a context manager. One thread may use it at a time.

    Every method raises OutputError if the disk is full, the file read-only, or another process holds it for a minute, and
    UsageError if the file is damaged.

    Args:
        path: the file, made if it is not there.
        clock: seconds since the epoch, for the expiry of claims.
        busy_seconds: how long to wait for other processes' transactions.

    Raises:
        UsageError: the file is no verdict store, or of another format.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        self.connection = open_database(path, busy_seconds=busy_seconds)
        self._claims = Claims(self.connection, path, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the claims of this process and closes the file."""
        try:
            with database_errors(self.path):
                self._claims.close()
        finally:
            self.connection.close()

    def get(self, keys: Sequence[str]) -> dict[str, StoredVerdict]:
        """The verdicts known of some keys."""
        found: dict[str, StoredVerdict] = {}
        with database_errors(self.path):
            for start in range(0, len(keys), _BLOCK):
                rows = self.connection.execute(_SELECT, (json.dumps(list(keys[start : start + _BLOCK])),))
                found.update((row[0], _verdict(row)) for row in rows)
        return found

    def verdicts(self, *, protocol: Protocol | None = None, judge: str | None = None) -> Iterator[StoredVerdict]:
        """All verdicts by key, or those of one protocol or judge."""
        with database_errors(self.path):
            yield from map(_verdict, self.connection.execute(_SELECT_ALL, (protocol, judge)))

    def add(self, verdict: StoredVerdict) -> None:
        """Keeps a verdict, committed at once, and ends this process's claim on it.

        The first verdict of a key stands. A later one (its first asker was taken for dead) counts as spending.
        """
        with self.adding() as put:
            if not put(verdict) and verdict.cost_usd:
                self._spend(
                    verdict.asked_at, verdict.judge, "duplicate", verdict.input_tokens, verdict.output_tokens, verdict.cost_usd
                )
            self._claims.give_up(verdict.key)

    @contextmanager
    def adding(self) -> Iterator[Callable[[StoredVerdict], bool]]:
        """A function that keeps verdicts, all of those of the body or none; it says whether a verdict was new."""

        def put(verdict: StoredVerdict) -> bool:
            values = tuple(well_formed(value) if isinstance(value, str) else value for value in astuple(verdict))
            return self.connection.execute(_INSERT, values).rowcount == 1

        with database_errors(self.path), transaction(self.connection):
            yield put

    def claim(self, key: str) -> bool:
        """Takes the right to ask for a verdict; to be called before every paid call.

        A full disk is found here, before anything is paid. Claims of dead processes and those past their time are taken over;
        a claim that its holder has already is renewed.

        Returns:
            False if the verdict is known, or somebody else is asking for it.
        """
        with database_errors(self.path):
            return self._claims.take(key)

    def release(self, key: str) -> None:
        """Ends a claim without a verdict."""
        with database_errors(self.path):
            self._claims.give_up(key)

    def snapshot_of(self, alias: str, base_url: str) -> str | None:
        """The snapshot that an alias of a server stands for; None while no reply has named one."""
        with database_errors(self.path):
            query = "SELECT snapshot FROM pins WHERE base_url = ? AND alias = ?"
            row = self.connection.execute(query, (_server(base_url), alias)).fetchone()
        return None if row is None else str(row[0])

    def pin(self, alias: str, base_url: str, snapshot: str) -> str:
        """Settles what an alias stands for, unless it is settled; the snapshot that stands, of whichever process came first."""
        with database_errors(self.path):
            self.connection.execute("INSERT OR IGNORE INTO pins VALUES (?, ?, ?)", (_server(base_url), alias, snapshot))
        return self.snapshot_of(alias, base_url) or snapshot

    def add_spending(
        self, *, judge: str, reason: str, input_tokens: int, output_tokens: int, cost_usd: float, asked_at: str
    ) -> None:
        """Notes a paid call that gave no verdict, and why."""
        with database_errors(self.path):
            self._spend(asked_at, judge, reason, input_tokens, output_tokens, cost_usd)

    def spent_usd(self) -> float:
        """What own calls have cost in all, with and without a verdict."""
        with database_errors(self.path):
            return float(sum(row[0] for row in self.connection.execute(_OWN_COSTS)))

    def _spend(self, asked_at: str, judge: str, reason: str, input_tokens: int, output_tokens: int, cost_usd: float) -> None:
        row = (asked_at, well_formed(judge), reason, input_tokens, output_tokens, cost_usd)
        self.connection.execute("INSERT INTO spending VALUES (?, ?, ?, ?, ?, ?)", row)


def _verdict(row: sqlite3.Row) -> StoredVerdict:
    verdict = dict(zip(VERDICT_FIELDS, row, strict=True))
    return StoredVerdict(**{**verdict, "verdict": bool(verdict["verdict"])})


def _server(base_url: str) -> str:
    """Host and path of a URL: a user's name and password in it are not for the file."""
    parts = urlsplit(base_url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
