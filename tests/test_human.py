"""The human comparison: what raters are given, what they hand in, and what it says."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from judge_server import JudgeServer, impatient, serving

from sarlang_hf.cli import sarlang
from sarlang_hf.data import DatasetFolder, open_dataset
from sarlang_hf.errors import PredictionsError, SarlangError, UsageError
from sarlang_hf.scoring.people.agreement import cohen_kappa
from sarlang_hf.scoring.people.human import draw_questions, write_human_sheet
from sarlang_hf.scoring.people.human_answers import judge_people, model_beside, people_signature
from sarlang_hf.scoring.people.human_score import HumanScore, score_people
from sarlang_hf.scoring.people.rater_files import RaterFile, check_distinct, empty_table, read_rater_file
from sarlang_hf.scoring.people.sheet import SHEET_FILE, Sheet, read_sheet
from sarlang_hf.scoring.uncertainty import two_way_interval, wilson
from sarlang_hf.scoring.verdicts import VERDICTS_FILE, Answer, Verdict, write_verdicts

IDS = ("00000000000000aa", "1234567890123456", "12345e6789012345")
SHEET = Sheet("human", "sarlang_vqa", 0, IDS, {})


class Page(HTMLParser):
    """What a page shows and has: texts by tag, attributes of all tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]][-1] += data


@pytest.fixture(scope="module")
def dataset(demo_dataset: Path) -> DatasetFolder:
    return open_dataset(demo_dataset)


def answer_table(path: Path, sheet: Sheet, answers: dict[str, str]) -> Path:
    rows = [(item, question_id, answers.get(question_id, "")) for item, question_id in enumerate(sheet.question_ids, 1)]
    path.write_text(empty_table(("item", "question_id", "prediction"), rows))
    return path


def golds(dataset: DatasetFolder) -> dict[str, str]:
    return {row["question_id"]: row["answer"] for row in dataset.questions("test").to_pylist()}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(sarlang, list(map(str, arguments)))


# The sample


def table_of(counts: dict[tuple[str, str], int], per_image: int) -> pa.Table:
    kinds = [key for key, count in counts.items() for _ in range(count)]
    return pa.table(
        {
            "type": [kind for kind, _ in kinds],
            "source": [source for _, source in kinds],
            "image_id": [f"image {row // per_image}" for row in range(len(kinds))],
        }
    )


def test_the_sample_is_proportional_by_type_and_source_and_asks_about_distinct_images() -> None:
    counts = {("counting", "coco"): 600, ("counting", "sardet100k"): 300, ("inquiry", "sardet100k"): 100}
    table = table_of(counts, per_image=7)
    rows = draw_questions(table, 30, np.random.default_rng(0))
    drawn = [(table["type"][row].as_py(), table["source"][row].as_py()) for row in rows.tolist()]
    assert {key: drawn.count(key) for key in counts} == {key: count * 30 // 1000 for key, count in counts.items()}
    assert len({table["image_id"][row].as_py() for row in rows.tolist()}) == 30


def test_a_small_dataset_is_asked_whole_with_images_repeated() -> None:
    table = table_of({("counting", "coco"): 5, ("inquiry", "coco"): 2}, per_image=4)
    assert sorted(draw_questions(table, 30, np.random.default_rng(0)).tolist()) == list(range(7))


def test_another_seed_draws_other_questions() -> None:
    table = table_of({("counting", "coco"): 1000}, per_image=1)
    first, again, other = (draw_questions(table, 30, np.random.default_rng(seed)).tolist() for seed in (0, 0, 1))
    assert first == again != other


# The sheet


def test_no_file_of_the_sheet_holds_a_reference(dataset: DatasetFolder, tmp_path: Path) -> None:
    sheet = write_human_sheet(tmp_path / "out", dataset, questions=12)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "sheet.html",
        "sheet.json",
        "answers-1.csv",
        "answers-2.csv",
        "answers-3.csv",
    }
    asked = {row["question_id"]: row["question"] for row in dataset.questions("test").to_pylist()}
    page = Page((tmp_path / "out/sheet.html").read_text())
    assert page.texts["dd"] == [asked[question_id] for question_id in sheet.question_ids]
    record = json.loads((tmp_path / "out/sheet.json").read_text())
    assert set(record) == {"format_version", "sheet", "task", "seed", "question_ids", "about"}
    assert set(record["about"]) == {"task_version", "dataset"}
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out/answers-1.csv").read_text())))
    assert [row["question_id"] for row in rows] == list(sheet.question_ids)
    assert {row["prediction"] for row in rows} == {""}


def test_the_page_shows_each_question_s_own_image_and_needs_no_network(dataset: DatasetFolder, tmp_path: Path) -> None:
    sheet = write_human_sheet(tmp_path / "out", dataset, questions=5)
    text = (tmp_path / "out/sheet.html").read_text()
    row_of = {row["question_id"]: row["image_row"] for row in dataset.questions("test").to_pylist()}
    images = dataset.images("test")
    sources = [attributes["src"] or "" for tag, attributes in Page(text).tags if tag == "img"]
    shown = [base64.b64decode(source.partition("base64,")[2]) for source in sources]
    assert shown == [images.bytes(row_of[question_id]) for question_id in sheet.question_ids]
    assert not re.findall(r"(?:src|href)=\"(?!data:)", text)
    assert "http://" not in text
    assert "https://" not in text


def test_every_field_of_the_page_has_a_label(dataset: DatasetFolder, tmp_path: Path) -> None:
    write_human_sheet(tmp_path / "out", dataset, questions=5)
    tags = Page((tmp_path / "out/sheet.html").read_text()).tags
    fields = {attributes["id"] for tag, attributes in tags if tag == "input"}
    assert fields == {attributes["for"] for tag, attributes in tags if tag == "label"}
    assert len(fields) == 6  # five answers and the rater
    assert all(attributes.get("alt") for tag, attributes in tags if tag == "img")


def test_the_same_command_completes_a_sheet_and_leaves_begun_tables_alone(dataset: DatasetFolder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_human_sheet(out, dataset, questions=5, raters=1)
    (out / "answers-1.csv").write_text("begun")
    (out / "sheet.html").unlink()
    write_human_sheet(out, dataset, questions=5, raters=2)
    assert (out / "answers-1.csv").read_text() == "begun"
    assert (out / "sheet.html").exists()
    assert (out / "answers-2.csv").exists()


@pytest.mark.parametrize("changed", [{"seed": 1}, {"questions": 6}])
def test_a_folder_with_another_sheet_is_refused(dataset: DatasetFolder, tmp_path: Path, changed: dict[str, int]) -> None:
    write_human_sheet(tmp_path / "out", dataset, questions=5)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(UsageError, match="another sheet"):
        write_human_sheet(tmp_path / "out", dataset, **{"questions": 5, **changed})
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_folder_with_anything_else_is_refused(dataset: DatasetFolder, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UsageError, match="not empty"):
        write_human_sheet(tmp_path, dataset)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format_version": "2.0"}',
        '{"format_version": "1.0", "sheet": "human", "task": "t", "seed": 0, "question_ids": [], "about": {}}',
        '{"format_version": "1.0", "sheet": "human", "task": "t", "seed": 0, "question_ids": ["a", "a"], "about": {}}',
        '{"format_version": "1.0", "sheet": "human", "task": "t", "seed": 0, "question_ids": ["a"], "about": 3}',
    ],
)
def test_a_damaged_record_is_a_user_error(tmp_path: Path, text: str) -> None:
    (tmp_path / SHEET_FILE).write_text(text)
    with pytest.raises(UsageError, match="not the record of a sheet"):
        read_sheet(tmp_path, "human")


# The files of raters


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("item,question_id,prediction\n1,00000000000000aa,two\n", {IDS[0]: "two"}),
        ("question_id,prediction\n00000000000000aa,two\n", {IDS[0]: "two"}),
        ("\ufeffItem;Question_ID;Prediction\r\n1;00000000000000aa;two, or 3\r\n", {IDS[0]: "two, or 3"}),
        ("item\tquestion_id\tprediction\n1\t00000000000000aa\ttwo\n\n", {IDS[0]: "two"}),
        # Spreadsheets take these ids for numbers.
        ("item,question_id,prediction\n2,1.23457E+15,yes\n3,inf,no\n", {IDS[1]: "yes", IDS[2]: "no"}),
        # Some programs leave empty cells at the end of a row out.
        ("item,question_id,prediction,rater\n1,00000000000000aa,two\n2,1234567890123456\n", {IDS[0]: "two"}),
        ("item,question_id,prediction\n1,00000000000000aa,  \n2,1234567890123456,\n3,12345e6789012345,no\n", {IDS[2]: "no"}),
    ],
)
def test_tables_as_raters_save_them(tmp_path: Path, text: str, answers: dict[str, str]) -> None:
    path = tmp_path / "answers-anna.csv"
    path.write_bytes(text.encode())
    found = read_rater_file(path, SHEET, "prediction")
    assert (found.rater, found.answers) == ("anna", answers)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no answers"),
        ("item,question_id,prediction\n", "holds no answers"),
        (
            "item,question_id,prediction\n1,00000000000000aa,\n2,1234567890123456,  \n",
            "holds no answers\n  -> fill in the column",
        ),
        ("item,question_id,prediction\n1,ffffffffffffffff,two\n", "line 2: question_id 'ffffffffffffffff' is not that of item 1"),
        ("question_id,prediction\nffffffffffffffff,two\n", "line 2: question_id 'ffffffffffffffff' is not on the sheet"),
        ("item,question_id,prediction\n4,00000000000000aa,two\n", "item '4' is not on the sheet"),
        ("item,question_id,prediction\n0,00000000000000aa,two\n", "item '0' is not on the sheet"),
        ("item,question_id,prediction\n\u0661,00000000000000aa,two\n", "is not on the sheet"),
        ("item,question_id,prediction\n1,00000000000000aa,a\n1,00000000000000aa,b\n", "line 3: .* already in line 2"),
        ("item,question_id,answer\n1,00000000000000aa,two\n", "line 2: no prediction; the columns are"),
        ("question_id,prediction,prediction\n00000000000000aa,a,b\n", "a column occurs twice"),
        ("question_id,prediction\n00000000000000aa,two, or three\n", "3 fields under 2 columns"),
        ('question_id,prediction\n00000000000000aa,"two\n', "broken CSV"),
        ("question_id,prediction,rater\n00000000000000aa,a,anna\n1234567890123456,b,ben\n", "2 raters: anna, ben"),
    ],
)
def test_tables_that_do_not_fit_are_refused_by_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    with pytest.raises(PredictionsError, match=problem):
        read_rater_file(path, SHEET, "prediction")


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("question_id,prediction\n00000000000000aa,h\xe4fen\n".encode("latin-1"))
    with pytest.raises(PredictionsError, match="not UTF-8"):
        read_rater_file(tmp_path / "a.csv", SHEET, "prediction")


@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_what_has_no_end_is_not_read(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PredictionsError, match="no regular file"):
        read_rater_file(tmp_path / name, SHEET, "prediction")
    (tmp_path / SHEET_FILE).symlink_to(tmp_path / name)
    with pytest.raises(UsageError, match="no regular file"):
        read_sheet(tmp_path, "human")


@pytest.mark.parametrize(
    ("first", "second"), [(("anna", "a.csv"), ("Anna", "b.csv")), (("anna", "a.csv"), ("ben", "./a.csv"))], ids=["name", "file"]
)
def test_a_rater_cannot_come_twice(first: tuple[str, str], second: tuple[str, str]) -> None:
    with pytest.raises(PredictionsError, match=r"already in a\.csv"):
        check_distinct([RaterFile(name, Path(file), {}) for name, file in (first, second)])


def test_texts_that_spreadsheets_would_run_are_made_harmless() -> None:
    assert empty_table(("a",), [('=HYPERLINK("http://x")',), ("-3",), ("two",)]) == (
        'a\n"\'=HYPERLINK(""http://x"")"\n\'-3\ntwo\n'
    )


# Scores


def verdicts(marks: str, name: str = "x") -> list[Verdict]:
    """R right, W wrong, U undecided, M missing; one question a letter."""
    rows = []
    for number, mark in enumerate(marks):
        prediction = None if mark == "M" else f"{name}{mark}"
        answer = Answer(f"q{number}", f"i{number}", "coco", "", "", "?", "gold", "general_inquiry", "others", "", prediction)
        verdict = {"R": True, "W": False}.get(mark)
        rows.append(Verdict(answer, rule="missing" if mark == "M" else "open", verdict=verdict))
    return rows


def scored(groups: dict[str, dict[str, str]], model: str | None = None) -> HumanScore:
    judged = {group: {name: verdicts(marks, name) for name, marks in members.items()} for group, members in groups.items()}
    beside = None if model is None else {verdict.answer.question_id: verdict for verdict in verdicts(model)}
    return score_people(judged, signature="s", model=beside)


def test_a_rater_has_wilson_s_interval() -> None:
    # 19 of 30: the paper's 63.33; Wilson 45.5 to 78.1 (research note, by hand).
    score = scored({"raters": {"anna": "R" * 19 + "W" * 11}}).raters[0]
    assert score.value == pytest.approx(19 / 30)
    assert score.interval == pytest.approx((0.455, 0.781), abs=5e-4)


def test_missing_and_undecided_answers_widen_a_score_to_a_range() -> None:
    score = scored({"raters": {"anna": "R" * 15 + "W" * 9 + "U" * 4 + "M" * 2}}).raters[0]
    assert (score.n, score.n_missing, score.n_unjudged, score.value) == (30, 2, 6, None)
    assert (score.low, score.high) == (15 / 30, 21 / 30)
    assert score.interval == (wilson(15, 30)[0], wilson(21, 30)[1])


def test_a_group_is_the_mean_of_its_raters_with_an_interval_over_questions_and_raters() -> None:
    marks = {"anna": "RRRRWRWRRW", "ben": "RRWRWRWWRW", "chloe": "RRRWWRWRWW"}
    score = scored({"experts": marks, "laymen": {"dora": "RWRWRWRWRW"}})
    table = np.array([[letter == "R" for letter in row] for row in marks.values()], float)
    raters, questions = np.indices(table.shape)
    expected = two_way_interval(table.ravel(), questions.ravel(), raters.ravel())
    experts, laymen = score.groups
    assert experts.value == pytest.approx(np.mean([0.7, 0.5, 0.5]))
    assert experts.interval == pytest.approx((max(0, expected.low or 0), min(1, expected.high or 1)))
    assert (laymen.value, laymen.interval) == (0.5, None)  # one rater knows nothing about raters


def test_agreement_is_on_words_and_on_being_right() -> None:
    first, second = verdicts("RRWWU"), verdicts("RWWWR")
    second[0] = replace(second[0], answer=replace(second[0].answer, prediction="The XR."))  # same words as xR
    pair = score_people({"g": {"a": first, "b": second}}, signature="s").pairs[0]
    assert pair.same_words == 3 / 5  # xR; xW; xW
    assert pair.right == cohen_kappa(np.array([True, True, False, False]), np.array([True, False, False, False]))


def test_missing_answers_are_not_the_same_words() -> None:
    assert scored({"g": {"a": "MM", "b": "MM"}}).pairs[0].same_words == 0
    assert scored({"g": {"a": "MM", "b": "MM"}}).pairs[0].right is None


def test_the_model_is_compared_on_the_same_questions() -> None:
    score = scored({"g": {"a": "RRRRWW", "b": "RRRWWW"}}, model="RRWWRW")
    assert score.model is not None
    assert score.model.value == 3 / 6
    assert score.differences[0].value == pytest.approx((4 + 3) / 12 - 3 / 6)
    # Identical answers: no difference, whatever the difficulty of the questions.
    same = scored({"g": {"a": "RRRRWW", "b": "RRRRWW"}}, model="RRRRWW").differences[0]
    assert (same.value, same.interval) == (0.0, (0.0, 0.0))


def test_an_undecided_model_gives_a_range_of_differences() -> None:
    difference = scored({"g": {"a": "RRWW", "b": "RRWW"}}, model="RWUU").differences[0]
    assert (difference.value, difference.low, difference.high) == (None, 0.5 - 0.75, 0.5 - 0.25)


def test_questions_that_the_model_was_not_asked_are_left_out_of_the_difference() -> None:
    model = {verdict.answer.question_id: verdict for verdict in verdicts("RW")}
    score = score_people({"g": {"a": verdicts("RRWW"), "b": verdicts("RWWW")}}, signature="s", model=model)
    assert score.differences[0].questions == 2
    assert score.differences[0].value == pytest.approx((2 + 1) / 4 - 1 / 2)


# From sheet to score


def test_people_are_judged_by_the_rules_of_the_protocol(dataset: DatasetFolder, tmp_path: Path) -> None:
    sheet = write_human_sheet(tmp_path / "out", dataset, questions=8)
    right = golds(dataset)
    files = {
        "raters": [
            answer_table(tmp_path / "anna.csv", sheet, right),
            answer_table(
                tmp_path / "ben.csv", sheet, {question_id: right[question_id] for question_id in sheet.question_ids[:5]}
            ),
        ]
    }
    judged = judge_people(sheet, dataset, files)
    assert [verdict.rule for verdict in judged["raters"]["anna"]] == ["exact"] * 8
    assert [verdict.rule for verdict in judged["raters"]["ben"]] == ["exact"] * 5 + ["missing"] * 3
    assert {verdict.answer.gold for verdict in judged["raters"]["anna"]} <= set(right.values())


def test_equal_answers_of_several_raters_are_judged_once(dataset: DatasetFolder, tmp_path: Path) -> None:
    from sarlang_hf.scoring.judge.run import open_judge

    sheet = write_human_sheet(tmp_path / "out", dataset, questions=4)
    unclear = dict.fromkeys(sheet.question_ids, "hard to say")
    files = [answer_table(tmp_path / f"{name}.csv", sheet, unclear) for name in ("anna", "ben")]
    with serving(JudgeServer(verdict=lambda _text: False)) as server:
        judge = open_judge(impatient(server, tmp_path), notice=lambda _text: None)
        judged = judge_people(sheet, dataset, {"raters": files}, judge=judge)
    assert server.completed == 4
    assert [verdict.rule for rows in judged["raters"].values() for verdict in rows] == ["judge"] * 8
    score = score_people(judged, signature=people_signature(sheet, judged, protocol="strict", judge=judge))
    assert [rater.value for rater in score.raters] == [0.0, 0.0]
    assert f"judge={server.name()}|prompt=" in score.signature


def test_a_judge_that_fails_leaves_ranges_and_exit_code_3(demo_dataset: Path, dataset: DatasetFolder, tmp_path: Path) -> None:
    sheet = write_human_sheet(tmp_path / "out", dataset, questions=4)
    anna = answer_table(tmp_path / "anna.csv", sheet, dict.fromkeys(sheet.question_ids, "hard to say"))
    with serving(JudgeServer(say=lambda _text: "Well, that depends.")) as server:
        options = [
            "--judge",
            "openai",
            "--judge-url",
            server.url,
            "--judge-model",
            "m",
            "--verdict-store",
            tmp_path / "verdicts.sqlite",
        ]
        found = run("human", "score", tmp_path / "out", anna, "--dataset", demo_dataset, *options, "--json")
    assert found.exit_code == 3
    score = json.loads(found.stdout)["raters"][0]
    assert (score["value"], score["low"], score["high"]) == (None, 0.0, 1.0)


def test_a_sheet_of_another_dataset_is_refused(dataset: DatasetFolder, plain_dataset: Path, tmp_path: Path) -> None:
    sheet = write_human_sheet(tmp_path / "out", dataset, questions=5)
    path = answer_table(tmp_path / "anna.csv", sheet, {sheet.question_ids[0]: "two"})
    with pytest.raises(UsageError, match="not the dataset of the sheet"):
        judge_people(sheet, open_dataset(plain_dataset), {"raters": [path]})


def test_a_run_judged_in_another_way_is_not_set_beside(tmp_path: Path) -> None:
    judged = {"raters": {"anna": verdicts("RW")}}
    other = [replace(verdict, protocol="released") for verdict in verdicts("RW")]
    with pytest.raises(UsageError, match="protocol released, not strict"):
        model_beside(other, judged, tmp_path)
    changed = [replace(verdict, answer=replace(verdict.answer, gold="other")) for verdict in verdicts("RW")]
    with pytest.raises(UsageError, match="another reference"):
        model_beside(changed, judged, tmp_path)
    with pytest.raises(UsageError, match="none of the sheet's questions"):
        model_beside([], judged, tmp_path)


def test_the_commands_from_sheet_to_score(demo_dataset: Path, dataset: DatasetFolder, tmp_path: Path) -> None:
    out = tmp_path / "people"
    written = run("human", "sheet", out, "--dataset", demo_dataset, "--questions", 10, "--raters", 2)
    assert (written.exit_code, "10 questions, seed 0" in written.output) == (0, True)
    sheet, right = read_sheet(out, "human"), golds(dataset)
    wrong = dict.fromkeys(sheet.question_ids[:4], "9999")
    anna = answer_table(tmp_path / "anna.csv", sheet, right)
    ben = answer_table(tmp_path / "ben.csv", sheet, {**right, **wrong})
    rows = [
        Answer(
            row["question_id"], row["image_id"], "sardet100k", "", "", row["question"], row["answer"], row["type"], "", "", None
        )
        for row in dataset.questions("test").to_pylist()
    ]
    write_verdicts(tmp_path / "run" / VERDICTS_FILE, [Verdict(answer, rule="exact", verdict=True) for answer in rows])
    found = run(
        "human", "score", out, anna, "--group", f"laymen={ben}", "--dataset", demo_dataset, "--run", tmp_path / "run", "--json"
    )
    assert found.exit_code == 0, found.output
    score = json.loads(found.output)
    assert {rater["name"]: rater["high"] for rater in score["raters"]}.keys() == {"anna", "ben"}
    assert score["raters"][0]["value"] == 1.0
    assert [group["name"] for group in score["groups"]] == ["raters", "laymen"]
    assert score["model"]["value"] == 1.0
    assert "protocol=strict|judge=off" in score["signature"]
    table = run("human", "score", out, anna, ben, "--dataset", demo_dataset)
    assert "mean of raters" in table.output
    assert "anna, ben" in table.output


def test_scoring_without_answers_or_with_a_malformed_group_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / SHEET_FILE).write_text(SHEET.to_json())
    for arguments in ([], ["--group", "experts"], ["--group", "=a.csv"], ["--group", "a=b.csv", "--group", "a=c.csv"]):
        found = run("human", "score", tmp_path, *arguments)
        assert isinstance(found.exception, SarlangError)
