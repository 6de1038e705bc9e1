from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from sarlang_hf.cli.score import score
from sarlang_hf.data import open_dataset
from sarlang_hf.errors import DatasetNotFoundError, PredictionsError, UsageError
from sarlang_hf.scoring import score_predictions
from sarlang_hf.scoring.judge import JudgeRequest, JudgeVerdict
from sarlang_hf.scoring.offline import Part, judge_predictions
from sarlang_hf.scoring.predictions import MAX_BYTES, read_predictions
from sarlang_hf.scoring.scorecard import read_scorecards
from sarlang_hf.scoring.verdicts import read_verdicts

KNOWN = {"q1", "q2", "q3"}


def read(folder: Path, name: str, content: str | bytes) -> dict[str, str]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_predictions(path, known=KNOWN)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.jsonl", '{"question_id": "q1", "prediction": "two"}\n{"question_id": "q2", "prediction": "a, b"}\n'),
        ("last-line-open.jsonl", '{"question_id": "q1", "prediction": "two"}\n{"question_id": "q2", "prediction": "a, b"}'),
        ("blank-lines.ndjson", '\n{"question_id": "q1", "prediction": "two"}\n\n{"question_id": "q2", "prediction": "a, b"}\n\n'),
        ("BOM.JSONL", '\ufeff{"question_id":"q1","prediction":"two"}\r\n{"question_id":"q2","prediction":"a, b"}\r\n'),
        (
            "other-keys.json",
            '{" Question_ID ": " q1 ", "PREDICTION": "two", "x": {"A": 1, "a": 2}}\n{"question_id": "q2", "prediction": "a, b"}',
        ),
        ("plain.csv", 'question_id,prediction\nq1,two\nq2,"a, b"\n'),
        ("BOM.CSV", '\ufeffquestion_id,prediction\r\nq1,two\r\nq2,"a, b"\r\n'),
        ("padded.csv", '\n Prediction , QUESTION_ID,seed\ntwo,q1,0\n\n"a, b",q2,0\n'),
    ],
)
def test_every_tolerated_form_of_the_same_predictions(tmp_path, name, content):
    assert read(tmp_path, name, content) == {"q1": "two", "q2": "a, b"}


def test_null_is_a_missing_prediction(tmp_path):
    content = '{"question_id": "q1", "prediction": null}\n{"question_id": "q2", "prediction": ""}\n'
    assert read(tmp_path, "nulls.jsonl", content) == {"q2": ""}


def test_a_long_answer_of_many_lines_is_read_whole(tmp_path):
    limit = csv.field_size_limit()
    answer = "no\n" * 100_000
    assert read(tmp_path, "long.csv", f'question_id,prediction\nq1,"{answer}"\n') == {"q1": answer}
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("name", "content", "place", "problem"),
    [
        ("empty.jsonl", "", "empty.jsonl", "is empty"),
        ("blank.jsonl", "\n\n", "blank.jsonl", "holds no predictions"),
        ("header-only.csv", "question_id,prediction\n", "header-only.csv", "holds no predictions"),
        ("answers.txt", "q1 two", "answers.txt", "'.txt'"),
        ("cut.jsonl", '{"question_id": "q1", "prediction": "a"}\n{"question_id": "q2", "pre', "line 2", "broken JSON"),
        ("nan.jsonl", '{"question_id": "q1", "prediction": NaN}', "line 1", "nan, not text"),
        ("deep.jsonl", "[" * 100_000, "line 1", "broken JSON"),
        ("array.json", '[{"question_id": "q1", "prediction": "a"}]', "line 1", "not a JSON object"),
        ("number.jsonl", '{"question_id": "q1", "prediction": 3}', "line 1", "prediction is 3, not text"),
        ("list.jsonl", '{"question_id": "q1", "prediction": ["a"]}', "line 1", "prediction is ['a'], not text"),
        ("id-number.jsonl", '{"question_id": 1, "prediction": "a"}', "line 1", "question_id is 1, not an id"),
        ("id-blank.csv", "question_id,prediction\n ,a\n", "line 2", "question_id is ' ', not an id"),
        ("no-id.jsonl", '{"id": "q1", "prediction": "a"}', "line 1", "no question_id; the columns are 'id', 'prediction'"),
        ("no-prediction.csv", "question_id,answer\nq1,a\n", "line 2", "no prediction; the columns are 'question_id', 'answer'"),
        ("semicolons.csv", "question_id;prediction\nq1;a\n", "line 2", "no question_id"),
        ("key-twice.jsonl", '{"question_id": "q1", "prediction": "a", "prediction": "b"}', "line 1", "'prediction' occurs twice"),
        ("case-twice.csv", "question_id,prediction,Prediction\nq1,a,b\n", "line 2", "'prediction' occurs twice"),
        ("comma.csv", "question_id,prediction\nq1,a\nq2,yes, there are\n", "line 3", "3 fields under 2 columns"),
        ("short.csv", "question_id,prediction\nq1\n", "line 2", "1 fields under 2 columns"),
        ("quote.csv", 'question_id,prediction\nq1,"a\nq2,b\n', "line 3", "broken CSV"),
        ("mac.csv", "question_id,prediction\rq1,a\r", "line 1", "broken CSV"),
        ("twice.jsonl", '{"question_id": "q1", "prediction": "a"}\n' * 2, "line 2", "'q1' is already in line 1"),
        ("null-twice.jsonl", '{"question_id": "q1", "prediction": null}\n' * 2, "line 2", "'q1' is already in line 1"),
        ("latin1.csv", "question_id,prediction\nq1,caf\xe9\n".encode("latin-1"), "line 2", "byte 0xe9 is not UTF-8"),
        ("utf16.csv", "question_id,prediction\nq1,a\n".encode("utf-16"), "line 1", "is not UTF-8"),
        (
            "unknown.jsonl",
            "".join(f'{{"question_id": "u{number}", "prediction": "a"}}\n' for number in range(5)),
            "unknown.jsonl",
            "5 question_id not in the test split of the dataset: line 1 'u0', line 2 'u1', line 3 'u2', ...",
        ),
        ("escape.jsonl", '{"question_id": "\\ud800\\u001b[2J", "prediction": "a"}', "escape.jsonl", r"'\ud800\x1b[2J'"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path, name, content, place, problem):
    with pytest.raises(PredictionsError) as caught:
        read(tmp_path, name, content)
    assert problem in caught.value.problem
    assert caught.value.place.startswith(str(tmp_path / name))
    assert place in caught.value.place
    assert caught.value.remedy


def test_a_file_that_is_absent_or_a_folder_is_named(tmp_path):
    folder = tmp_path / "folder.jsonl"
    folder.mkdir()
    (folder / "x").touch()
    for path in (tmp_path / "absent.jsonl", folder):
        with pytest.raises(PredictionsError, match="cannot be read") as caught:
            read_predictions(path, known=KNOWN)
        assert caught.value.place == str(path)


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.jsonl"
    with path.open("wb") as file:
        os.truncate(file.fileno(), MAX_BYTES + 1)  # sparse
    with pytest.raises(PredictionsError, match="more than 1 GiB"):
        read_predictions(path, known=KNOWN)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(sorted(KNOWN)), st.text(max_size=30), min_size=1))
def test_what_the_standard_writers_write_is_read_back(written, predictions):
    lines = [json.dumps({"question_id": key, "prediction": text}, ensure_ascii=False) for key, text in predictions.items()]
    assert read(written, "a.jsonl", "\n".join(lines)) == predictions
    with (written / "a.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("question_id", "prediction"), *predictions.items()])
    assert read_predictions(written / "a.csv", known=KNOWN) == predictions


@pytest.fixture(scope="module")
def gold(plain_dataset: Path) -> dict[str, str]:
    questions = open_dataset(plain_dataset).questions("test")
    return dict(zip(questions["question_id"].to_pylist(), questions["answer"].to_pylist(), strict=True))


@pytest.fixture
def answers(tmp_path: Path, gold: dict[str, str]) -> Path:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps({"question_id": key, "prediction": text}) + "\n" for key, text in gold.items()))
    return path


def run(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(score, [str(argument) for argument in arguments], env=environment)


def test_the_reference_answers_score_one(plain_dataset, gold):
    card = score_predictions(plain_dataset, gold)
    assert (card.overall.value, card.overall.n) == (1.0, len(gold))
    assert card.dataset.sha256 == open_dataset(plain_dataset).sha256
    assert card.signature.endswith(f"|n={len(gold)}/{len(gold)}")


def test_questions_without_prediction_widen_the_range(plain_dataset, gold):
    half = dict(list(gold.items())[::2])
    overall = score_predictions(open_dataset(plain_dataset), half).overall
    assert overall.n_missing == overall.n_unjudged == len(gold) - len(half)
    assert (overall.value, overall.high) == (None, 1.0)
    assert overall.low == pytest.approx(len(half) / len(gold))


def test_a_part_of_the_test_questions_is_scored_alone(plain_dataset, gold):
    ids = list(gold)
    predictions = {**gold, ids[0]: "wrong", ids[1]: "..."}
    judged = judge_predictions(plain_dataset, predictions, part=Part("sarlang_vqa_lite", [1, 4, 7], {"lite": "00ff"}))
    assert [verdict.answer.question_id for verdict in judged.verdicts] == [ids[1], ids[4], ids[7]]
    assert judged.scorecard.overall.value == pytest.approx(2 / 3)
    assert judged.scorecard.signature.endswith("|lite=00ff|n=3/3")


def test_predictions_for_training_questions_are_refused(plain_dataset):
    train = open_dataset(plain_dataset).questions("train")["question_id"].to_pylist()
    with pytest.raises(PredictionsError, match=f"{len(train)} question_id not in the test split"):
        score_predictions(plain_dataset, dict.fromkeys(train, "yes"))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"3f0c": 3}, r"predictions\['3f0c'\]: prediction is 3, not text"), ({7: "3"}, "question_id is 7, not an id")],
)
def test_predictions_in_memory_are_held_to_the_rules_of_a_file(plain_dataset, gold, wrong, named):
    with pytest.raises(PredictionsError, match=named):
        score_predictions(plain_dataset, gold | wrong)


def test_a_none_in_memory_is_a_missing_prediction_like_null_in_a_file(plain_dataset, gold):
    overall = score_predictions(plain_dataset, gold | {next(iter(gold)): None}).overall
    assert (overall.n_missing, overall.n_unjudged) == (1, 1)


def test_a_protocol_of_the_future_is_refused(plain_dataset, gold):
    with pytest.raises(UsageError, match="'lenient'"):
        score_predictions(plain_dataset, gold, protocol="lenient")  # type: ignore[arg-type]


class Yes:
    """A judge that agrees with everything."""

    name = "yes"

    async def __call__(self, requests: Sequence[JudgeRequest]) -> list[JudgeVerdict]:
        return [JudgeVerdict(True, judge=self.name, cost_usd=0.01) for _ in requests]


def test_a_judge_decides_what_rules_leave_open(plain_dataset, gold):
    open_ones = dict.fromkeys(list(gold)[:2], "hard to say")
    card = score_predictions(plain_dataset, gold | open_ones, judge=Yes())
    assert (card.overall.value, card.rules["judge"], card.judge) == (1.0, 2, "yes")
    assert score_predictions(plain_dataset, gold | open_ones).overall.value is None


def test_captions_are_named_by_image(tmp_path):
    path = tmp_path / "captions.csv"
    path.write_text("image_id,prediction\nq1,a ship\nq2,\n")
    assert read_predictions(path, known=KNOWN, key="image_id") == {"q1": "a ship", "q2": ""}
    with pytest.raises(PredictionsError, match="no question_id; the columns are 'image_id', 'prediction'"):
        read_predictions(path, known=KNOWN)


def test_a_file_and_a_mapping_give_the_same_scorecard(plain_dataset, gold, answers):
    assert score_predictions(plain_dataset, answers) == score_predictions(str(plain_dataset), gold)


def test_command_prints_the_table_and_the_signature_on_one_line(plain_dataset, gold, answers):
    result = run(answers, "--dataset", plain_dataset)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == score_predictions(plain_dataset, gold).signature
    for word in ("all", "referring", "sardet100k", "100.0"):
        assert word in result.stdout


def test_command_finds_the_dataset_through_the_environment(plain_dataset, gold, answers):
    result = run(answers, "--json", SARLANG_DATASET=str(plain_dataset))
    assert json.loads(result.stdout) == json.loads(json.dumps(score_predictions(plain_dataset, gold).to_json()))


def test_command_without_a_dataset_says_so(tmp_path, answers):
    result = run(answers, "--dataset", tmp_path / "nothing")
    assert isinstance(result.exception, DatasetNotFoundError)


def test_command_ends_with_3_when_predictions_are_missing(tmp_path, plain_dataset, gold, answers):
    lines = answers.read_text().splitlines()
    answers.write_text("\n".join(lines[1:]))
    result = run(answers, "--dataset", plain_dataset, "--out", tmp_path / "run")
    assert result.exit_code == 3
    assert f"1 of {len(gold)} questions" in result.stderr
    card = read_scorecards(tmp_path / "run" / "sarlang_scorecard.json")["sarlang_vqa"]
    assert card.overall.n_missing == 1
    verdicts = read_verdicts(tmp_path / "run" / "sarlang_verdicts.parquet")
    assert [verdict.answer.question_id for verdict in verdicts] == list(gold)
    missing = json.loads(lines[0])["question_id"]
    assert [verdict.answer.question_id for verdict in verdicts if verdict.rule == "missing"] == [missing]


def test_command_scores_the_lite_questions(plain_dataset, gold, answers):
    record = json.loads(run(answers, "--dataset", plain_dataset, "--task", "sarlang_vqa_lite", "--json").stdout)
    assert record["task"] == "sarlang_vqa_lite"
    assert "|lite=" in record["signature"]
    assert record["overall"]["n"] == len(gold)  # a test part this small is taken whole


def test_the_protocol_is_taken_from_the_environment_unless_told(plain_dataset, answers):
    record = json.loads(run(answers, "--dataset", plain_dataset, "--json", SARLANG_PROTOCOL="released").stdout)
    assert record["protocol"] == "released"
    told = run(answers, "--dataset", plain_dataset, "--protocol", "strict", "--json", SARLANG_PROTOCOL="released")
    assert json.loads(told.stdout)["protocol"] == "strict"
    unknown = run(answers, "--dataset", plain_dataset, SARLANG_PROTOCOL="lenient")
    assert unknown.exit_code == 2
    assert "lenient" in unknown.stderr


def test_a_judge_without_a_key_is_refused_before_anything_is_written(tmp_path, plain_dataset, answers):
    environment = {"SARLANG_JUDGE": "openai", "OPENAI_API_KEY": "", "OPENAI_BASE_URL": "", "SARLANG_CACHE": str(tmp_path / "c")}
    result = run(answers, "--dataset", plain_dataset, "--out", tmp_path / "run", **environment)
    assert isinstance(result.exception, UsageError)
    assert result.exception.place == "OPENAI_API_KEY"
    assert not (tmp_path / "run").exists()


def test_unreadable_predictions_leave_nothing_behind(tmp_path, plain_dataset):
    path = tmp_path / "broken.csv"
    path.write_text("question_id,prediction\nx")
    result = run(path, "--dataset", plain_dataset, "--out", tmp_path / "run")
    assert isinstance(result.exception, PredictionsError)
    assert not (tmp_path / "run").exists()
