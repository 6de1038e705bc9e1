"""Batches at a judge's server, in the verdict store, so that any later run can pick them up.

    batches        one row per batch: written before the server hears of it, ended when its verdicts are in
    batch_items    what it asks: key, texts, and whether it is the second time

A batch is known by a nonce of ours, which the server keeps with it: a run that was killed between asking for a batch and noting
its id finds it again by the nonce, and does not ask for a second one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sarlang_hf.scoring.answers import Protocol
from sarlang_hf.scoring.judge.database import database_errors, transaction
from sarlang_hf.scoring.judge.requests import JudgeRequest
from sarlang_hf.scoring.judge.store import VerdictStore

_TABLES = (
    """CREATE TABLE IF NOT EXISTS batches (
        nonce TEXT PRIMARY KEY, server TEXT NOT NULL, model TEXT NOT NULL, snapshot TEXT NOT NULL, made_at REAL NOT NULL,
        batch_id TEXT NOT NULL, ended INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS batch_items (
        nonce TEXT NOT NULL, key TEXT NOT NULL, protocol TEXT NOT NULL, question TEXT NOT NULL, gold TEXT NOT NULL,
        prediction TEXT NOT NULL, again INTEGER NOT NULL, PRIMARY KEY (nonce, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS batch_items_by_key ON batch_items (key)",
)
_HELD = """SELECT key FROM batch_items JOIN batches USING (nonce)
           WHERE NOT ended AND key IN (SELECT value FROM json_each(?))"""
_OPEN = """SELECT DISTINCT nonce, server, model, snapshot, made_at, batch_id FROM batches JOIN batch_items USING (nonce)
           WHERE NOT ended AND key IN (SELECT value FROM json_each(?)) ORDER BY made_at, nonce"""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch that has not ended. `made_at` counts seconds since the epoch; `batch_id` is empty while the server has not told."""

    nonce: str
    server: str
    model: str
    snapshot: str
    made_at: float
    batch_id: str


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A request of a batch; `again`: its first reply was no verdict."""

    request: JudgeRequest
    again: bool


class BatchLedger:
    """The batches of a store. Raises as the store does."""

    def __init__(self, store: VerdictStore) -> None:
        self._store = store
        self._connection = store.connection
        with database_errors(store.path):
            for statement in _TABLES:
                self._connection.execute(statement)

    def holds(self, key: str) -> bool:
        """Whether an open batch asks for a verdict. To be asked after claiming it: a batch is noted under the same claim."""
        return bool(self.held([key]))

    def held(self, keys: Sequence[str]) -> set[str]:
        """Those of some keys that open batches ask for."""
        with database_errors(self._store.path):
            return {str(row[0]) for row in self._connection.execute(_HELD, (json.dumps(list(keys)),))}

    def open_batches(self, keys: Sequence[str]) -> list[StoredBatch]:
        """The open batches that ask for any of some keys, the oldest first."""
        with database_errors(self._store.path):
            return [StoredBatch(*row) for row in self._connection.execute(_OPEN, (json.dumps(list(keys)),))]

    def batch(self, nonce: str) -> StoredBatch | None:
        """A batch as it stands; None once it has ended."""
        query = "SELECT nonce, server, model, snapshot, made_at, batch_id FROM batches WHERE nonce = ? AND NOT ended"
        with database_errors(self._store.path):
            row = self._connection.execute(query, (nonce,)).fetchone()
        return None if row is None else StoredBatch(*row)

    def items(self, nonce: str) -> dict[str, BatchItem]:
        """What a batch asks, by key."""
        query = "SELECT key, protocol, question, gold, prediction, again FROM batch_items WHERE nonce = ? ORDER BY key"
        with database_errors(self._store.path):
            rows = self._connection.execute(query, (nonce,)).fetchall()
        return {key: BatchItem(JudgeRequest(*request), bool(again)) for key, *request, again in rows}

    def note(self, batch: StoredBatch, items: Mapping[str, BatchItem]) -> None:
        """Notes a batch that is about to be made."""
        rows = ((batch.nonce, key, *_texts(item.request), item.again) for key, item in items.items())
        with database_errors(self._store.path), transaction(self._connection):
            row = (batch.nonce, batch.server, batch.model, batch.snapshot, batch.made_at, batch.batch_id, 0)
            self._connection.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._connection.executemany("INSERT INTO batch_items VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def made(self, nonce: str, batch_id: str, server: str) -> None:
        """Notes the server's id of a batch, and the address at which it was made."""
        with database_errors(self._store.path):
            self._connection.execute("UPDATE batches SET batch_id = ?, server = ? WHERE nonce = ?", (batch_id, server, nonce))

    def end(self, nonce: str) -> bool:
        """Ends a batch: its verdicts are in, or never will be. False if another process was faster."""
        with database_errors(self._store.path):
            return self._connection.execute("UPDATE batches SET ended = 1 WHERE nonce = ? AND NOT ended", (nonce,)).rowcount == 1


def _texts(request: JudgeRequest) -> tuple[Protocol, str, str, str]:
    return request.protocol, request.question, request.gold, request.prediction
