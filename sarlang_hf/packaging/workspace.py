"""The working folder OUT/.build/ of an unfinished build: whose it is, and when it may be removed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sarlang_hf.errors import UsageError
from sarlang_hf.files import output_errors, write_atomically
from sarlang_hf.packaging.manifest import MANIFEST, WORK, Manifest, read_manifest


def finished_build(out: Path, request: Mapping[str, Any]) -> Manifest | None:
    """The manifest, if `out` is a finished build of exactly this request.

    Raises:
        UsageError: it is a finished build of something else.
    """
    if not (out / MANIFEST).exists():
        return None
    manifest = json.loads(read_manifest(out).to_json())
    _require_same(out, request, {name: manifest[name] for name in request}, "a finished build")
    remove_work(out)
    return read_manifest(out)


@contextmanager
def claimed(out: Path, request: Mapping[str, Any]) -> Iterator[Path]:
    """Makes and locks the working folder, and yields it.

    Raises:
        UsageError: another process builds here, the unfinished build is of another request, or the folder holds other files.
        OutputError: the folder cannot be written.
    """
    work = out / WORK
    if out.exists() and not out.is_dir():
        raise UsageError("is not a folder", place=out, remedy="choose another output folder")
    if out.is_dir() and not work.exists() and any(out.iterdir()):
        raise UsageError("holds other files", place=out, remedy="choose a new or empty folder for the dataset")
    with output_errors(out):
        work.mkdir(parents=True, exist_ok=True)
        lock = FileLock(work / "lock")
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            remedy = "wait for it to end, or choose another output folder"
            raise UsageError("another process is building here", place=out, remedy=remedy) from error
    with lock:
        for leftover in out.rglob(".*.part"):  # of a killed run; whoever holds the lock is the only writer
            leftover.unlink()
        note = work / "build.json"
        if note.exists():
            _require_same(out, request, json.loads(note.read_bytes()), "an unfinished build")
        else:
            write_atomically(note, json.dumps(request, sort_keys=True).encode())
        yield work


def remove_work(out: Path) -> None:
    """Removes the working folder of a finished build; a killed removal is made up for by the next run."""
    shutil.rmtree(out / WORK, ignore_errors=True)


def _require_same(out: Path, request: Mapping[str, Any], found: Mapping[str, Any], what: str) -> None:
    wanted, existing = _flatten(json.loads(json.dumps(request))), _flatten(found)
    different = [name for name in sorted(wanted.keys() | existing.keys()) if wanted.get(name) != existing.get(name)]
    if different:
        first = different[0]
        problem = f"holds {what} with {first} = {existing.get(first)!r}, now {wanted.get(first)!r}"
        raise UsageError(problem, place=out, remedy="choose another output folder, or remove this one first")


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {k: v for name, part in value.items() for k, v in _flatten(part, f"{prefix}.{name}" if prefix else name).items()}
    if isinstance(value, list):
        return {k: v for at, part in enumerate(value) for k, v in _flatten(part, f"{prefix}[{at}]").items()}
    return {prefix: value}
