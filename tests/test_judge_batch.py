"""Judging in batches: at half the price, left and picked up, whatever becomes of the batch, the process or the server."""

from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_server import SNAPSHOT, Answer, Call, JudgeServer, impatient, inquiries, serving
from test_judge_client import VARIABLES
from test_judge_faults import KEY, another_process, wait_until

from sarlang_hf.errors import JudgeError, UsageError
from sarlang_hf.scoring.judge import batch
from sarlang_hf.scoring.judge.batch_lines import batch_line, batch_replies, chunks
from sarlang_hf.scoring.judge.environment import settings_from_environment
from sarlang_hf.scoring.judge.prompts import call_parameters, messages
from sarlang_hf.scoring.judge.run import ask, open_judge
from sarlang_hf.scoring.judge.store import VerdictStore, verdict_key
from sarlang_hf.scoring.judge.store_batches import BatchItem, BatchLedger, StoredBatch

PRICE = (100 * 0.15 + 2 * 0.60) / 1e6


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def judged(server: JudgeServer, folder: Path, count: int, said: list[str] | None = None, **changes: Any) -> tuple[Any, list[Any]]:
    settings = impatient(server, folder, **{"batch": True, **changes})
    judge = open_judge(settings, notice=(said if said is not None else []).append, rng=np.random.default_rng(0))
    return judge, [found.verdict if found.verdict is not None else found.reason for found in ask(judge, inquiries(count))]


def made(server: JudgeServer) -> int:
    return sum(call.path == "POST /batches" for call in server.others)


def test_a_batch_asks_what_single_calls_ask_at_half_the_price(tmp_path: Path) -> None:
    with serving(JudgeServer(verdict=lambda text: "odd" in text, polls=3)) as server:
        judge, verdicts = judged(server, tmp_path, 10)
        assert verdicts == [False, True] * 5
        assert judge.report.cost_usd == pytest.approx(10 * PRICE / 2)
        again, verdicts = judged(server, tmp_path, 10, batch=False)
    assert verdicts == [False, True] * 5
    assert (server.asked, made(server), again.report.cached) == (0, 1, 10)
    lines = [json.loads(line) for line in server.files["file-0"].splitlines()]
    expected = {
        verdict_key(request, server.name()): {"model": SNAPSHOT, "messages": messages(request), **call_parameters("strict")}
        for request in inquiries(10)
    }
    assert {line["custom_id"]: line["body"] for line in lines} == expected
    assert {(line["method"], line["url"]) for line in lines} == {("POST", "/v1/chat/completions")}


def test_what_an_expired_batch_left_is_asked_in_another_one(tmp_path: Path) -> None:
    with serving(JudgeServer(endings=[("expired", 4)])) as server:
        judge, verdicts = judged(server, tmp_path, 10)
    assert verdicts == [True] * 10
    assert (made(server), server.completed) == (2, 10)
    assert judge.report.cost_usd == pytest.approx(10 * PRICE / 2)


def test_batches_that_always_expire_are_given_up(tmp_path: Path) -> None:
    with serving(JudgeServer(endings=[("expired", 1)] * 9)) as server:
        judge, verdicts = judged(server, tmp_path, 10)
    assert (verdicts.count(True), verdicts.count("failed"), made(server)) == (3, 7, 3)
    assert judge.report.incomplete


REFUSED = {
    "no Batch API": ("", Answer({"detail": "Not Found"}, 404)),
    "no upload for this key": ("POST /files", Answer({"error": {"message": "no"}}, 401)),
    "a file it cannot take": ("POST /files", Answer({"error": {"message": "no"}}, 400)),
    "no batch for this account": ("POST /batches", Answer({"error": {"message": "no"}}, 403)),
    "a batch it cannot make": ("POST /batches", Answer({"error": {"message": "no"}}, 400)),
}


@pytest.mark.parametrize(("path", "answer"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_batch_was_refused_is_asked_directly_by_the_next_run(tmp_path: Path, path: str, answer: Answer) -> None:
    words = f"{answer.status}: no" if path else "no Batch API: 404"
    with serving(JudgeServer(misbehave=lambda n, call: answer if n < 0 and path in call.path else None)) as server:
        for _ in range(2):
            with pytest.raises(JudgeError, match=words) as caught:
                judged(server, tmp_path, 6)
        assert path or "leave --batch out" in caught.value.remedy
        looked = len(server.others)
        assert judged(server, tmp_path, 6, batch=False)[1] == [True] * 6
        assert len(server.others) == looked  # nothing is noted that would need a look


def test_the_batches_behind_a_refused_one_are_forgotten_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "chunks", partial(chunks, most_requests=2))
    with serving(JudgeServer(misbehave=lambda n, _call: Answer({}, 403) if n < 0 else None)) as server:
        with pytest.raises(JudgeError):
            judged(server, tmp_path, 6)
        assert judged(server, tmp_path, 6, batch=False)[1] == [True] * 6
    with VerdictStore(tmp_path / "verdicts.sqlite") as store:
        assert store.connection.execute("SELECT sum(ended), count(*) FROM batches").fetchone() == (3, 3)


def test_a_server_that_never_took_the_file_holds_nothing(tmp_path: Path) -> None:
    with serving(JudgeServer(misbehave=lambda n, _call: Answer(b"", 500) if n < 0 else None)) as server:
        assert judged(server, tmp_path, 3)[1] == ["stopped"] * 3
        assert judged(server, tmp_path, 3, batch=False)[1] == [True] * 3


@pytest.mark.parametrize("path", ["/v1", "/elsewhere/v1"], ids=["the address", "another address of the host"])
def test_a_batch_that_may_have_been_made_is_looked_for_before_a_direct_run_asks(tmp_path: Path, path: str) -> None:
    """The server failed when it was told to make the batch, and did not make it."""
    fails = Answer(b"", 500)
    with serving(JudgeServer(misbehave=lambda n, call: fails if n < 0 and "/files" not in call.path else None)) as server:
        assert judged(server, tmp_path, 3)[1] == ["stopped"] * 3
        judge, verdicts = judged(server, tmp_path, 3, batch=False)  # and nobody can tell
        assert verdicts == ["stopped"] * 3
        assert "--batch waits for it" in judge.report.message
        server.misbehave = lambda _number, _call: None
        url = server.url.replace("/v1", path)
        assert judged(server, tmp_path, 3, batch=False, base_url=url)[1] == [True] * 3
    assert (len(server.batches), server.asked) == (0, 3)


def left_batch(server: JudgeServer, folder: Path, count: int) -> None:
    """A run that makes a batch and is killed while it waits."""
    process = another_process(server, folder, count, batch=True)
    wait_until(lambda: any(batch["polls"] for batch in server.batches.values()))
    process.kill()
    process.communicate()


def test_a_server_elsewhere_is_not_kept_waiting_by_a_batch(tmp_path: Path) -> None:
    with serving(JudgeServer(polls=10**9)) as first, serving() as second:
        left_batch(first, tmp_path, 3)
        assert judged(second, tmp_path, 3, batch=False)[1] == [True] * 3


def test_a_direct_run_takes_what_a_left_batch_has_brought_and_asks_for_the_rest(tmp_path: Path) -> None:
    with serving(JudgeServer(polls=10**9, endings=[("expired", 4)])) as server:
        left_batch(server, tmp_path, 6)
        server.polls = 0
        judge, verdicts = judged(server, tmp_path, 6, batch=False)
    assert verdicts == [True] * 6
    assert (server.asked, server.completed) == (2, 6)
    assert judge.report.cost_usd == pytest.approx(4 * PRICE / 2 + 2 * PRICE)


def test_a_batch_under_way_for_two_days_holds_nothing(tmp_path: Path) -> None:
    with serving(JudgeServer(polls=10**9)) as server:
        left_batch(server, tmp_path, 3)
        with VerdictStore(tmp_path / "verdicts.sqlite") as store:
            store.connection.execute("UPDATE batches SET made_at = made_at - 172800")
        assert judged(server, tmp_path, 3, batch=False)[1] == [True] * 3
    assert server.asked == 3


def test_the_key_is_nowhere_in_a_batch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The server repeats the key in the batch's id, its errors and its replies."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def echo(_number: int, call: Call) -> Answer | None:
        made = {"id": f"batch-{call.headers['authorization']}\x1b[31m"}
        return Answer({**server.create(call.body), **made}) if call.path == "POST /batches" else None

    said: list[str] = []
    with caplog.at_level(logging.DEBUG), serving(JudgeServer(misbehave=echo)) as server:
        with pytest.raises(JudgeError, match=r"does not know batch batch-Bearer \[key\]") as caught:
            judged(server, tmp_path, 3, said)
        server.misbehave = lambda _number, _call: None
        server.endings = [("failed", 0), ("expired", 2), ("completed", 2)]
        server.batch_errors = [{"code": KEY, "message": KEY}]
        server.say = lambda text: KEY if "number 0" in text else None
        regular = server.completion
        server.completion = lambda asked: {**regular(asked), "system_fingerprint": KEY}  # type: ignore[method-assign]
        judges = [judged(server, tmp_path, 4, said, store=tmp_path / "second.sqlite")[0] for _ in range(2)]
    assert [dict(judge.report.unjudged) for judge in judges] == [{"stopped": 4}, {"unparsable": 1}]
    shown = "".join([str(caught.value), *said, *(judge.report.message for judge in judges)])
    assert "[key]: [key]" in shown
    assert KEY not in shown
    assert "\x1b" not in shown
    assert "/batches" in caplog.text
    assert KEY not in "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_batch_that_was_cancelled_keeps_its_verdicts_and_the_same_call_asks_for_the_rest(tmp_path: Path) -> None:
    with serving(JudgeServer(endings=[("cancelled", 6)])) as server:
        judge, verdicts = judged(server, tmp_path, 10)
        assert (verdicts.count(True), verdicts.count("stopped")) == (6, 4)
        assert "cancelled" in judge.report.message
        assert judged(server, tmp_path, 10)[1] == [True] * 10
    assert (made(server), server.completed) == (2, 10)


def test_a_batch_that_the_server_refuses_says_why(tmp_path: Path) -> None:
    with serving(JudgeServer(endings=[("failed", 0)])) as server:
        server.batch_errors = [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]
        judge, verdicts = judged(server, tmp_path, 4)
        assert verdicts == ["stopped"] * 4
        assert "token_limit_exceeded: Enqueued token limit reached" in judge.report.message
        assert judged(server, tmp_path, 4)[1] == [True] * 4


def test_prose_is_asked_for_once_more_in_the_next_batch(tmp_path: Path) -> None:
    with serving(JudgeServer(say=lambda text: "Perhaps." if "number 3" in text else None)) as server:
        judge, verdicts = judged(server, tmp_path, 6)
    assert verdicts == [True, True, True, "unparsable", True, True]
    assert (made(server), server.completed) == (2, 7)
    assert judge.report.cost_usd == pytest.approx(7 * PRICE / 2)


def test_another_model_in_a_batch_ends_the_run_and_the_verdicts_of_the_right_one_are_kept(tmp_path: Path) -> None:
    server = JudgeServer()
    regular = server.completion
    server.completion = lambda asked: {**regular(asked), **({"model": "gpt-5"} if "number 2" in str(asked) else {})}  # type: ignore[method-assign]
    with serving(server), pytest.raises(JudgeError, match=f"'gpt-5' replied, not '{SNAPSHOT}'"):
        judged(server, tmp_path, 5)
    with VerdictStore(tmp_path / "verdicts.sqlite") as store:
        assert {kept.judge for kept in store.verdicts()} == {server.name()}
        assert len(list(store.verdicts())) == 4
        assert store.spent_usd() == pytest.approx(5 * PRICE / 2)


def test_a_direct_run_does_not_pay_for_what_a_batch_was_asked(tmp_path: Path) -> None:
    with serving(JudgeServer(polls=10**9)) as server:
        process = another_process(server, tmp_path, 6, batch=True)
        wait_until(lambda: any(batch["polls"] for batch in server.batches.values()))
        process.kill()
        process.communicate()
        judge, verdicts = judged(server, tmp_path, 8, batch=False)
        assert verdicts == ["stopped"] * 6 + [True] * 2
        assert "--batch waits for it" in judge.report.message
        server.polls = 0
        said: list[str] = []
        judge, verdicts = judged(server, tmp_path, 8, said, max_usd=0.0)  # its money was granted when it was made
    assert verdicts == [True] * 8
    assert said == []
    assert (made(server), server.completed, judge.report.calls, judge.report.cached) == (1, 8, 6, 2)


@pytest.mark.parametrize("heard", [False, True], ids=["before the server hears of it", "before the reply arrives"])
def test_a_run_killed_while_it_makes_a_batch_makes_it_once(tmp_path: Path, heard: bool) -> None:
    def stall(_number: int, call: Call) -> Answer | None:
        if call.path != "POST /batches":
            return None
        if heard:
            server.create(call.body)
        return Answer(delay_s=60.0)

    with serving(JudgeServer(misbehave=stall)) as server:
        process = another_process(server, tmp_path, 5, batch=True)
        wait_until(lambda: made(server) == 1)
        process.kill()
        process.communicate()
        server.misbehave = lambda _number, _call: None
        assert judged(server, tmp_path, 5)[1] == [True] * 5
    assert len(server.batches) == 1
    assert server.completed == 5


def test_a_batch_whose_making_was_not_confirmed_is_not_made_twice(tmp_path: Path) -> None:
    def lose_the_reply(_number: int, call: Call) -> Answer | None:
        if call.path == "POST /batches" and not server.batches:
            server.create(call.body)
            return Answer(reset=True)
        return None

    with serving(JudgeServer(misbehave=lose_the_reply)) as server:
        assert judged(server, tmp_path, 5)[1] == [True] * 5
    assert len(server.batches) == 1


def test_a_server_out_of_reach_leaves_the_batch_for_later(tmp_path: Path) -> None:
    with serving(JudgeServer(misbehave=lambda n, _call: Answer(b"", 502) if n <= -3 else None)) as server:
        judge, verdicts = judged(server, tmp_path, 3)
        assert verdicts == ["stopped"] * 3
        assert "out of reach" in judge.report.message
        server.misbehave = lambda _number, _call: None
        assert judged(server, tmp_path, 3)[1] == [True] * 3
    assert (made(server), server.completed) == (1, 3)


def test_a_batch_that_the_server_does_not_know_is_the_keys_fault_until_it_is_old(tmp_path: Path) -> None:
    request = inquiries(1)[0]
    with serving() as server, VerdictStore(tmp_path / "verdicts.sqlite") as store:
        import time

        ledger = BatchLedger(store)
        lost = StoredBatch("nonce", server.url, SNAPSHOT, SNAPSHOT, time.time(), "batch_lost")
        ledger.note(lost, {verdict_key(request, server.name()): BatchItem(request, again=False)})
        with pytest.raises(JudgeError, match="does not know batch batch_lost"):
            judged(server, tmp_path, 1)
        store.connection.execute("UPDATE batches SET made_at = 0")
        assert judged(server, tmp_path, 1)[1] == [True]


def test_batches_stay_within_the_cap(tmp_path: Path) -> None:
    """Every reply is prose, so that each request wants a second batch; the cap pays for the first alone."""
    with serving(JudgeServer(say=lambda _text: "Hm.", usage=None)) as server:
        said: list[str] = []
        judged(server, tmp_path, 10, said)
        cap = float(said[0].rpartition("$")[2].rstrip("."))
        judge, verdicts = judged(server, tmp_path, 10, max_usd=cap * 1.01, store=tmp_path / "other.sqlite")
    assert verdicts == ["cap"] * 10
    assert judge.report.cost_usd <= cap * 1.01
    assert made(server) == 2 + 1


def test_azure_has_no_batches_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://r.example")
    with pytest.raises(UsageError, match="batches are not supported on Azure"):
        settings_from_environment("strict", provider="azure", model="m", batch=True)


# Files.


@given(st.lists(st.integers(1, 50)), st.integers(1, 7), st.integers(1, 120))
def test_chunks_keep_all_requests_in_order_within_the_limits(sizes: list[int], most_requests: int, most_bytes: int) -> None:
    named = [(str(index), size) for index, size in enumerate(sizes)]
    found = list(chunks(named, most_requests=most_requests, most_bytes=most_bytes))
    assert [key for chunk in found for key in chunk] == [key for key, _ in named]
    for chunk, following in zip(found, [*found[1:], []][: len(found)], strict=True):
        total = sum(sizes[int(key)] for key in chunk)
        assert len(chunk) == 1 or (len(chunk) <= most_requests and total <= most_bytes)
        if following:  # as few as possible: the next one would not have fitted
            assert len(chunk) == most_requests or total + sizes[int(following[0])] > most_bytes


def test_a_line_is_one_line_whatever_it_holds() -> None:
    request = inquiries(1)[0]
    line = batch_line("k", request.__class__("released", "a\nb", "c\r\n", "d\u2028\u0085"), "m")
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert len(line.splitlines()) == 1


@given(st.text())
def test_any_output_file_is_read(text: str) -> None:
    assert all(reply.body is None and reply.key in text for reply in batch_replies(text))  # no text is a verdict by chance


def test_lines_that_are_no_replies_are_passed_over_and_refusals_told_apart() -> None:
    lines: list[Any] = [
        {"custom_id": "a", "response": {"status_code": 200, "body": {"x": 1}}, "error": None},
        {"custom_id": "b", "response": {"status_code": 400, "body": {"error": {"message": "too long"}}}},
        {"custom_id": "c", "response": {"status_code": 500, "body": None}},
        {"custom_id": "d", "response": None, "error": {"code": "batch_expired", "message": "late"}},
        {"custom_id": "e"},
        {"custom_id": 7},
        [],
        None,
    ]
    text = "\n".join(["", "no JSON", *map(json.dumps, lines), '{"custom_id": "cut'])
    assert [(reply.key, reply.body, reply.fault, reply.lasting) for reply in batch_replies(text)] == [
        ("a", {"x": 1}, "", False),
        ("b", None, "400: too long", True),
        ("c", None, "500: no explanation", False),
        ("d", None, "batch_expired: late", False),
        ("e", None, "no reply", False),
    ]
