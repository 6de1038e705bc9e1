"""Archives given where a folder is expected: unpacked once, safely, into the cache.

    ~/.cache/sarlang-hf/archives/            (`SARLANG_CACHE` moves ~/.cache/sarlang-hf)
        SARDet_100K.zip-5d1c0b7e4f02a9c3/    an unpacked archive; present means complete
        SARDet_100K.zip-5d1c0b7e4f02a9c3.lock
        .SARDet_100K.zip-5d1c...x1f0.part/   being unpacked, or left by a killed run; the next one removes it

An archive is known by its path, size and modification time. Modes and times of its members are not taken over.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import secrets
import shutil
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from filelock import FileLock

from sarlang_hf.errors import OutputError, SourceError
from sarlang_hf.files import cache_folder, output_errors
from sarlang_hf.sources.archive_members import Member, archive_kind, members, refused
from sarlang_hf.sources.files import is_file, reading

Progress = Callable[[int, int], None]
"""Called with the bytes of the archive that have been read, and its size."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much an archive may become. Counted while it is unpacked: what its headers claim is not believed.

    max_bytes: unpacked size.
    max_files: number of members, folders included.
    max_ratio: unpacked size over packed size. Deflate itself reaches 1032; radar and optical images stay below 10.
    free_bytes: what any archive may become, whatever its ratio: short texts pack very well.
    """

    max_bytes: int = 200 * 10**9
    max_files: int = 2_000_000
    max_ratio: float = 200.0
    free_bytes: int = 100 * 10**6


def folder_of(
    path: Path, *, cache: Path | None = None, progress: Progress | None = None, limits: ArchiveLimits | None = None
) -> Path:
    """The folder that `path` means: itself, or the root of the archive that it is.

    The root of an archive is the one folder at its top, if there is nothing beside it, else the top itself; what macOS adds
    (`__MACOSX`, `.DS_Store`) is not unpacked. What does not exist is returned as it is: its reader knows what to say.

    Args:
        path: a folder, or a .zip, .tar or .tar.gz file, known by its content.
        cache: our cache folder instead of `SARLANG_CACHE`, else `~/.cache/sarlang-hf`.
        progress: told how far unpacking has come.
        limits: how much the archive may become.

    Raises:
        SourceError: the file is no archive, is damaged, or holds something that is refused (see `archive_members`).
        OutputError: the cache cannot be written, or the disk is full.
    """
    if not is_file(path):
        return path
    archive = path.resolve()
    with reading(archive):
        facts = archive.stat()
    key = hashlib.blake2b(f"{archive}\0{facts.st_size}\0{facts.st_mtime_ns}".encode(errors="surrogateescape"), digest_size=8)
    folder = (cache or cache_folder()) / "archives" / f"{archive.name[:40]}-{key.hexdigest()}"
    if not folder.is_dir():
        try:
            with output_errors(folder):
                folder.parent.mkdir(parents=True, exist_ok=True)
                with FileLock(f"{folder}.lock"):
                    if not folder.is_dir():  # else another process was faster
                        unpack(archive, folder, progress=progress, limits=limits)
        except OutputError as error:
            remedy = f"{error.remedy} (SARLANG_CACHE names the folder where archives are unpacked)"
            raise OutputError(error.problem, place=error.place, remedy=remedy) from error
    return _only_folder(folder) or folder


def unpack(
    archive: Path, folder: Path, *, strip: str = "", progress: Progress | None = None, limits: ArchiveLimits | None = None
) -> None:
    """Unpacks an archive to a new folder, which appears when it is complete. The caller keeps other processes away.

    Args:
        archive: a .zip, .tar or .tar.gz file.
        folder: does not exist yet.
        strip: name of a folder which, if it alone stands at the top, is not repeated (`Text.zip` holding `Text/...`).
        progress: told how far it has come.
        limits: how much the archive may become.

    Raises:
        SourceError: the file is no archive, is damaged, changes under way, or holds something that is refused.
        OutputError: the folder cannot be written, or the disk is full.
    """
    with output_errors(folder):
        for leftover in folder.parent.glob(f".{_escaped(folder.name)}.*.part"):
            shutil.rmtree(leftover)
        temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
        temporary.mkdir(parents=True)
        try:
            _fill(archive, temporary, progress or (lambda _done, _total: None), limits or ArchiveLimits())
            _sync(temporary)
            inner = _only_folder(temporary)
            (inner if inner and inner.name == strip else temporary).rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _fill(archive: Path, into: Path, progress: Progress, limits: ArchiveLimits) -> None:
    kind = archive_kind(archive)
    if kind is None:
        remedy = "give a folder or a .zip, .tar or .tar.gz archive; unpack other archives yourself"
        raise SourceError("is neither a folder nor an archive of a known kind", place=archive, remedy=remedy)
    with reading(archive):
        before, file = archive.stat(), archive.open("rb")
    bookkeeper = _Bookkeeper(archive, before.st_size, limits)
    with file:
        for member in members(archive, kind, file):
            if bookkeeper.wants(member):
                _write(archive, member, into, bookkeeper)
            for chunk in member.chunks:  # of a file that is not wanted
                bookkeeper.take(member, len(chunk))
            progress(min(file.tell(), before.st_size), before.st_size)
    after = archive.stat()
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise SourceError("changed while it was unpacked", place=archive, remedy="run the command again when it is at rest")
    if not any(into.iterdir()):
        raise SourceError("the archive is empty", place=archive, remedy="fetch the archive again")


def _write(archive: Path, member: Member, into: Path, bookkeeper: _Bookkeeper) -> None:
    target = into / member.path
    try:
        with output_errors(target):
            (target if member.is_folder else target.parent).mkdir(parents=True, exist_ok=True)
            if not member.is_folder:
                with target.open("xb") as file:
                    for chunk in member.chunks:
                        bookkeeper.take(member, len(chunk))
                        file.write(chunk)
    except OSError as error:  # a name this file system does not know; what the disk refuses is an OutputError by now
        remedy = "unpack the archive yourself on another file system and give the folder"
        raise refused(archive, str(member.path), f"cannot be written here ({error.strerror})", remedy) from error


@dataclass(slots=True)
class _Bookkeeper:
    """Keeps an archive within its limits and its names apart.

    Names that differ in case or Unicode form alone are one: on other systems the later would overwrite the earlier.
    """

    archive: Path
    size: int
    limits: ArchiveLimits
    written: int = 0
    count: int = 0
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)

    def wants(self, member: Member) -> bool:
        """Whether a member is to be written; raises if it must not be."""
        self.count += 1
        if self.count > self.limits.max_files:
            raise self._too_much(member, f"is member number {self.count:,}, more than the limit of {self.limits.max_files:,}")
        if "__MACOSX" in member.path.parts[:1] or member.path.name == ".DS_Store":
            return False
        above = {_key(parent) for parent in member.path.parents if parent.parts}
        key = _key(member.path)
        if (above | {key}) & self.files or (not member.is_folder and key in self.folders | above):
            raise refused(self.archive, str(member.path), "occurs twice, or as a file and as a folder")
        (self.folders if member.is_folder else self.files).add(key)
        self.folders |= above
        return bool(member.path.parts)

    def take(self, member: Member, size: int) -> None:
        """Counts bytes that are about to be written; raises if they are too many."""
        self.written += size
        if self.written > self.limits.max_bytes:
            raise self._too_much(member, f"makes the archive larger than the limit of {self.limits.max_bytes:,} bytes")
        if self.written > max(self.limits.free_bytes, self.limits.max_ratio * self.size):
            raise self._too_much(member, f"makes the archive grow more than {self.limits.max_ratio:g}-fold, as bombs do")

    def _too_much(self, member: Member, problem: str) -> SourceError:
        return refused(self.archive, str(member.path), problem)


def _key(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", str(path)).casefold()


def _only_folder(folder: Path) -> Path | None:
    """The folder in `folder`, if there is one and nothing else."""
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else None


def _sync(folder: Path) -> None:
    """Brings all files of a folder to the disk, in one call: an fsync for each of a hundred thousand takes minutes (measured).

    Linux can sync one file system. `os.sync` would wait for those of everybody else on a shared machine, and tells no errors.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "syncfs"):
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if library.syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
    finally:
        os.close(descriptor)


def _escaped(name: str) -> str:
    """A file name as a glob pattern that means it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
