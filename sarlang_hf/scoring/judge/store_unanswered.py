"""Requests that a judge has left without a verdict, in the verdict store: a later run asks them last, and once.

Asked first, as their order in a run has it, those of an earlier run would come back to back and look like a server that fails.
A row is of no account once its key has a verdict.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sarlang_hf.scoring.judge.database import database_errors
from sarlang_hf.scoring.judge.store import VerdictStore

_TABLE = "CREATE TABLE IF NOT EXISTS unanswered (key TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID"
_KNOWN = "SELECT key FROM unanswered WHERE key IN (SELECT value FROM json_each(?))"


class Unanswered:
    """The unanswered requests of a store. Raises as the store does."""

    def __init__(self, store: VerdictStore) -> None:
        self._store = store
        with database_errors(store.path):
            store.connection.execute(_TABLE)

    def note(self, key: str, reason: str) -> None:
        """Notes that a request was asked in vain; `reason` is that of `JudgeVerdict`."""
        with database_errors(self._store.path):
            self._store.connection.execute("INSERT OR REPLACE INTO unanswered VALUES (?, ?)", (key, reason))

    def among(self, keys: Sequence[str]) -> set[str]:
        """Those of some keys that were asked in vain."""
        with database_errors(self._store.path):
            return {str(row[0]) for row in self._store.connection.execute(_KNOWN, (json.dumps(list(keys)),))}
