from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from comparison_runs import DATASET, REFERENCES, caption_run, questions, verdict, vqa_run

from sarlang_hf.cli.compare import compare as command
from sarlang_hf.errors import UsageError
from sarlang_hf.scoring import captions
from sarlang_hf.scoring.comparison.comparability import choose_metrics, signature_parts
from sarlang_hf.scoring.comparison.compare import Comparison, Pair, compare
from sarlang_hf.scoring.comparison.runs import find_run, open_runs
from sarlang_hf.scoring.scorecard import SCORECARD_FILE
from sarlang_hf.scoring.uncertainty import clustered_interval, minimum_detectable_difference, paired_bootstrap
from sarlang_hf.scoring.verdicts import VERDICTS_FILE


def compared(*folders: Path | str, metric: str = "acc", cluster="image") -> Comparison:
    runs = open_runs([str(folder) for folder in folders])
    return compare(runs, metric=metric, cluster=cluster, rng=np.random.default_rng(0))


def pair_of(comparison: Comparison, first: str, second: str) -> Pair:
    return next(pair for pair in comparison.pairs if (pair.first, pair.second) == (first, second))


def answers(seed: int, share: float, n: int = 60) -> list[bool]:
    return (np.random.default_rng(seed).random(n) < share).tolist()


def test_two_runs_differ_by_the_paired_bootstrap_of_their_answers(tmp_path):
    first, second = answers(1, 0.7), answers(2, 0.5)
    found = compared(vqa_run(tmp_path / "a", questions(first)), vqa_run(tmp_path / "b", questions(second)))
    expected = paired_bootstrap(first, second, [row // 2 for row in range(60)], rng=np.random.default_rng(0))
    pair = found.pairs[0]
    assert pair.difference == pair.low == pair.high == expected.mean
    assert pair.interval == pytest.approx((expected.low, expected.high))
    assert pair.p == pair.p_holm == pytest.approx(expected.p)
    assert pair.detectable == pytest.approx(minimum_detectable_difference(expected.se, 29))
    assert (found.n, found.clusters, [run.value for run in found.runs]) == (60, 30, [np.mean(first), np.mean(second)])


def test_ranks_are_ranges_and_p_values_are_corrected_for_all_pairs(tmp_path):
    folders = [
        vqa_run(tmp_path / name, questions(answers(row, share)))
        for row, (name, share) in enumerate([("good", 0.95), ("poor", 0.3), ("poorer", 0.2)])
    ]
    found = compared(*folders)
    assert {run.name: run.rank for run in found.runs} == {"good": (1, 1), "poor": (2, 3), "poorer": (2, 3)}
    close = pair_of(found, "poor", "poorer")
    assert close.p_holm == close.p > 0.05  # the largest of three
    assert pair_of(found, "good", "poor").p_holm in [
        pytest.approx(factor * pair_of(found, "good", "poor").p) for factor in (2, 3)
    ]


def test_all_pairs_rest_on_the_same_resamples(tmp_path):
    same = questions(answers(3, 0.6))
    found = compared(
        vqa_run(tmp_path / "a", questions(answers(4, 0.8))), vqa_run(tmp_path / "b", same), vqa_run(tmp_path / "c", same)
    )
    assert pair_of(found, "a", "b").interval == pair_of(found, "a", "c").interval
    twins = pair_of(found, "b", "c")
    assert (twins.difference, twins.interval, twins.p, twins.detectable) == (0, (0, 0), 1, None)


def test_answers_that_await_a_judge_make_the_difference_a_range(tmp_path):
    first, second = [True] * 10, [True, False] * 4 + [None, None]
    found = compared(vqa_run(tmp_path / "a", questions(first)), vqa_run(tmp_path / "b", questions(second)))
    pair = found.pairs[0]
    # At least 4 of 10 questions apart, at most 6.
    assert (pair.difference, pair.low, pair.high) == (None, pytest.approx(0.4), pytest.approx(0.6))
    other = found.runs[1]
    assert (other.value, other.low, other.high, other.n_unjudged) == (None, 0.4, 0.6, 2)
    assert pair.detectable is None


def test_interval_and_p_value_of_a_range_hold_whatever_the_verdicts_will_be(tmp_path):
    first, second = [True] * 10, [True, False] * 4 + [None, None]
    found = compared(vqa_run(tmp_path / "a", questions(first)), vqa_run(tmp_path / "b", questions(second)))
    images = [row // 2 for row in range(10)]
    judged = [[*second[:8], *verdicts] for verdicts in product((True, False), repeat=2)]
    ends = [paired_bootstrap(first, values, images, rng=np.random.default_rng(0)) for values in judged]
    # Both wrong or both right: 0.003 and 0.016. One of them right: the runs differ by one question in every image, 0.5 ** 4.
    assert found.pairs[0].p == found.pairs[0].p_holm == max(end.p for end in ends) == 0.0625
    assert found.pairs[0].interval == (min(end.low for end in ends), max(end.high for end in ends))
    alone = [clustered_interval(values, images) for values in judged]
    assert found.runs[1].interval[0] <= min(score.low for score in alone)
    assert found.runs[1].interval[1] >= max(score.high for score in alone)


def test_a_run_does_not_win_on_the_two_extremes_alone(tmp_path):
    """Six images of ten questions: one right and five unjudged in each, against none; found at both extremes (p = 0.5 ** 5)."""
    for name, in_each in (("a", [True] + [None] * 5 + [False] * 4), ("b", [False] * 10)):
        rows = [verdict(row, right, image=f"sardet100k/{row // 10}") for row, right in enumerate(in_each * 6)]
        vqa_run(tmp_path / name, rows)
    found = compared(tmp_path / "a", tmp_path / "b")
    pair = found.pairs[0]
    assert (pair.low, pair.high) == pytest.approx((0.1, 0.6))
    # A judge who finds those of one image right, and all others wrong, leaves p = 0.0791.
    assert 0.0791 < pair.p_holm < 0.082
    assert [run.rank for run in found.runs] == [(1, 2), (1, 2)]
    assert found.runs[0].interval[0] == 0  # of that judge's accuracy; [0.1, 0.1] and [0.6, 0.6] at the extremes


def test_a_range_around_zero_proves_nothing(tmp_path):
    found = compared(
        vqa_run(tmp_path / "a", questions([True, None] * 10)), vqa_run(tmp_path / "b", questions([True] * 15 + [None] * 5))
    )
    pair = found.pairs[0]
    assert pair.low < 0 < pair.high
    assert (pair.p, pair.p_holm, [run.rank for run in found.runs]) == (1, 1, [(1, 2), (1, 2)])


@pytest.mark.parametrize(
    ("first", "second", "rule", "ends"),
    [
        ("Oval-shaped ", "oval-SHAPED", "open", (0, 0)),  # the judge is sent the same text
        ("oval-shaped", "roundish", "open", (-1, 1)),
        ("[LMMS_EVAL_REQUEST_FAILED_AFTER_RETRIES]", "[LMMS_EVAL_REQUEST_FAILED_AFTER_RETRIES]", "missing", (-1, 1)),
    ],
)
def test_equal_answers_get_equal_verdicts_whatever_the_judge_will_say(tmp_path, first, second, rule, ends):
    for name, prediction in (("a", first), ("b", second)):
        vqa_run(tmp_path / name, [verdict(0, None, prediction=prediction, rule=rule)])
    pair = compared(tmp_path / "a", tmp_path / "b").pairs[0]
    assert (pair.low, pair.high) == ends


def test_a_single_image_is_compared_without_an_interval(tmp_path):
    for name, right in (("a", [True, True]), ("b", [True, False])):
        vqa_run(tmp_path / name, questions(right))
    found = compared(tmp_path / "a", tmp_path / "b")
    pair = found.pairs[0]
    assert (pair.difference, pair.interval, pair.p, pair.p_holm, pair.detectable) == (0.5, None, None, None, None)
    assert [run.rank for run in found.runs] == [(1, 2), (1, 2)]
    assert found.notes[-1].startswith("only 1 cluster:")


def test_only_items_that_all_runs_have_are_compared(tmp_path):
    whole = questions(answers(5, 0.5, 40))
    found = compared(vqa_run(tmp_path / "a", whole), vqa_run(tmp_path / "b", whole[:30]), vqa_run(tmp_path / "c", whole[10:]))
    assert (found.n, [run.left_out for run in found.runs]) == (20, [20, 10, 10])
    assert found.runs[0].value == np.mean([entry.verdict for entry in whole[10:30]])


def test_questions_can_be_clustered_by_place(tmp_path):
    places = ["Oslo", "Bonn", "", "Oslo", "", "Bonn"]
    rows = [verdict(row, row % 3 == 0, place=places[row // 2]) for row in range(12)]
    for name in ("a", "b"):
        vqa_run(tmp_path / name, rows)
    found = compared(tmp_path / "a", tmp_path / "b", cluster="place")
    assert found.clusters == 4  # two cities and two images of unknown place
    assert "4 of 12 items have no place and are clustered by image" in found.notes
    assert compared(tmp_path / "a", tmp_path / "b").clusters == 6


def test_what_tells_the_signatures_apart_is_said(tmp_path):
    rows = questions(answers(6, 0.5))
    found = compared(
        vqa_run(tmp_path / "sees", rows), vqa_run(tmp_path / "blind", rows[:40], vision="none", extra={"hints": "on"})
    )
    assert found.notes == (
        "the runs differ in vision: sees not given, blind none",
        "the runs differ in hints: sees not given, blind on",
    )


CAPTIONS = ["a ship near the coast", "ships in the harbor", "a bridge", "tanks", "a car near a bridge", "an aircraft"]
OTHERS = ["a large ship", "two ships in a harbor", "a wide river", "tanks in a row", "a road", "a runway of an airport"]


@pytest.fixture
def caption_folders(tmp_path: Path) -> tuple[Path, Path]:
    return tuple(caption_run(tmp_path / name, dict(enumerate(texts))) for name, texts in (("a", CAPTIONS), ("b", OTHERS)))  # type: ignore[return-value]


@pytest.mark.parametrize("metric", ["bleu_1", "bleu_2", "rouge_l", "cider"])
def test_caption_metrics_are_those_of_the_scorer_and_their_differences_are_bootstrapped(caption_folders, metric):
    found = compared(*caption_folders, metric=f"concise_{metric}")

    @cache
    def value(rows: tuple[int, ...], run: int) -> float:
        texts = (CAPTIONS, OTHERS)[run]
        chosen = captions.score([texts[row] for row in rows], [REFERENCES[row] for row in rows])
        return float(chosen.bleu[int(metric[-1]) - 1] if metric.startswith("bleu") else getattr(chosen, metric))

    everything = tuple(range(6))
    assert [run.value for run in found.runs] == pytest.approx([value(everything, 0), value(everything, 1)])
    assert found.pairs[0].difference == pytest.approx(value(everything, 0) - value(everything, 1))
    assert (found.n, found.clusters) == (6, 3)
    if metric == "cider":
        return  # resamples of it need the frozen table; that it is a mean over rows is checked through rouge_l
    rng, drawn = np.random.default_rng(0), []
    for _ in range(2000):
        rows = tuple(row for image in rng.integers(3, size=3, dtype=np.int32).tolist() for row in (2 * image, 2 * image + 1))
        drawn.append((value(rows, 0), value(rows, 1)))
    differences = np.subtract(*np.array(drawn).T)
    assert found.pairs[0].interval == pytest.approx((differences.min(), differences.max()), rel=1e-3)


def test_the_p_value_of_bleu_is_its_difference_over_the_bootstrap_error(caption_folders):
    from scipy import stats

    pair = compared(*caption_folders, metric="concise_bleu_1").pairs[0]
    statistics = [captions.score(texts, REFERENCES).bleu_statistics for texts in (CAPTIONS, OTHERS)]
    rng = np.random.default_rng(0)
    images = [rng.integers(3, size=3, dtype=np.int32) for _ in range(2000)]
    sums = [rows.reshape(3, 2, 10)[images].sum(axis=(1, 2)) for rows in statistics]
    drawn = np.subtract(*(captions.bleu_from_statistics(summed)[:, 0] for summed in sums))
    assert pair.p == pytest.approx(2 * stats.t.sf(abs(pair.difference) / np.std(drawn, ddof=1), 2))


def test_captions_that_match_nothing_are_equally_bad_however_long(tmp_path):
    """The official script gives them BLEU-4 of 4e-16 and 1e-9, which would be a difference in every resample alike."""
    for name, text in (("short", "zzz"), ("long", "qq " * 40)):
        caption_run(tmp_path / name, dict.fromkeys(range(6), text))
    found = compared(tmp_path / "short", tmp_path / "long", metric="concise_bleu_4")
    pair = found.pairs[0]
    assert (pair.difference, pair.interval, pair.p, pair.p_holm, pair.detectable) == (0, (0, 0), 1, 1, None)
    assert [(run.value, run.rank) for run in found.runs] == [(0, (1, 2))] * 2
    assert "no n-gram of some length up to 4 matches: BLEU-4 is taken for 0 (short, long)" in found.notes
    runs = open_runs([str(tmp_path / name) for name in ("short", "long")])
    official = [run.scorecard.by_kind["concise"]["bleu_4"].value for run in runs.values()]
    assert 0 < min(official) < max(official) < 1e-8


def test_bleu_is_zero_up_to_the_length_of_n_gram_that_nothing_matches(tmp_path):
    pairs = dict.fromkeys(range(6), "a ship road")  # words of the references, but no two in a row
    for name, texts in (("pairs", pairs), ("copies", dict(enumerate(REFERENCES)))):
        caption_run(tmp_path / name, texts)
    scores = {n: compared(tmp_path / "pairs", tmp_path / "copies", metric=f"concise_bleu_{n}").runs for n in (1, 2)}
    assert scores[1][0].value > 1
    assert scores[2][0].value == 0
    assert [runs[1].value for runs in scores.values()] == pytest.approx([100, 100])


def test_an_image_without_caption_is_left_out(tmp_path, caption_folders):
    partial = caption_run(tmp_path / "c", {**dict(enumerate(CAPTIONS)), 0: None, 1: None})
    found = compared(caption_folders[1], partial, metric="complex_rouge_l")
    assert (found.n, [run.left_out for run in found.runs]) == (4, [2, 2])


def test_metrics_have_short_names(caption_folders):
    runs = open_runs([str(folder) for folder in caption_folders])
    assert choose_metrics(runs) == ["complex_cider", "concise_cider"]
    assert choose_metrics(runs, "bleu_4") == ["complex_bleu_4", "concise_bleu_4"]
    assert choose_metrics(runs, "concise_rouge_l") == ["concise_rouge_l"]
    with pytest.raises(UsageError, match="no metric 'acc'") as caught:
        choose_metrics(runs, "acc")
    assert "complex_bleu_1" in caught.value.remedy


def test_cider_with_other_document_frequencies_is_refused(tmp_path, caption_folders):
    fewer = caption_run(tmp_path / "c", dict(enumerate(OTHERS[:4])), document_frequency={})
    other = caption_run(tmp_path / "d", dict(enumerate(OTHERS)), document_frequency={})
    with pytest.raises(UsageError, match="CIDEr with different document frequencies"):
        compared(caption_folders[0], other, metric="complex_cider")
    with pytest.raises(UsageError, match=r"its own 6 references.*its own 4 references"):
        compared(other, fewer, metric="complex_cider")
    assert compared(other, fewer, metric="complex_rouge_l").n == 4


ROWS = questions([True, False, True, True])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"dataset": replace(DATASET, sha256="1a2b3c4d5e6f" + "1" * 52)}, "differs from a in dataset"),
        ({}, {"dataset": replace(DATASET, kind="rebuilt")}, "differs from a in dataset"),
        ({}, {"task_version": "2.0"}, "differs from a in task version: 2.0, not 1.0"),
        ({}, {"protocol": "released"}, "differs from a in protocol: released, not strict"),
        ({}, {"task": "sarlang_vqa_lite"}, "no task in common"),
        ({"question": "What shape is the lake?"}, {}, "What shape is the lake"),
        ({"gold": "round"}, {}, "'round'"),
        ({"image_id": "sardet100k/other"}, {}, "sardet100k/other"),
        ({"question_id": "f" * 16}, {}, "no item in common"),
    ],
)
def test_runs_that_do_not_measure_the_same_are_refused(tmp_path, change, options, message):
    vqa_run(tmp_path / "a", ROWS[:1])
    vqa_run(tmp_path / "b", [replace(ROWS[0], answer=replace(ROWS[0].answer, **change))], **options)
    with pytest.raises(UsageError, match=message):
        compared(tmp_path / "a", tmp_path / "b")


def test_long_texts_that_disagree_are_shown_where_they_part(tmp_path):
    shared = "a ship " * 2000
    for name, end in (("a", "in port"), ("b", "at sea" + " and more" * 2000)):
        vqa_run(tmp_path / name, [replace(ROWS[0], answer=replace(ROWS[0].answer, gold=shared + end))])
    with pytest.raises(UsageError) as caught:
        compared(tmp_path / "a", tmp_path / "b")
    assert "has answer ...' ship a ship a ship at sea and more" in caught.value.problem
    assert caught.value.problem.endswith("in a ...' ship a ship a ship in port'")
    assert len(caught.value.problem) < 200


def test_runs_judged_by_two_models_are_refused_but_one_may_await_its_judge(tmp_path):
    off = vqa_run(tmp_path / "off", ROWS)
    one, two = (vqa_run(tmp_path / name, ROWS, judge=name, prompt="00ff") for name in ("gpt-one", "gpt-two"))
    with pytest.raises(UsageError, match=r"gpt-one by gpt-one \(prompt 00ff\), gpt-two by gpt-two"):
        compared(one, two)
    assert compared(off, one).notes[:1] == ("the runs differ in judge: off off, gpt-one gpt-one",)


def test_a_file_that_names_a_question_twice_is_refused(tmp_path):
    vqa_run(tmp_path / "a", ROWS)
    vqa_run(tmp_path / "b", [*ROWS, ROWS[0]])
    with pytest.raises(UsageError, match="twice"):
        compared(tmp_path / "a", tmp_path / "b")


def test_a_run_is_found_below_any_folder_that_holds_no_other(tmp_path):
    deep = vqa_run(tmp_path / "out" / "qwen" / "20261101_120000_sarlang", ROWS)
    assert find_run(tmp_path / "out") == find_run(deep) == deep
    vqa_run(tmp_path / "out" / "qwen" / "20261102_120000_sarlang", ROWS)
    with pytest.raises(UsageError, match="holds 2 runs") as caught:
        find_run(tmp_path / "out")
    assert "20261101_120000_sarlang" in caught.value.remedy
    with pytest.raises(UsageError, match="is no folder"):
        find_run(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no run"):
        find_run(tmp_path / "empty")


def test_runs_take_the_names_they_are_given_or_those_of_their_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = vqa_run(tmp_path / "out" / "qwen" / "20261101_120000_sarlang", ROWS)
    vqa_run(tmp_path / "x" / "run", ROWS)
    vqa_run(tmp_path / "y" / "run", ROWS)
    vqa_run(tmp_path / "lr=1e-4", ROWS)
    names = open_runs([str(one), "x/run", "y/run", "lr=1e-4", "base=out"][:4])
    assert list(names) == ["qwen/20261101_120000", "x/run", "y/run", "lr=1e-4"]
    assert list(open_runs(["base=out", "x/run"])) == ["base", "run"]
    for arguments, message in [
        (["out", str(one)], "named twice"),
        (["a=out", "a=x"], "called 'a'"),
        (["out"], "1 run"),
    ]:
        with pytest.raises(UsageError, match=message):
            open_runs(arguments)


def test_runs_that_share_several_tasks_need_one_chosen(tmp_path):
    for name in ("a", "b"):
        for task in ("sarlang_vqa", "sarlang_vqa_lite"):
            vqa_run(tmp_path / name, ROWS, task=task)
    folders = [str(tmp_path / name) for name in ("a", "b")]
    with pytest.raises(UsageError, match="share 2 tasks") as caught:
        open_runs(folders)
    assert "sarlang_vqa, sarlang_vqa_lite" in caught.value.remedy
    assert open_runs(folders, "sarlang_vqa_lite")["b"].scorecard.task == "sarlang_vqa_lite"
    with pytest.raises(UsageError, match="no scorecard of 'sarlang_cap'"):
        open_runs(folders, "sarlang_cap")


def test_scorecards_without_their_verdicts_are_refused(tmp_path):
    vqa_run(tmp_path / "a", ROWS)
    vqa_run(tmp_path / "b", ROWS)
    vqa_run(tmp_path / "other", ROWS, task="sarlang_vqa_lite")
    (tmp_path / "b" / VERDICTS_FILE).write_bytes((tmp_path / "other" / VERDICTS_FILE).read_bytes())
    with pytest.raises(UsageError, match="holds no rows of sarlang_vqa"):
        compared(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b" / SCORECARD_FILE).unlink()
    with pytest.raises(UsageError, match="not a scorecard file"):
        compared(tmp_path / "a", tmp_path / "b")


def test_signatures_fall_into_their_parts():
    parts = signature_parts("sarlang_cap@1.0|cap:tok=none|df=complex:09af,concise:77c1|v1|n=4/4")
    assert parts == {"task": "sarlang_cap@1.0", "cap:tok": "none", "df": "complex:09af,concise:77c1", "v1": "", "n": "4/4"}


def test_the_command_prints_scores_differences_and_signatures(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    for seed, (name, share) in enumerate([("good", 0.95), ("poor", 0.3)]):
        vqa_run(tmp_path / name, questions(answers(seed, share)))
    done = CliRunner().invoke(command, [str(tmp_path / "good"), f"[b]={tmp_path / 'poor'}"])
    assert done.exit_code == 0, done.output
    for text in ("60 questions that all runs have, 30 clusters (by image)", "[b]: sarlang_vqa@1.0|", "good - [b]", "< 0.0001"):
        assert text in done.output


def test_the_command_prints_json_that_says_the_same(tmp_path):
    for seed, name in enumerate("ab"):
        vqa_run(tmp_path / name, questions(answers(seed, 0.5)))
    done = CliRunner().invoke(command, [str(tmp_path / "a"), str(tmp_path / "b"), "--json"])
    (found,) = json.loads(done.output)
    expected = compared(tmp_path / "a", tmp_path / "b")
    assert found == json.loads(json.dumps(expected.to_json()))
    assert (found["pairs"][0]["first"], found["pairs"][0]["p"]) == ("a", expected.pairs[0].p)


def test_the_interval_of_a_metric_does_not_depend_on_what_else_is_printed(tmp_path):
    """Six images: of three, every 2,000 draws hold the two extremes, which are the interval."""
    runs = [
        str(caption_run(tmp_path / name, dict(enumerate(texts)), per_image=1)) for name, texts in (("a", CAPTIONS), ("b", OTHERS))
    ]
    done = [CliRunner().invoke(command, [*runs, "--json", *more]) for more in ([], ["--metric", "concise_cider"])]
    both, alone = (json.loads(result.output) for result in done)
    assert [found["metric"] for found in both] == ["complex_cider", "concise_cider"]
    assert both[1:] == alone


def test_captions_stand_beside_their_length(caption_folders, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    words = [sum(len(text.split()) for text in texts) for texts in (CAPTIONS, OTHERS, REFERENCES)]
    found = compared(*caption_folders, metric="concise_cider")
    assert [run.length_ratio for run in found.runs] == [words[0] / words[2], words[1] / words[2]]
    done = CliRunner().invoke(command, [*map(str, caption_folders), "--metric", "concise_cider"])
    assert done.output.splitlines()[2].split()[-4:] == ["length", "left", "out", "rank"]
    for line, own in zip(done.output.splitlines()[4:6], words[:2], strict=True):
        assert line.split()[-3:] == [f"{own / words[2]:.2f}", "0", "1-2"]


def test_questions_have_no_length_ratio(tmp_path):
    found = compared(vqa_run(tmp_path / "a", ROWS), vqa_run(tmp_path / "b", ROWS))
    assert [run.length_ratio for run in found.runs] == [None, None]


def test_signatures_are_said_to_be_those_of_the_scorecards(tmp_path):
    """They say cluster=image, whatever this comparison is clustered by."""
    rows = [replace(row, answer=replace(row.answer, place="Oslo")) for row in ROWS]
    folders = [str(vqa_run(tmp_path / name, rows)) for name in ("a", "b")]
    lines = CliRunner().invoke(command, [*folders, "--cluster", "place"]).output.splitlines()
    assert "1 clusters (by place)" in lines[0]
    signatures = next(row for row, line in enumerate(lines) if "|cluster=image|" in line)
    assert lines[signatures - 1].startswith("Signatures of the runs' scorecards, which stand for all their own items")


def test_what_could_be_detected_is_told_once_answers_are_judged(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    for name, right in (("a", True), ("b", False)):
        vqa_run(tmp_path / name, [*questions([right, True]), verdict(2, None, prediction=f"roundish, says {name}")])
    done = CliRunner().invoke(command, [str(tmp_path / name) for name in "ab"])
    pair = next(line for line in done.output.splitlines() if line.startswith(" a - b"))
    assert pair.split()[-1] == "unjudged"


def test_captions_are_compared_for_each_kind(caption_folders):
    done = CliRunner().invoke(command, [*map(str, caption_folders), "--metric", "bleu_4"])
    assert done.exit_code == 0, done.output
    assert "complex_bleu_4" in done.output
    assert "concise_bleu_4" in done.output
    assert "only 3 clusters" in done.output
