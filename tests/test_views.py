"""What the tasks ask about and show: views of the test part, hidden and swapped images, captions scored from one generation."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from all_sources import build_all_sources
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_tasks import _run
from trees import Picture, sardet_tree

import sarlang_hf
import sarlang_hf.tasks.cap as cap
import sarlang_hf.tasks.vqa as vqa
from sarlang_hf.data import open_dataset
from sarlang_hf.errors import DatasetNotFoundError
from sarlang_hf.scoring import captions
from sarlang_hf.scoring.caption_rows import read_captions
from sarlang_hf.scoring.scorecard import TASK_VERSION, read_scorecards
from sarlang_hf.sources import SARDet100K
from sarlang_hf.tasks import prompts, templates
from sarlang_hf.tasks.caption_results import METRICS
from sarlang_hf.tasks.dataset import _chosen as chosen_of
from sarlang_hf.tasks.vision import derangement

GOLDEN = Path(__file__).with_name("golden") / "prompts.json"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build_all_sources(tmp_path_factory.mktemp("all"))


@pytest.fixture(scope="module")
def one_image(tmp_path_factory):
    """One test image, with a concise caption and no complex one."""
    folder = tmp_path_factory.mktemp("one")
    tree = sardet_tree(folder / "tree", [Picture("1.png")], [Picture("2.png")])
    sarlang_hf.build(folder / "sarlang-1m", [SARDet100K(tree)], captions="template")
    return folder / "sarlang-1m"


@pytest.fixture
def dataset(built, tmp_path, monkeypatch):
    return _chosen(built, tmp_path, monkeypatch)


def _chosen(folder, tmp_path, monkeypatch):
    for variable in ("SARLANG_PROTOCOL", "SARLANG_JUDGE", "SARLANG_HINTS", "SARLANG_VISION", "RANK"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SARLANG_DATASET", str(folder))
    monkeypatch.setenv("SARLANG_CACHE", str(tmp_path / "cache"))
    return open_dataset(folder)


def _loaded(folder, task):
    """What lmms-eval loads for a task."""
    table = folder.captions("test") if "cap" in task else folder.questions("test")
    return datasets.Dataset(table.replace_schema_metadata(None))


def _documents(folder, task):
    module, view = (cap, task.removeprefix("sarlang_cap")) if "cap" in task else (vqa, task.removeprefix("sarlang_vqa"))
    return getattr(module, f"docs{view}")(_loaded(folder, task)).to_list()


def _stored(folder, config):
    paths = sorted(folder.path.glob(f"data/{config}-test-*.parquet"))
    return {row["image_id"]: row["image"]["bytes"] for path in paths for row in pq.read_table(path).to_pylist()}


def _pixels(data):
    return np.asarray(Image.open(pa.BufferReader(data)).convert("RGB"))


def _without(folder, copy, **lost):
    """A copy of a dataset that lacks the shards of some config or split."""
    shutil.copytree(folder, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["shards"] = [shard for shard in manifest["shards"] if not any(shard[key] in lost[key] for key in lost)]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


# --- views -----------------------------------------------------------------------------------------------------------------


def test_raw_and_pre_ask_the_same_about_openearthmap_sar_with_and_without_preprocessing(dataset):
    asked = [row for row in dataset.questions("test").to_pylist() if row["source"] == "openearthmap_sar"]
    images = {"sarlang_vqa_raw": _stored(dataset, "raw"), "sarlang_vqa_pre": _stored(dataset, "vqa")}
    for task, stored in images.items():
        docs = _documents(dataset, task)
        assert [doc["question_id"] for doc in docs] == [row["question_id"] for row in asked]
        for doc in docs:
            np.testing.assert_array_equal(np.asarray(vqa.doc_to_visual(doc)[0]), _pixels(stored[doc["image_id"]]))
    some = asked[0]["image_id"]
    assert (_pixels(images["sarlang_vqa_raw"][some]) != _pixels(images["sarlang_vqa_pre"][some])).any()


def test_rgb_asks_about_images_with_a_twin_and_says_how_much_it_leaves_out(dataset, capsys):
    twins = _stored(dataset, "rgb")
    docs = _documents(dataset, "sarlang_vqa_rgb")
    everything = dataset.questions("test").to_pylist()
    assert [doc["question_id"] for doc in docs] == [row["question_id"] for row in everything if row["image_id"] in twins]
    assert 0 < len(docs) < len(everything)
    left = len(everything) - len(docs)
    assert f"sarlang_vqa_rgb leaves out {left} of {len(everything)} documents" in capsys.readouterr().err
    (image,) = vqa.doc_to_visual(docs[0])
    np.testing.assert_array_equal(np.asarray(image), _pixels(twins[docs[0]["image_id"]]))


def test_caption_tasks_ask_once_about_each_image_that_has_such_a_caption(dataset):
    held = {row["image_id"]: {caption["kind"] for caption in row["captions"]} for row in dataset.captions("test").to_pylist()}
    expected = {
        "sarlang_cap": list(held),
        "sarlang_cap_complex": [image for image, kinds in held.items() if "complex" in kinds],
        "sarlang_cap_concise": [image for image, kinds in held.items() if "concise" in kinds],
        "sarlang_cap_raw": [image for image in held if image.startswith("openearthmap_sar/")],
    }
    expected["sarlang_cap_pre"] = expected["sarlang_cap_raw"]
    assert {task: [doc["image_id"] for doc in _documents(dataset, task)] for task in expected} == expected


@pytest.mark.parametrize(
    ("task", "lost", "named"),
    [
        ("sarlang_vqa_pre", {"config": ["vqa_questions"]}, "--released"),
        ("sarlang_cap", {"config": ["cap"]}, "--captions template"),
        ("sarlang_cap_concise", {"config": ["cap"]}, "--captions template"),
        ("sarlang_vqa_raw", {"config": ["raw"]}, "--with-raw"),
        ("sarlang_cap_rgb", {"config": ["rgb"]}, "--with-rgb"),
        ("sarlang_vqa", {"config": ["vqa_questions"]}, "boxes or questions"),
        ("sarlang", {"config": ["cap", "vqa_questions"]}, "neither questions nor captions"),
    ],
)
def test_what_a_dataset_cannot_be_asked_is_refused_by_name_with_the_option_that_mends_it(
    built, tmp_path, monkeypatch, task, lost, named
):
    _chosen(_without(built, tmp_path / "copy", **lost), tmp_path, monkeypatch)
    with pytest.raises(DatasetNotFoundError) as refused:
        templates.write_tasks(task)
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("lost", "members"), [("cap", ["sarlang_vqa"]), ("vqa_questions", ["sarlang_cap"]), ("raw", ["sarlang_vqa", "sarlang_cap"])]
)
def test_the_group_goes_without_what_a_dataset_lacks_and_says_so(built, tmp_path, monkeypatch, capsys, lost, members):
    _chosen(_without(built, tmp_path / "copy", config=[lost]), tmp_path, monkeypatch)
    folder = templates.write_tasks("sarlang")
    group = (folder / "sarlang.yaml").read_text().splitlines()
    assert [line.removeprefix("  - ") for line in group if line.startswith("  - ")] == members
    said = capsys.readouterr().err
    missing = {"sarlang_vqa", "sarlang_cap"} - set(members)
    assert all(f"leaves out {task}" in said for task in missing) == bool(missing) or not said
    assert {path.stem for path in folder.glob("*.yaml")} >= set(members)


def test_a_test_part_without_openearthmap_sar_is_refused_when_its_tasks_are_built(demo_dataset, tmp_path, monkeypatch, capsys):
    folder = _chosen(demo_dataset, tmp_path, monkeypatch)
    with pytest.raises(SystemExit) as ended:
        vqa.docs_pre(_loaded(folder, "sarlang_vqa_pre"))
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "no question on openearthmap_sar" in said
    assert "--released" in said
    assert "--openearthmap-sar" not in said  # such a build would have captions and no question


def test_pre_asks_about_the_images_that_raw_has_where_it_has_any(built, tmp_path, monkeypatch, capsys):
    shutil.copytree(built, tmp_path / "copy")
    folder = _chosen(tmp_path / "copy", tmp_path, monkeypatch)
    whole = {task: _documents(folder, task) for task in ("sarlang_vqa_pre", "sarlang_cap_pre")}
    own = [image for image in _stored(folder, "raw") if image.startswith("openearthmap_sar/")]
    lost = {doc["image_id"] for doc in whole["sarlang_vqa_pre"][:1]}
    assert lost < set(own)
    _drop_rows(folder, "raw", lost)
    chosen_of.cache_clear()
    for texts in ("vqa", "cap"):
        raw, pre = (_documents(folder, f"sarlang_{texts}_{view}") for view in ("raw", "pre"))
        assert [{**doc, "task": ""} for doc in raw] == [{**doc, "task": ""} for doc in pre]
        assert pre == [doc for doc in whole[f"sarlang_{texts}_pre"] if doc["image_id"] not in lost]
    assert "sarlang_cap_pre leaves out" in capsys.readouterr().err
    _drop_rows(folder, "raw", set(own))
    chosen_of.cache_clear()
    assert _documents(folder, "sarlang_cap_pre") == whole["sarlang_cap_pre"]


def _drop_rows(folder, config, image_ids):
    for path in folder.files(config, "test"):
        table = pq.read_table(path)
        kept = [image_id not in image_ids for image_id in table["image_id"].to_pylist()]
        pq.write_table(table.filter(pa.array(kept)), path)


def test_captions_without_document_frequencies_are_refused_before_a_model_captions_anything(built, tmp_path, monkeypatch, capsys):
    shutil.copytree(built, tmp_path / "copy")
    (tmp_path / "copy" / "cider-df-concise.parquet").unlink()
    folder = _chosen(tmp_path / "copy", tmp_path, monkeypatch)
    with pytest.raises(SystemExit) as ended:
        cap.docs(_loaded(folder, "sarlang_cap"))
    assert ended.value.code == 2
    assert "cider-df-concise.parquet" in capsys.readouterr().err


# --- vision ----------------------------------------------------------------------------------------------------------------


def _shown(dataset, monkeypatch, vision, task="sarlang_vqa"):
    monkeypatch.setenv("SARLANG_VISION", vision)
    docs = {doc["image_id"]: doc for doc in _documents(dataset, task)}
    return {image_id: (cap if "cap" in task else vqa).doc_to_visual(doc) for image_id, doc in docs.items()}


@pytest.mark.parametrize("task", ["sarlang_vqa", "sarlang_cap", "sarlang_vqa_rgb"])
def test_blind_models_get_no_image_and_grey_ones_one_of_the_same_size(dataset, monkeypatch, task):
    assert set(map(len, _shown(dataset, monkeypatch, "none", task).values())) == {0}
    seen = _shown(dataset, monkeypatch, "image", task)
    for image_id, (grey,) in _shown(dataset, monkeypatch, "grey", task).items():
        assert (grey.mode, grey.size) == ("RGB", seen[image_id][0].size)
        assert grey.getextrema() == ((128, 128),) * 3


def test_shuffled_shows_every_image_once_at_another_one_of_its_source(dataset, monkeypatch):
    stored = {image_id: _pixels(data).tobytes() for image_id, data in _stored(dataset, "vqa").items()}
    assert len(set(stored.values())) == len(stored)  # so that pixels tell images apart
    owner = {pixels: image_id for image_id, pixels in stored.items()}
    shown = {
        image_id: owner[np.asarray(image).tobytes()] for image_id, (image,) in _shown(dataset, monkeypatch, "shuffled").items()
    }
    assert set(shown.values()) == set(shown) == set(stored)
    assert all(image_id != other for image_id, other in shown.items())
    assert all(image_id.split("/")[0] == other.split("/")[0] for image_id, other in shown.items())


@given(st.sets(st.tuples(st.sampled_from(["coco", "paired", "spacenet6"]), st.integers(0, 30)), min_size=1))
def test_the_shuffle_is_a_derangement_of_each_source_whatever_the_order(pairs):
    ids = [f"{source}/{number}" for source, number in pairs]
    shuffled = derangement(ids)
    assert derangement(sorted(ids)[::-1]) == shuffled
    assert set(shuffled) == set(shuffled.values()) == set(ids)
    alone = {f"{source}/" for source, count in Counter(source for source, _ in pairs).items() if count == 1}
    for image_id, other in shuffled.items():
        assert image_id.split("/")[0] == other.split("/")[0]
        assert (image_id == other) == image_id.startswith(tuple(alone))


def test_an_image_alone_in_its_source_is_shown_grey(one_image, tmp_path, monkeypatch):
    folder = _chosen(one_image, tmp_path, monkeypatch)
    ((image,),) = _shown(folder, monkeypatch, "shuffled").values()
    assert image.getextrema() == ((128, 128),) * 3


# --- captions --------------------------------------------------------------------------------------------------------------


def test_the_caption_prompt_is_the_papers():
    golden = json.loads(GOLDEN.read_text())["sarlang_cap"]
    assert golden["version"] == TASK_VERSION
    assert prompts.CAPTION_PROMPT == golden["prompt"] == cap.doc_to_text({})


def _captioned(dataset, answer, task="sarlang_cap"):
    rows = [cap.process_results(doc, [answer(doc)]) for doc in _documents(dataset, task)]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _values(items):
    """Every metric, as lmms-eval computes them, in order."""
    return {name: getattr(cap, name)(items[name]) for name in items}


def test_one_generation_is_scored_against_every_reference_of_both_kinds(dataset, tmp_path):
    def answer(doc):
        return f"A radar image of {doc['image_id'].split('/')[0]} ."

    items = _captioned(dataset, answer)
    values = _run(str(tmp_path), lambda: _values(items))
    for kind in ("complex", "concise"):
        pairs = [
            (answer(row), caption["text"])
            for row in dataset.captions("test").to_pylist()
            for caption in row["captions"]
            if caption["kind"] == kind
        ]
        expected = captions.score(
            [prediction for prediction, _ in pairs],
            [reference for _, reference in pairs],
            document_frequency=dataset.document_frequency(kind),
        )
        found = [values[f"{kind}_{metric}"] for metric in METRICS]
        assert found == pytest.approx([*expected.bleu, expected.rouge_l, expected.cider, expected.length_ratio, 0])
    (file,) = tmp_path.rglob("sarlang_captions.parquet")
    references = [caption for row in dataset.captions("test").to_pylist() for caption in row["captions"]]
    assert {row.answer.caption_id for row in read_captions(file)} == {caption["caption_id"] for caption in references}
    card = read_scorecards(file.with_name("sarlang_scorecard.json"))["sarlang_cap"]
    counts = Counter(caption["kind"] for caption in references)
    assert card.signature.endswith("|n=" + ",".join(f"{kind}:{counts[kind]}/{counts[kind]}" for kind in sorted(counts)))


def test_a_logged_caption_stands_in_the_first_item_alone(dataset):
    items = _captioned(dataset, lambda _: "a ship")
    first, *others = items
    assert items[first][0] == {
        "task": "sarlang_cap",
        "image_id": _documents(dataset, "sarlang_cap")[0]["image_id"],
        "prediction": "a ship",
    }
    assert {item for name in others for item in items[name]} == {"sarlang_cap"}
    assert list(items) == [f"{kind}_{metric}" for kind in ("complex", "concise") for metric in METRICS]
    assert list(_captioned(dataset, lambda _: "", "sarlang_cap_concise")) == [f"concise_{metric}" for metric in METRICS]


def test_a_failed_request_leaves_no_value_and_is_counted_at_each_reference(dataset):
    docs = _documents(dataset, "sarlang_cap")
    failed = docs[0]["image_id"]
    values = _values(
        _captioned(dataset, lambda doc: "[LMMS_EVAL_REQUEST_FAILED after 5] x" if doc["image_id"] == failed else "a ship")
    )
    for kind in ("complex", "concise"):
        assert values[f"{kind}_n_missing"] == sum(caption["kind"] == kind for caption in docs[0]["captions"])
        assert all(math.isnan(values[f"{kind}_{metric}"]) for metric in METRICS[:-1])


def test_a_kind_without_references_has_no_score(one_image, tmp_path, monkeypatch):
    values = _values(_captioned(_chosen(one_image, tmp_path, monkeypatch), lambda _: "a radar image of a ship"))
    assert all(math.isnan(values[f"complex_{metric}"]) for metric in METRICS)
    assert values["concise_n_missing"] == 0
    assert values["concise_rouge_l"] > 0


def test_a_part_of_the_captions_is_scored_with_the_frequencies_of_all(dataset):
    answers = {doc["image_id"]: doc["captions"][0]["text"] for doc in _documents(dataset, "sarlang_cap")}
    whole = _captioned(dataset, lambda doc: answers[doc["image_id"]])
    part = {name: items[:3] for name, items in whole.items()}
    values = _values(part)
    rows = dataset.captions("test").to_pylist()[:3]
    pairs = [(answers[row["image_id"]], c["text"]) for row in rows for c in row["captions"] if c["kind"] == "concise"]
    frequencies = dataset.document_frequency("concise")
    expected = captions.score([a for a, _ in pairs], [b for _, b in pairs], document_frequency=frequencies)
    assert values["concise_cider"] == pytest.approx(expected.cider)


def test_a_dataset_that_is_gone_when_captions_are_scored_costs_no_caption(built, tmp_path, monkeypatch, capsys):
    shutil.copytree(built, tmp_path / "copy")
    folder = _chosen(tmp_path / "copy", tmp_path, monkeypatch)
    items = _captioned(folder, lambda _: "a ship")
    _values({name: list(rows) for name, rows in items.items()})
    (tmp_path / "copy").rename(tmp_path / "moved")
    values = _run(str(tmp_path / "out"), lambda: _values(items), log_samples=False)
    assert all(map(math.isnan, values.values()))
    said = capsys.readouterr().err
    (kept,) = (tmp_path / "out").rglob("sarlang_answers_sarlang_cap.jsonl")
    assert "sarlang_cap is not scored" in said
    assert f"`sarlang score {kept} --task sarlang_cap`" in said
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [row["image_id"] for row in rows] == [item["image_id"] for item in items["complex_bleu_1"]]
    assert {row["prediction"] for row in rows} == {"a ship"}


# --- gaps ------------------------------------------------------------------------------------------------------------------


def _answer(dataset, right, task="sarlang_vqa"):
    """Answers the questions of a task, the ones `right` picks correctly, and aggregates like lmms-eval."""
    rows = [
        vqa.process_results(doc, [doc["answer"] if right(number) else ""]) for number, doc in enumerate(_documents(dataset, task))
    ]
    for name in rows[0]:
        getattr(vqa, name)([row[name] for row in rows])


def test_a_blind_run_beside_a_seeing_one_gives_the_vision_gain(dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SARLANG_VISION", "none")
    _run(str(tmp_path), lambda: _answer(dataset, lambda number: number % 2), time="2026-01-01T00:00:00")
    monkeypatch.setenv("SARLANG_VISION", "image")
    _run(str(tmp_path), lambda: _answer(dataset, lambda _: True), time="2026-01-02T00:00:00")
    cards = {file.parent.name: read_scorecards(file)["sarlang_vqa"] for file in tmp_path.rglob("sarlang_scorecard.json")}
    blind, seeing = (cards[f"2026-01-0{day}T00-00-00_sarlang"] for day in (1, 2))
    assert (blind.vision, seeing.vision) == ("none", "image")
    assert "|vision=none|" in blind.signature
    assert "vision" not in seeing.signature
    (gap,) = seeing.gaps
    assert (gap.name, gap.against) == ("vision_gain", "none")
    assert gap.difference == pytest.approx(seeing.overall.value - blind.overall.value)
    assert "sarlang_vqa: vision gain, image minus none" in capsys.readouterr().err


def test_optical_and_radar_tasks_of_one_run_give_the_modality_gap_in_both_scorecards(dataset, tmp_path):
    def work():
        _answer(dataset, lambda number: number % 3, "sarlang_vqa")
        _answer(dataset, lambda _: True, "sarlang_vqa_rgb")

    _run(str(tmp_path), work)
    (file,) = tmp_path.rglob("sarlang_scorecard.json")
    cards = read_scorecards(file)
    twins = set(_stored(dataset, "rgb"))
    asked = [(number, doc) for number, doc in enumerate(_documents(dataset, "sarlang_vqa")) if doc["image_id"] in twins]
    wrong = sum(number % 3 == 0 for number, _ in asked) / len(asked)
    for card in cards.values():
        (gap,) = card.gaps
        assert (gap.name, gap.n) == ("modality_gap", len(asked))
        assert gap.difference == pytest.approx(wrong)
