"""The SQLite file that verdicts are kept in: its tables, how it is opened, and what SQLite's refusals mean to a user.

    verdicts    one row per verdict (`store.StoredVerdict`)
    claims      who is asking for a verdict right now (`claims`)
    pins        which snapshot an alias of a server stood for when it first replied
    spending    paid calls that gave no verdict

`store_batches` and `store_unanswered` add tables of their own.

The file knows itself by SQLite's `application_id`, and its format by `user_version`. It is in WAL mode: readers never wait, and
a committed row survives the death of its process at any moment (of a whole machine that loses power, the last few may be lost).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sarlang_hf.errors import OutputError, SarlangError, UsageError
from sarlang_hf.files import output_errors

APPLICATION_ID = 0x53415256  # "SARV"
FORMAT_VERSION = 1
BUSY_SECONDS = 60.0

_TABLES = (
    """CREATE TABLE verdicts (
        key TEXT PRIMARY KEY, protocol TEXT NOT NULL, protocol_version TEXT NOT NULL, prompt_sha256 TEXT NOT NULL,
        judge TEXT NOT NULL, question TEXT NOT NULL, gold TEXT NOT NULL, prediction TEXT NOT NULL,
        verdict INTEGER NOT NULL CHECK (verdict IN (0, 1)), reply TEXT NOT NULL, fingerprint TEXT NOT NULL,
        asked_at TEXT NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost_usd REAL NOT NULL,
        origin TEXT NOT NULL
    ) WITHOUT ROWID""",
    "CREATE TABLE claims (key TEXT PRIMARY KEY, holder TEXT NOT NULL, expires REAL NOT NULL) WITHOUT ROWID",
    """CREATE TABLE pins (
        base_url TEXT NOT NULL, alias TEXT NOT NULL, snapshot TEXT NOT NULL, PRIMARY KEY (base_url, alias)
    ) WITHOUT ROWID""",
    """CREATE TABLE spending (
        asked_at TEXT NOT NULL, judge TEXT NOT NULL, reason TEXT NOT NULL,
        input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost_usd REAL NOT NULL
    )""",
)

_FULL = "free some disk space (or raise ulimit -f, or your quota), then run the same command again: verdicts so far are kept"
_READ_ONLY = "name a file in a folder that this user can write (SARLANG_CACHE, --verdict-store)"
_BUSY = "let the other process finish, then run the same command again"
_FOREIGN = "name another file (SARLANG_CACHE, --verdict-store); this one is left as it is"
_REMEDIES = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
}


def open_database(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Opens a verdict store, or makes it.

    One thread may use the connection at a time. Statements commit at once unless they stand in a `transaction`.

    Raises:
        UsageError: the file is no SQLite database, damaged, of another program, or of another format.
        OutputError: it cannot be written, or stays locked for `busy_seconds`.
    """
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with database_errors(path), contextlib.ExitStack() as opened:
        connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        opened.callback(connection.close)
        _prepare(connection, path)
        opened.pop_all()
        return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements of the body take effect, or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back when the disk is full
            connection.execute("ROLLBACK")
        raise


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turns what SQLite or its disk refuses into a user error with a remedy; anything else stays what it is."""
    try:
        yield
    except sqlite3.Error as error:
        known = _user_error(error, path)
        if known is None:
            raise
        raise known from error


def _user_error(error: sqlite3.Error, path: Path) -> SarlangError | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _REMEDIES:
        return OutputError(f"the verdict store cannot be used: {error}", place=path, remedy=_REMEDIES[code])
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return UsageError(f"is no verdict store, or a damaged one: {error}", place=path, remedy=_FOREIGN)
    return None


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    if _is_empty(connection):
        connection.execute("PRAGMA journal_mode = WAL")
        with transaction(connection):
            if _is_empty(connection):  # another process may have been faster
                for statement in _TABLES:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise UsageError("is an SQLite database of another program", place=path, remedy=_FOREIGN)
    if (found := _pragma(connection, "user_version")) != FORMAT_VERSION:
        problem = f"has format {found}; this version of sarlang-hf reads format {FORMAT_VERSION}"
        remedy = "use the version that wrote it to export the verdicts (sarlang verdicts export), or name another file"
        raise UsageError(problem, place=path, remedy=remedy)
    connection.execute("PRAGMA synchronous = NORMAL")


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0 and not _pragma(
        connection, "application_id"
    )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
