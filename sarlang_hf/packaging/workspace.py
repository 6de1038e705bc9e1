"""The working folder OUT/.build/ of an unfinished build: whose it is, and when it may be thrown away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sarlang_hf.errors import UsageError
from sarlang_hf.files import output_errors, write_atomically
from sarlang_hf.packaging.manifest import MANIFEST, WORK, Manifest, Request, read_manifest

_LOCK = "lock"


def finished_build(out: Path, request: Request, *, skip_faults: bool) -> Manifest | None:
    """The manifest, if `out` is a finished build of exactly this request.

    Raises:
        UsageError: it is a finished build of something else, or left images out that must not be.
    """
    if not (out / MANIFEST).exists():
        return None
    manifest = read_manifest(out)
    difference = _difference(request, Request(manifest.generator, manifest.inputs, manifest.sources, manifest.parameters))
    if difference:
        raise UsageError(f"holds a finished build with {difference}", place=out, remedy="choose another output folder")
    require_no_rejects(out, sum(manifest.rejects.values()), skip_faults=skip_faults)
    remove_work(out)
    return manifest


@contextmanager
def claimed(out: Path, request: Request) -> Iterator[Path]:
    """Makes and locks the working folder, and yields it.

    An unfinished build of another request is thrown away if it has no finished shard yet, so that a command can be corrected
    and repeated.

    Raises:
        UsageError: another process builds here, shards of another request are finished, or the folder holds other files.
        OutputError: the folder cannot be written.
    """
    work = out / WORK
    if out.exists() and not out.is_dir():
        raise UsageError("is not a folder", place=out, remedy="choose another output folder")
    if out.is_dir() and not work.exists() and any(out.iterdir()):
        raise UsageError("holds other files", place=out, remedy="choose a new or empty folder for the dataset")
    with output_errors(out):
        work.mkdir(parents=True, exist_ok=True)
        lock = FileLock(work / _LOCK)
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            remedy = "wait for it to end, or choose another output folder"
            raise UsageError("another process is building here", place=out, remedy=remedy) from error
    with lock:
        for leftover in out.rglob(".*.part"):  # of a killed run; whoever holds the lock is the only writer
            leftover.unlink()
        _settle(out, work, request)
        yield work


def require_no_rejects(out: Path, rejects: int, *, skip_faults: bool) -> None:
    """Raises a `UsageError` if an earlier run left images out and this one is to stop at faults."""
    if rejects and not skip_faults:
        problem = f"a run with --on-error skip has left {rejects} images out here"
        raise UsageError(problem, place=out, remedy="repeat it with --on-error skip, or choose another output folder")


def remove_work(out: Path) -> None:
    """Removes the working folder of a finished build; a killed removal is made up for by the next run."""
    shutil.rmtree(out / WORK, ignore_errors=True)


def _settle(out: Path, work: Path, request: Request) -> None:
    """Makes the working folder one of this request."""
    note = work / "build.json"
    found = json.loads(note.read_bytes()) if note.exists() else {}  # without a note, whatever lies here is nobody's
    difference = _difference(request, found)
    if found and difference and any((work / "receipts").glob("*.json")):
        problem = f"holds finished shards of a build with {difference}"
        raise UsageError(problem, place=out, remedy="choose another output folder, or remove this unfinished one to start over")
    if difference:
        clear_work(work)
        write_atomically(note, json.dumps(asdict(request), sort_keys=True).encode())


def clear_work(work: Path) -> None:
    """Throws an unfinished build away but for its lock; the note goes first, so that a killed removal is completed later."""
    (work / "build.json").unlink(missing_ok=True)
    for path in work.iterdir():
        if path.name != _LOCK:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _difference(request: Request, found: Request | Mapping[str, Any]) -> str:
    """The first difference between a request and an existing one, in words; empty if there is none."""
    wanted = _flatten(asdict(request))
    existing = _flatten(asdict(found) if isinstance(found, Request) else found)
    for name in sorted(wanted.keys() | existing.keys()):
        if wanted.get(name) != existing.get(name):
            return f"{name} = {existing.get(name)!r}, now {wanted.get(name)!r}"
    return ""


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {k: v for name, part in value.items() for k, v in _flatten(part, f"{prefix}.{name}" if prefix else name).items()}
    if isinstance(value, list | tuple):
        return {k: v for at, part in enumerate(value) for k, v in _flatten(part, f"{prefix}[{at}]").items()}
    return {prefix: value}
