"""The working folder OUT/.build/ of an unfinished build: whose it is, and when it may be thrown away.

    build.json                what is being built, and from where; another build in the same folder is refused
    shares.json               into how many shares it is divided, if it is
    lock                      held alone by a plain build and by the finish, together by all shares
    survey.lock               held by the share that does what is done once, while the others wait
    share-2-of-16.lock        held by this share

What else lies here is described in build_shard.py, survey.py, measure.py and blame.py.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sarlang_hf.errors import UsageError
from sarlang_hf.files import output_errors, write_atomically
from sarlang_hf.packaging.locks import LockedError, is_locked, locked
from sarlang_hf.packaging.manifest import MANIFEST, WORK, Manifest, Request, read_manifest

Share = tuple[int, int]
"""(I, N): the I-th of N shares, counted from 1."""

Places = Mapping[str, str]
"""Absolute path by input."""

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
def claimed(out: Path, request: Request, places: Places, *, to_finish: bool = False) -> Iterator[Path]:
    """Makes and locks the working folder for one process alone, and yields it.

    An unfinished build of another request, or of sources that lie elsewhere, is thrown away if it has no finished shard yet, so
    that a command can be corrected and repeated.

    Args:
        out: the dataset folder.
        request: what is being built.
        places: where its inputs lie: equal annotations do not make equal images.
        to_finish: the folder must hold an unfinished build of this request already.

    Raises:
        UsageError: another process builds here, shards of another request or of other places are finished, the folder holds
            other files, or there is nothing to finish.
        OutputError: the folder cannot be written.
    """
    if to_finish and not (out / WORK / "build.json").exists():
        remedy = "build the shares first: sarlang build OUT ... --shard I/N"
        raise UsageError("there is no unfinished build here", place=out, remedy=remedy)
    with ExitStack() as stack:
        work = working_folder(out)
        try:
            with output_errors(out):
                stack.enter_context(locked(work / _LOCK))
        except LockedError as error:
            raise _in_use(out, work) from error
        with output_errors(out):
            for leftover in out.rglob(".*.part"):  # of a killed run; whoever holds the lock is the only writer
                leftover.unlink()
            _settle(out, work, request, places, may_clear=not to_finish)
        yield work


@contextmanager
def claimed_share(
    out: Path, request: Request, places: Places, share: Share, *, waiting: Callable[[], None]
) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Makes the working folder, or joins the other shares in it, and yields it with a function.

    Until that function is called, this process is the only one that works here: it does what is done once for all shares.

    Args:
        out: the dataset folder.
        request: what is being built.
        places: where its inputs lie.
        share: which share of it.
        waiting: called once if another share is at that work, which is then waited for.

    Raises:
        UsageError: this share is being built already, or a plain build or a finish works here, or shares of another request
            or of another number are running; otherwise as for `claimed`.
        OutputError: the folder cannot be written.
    """
    name = "{}-of-{}".format(*share)
    with ExitStack() as stack, ExitStack() as alone:
        work = working_folder(out)
        try:
            with output_errors(out):
                stack.enter_context(locked(work / _LOCK, shared=True))
                alone.enter_context(locked(work / "survey.lock", waiting=waiting))
                _divide(out, work, request, places, share[1])
                stack.enter_context(locked(work / f"share-{name}.lock"))
        except LockedError as error:
            raise _in_use(out, work, own=name) from error
        yield work, alone.close


def recorded_division(work: Path) -> int | None:
    """The number of shares into which the build is divided, if it is."""
    note = work / "shares.json"
    return int(json.loads(note.read_bytes())["of"]) if note.exists() else None


def require_no_rejects(out: Path, rejects: int, *, skip_faults: bool) -> None:
    """Raises a `UsageError` if an earlier run left images out and this one is to stop at faults."""
    if rejects and not skip_faults:
        problem = f"a run with --on-error skip has left {rejects} images out here"
        raise UsageError(problem, place=out, remedy="repeat it with --on-error skip, or choose another output folder")


def remove_work(out: Path) -> None:
    """Removes the working folder of a finished build; a killed removal is made up for by the next run."""
    shutil.rmtree(out / WORK, ignore_errors=True)


def clear_work(work: Path) -> None:
    """Throws an unfinished build away but for its locks; the note goes first, so that a killed removal is completed later."""
    (work / "build.json").unlink(missing_ok=True)
    for path in work.iterdir():
        if path.name != _LOCK and path.suffix != ".lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def working_folder(out: Path) -> Path:
    """The working folder, made if need be.

    Raises:
        UsageError: `out` is no folder or holds other files.
        OutputError: it cannot be made.
    """
    work = out / WORK
    if out.exists() and not out.is_dir():
        raise UsageError("is not a folder", place=out, remedy="choose another output folder")
    if out.is_dir() and not work.exists() and not (out / MANIFEST).exists() and any(out.iterdir()):
        raise UsageError("holds other files", place=out, remedy="choose a new or empty folder for the dataset")
    with output_errors(out):
        work.mkdir(parents=True, exist_ok=True)
    return work


def _divide(out: Path, work: Path, request: Request, places: Places, total: int) -> None:
    """Makes the working folder one of this request in this many shares, if no running share stands against it."""
    for leftover in work.glob(".*.part"):
        leftover.unlink()
    running = _running_shares(work)
    other = recorded_division(work)
    if running and other is not None and other != total:
        problem = f"a build in {other} shares is running here, not in {total}"
        raise UsageError(problem, place=out, remedy=f"give --shard I/{other}, or wait for it to end")
    _settle(out, work, request, places, may_clear=not running)
    if recorded_division(work) != total:
        write_atomically(work / "shares.json", json.dumps({"of": total}).encode())


def _settle(out: Path, work: Path, request: Request, places: Places, *, may_clear: bool) -> None:
    """Makes the working folder one of this request, whose inputs lie at these places."""
    note = work / "build.json"
    found = json.loads(note.read_bytes()) if note.exists() else {}  # without a note, whatever lies here is nobody's
    begun = found.pop("places", {})
    moved = [f"{begun.get(name)}, now {place}" for name, place in places.items() if place != begun.get(name)]
    difference = _difference(request, found)
    if found and (difference or moved) and (not may_clear or any((work / "receipts").glob("*.json"))):
        what = "finished shards of a build" if may_clear else "an unfinished build"
        problem = f"holds {what} with {difference}" if difference else f"holds {what} that was begun from {moved[0]}"
        same = "choose another output folder" if difference else "give the place it was begun from to continue it"
        raise UsageError(problem, place=out, remedy=f"{same}, or remove {work} to start over")
    if difference or moved:
        clear_work(work)
        write_atomically(note, json.dumps({**asdict(request), "places": places}, sort_keys=True).encode())


def _running_shares(work: Path) -> list[str]:
    """The shares that processes are building now, as `2/16`."""
    found = [path for path in sorted(work.glob("share-*.lock")) if is_locked(path)]
    return [path.stem.removeprefix("share-").replace("-of-", "/") for path in found]


def _in_use(out: Path, work: Path, *, own: str = "") -> UsageError:
    """What a lock that another process holds means."""
    running = _running_shares(work)
    remedy = "wait for it to end, or choose another output folder"
    if own.replace("-of-", "/") in running:
        return UsageError(f"another process is building share {own.replace('-of-', '/')} here", place=out, remedy=remedy)
    if running:
        shares = ", ".join(running)
        return UsageError(f"shares of this build are running here: {shares}", place=out, remedy="wait for them to end")
    return UsageError("another process is building here", place=out, remedy=remedy)


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
