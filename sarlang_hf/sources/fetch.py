"""Download of the officially released SARLANG-1M files, resumable and checked byte for byte.

    DIR/SARimages_preprocessed/...    the files, under the names they have in the repository
    DIR/Text.zip  DIR/Text/           an archive, and what it holds, unpacked beside it
    DIR/.Text.zip.unpacked            sha256 of the archive that DIR/Text came from
    DIR/.sarlang-fetch/               unfinished downloads, named by their content and path, and the lock

`huggingface_hub` lists the repository and carries the requests (address, token, proxies, rate limits). Its own download
functions begin a file anew when a killed process runs again (measured with 2.4), so the bytes are continued here.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from filelock import FileLock, Timeout

from sarlang_hf.errors import OutputError, SourceError, UsageError
from sarlang_hf.files import output_errors, sha256_of, write_atomically
from sarlang_hf.sources.archive_members import safe_path
from sarlang_hf.sources.archives import Progress as UnpackProgress
from sarlang_hf.sources.archives import unpack
from sarlang_hf.sources.hub import AGAIN, hub_errors, receive

REPOSITORY = "YiminJimmy/SARLANG-1M"
REVISION = "cd5a4cb162ad5cbb4787a51b4372f434df773178"
LICENCE_NOTE = (
    "No licence covers these files: neither the repository nor the paper grants one. The images stay under the terms of their "
    "sources; whether and how you may use the texts is for you to settle. Datasets built from them must not be passed on."
)

Part = Literal["images", "texts", "originals", "rgb"]
PARTS: tuple[Part, ...] = get_args(Part)
_PREFIXES: tuple[tuple[str, Part], ...] = (
    ("SARimages_original", "originals"),
    ("SARimages", "images"),
    ("RGBimages", "rgb"),
    ("Text", "texts"),
)

_WORK = ".sarlang-fetch"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of the repository: its path there, size, git object id, and for large files the SHA-256 of its content."""

    path: str
    bytes: int
    blob_id: str
    sha256: str | None

    @property
    def part(self) -> Part | None:
        return part_of(self.path)


@dataclass(frozen=True, slots=True)
class Release:
    """What the repository holds at a commit."""

    commit: str
    files: tuple[RemoteFile, ...]

    def of(self, parts: Sequence[Part]) -> list[RemoteFile]:
        return [file for file in self.files if file.part in parts]


def part_of(path: str) -> Part | None:
    """The part a file of the repository belongs to, by its path; None for the repository's own papers."""
    return next((part for prefix, part in _PREFIXES if path.startswith(prefix)), None)


def list_release(revision: str = REVISION) -> Release:
    """Names and sizes of the released files.

    Raises:
        UsageError: there is no such revision.
        SourceError: the Hub cannot be reached, or refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    api = HfApi()
    with hub_errors(REPOSITORY, revision):
        commit = api.dataset_info(REPOSITORY, revision=revision, expand=["sha"]).sha or revision
        tree = api.list_repo_tree(REPOSITORY, repo_type="dataset", revision=commit, recursive=True)
        found = [entry for entry in tree if isinstance(entry, RepoFile)]
    for entry in found:
        try:
            safe_path(REPOSITORY, entry.path)
        except SourceError as error:
            remedy = "leave --revision out; if that does not help, tell the owners of the repository"
            raise SourceError(f"lists a file of an unsafe name, {entry.path!r}", place=REPOSITORY, remedy=remedy) from error
    files = (RemoteFile(entry.path, entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs else None) for entry in found)
    return Release(commit, tuple(sorted(files, key=lambda file: file.path)))


def missing(folder: Path, files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """The files that are not in `folder` yet.

    Raises:
        SourceError: a file of that name but another size is there.
    """
    absent = []
    for file in files:
        path = folder / file.path
        if not path.exists():
            absent.append(file)
        elif not path.is_file() or path.stat().st_size != file.bytes:
            raise _foreign(path, f"is not the released file, which has {file.bytes:,} bytes")
    return absent


def still_to_come(folder: Path, files: Sequence[RemoteFile]) -> int:
    """Bytes of missing files that are not in an unfinished download either."""
    parts = [(file, folder / _WORK / _part_name(file)) for file in files]
    return sum(file.bytes - (part.stat().st_size if part.exists() else 0) for file, part in parts)


def require_space(folder: Path, files: Sequence[RemoteFile]) -> None:
    """Checks that missing files fit on the disk, with their archives unpacked (which then take about their size again).

    Raises:
        OutputError: they do not.
    """
    needed = still_to_come(folder, files) + sum(file.bytes for file in files if file.path.endswith(".zip"))
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        problem = f"{needed / 1e9:,.1f} GB are needed and {free / 1e9:,.1f} GB are free"
        raise OutputError(problem, place=folder, remedy="choose another disk, or fewer parts with --include")


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Makes the folder and keeps other downloads out of it.

    Raises:
        UsageError: another process downloads here.
        OutputError: the folder cannot be written.
    """
    work = folder / _WORK
    with output_errors(folder):
        work.mkdir(parents=True, exist_ok=True)
        lock = FileLock(work / "lock")
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            remedy = "wait for it to end, or choose another folder"
            raise UsageError("another process is downloading here", place=folder, remedy=remedy) from error
    with lock:
        yield


def download(
    folder: Path,
    commit: str,
    files: Sequence[RemoteFile],
    *,
    workers: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Downloads files that are missing, continuing those that an earlier run began.

    Each appears under its name when its size and checksum are right.

    Args:
        folder: where to.
        commit: the commit they were listed at.
        files: what to download.
        workers: simultaneous connections.
        progress: called with (bytes downloaded, bytes in all); from several threads, one at a time.

    Raises:
        SourceError: the Hub cannot be reached, refuses, or sends other bytes than it listed.
        OutputError: the folder cannot be written, or the disk is full.
    """
    tally = _Tally(sum(file.bytes for file in files), progress or (lambda _done, _total: None))
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(_download, folder, commit, file, tally) for file in files]
        try:
            for job in as_completed(jobs):
                job.result()
        except BaseException:
            tally.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def verify_files(folder: Path, files: Sequence[RemoteFile], *, progress: Callable[[int, int], None] | None = None) -> None:
    """Compares files with the checksums the repository lists.

    Raises:
        SourceError: one has other bytes.
    """
    done, total = 0, sum(file.bytes for file in files)
    for file in files:
        path = folder / file.path
        if path.stat().st_size != file.bytes or _checksum(path, file) != _listed(file):
            raise _foreign(path, "does not have the bytes that were released")
        done += file.bytes
        if progress:
            progress(done, total)


def unpack_released(folder: Path, *, progress: UnpackProgress | None = None) -> list[Path]:
    """Unpacks the released zips of a folder: `Text.zip` becomes `Text/`, as the source `released` reads it.

    A folder that came from the same archive, or that someone made by hand, is left as it is. So are foreign archives.

    Returns:
        The folders that were made now.

    Raises:
        SourceError: an archive is damaged or unsafe, or its folder came from another archive.
        OutputError: the disk is full or read-only.
    """
    made = []
    for archive in sorted(path for path in folder.glob("*.zip") if part_of(path.name)):
        target, note = archive.with_suffix(""), folder / f".{archive.name}.unpacked"
        digest = sha256_of(archive)
        if not target.exists():
            unpack(archive, target, strip=target.name, progress=progress)
            write_atomically(note, f"{digest}\n".encode())
            made.append(target)
        elif note.exists() and note.read_text().strip() != digest:
            raise SourceError(f"came from another {archive.name}", place=target, remedy="remove it and run the command again")
    return made


def _download(folder: Path, commit: str, file: RemoteFile, tally: _Tally) -> None:
    part, final = folder / _WORK / _part_name(file), folder / file.path
    with output_errors(final):
        with part.open("ab") as sink:
            tally.add(sink.tell())
            receive(sink, file.bytes, repository=REPOSITORY, commit=commit, path=file.path, arrived=tally.add)
        if tally.stop.is_set():
            return
        if part.stat().st_size != file.bytes or _checksum(part, file) != _listed(file):
            part.unlink()
            place = f"{REPOSITORY}@{commit[:12]}: {file.path}"
            raise SourceError("other bytes arrived than were listed", place=place, remedy=AGAIN)
        final.parent.mkdir(parents=True, exist_ok=True)
        part.replace(final)


def _part_name(file: RemoteFile) -> str:
    """Name of an unfinished download: another one for other content, and for the same content elsewhere."""
    return hashlib.blake2b(f"{file.blob_id}\0{file.path}".encode(), digest_size=16).hexdigest() + ".part"


def _listed(file: RemoteFile) -> str:
    return file.sha256 or file.blob_id


def _checksum(path: Path, file: RemoteFile) -> str:
    """SHA-256 of a large file's content; of a small one git's object id, which is a SHA-1 with a header."""
    if file.sha256:
        return sha256_of(path)
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _foreign(path: Path, problem: str) -> SourceError:
    return SourceError(problem, place=path, remedy="move it away and run the command again, or choose another folder")


class _Tally:
    """Bytes that have arrived in all threads, and the sign to stop."""

    def __init__(self, total: int, progress: Callable[[int, int], None]) -> None:
        self.stop = threading.Event()
        self._total, self._progress = total, progress
        self._done = 0
        self._lock = threading.Lock()

    def add(self, size: int) -> bool:
        """Counts bytes; whether to go on."""
        with self._lock:
            self._done += size
            self._progress(self._done, self._total)
        return not self.stop.is_set()
