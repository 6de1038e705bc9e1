"""Verdicts that travel between labs: the same bytes out, nothing unchecked in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from test_verdict_store import SNAPSHOT, stored

from sarlang_hf.cli.verdicts import verdicts as verdicts_command
from sarlang_hf.errors import UsageError
from sarlang_hf.files import sha256_of
from sarlang_hf.scoring.judge import exchange, verdict_files
from sarlang_hf.scoring.judge.exchange import export_verdicts, import_verdicts
from sarlang_hf.scoring.judge.prompts import prompt_sha256, request_for
from sarlang_hf.scoring.judge.store import StoredVerdict, VerdictStore, key_of, verdict_key
from sarlang_hf.scoring.judge.verdict_rows import EXCHANGED

SUFFIXES = [".jsonl", ".parquet"]


def of_protocol(protocol: Any, prediction: str, *, judge: str = SNAPSHOT) -> StoredVerdict:
    request = request_for(protocol, "Is it?", "Yes", prediction)
    asked = {"protocol": protocol, "question": request.question, "gold": request.gold, "prediction": request.prediction}
    return replace(
        stored(judge=judge), key=verdict_key(request, judge), prompt_sha256=prompt_sha256(protocol), reply="1.", **asked
    )


MANY = [
    *(stored(number, verdict=number % 3 > 0) for number in range(20)),
    of_protocol("released", "well\r\n\u2028 \U0001f6a2 船 \x00"),
    of_protocol("paper", "", judge="gpt-4-0613"),
]


def store_with(path: Path, verdicts: list[StoredVerdict]) -> VerdictStore:
    store = VerdictStore(path)
    with store.adding() as put:
        for verdict in verdicts:
            put(verdict)
    return store


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_second_lab_has_every_verdict_of_the_first(tmp_path: Path, suffix: str) -> None:
    out, again = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    with store_with(tmp_path / "first.sqlite", MANY) as first:
        assert export_verdicts(first, out) == len(MANY)
    with VerdictStore(tmp_path / "second.sqlite") as second:
        report = import_verdicts(second, out)
        assert (report.rows, report.added, report.known, report.conflicts, report.other_versions) == (
            len(MANY),
            len(MANY),
            0,
            (),
            0,
        )
        asked = request_for("strict", "What shape is the lake?", "oval", "Shape  7")
        found = second.get([verdict_key(asked, SNAPSHOT)])
        assert [*found.values()] == [replace(MANY[7], origin=sha256_of(out))]
        assert not second.claim(MANY[7].key)  # so nothing is paid
        assert second.spent_usd() == 0
        export_verdicts(second, again)
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_order_of_judging_does_not_show_in_an_export(tmp_path: Path, suffix: str) -> None:
    written = []
    for name, verdicts in (("a", MANY), ("b", MANY[::-1])):
        with store_with(tmp_path / f"{name}.sqlite", verdicts) as store:
            export_verdicts(store, tmp_path / f"{name}{suffix}")
        written.append((tmp_path / f"{name}{suffix}").read_bytes())
    assert written[0] == written[1]


def test_an_export_of_many_blocks_is_complete(tmp_path: Path) -> None:
    verdicts = [stored(number) for number in range(2 * verdict_files.BLOCK_ROWS + 1)]
    with store_with(tmp_path / "v.sqlite", verdicts) as store:
        assert export_verdicts(store, tmp_path / "v.parquet") == len(verdicts)
    assert pq.read_table(tmp_path / "v.parquet", columns=["key"])["key"].to_pylist() == sorted(
        verdict.key for verdict in verdicts
    )


def rows_of(*verdicts: StoredVerdict) -> list[dict[str, Any]]:
    return [{name: getattr(verdict, name) for name in EXCHANGED} for verdict in verdicts]


def written(folder: Path, suffix: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"given{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def with_key(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the key of whatever it says: what a careful forger would send."""
    asked = [row[name] for name in ("protocol", "protocol_version", "prompt_sha256", "judge", "question", "gold", "prediction")]
    return {**row, "key": key_of(*asked)}


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "a forged verdict": (lambda row: {**row, "verdict": False}, "the reply is"),
    "a reply that is none": (lambda row: {**row, "reply": "yes, a match"}, "the reply is"),
    "another prediction": (lambda row: {**row, "prediction": "shape 9"}, "key"),
    "another judge": (lambda row: {**row, "judge": "gpt-4-0613"}, "key"),
    "another question": (lambda row: {**row, "question": "What colour is the lake?"}, "key"),
    "a key of its own": (lambda row: {**row, "key": "0" * 64}, "key"),
    "another prompt": (lambda row: with_key({**row, "prompt_sha256": "0" * 64}), "prompt_sha256"),
    "an unknown protocol": (lambda row: with_key({**row, "protocol": "expert"}), "protocol 'expert'"),
    "a number for a verdict": (lambda row: {**row, "verdict": 1}, "verdict is 1"),
    "a text for a verdict": (lambda row: {**row, "verdict": "true"}, "verdict is 'true'"),
    "no verdict": (lambda row: {**row, "verdict": None}, "verdict is None"),
    "a column less": (lambda row: {name: value for name, value in row.items() if name != "gold"}, "no column gold"),
    "a yes for tokens": (lambda row: {**row, "input_tokens": True}, "input_tokens is True"),
    "tokens below nothing": (lambda row: {**row, "output_tokens": -1}, "tokens"),
    "a cost below nothing": (lambda row: {**row, "cost_usd": -0.01}, "cost_usd"),
    "a cost that is no number": (lambda row: {**row, "cost_usd": float("nan")}, "cost_usd"),
    "a fortune": (lambda row: {**row, "cost_usd": 1e9}, "cost_usd"),
    "no time": (lambda row: {**row, "asked_at": "yesterday"}, "yesterday"),
    "a local time": (lambda row: {**row, "asked_at": "2026-11-20T22:11:03"}, "not a time in UTC"),
    "a judge that colours terminals": (lambda row: with_key({**row, "judge": "\x1b[31mgpt"}), "no name of a model"),
    "a judge without a name": (lambda row: with_key({**row, "judge": " "}), "no name of a model"),
    "an endless reply": (lambda row: {**row, "reply": "1" + " " * 20_000}, "characters"),
    "another version's name of a megabyte": (lambda row: with_key({**row, "protocol_version": "9" * 1_000_000}), "characters"),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("spoil", "problem"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_row_that_contradicts_itself_stops_the_import(tmp_path: Path, suffix: str, spoil, problem: str) -> None:
    good, spoilt = rows_of(stored(1), stored(2))
    rows = [spoil(spoilt)] if suffix == ".parquet" else [good, spoil(spoilt)]  # a column of Parquet has one type
    path = written(tmp_path, suffix, rows)
    with VerdictStore(tmp_path / "v.sqlite") as store:
        with pytest.raises(UsageError) as caught:
            import_verdicts(store, path)
        assert problem in caught.value.problem
        assert caught.value.place == f"{path}, {'row' if suffix == '.parquet' else 'line'} {len(rows)}"
        assert list(store.verdicts()) == []  # not even the good ones
        assert store.claim(stored(1).key)  # and the store goes on


def line(**changes: Any) -> str:
    return json.dumps(rows_of(stored())[0] | changes) + "\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "holds no verdict"),
        ("[]\n", "not a JSON object"),
        ("\n", "broken JSON"),
        (line()[:-5] + "\n", "broken JSON"),
        (line() + "[" * 100_000 + "\n", "line 2: broken JSON"),
        (line()[:-2] + ', "verdict": true}\n', "stands twice"),
        (line(question="\ud800"), "half a character"),
        (line(cost_usd=10**400), "cost_usd is 1000"),
        (line(input_tokens=10**400), "input_tokens is 1000"),
        (line() + line(verdict=False, reply='{"match": false}'), "contrary verdicts"),
        ("\ufeff" + line(), "broken JSON"),
        (b"\xff\xfe", "broken JSON"),
    ],
)
def test_lines_that_are_no_verdicts(tmp_path: Path, content: str | bytes, problem: str) -> None:
    path = tmp_path / "given.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with VerdictStore(tmp_path / "v.sqlite") as store:
        with pytest.raises(UsageError) as caught:
            import_verdicts(store, path)
        assert problem in str(caught.value)
        assert list(store.verdicts()) == []


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no Parquet at all", b"PAR1" + b"\x00" * 64 + b"PAR1"])
def test_files_that_are_no_parquet(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "given.parquet"
    path.write_bytes(content)
    with VerdictStore(tmp_path / "v.sqlite") as store, pytest.raises(UsageError, match="Parquet"):
        import_verdicts(store, path)


def test_a_parquet_file_cut_short_is_refused_whole(tmp_path: Path) -> None:
    with store_with(tmp_path / "a.sqlite", MANY) as store:
        export_verdicts(store, tmp_path / "v.parquet")
    (tmp_path / "v.parquet").write_bytes((tmp_path / "v.parquet").read_bytes()[:-100])
    with VerdictStore(tmp_path / "b.sqlite") as store:
        with pytest.raises(UsageError):
            import_verdicts(store, tmp_path / "v.parquet")
        assert list(store.verdicts()) == []


def test_files_too_large_to_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = written(tmp_path, ".parquet", rows_of(*(replace(stored(), gold=f"{number}" * 1000) for number in range(500))))
    with VerdictStore(tmp_path / "v.sqlite") as store:
        with (tmp_path / "sparse.jsonl").open("wb") as file:
            file.truncate(verdict_files.MAX_BYTES + 1)
        with pytest.raises(UsageError, match="1 GiB"):
            import_verdicts(store, tmp_path / "sparse.jsonl")
        with (tmp_path / "line.jsonl").open("wb") as file:
            file.truncate(verdict_files.MAX_LINE + 1)
        with pytest.raises(UsageError, match="longer than 16 MiB"):
            import_verdicts(store, tmp_path / "line.jsonl")
        monkeypatch.setattr(verdict_files, "MAX_BYTES", 4 * bomb.stat().st_size)
        with pytest.raises(UsageError, match="unpacks"):
            import_verdicts(store, bomb)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "given.jsonl")
    with VerdictStore(tmp_path / "v.sqlite") as store, pytest.raises(UsageError, match="no regular file"):
        import_verdicts(store, tmp_path / "given.jsonl")


def test_others_use_the_store_while_a_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two rows, another process takes a claim and keeps a verdict; one of them is in the file."""
    path = written(tmp_path, ".jsonl", rows_of(stored(1), stored(2), stored(3)))
    real, busy = exchange.checked, iter((2, 8, 9))
    with VerdictStore(tmp_path / "v.sqlite") as store, VerdictStore(tmp_path / "v.sqlite", busy_seconds=0.01) as other:

        def checked(*row: Any, **named: Any) -> StoredVerdict:
            number = next(busy)
            assert other.claim(stored(number).key)
            other.add(stored(number))
            return real(*row, **named)

        monkeypatch.setattr(exchange, "checked", checked)
        report = import_verdicts(store, path)
        assert (report.rows, report.added, report.known) == (3, 2, 1)
        assert {verdict.prediction for verdict in store.verdicts()} == {f"shape {number}" for number in (1, 2, 3, 8, 9)}


def test_what_the_store_knows_stands(tmp_path: Path) -> None:
    path = written(tmp_path, ".jsonl", rows_of(stored(1), stored(2), stored(3), stored(3)))
    contrary = replace(stored(2), verdict=False, reply='{"match": false}')
    with store_with(tmp_path / "v.sqlite", [stored(1), contrary]) as store:
        report = import_verdicts(store, path)
        assert (report.rows, report.added, report.known, report.conflicts) == (4, 1, 2, (stored(2).key,))
        assert store.get([contrary.key]) == {contrary.key: contrary}
        assert store.get([stored(1).key])[stored(1).key].origin == ""
        report = import_verdicts(store, path)
        assert (report.added, report.known) == (0, 3)


def test_verdicts_on_prompts_of_another_version_are_kept_apart(tmp_path: Path) -> None:
    (row,) = rows_of(stored())
    other = with_key({**row, "protocol_version": "0", "prompt_sha256": "0" * 64, "reply": "MATCH"})
    with VerdictStore(tmp_path / "v.sqlite") as store:
        report = import_verdicts(store, written(tmp_path, ".jsonl", [other, row]))
        assert (report.added, report.other_versions) == (2, 1)
        assert store.get([stored().key])[stored().key].reply == stored().reply


@pytest.mark.parametrize("name", ["verdicts.csv", "verdicts", "verdicts.json.gz"])
def test_only_two_formats_are_known(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    with store_with(tmp_path / "v.sqlite", MANY) as store:
        for work in (export_verdicts, import_verdicts):
            with pytest.raises(UsageError, match=r"neither \.jsonl nor \.parquet"):
                work(store, tmp_path / name)
        with pytest.raises(UsageError, match="No such file"):
            import_verdicts(store, tmp_path / "absent.jsonl")


# The commands


def test_from_one_lab_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_with(tmp_path / "mine.sqlite", MANY).close()
    out = tmp_path / "strict.parquet"
    runner = CliRunner()
    command = ["export", str(out), "--verdict-store", str(tmp_path / "mine.sqlite"), "--protocol", "strict"]
    assert runner.invoke(verdicts_command, command).output == f"{out}: 20 verdicts\n"
    monkeypatch.setenv("SARLANG_CACHE", str(tmp_path / "theirs"))
    assert runner.invoke(verdicts_command, ["import", str(out)]).output == f"{out}: 20 verdicts, 20 new, 0 known\n"
    result = json.loads(runner.invoke(verdicts_command, ["import", str(out), "--json"]).output)
    assert result[str(out)] == {
        "sha256": sha256_of(out), "rows": 20, "added": 0, "known": 20, "conflicts": [], "other_versions": 0
    }  # fmt: skip
    command = ["export", str(tmp_path / "b.jsonl"), "--judge-model", SNAPSHOT, "--json"]
    assert json.loads(runner.invoke(verdicts_command, command).output) == {"file": str(tmp_path / "b.jsonl"), "verdicts": 20}


def test_an_export_of_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARLANG_CACHE", str(tmp_path))
    error = CliRunner().invoke(verdicts_command, ["export", str(tmp_path / "out.jsonl")]).exception
    assert isinstance(error, UsageError)
    assert str(tmp_path / "verdicts.sqlite") in str(error)
    assert not (tmp_path / "verdicts.sqlite").exists()
    VerdictStore(tmp_path / "verdicts.sqlite").close()
    error = CliRunner().invoke(verdicts_command, ["export", str(tmp_path / "out.jsonl")]).exception
    assert isinstance(error, UsageError)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_refused_file_leaves_those_before_it(tmp_path: Path) -> None:
    good = written(tmp_path, ".jsonl", rows_of(stored(1)))
    (tmp_path / "bad.jsonl").write_text("{}\n")
    store = tmp_path / "v.sqlite"
    result = CliRunner().invoke(
        verdicts_command, ["import", str(good), str(tmp_path / "bad.jsonl"), "--verdict-store", str(store)]
    )
    assert isinstance(result.exception, UsageError)
    with VerdictStore(store) as opened:
        assert [verdict.prediction for verdict in opened.verdicts()] == ["shape 1"]
