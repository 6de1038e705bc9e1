"""The verdict store under real processes: killed, racing, out of space."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sarlang_hf.errors import OutputError, SarlangError, UsageError
from sarlang_hf.files import cache_folder
from sarlang_hf.scoring.judge import prompts
from sarlang_hf.scoring.judge.claims import CLAIM_SECONDS
from sarlang_hf.scoring.judge.prompts import request_for
from sarlang_hf.scoring.judge.store import StoredVerdict, VerdictStore, default_store, verdict_key

SNAPSHOT = "gpt-4o-mini-2024-07-18"


def stored(number: int = 0, *, verdict: bool = True, judge: str = SNAPSHOT) -> StoredVerdict:
    request = request_for("strict", "What shape is the lake?", "oval", f"shape {number}")
    return StoredVerdict(
        key=verdict_key(request, judge),
        protocol="strict",
        protocol_version=prompts.PROTOCOL_VERSION["strict"],
        prompt_sha256=prompts.prompt_sha256("strict"),
        judge=judge,
        question=request.question,
        gold=request.gold,
        prediction=request.prediction,
        verdict=verdict,
        reply=json.dumps({"match": verdict}),
        fingerprint="fp_1",
        asked_at="2026-11-20T22:11:03Z",
        input_tokens=300,
        output_tokens=6,
        cost_usd=0.0000486,
    )


@contextmanager
def child(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that has this module's `stored` and runs `code`; whatever is left of it is killed."""
    header = "import sys; from pathlib import Path; from test_verdict_store import *; store = VerdictStore(Path(sys.argv[1]))\n"
    command = [sys.executable, "-c", header + code, *map(str, arguments)]
    tests = Path(__file__).parent
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tests) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    return (line.strip() for line in process.stdout)


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    first, second = stored(1), stored(2, verdict=False)
    path = tmp_path / "new" / "verdicts.sqlite"
    with VerdictStore(path) as store:
        store.add(first)
        store.add(second)
    with VerdictStore(path) as store:
        assert store.get([first.key, "unknown", second.key]) == {first.key: first, second.key: second}
        assert list(store.verdicts()) == sorted([first, second], key=lambda verdict: verdict.key)
        assert list(store.verdicts(judge="gpt-4-0613")) == list(store.verdicts(protocol="paper")) == []
    assert [file.name for file in path.parent.iterdir()] == ["verdicts.sqlite"]


def test_thousands_of_keys_are_found(tmp_path: Path) -> None:
    verdicts = [stored(number) for number in range(1201)]
    with VerdictStore(tmp_path / "v.sqlite") as store:
        with store.adding() as put:
            assert all(map(put, verdicts))
        assert store.get([verdict.key for verdict in verdicts]) == {verdict.key: verdict for verdict in verdicts}


def test_the_default_store_lies_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SARLANG_CACHE", str(tmp_path))
    assert default_store() == cache_folder() / "verdicts.sqlite" == tmp_path / "verdicts.sqlite"


def test_whatever_a_verdict_depends_on_is_in_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ("What shape is the lake?", "oval", "round")
    requests = [request_for(protocol, *texts) for protocol in prompts.PROTOCOL_VERSION]
    varied = [("How long is it?", *texts[1:]), (texts[0], "square", texts[2]), (*texts[:2], "square")]
    varied += [("a,b", "c", "d"), ("a", "b,c", "d"), ("a,b,c", "", "d")]
    requests += [request_for("strict", *changed) for changed in varied]
    keys = [verdict_key(request, judge) for request in requests for judge in (SNAPSHOT, "gpt-4-0613")]
    assert len(set(keys)) == len(keys)
    before = verdict_key(requests[0], SNAPSHOT)
    monkeypatch.setitem(prompts.PROTOCOL_VERSION, requests[0].protocol, "2")
    assert verdict_key(requests[0], SNAPSHOT) != before


def test_answers_that_are_sent_alike_have_one_key() -> None:
    alike = [request_for("strict", "Q?", "oval", text) for text in ("Round  lake", "round\nlake ", "ROUND \u200blake")]
    assert len({verdict_key(request, SNAPSHOT) for request in alike}) == 1


def test_the_first_verdict_of_a_key_stands_and_a_second_counts_as_spending(tmp_path: Path) -> None:
    first, second = stored(1), stored(1, verdict=False)
    with VerdictStore(tmp_path / "v.sqlite") as store:
        store.add(first)
        store.add(second)
        store.add_spending(
            judge=SNAPSHOT, reason="unparsable", input_tokens=9, output_tokens=9, cost_usd=0.5, asked_at="2026-11-20T22:11:03Z"
        )
        store.add(replace(stored(2), origin="f" * 64, cost_usd=7.0))  # somebody else paid for it
        assert store.get([first.key]) == {first.key: first}
        assert store.spent_usd() == pytest.approx(first.cost_usd + second.cost_usd + 0.5)


def test_half_characters_of_a_reply_are_kept_as_replacements(tmp_path: Path) -> None:
    with VerdictStore(tmp_path / "v.sqlite") as store:
        store.add(replace(stored(), reply="1 \ud83d\ude00 \ud800", fingerprint="\udfff"))
        (kept,) = store.verdicts()
        assert (kept.reply, kept.fingerprint) == ("1 \U0001f600 \ufffd", "\ufffd")


# Claims


def test_a_claim_keeps_others_out_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    with VerdictStore(path) as one, VerdictStore(path) as two:
        assert one.claim("k")
        assert one.claim("k")
        assert not two.claim("k")
        two.release("k")  # of others nothing is touched
        assert not two.claim("k")
        one.release("k")
        assert two.claim("k")
        assert one.claim("left by closing")
        one.close()
        assert two.claim("left by closing")


def test_what_is_known_cannot_be_claimed(tmp_path: Path) -> None:
    """Between looking a key up and claiming it, another process may have judged it and gone."""
    path = tmp_path / "v.sqlite"
    with VerdictStore(path) as one, VerdictStore(path) as two:
        assert one.get([stored().key]) == {}
        assert two.claim(stored().key)
        two.add(stored())
        assert not one.claim(stored().key)


def test_a_claim_ends_with_its_time_even_if_its_holder_hangs(tmp_path: Path) -> None:
    now = [1000.0]
    path = tmp_path / "v.sqlite"
    with VerdictStore(path, clock=lambda: now[0]) as one, VerdictStore(path, clock=lambda: now[0]) as two:
        assert one.claim("k")
        now[0] += CLAIM_SECONDS - 1
        assert not two.claim("k")
        assert one.claim("renewed")
        now[0] += 1
        assert two.claim("k")
        assert not two.claim("renewed")


def test_a_claim_of_another_host_is_told_by_its_time(tmp_path: Path) -> None:
    now = [1000.0]
    with VerdictStore(tmp_path / "v.sqlite", clock=lambda: now[0]) as store:
        store.connection.execute("INSERT INTO claims VALUES ('k', 'another-host-1-abc', 1060.0)")
        assert not store.claim("k")
        now[0] = 1060.0
        assert store.claim("k")


def test_a_killed_process_loses_no_verdict_and_blocks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    code = """
for number in range(100_000):
    assert store.claim(stored(number).key)
    if number % 3:
        store.add(stored(number))
        print(number, flush=True)
"""
    with child(code, path) as process:
        told = [int(line) for line, _ in zip(lines(process), range(50), strict=False)]
        process.send_signal(signal.SIGKILL)
        process.wait()
    with VerdictStore(path) as store:
        assert store.get([stored(number).key for number in told]) == {stored(number).key: stored(number) for number in told}
        unfinished = [stored(number).key for number in range(0, told[-1], 3)]
        assert all(store.claim(key) for key in unfinished)
    assert not list(tmp_path.glob("*holder*"))


def test_two_processes_claim_each_key_once(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"  # both also find it missing and make it
    code = """
print("ready", flush=True)
sys.stdin.readline()
claimed = [number for number in range(400) if store.claim(stored(number).key)]
for number in claimed[::2]:
    store.add(stored(number))
print(*claimed, flush=True)
sys.stdin.readline()
"""
    with child(code, path) as one, child(code, path) as two:
        both = (one, two)
        assert [next(lines(process)) for process in both] == ["ready", "ready"]
        for process in both:
            tell(process)
        claimed = [[int(number) for number in next(lines(process)).split()] for process in both]
    assert sorted(claimed[0] + claimed[1]) == list(range(400))


# What disks and other programs do


def test_a_full_disk_is_found_before_a_call_is_paid(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    with VerdictStore(path) as store:
        store.connection.execute("PRAGMA max_page_count = 40")
        claims = (store.claim(stored(number).key) for number in range(10_000))
        with pytest.raises(OutputError) as caught:
            list(claims)
        assert "full" in str(caught.value)
        assert str(path) in str(caught.value)
        assert "disk space" in caught.value.remedy
        assert not store.connection.in_transaction
        store.connection.execute("PRAGMA max_page_count = 4000")  # somebody has made room
        assert store.claim(stored(9_999).key)
        store.add(stored(9_999))
        assert list(store.verdicts()) == [stored(9_999)]


def test_a_file_size_limit_stops_a_process_before_it_pays_more(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    code = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
paid = 0
try:
    for number in range(100_000):
        if store.claim(stored(number).key):
            paid += 1
            store.add(stored(number))
except SarlangError as error:
    print(paid, type(error).__name__, "ulimit" in error.remedy, flush=True)
"""
    with child(code, path) as process:
        paid, kind, helps = next(lines(process)).split()
        process.wait()
    assert (kind, helps) == ("OutputError", "True")
    with VerdictStore(path) as store:
        kept = len(list(store.verdicts()))
    assert int(paid) - 1 <= kept <= int(paid)
    assert kept > 5


def test_a_store_that_another_process_holds_is_an_error_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    with VerdictStore(path, busy_seconds=0.05) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OutputError, match="locked"):
            store.claim("k")
        other.execute("ROLLBACK")
        assert store.claim("k")
        other.close()


def make_text(path: Path) -> None:
    path.write_bytes(b"These are my notes, and no database.\n" * 100)


def make_foreign(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE verdicts (mine TEXT)")
    database.close()


def make_newer(path: Path) -> None:
    VerdictStore(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 2")
    database.close()


def make_damaged(path: Path) -> None:
    with VerdictStore(path) as store, store.adding() as put:
        for number in range(200):
            put(stored(number))
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 8] = b"\x5a" * (4096 * 6)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (make_text, "no verdict store"),
        (make_foreign, "another program"),
        (make_newer, "format 2"),
        (make_damaged, "damaged"),
    ],
)
def test_a_file_that_is_no_store_of_ours_is_refused_and_left_alone(tmp_path: Path, make, problem: str) -> None:
    path = tmp_path / "v.sqlite"
    make(path)
    before = path.read_bytes()
    with pytest.raises(UsageError) as caught, VerdictStore(path) as store:
        list(store.verdicts())
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_a_place_that_cannot_hold_a_store_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "v.sqlite"):
        with pytest.raises(SarlangError) as caught:
            VerdictStore(path)
        assert caught.value.exit_code == 2


# Pins


def test_the_first_reply_pins_an_alias_for_every_process(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    with VerdictStore(path) as one, VerdictStore(path) as two:
        assert one.snapshot_of("gpt-4o", "https://api.openai.com/v1") is None
        assert one.pin("gpt-4o", "https://api.openai.com/v1", "gpt-4o-2024-08-06") == "gpt-4o-2024-08-06"
        assert two.pin("gpt-4o", "https://api.openai.com/v1/", "gpt-4o-2024-11-20") == "gpt-4o-2024-08-06"
        assert two.pin("gpt-4o", "https://elsewhere.example/v1", "gpt-4o-2024-11-20") == "gpt-4o-2024-11-20"
        assert two.snapshot_of("gpt-4o", "https://api.openai.com/v1") == "gpt-4o-2024-08-06"


def test_a_password_in_a_servers_address_is_not_written(tmp_path: Path) -> None:
    with VerdictStore(tmp_path / "v.sqlite") as store:
        store.pin("m", "https://user:hunter2@judge.example:8000/v1?key=hunter2", "m-1")
        assert store.snapshot_of("m", "https://judge.example:8000/v1") == "m-1"
        written = [file.read_bytes() for file in tmp_path.iterdir()]
    assert not any(b"hunter2" in content for content in written)
