from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.scorecard import BREAKDOWNS, DatasetRef, Scorecard, read_scorecards, score, write_scorecards
from sarlang_hf.scoring.tables import score_table, scorecard_table
from sarlang_hf.scoring.uncertainty import clustered_interval
from sarlang_hf.scoring.verdicts import Answer, Verdict, judge_answers, read_verdicts, write_verdicts

DATASET = DatasetRef(kind="simulated", sha256="1a2b3c4d5e6f" + "0" * 52)
COUNT = ("instance_counting", "How many ships are there in the image?", "counting/there-are")
WHERE = ("object_positioning", "Where is the ship positioned within the image?", "positioning/one")


def answer(number: int, image: str, kind: tuple[str, str, str], gold: str, prediction: str | None) -> Answer:
    type_, question, template = kind
    return Answer(
        question_id=f"{number:016x}",
        image_id=f"sardet100k/{image}",
        source="sardet100k",
        scene="",
        question=question,
        gold=gold,
        type=type_,  # type: ignore[arg-type]
        application=type_,
        template=template,
        prediction=prediction,
    )


# Four images; by hand: right, wrong, right, right, undecided, missing.
ANSWERS = [
    answer(1, "a", COUNT, "3", "three"),
    answer(2, "a", WHERE, "left", "right"),
    answer(3, "b", COUNT, "1", "1"),
    answer(4, "b", WHERE, "top", "at the top"),
    answer(5, "c", COUNT, "2", "many"),
    answer(6, "d", WHERE, "left", None),
]


def scored(answers: list[Answer], **options) -> Scorecard:
    settings = {"task": "sarlang_vqa", "task_version": "1.0", "protocol": "strict", "dataset": DATASET, **options}
    return score(judge_answers(answers), **settings)


def printed(table) -> str:
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(table)
    return console.export_text()


def test_unjudged_answers_widen_the_score_to_a_range():
    overall = scored(ANSWERS).overall
    assert (overall.n, overall.clusters, overall.n_unjudged, overall.n_missing) == (6, 4, 2, 1)
    assert overall.value is None
    assert (overall.low, overall.high) == pytest.approx((3 / 6, 5 / 6))
    images = ["a", "a", "b", "b", "c", "d"]
    pessimist = clustered_interval([1, 0, 1, 1, 0, 0], images)
    optimist = clustered_interval([1, 0, 1, 1, 1, 1], images)
    assert overall.interval == pytest.approx((max(0, pessimist.low), min(1, optimist.high)))


def test_once_everything_is_judged_there_is_a_value():
    overall = scored(ANSWERS[:4]).overall
    assert overall.value == overall.low == overall.high == 0.75
    # Two images with 1/2 and 2/2 right: deviations -0.5 and 0.5, standard error 0.25, t(0.975, 1) = 12.7: clipped.
    assert overall.interval == (0.0, 1.0)


def test_one_image_has_a_value_but_no_interval():
    assert scored(ANSWERS[:2]).overall.interval is None


def test_breakdowns_are_scores_of_their_own_questions():
    card = scored(ANSWERS)
    assert set(card.by) == set(BREAKDOWNS)
    assert card.by["type"] == {
        "instance_counting": scored([ANSWERS[0], ANSWERS[2], ANSWERS[4]]).overall,
        "object_positioning": scored([ANSWERS[1], ANSWERS[3], ANSWERS[5]]).overall,
    }
    assert card.by["source"] == {"sardet100k": card.overall}
    assert sorted(card.by["template"]) == ["counting/there-are", "positioning/one"]
    assert card.rules == {"count:none": 1, "exact": 2, "missing": 1, "position": 2}


def test_breakdowns_of_many_questions_agree_with_a_plain_loop():
    rng = np.random.default_rng(0)
    answers = [
        replace(answer(number, str(rng.integers(30)), COUNT, "1", rng.choice(["1", "2", "many"])), template=f"t{rng.integers(5)}")
        for number in range(400)
    ]
    verdicts = judge_answers(answers)
    card = scored(answers)
    for template, found in card.by["template"].items():
        own = [verdict for verdict in verdicts if verdict.answer.template == template]
        assert found.n == len(own)
        assert found.clusters == len({verdict.answer.image_id for verdict in own})
        assert found.low == pytest.approx(sum(verdict.verdict is True for verdict in own) / len(own))
        assert found.high == pytest.approx(sum(verdict.verdict is not False for verdict in own) / len(own))
    assert sum(found.n for found in card.by["template"].values()) == 400


def test_signature_names_task_protocol_judge_metric_and_data():
    head = "sarlang_vqa@1.0|protocol=strict|judge=off|metric=acc|unit=question|cluster=image|data=simulated:1a2b3c4d5e6f"
    assert scored(ANSWERS[:4]).signature == f"{head}|n=4/4"
    assert scored(ANSWERS).signature == f"{head}|n=5/6"
    assert scored(ANSWERS[:4], expected=8740).signature == f"{head}|n=4/8740"
    assert scored(ANSWERS[:4], extra={"lite": "00ff"}).signature == f"{head}|lite=00ff|n=4/4"


def test_no_answers_give_no_scorecard():
    with pytest.raises(ValueError, match="at least one"):
        scored([])


def test_scorecards_survive_the_file_and_keep_other_tasks(tmp_path: Path):
    path = tmp_path / "run" / "sarlang_scorecard.json"
    whole, lite = scored(ANSWERS), scored(ANSWERS[:2], task="sarlang_vqa_lite")
    write_scorecards(path, {"sarlang_vqa": scored(ANSWERS[:4])})
    write_scorecards(path, {"sarlang_vqa_lite": lite})
    write_scorecards(path, {"sarlang_vqa": whole})
    assert read_scorecards(path) == {"sarlang_vqa": whole, "sarlang_vqa_lite": lite}
    assert list(path.parent.iterdir()) == [path]
    assert json.loads(path.read_text())["sarlang_vqa"]["overall"]["value"] is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'"text"',
        b'{"sarlang_vqa": {}}',
        b'{"sarlang_vqa": 3}',
        b"\xff",
        b'{"sarlang_vqa": {"format_version": "2.0"}}',
    ],
)
def test_a_file_that_is_no_scorecard_is_named_and_left_alone(tmp_path: Path, content: bytes):
    path = tmp_path / "sarlang_scorecard.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not a scorecard file") as caught:
        write_scorecards(path, {"sarlang_vqa": scored(ANSWERS)})
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_verdicts_survive_the_file(tmp_path: Path):
    path = tmp_path / "sarlang_verdicts.parquet"
    verdicts = judge_answers(ANSWERS)
    write_verdicts(path, verdicts)
    assert read_verdicts(path) == verdicts
    assert [(verdict.rule, verdict.verdict) for verdict in verdicts[-2:]] == [("count:none", None), ("missing", None)]
    assert {verdict.judge for verdict in verdicts} == {""}


def test_verdicts_of_another_task_of_the_run_stay(tmp_path: Path):
    path = tmp_path / "sarlang_verdicts.parquet"
    first, lite = judge_answers(ANSWERS), judge_answers(ANSWERS[:2], task="sarlang_vqa_lite")
    for verdicts in (first, lite, first[:3]):
        write_verdicts(path, verdicts)
    assert read_verdicts(path) == [*lite, *first[:3]]


def test_verdicts_hold_any_text_a_model_can_write(tmp_path: Path):
    path = tmp_path / "sarlang_verdicts.parquet"
    texts = ["\ud83d half an emoji", "\x00", "船", "a\r\nb", "😀"]
    write_verdicts(path, judge_answers([replace(ANSWERS[0], prediction=text) for text in texts]))
    read = [verdict.answer.prediction for verdict in read_verdicts(path)]
    assert read == ["\N{REPLACEMENT CHARACTER} half an emoji", *texts[1:]]


def test_a_file_that_is_no_verdicts_file_is_named(tmp_path: Path):
    path = tmp_path / "sarlang_verdicts.parquet"
    with pytest.raises(UsageError, match="not a verdicts file"):
        read_verdicts(path)
    path.write_bytes(b"PAR1 cut short")
    with pytest.raises(UsageError, match="not a verdicts file"):
        write_verdicts(path, [])


def test_table_of_one_run_shows_value_or_range_with_counts_and_interval():
    lines = {line.split()[0]: line.split()[1:] for line in printed(score_table(scored(ANSWERS))).splitlines() if line.strip()}
    low, high = scored(ANSWERS).overall.interval
    assert lines["all"] == ["6", "4", "2", "1", "50.0-83.3", f"[{100 * low:.1f},", f"{100 * high:.1f}]"]
    assert lines["counting"][:3] == ["3", "3", "1"]
    assert lines["sardet100k"] == lines["all"]
    assert printed(score_table(scored(ANSWERS[:2]))).count("none") == 4  # one image: all, two types, one source


def test_table_of_several_runs_has_a_row_for_each_and_its_signature():
    runs = {"sarlang_prior": scored(ANSWERS[:4]), "[red]model[/red]": scored(ANSWERS[:1])}
    text = printed(scorecard_table(runs))
    assert "75.0" in text
    assert "n=4 on 2" in text
    assert "[red]model[/red]" in text
    assert "counting" in text
    assert "positioning" in text
    for name, card in runs.items():
        assert f"{name}:{card.signature}" in "".join(text.split())  # wrapped at the width of the table


def test_judged_verdicts_name_their_judge_in_the_file(tmp_path: Path):
    path = tmp_path / "sarlang_verdicts.parquet"
    judged = [Verdict(ANSWERS[0], rule="judge", verdict=True, judge="gpt-4o-mini-2024-07-18", cost_usd=0.00003)]
    write_verdicts(path, judged)
    assert read_verdicts(path) == judged
