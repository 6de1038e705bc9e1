from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from comparison_runs import DATASET, caption_run, questions, verdict, vqa_run

from sarlang_hf.scoring.comparison.gaps import find_gaps
from sarlang_hf.scoring.scorecard import SCORECARD_FILE
from sarlang_hf.scoring.tables import gap_lines
from sarlang_hf.scoring.uncertainty import paired_bootstrap
from sarlang_hf.scoring.verdicts import VERDICTS_FILE

SEES = [True, True, True, False, True, True, False, True]
BLIND = [True, False, True, False, False, False, False, True]


def run(folder: Path, right: list[bool | None], time: str = "20261101_120000", **options) -> Path:
    return vqa_run(folder / f"{time}_sarlang", questions(right), **{"model": "qwen", **options})


def test_the_vision_gain_is_what_the_image_added_and_stands_in_both_runs(tmp_path):
    sees, blind = run(tmp_path, SEES), run(tmp_path, BLIND, "20261102_120000", vision="none")
    (gap,) = find_gaps(sees, "sarlang_vqa")
    expected = paired_bootstrap(SEES, BLIND, [row // 2 for row in range(8)], rng=np.random.default_rng(0))
    assert (gap.name, gap.against, gap.metric, gap.run) == ("vision_gain", "none", "acc", blind.name)
    assert (gap.difference, gap.low, gap.high, gap.p) == pytest.approx((0.375, expected.low, expected.high, expected.p))
    assert (gap.n, gap.clusters) == (8, 4)
    assert find_gaps(blind, "sarlang_vqa") == (replace(gap, run=sees.name),)


def test_every_blind_run_gives_a_gain_and_of_equals_the_latest_counts(tmp_path):
    sees = run(tmp_path, SEES)
    run(tmp_path, BLIND, "20261102_120000", vision="grey")
    run(tmp_path, SEES, "20261103_120000", vision="grey")
    run(tmp_path, BLIND, "20261104_120000", vision="shuffled")
    assert [(gap.against, gap.difference) for gap in find_gaps(sees, "sarlang_vqa")] == [("grey", 0), ("shuffled", 0.375)]


def test_a_short_trial_does_not_hide_a_whole_run(tmp_path):
    sees, whole = run(tmp_path, SEES), run(tmp_path, BLIND, "20261102_120000", vision="none")
    trial = run(tmp_path, BLIND[:2], "20261103_120000", vision="none")
    failed = vqa_run(
        tmp_path / "20261104_120000_sarlang",
        [*questions(BLIND[:3]), *(verdict(row, None, rule="missing", prediction="") for row in range(3, 8))],
        model="qwen",
        vision="none",
    )
    (gap,) = find_gaps(sees, "sarlang_vqa")
    assert (gap.n, gap.run, gap.difference) == (8, whole.name, 0.375)
    for part, n in ((trial, 2), (failed, 8)):
        (gap,) = find_gaps(part, "sarlang_vqa")
        assert (gap.n, gap.run) == (n, sees.name)


def test_what_two_trials_share_with_a_run_decides_between_them(tmp_path):
    """`--offset` takes another part of the questions."""
    end = vqa_run(tmp_path / "20261101_120000_sarlang", questions(SEES)[5:], model="qwen")
    for time, part in (("20261102", slice(4, 8)), ("20261103", slice(0, 6)), ("20261104", slice(7, 8))):
        vqa_run(tmp_path / f"{time}_120000_sarlang", questions(BLIND)[part], model="qwen", vision="none")
    (gap,) = find_gaps(end, "sarlang_vqa")
    assert (gap.n, gap.run) == (3, "20261102_120000_sarlang")


def test_of_two_trials_that_share_as_much_the_latest_counts(tmp_path):
    sees = run(tmp_path, SEES)
    for time in ("20261103_120000", "20261102_120000"):
        run(tmp_path, BLIND[:4], time, vision="none")
    (gap,) = find_gaps(sees, "sarlang_vqa")
    assert (gap.n, gap.run) == (4, "20261103_120000_sarlang")


JUDGE = {"judge": "gpt-4o-mini", "prompt": "00ff"}
CIRCUMSTANCES = [
    {"model": "llava"},
    {"model": ""},
    {"dataset": replace(DATASET, sha256="f" * 64)},
    {"dataset": replace(DATASET, sha256=DATASET.sha256[:-1] + "f")},  # the label in the signature is the same
    {"protocol": "released"},
    {"judge": "gpt-4o"},
    {"judge": "off", "prompt": ""},
    {"prompt": "11ee"},
    {"task_version": "2.0"},
    {"extra": {"hints": "on"}},
    {"task": "sarlang_vqa_lite"},
]


@pytest.mark.parametrize("options", [*CIRCUMSTANCES, {"task": "sarlang_vqa_rgb"}, {"vision": "image"}])
def test_runs_that_differ_in_more_than_the_image_are_not_set_side_by_side(tmp_path, options):
    sees = run(tmp_path, SEES, **JUDGE)
    blind = {**JUDGE, "vision": "none"}
    run(tmp_path, BLIND, "20261102_120000", **{**blind, **options})
    assert find_gaps(sees, "sarlang_vqa") == ()
    run(tmp_path, BLIND, "20261102_120000", **blind)
    assert len(find_gaps(sees, "sarlang_vqa")) == 1


@pytest.mark.parametrize("options", [*CIRCUMSTANCES, {"vision": "none"}])
def test_runs_that_differ_in_more_than_the_sensor_are_not_set_side_by_side(tmp_path, options):
    radar = run(tmp_path, BLIND, **JUDGE)
    optical = {**JUDGE, "task": "sarlang_vqa_rgb"}
    other = run(tmp_path, SEES, "20261102_120000", **{**optical, **options})
    assert find_gaps(radar, "sarlang_vqa") == find_gaps(other, "sarlang_vqa_rgb") == ()
    run(tmp_path, SEES, "20261102_120000", **optical)
    assert len(find_gaps(radar, "sarlang_vqa")) == 1


def test_runs_without_the_name_of_a_model_may_be_anybodys(tmp_path):
    sees = run(tmp_path, SEES, model="")
    run(tmp_path, BLIND, "20261102_120000", model="", vision="none")
    assert find_gaps(sees, "sarlang_vqa") == ()


def test_the_modality_gap_is_optical_minus_radar_from_either_side(tmp_path):
    folder = run(tmp_path, BLIND, model="")
    assert run(tmp_path, SEES, task="sarlang_vqa_rgb", model="") == folder
    radar, optical = find_gaps(folder, "sarlang_vqa"), find_gaps(folder, "sarlang_vqa_rgb")
    assert radar == optical
    assert [(gap.name, gap.against, gap.difference, gap.run) for gap in radar] == [
        ("modality_gap", "sarlang_vqa", 0.375, folder.name)
    ]
    (line,) = gap_lines(radar)
    assert line.startswith("modality gap, sarlang_vqa_rgb minus sarlang_vqa: acc +37.5 [")


def test_the_modality_gap_is_taken_over_images_with_an_optical_twin(tmp_path):
    folder = run(tmp_path, BLIND)
    vqa_run(tmp_path / "20261009_120000_sarlang", questions(SEES)[:4], task="sarlang_vqa_rgb", model="qwen")
    (gap,) = find_gaps(folder, "sarlang_vqa")
    assert (gap.n, gap.clusters, gap.difference, gap.run) == (4, 2, 0.25, "20261009_120000_sarlang")


def test_unjudged_answers_leave_bounds_and_no_difference(tmp_path):
    sees = run(tmp_path, [*SEES[:-2], None, None])
    run(tmp_path, BLIND, "20261102_120000", vision="none")
    (gap,) = find_gaps(sees, "sarlang_vqa")
    assert gap.difference is None
    # Without the last two: 3 more of 8 right; they add from -1 to +1.
    assert gap.low <= 2 / 8
    assert gap.high >= 4 / 8


def test_captions_have_a_gap_for_each_kind_and_metric(tmp_path):
    good = {0: "a large ship near the coast", 1: "two ships", 2: "a bridge over a river", 3: "tanks in a row"}
    folder = caption_run(tmp_path / "20261101_120000_sarlang", good, model="qwen")
    caption_run(tmp_path / "20261102_120000_sarlang", dict.fromkeys(good, "a ship"), model="qwen", vision="none")
    gaps = find_gaps(folder, "sarlang_cap")
    names = [f"{kind}_{metric}" for metric in ("rouge_l", "cider", "bleu_4") for kind in ("complex", "concise")]
    assert [gap.metric for gap in gaps] == names
    assert {(gap.n, gap.clusters, gap.against) for gap in gaps} == {(4, 2, "none")}
    assert all(gap.difference > 0 for gap in gaps)


@pytest.mark.parametrize(
    "other", [{"vision": "none", "task": "sarlang_cap"}, {"task": "sarlang_cap_rgb"}], ids=["vision", "modality"]
)
def test_cider_with_other_document_frequencies_makes_no_gap(tmp_path, other, caplog):
    texts = {0: "a large ship near the coast", 1: "two ships", 2: "a bridge over a river", 3: "tanks in a row"}
    counted = {"model": "qwen", "document_frequency": {}}  # over the references at hand
    frozen = caption_run(tmp_path / "frozen" / "20261101_120000_sarlang", texts, model="qwen")
    own = caption_run(tmp_path / "own" / "20261101_120000_sarlang", texts, **counted)
    for folder, names in ((frozen, texts), (own, [0, 1, 2])):
        caption_run(folder.with_name("20261102_120000_sarlang"), dict.fromkeys(names, "a ship"), **counted, **other)
        assert [gap.metric for gap in find_gaps(folder, "sarlang_cap")] == [
            f"{kind}_{metric}" for metric in ("rouge_l", "bleu_4") for kind in ("complex", "concise")
        ]
        assert "different document frequencies" in caplog.text
        caplog.clear()
    # The same references give the same frequencies.
    caption_run(own.with_name("20261103_120000_sarlang"), dict.fromkeys(texts, "a ship"), **counted, **other)
    assert len(find_gaps(own, "sarlang_cap")) == 6


def test_captions_that_match_nothing_gain_nothing_from_the_image(tmp_path):
    folder = caption_run(tmp_path / "20261101_120000_sarlang", dict.fromkeys(range(6), "zzz"), model="qwen")
    caption_run(tmp_path / "20261102_120000_sarlang", dict.fromkeys(range(6), "qq " * 40), model="qwen", vision="none")
    bleu = [gap for gap in find_gaps(folder, "sarlang_cap") if gap.metric.endswith("bleu_4")]
    assert [(gap.difference, gap.low, gap.high, gap.p) for gap in bleu] == [(0, 0, 0, 1)] * 2


def test_neighbours_that_cannot_be_read_are_passed_over(tmp_path, caplog):
    sees = run(tmp_path, SEES)
    (tmp_path / "20261102_120000_sarlang").mkdir()  # being written: no scorecard yet
    broken = run(tmp_path, BLIND, "20261103_120000", vision="none")
    (broken / SCORECARD_FILE).write_text("{")
    without = run(tmp_path, BLIND, "20261104_120000", vision="grey")
    (without / VERDICTS_FILE).unlink()
    foreign = vqa_run(tmp_path / "20261105_120000_sarlang", [verdict(99, True)], model="qwen", vision="shuffled")
    (tmp_path / "20261106_120000_sarlang").write_text("no folder")
    with caplog.at_level(logging.WARNING):
        assert find_gaps(sees, "sarlang_vqa") == ()
    for folder in (broken, without, foreign):
        assert folder.name in caplog.text


def test_a_task_that_the_run_did_not_do_has_no_gaps(tmp_path):
    assert find_gaps(run(tmp_path, SEES), "sarlang_cap") == ()
