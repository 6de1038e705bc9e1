"""What a build was made from, as the manifest records it and as two builds are told apart."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from sarlang_hf.files import sha256_of
from sarlang_hf.packaging.manifest import Input
from sarlang_hf.sources.files import is_folder, reading

SAMPLE = 4096


def described_input(source: str, name: str, path: Path) -> Input:
    """An input by its content, or a folder by samples of it: reading a hundred thousand images whole would take as long as the
    build, and names and sizes alone do not tell uncompressed rasters apart.

    A folder's name ends in a slash, its size is that of all its files, and its digest is of a line per file below it, sorted:
    NFC name relative to the folder, NUL, size in bytes, NUL, digest of 4 KiB each from its beginning, middle and end. Names that
    begin with a dot are passed over: desktops leave them behind.

    Raises:
        SourceError: it cannot be read.
    """
    with reading(path):
        if not is_folder(path):
            return Input(source, name, path.stat().st_size, sha256_of(path))
        found = sorted((unicodedata.normalize("NFC", file), file, size) for file, size in _listing(path))
        digest = hashlib.sha256()
        for shown, file, size in found:
            sample = _sample(path / file, size) if size else ""
            digest.update(f"{shown}\0{size}\0{sample}\n".encode(errors="surrogateescape"))
    return Input(source, f"{name.rstrip('/')}/", sum(size for _, _, size in found), digest.hexdigest())


def _sample(path: Path, size: int) -> str:
    """Digest of some of a file's bytes."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb", buffering=0) as file:
        for start in sorted({0, max(0, (size - SAMPLE) // 2), max(0, size - SAMPLE)}):
            digest.update(os.pread(file.fileno(), SAMPLE, start))
    return digest.hexdigest()


def _listing(folder: Path, prefix: str = "", above: tuple[tuple[int, int], ...] = ()) -> Iterator[tuple[str, int]]:
    """(name, size) of all files below a folder, through links, but not round in circles."""
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _listing(folder / entry.name, f"{prefix}{entry.name}/", (*above, here))
            elif entry.is_file():
                yield f"{prefix}{entry.name}", entry.stat().st_size
