"""What goes wrong while a judge is asked: its server, its account, our process, our disk. Nothing is mocked but the server.

No fault may make a score: whatever stays without a verdict says why, and the same call asks for it again later.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from judge_server import SNAPSHOT, Answer, Call, JudgeServer, impatient, inquiries, serving
from test_judge_client import VARIABLES

from sarlang_hf.errors import JudgeError, OutputError
from sarlang_hf.scoring.judge.environment import JudgeSettings
from sarlang_hf.scoring.judge.pacing import Pacing
from sarlang_hf.scoring.judge.run import ask, open_judge
from sarlang_hf.scoring.judge.store import VerdictStore, verdict_key

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def opened(settings: JudgeSettings) -> Any:
    return open_judge(settings, notice=lambda _text: None, rng=np.random.default_rng(0))


def error(status: int, message: str = "no", **headers: str) -> Answer:
    return Answer({"error": {"message": message}}, status, headers)


FAULTS = {
    "500": error(500),
    "503": error(503),
    "529 without a body": Answer(b"", 529),
    "429": error(429),
    "429 with seconds": error(429, **{"Retry-After": "0.001"}),
    "429 with milliseconds": error(429, **{"retry-after-ms": "1"}),
    "429 until a date long past": error(429, **{"Retry-After": "Fri, 20 Nov 2020 12:00:00 GMT"}),
    "408": error(408),
    "connection reset": Answer(reset=True),
    "malformed JSON": Answer(b'{"model": "'),
    "deeply nested JSON": Answer(b"[" * 100_000),
    "empty body": Answer(b""),
    "HTML": Answer(b"<html>Bad gateway</html>", headers={"Content-Type": "text/html"}),
    "an error in a 200": Answer({"error": {"message": "overloaded"}}),
    "no choices": Answer({"model": SNAPSHOT, "choices": []}),
    "no model": Answer({"choices": [{"message": {"content": '{"match": true}'}}]}),
    "a list": Answer([1, 2]),
    "bytes that are no text": Answer(b"\xff\xfe\x00"),
    "a lying encoding": Answer(b"not gzip", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_passing_fault_costs_nothing_but_time(tmp_path: Path, fault: Answer) -> None:
    with serving(JudgeServer(verdict=lambda text: "odd" in text, misbehave=lambda n, _: fault if n < 9 else None)) as server:
        judge = opened(impatient(server, tmp_path))
        verdicts = ask(judge, inquiries(12))
    assert [verdict.verdict for verdict in verdicts] == [False, True] * 6
    assert not judge.report.incomplete
    assert judge.report.calls == 12


@pytest.mark.parametrize("fault", [FAULTS[name] for name in ("500", "429", "connection reset", "malformed JSON", "empty body")])
def test_a_lasting_fault_scores_nothing_and_the_same_call_finishes_later(tmp_path: Path, fault: Answer) -> None:
    settings: Callable[[], JudgeSettings] = lambda: impatient(server, tmp_path)  # noqa: E731
    with serving(JudgeServer(misbehave=lambda _n, call: fault if "number 3" in call.text else None)) as server:
        judge = opened(settings())
        verdicts = ask(judge, inquiries(6))
        assert [verdict.verdict for verdict in verdicts] == [True, True, True, None, True, True]
        assert verdicts[3].reason == "failed"
        assert verdicts[3].judge == ""
        assert judge.report.incomplete
        assert "without a verdict (failed 1)" in judge.report.message
        server.misbehave = lambda _n, _call: None
        asked = server.asked
        assert [verdict.verdict for verdict in ask(opened(settings()), inquiries(6))] == [True] * 6
        assert server.asked == asked + 1


def test_a_timeout_is_a_failed_call_that_may_have_cost(tmp_path: Path) -> None:
    late = Answer(delay_s=30.0)
    with serving(JudgeServer(misbehave=lambda _n, call: late if "number 1" in call.text else None)) as server:
        judge = opened(impatient(server, tmp_path, timeout_s=0.1, pacing=Pacing(attempts=2, base_s=0.001)))
        verdicts = ask(judge, inquiries(4))
    assert [verdict.verdict for verdict in verdicts] == [True, None, True, True]
    assert verdicts[1].reason == "failed"
    assert "imed out" in judge.report.message
    assert judge.report.cost_usd == pytest.approx(sum(verdict.cost_usd for verdict in verdicts))
    assert verdicts[1].cost_usd > 2 * verdicts[0].cost_usd


def test_a_server_that_is_not_there_is_given_up_on(tmp_path: Path) -> None:
    with serving() as server:
        pass
    judge = opened(impatient(server, tmp_path, pacing=Pacing(attempts=2, base_s=0.001, breaker=5)))
    verdicts = ask(judge, inquiries(300))
    assert {verdict.verdict for verdict in verdicts} == {None}
    assert judge.report.cost_usd == 0.0
    assert judge.report.unjudged["stopped"] > 280


def test_a_storm_of_429_narrows_the_concurrency_until_all_is_judged(tmp_path: Path) -> None:
    """The server bears four calls at once and refuses any beyond."""
    storm = error(429, "slow down", **{"Retry-After": "0.002"})
    server = JudgeServer(latency_s=0.002)
    server.misbehave = lambda _n, _call: storm if server.in_flight > 4 else None
    with serving(server):
        judge = opened(impatient(server, tmp_path, concurrency=64))
        verdicts = ask(judge, inquiries(200))
    assert [verdict.verdict for verdict in verdicts] == [True] * 200
    assert server.most_in_flight > 4
    assert server.completed == 200
    assert server.asked < 2 * 200


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "check the key"), (403, "account and region"), (404, "--judge-url"), (400, "takes these requests")],
)
def test_a_refusal_ends_the_run_with_the_servers_words_and_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, remedy: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    refusal = error(status, f"nobody knows {KEY}\n\x1b[31m")
    with serving(JudgeServer(misbehave=lambda _n, _call: refusal)) as server, pytest.raises(JudgeError) as caught:
        ask(opened(impatient(server, tmp_path)), inquiries(100))
    assert f"{status}: nobody knows [key] [31m" in str(caught.value)
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == 2
    assert server.asked <= 16


@pytest.mark.parametrize("words", ["This model's maximum context length is 8192 tokens", "content_filter"])
def test_one_request_that_the_server_cannot_take_fails_alone(tmp_path: Path, words: str) -> None:
    with serving(JudgeServer(misbehave=lambda _n, call: error(400, words) if "number 0" in call.text else None)) as server:
        judge = opened(impatient(server, tmp_path, concurrency=1))
        assert [verdict.verdict for verdict in ask(judge, inquiries(3))] == [None, True, True]
        assert server.asked == 3
        server.misbehave = lambda _n, call: error(400, "for no known reason") if "number 0" in call.text else None
        again = opened(impatient(server, tmp_path))
        assert ask(again, inquiries(3))[0].reason == "failed"  # others were judged: the request is at fault, not the settings
    assert words[:14] in judge.report.message


def test_an_account_without_credit_stops_at_once(tmp_path: Path) -> None:
    broke = Answer({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, 429)
    with serving(JudgeServer(misbehave=lambda n, _call: broke if n >= 10 else None)) as server:
        judge = opened(impatient(server, tmp_path, concurrency=4))
        verdicts = ask(judge, inquiries(200))
        assert server.asked <= 14
        assert sum(verdict.verdict is True for verdict in verdicts) == 10
        assert {verdict.reason for verdict in verdicts[14:]} == {"stopped"}
        assert "no credit left" in judge.report.message
        server.misbehave = lambda _n, _call: None
        assert all(verdict.verdict for verdict in ask(opened(impatient(server, tmp_path)), inquiries(200)))
    assert server.completed == 200


@pytest.mark.parametrize("fault", ["500", "prose"])
def test_a_server_that_only_fails_is_given_up_on_long_before_the_last_request(tmp_path: Path, fault: str) -> None:
    server = JudgeServer(say=lambda _text: "Hm.") if fault == "prose" else JudgeServer(misbehave=lambda _n, _call: error(500))
    with serving(server):
        judge = opened(impatient(server, tmp_path, pacing=Pacing(attempts=3, base_s=0.001, breaker=20)))
        ask(judge, inquiries(1000))
    assert server.asked <= 3 * (20 + 8)
    assert "20 requests in a row" in judge.report.message
    assert judge.report.unjudged["stopped"] >= 1000 - 28


def test_prose_on_every_tenth_request_and_an_empty_account_do_not_keep_reruns_from_finishing(tmp_path: Path) -> None:
    """On a rerun the requests that got prose would come first, back to back: more of them than the run puts up with."""
    broke = Answer({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, 429)
    prose = [f'number {number}"' for number in range(0, 200, 10)]
    patience = Pacing(base_s=0.001, breaker=5)
    server = JudgeServer(say=lambda text: "Well." if any(name in text for name in prose) else None)
    server.misbehave = lambda n, _call: broke if n >= 110 else None
    with serving(server):
        ask(opened(impatient(server, tmp_path, pacing=patience, concurrency=1)), inquiries(200))
        assert server.completed == 110  # the first 100 requests, of which ten twice
        server.misbehave = lambda _n, _call: None
        judge = opened(impatient(server, tmp_path, pacing=patience, concurrency=1))
        reasons = [verdict.reason for verdict in ask(judge, inquiries(200))]
        assert reasons == ["unparsable" if number % 10 == 0 else "" for number in range(200)]
        assert "in a row" not in judge.report.message
        assert server.completed == 110 + (90 + 2 * 10) + 10  # new ones as ever, known ones once
        assert all(any(name in call.text for name in prose[:10]) for call in server.calls[-10:])  # and last
        server.say = lambda _text: None
        assert [verdict.reason for verdict in ask(opened(impatient(server, tmp_path)), inquiries(200))] == [""] * 200


def test_known_prose_alone_does_not_end_a_run(tmp_path: Path) -> None:
    with serving(JudgeServer(say=lambda text: "Well." if "even" in text else None)) as server:
        settings = impatient(server, tmp_path, pacing=Pacing(base_s=0.001, breaker=3), concurrency=1)
        for calls in (10 + 2 * 10, 10):
            judge, before = opened(settings), server.completed
            assert [verdict.reason for verdict in ask(judge, inquiries(20)[::-1])] == ["", "unparsable"] * 10
            assert server.completed == before + calls


def test_refusals_of_single_requests_do_not_end_a_run_that_works(tmp_path: Path) -> None:
    refusal = error(400, "content_filter")
    with serving(JudgeServer(misbehave=lambda _n, call: refusal if "even" in call.text else None)) as server:
        settings = impatient(server, tmp_path, pacing=Pacing(base_s=0.001, breaker=3), concurrency=1)
        ordered = sorted(inquiries(20), key=lambda request: "even" in request.prediction)
        for asked in (ordered, ordered, [*ordered[10:], *inquiries(24)[20:]]):
            assert "stopped" not in {verdict.reason for verdict in ask(opened(settings), asked)}
        assert {verdict.reason for verdict in ask(opened(settings), inquiries(40)[24::2])} == {"failed", "stopped"}


def test_a_request_that_was_given_up_is_free_for_others_at_once(tmp_path: Path) -> None:
    """Looked at while the run that has given it up goes on with the next one."""
    free: list[bool] = []

    def answer(_number: int, call: Call) -> Answer | None:
        if "number 1" in call.text:
            with VerdictStore(tmp_path / "verdicts.sqlite") as other:
                free.append(other.claim(verdict_key(inquiries(1)[0], server.name())))
        return error(500) if "number 0" in call.text else None

    with serving(JudgeServer(misbehave=answer)) as server:
        verdicts = ask(opened(impatient(server, tmp_path, concurrency=1)), inquiries(2))
    assert [verdict.reason for verdict in verdicts] == ["failed", ""]
    assert free == [True]


def test_another_model_in_a_reply_ends_the_run_and_what_came_before_is_kept(tmp_path: Path) -> None:
    with serving() as server:
        regular = server.completion
        wrong = Answer({**regular({"model": "gpt-5", "messages": [{"content": ""}], "response_format": 1})})
        server.misbehave = lambda n, _call: wrong if n == 20 else None
        judge = opened(impatient(server, tmp_path, concurrency=2))
        with pytest.raises(JudgeError, match=f"'gpt-5' replied, not '{SNAPSHOT}'"):
            ask(judge, inquiries(100))
        assert server.asked <= 22
        known = [verdict.verdict for verdict in ask(judge.stored(), inquiries(100))]
        assert (known.count(True), known.count(None)) == (server.completed - 1, 101 - server.completed)
        assert server.asked <= 22  # nobody was asked for that
    with VerdictStore(tmp_path / "verdicts.sqlite") as store:
        assert len(list(store.verdicts())) == server.completed - 1


# Processes that die, and processes that meet.

ASKING = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from judge_server import JudgeServer, impatient, inquiries
from sarlang_hf.scoring.judge.run import ask, open_judge
judge = open_judge(impatient(JudgeServer(url={url!r}), Path({folder!r}), **{changes!r}), notice=print)
print("opened", flush=True)
{before}
verdicts = ask(judge, inquiries({count}))
print(sum(found.verdict is True for found in verdicts), judge.report.calls, judge.report.cached)
"""


def another_process(server: JudgeServer, folder: Path, count: int, *, before: str = "", **changes: Any) -> subprocess.Popen[str]:
    """A process that asks the same inquiries; it says 'opened' when it is about to."""
    code = ASKING.format(url=server.url, folder=str(folder), changes=changes, count=count, before=before)
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], **pipes)


def kept(folder: Path) -> int:
    """How many verdicts a store holds."""
    with VerdictStore(folder / "verdicts.sqlite") as store:
        return len(list(store.verdicts()))


def wait_until(happened: Callable[[], bool]) -> None:
    for _ in range(6000):
        if happened():
            return
        time.sleep(0.005)
    raise AssertionError("it never happened")


def test_a_killed_run_has_lost_nothing_that_was_paid_but_what_was_in_flight(tmp_path: Path) -> None:
    with serving(JudgeServer(verdict=lambda _text: True, latency_s=0.01)) as server:
        process = another_process(server, tmp_path, 80, concurrency=4)
        wait_until(lambda: server.completed >= 30)
        process.kill()
        process.communicate()
        assert server.completed < 80
        verdicts = ask(opened(impatient(server, tmp_path)), inquiries(80))
    assert [verdict.verdict for verdict in verdicts] == [True] * 80
    assert server.completed <= 80 + 4
    assert not list(tmp_path.glob("*-holder-*"))


def test_an_interrupted_run_says_so_and_ends_at_once(tmp_path: Path) -> None:
    with serving(JudgeServer(misbehave=lambda n, _call: Answer(delay_s=60.0) if n >= 10 else None)) as server:
        process = another_process(server, tmp_path, 50, concurrency=2, timeout_s=60.0)
        wait_until(lambda: server.asked >= 12)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20)[0]
        assert process.returncode not in (0, None)
        server.misbehave = lambda _n, _call: None
        judge = opened(impatient(server, tmp_path))
        assert [verdict.verdict for verdict in ask(judge, inquiries(50))] == [True] * 50
    assert "interrupted" in said
    assert (judge.report.calls, judge.report.cached) == (40, 10)


def test_an_interrupted_command_says_what_is_kept_and_exits_with_130(tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text("".join(f"{n}.png,it may be {n},what is it?,ship\n" for n in range(12)))
    with serving(JudgeServer(misbehave=lambda n, _call: Answer(delay_s=60.0) if n >= 4 else None)) as server:
        options = ["--judge-url", server.url, "--judge-model", "m", "--verdict-store", str(tmp_path / "verdicts.sqlite")]
        command = [sys.executable, "-m", "sarlang_hf.cli", "score", str(tmp_path / "answers.csv"), "--judge", "openai", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: kept(tmp_path) == 4)
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=20)[1]
    assert process.returncode == 128 + signal.SIGINT
    assert "verdicts so far are kept" in errors
    assert "Traceback" not in errors
    assert kept(tmp_path) == 4


def test_two_processes_on_one_store_never_pay_twice(tmp_path: Path) -> None:
    with serving(JudgeServer(latency_s=0.005)) as server:
        processes = [another_process(server, tmp_path, 60, before="sys.stdin.readline()", concurrency=3) for _ in range(2)]
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "opened\n"
        for process in processes:  # both begin now
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        outputs = [process.communicate(timeout=60) for process in processes]
    counts = [list(map(int, out.split()[-3:])) for out, _ in outputs]
    assert [count[0] for count in counts] == [60, 60]
    assert server.completed == 60
    assert sum(count[1] for count in counts) == 60
    assert sum(count[2] for count in counts) == 60
    assert not list(tmp_path.glob("*-holder-*"))


def test_a_full_disk_stops_before_more_is_paid(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"
    ignored = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
    with serving() as server:
        process = another_process(server, tmp_path, 150, before=f"{ignored}; {limit}", concurrency=4)
        errors = process.communicate(timeout=60)[1]
        paid = server.completed
        assert "OutputError" in errors
        assert paid < 150
        safe = kept(tmp_path)
        assert 0 < safe <= paid <= safe + 4
        assert len(ask(opened(impatient(server, tmp_path)), inquiries(150))) == 150
    assert server.completed == 150 + paid - safe


def test_a_folder_that_cannot_be_written_is_found_before_any_call(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with serving() as server, pytest.raises(OutputError):
        opened(impatient(server, tmp_path, store=tmp_path / "file" / "verdicts.sqlite"))
    assert server.asked == 0


def test_the_key_is_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server repeats the Authorization header wherever it can, and every logger speaks."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def echo(number: int, call: Call) -> Answer | None:
        said = call.headers["authorization"]
        if number < 4:
            return Answer({"error": {"message": said, "code": said}}, (500, 429, 503, 500)[number], {"x-echo": said})
        if number == 30:
            return error(401, f"{said} is not known")
        body = server.completion(call.body)
        content = f'{{"match": true}} {said}' if number == 5 else '{"match": true}'
        body["choices"][0]["message"]["content"] = content
        return Answer({**body, "system_fingerprint": said, "id": said})

    said: list[str] = []
    server = JudgeServer(misbehave=echo)
    with caplog.at_level(logging.DEBUG), serving(server):
        judge = open_judge(impatient(server, tmp_path), notice=said.append, rng=np.random.default_rng(0))
        with pytest.raises(JudgeError) as caught:
            ask(judge, inquiries(60))
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    shown = "".join(
        [str(caught.value), repr(caught.value), *map(str, said), *capfd.readouterr(), judge.report.message, repr(judge)]
    )
    logged = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "[key]" in shown
    assert len(written) >= 1
    assert "chat/completions" in logged  # the loggers did speak
    assert KEY not in shown
    assert KEY not in traceback_of(caught.value)
    assert KEY not in logged
    assert not any(KEY.encode() in content for content in written)
    assert KEY not in json.dumps([str(impatient(server, tmp_path))])


def traceback_of(failure: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(failure))
