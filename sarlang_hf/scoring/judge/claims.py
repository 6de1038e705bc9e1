"""Who is asking for which verdict right now, so that two processes on one store never pay for the same one.

A claim is a row with the key, its holder and a time after which it no longer counts. A holder is a process, known by a lock on a
file of its own beside the store, which ends with the process however that ends:

    verdicts.sqlite-holder-<host>-<pid>-<random>

So the claims of a killed process on this host are taken over at once, those of another host after their time.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from sarlang_hf.files import output_errors
from sarlang_hf.scoring.judge.database import transaction

CLAIM_SECONDS = 3600.0
"""How long a claim counts whose holder cannot be asked: longer than one call takes with all its repetitions."""


class Claims:
    """The claims of one process on one store.

    Args:
        connection: to the store.
        path: of the store; the holder's file lies beside it.
        clock: seconds since the epoch.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._path = path
        self._clock = clock
        self._host = socket.gethostname()
        self._own = f"{self._host}-{os.getpid()}-{secrets.token_hex(8)}"
        self._lock: FileLock | None = None

    def take(self, key: str) -> bool:
        """Claims a key; False if its verdict is known or somebody else's claim stands."""
        self._hold()
        with transaction(self._connection):
            if self._connection.execute("SELECT 1 FROM verdicts WHERE key = ?", (key,)).fetchone():
                return False
            row = self._connection.execute("SELECT holder, expires FROM claims WHERE key = ?", (key,)).fetchone()
            if row and row[0] != self._own and self._stands(*row):
                return False
            claim = (key, self._own, self._clock() + CLAIM_SECONDS)
            self._connection.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", claim)
        return True

    def give_up(self, key: str) -> None:
        """Ends an own claim; of others nothing is touched."""
        self._connection.execute("DELETE FROM claims WHERE key = ? AND holder = ?", (key, self._own))

    def close(self) -> None:
        """Ends all claims of this process."""
        if self._lock is not None:
            try:
                self._connection.execute("DELETE FROM claims WHERE holder = ?", (self._own,))
            finally:
                self._drop(self._lock)
                self._lock = None

    def _hold(self) -> None:
        if self._lock is None:
            lock = FileLock(self._file(self._own))
            with output_errors(self._path):
                lock.acquire(timeout=0)
            self._lock = lock

    def _stands(self, holder: str, expires: float) -> bool:
        if expires <= self._clock():
            return False
        return not holder.startswith(f"{self._host}-") or self._is_alive(holder)

    def _is_alive(self, holder: str) -> bool:
        """Whether a process on this host holds its file's lock."""
        file = self._file(holder)
        if not file.exists():
            return False
        lock = FileLock(file)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        self._drop(lock)
        return False

    def _file(self, holder: str) -> Path:
        return self._path.with_name(f"{self._path.name}-holder-{holder}")

    @staticmethod
    def _drop(lock: FileLock) -> None:
        Path(lock.lock_file).unlink(missing_ok=True)  # names are never used twice, so nobody waits for this one
        lock.release()
