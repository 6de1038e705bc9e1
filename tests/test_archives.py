"""Archives where a folder is expected: the ordinary ones, and those somebody made to do harm."""

from __future__ import annotations

import ctypes
import errno
import gzip
import io
import os
import resource
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trees import contents

from sarlang_hf.errors import OutputError, SourceError
from sarlang_hf.sources.archive_members import archive_kind, safe_path
from sarlang_hf.sources.archives import ArchiveLimits, folder_of, unpack

SOUND = {"root/a.txt": b"alpha", "root/sub/b.bin": bytes(range(256)) * 40, "root/empty": b""}

Files = Mapping[str, bytes]


def make_zip(path: Path, files: Files, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, files: Files, packing: str = "w", **header: object) -> Path:
    with tarfile.open(path, packing) as archive:
        for name, data in files.items():
            add(archive, name, data, **header)
    return path


def add(archive: tarfile.TarFile, name: str, data: bytes = b"", **header: object) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in header.items():
        setattr(info, key, value)
    archive.addfile(info, io.BytesIO(data))


def make_tgz(path: Path, files: Files) -> Path:
    return make_tar(path, files, "w:gz")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def unpacked(cache: Path) -> list[Path]:
    """What stands under a final name in the cache."""
    return [path for path in cache.glob("archives/*") if path.is_dir() and not path.name.startswith(".")]


def leftovers(cache: Path) -> list[Path]:
    return list(cache.glob("archives/.*"))


def refuse(archive: Path, cache: Path, match: str, **limits: float) -> SourceError:
    with pytest.raises(SourceError, match=match) as caught:
        folder_of(archive, cache=cache, limits=ArchiveLimits(**limits))
    assert unpacked(cache) == leftovers(cache) == []
    return caught.value


@pytest.mark.parametrize(("make", "kind"), [(make_zip, "zip"), (make_tar, "tar"), (make_tgz, "tar.gz")])
@pytest.mark.parametrize("name", ["set.zip", "set.tar.gz", "set"])  # the content decides
def test_an_archive_is_as_good_as_its_folder(
    tmp_path: Path, cache: Path, make: Callable[[Path, Files], Path], kind: str, name: str
) -> None:
    archive = make(tmp_path / name, SOUND)
    assert archive_kind(archive) == kind
    root = folder_of(archive, cache=cache)
    assert (root.name, contents(root)) == ("root", {name.removeprefix("root/"): data for name, data in SOUND.items()})
    assert leftovers(cache) == []


def test_a_folder_and_what_does_not_exist_are_returned_as_they_are(tmp_path: Path, cache: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "nothing/below"):
        assert folder_of(path, cache=cache) == path
    assert not cache.exists()


def test_the_root_is_the_one_folder_at_the_top_or_the_top_itself(tmp_path: Path, cache: Path) -> None:
    apple = {"__MACOSX/._root": b"", "__MACOSX/root/._a": b"", ".DS_Store": b"", "root/.DS_Store": b"", "root/a": b"1"}
    assert contents(folder_of(make_zip(tmp_path / "apple.zip", apple), cache=cache)) == {"a": b"1"}
    two = folder_of(make_zip(tmp_path / "two.zip", {"train/a": b"1", "val/b": b"2"}), cache=cache)
    assert contents(two) == {"train/a": b"1", "val/b": b"2"}
    lone = folder_of(make_tar(tmp_path / "lone.tar", {"./a": b"1"}), cache=cache)
    assert contents(lone) == {"a": b"1"}
    nested = folder_of(make_zip(tmp_path / "n.zip", {"x/y/a": b"1"}), cache=cache)
    assert contents(nested) == {"y/a": b"1"}  # one level: the next may mean something


def test_an_archive_is_unpacked_once_until_it_changes(tmp_path: Path, cache: Path) -> None:
    archive = make_zip(tmp_path / "set.zip", {"a": b"old"})
    first = folder_of(archive, cache=cache)
    (first / "mark").touch()
    assert folder_of(archive, cache=cache) == first
    assert (first / "mark").exists()
    (tmp_path / "link.zip").symlink_to(archive)
    assert folder_of(tmp_path / "link.zip", cache=cache) == first
    make_zip(archive, {"a": b"newer"})
    assert contents(folder_of(archive, cache=cache)) == {"a": b"newer"}


def test_permissions_and_owners_of_the_archive_are_not_taken_over(tmp_path: Path, cache: Path) -> None:
    make_tar(tmp_path / "s.tar", {"a": b"1", "b/c": b"2"}, mode=0o6777, uid=12345, gid=12345)
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for name in ("a", "b/c"):
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | 0o4000) << 16  # setuid, and unreadable
            archive.writestr(info, b"1")
    for name in ("s.tar", "s.zip"):
        root = folder_of(tmp_path / name, cache=cache)
        modes = {path.stat().st_mode & 0o7133 for path in (root / "a", root / "b/c")}
        assert modes == {0}  # no exec, no setuid, not writable for others
        assert (root / "a").stat().st_uid == os.getuid()
        assert (root / "b").stat().st_mode & 0o700 == 0o700


ESCAPES = [
    ("../evil", "leads out"),
    ("root/../../evil", "leads out"),
    ("root/sub/..", "leads out"),
    ("..", "leads out"),
    ("..\\evil", "leads out"),
    ("/tmp/evil", "absolute name"),
    ("//server/evil", "absolute name"),
    ("\\\\server\\evil", "absolute name"),
    ("C:\\evil", "absolute name"),
    ("c:evil", "absolute name"),
    ("a\nb", "control characters"),
    ("a\x1b[2Jb", "control characters"),
    ("x" * 256, "too long"),
    ("é" * 128, "too long"),
    ("d/" * 600 + "x", "too long"),
]


@pytest.mark.parametrize("make", [make_zip, make_tar, make_tgz])
@pytest.mark.parametrize(("name", "problem"), ESCAPES)
def test_names_that_lead_elsewhere_are_refused(
    tmp_path: Path, cache: Path, make: Callable[[Path, Files], Path], name: str, problem: str
) -> None:
    error = refuse(make(tmp_path / "set.zip", {"root/a": b"1", name: b"2"}), cache, problem)
    assert f"{tmp_path / 'set.zip'}: '" in error.place
    assert "unpack it yourself" in error.remedy
    assert not (tmp_path / "evil").exists()


@given(name=st.text(st.characters(codec="utf-8"), max_size=30) | st.from_regex(r"([./\\C:]|\.\.|a){1,9}", fullmatch=True))
def test_no_name_whatever_leads_out_of_the_folder(name: str) -> None:
    try:
        path = safe_path("archive", name)
    except SourceError:
        return
    assert not path.is_absolute()
    assert os.path.normpath(f"/deep/down/{path}").startswith("/deep/down")


def test_a_name_that_ends_at_a_nul_is_refused(tmp_path: Path, cache: Path) -> None:
    archive = make_zip(tmp_path / "s.zip", {"a.png#.exe": b"1"})
    archive.write_bytes(archive.read_bytes().replace(b"a.png#.exe", b"a.png\0.exe"))
    refuse(archive, cache, "control characters")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"V"])
def test_links_devices_and_unknown_members_of_a_tar_are_refused(tmp_path: Path, cache: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        add(archive, "root/a", b"1")
        add(archive, "root/b", type=kind, linkname="/etc/passwd")
    refuse(tmp_path / "s.tar", cache, "link|device")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_special_members_of_a_zip_are_refused(tmp_path: Path, cache: Path, kind: int) -> None:
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc")
        archive.writestr("link/passwd", "root::0:0")
    refuse(tmp_path / "s.zip", cache, "a link or a special file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names",
    [("a", "a"), ("A.png", "a.png"), ("e\u0301", "\u00e9"), ("a", "a/b"), ("a/b", "a"), ("a", "./a"), ("a", "b/a", "B/A")],
)
def test_two_members_of_one_name_are_refused(tmp_path: Path, cache: Path, names: tuple[str, ...]) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as tar, zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for number, name in enumerate(names):
            add(tar, name, b"%d" % number)
            archive.writestr(name, b"%d" % number)
    refuse(tmp_path / "s.tar", cache, "occurs twice")
    refuse(tmp_path / "s.zip", cache, "occurs twice")


def test_a_folder_may_be_named_more_than_once(tmp_path: Path, cache: Path) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        for name in ("r", "r/s", "r"):
            add(archive, name, type=tarfile.DIRTYPE)
        add(archive, "r/s/a", b"1")
        add(archive, "r/s", type=tarfile.DIRTYPE)
    assert contents(folder_of(tmp_path / "s.tar", cache=cache)) == {"s/a": b"1"}


def test_an_encrypted_zip_is_refused(tmp_path: Path, cache: Path) -> None:
    archive = make_zip(tmp_path / "s.zip", {"a": b"secret"})
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # general purpose flags of the local header, then of the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    refuse(archive, cache, "is encrypted")


def test_rare_compression_is_refused_by_name(tmp_path: Path, cache: Path) -> None:
    refuse(make_zip(tmp_path / "s.zip", {"a": b"1"}, zipfile.ZIP_LZMA), cache, "rare method")
    make_tar(tmp_path / "s.tar.xz", {"a": b"1"}, "w:xz")
    error = refuse(tmp_path / "s.tar.xz", cache, "neither a folder nor an archive")
    assert ".tar.gz" in error.remedy


BOMB = bytes(3_000_000)


@pytest.mark.parametrize("make", [make_zip, make_tgz])
def test_a_bomb_is_noticed_while_it_unpacks(tmp_path: Path, cache: Path, make: Callable[[Path, Files], Path]) -> None:
    archive = make(tmp_path / "s", {"a": BOMB})
    assert archive.stat().st_size < len(BOMB) / 200
    refuse(archive, cache, "200-fold", free_bytes=100_000)
    refuse(archive, cache, "larger than the limit of 2,999,999 bytes", max_bytes=2_999_999)
    limits = ArchiveLimits(max_bytes=3_000_000, max_ratio=1200, free_bytes=0, max_files=1)  # they can be raised
    assert folder_of(archive, cache=cache, limits=limits).joinpath("a").stat().st_size == 3_000_000


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_members_are_counted_even_those_that_are_not_unpacked(
    tmp_path: Path, cache: Path, make: Callable[[Path, Files], Path]
) -> None:
    archive = make(tmp_path / "s", {f"__MACOSX/{i}": b"" for i in range(11)})
    refuse(archive, cache, "member number 11", max_files=10)
    refuse(make(tmp_path / "t", {"__MACOSX/a": b"x" * 101, "b": b"1"}), cache, "larger than the limit", max_bytes=100)


def test_a_zip_whose_headers_lie_about_sizes_is_refused(tmp_path: Path, cache: Path) -> None:
    archive = make_zip(tmp_path / "s.zip", {"a": BOMB})
    data = archive.read_bytes()
    archive.write_bytes(data.replace(struct.pack("<L", len(BOMB)), struct.pack("<L", 10)))
    refuse(archive, cache, "damaged or cut short", free_bytes=10**9)


def test_a_zip_whose_members_share_their_bytes_is_held_to_the_limits(tmp_path: Path, cache: Path) -> None:
    archive = make_zip(tmp_path / "s.zip", {"a": BOMB, "b": b""})
    data = bytearray(archive.read_bytes())
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[second + 16 : second + 28] = data[first + 16 : first + 28]  # checksum and sizes
    data[second + 42 : second + 46] = bytes(4)  # offset of the local header
    archive.write_bytes(data)
    refuse(archive, cache, "damaged or cut short|larger than", max_bytes=4_000_000, free_bytes=10**9)


def test_a_sparse_member_of_a_terabyte_is_refused(tmp_path: Path, cache: Path) -> None:
    sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(10**12), "GNU.sparse.name": "a"}
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        add(archive, "a", b"1\n0\n0\n".ljust(512, b"\0"), pax_headers=sparse)
    refuse(tmp_path / "s.tar", cache, "sparse")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_headers_that_claim_gigabytes_are_not_read_into_memory(tmp_path: Path, cache: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("a")
    info.type, info.size = kind, 7 * 10**9
    (tmp_path / "s.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(20_000))
    refuse(tmp_path / "s.tar", cache, "a header is too large")


def test_a_thousand_headers_before_one_member_are_refused(tmp_path: Path, cache: Path) -> None:
    info = tarfile.TarInfo("a")
    info.type, info.size = tarfile.XGLTYPE, 512
    block = info.tobuf(tarfile.USTAR_FORMAT) + b"9 a=1234\n".ljust(512, b"\0")
    (tmp_path / "s.tar.gz").write_bytes(gzip.compress(block * 5000 + bytes(1024)))
    refuse(tmp_path / "s.tar.gz", cache, "damaged or cut short")


@pytest.mark.parametrize("size", [-1, -512, -(10**9)])
def test_a_negative_size_does_not_send_the_reader_back(tmp_path: Path, cache: Path, size: int) -> None:
    head = bytearray(tarfile.TarInfo("a").tobuf(tarfile.GNU_FORMAT))
    head[124:136] = b"\xff" + size.to_bytes(11, "big", signed=True)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    (tmp_path / "s.tar").write_bytes(bytes(head) + bytes(4096))
    refuse(tmp_path / "s.tar", cache, "damaged or cut short")


@pytest.mark.parametrize("make", [make_zip, make_tar, make_tgz])
def test_an_archive_cut_short_anywhere_is_refused(tmp_path: Path, cache: Path, make: Callable[[Path, Files], Path]) -> None:
    whole = make(tmp_path / "whole", SOUND).read_bytes()
    used = len(whole.rstrip(b"\0"))
    for length in {*range(600, used, max(used // 12, 1)), used - 1}:
        (tmp_path / "s").write_bytes(whole[:length])
        refuse(tmp_path / "s", cache, "damaged or cut short|neither a folder nor an archive")


def test_a_tar_cut_between_two_members_is_refused(tmp_path: Path, cache: Path) -> None:
    whole = make_tar(tmp_path / "s.tar", {"a": b"1", "b": b"2"}).read_bytes()
    (tmp_path / "s.tar").write_bytes(whole[:1024])
    refuse(tmp_path / "s.tar", cache, "the end is missing")


@pytest.mark.parametrize("make", [make_zip, make_tar, make_tgz])
@settings(max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(1, 255))
def test_a_flipped_byte_is_an_error_of_ours_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, make: Callable[[Path, Files], Path], place: float, value: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "flipped"
    folder.mkdir(exist_ok=True)
    data = bytearray(make(folder / "s", SOUND).read_bytes())
    data[int(place * len(data))] ^= value
    (folder / "s").write_bytes(data)
    try:
        unpack(folder / "s", folder / "out")
    except SourceError:
        assert not (folder / "out").exists()
    else:
        subprocess.run(["rm", "-rf", folder / "out"], check=True)
    assert list(folder.glob(".*")) == []


def test_damaged_bytes_inside_a_compressed_member_are_noticed(tmp_path: Path, cache: Path) -> None:
    for make in (make_zip, make_tgz):
        archive = make(tmp_path / "s", {"a": os.urandom(20_000)})
        data = bytearray(archive.read_bytes())
        data[9_000] ^= 1  # incompressible bytes are stored: only the checksum tells
        archive.write_bytes(data)
        refuse(archive, cache, "damaged or cut short")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "neither a folder nor an archive"),
        (b"<html>please log in</html>", "neither a folder nor an archive"),
        (bytes(10240), "neither a folder nor an archive"),
        (gzip.compress(b"no tar in here", mtime=0), "damaged or cut short"),
        (b"PK\x03\x04 and then nothing", "damaged or cut short"),
        (b"PK\x05\x06" + bytes(18), "is empty"),
    ],
)
def test_files_that_are_no_archives(tmp_path: Path, cache: Path, data: bytes, problem: str) -> None:
    (tmp_path / "set.zip").write_bytes(data)
    refuse(tmp_path / "set.zip", cache, problem)


def test_names_in_any_encoding_become_text(tmp_path: Path, cache: Path) -> None:
    archive = make_zip(tmp_path / "s.zip", {"m\u00fcnchen.txt": b"1", "plain": b""})  # flagged as UTF-8
    assert "m\u00fcnchen.txt" in contents(folder_of(archive, cache=cache))
    data = bytearray(archive.read_bytes())
    data[7] &= ~0x08  # the flag is taken away, the bytes stay: Info-ZIP writes such
    data[data.index(b"PK\x01\x02") + 9] &= ~0x08
    archive.write_bytes(data)
    assert "m\u00fcnchen.txt" in contents(folder_of(archive, cache=cache))
    archive.write_bytes(data.replace("m\u00fc".encode(), b"m\x81\x81"))  # no UTF-8: DOS's code page, where 0x81 is u umlaut
    assert "m\u00fc\u00fcnchen.txt" in contents(folder_of(archive, cache=cache))
    with tarfile.open(tmp_path / "s.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as tar:
        add(tar, "m\u00fcnchen", b"1")
    (name,) = contents(folder_of(tmp_path / "s.tar", cache=cache))
    name.encode()  # whatever it reads, it is text, not half a character


def test_a_cache_that_cannot_be_written_names_its_variable(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "s.zip", {"a": b"1"})
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as caught:
        folder_of(archive, cache=tmp_path / "file")
    assert "SARLANG_CACHE" in caught.value.remedy


LIMITED = """
import resource, sys, pathlib
from sarlang_hf.sources.archives import folder_of
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    folder_of(pathlib.Path(sys.argv[1]), cache=pathlib.Path(sys.argv[2]))
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_full_disk_is_an_output_error_and_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    assert resource.RLIMIT_FSIZE  # the system refuses to write past a size as it refuses to write past the disk's end
    archive = make_zip(tmp_path / "s.zip", {"a": os.urandom(200_000)})
    command = [sys.executable, "-c", LIMITED, archive, cache]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith("OutputError")
    assert unpacked(cache) == leftovers(cache) == []


def test_a_killed_run_leaves_nothing_that_is_used(tmp_path: Path, cache: Path) -> None:
    archive = make_tar(tmp_path / "s.tar", {f"{i:04}": bytes(1000) for i in range(3000)})
    code = "import sys, pathlib; from sarlang_hf.sources.archives import folder_of; folder_of(*map(pathlib.Path, sys.argv[1:2]), "
    code += "cache=pathlib.Path(sys.argv[2]), progress=lambda done, total: done > total / 3 and (print(flush=True), input()))"
    process = subprocess.Popen([sys.executable, "-c", code, archive, cache], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()  # a third is unpacked
    process.kill()
    process.communicate()
    assert unpacked(cache) == []
    assert len(leftovers(cache)) == 1
    assert len(contents(folder_of(archive, cache=cache))) == 3000
    assert leftovers(cache) == []


def test_two_processes_at_once_unpack_once(tmp_path: Path, cache: Path) -> None:
    archive = make_zip(tmp_path / "s.zip", {f"{i}": b"1" for i in range(500)})
    code = "import sys, pathlib; from sarlang_hf.sources.archives import folder_of; input()\n"
    code += "count = []; folder_of(pathlib.Path(sys.argv[1]), cache=pathlib.Path(sys.argv[2]), "
    code += "progress=lambda *_: count.append(1)); print(len(count))"
    command = [sys.executable, "-c", code, archive, cache]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate("\n")[0].strip() for process in both]
    assert sorted(said) == ["0", "500"]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "syncfs"), reason="this system can only sync all file systems at once")
def test_unpacking_waits_for_its_own_file_system_alone(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sync", lambda: pytest.fail("every file system of the machine is synced"))
    assert contents(folder_of(make_zip(tmp_path / "s.zip", {"a": b"1"}), cache=cache)) == {"a": b"1"}


def test_a_disk_that_cannot_keep_what_was_written_is_an_output_error(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written files may still be lost on the way to the disk; `syncfs` tells, and so must we."""

    class Library:
        def __init__(self, *_: object, **__: object) -> None: ...

        def syncfs(self, _: int) -> int:
            ctypes.set_errno(errno.ENOSPC)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", Library)
    with pytest.raises(OutputError, match="No space left on device"):
        folder_of(make_zip(tmp_path / "s.zip", {"a": b"1"}), cache=cache)
    assert unpacked(cache) == leftovers(cache) == []


def test_progress_reaches_the_size_of_the_archive(tmp_path: Path, cache: Path) -> None:
    for make in (make_zip, make_tar, make_tgz):
        archive = make(tmp_path / make.__name__, SOUND)
        seen: list[tuple[int, int]] = []
        folder_of(archive, cache=cache, progress=lambda done, total, seen=seen: seen.append((done, total)))
        assert {total for _, total in seen} == {archive.stat().st_size}
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        assert 0.3 * archive.stat().st_size < seen[-1][0] <= archive.stat().st_size
