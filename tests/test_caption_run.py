"""Captions of a task: per-row file, scorecard, intervals, breakdowns, missing ones."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring import captions
from sarlang_hf.scoring.answers import FAILED_REQUEST
from sarlang_hf.scoring.caption_rows import CaptionAnswer, read_captions, write_captions
from sarlang_hf.scoring.caption_run import CaptionRun, score_captions
from sarlang_hf.scoring.captions import bleu_from_statistics
from sarlang_hf.scoring.scorecard import DatasetRef, read_scorecards, write_scorecards
from sarlang_hf.scoring.tables import caption_table
from sarlang_hf.scoring.uncertainty import clustered_interval
from sarlang_hf.texts.document_frequency import count_document_frequency

DATASET = DatasetRef(kind="simulated", sha256="1a2b3c4d5e6f" + "0" * 52)
WORDS = ["two", "ships", "near", "a", "harbor", "with", "bridges", "and", "water", "in", "the", "north", "of", "city", "."]


def sentence(rng: np.random.Generator, words: int) -> str:
    return " ".join(rng.choice(WORDS, size=words))


def made(seed: int = 0, images: int = 30) -> list[CaptionAnswer]:
    """One caption an image; one complex and two concise references, on two sources and three places."""
    rng = np.random.default_rng(seed)
    answers = []
    for image in range(images):
        prediction = sentence(rng, int(rng.integers(4, 14)))
        for number, (kind, words) in enumerate([("complex", 25), ("concise", 9), ("concise", 8)]):
            reference = " ".join([*prediction.split()[: int(rng.integers(8))], sentence(rng, words)])
            answers.append(
                CaptionAnswer(
                    caption_id=f"{image:08x}{number:08x}",
                    image_id=f"sardet100k/{image}" if image % 3 else f"spacenet6/{image}",
                    source="sardet100k" if image % 3 else "spacenet6",
                    scene="",
                    place="" if image % 3 else f"Rotterdam {image % 2}",
                    kind=kind,  # type: ignore[arg-type]
                    origin="template" if number else "gpt-4o",
                    reference=reference,
                    prediction=prediction,
                )
            )
    return answers


ANSWERS = made()
TABLES = {
    kind: count_document_frequency([answer.reference for answer in ANSWERS if answer.kind == kind])
    for kind in ("complex", "concise")
}


def scored(answers: list[CaptionAnswer], **options) -> CaptionRun:
    settings = {"task": "sarlang_cap", "task_version": "1.0", "dataset": DATASET, "document_frequency": TABLES}
    return score_captions(answers, **{**settings, "rng": np.random.default_rng(0), **options})


@pytest.mark.parametrize("kind", ["complex", "concise"])
def test_each_kind_has_the_scores_of_its_own_rows(kind):
    run = scored(ANSWERS)
    own = [answer for answer in ANSWERS if answer.kind == kind]
    whole = captions.score([answer.prediction for answer in own], [answer.reference for answer in own])
    found = run.scorecard.by_kind[kind]
    assert [found[f"bleu_{n}"].value for n in (1, 2, 3, 4)] == pytest.approx(whole.bleu.tolist(), abs=1e-9)
    assert (found["rouge_l"].value, found["cider"].value) == pytest.approx((whole.rouge_l, whole.cider), abs=1e-9)
    assert found["length_ratio"].value == pytest.approx(whole.length_ratio)
    assert {(score.n, score.clusters, score.n_missing) for score in found.values()} == {(len(own), 30, 0)}


def test_intervals_know_that_references_of_one_image_go_together():
    found = scored(ANSWERS).scorecard.by_kind["concise"]
    own = [answer for answer in ANSWERS if answer.kind == "concise"]
    whole = captions.score([answer.prediction for answer in own], [answer.reference for answer in own])
    images = [answer.image_id for answer in own]
    for metric, values in (("rouge_l", whole.item_rouge_l), ("cider", whole.item_cider)):
        clustered = clustered_interval(values, images)
        assert found[metric].interval == pytest.approx((max(0, clustered.low), clustered.high))
        assert found[metric].interval != pytest.approx(clustered_interval(values, range(len(own))).low)
    for order in range(4):
        low, high = found[f"bleu_{order + 1}"].interval
        assert low < whole.bleu[order] < high


def test_the_interval_of_the_length_ratio_is_the_delta_method_s():
    """Against leaving out one image after the other: the jackknife agrees to first order."""
    own = [answer for answer in made(images=200) if answer.kind == "complex"]
    lengths = np.array([[len(answer.prediction.split()), len(answer.reference.split())] for answer in own])
    total = lengths.sum(axis=0)
    without = (total[0] - lengths[:, 0]) / (total[1] - lengths[:, 1])
    se = math.sqrt((len(own) - 1) / len(own) * ((without - without.mean()) ** 2).sum())
    low, high = scored(own).scorecard.by_kind["complex"]["length_ratio"].interval
    assert (high - low) / 2 == pytest.approx(1.972 * se, rel=0.02)  # t(0.975, 199)
    assert (high + low) / 2 == pytest.approx(total[0] / total[1])


def test_sources_and_parts_are_means_and_sums_over_their_rows_of_the_whole():
    run = scored(ANSWERS)
    for source in ("sardet100k", "spacenet6"):
        for kind in ("complex", "concise"):
            rows = [row for row in run.rows if (row.answer.source, row.answer.kind) == (source, kind)]
            found = run.scorecard.by["source"][source][kind]
            assert found["cider"].value == pytest.approx(np.mean([row.cider for row in rows]))
            sums = np.sum(
                [[*row.bleu_matches, *row.bleu_candidates, row.prediction_length, row.reference_length] for row in rows], axis=0
            )
            assert found["bleu_4"].value == pytest.approx(bleu_from_statistics(sums)[3])
            assert found["rouge_l"].n == len(rows)
    alone = scored([answer for answer in ANSWERS if answer.source == "spacenet6"]).scorecard
    together = run.scorecard.by["source"]["spacenet6"]
    assert alone.by_kind["concise"]["cider"].value == pytest.approx(together["concise"]["cider"].value)
    assert set(run.scorecard.by["origin"]) == {"gpt-4o", "template"}


def test_without_frozen_frequencies_a_part_scores_otherwise_and_the_signature_says_so():
    part = [answer for answer in ANSWERS if answer.source == "spacenet6"]
    frozen, counted = (scored(part, document_frequency=tables).scorecard for tables in (TABLES, {}))
    assert frozen.by_kind["complex"]["cider"].value != pytest.approx(counted.by_kind["complex"]["cider"].value, rel=0.01)
    digests = ",".join(f"{kind}:{TABLES[kind].digest}" for kind in ("complex", "concise"))
    assert f"|df={digests}|v1|" in frozen.signature
    assert "|df=complex:items,concise:items|v1|" in counted.signature


def test_signature_names_metric_frequencies_cluster_data_and_counts():
    answers = [replace(ANSWERS[0], prediction=None), *ANSWERS[1:]]
    card = scored(answers, extra={"part": "x"}, vision="grey", cluster="place", expected={"complex": 99, "concise": 60}).scorecard
    digests = ",".join(f"{kind}:{TABLES[kind].digest}" for kind in ("complex", "concise"))
    assert card.signature == (
        f"sarlang_cap@1.0|cap:tok=none|case=mixed|refs=1|unit=row|cider=D,n4,s6,x100|df={digests}|v1|cluster=place"
        "|data=simulated:1a2b3c4d5e6f|vision=grey|part=x|n=complex:29/99,concise:60/60"
    )
    assert (card.vision, card.cluster, card.extra) == ("grey", "place", {"part": "x"})


def test_places_are_clusters_where_known_and_images_elsewhere():
    card = scored(ANSWERS, cluster="place").scorecard
    assert card.by_kind["complex"]["cider"].clusters == 2 + 20  # Rotterdam 0 and 1, and 20 images without a place


BLEU = ("bleu_1", "bleu_2", "bleu_3", "bleu_4")


@pytest.mark.parametrize("missing", [None, f"{FAILED_REQUEST}: 429]", f"  {FAILED_REQUEST}"])
def test_a_missing_caption_leaves_no_value_and_means_count_it_as_an_empty_one(missing):
    answers = [replace(answer, prediction=missing) if answer.image_id == "sardet100k/1" else answer for answer in ANSWERS]
    run = scored(answers)
    empty = scored([replace(answer, prediction="") if answer.prediction == missing else answer for answer in answers])
    for kind, n_missing in (("complex", 1), ("concise", 2)):
        for metric, score in run.scorecard.by_kind[kind].items():
            assert (score.value, score.n_missing) == (None, n_missing)
            if metric in BLEU:
                assert (score.low, score.interval) == (0, None)
            else:
                assert score.low == pytest.approx(empty.scorecard.by_kind[kind][metric].low)
                assert score.interval is not None
        assert run.scorecard.by["source"]["spacenet6"][kind]["cider"].value is not None
    lost = [row for row in run.rows if row.answer.prediction is None]
    assert [(row.rouge_l, row.cider, row.prediction_length, sum(row.bleu_matches)) for row in lost] == [(0, 0, 0, 0)] * 3
    assert run.scorecard.n_missing == 3


@pytest.mark.parametrize("late", ["", "harbor", "xyz " * 400, "the the a a", "two ships near a harbor"])
@pytest.mark.parametrize("reference", [None, " ", ""])
def test_no_late_caption_brings_a_score_below_its_low(late, reference):
    texts = {} if reference is None else {"reference": reference}
    answers = [replace(answer, **texts) if answer.image_id == "sardet100k/1" else answer for answer in ANSWERS]

    def told(prediction: str | None) -> CaptionRun:
        return scored([replace(one, prediction=prediction) if one.image_id == "sardet100k/1" else one for one in answers])

    missing, after = told(None).scorecard.by_kind, told(late).scorecard.by_kind
    for kind, scores in after.items():
        for metric, score in scores.items():
            assert score.value >= missing[kind][metric].low - 1e-9


def test_a_bad_caption_that_comes_late_lowers_bleu_below_that_with_an_empty_one():
    empty, bad = (
        scored([replace(one, prediction=text) if one.image_id == "sardet100k/1" else one for one in ANSWERS]).scorecard.by_kind
        for text in ("", "xyz " * 400)
    )
    assert all(bad["concise"][metric].value < empty["concise"][metric].value - 1 for metric in BLEU)


def test_one_image_has_scores_without_intervals():
    card = scored([answer for answer in ANSWERS if answer.image_id == "sardet100k/1"]).scorecard
    assert {score.interval for scores in card.by_kind.values() for score in scores.values()} == {None}


def test_references_without_a_word_have_no_length_ratio():
    scores = scored([replace(ANSWERS[0], reference=" ")]).scorecard.by_kind["complex"]
    assert "length_ratio" not in scores
    assert scores["cider"].value == 0


def test_nothing_to_score_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        scored([])


def test_the_same_seed_gives_the_same_scorecard():
    assert scored(ANSWERS).scorecard == scored(ANSWERS).scorecard
    other = scored(ANSWERS, rng=np.random.default_rng(1)).scorecard
    assert other != scored(ANSWERS).scorecard
    assert other.by_kind["complex"]["cider"] == scored(ANSWERS).scorecard.by_kind["complex"]["cider"]


def test_scored_captions_survive_the_file_and_keep_other_tasks(tmp_path: Path):
    path = tmp_path / "sarlang_captions.parquet"
    odd = [replace(ANSWERS[0], prediction=None), replace(ANSWERS[3], prediction="a\x00b\r\n \ud83d")]
    first, second = scored(ANSWERS).rows, scored(odd, task="sarlang_cap_complex").rows
    for rows in (scored(ANSWERS[:3]).rows, second, first):
        write_captions(path, rows)
    kept = [replace(row, answer=replace(row.answer, prediction="a\x00b\r\n \N{REPLACEMENT CHARACTER}")) for row in second[1:]]
    assert read_captions(path) == [second[0], *kept, *first]
    table = pq.read_table(path)
    assert table.schema.field("bleu_matches").type == pa.list_(pa.int64())
    assert set(table["profile"].to_pylist()) == {"official"}


def altered(name: str, values: pa.Array):
    def alter(table: pa.Table) -> pa.Table:
        return table.set_column(table.schema.get_field_index(name), name, values)

    return alter


ROW = scored(ANSWERS[:1]).rows[:1]
DAMAGED = {
    "a column is gone": lambda table: table.drop_columns(["cider"]),
    "three counts": altered("bleu_matches", pa.array([[1, 2, 3]])),
    "a count is null": altered("bleu_candidates", pa.array([[1, 2, 3, None]])),
    "a score is null": altered("cider", pa.array([None], pa.float64())),
    "a score is not finite": altered("rouge_l", pa.array([math.nan])),
    "a score is text": altered("rouge_l", pa.array(["much"])),
    "a count is a fraction": altered("prediction_length", pa.array([1.5])),
    "no reference": altered("reference", pa.array([None], pa.string())),
    "another profile": altered("profile", pa.array(["mine"])),
    "another kind": altered("kind", pa.array(["long"])),
}


@pytest.mark.parametrize("damage", sorted(DAMAGED))
def test_a_captions_file_that_was_tampered_with_is_named(tmp_path: Path, damage: str):
    path = tmp_path / "sarlang_captions.parquet"
    write_captions(path, ROW)
    pq.write_table(DAMAGED[damage](pq.read_table(path)), path)
    with pytest.raises(UsageError, match="not a captions file") as caught:
        read_captions(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_parquet_is_named_and_left_alone(tmp_path: Path):
    path = tmp_path / "sarlang_captions.parquet"
    path.write_bytes(b"PAR1 cut short")
    with pytest.raises(UsageError, match="not a captions file"):
        write_captions(path, ROW)
    assert path.read_bytes() == b"PAR1 cut short"


def test_a_caption_scorecard_survives_the_file(tmp_path: Path):
    path = tmp_path / "sarlang_scorecard.json"
    card = scored([replace(ANSWERS[0], prediction=None), *ANSWERS[1:]], model="tiny", extra={"part": "x"}).scorecard
    write_scorecards(path, {"sarlang_cap": card})
    assert read_scorecards(path) == {"sarlang_cap": card}
    record = json.loads(path.read_text())["sarlang_cap"]
    assert (record["unit"], record["by_kind"]["complex"]["cider"]["value"]) == ("reference", None)


@pytest.mark.skipif(shutil.which("java") is None, reason="profile coco tokenizes with a Java program")
def test_profile_coco_scores_images_with_all_their_references():
    pytest.importorskip("pycocoevalcap", reason="its wheel holds the tokenizer")
    run = scored([answer for answer in ANSWERS if answer.kind == "concise"], profile="coco", meteor=True)
    found = run.scorecard.by_kind
    assert (found["concise"]["cider"].n, found["concise"]["cider"].clusters) == (30, 30)
    images = {}
    for answer in ANSWERS:
        if answer.kind == "concise":
            images.setdefault(answer.image_id, (answer.prediction, []))[1].append(answer.reference)
    whole = captions.score([text for text, _ in images.values()], [texts for _, texts in images.values()], profile="coco")
    assert found["concise"]["cider"].value == pytest.approx(whole.cider)
    meteor = found["concise"]["meteor"]
    assert 0 <= meteor.interval[0] < meteor.value < meteor.interval[1] <= 100
    assert (run.rows, run.scorecard.by) == ([], {})
    assert "tok=ptb|case=lower|refs=all|unit=image|" in run.scorecard.signature


@pytest.mark.skipif(shutil.which("java") is None, reason="profile coco tokenizes with a Java program")
def test_profile_coco_bounds_means_alone_while_captions_are_missing():
    """A longer caption may take another of its references for the closest in length, and lower the ratio."""
    pytest.importorskip("pycocoevalcap", reason="its wheel holds the tokenizer")
    first = [
        replace(ANSWERS[0], image_id=image, caption_id=f"{number}{image}", reference=reference, prediction=prediction)
        for image, prediction in (("a", "ship " * 100), ("b", None))
        for number, reference in enumerate(["ship", "ship " * 100])
    ]
    missing = scored(first, profile="coco").scorecard.by_kind["complex"]
    late = [replace(answer, prediction=answer.prediction or "ship " * 60) for answer in first]
    assert {metric for metric, score in missing.items() if score.interval is None} == {*BLEU, "length_ratio"}
    assert missing["length_ratio"].low == 0
    empty = [replace(answer, prediction=answer.prediction or "") for answer in first]
    ratios = [scored(answers, profile="coco").scorecard.by_kind["complex"]["length_ratio"].value for answers in (late, empty)]
    assert ratios == pytest.approx([160 / 200, 100 / 101])


def test_the_table_shows_the_length_ratio_wherever_it_shows_cider():
    table = caption_table(scored(ANSWERS).scorecard)
    cells = list(zip(*(column.cells for column in table.columns), strict=True))
    rows = [(str(name), str(metric), str(score)) for name, metric, _, _, _, score, _ in cells]
    by = scored(ANSWERS).scorecard.by["source"]
    shown = [row for row in rows if row[0].strip() in by]
    assert shown == [
        (f"  {source}", metric, text)
        for kind in ("complex", "concise")
        for source in ("sardet100k", "spacenet6")
        for metric, text in (
            ("CIDEr", f"{by[source][kind]['cider'].value:.2f}"),
            ("length", f"{by[source][kind]['length_ratio'].value:.3f}"),
        )
    ]


def test_meteor_belongs_to_profile_coco():
    with pytest.raises(ValueError, match="profile 'coco'"):
        scored(ANSWERS, meteor=True)
