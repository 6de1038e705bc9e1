"""The members of a .zip, .tar or .tar.gz archive one after the other, each checked before its bytes are handed out.

An archive is a stranger's file. Refused are names that lead out of the folder, links, devices, encrypted, sparse or exotically
compressed members, and archives that end too early. Headers cannot make this module read on without end.
"""

from __future__ import annotations

import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal, cast

from sarlang_hf.errors import SourceError
from sarlang_hf.sources.files import reading

ArchiveKind = Literal["zip", "tar", "tar.gz"]

CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_HEADERS = 1 << 20
"""Bytes a tar may spend on the headers before one member, and on padding after the last one."""

_UNPACK_YOURSELF = "if you trust the archive, unpack it yourself and give the folder"
_FETCH_AGAIN = "fetch the archive again and compare its size or checksum with the publisher's"
_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,  # undecodable names
    RuntimeError,  # too deeply nested headers
    OSError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """A file or folder of an archive.

    path: relative, without `..`; any place below a folder may safely be named so.
    chunks: the file's bytes, at most a MiB at a time; to be read before the next member is asked for. They may raise a
        `SourceError`. Empty for a folder.
    """

    path: PurePosixPath
    is_folder: bool
    chunks: Iterator[bytes]


def archive_kind(path: Path) -> ArchiveKind | None:
    """What sort of archive a file is by its first bytes, whatever its name; None if it is none that is read here."""
    with reading(path), path.open("rb") as file:
        head = file.read(_BLOCK)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"\x1f\x8b"):
        return "tar.gz"
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None
    return "tar"


def members(archive: Path, kind: ArchiveKind, file: IO[bytes]) -> Iterator[Member]:
    """The members of an archive, in the order of their bytes.

    Args:
        archive: its path, for messages.
        kind: what `archive_kind` said.
        file: the archive, opened for reading.

    Raises:
        SourceError: the archive is damaged, or holds something that is refused.
    """
    if kind == "zip":
        return _zip_members(archive, file)
    if kind == "tar":
        return _tar_members(archive, file)
    from isal import igzip

    return _tar_members(archive, cast("IO[bytes]", igzip.IGzipFile(fileobj=file, mode="rb")))  # type: ignore[no-untyped-call]


def safe_path(archive: str | Path, name: str) -> PurePosixPath:
    """The relative path that a member's name means; `.` for the top folder itself.

    A backslash separates folders as a slash does: archives made on Windows hold them.

    Raises:
        SourceError: the name is absolute, holds a drive letter, `..` or control characters, or is too long.
    """
    text = name.replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or _DRIVE.match(text):
        raise refused(archive, name, "has an absolute name")
    if ".." in parts:
        raise refused(archive, name, "leads out of the folder")
    if any(ord(letter) < 32 or ord(letter) == 127 or "\ud800" <= letter <= "\udfff" for letter in text):
        raise refused(archive, name, "has control characters in its name")
    if len(text.encode()) > 1024 or any(len(part.encode()) > 255 for part in parts):
        raise refused(archive, name[:80], "has too long a name")
    return PurePosixPath(*parts)


def refused(archive: str | Path, name: str, problem: str, remedy: str = _UNPACK_YOURSELF) -> SourceError:
    """The error about one member."""
    return SourceError(f"{problem}: the archive is refused", place=f"{archive}: {name!r}", remedy=remedy)


def _zip_members(archive: Path, file: IO[bytes]) -> Iterator[Member]:
    with _damage(archive):
        content = zipfile.ZipFile(file)
    for info in sorted(content.infolist(), key=lambda info: info.header_offset):
        name = _zip_name(info)
        path = safe_path(archive, name)
        if info.flag_bits & 0x1:
            raise refused(archive, name, "is encrypted")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise refused(archive, name, "is a link or a special file")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refused(archive, name, f"is compressed by a rare method (number {info.compress_type})")
        is_folder = name.endswith(("/", "\\"))
        yield Member(path, is_folder, iter(()) if is_folder else _zip_chunks(archive, content, info, name))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A member's name. Without the UTF-8 flag it may be UTF-8 all the same, else it is cp437, the format's own encoding."""
    name = str(info.orig_filename)  # `filename` ends at a NUL
    if info.flag_bits & 0x800:
        return name
    return _decoded(name.encode("cp437"))


def _zip_chunks(archive: Path, content: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    size = 0
    with _damage(archive, name), content.open(info) as file:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            yield chunk
        if size != info.file_size:
            raise EOFError(f"{size} bytes instead of {info.file_size}")


def _tar_members(archive: Path, file: IO[bytes]) -> Iterator[Member]:
    meter = _Meter(file)
    with _damage(archive):
        content = tarfile.TarFile(fileobj=cast("IO[bytes]", meter), encoding="utf-8", errors="surrogateescape")
    while (info := _next(archive, content, meter)) is not None:
        name = _decoded(info.name.encode("utf-8", "surrogateescape"))
        path = safe_path(archive, name)
        if info.issym() or info.islnk():
            raise refused(archive, name, "is a link")
        if info.issparse() or not (info.isreg() or info.isdir()):
            raise refused(archive, name, "is a device, a sparse file or of an unknown type")
        yield Member(path, info.isdir(), iter(()) if info.isdir() else _tar_chunks(archive, meter, info, name))
    _check_end(archive, meter)


def _next(archive: Path, content: tarfile.TarFile, meter: _Meter) -> tarfile.TarInfo | None:
    with _damage(archive):
        meter.allowance = _HEADERS
        info: tarfile.TarInfo | None = content.next()
        content.members.clear()  # type: ignore[attr-defined]  # tarfile would remember them all
        content.pax_headers = {}
        if info is not None and info.size < 0:
            raise tarfile.ReadError("negative size")
    return info


def _tar_chunks(archive: Path, meter: _Meter, info: tarfile.TarInfo, name: str) -> Iterator[bytes]:
    left = info.size
    with _damage(archive, name):
        meter.seek(info.offset_data)
        while left:
            meter.allowance = CHUNK
            chunk = meter.read(min(left, CHUNK))
            if not chunk:
                raise EOFError(f"{left} bytes are missing")
            left -= len(chunk)
            yield chunk


def _check_end(archive: Path, meter: _Meter) -> None:
    """The library takes a broken header for the end. The true end is a block of zeros, and only zeros may follow.

    Reading on also lets gzip compare its checksum.
    """
    with _damage(archive):
        if meter.last != bytes(_BLOCK):
            raise tarfile.ReadError("the end is missing")
        meter.allowance = _HEADERS
        while tail := meter.read(_BLOCK):
            if any(tail):
                raise tarfile.ReadError("something follows the end")


class _Meter:
    """The part of a file that tarfile reads from: forward only, and never more than it is allowed to."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.allowance = _HEADERS
        self.last = b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self.allowance:
            raise tarfile.ReadError("a header is too large")
        self.allowance -= size
        self.last = self._file.read(size)
        return self.last

    def seek(self, position: int) -> None:
        if position < self._file.tell():
            raise tarfile.ReadError("a member has a negative size")
        self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437")


@contextmanager
def _damage(archive: Path, name: str = "") -> Iterator[None]:
    """Turns whatever the format libraries raise about bytes they cannot follow into a `SourceError`."""
    from isal import isal_zlib

    damage: tuple[type[Exception], ...] = (*_DAMAGE, cast("type[Exception]", isal_zlib.error))
    try:
        yield
    except damage as error:
        place = f"{archive}: {name!r}" if name else archive
        raise SourceError(f"the archive is damaged or cut short ({error})", place=place, remedy=_FETCH_AGAIN) from error
