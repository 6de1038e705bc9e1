"""The benchmark without lmms-eval: prompts, YAML, the lite choice, metrics, the plugin and the prior."""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_server import JudgeServer, serving
from PIL import Image

import sarlang_hf.tasks.vqa as vqa
from sarlang_hf import lmms_plugin
from sarlang_hf.data import open_dataset
from sarlang_hf.errors import UsageError
from sarlang_hf.files import cache_folder
from sarlang_hf.harness.constant_caption import best_constant_caption
from sarlang_hf.harness.prior import learn_majority
from sarlang_hf.schema import QUESTION_TYPES
from sarlang_hf.scoring import captions
from sarlang_hf.scoring.answers import JUDGES, PROTOCOLS
from sarlang_hf.scoring.captions.constant import mean_cider
from sarlang_hf.scoring.predictions import read_predictions
from sarlang_hf.scoring.scorecard import TASK_VERSION, read_scorecards
from sarlang_hf.scoring.signature import VISIONS
from sarlang_hf.scoring.verdicts import DATASET_COLUMN, read_verdicts
from sarlang_hf.tasks import lite, outputs, prompts, templates
from sarlang_hf.tasks.model_name import model_name
from sarlang_hf.tasks.settings import ends_with_user_error, hints, judge, protocol, vision
from sarlang_hf.tasks.views import QUESTION_TASKS, VIEWS
from sarlang_hf.texts.document_frequency import count_document_frequency

GOLDEN = Path(__file__).with_name("golden") / "prompts.json"
STRICT = ["acc_strict", "acc_strict_low", "acc_strict_high", "acc_strict_n_unjudged"]
METRICS = [name.replace("strict", protocol) for protocol in PROTOCOLS for name in STRICT]


class _Yaml(yaml.SafeLoader):
    """Reads `!function a.b` as the text it is."""


_Yaml.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


@pytest.fixture
def dataset(demo_dataset, tmp_path, monkeypatch):
    for variable in ("SARLANG_PROTOCOL", "SARLANG_JUDGE", "SARLANG_HINTS", "SARLANG_VISION"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SARLANG_DATASET", str(demo_dataset))
    monkeypatch.setenv("SARLANG_CACHE", str(tmp_path / "cache"))
    return open_dataset(demo_dataset)


# --- prompts ---------------------------------------------------------------------------------------------------------------


def test_the_prompt_is_the_papers_to_the_character():
    golden = json.loads(GOLDEN.read_text())["sarlang_vqa"]
    assert golden["version"] == TASK_VERSION
    assert golden["prompt"] == prompts.vqa_prompt(golden["question"])


@pytest.mark.parametrize("setting", ["", "off", "on"])
def test_hints_stand_in_the_prompt_only_where_the_environment_asks_for_them(monkeypatch, setting):
    monkeypatch.setenv("SARLANG_HINTS", setting)
    golden = json.loads(GOLDEN.read_text())["sarlang_vqa"]
    asked = {"question": golden["question"], "source": "sardet100k"}
    plain = dict.fromkeys(QUESTION_TYPES, golden["prompt"])
    expected = golden["prompts_with_hints"] if setting == "on" else plain
    assert {kind: vqa.doc_to_text({**asked, "type": kind}) for kind in QUESTION_TYPES} == expected


def test_sources_with_other_classes_get_no_hint(monkeypatch):
    monkeypatch.setenv("SARLANG_HINTS", "on")
    doc = {"question": "What is it?", "type": "object_classification"}
    hinted = {
        source
        for source in ("sardet100k", "coco", "spacenet6", "paired")
        if "classes" in vqa.doc_to_text(doc | {"source": source})
    }
    assert hinted == {"sardet100k", "coco"}


def test_braces_and_line_breaks_of_a_question_pass_unchanged():
    assert prompts.vqa_prompt("{a}\n{question}?") == "Question: {a}\n{question}?. Answer the question concisely."


# --- environment -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "setting"),
    [("SARLANG_PROTOCOL", protocol), ("SARLANG_JUDGE", judge), ("SARLANG_HINTS", hints), ("SARLANG_VISION", vision)],
)
def test_a_setting_that_does_not_exist_names_the_variable_and_what_does(monkeypatch, variable, setting):
    monkeypatch.setenv(variable, "gpt-9")
    with pytest.raises(UsageError, match=rf"{variable}.*'gpt-9'(.|\n)*'(strict|off|on|image)'"):
        setting()
    with pytest.raises(UsageError, match=variable):
        templates.write_tasks()  # before any dataset is looked for


def test_an_empty_variable_is_an_unset_one(monkeypatch):
    for variable in ("SARLANG_PROTOCOL", "SARLANG_JUDGE", "SARLANG_HINTS", "SARLANG_VISION", "SARLANG_CACHE"):
        monkeypatch.setenv(variable, "")
    assert (protocol(), judge(), hints(), vision()) == ("strict", "off", False, "image")
    assert cache_folder() == Path.home() / ".cache" / "sarlang-hf"


@pytest.mark.parametrize(
    ("variable", "setting", "known"),
    [("PROTOCOL", protocol, PROTOCOLS), ("JUDGE", judge, JUDGES), ("VISION", vision, VISIONS)],
)
def test_what_scoring_knows_may_be_chosen(monkeypatch, variable, setting, known):
    for choice in known:
        monkeypatch.setenv(f"SARLANG_{variable}", choice)
        assert setting() == choice


def test_a_user_error_ends_the_process_with_2_past_any_except_exception(capsys):
    with pytest.raises(SystemExit) as ended, ends_with_user_error():
        raise UsageError("is odd", place="here", remedy="mend it")
    assert ended.value.code == 2
    assert not isinstance(ended.value, Exception)
    assert capsys.readouterr().err == "error: here: is odd\n  -> mend it\n"


# --- YAML ------------------------------------------------------------------------------------------------------------------


def _config(folder, task):
    """The configuration as lmms-eval reads it, with what it includes."""
    own = yaml.load((folder / f"{task}.yaml").read_text(), _Yaml)
    return {**yaml.load((folder / own.pop("include")).read_text(), _Yaml), **own}


def test_the_yaml_names_the_test_questions_and_captions_alone(dataset):
    folder = templates.write_tasks()
    possible = [task for task in VIEWS if not task.endswith(("_raw", "_rgb"))]  # this dataset has no such images
    assert sorted(path.stem for path in folder.glob("*.yaml")) == sorted(["sarlang", *possible])
    for task in possible:
        config = _config(folder, task)
        files = config["dataset_kwargs"]["data_files"]
        assert set(files) == {"test"}
        shards = "questions-test-*" if task in QUESTION_TASKS else "cap-test-*"
        assert files["test"] == [str(path) for path in sorted(dataset.path.glob(f"data/{shards}.parquet"))]
        assert config["task"] == task
        assert config["metadata"] == {"version": float(TASK_VERSION), "dataset": dataset.sha256[:12], "vision": "image"}
        assert "image" not in config["dataset_kwargs"].get("columns", [])


def test_no_two_tasks_have_equal_generation_settings():
    """lmms-eval's simple wrappers would put them into one batch and look up all its images in the first one's documents."""
    settings = [json.dumps(_config(templates.TEMPLATES, task)["generation_kwargs"]) for task in VIEWS]
    assert len(set(settings)) == len(VIEWS) == 11


@pytest.mark.usefixtures("dataset")
def test_another_input_is_another_key_of_lmms_evals_cache(monkeypatch):
    seen = templates.write_tasks()
    monkeypatch.setenv("SARLANG_VISION", "none")
    assert _config(templates.write_tasks(), "sarlang_vqa")["metadata"]["vision"] == "none"
    assert templates.write_tasks() != seen


def test_a_path_with_quotes_and_unicode_survives_the_yaml(dataset, tmp_path):
    moved = tmp_path / 'it\'s "Süd": #1'
    moved.symlink_to(dataset.path)
    config = yaml.load(templates.filled(open_dataset(moved))["sarlang_vqa.template"], _Yaml)
    files = [Path(path) for path in config["dataset_kwargs"]["data_files"]["test"]]
    assert [file.parents[1] for file in files] == [moved]


def test_a_torn_file_in_the_cache_is_mended_and_another_dataset_gets_another_folder(tmp_path):
    files = {"a.yaml": "task: a\n"}
    folder = templates.write_files(files, tmp_path)
    (folder / "a.yaml").write_text("ta")
    assert templates.write_files(files, tmp_path) == folder
    assert (folder / "a.yaml").read_text() == "task: a\n"
    assert templates.write_files({"a.yaml": "task: b\n"}, tmp_path) != folder


@pytest.mark.usefixtures("dataset")
def test_processes_that_write_the_yaml_at_once_agree():
    command = [sys.executable, "-m", "sarlang_hf.tasks"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    folders = {process.communicate()[0].strip() for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert folders == {str(templates.write_tasks())}
    assert all("$" not in path.read_text() for path in Path(folders.pop()).iterdir())


_TASKS = ("sarlang_vqa", "sarlang_vqa_lite")


def test_the_tasks_of_questions_differ_in_name_choice_and_stop_text_only():
    whole, *others = (_config(templates.TEMPLATES, task) for task in QUESTION_TASKS)
    for other in others:
        assert {key for key in whole if whole[key] != other[key]} == {"task", "process_docs", "generation_kwargs"}
        assert {**other["generation_kwargs"], "until": None} == {**whole["generation_kwargs"], "until": None}
    assert whole["metadata"]["version"] == float(TASK_VERSION)
    assert [metric["metric"] for metric in whole["metric_list"]] == METRICS


@pytest.mark.parametrize("task", VIEWS)
def test_every_function_the_yaml_names_exists(task):
    config = _config(templates.TEMPLATES, task)
    named = [config[key] for key in ("process_docs", "doc_to_visual", "doc_to_text", "process_results")]
    named += [metric["aggregation"] for metric in config["metric_list"]]
    for path in named:
        module, _, function = path.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))
    for metric in config["metric_list"]:
        assert metric["aggregation"].endswith(f".{metric['metric']}")


# --- lite ------------------------------------------------------------------------------------------------------------------


def _table(rows):
    columns = ("question_id", "image_id", "type", "source")
    return pa.table({name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(columns)})


def _world(rng, images):
    """Images of two sources with 1 to 9 questions of uneven types."""
    rows = []
    for image in range(images):
        source = "coco" if rng.random() < 0.2 else "sardet100k"
        rows += [
            (f"q{image}-{k}", f"{source}/{image}", str(rng.choice(["a", "b", "c"], p=[0.6, 0.3, 0.1])), source)
            for k in range(rng.integers(1, 10))
        ]
    return rows


def _by_hash(image_ids):
    return sorted(image_ids, key=lambda image: hashlib.blake2b(image.encode(), digest_size=8).digest())


def test_a_small_test_part_is_taken_whole():
    chosen = lite.select(_table(_world(np.random.default_rng(0), 20)), size=2000)
    assert chosen.rows.tolist() == list(range(len(chosen.rows)))


def test_one_question_an_image_and_one_stratum_takes_the_first_images_by_hash():
    ids = [f"sardet100k/{n}" for n in range(50)]
    chosen = lite.select(_table([(f"q{i}", image, "a", "sardet100k") for i, image in enumerate(ids)]), size=7)
    assert {ids[row] for row in chosen.rows} == set(_by_hash(ids)[:7])


def test_quotas_go_to_the_largest_remainders():
    # 11 questions, 5 wanted: a 6 -> 2.73, b 3 -> 1.36, c 2 -> 0.91; the floors 2, 1, 0 leave two, for c and then a.
    rows = [(f"q{i}", f"sardet100k/{i}", kind, "sardet100k") for i, kind in enumerate("aaaaaabbbcc")]
    chosen = lite.select(_table(rows), size=5)
    assert Counter(rows[row][2] for row in chosen.rows) == {"a": 3, "b": 1, "c": 1}


def _lite_oracle(rows, size):
    """The rule of the docstring, word for word, on plain counters."""
    totals = Counter(row[2:] for row in rows)
    shares = {key: Fraction(size * count, len(rows)) for key, count in totals.items()}
    missing = {key: int(share) for key, share in shares.items()}
    spare = size - sum(missing.values())
    for key in sorted(shares, key=lambda key: (int(shares[key]) - shares[key], key))[:spare]:
        missing[key] += 1
    picked = set()
    for image in _by_hash({row[1] for row in rows}):
        mine = Counter(row[2:] for row in rows if row[1] == image)
        if sum(abs(missing[key] - mine[key]) for key in missing) < sum(map(abs, missing.values())):
            missing = {key: missing[key] - mine[key] for key in missing}
            picked |= {row[0] for row in rows if row[1] == image}
    return picked


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_lite_follows_its_rule_with_whole_images_and_no_regard_for_row_order(seed):
    rng = np.random.default_rng(seed)
    rows = _world(rng, 60)
    chosen = lite.select(_table(rows), size=100)
    picked = {rows[row][0] for row in chosen.rows}
    assert picked == _lite_oracle(rows, 100)
    images = {rows[row][1] for row in chosen.rows}
    assert picked == {question for question, image, *_ in rows if image in images}
    assert (np.diff(chosen.rows) > 0).all()

    order = rng.permutation(len(rows))
    shuffled = [rows[i] for i in order]
    again = lite.select(_table(shuffled), size=100)
    assert {shuffled[row][0] for row in again.rows} == picked
    assert again.digest == chosen.digest


def test_lite_keeps_the_proportions_of_a_large_test_part():
    rows = _world(np.random.default_rng(0), 3000)
    chosen = lite.select(_table(rows), size=2000)
    total, part = Counter(row[2:] for row in rows), Counter(rows[row][2:] for row in chosen.rows)
    assert len(total) == 6
    assert all(abs(part[key] - 2000 * total[key] / len(rows)) <= 20 for key in total)  # 1% of the lite part


def test_the_digest_names_the_chosen_questions():
    rows = [("q1", "s/1", "a", "s"), ("q2", "s/2", "a", "s")]
    digests = {lite.select(_table(rows)).digest, lite.select(_table(rows[:1])).digest, lite.select(_table(rows[::-1])).digest}
    assert len(digests) == 2


# --- documents and answers -------------------------------------------------------------------------------------------------


def _docs(dataset, task="sarlang_vqa"):
    return [{**row, "task": task} for row in dataset.questions("test").to_pylist()]


def test_a_question_gets_the_image_of_its_id_in_rgb(dataset):
    stored = pa.concat_tables(pq.read_table(path) for path in sorted(dataset.path.glob("data/vqa-test-*.parquet"))).to_pylist()
    images = {row["image_id"]: row["image"]["bytes"] for row in stored}
    for doc in _docs(dataset)[::7]:
        (image,) = vqa.doc_to_visual(doc)
        expected = Image.open(pa.BufferReader(images[doc["image_id"]])).convert("RGB")
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))


@pytest.mark.usefixtures("dataset")
def test_questions_of_another_dataset_are_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        vqa.docs({"question_id": ["0123456789abcdef"]})
    assert ended.value.code == 2
    assert "SARLANG_DATASET" in capsys.readouterr().err


@given(st.lists(st.text() | st.none(), max_size=2))
def test_any_answer_of_a_model_becomes_one_item_a_metric(results):
    doc = dict.fromkeys((*DATASET_COLUMN.values(), "image_row"), "x") | {"task": "sarlang_vqa"}
    items = vqa.process_results(doc, results)
    assert list(items) == METRICS
    assert items["acc_strict"] == {
        "task": "sarlang_vqa", "question_id": "x", "image_id": "x", "score": 0.0, "prediction": results[0] if results else None
    }  # fmt: skip
    assert set(map(str, list(items.values())[3:])) == {"sarlang_vqa"}


def _answered(docs, answer, task="sarlang_vqa"):
    """The items lmms-eval would hand to each metric's aggregation."""
    rows = [vqa.process_results({**doc, "task": task}, [answer(number, doc)]) for number, doc in enumerate(docs)]
    return {metric: [row[metric] for row in rows] for metric in METRICS}


def _aggregate(items, args=None, names=STRICT):
    """The values of the named metrics; lmms-eval computes all of them, in order."""
    values = {"acc_strict": vqa.acc_strict(items["acc_strict"], args=args)}
    values |= {name: getattr(vqa, name)(items[name]) for name in METRICS[1:]}
    return [values[name] for name in names]


def test_the_gold_answers_score_one_with_nothing_unjudged(dataset):
    items = _answered(_docs(dataset), lambda _, doc: doc["answer"])
    assert _aggregate(items) == [1.0, 1.0, 1.0, 0]
    assert {item["score"] for item in items["acc_strict"]} == {1.0}


def test_two_right_one_wrong_one_failed_leave_no_value_but_a_range(dataset):
    docs = [doc for doc in _docs(dataset) if doc["answer"] in ("yes", "no")][:4]
    assert len(docs) == 4
    wrong = {"yes": "No.", "no": "Yes."}[docs[2]["answer"]]
    answers = [docs[0]["answer"], docs[1]["answer"].upper(), wrong, "[LMMS_EVAL_REQUEST_FAILED after 5 retries] timeout"]
    items = _answered(docs, lambda number, _: answers[number])
    value, low, high, unjudged = _aggregate(items)
    assert math.isnan(value)
    assert (low, high, unjudged) == (0.5, 0.75, 1)
    assert [item["score"] for item in items["acc_strict_low"]] == [1.0, 1.0, 0.0, 0.0]
    assert [item["score"] for item in items["acc_strict_high"]] == [1.0, 1.0, 0.0, 1.0]
    assert not any("score" in item for item in items["acc_strict"])
    assert set(items["acc_strict_n_unjudged"]) == {"sarlang_vqa"}  # no score, no standard error


def test_the_rules_of_every_protocol_are_reported_whichever_is_chosen(dataset, monkeypatch):
    docs = [doc for doc in _docs(dataset) if doc["answer"] == "no"][:2]
    answers = ["No, there is none.", "I cannot tell."]  # 'cannot' holds a 'no'
    expected = {"strict": (math.nan, 0.5, 1.0, 1), "released": (1.0, 1.0, 1.0, 0), "paper": (math.nan, 0.0, 1.0, 2)}
    for chosen in PROTOCOLS:
        monkeypatch.setenv("SARLANG_PROTOCOL", chosen)
        items = _answered(docs, lambda number, _: answers[number])
        values = _aggregate(items, names=METRICS)
        for place, name in enumerate(PROTOCOLS):
            assert values[4 * place : 4 * place + 4] == pytest.approx(expected[name], nan_ok=True)
        scores = [item["score"] for item in items[f"acc_{chosen}_high"]]
        assert sum(scores) / 2 == expected[chosen][2]


def simple_evaluate(evaluation_tracker, datetime_str, work, model="toy", model_args="", log_samples=True, gen_kwargs=None):
    """Stands where lmms-eval's function of this name stands on the call stack."""
    result = work()
    return result, evaluation_tracker, datetime_str, model, model_args, log_samples, gen_kwargs


def _run(output, work, time="2026-01-02T03:04:05", **known):
    tracker = SimpleNamespace(output_path=output, general_config_tracker=SimpleNamespace(model_name_sanitized="org__model"))
    return simple_evaluate(tracker, time, work, **known)[0]


def test_the_tasks_of_a_run_share_one_folder_named_like_lmms_evals_files(dataset, tmp_path):
    docs = _docs(dataset)

    def work():
        for task, asked in (("sarlang_vqa", docs[:5]), ("sarlang_vqa_lite", docs)):
            _aggregate(_answered(asked, lambda _, doc: doc["answer"], task))

    _run(str(tmp_path), work)
    (folder,) = (tmp_path / "org__model").iterdir()
    assert folder.name == "2026-01-02T03-04-05_sarlang"
    cards = read_scorecards(folder / "sarlang_scorecard.json")
    assert set(cards) == set(_TASKS)
    assert cards["sarlang_vqa"].signature.endswith(f"|n=5/{len(docs)}")
    digest = lite.select(dataset.questions("test")).digest
    assert f"|lite={digest}|n={len(docs)}/{len(docs)}" in cards["sarlang_vqa_lite"].signature
    assert cards["sarlang_vqa"].dataset.sha256 == dataset.sha256
    verdicts = Counter(verdict.task for verdict in read_verdicts(folder / "sarlang_verdicts.parquet"))
    assert verdicts == {"sarlang_vqa": 5, "sarlang_vqa_lite": len(docs)}


def test_the_signature_tells_of_hints_only_where_there_are_some(dataset, tmp_path, monkeypatch):
    signatures = {}
    for setting in ("off", "on"):
        monkeypatch.setenv("SARLANG_HINTS", setting)
        for task in _TASKS:
            items = _answered(_docs(dataset), lambda _, doc: doc["answer"], task)
            _run(str(tmp_path / setting), lambda items=items: _aggregate(items))
        (file,) = (tmp_path / setting).rglob("sarlang_scorecard.json")
        signatures[setting] = [card.signature for card in read_scorecards(file).values()]
    assert [signature.replace("|hints=on", "", 1) for signature in signatures["on"]] == signatures["off"]
    assert all(signature.count("|hints=on|n=") == 1 for signature in signatures["on"])
    assert not any("hints" in signature for signature in signatures["off"])


def test_nothing_in_a_scorecard_tells_where_the_dataset_lay(dataset, tmp_path):
    items = _answered(_docs(dataset), lambda _, doc: doc["answer"])
    _run(str(tmp_path), lambda: _aggregate(items))
    (file,) = tmp_path.rglob("sarlang_scorecard.json")
    named = json.loads(file.read_text())["sarlang_vqa"]["dataset"]
    assert named == {"kind": "simulated", "sha256": dataset.sha256, "from_file": False}
    assert str(dataset.path.parent) not in file.read_text()


def test_a_run_without_output_path_writes_nothing(dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    items = _answered(_docs(dataset)[:3], lambda _, doc: doc["answer"])
    assert _run(None, lambda: _aggregate(items))[0] == 1.0
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_that_cannot_be_written_stops_a_run_before_it_starts_but_costs_no_answers_later(
    dataset, tmp_path, caplog
):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SystemExit) as ended, ends_with_user_error():
        _run(str(tmp_path / "file" / "out"), outputs.require_writable_output)
    assert ended.value.code == 2
    items = _answered(_docs(dataset)[:3], lambda _, doc: doc["answer"])
    assert _run(str(tmp_path / "file" / "out"), lambda: _aggregate(items))[0] == 1.0
    assert "no scorecard written" in caplog.text


def test_output_asked_for_outside_a_known_run_is_not_dropped_in_silence(dataset, tmp_path, caplog):
    items = _answered(_docs(dataset)[:3], lambda _, doc: doc["answer"])
    _aggregate(items, args=SimpleNamespace(output_path=str(tmp_path / "out")))
    assert str(tmp_path / "out") in caplog.text


@pytest.mark.parametrize("log_samples", [True, False])
def test_a_dataset_that_is_gone_when_answers_are_scored_costs_no_answer(dataset, tmp_path, monkeypatch, capsys, log_samples):
    shutil.copytree(dataset.path, tmp_path / "data")
    monkeypatch.setenv("SARLANG_DATASET", str(tmp_path / "data"))
    docs = _docs(open_dataset(tmp_path / "data"))[:3]
    answers = ["a \ud800", None, "yes"]
    _aggregate(_answered(docs, lambda *_: "yes"))  # a run before, whose scores must not pass for this one's
    (tmp_path / "data").rename(tmp_path / "moved")
    items = _answered(docs, lambda number, _: answers[number])
    values = _run(str(tmp_path / "out"), lambda: _aggregate(items, names=METRICS), log_samples=log_samples)
    assert all(map(math.isnan, values))
    assert not any("score" in item for item in items["acc_strict_low"])
    said = capsys.readouterr().err
    assert "sarlang_vqa is not scored" in said
    run = tmp_path / "out" / "org__model" / "2026-01-02T03-04-05_sarlang"
    if log_samples:
        assert f"`sarlang score {run.with_name('2026-01-02T03-04-05_samples_sarlang_vqa.jsonl')}`" in said
        return
    kept = run / "sarlang_answers_sarlang_vqa.jsonl"
    assert f"`sarlang score {kept} --task sarlang_vqa`" in said
    (tmp_path / "moved").rename(tmp_path / "data")
    ids = [doc["question_id"] for doc in docs]
    assert read_predictions(kept, known=ids) == {ids[0]: answers[0], ids[2]: answers[2]}  # a null is a missing one


# --- the judge -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def judged_by_a_model(monkeypatch):
    """A judge on this machine, and an environment that asks for it."""
    with serving(JudgeServer(verdict=lambda text: "right" in text)) as server:
        monkeypatch.setenv("SARLANG_JUDGE", "openai")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("SARLANG_JUDGE_MODEL", "house-judge")
        yield server


def _open_answers(dataset):
    """Four answers that no strict rule decides; the judge above calls three of them right."""
    docs = [doc for doc in _docs(dataset) if doc["answer"] in ("yes", "no")][:4]
    answers = ["It may be right.", "It may be right.", "Perhaps that is right.", "Nobody can tell."]
    return _answered(docs, lambda number, _: answers[number])


def test_a_judge_decides_what_rules_leave_open_once_and_before_any_metric_is_printed(
    dataset, tmp_path, judged_by_a_model, capsys
):
    value, low, high, unjudged = _run(str(tmp_path), lambda: _aggregate(_open_answers(dataset)))
    assert (value, low, high, unjudged) == (0.75, 0.75, 0.75, 0)
    (file,) = tmp_path.rglob("sarlang_verdicts.parquet")
    verdicts = read_verdicts(file)
    assert {(verdict.rule, verdict.judge) for verdict in verdicts} == {
        ("judge", f"house-judge@{urlsplit(judged_by_a_model.url).netloc}")
    }
    assert len(judged_by_a_model.calls) == 4
    assert "asked 4 times, 0 verdicts were known" in capsys.readouterr().err
    _aggregate(_open_answers(dataset))
    assert len(judged_by_a_model.calls) == 4
    assert "asked 0 times, 4 verdicts were known" in capsys.readouterr().err


def test_only_the_chosen_protocol_pays_for_a_judge(dataset, judged_by_a_model):
    values = _aggregate(_open_answers(dataset), names=METRICS)
    assert {call.body["model"] for call in judged_by_a_model.calls} == {"house-judge"}
    assert values[METRICS.index("acc_paper_n_unjudged")] == 4


@pytest.mark.parametrize("fault", ["cap", "interrupt", "snapshot"])
def test_whatever_stops_the_judge_costs_no_answer_and_no_known_verdict(
    dataset, tmp_path, judged_by_a_model, monkeypatch, capsys, fault
):
    monkeypatch.setenv("SARLANG_JUDGE_MODEL", "gpt-4o-mini-2024-07-18")  # has a price
    _aggregate({name: rows[:1] for name, rows in _open_answers(dataset).items()})
    if fault == "cap":
        monkeypatch.setenv("SARLANG_JUDGE_MAX_USD", "0")
    elif fault == "interrupt":
        judged_by_a_model.misbehave = lambda *_: os.kill(os.getpid(), signal.SIGINT)
        judged_by_a_model.latency_s = 5
    else:
        judged_by_a_model.model = "another-judge"
    value, low, high, unjudged = _run(str(tmp_path), lambda: _aggregate(_open_answers(dataset)))
    assert math.isnan(value)
    assert (low, high, unjudged) == (0.25, 1.0, 3)
    (file,) = tmp_path.rglob("sarlang_verdicts.parquet")
    verdicts = read_verdicts(file)
    assert [verdict.answer.prediction for verdict in verdicts][3] == "Nobody can tell."
    assert [verdict.rule for verdict in verdicts] == ["judge", *["judge:stopped"] * 3]
    assert "|judge=gpt-4o-mini-2024-07-18@" in read_scorecards(file.with_name("sarlang_scorecard.json"))["sarlang_vqa"].signature
    said = capsys.readouterr().err
    assert "answers are kept" in said
    assert f"`sarlang judge {file.parent}`" in said
    assert "same command" not in said


@pytest.mark.usefixtures("dataset")
def test_a_judge_without_a_key_is_found_before_the_model_answers(monkeypatch, capsys):
    monkeypatch.setenv("SARLANG_JUDGE", "openai")
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SystemExit) as ended:
        vqa.docs({})
    assert ended.value.code == 2
    assert "OPENAI_API_KEY" in capsys.readouterr().err


# --- the name of a model ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("", "m"),
        ("pretrained=org/model,max_new_tokens=64", "m(pretrained=org/model,max_new_tokens=64)"),
        ("api_key=sk-abcdefgh12345,model_version=x", "m(api_key=...,model_version=x)"),
        ("HF_TOKEN=abc,client_secret=s3cr,db_password=p", "m(HF_TOKEN=...,client_secret=...,db_password=...)"),
        ("base_url=https://me:pass@host/v1?api-key=zzz&n=1", "m(base_url=https://host/v1?...)"),
        ("pretrained=x,extra=hf_abcdefghijklmnop", "m(pretrained=x,extra=...)"),
        ({"pretrained": "a=b", "access_key": "q", "fps": None, "n": 3}, "m(pretrained=a=b,access_key=...,fps,n=3)"),
        ("hf_abcdefghijklmnop", "m(...)"),
        ({"client_kwargs": {"api_key": "q", "timeout": 3}}, "m(client_kwargs={api_key=...,timeout=3})"),
        ({"servers": [{"pwd": "q"}, "sk-abcdefgh12345"]}, "m(servers=[{pwd=...},...])"),
        ('headers={"Authorization":"Bearer a","X-Key":"tops,ecret"},n=1', "m(headers=...,n=1)"),
        (
            'extra={"Authorization":"Bearer a","X-Key":"tops,ecret","fps":2},n=1',
            "m(extra={Authorization=...,X-Key=...,fps=2},n=1)",
        ),
        ('extra={"Authorization":"Bearer a,"X-Key":"tops,ecret",n=1', "m(extra=...)"),
        ("extra={'a': 'tops,ecret'},n=1", "m(extra=...,n=1)"),
        ("path=Bob's,X-Key:tops,ecret", "m(path=Bob...)"),
        ("password=123456789,pin_key=1234,max_tokens=5", "m(password=...,pin_key=...,max_tokens=5)"),
        ("pwd=a,bearer=b,openaiApiKey=c,apikey=d,x=Bearer q", "m(pwd=...,bearer=...,openaiApiKey=...,apikey=...,x=...)"),
        ("a=gsk_abcdefgh1234,b=AKIAABCDEFGHIJKLMNOP,c=x-api-key: q", "m(a=...,b=...,c=x-api-key: ...)"),
        (
            "api_tokens=123456789,min_image_tokens=4,extra=Authorization: Token q",
            "m(api_tokens=...,min_image_tokens=4,extra=Authorization: ...)",
        ),
        ({"a": ("password", "q"), "b": ["x", 1]}, "m(a=...,b=[x,1])"),
        ("wandbkey=q,passcode=q,pw=q,pat=q,pin=12345678", "m(wandbkey=...,passcode=...,pw=...,pat=...,pin=...)"),
        ("tokenizer=c/d,monkeys=3,asia=asia-northeast1-model", "m(tokenizer=c/d,monkeys=...,asia=asia-northeast1-model)"),
    ],
)
def test_a_model_is_named_as_it_was_made_but_for_its_secrets(arguments, named):
    assert model_name("m", arguments) == named


@given(st.text(), st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner)))
def test_any_arguments_make_a_name_and_none_shows_the_secret(text, value):
    secret = "Zq7-tops,ecret"
    for arguments in (text, {text: value}, {"a": {"api_key": f"{text}{secret}"}}, {text: {"password": secret, "b": value}}):
        assert secret not in model_name("m", arguments)


def test_what_else_decides_the_answers_stands_behind_the_model():
    settings = {
        "gen_kwargs": {"until": ["x"], "temperature": 0.5},
        "system_instruction": "Be brief.",
        "apply_chat_template": True,
    }
    digest = hashlib.blake2b(b"Be brief.", digest_size=4).hexdigest()
    asked = f"[temperature=0.5,until=[x],system_instruction={digest},apply_chat_template]"
    assert model_name("m", "a=1", settings) == f"m(a=1){asked}"
    assert model_name("m", "", {**settings, "gen_kwargs": 'until=["x"],temperature=0.5', "limit": 3}) == f"m{asked}"
    assert model_name("m", "", {"gen_kwargs": None, "system_instruction": "", "force_simple": True}) == "m[force_simple]"


def test_the_scorecard_names_the_model(dataset, tmp_path):
    items = _answered(_docs(dataset)[:3], lambda _, doc: doc["answer"])
    known = {"model": "openai", "model_args": "api_key=verysecret,model_version=x", "gen_kwargs": {"temperature": 0.5}}
    _run(str(tmp_path), lambda: _aggregate(items), **known)
    (file,) = tmp_path.rglob("sarlang_scorecard.json")
    named = json.loads(file.read_text())["sarlang_vqa"]["model"]
    assert named == "openai(api_key=...,model_version=x)[temperature=0.5]"


# --- the plugin ------------------------------------------------------------------------------------------------------------


class _TaskManager:
    """The two methods of lmms-eval's `TaskManager` that the plugin wraps."""

    def initialize_tasks(self, include_path=None, include_defaults=True):
        return {"include_path": include_path, "include_defaults": include_defaults}

    def _get_config(self, name):
        return {"task": name}

    def _get_yaml_path(self, name):
        return {"a_tag": -1, "sarlang_vqa": str(templates.TEMPLATES / "sarlang_vqa.yaml")}.get(name, f"/elsewhere/{name}.yaml")


@pytest.fixture
def manager():
    cls = type("TaskManager", (_TaskManager,), {})
    lmms_plugin.register_tasks(cls)
    lmms_plugin.register_tasks(cls)
    return cls()


@pytest.mark.parametrize(("given", "kept"), [(None, []), ("mine", ["mine"]), (["mine", "yours"], ["mine", "yours"])])
def test_our_tasks_are_indexed_once_beside_what_the_user_includes(manager, given, kept):
    assert manager.initialize_tasks(include_path=given)["include_path"] == [*kept, str(templates.TEMPLATES)]


def test_a_missing_dataset_is_no_matter_to_other_tasks_and_ends_ours(manager, monkeypatch, capsys):
    monkeypatch.setenv("SARLANG_DATASET", "nowhere/at-all")
    assert manager._get_config("mme") == {"task": "mme"}
    assert manager._get_config("a_tag") == {"task": "a_tag"}
    with pytest.raises(SystemExit) as ended:
        manager._get_config("sarlang_vqa")
    assert ended.value.code == 2
    assert "nowhere/at-all" in capsys.readouterr().err


def test_the_plugin_waits_for_the_task_module_and_registers_when_it_comes(tmp_path, monkeypatch):
    (tmp_path / "late_tasks.py").write_text(
        "class TaskManager:\n    def initialize_tasks(self): ...\n    def _get_config(self): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(lmms_plugin, "_TASK_MODULE", "late_tasks")
    finders = list(sys.meta_path)
    lmms_plugin._register_tasks_when_imported()
    lmms_plugin._register_tasks_when_imported()
    assert len(sys.meta_path) == len(finders) + 1
    assert "late_tasks" not in sys.modules
    assert importlib.import_module("late_tasks").TaskManager.initialize_tasks._sarlang
    assert sys.meta_path == finders


@pytest.mark.parametrize("body", ["", "class TaskManager: ..."])
def test_a_task_module_of_another_shape_loads_with_a_warning(tmp_path, monkeypatch, caplog, body):
    name = f"strange_tasks_{len(body)}"
    (tmp_path / f"{name}.py").write_text(body)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(lmms_plugin, "_TASK_MODULE", name)
    lmms_plugin._register_tasks_when_imported()
    importlib.import_module(name)
    assert "could not register" in caplog.text


def test_the_entry_point_does_not_raise_even_without_lmms_eval(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "lmms_eval", None)
    assert lmms_plugin.manifests() == []
    assert "could not register" in caplog.text


def test_nothing_here_loads_torch_or_lmms_eval():
    modules = "sarlang_hf.lmms_plugin, sarlang_hf.tasks.vqa, sarlang_hf.tasks.templates, sarlang_hf.harness.prior"
    heavy = "{'torch', 'transformers', 'lmms_eval', 'datasets'}"
    command = [sys.executable, "-c", f"import sys, {modules}; sys.exit(bool({heavy} & set(sys.modules)))"]
    assert subprocess.run(command, check=False).returncode == 0


# --- the prior -------------------------------------------------------------------------------------------------------------


def _training(rows):
    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(("template", "type", "answer"))})


def test_the_prior_answers_by_template_then_type_then_overall():
    prior = learn_majority(
        _training(
            [
                ("counting/a", "instance_counting", "2"),
                ("counting/a", "instance_counting", "2"),
                ("counting/a", "instance_counting", "1"),
                ("counting/b", "instance_counting", "1"),
                ("counting/b", "instance_counting", "1"),
                ("", "object_identification", "yes"),
            ]
        )
    )
    assert prior.answer(template="counting/a", type="instance_counting") == "2"
    assert prior.answer(template="counting/new", type="instance_counting") == "1"
    assert prior.answer(template="", type="object_identification") == "yes"
    assert prior.answer(template="new", type="general_inquiry") == "1"


def test_a_tie_goes_to_the_first_answer_by_alphabet():
    rows = [("t", "x", answer) for answer in ("yes", "no", "yes", "no", "maybe")]
    assert learn_majority(_training(rows)).overall == "no"
    assert learn_majority(_training(rows[::-1])).by_template == {"t": "no"}


def test_there_is_no_prior_without_questions():
    with pytest.raises(ValueError, match="no training question"):
        learn_majority(_training([]).cast(pa.schema([(name, pa.string()) for name in ("template", "type", "answer")])))


_WORDS = ["a ship", "two ships", "a harbor", "near land", "on open water", "beside a bridge", "seen from above", "at a pier"]


def _some_captions(rng, number):
    return [" ".join(rng.choice(_WORDS, rng.integers(2, 5), replace=False)) for _ in range(number)]


def _mean_cider(candidate, references):
    frequencies = count_document_frequency(references)
    return captions.score([candidate] * len(references), references, document_frequency=frequencies).cider


@pytest.mark.parametrize("seed", range(3))
def test_the_constant_caption_is_the_best_of_several_hundred_training_captions(seed):
    rng = np.random.default_rng(seed)
    given = {"complex": [f"{text} ." for text in _some_captions(rng, 150)], "concise": _some_captions(rng, 200)}
    tried = sorted({text for texts in given.values() for text in texts})
    assert len(tried) > 200
    means = {kind: {text: _mean_cider(text, texts) for text in tried} for kind, texts in given.items()}
    both = {text: (means["complex"][text] + means["concise"][text]) / 2 for text in tried}
    assert both[best_constant_caption(given)] == pytest.approx(max(both.values()), rel=1e-9)
    alone = {text: means["concise"][text] for text in set(given["concise"])}
    assert alone[best_constant_caption({"concise": given["concise"]})] == pytest.approx(max(alone.values()), rel=1e-9)


_REPEATED = st.lists(st.sampled_from(["a", "a", "b", "ship", "ships"]), max_size=9).map(" ".join)


@given(st.lists(_REPEATED, min_size=1, max_size=6), st.lists(_REPEATED, min_size=1, max_size=8))
def test_the_mean_over_all_references_is_that_of_the_pairs_for_any_repetition_and_length(candidates, references):
    expected = [_mean_cider(text, references) for text in candidates]
    np.testing.assert_allclose(mean_cider(candidates, references), expected, rtol=0, atol=1e-9)


def test_the_constant_caption_does_not_depend_on_the_order_of_the_captions():
    texts = _some_captions(np.random.default_rng(5), 60)
    assert best_constant_caption({"concise": texts}) == best_constant_caption({"concise": texts[::-1]})


def test_equal_scores_go_to_the_more_frequent_caption_then_to_the_first_by_alphabet():
    assert best_constant_caption({"concise": ["b b", "a a"]}) == "a a"
    texts = ["only", "once", "twice", "twice"]  # every candidate's CIDEr is 0 against captions of one word by itself
    means = {text: round(_mean_cider(text, texts), 9) for text in texts}
    best = [text for text in sorted(means) if means[text] == max(means.values())]
    assert best_constant_caption({"concise": texts}) == max(best, key=lambda text: (texts.count(text), -best.index(text)))


def test_there_is_no_constant_caption_without_captions():
    with pytest.raises(ValueError, match="no training caption"):
        best_constant_caption({"complex": [], "concise": []})
