"""Verdicts on their way into a store: checked row by row in a table of their own, then taken over at once.

Reading a large file takes minutes, and whoever writes to an SQLite file keeps all others from it. The table is a temporary one,
which no other process waits for; the store is locked for the copying alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple

from sarlang_hf.scoring.judge.database import database_errors, transaction
from sarlang_hf.scoring.judge.store import VERDICT_FIELDS, StoredVerdict, VerdictStore

_CREATE = f"CREATE TEMP TABLE incoming ({', '.join(VERDICT_FIELDS)}, PRIMARY KEY (key)) WITHOUT ROWID"
_INSERT = "INSERT INTO incoming VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_CONFLICTS = """SELECT key FROM incoming JOIN verdicts USING (key)
                WHERE incoming.verdict <> verdicts.verdict ORDER BY key"""
_COPY = "INSERT OR IGNORE INTO verdicts SELECT * FROM incoming ORDER BY key"


@contextmanager
def staging(store: VerdictStore) -> Iterator[Callable[[StoredVerdict], None]]:
    """A function that puts a verdict, one for each key, aside for `take_over`. Nothing of it outlives the body."""
    connection = store.connection
    with database_errors(store.path):
        connection.execute(_CREATE)
        try:
            yield lambda verdict: _put(store, verdict)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.execute("DROP TABLE incoming")


def take_over(store: VerdictStore) -> tuple[int, tuple[str, ...]]:
    """Keeps what was put aside, all or none, where the store knows no verdict; its own stand.

    Returns:
        How many were new, and the keys of those whose verdict in the store is the other one.
    """
    connection = store.connection
    with database_errors(store.path):
        if connection.in_transaction:
            connection.execute("COMMIT")
        with transaction(connection):
            conflicts = tuple(str(row[0]) for row in connection.execute(_CONFLICTS))
            return connection.execute(_COPY).rowcount, conflicts


def _put(store: VerdictStore, verdict: StoredVerdict) -> None:
    if not store.connection.in_transaction:  # one for all rows: nobody waits for it, as it touches the temporary table alone
        store.connection.execute("BEGIN")
    store.connection.execute(_INSERT, astuple(verdict))
