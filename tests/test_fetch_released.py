"""`sarlang fetch-released`: against a Hub on this machine that breaks, stalls, lies and refuses."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
from hub_server import Hub, serving
from trees import contents

from sarlang_hf.errors import OutputError, SourceError, UsageError
from sarlang_hf.sources import hub as requests_to_the_hub
from sarlang_hf.sources.fetch import (
    REPOSITORY,
    REVISION,
    RemoteFile,
    claimed,
    download,
    list_release,
    missing,
    require_space,
    unpack_released,
    verify_files,
)

IMAGE = "SARimages_preprocessed/SARimages/SV_Darwin_-12.4278_130.8688.png"
BIG = np.random.default_rng(0).bytes(3_000_000)
QUESTIONS = b"Image Name,Question,Answer\n"

RUN = """
from sarlang_hf.cli import main, sarlang
from sarlang_hf.cli.fetch_released import fetch_released
sarlang.add_command(fetch_released)
main()
"""


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    files = {
        ".gitattributes": b"*.png filter=lfs\n",
        "README.md": b"# SARLANG-1M\n",
        IMAGE: BIG,
        "SARimages_preprocessed/SARimages/a b#1.png": b"small",
        "SARimages_original/SARimages/a.tif": b"original",
        "RGBimages.zip": zipped({"a.png": b"optical"}),
        "Text.zip": zipped({"Text/VQA/test/SARVQA1_test.csv": QUESTIONS, "__MACOSX/._Text": b""}),
    }
    with serving(Hub(REPOSITORY, REVISION, files, page=3)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)  # for processes that start now
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)  # for this one, which has read it
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", RUN, "fetch-released", *map(str, arguments)]


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | environment
    return subprocess.run(
        command(*arguments), env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )


def fetch(folder: Path) -> None:
    release = list_release()
    with claimed(folder):
        download(folder, release.commit, missing(folder, release.of(["images"])))


def test_images_and_texts_arrive_checked_and_unpacked_and_are_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    first = run(tmp_path / "r", "--yes", "--json")
    assert first.returncode == 0, first.stderr
    summary = json.loads(first.stdout)
    assert summary["parts"]["images"] == {"files": 2, "bytes": len(BIG) + 5, "chosen": True}
    assert summary["parts"]["originals"] == {"files": 1, "bytes": 8, "chosen": False}
    assert summary["bytes_to_download"] == len(BIG) + 5 + len(hub.files["Text.zip"])
    assert "No licence covers these files" in summary["licence"]
    expected = {path: hub.files[path] for path in hub.files if path.startswith(("SARimages_pre", "Text"))}
    visible = {path: data for path, data in contents(tmp_path / "r").items() if not path.startswith(".")}
    assert visible == expected | {"Text/VQA/test/SARVQA1_test.csv": QUESTIONS}
    hub.requests.clear()
    again = run(tmp_path / "r")  # nothing to agree to
    assert again.returncode == 0, again.stderr
    assert "To download: 0 files" in again.stdout
    assert hub.requests == []


def test_without_consent_only_the_sizes_are_shown(hub: Hub, tmp_path: Path) -> None:
    result = run(tmp_path / "r")
    assert result.returncode == 2
    assert "3.00 MB" in result.stdout
    assert "No licence covers these files" in result.stdout
    assert "add --yes" in result.stderr
    assert hub.requests == []
    assert not (tmp_path / "r").exists()
    planned = run(tmp_path / "r", "--dry-run", "--json")
    assert planned.returncode == 0
    assert json.loads(planned.stdout)["complete"] is False
    assert not (tmp_path / "r").exists()


def test_a_no_on_the_terminal_ends_the_command(hub: Hub, tmp_path: Path) -> None:
    keyboard, terminal = os.openpty()
    os.write(keyboard, b"n\n")
    said = subprocess.run(command(tmp_path / "r"), stdin=terminal, capture_output=True, text=True, check=False, timeout=60)
    os.close(keyboard)
    os.close(terminal)
    assert "Download? [y/N]" in said.stderr
    assert (said.returncode, hub.requests, (tmp_path / "r").exists()) == (1, [], False)


def sizes(parts: Path) -> list[int]:
    """Sizes of the unfinished files; those that are finished and renamed meanwhile are passed over."""
    found = []
    for path in parts.glob("*.part"):
        with suppress(FileNotFoundError):
            found.append(path.stat().st_size)
    return found


def test_a_killed_download_continues_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    hub.stalls = {IMAGE}
    process = subprocess.Popen(command(tmp_path / "r", "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parts = tmp_path / "r/.sarlang-fetch"
    while not hub.stalled.wait(0.02):
        assert process.poll() is None
    while not any(size > 1_000_000 for size in sizes(parts)):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    hub.stalls, hub.requests = set(), []
    hub.go_on.set()
    (have,) = (size for size in sizes(parts) if size > 1_000_000)
    assert not (tmp_path / "r" / IMAGE).exists()
    again = run(tmp_path / "r", "--yes")
    assert again.returncode == 0, again.stderr
    assert hub.downloads(IMAGE) == [f"bytes={have}-"]
    assert (tmp_path / "r" / IMAGE).read_bytes() == BIG
    assert list(parts.glob("*.part")) == []


def test_a_connection_that_breaks_is_made_again_for_the_rest(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = {IMAGE: [1_000_000]}
    fetch(tmp_path)
    assert hub.downloads(IMAGE) == [None, "bytes=1000000-"]
    assert (tmp_path / IMAGE).read_bytes() == BIG


def test_a_connection_that_stays_broken_is_an_error_and_the_next_call_continues(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests_to_the_hub, "_ATTEMPTS", 1)
    hub.cuts = {IMAGE: [0]}
    with pytest.raises(SourceError, match="cannot be reached") as caught:
        fetch(tmp_path)
    assert "continues where it stopped" in caught.value.remedy
    assert not (tmp_path / IMAGE).exists()
    fetch(tmp_path)
    assert (tmp_path / IMAGE).read_bytes() == BIG


def test_a_server_without_ranges_sends_everything_again(hub: Hub, tmp_path: Path) -> None:
    hub.cuts, hub.ranges = {IMAGE: [1_000_000]}, False
    fetch(tmp_path)
    assert (tmp_path / IMAGE).read_bytes() == BIG


@pytest.mark.parametrize("lfs", [True, False])  # checked by SHA-256, or by git's own id
@pytest.mark.parametrize("sent", [BIG[:-1] + b"?", BIG + b"more"])
def test_other_bytes_than_listed_never_get_the_file_s_name(hub: Hub, tmp_path: Path, lfs: bool, sent: bytes) -> None:
    hub.lfs, hub.lies = lfs, {IMAGE: sent}
    with pytest.raises(SourceError, match="other bytes arrived"):
        fetch(tmp_path)
    assert not (tmp_path / IMAGE).exists()
    hub.lies = {}
    fetch(tmp_path)
    assert (tmp_path / IMAGE).read_bytes() == BIG


def test_files_with_equal_content_do_not_disturb_each_other(hub: Hub, tmp_path: Path) -> None:
    copies = {f"SARimages_preprocessed/{i}.png": BIG[:200_000] for i in range(12)}
    hub.files |= copies
    fetch(tmp_path)
    assert {path: (tmp_path / path).read_bytes() for path in copies} == copies


@pytest.mark.usefixtures("hub")
def test_a_file_of_the_user_is_never_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / IMAGE
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(SourceError, match="is not the released file"):
        fetch(tmp_path)
    mine.write_bytes(BIG[:-1] + b"?")
    files = list_release().of(["images"])
    assert [file.path for file in missing(tmp_path, files)] != []
    with pytest.raises(SourceError, match="not have the bytes that were released") as caught:
        verify_files(tmp_path, [file for file in files if file.path == IMAGE])
    assert caught.value.place == str(mine)
    assert mine.read_bytes().endswith(b"?")


def test_a_revision_that_does_not_exist(hub: Hub, tmp_path: Path) -> None:
    result = run(tmp_path / "r", "--revision", "v9", "--yes")
    assert (result.returncode, result.stdout) == (2, "")
    assert f"{REPOSITORY}: has no revision 'v9'" in result.stderr
    assert "leave --revision out" in result.stderr
    assert list_release("main").commit == REVISION  # a name is resolved once, and its commit is what is fetched
    assert hub.requests == []


@pytest.mark.parametrize(
    ("refusal", "problem", "remedy"),
    [
        ((403, "GatedRepo"), "gated", "hf auth login"),
        ((401, "RepoNotFound"), "may not see it", "hf auth login"),
        ((403, ""), "status 403", "unset HF_TOKEN"),
        ((410, ""), "status 410", "wait a while"),
    ],
)
def test_refusals_are_told_with_a_remedy(hub: Hub, refusal: tuple[int, str], problem: str, remedy: str) -> None:
    hub.refuses = refusal
    with pytest.raises(SourceError, match=problem) as caught:
        list_release()
    assert caught.value.place == REPOSITORY
    assert remedy in caught.value.remedy


def test_a_token_is_never_printed(hub: Hub, tmp_path: Path) -> None:
    hub.refuses = (401, "")
    result = run(tmp_path / "r", "--yes", HF_TOKEN="hf_" + "secret" * 6)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "secret" not in result.stdout + result.stderr


def test_no_network_and_offline_mode(hub: Hub, tmp_path: Path) -> None:
    nowhere = run(tmp_path / "r", "--yes", HF_ENDPOINT="http://127.0.0.1:9")
    assert nowhere.returncode == 2
    assert "the Hub cannot be reached (ConnectError)" in nowhere.stderr
    assert "Traceback" not in nowhere.stderr
    offline = run(tmp_path / "r", "--yes", HF_HUB_OFFLINE="1")
    assert offline.returncode == 2
    assert "unset HF_HUB_OFFLINE" in offline.stderr
    assert hub.requests == []


def test_the_parts_of_huggingface_hub_that_are_used_are_there() -> None:
    """They are not in its list of top-level names: a release without them must fail here, not at somebody's download."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import http_stream_backoff

    broken = requests_to_the_hub._http_error()
    assert issubclass(HfHubHTTPError, broken)
    assert broken not in (Exception, OSError)  # else every error of the disk would be taken for the network's
    nowhere = http_stream_backoff("GET", "http://127.0.0.1:9", retry_on_exceptions=())
    with pytest.raises(broken), nowhere:
        pass


@pytest.mark.parametrize("path", ["../evil", "SARimages/../../evil", "/etc/evil", "SARimages\\..\\..\\evil", "Text/\ud800"])
def test_a_listing_cannot_lead_out_of_the_folder(hub: Hub, path: str) -> None:
    hub.files[path] = b""
    with pytest.raises(SourceError, match="unsafe name"):
        list_release()


def test_a_disk_that_is_too_small_is_noticed_first(tmp_path: Path) -> None:
    files = [RemoteFile("SARimages/a.png", 10**18, "0" * 40, None)]
    with pytest.raises(OutputError, match=r"1,000,000,000\.0 GB are needed") as caught:
        require_space(tmp_path / "not/yet/there", files)
    assert "--include" in caught.value.remedy


def test_two_downloads_do_not_share_a_folder(tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(UsageError, match="another process"), claimed(tmp_path):
        pass


def test_released_zips_are_unpacked_beside_themselves_once(tmp_path: Path) -> None:
    (tmp_path / "Text.zip").write_bytes(zipped({"Text/caption/Caption_test.csv": b"1"}))
    (tmp_path / "RGBimages.zip").write_bytes(zipped({"a.png": b"2"}))
    (tmp_path / "SARDet_100K.zip").write_bytes(zipped({"mine": b"3"}))
    assert unpack_released(tmp_path) == [tmp_path / "RGBimages", tmp_path / "Text"]
    assert (tmp_path / "Text/caption/Caption_test.csv").read_bytes() == b"1"
    assert (tmp_path / "RGBimages/a.png").read_bytes() == b"2"
    assert not (tmp_path / "SARDet_100K").exists()
    assert unpack_released(tmp_path) == []
    (tmp_path / "Text.zip").write_bytes(zipped({"Text/caption/Caption_test.csv": b"newer"}))
    with pytest.raises(SourceError, match=r"came from another Text\.zip"):
        unpack_released(tmp_path)


def test_a_folder_unpacked_by_hand_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "Text.zip").write_bytes(zipped({"VQA/x.csv": b"1"}))
    (tmp_path / "Text").mkdir()
    assert unpack_released(tmp_path) == []
    assert list((tmp_path / "Text").iterdir()) == []
