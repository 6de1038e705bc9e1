from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.caption_scorecard import CaptionScore, CaptionScorecard
from sarlang_hf.scoring.judge import JudgeRequest, JudgeVerdict
from sarlang_hf.scoring.judge.prompts import prompt_sha256
from sarlang_hf.scoring.scorecard import BREAKDOWNS, DatasetRef, Gap, Scorecard, read_scorecards, score, write_scorecards
from sarlang_hf.scoring.tables import caption_table, gap_lines, score_table, scorecard_table
from sarlang_hf.scoring.uncertainty import clustered_interval
from sarlang_hf.scoring.verdicts import Answer, Verdict, judge_answers, read_verdicts, write_verdicts
from sarlang_hf.scoring.vqa_run import judge_run

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
        place="",
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


class Echo:
    """A judge that finds right what it has heard of, and gives up on what it has not."""

    name = "echo-2026-01-01"

    def __init__(self, **verdict_of: bool) -> None:
        self.verdict_of = verdict_of
        self.asked: list[JudgeRequest] = []

    async def __call__(self, requests: Sequence[JudgeRequest]) -> list[JudgeVerdict]:
        self.asked += requests
        known = [self.verdict_of.get(request.prediction) for request in requests]
        return [
            JudgeVerdict(None, reason="unparsable", cost_usd=0.5)
            if verdict is None
            else JudgeVerdict(verdict, judge=self.name, cost_usd=0.25)
            for verdict in known
        ]


def judged(answers: list[Answer], judge: Echo | None, **options):
    settings = {"task": "sarlang_vqa", "task_version": "1.0", "protocol": "strict", "dataset": DATASET, **options}
    return judge_run(answers, judge=judge, **settings)


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


def test_places_may_be_what_is_taken_for_dependent():
    here = [replace(found, place="Kiel" if found.image_id in ("sardet100k/a", "sardet100k/b") else "") for found in ANSWERS]
    overall = scored(here, cluster="place").overall
    low = clustered_interval([1, 0, 1, 1, 0, 0], ["Kiel"] * 4 + ["c", "d"])
    assert (overall.clusters, overall.interval[0]) == (3, max(0, low.low))
    assert "|cluster=place|" in scored(here, cluster="place").signature
    named_like_an_image = [replace(found, place="sardet100k/c") for found in ANSWERS[:1]] + ANSWERS[1:]
    assert scored(named_like_an_image, cluster="place").overall.clusters == 5


def test_every_protocol_has_its_score_from_the_same_answers():
    card = judged(ANSWERS, None).scorecard
    assert card.protocols["strict"] == card.overall
    released = judged(ANSWERS, None, protocol="released").scorecard.overall
    by_hand = [False, None, True, True, False, None]  # 3/three, left/right, 1/1, top/at the top, 2/many, left/None
    assert (released.low, released.high) == (2 / 6, 4 / 6)
    assert card.protocols["released"] == released
    assert judged(ANSWERS, None).verdict_of["released"] == by_hand
    paper = card.protocols["paper"]
    assert (paper.value, paper.low, paper.high, paper.n_unjudged, paper.n_missing) == (None, 0, 1, 6, 1)


def test_a_judge_is_asked_once_about_equal_answers_and_paid_for_at_the_first():
    twice = [*ANSWERS, replace(ANSWERS[4], question_id="f" * 16, image_id="sardet100k/e", prediction="  MANY ")]
    judge = Echo(many=True)
    verdicts = judged(twice, judge).verdicts
    assert [(request.protocol, request.gold, request.prediction) for request in judge.asked] == [("strict", "2", "many")]
    decided = [(verdict.rule, verdict.verdict, verdict.judge, verdict.cost_usd) for verdict in verdicts]
    assert decided[4:] == [
        ("judge", True, "echo-2026-01-01", 0.25),
        ("missing", None, "", 0.0),
        ("judge", True, "echo-2026-01-01", 0.0),
    ]
    assert decided[:4] == [(v.rule, v.verdict, "", 0.0) for v in judge_answers(ANSWERS[:4])]


def test_what_the_judge_could_not_say_stays_open_with_its_reason_and_its_cost():
    card = judged(ANSWERS, Echo()).scorecard
    assert card.rules["judge:unparsable"] == 1
    assert (card.overall.value, card.overall.n_unjudged, card.cost_usd) == (None, 2, 0.5)


def test_once_a_judge_has_decided_the_signature_names_it_and_its_prompt():
    card = judged(ANSWERS[:5], Echo(many=False)).scorecard
    assert card.overall.value == 3 / 5
    assert f"|judge=echo-2026-01-01|prompt={prompt_sha256('strict')[:8]}|metric=acc|" in card.signature
    assert (card.judge, card.protocols["strict"].value, card.protocols["paper"].value) == ("echo-2026-01-01", 3 / 5, None)


def test_under_the_protocol_of_the_paper_the_judge_decides_everything_but_what_is_missing():
    judge = Echo(**{"three": True, "right": False, "1": True, "at the top": True, "many": False})
    card = judged(ANSWERS, judge, protocol="paper").scorecard
    assert len(judge.asked) == 5
    assert card.rules == {"judge": 5, "missing": 1}
    assert (card.overall.low, card.overall.high) == (3 / 6, 4 / 6)


def test_nobody_is_asked_where_rules_decide_everything():
    judge = Echo()
    assert judged(ANSWERS[:4], judge).scorecard.overall.value == 0.75
    assert judge.asked == []


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
    assert scored(ANSWERS[:4], vision="none", extra={"lite": "00ff"}).signature == f"{head}|vision=none|lite=00ff|n=4/4"


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


GAPS = (
    Gap("vision_gain", "none", "acc", 0.123, 0.101, 0.145, 0.0001, 8740, 1017, "20261120_sarlang"),
    Gap("modality_gap", "sarlang_cap", "complex_cider", None, -2.0, 31.0, 1.0, 6190, 4005, "20261121_sarlang"),
)


def test_scorecards_of_questions_and_captions_share_a_file(tmp_path: Path):
    path = tmp_path / "sarlang_scorecard.json"
    questions = replace(judged(ANSWERS, Echo(many=True), model="tiny", extra={"hints": "on"}).scorecard, gaps=GAPS)
    by_kind = {"complex": {"cider": CaptionScore(2, 1, 1, None, 12.5, None), "bleu_1": CaptionScore(2, 2, 0, 40, 40, (30, 50))}}
    captions = CaptionScorecard("sarlang_cap", "1.0", "official", DATASET, "sarlang_cap@1.0|...", by_kind=by_kind, gaps=GAPS[1:])
    write_scorecards(path, {"sarlang_vqa": questions})
    write_scorecards(path, {"sarlang_cap": captions})
    assert read_scorecards(path) == {"sarlang_cap": captions, "sarlang_vqa": questions}


def changed(**fields) -> bytes:
    return json.dumps({"sarlang_vqa": scored(ANSWERS).to_json() | fields}).encode()


OVERALL = asdict(scored(ANSWERS).overall)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (changed(unit="image"), "'image'"),
        (changed(unit="reference"), "profile"),
        (changed(overall=OVERALL | {"low": "0.5"}), "overall.low"),
        (changed(overall=OVERALL | {"n": 3.5}), "overall.n"),
        (changed(overall=OVERALL | {"interval": [0.1, 0.2, 0.3]}), "overall.interval"),
        (changed(overall={}), "overall.n"),
        (changed(vision="blind"), "vision"),
        (changed(protocol="mine"), "protocol"),
        (changed(rules=[1]), "rules"),
        (changed(gaps=[{"name": "vision_gain"}]), "gaps.0"),
        (changed(by={"type": {"counting": 1}}), "by.type"),
        (changed(dataset={"kind": "best", "sha256": ""}), "dataset"),
        (changed(task="sarlang_cap"), "sarlang_cap"),
        (json.dumps({"sarlang_vqa": {k: v for k, v in scored(ANSWERS).to_json().items() if k != "vision"}}).encode(), "vision"),
        (changed(cost_usd=1).replace(b'"cost_usd": 1', b'"cost_usd": NaN'), "NaN"),
        (b"[" * 100_000, "RecursionError"),
    ],
)
def test_a_scorecard_that_was_tampered_with_is_refused_by_the_name_of_the_field(tmp_path: Path, content: bytes, named: str):
    path = tmp_path / "sarlang_scorecard.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not a scorecard file") as caught:
        read_scorecards(path)
    assert named in caught.value.problem
    assert len(caught.value.problem) < 500


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


def test_a_scorecard_file_without_an_end_is_not_read(tmp_path: Path):
    (tmp_path / "sarlang_scorecard.json").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="no regular file"):
        read_scorecards(tmp_path / "sarlang_scorecard.json")


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


def test_table_of_captions_shows_every_kind_and_metric_with_its_interval():
    by_kind = {
        "concise": {
            "bleu_4": CaptionScore(9, 4, 0, 21.456, 21.456, (18.1, 25)),
            "length_ratio": CaptionScore(9, 4, 0, 1.2, 1.2, None),
        }
    }
    by = {"source": {"coco/ssdd": {"concise": {"cider": CaptionScore(3, 1, 2, None, 48.36, None)}}}}
    card = CaptionScorecard("sarlang_cap", "1.0", "official", DATASET, "", by_kind=by_kind, by=by)
    lines = [" ".join(line.split()) for line in printed(caption_table(card)).splitlines()]
    assert "concise BLEU-4 9 4 0 21.46 [18.1, 25.0]" in lines
    assert "concise length 9 4 0 1.200 none" in lines
    assert "coco/ssdd CIDEr 3 1 2 low 48.36 none" in lines


def test_gaps_are_told_in_the_unit_of_their_metric():
    assert gap_lines(GAPS) == [
        "vision gain, image minus none: acc +12.3 [+10.1, +14.5], p = 0.0001, n=8740 on 1017 (beside 20261120_sarlang)",
        "modality gap, sarlang_cap_rgb minus sarlang_cap: complex_cider open [-2.0, +31.0], p = 1, n=6190 on 4005"
        " (beside 20261121_sarlang)",
    ]


def test_table_of_one_run_shows_the_other_protocols_as_far_as_rules_decide():
    text = printed(score_table(judged(ANSWERS, None).scorecard))
    lines = {line.partition(", rules")[0].strip(): line.partition(", rules")[2].split() for line in text.splitlines()}
    assert lines["released"][:5] == ["6", "4", "2", "1", "33.3-66.7"]
    assert lines["paper"][:5] == ["6", "4", "6", "1", "0.0-100.0"]
