"""Writing files so that nothing half-written ever stands under a final name (write beside it, fsync, rename); the cache."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sarlang_hf.errors import OutputError

_REMEDIES = {
    errno.EACCES: "make the folder writable for this user or choose another output folder",
    errno.EPERM: "make the folder writable for this user or choose another output folder",
    errno.ENOENT: "the folder above it does not exist or cannot be made: choose another output folder",
    errno.EEXIST: "a file stands where a folder is needed: choose another output folder",
    errno.ENOTDIR: "a file stands where a folder is needed: choose another output folder",
    errno.EROFS: "this file system is mounted read-only: choose another output folder",
    errno.ENOSPC: "free some disk space or choose another disk, then run the same command again",
    errno.EDQUOT: "free some of your quota or choose another disk, then run the same command again",
    errno.EFBIG: "raise the file size limit (ulimit -f), then run the same command again",
}


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turns the operating system's refusal to write at `path` into an `OutputError` with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        reason = os.strerror(error.errno)
        raise OutputError(f"cannot write: {reason}", place=path, remedy=_REMEDIES[error.errno]) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; a body that ends well has it fsynced and renamed to `path`.

    Raises:
        OutputError: the folder is read-only, the disk full, or the file size limited.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")  # pids repeat across containers
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _fsync(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _fsync(path.parent)


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a small file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def read_regular(path: Path, limit: int) -> bytes:
    """The bytes of a small file from outside.

    Raises:
        OSError: it cannot be read, is a device or pipe, which may have no end, or holds more than `limit` bytes.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "no regular file")
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit >> 20} MiB")
    return data


def cache_folder() -> Path:
    """`SARLANG_CACHE`, else `~/.cache/sarlang-hf`."""
    chosen = os.environ.get("SARLANG_CACHE")
    return Path(chosen).expanduser().absolute() if chosen else Path.home() / ".cache" / "sarlang-hf"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
