"""Verdicts as files: what one lab has paid for, another need not pay again.

    verdicts.jsonl       one JSON object a line      verdicts.parquet     one row each

Both hold the fields of `store.StoredVerdict` but `origin`, one row per key, ordered by key: two exports of the same verdicts are
the same bytes. An import believes nothing that it can check: the key must be the digest of what the row says was asked, the
verdict what the reply says, the prompt the one of its version. Whether the judge really replied so cannot be checked; every
imported verdict therefore keeps the SHA-256 of its file as `origin`. A file is imported whole or not at all, and other processes
can use the store while it is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from sarlang_hf.errors import UsageError
from sarlang_hf.files import replacing, sha256_of
from sarlang_hf.scoring.answers import Protocol
from sarlang_hf.scoring.judge.staging import staging, take_over
from sarlang_hf.scoring.judge.store import StoredVerdict, VerdictStore
from sarlang_hf.scoring.judge.verdict_files import is_parquet, read_rows, refuse, write_rows
from sarlang_hf.scoring.judge.verdict_rows import checked, is_current


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        sha256: of the file.
        rows: verdicts in the file.
        added: new to the store.
        known: in the store before, or twice in the file, with the same verdict.
        conflicts: keys whose verdict in the store is the other one, in order; the store's stands.
        other_versions: of `added` and `known`, verdicts on prompts of another version, which this one never asks for.
    """

    sha256: str
    rows: int
    added: int
    known: int
    conflicts: tuple[str, ...]
    other_versions: int


def export_verdicts(store: VerdictStore, path: Path, *, protocol: Protocol | None = None, judge: str | None = None) -> int:
    """Writes all verdicts of a store, or those of one protocol or judge, to a .jsonl or .parquet file.

    Returns:
        How many.

    Raises:
        UsageError: another ending, or no such verdict.
        OutputError: the file cannot be written.
    """
    parquet = is_parquet(path)
    verdicts = store.verdicts(protocol=protocol, judge=judge)
    first = next(verdicts, None)
    if first is None:
        remedy = "judge something first, or choose another protocol or judge"
        raise UsageError("holds no verdict to export", place=store.path, remedy=remedy)
    with replacing(path) as temporary:
        return write_rows(temporary, chain([first], verdicts), parquet=parquet)


def import_verdicts(store: VerdictStore, path: Path) -> ImportReport:
    """Takes all verdicts of a .jsonl or .parquet file into a store, or none.

    Raises:
        UsageError: naming the row: the file cannot be read, is larger than 1 GiB or empty, a column is missing, a verdict
            contradicts its reply or its key, or a key stands twice with contrary verdicts.
        OutputError: the store cannot be written.
    """
    rows = read_rows(path)
    origin = sha256_of(path)
    seen: dict[str, bool] = {}
    of_other_versions: Counter[str] = Counter()
    rows_read = 0
    with staging(store) as put:
        for place, row in rows:
            rows_read += 1
            verdict = _verdict(row, place, origin)
            if verdict.key not in seen:
                put(verdict)
            if seen.setdefault(verdict.key, verdict.verdict) is not verdict.verdict:
                refuse(f"key {verdict.key} stands twice with contrary verdicts", place)
            of_other_versions[verdict.key] += not is_current(verdict)
        if not rows_read:
            refuse("holds no verdict", path)
        added, conflicts = take_over(store)
    return ImportReport(
        sha256=origin,
        rows=rows_read,
        added=added,
        known=rows_read - added - len(conflicts),
        conflicts=conflicts,
        other_versions=of_other_versions.total() - sum(of_other_versions[key] for key in conflicts),
    )


def _verdict(row: Mapping[str, Any], place: str, origin: str) -> StoredVerdict:
    try:
        return checked(row, origin=origin)
    except ValueError as error:
        refuse(str(error), place)
