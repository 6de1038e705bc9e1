"""The benchmark inside lmms-eval, through its own console script and its own model wrappers.

Every start of lmms-eval costs seconds, so one start serves several assertions, and the runs that do not need the console
script share one process (`lmms_eval_runs.py`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa
import pytest
from all_sources import build_all_sources

from sarlang_hf.data import open_dataset
from sarlang_hf.schema import features
from sarlang_hf.scoring.caption_rows import read_captions
from sarlang_hf.scoring.scorecard import read_scorecards
from sarlang_hf.scoring.verdicts import read_verdicts
from sarlang_hf.tasks.views import VIEWS

pytest.importorskip("lmms_eval", reason="the eval extra is not installed")

ROOT = Path(__file__).parents[1]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "sarlang_hf", "harness", "loading_script", "tasks")


def _environment(folder, **more):
    """The caller's environment without our variables and without a network, caches under `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SARLANG_", "HF_", "PYTHONPATH"))}
    own = {"SARLANG_CACHE": folder / "cache", "HF_HOME": folder / "hf", "HF_HUB_OFFLINE": 1, "OMP_NUM_THREADS": 1}
    return {**kept, **{name: str(value) for name, value in {**own, **more}.items()}}


def _lmms_eval(python, folder, *argv, **env):
    script = Path(sysconfig.get_path("scripts")) / "lmms-eval"
    command = [str(python), str(script), *map(str, argv)]
    return subprocess.run(command, cwd=folder, env=_environment(folder, **env), capture_output=True, text=True, check=False)


def _pip(*argv):
    quiet = ("--quiet", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "pip", *quiet, *map(str, argv)], check=True, capture_output=True, text=True)


# --- installs --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the project, so that building leaves nothing in the real one."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def _child(folder, *install):
    """A fresh environment with our package installed and this one's packages behind it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "parent.pth").write_text("\n".join(sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})))
    _pip("--python", python, "install", "--no-deps", "--no-build-isolation", "--no-index", *install)
    return python


def _where(python, folder):
    """Folders of the package and of its mapped subpackage, as the environment resolves them."""
    code = "import sarlang_hf, sarlang_hf.tasks as t; print(sarlang_hf.__file__); print(t.__file__)"
    found = subprocess.check_output([str(python), "-c", code], cwd=folder, env=_environment(folder), text=True)
    return [Path(line).parent for line in found.split()]


def test_after_a_wheel_install_the_group_runs_and_copies_neither_training_part_nor_images(checkout, demo_dataset, tmp_path):
    _pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", tmp_path / "dist", checkout)
    python = _child(tmp_path / "env", *(tmp_path / "dist").glob("*.whl"))
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    assert _where(python, tmp_path) == [site / "sarlang_hf", site / "sarlang_hf" / "tasks"]

    asked = ("--model", "sarlang_gold", "--model_args", "touch_images=True", "--tasks", "sarlang")
    run = _lmms_eval(python, tmp_path, *asked, "--output_path", "out", "--log_samples", SARLANG_DATASET=demo_dataset)
    assert run.returncode == 0, run.stdout + run.stderr

    (results,) = (tmp_path / "out").glob("*_results.json")
    scores = json.loads(results.read_text())["results"]["sarlang_vqa"]
    captions = json.loads(results.read_text())["results"]["sarlang_cap"]
    names = ("acc_strict", "acc_strict_low", "acc_strict_high", "acc_strict_n_unjudged")
    assert [scores[f"{name},none"] for name in names] == [1.0, 1.0, 1.0, 0], run.stdout

    folder = results.with_name(results.name.replace("_results.json", "_sarlang"))
    questions = open_dataset(demo_dataset).questions("test")
    card = read_scorecards(folder / "sarlang_scorecard.json")["sarlang_vqa"]
    assert (card.overall.n, card.overall.value) == (questions.num_rows, 1.0)
    assert card.signature.endswith(f"|n={questions.num_rows}/{questions.num_rows}")
    verdicts = read_verdicts(folder / "sarlang_verdicts.parquet")
    assert [verdict.answer.question_id for verdict in verdicts] == questions["question_id"].to_pylist()

    test = open_dataset(demo_dataset).captions("test")
    rows = read_captions(folder / "sarlang_captions.parquet")
    assert [row.answer.image_id for row in rows if row.answer.kind == "complex"] == test["image_id"].to_pylist()
    assert [captions[f"complex_{name},none"] for name in ("rouge_l", "length_ratio", "n_missing")] == [100.0, 1.0, 0]

    copied = list((tmp_path / "hf").rglob("*.arrow"))
    tables = {len(table): table for table in (pa.ipc.open_stream(path).read_all() for path in copied)}
    table, images = tables.pop(questions.num_rows), tables.pop(test.num_rows)
    assert not tables
    assert table["question_id"].to_pylist() == questions["question_id"].to_pylist()
    assert table.column_names == list(features("vqa_questions"))
    assert images["image_id"].to_pylist() == test["image_id"].to_pylist()
    assert images.column_names == ["image_id", "source", "scene", "captions", "place"]
    (shard,) = demo_dataset.glob("data/cap-test-*.parquet")
    assert images.nbytes < shard.stat().st_size / 4


def test_after_an_editable_install_the_prior_answers_every_task_from_the_training_part(checkout, demo_dataset, tmp_path):
    python = _child(tmp_path / "env", "-e", checkout)
    assert _where(python, tmp_path) == [checkout / "sarlang_hf", checkout / "tasks"]

    asked = ("--model", "sarlang_prior", "--tasks", "sarlang_vqa,sarlang_vqa_lite,sarlang_cap")
    run = _lmms_eval(python, tmp_path, *asked, "--output_path", "out", SARLANG_DATASET=demo_dataset)
    assert run.returncode == 0, run.stdout + run.stderr

    (folder,) = (tmp_path / "out").glob("*_sarlang")
    cards = read_scorecards(folder / "sarlang_scorecard.json")
    assert set(cards) == {"sarlang_vqa", "sarlang_vqa_lite", "sarlang_cap"}
    assert {card.model for card in cards.values()} == {"sarlang_prior"}
    (constant,) = {row.answer.prediction for row in read_captions(folder / "sarlang_captions.parquet")}
    trained = open_dataset(demo_dataset).captions("train")["captions"].to_pylist()
    assert constant in {caption["text"] for row in trained for caption in row}
    assert cards["sarlang_vqa"].overall == cards["sarlang_vqa_lite"].overall  # a small test part is taken whole

    answers = defaultdict(Counter)
    for row in open_dataset(demo_dataset).questions("train").to_pylist():
        answers[row["template"]][row["answer"]] += 1
    verdicts = [verdict for verdict in read_verdicts(folder / "sarlang_verdicts.parquet") if verdict.task == "sarlang_vqa"]
    known = [verdict.answer for verdict in verdicts if verdict.answer.template in answers]
    assert len(known) > len(verdicts) / 2
    for answer in known:
        counts = answers[answer.template]
        assert answer.prediction == min(gold for gold in counts if counts[gold] == max(counts.values()))
    (results,) = (tmp_path / "out").glob("*_results.json")
    score = json.loads(results.read_text())["results"]["sarlang_vqa"]["acc_strict_low,none"]
    assert score == pytest.approx(sum(verdict.verdict is True for verdict in verdicts) / len(verdicts))


# --- faults ----------------------------------------------------------------------------------------------------------------


def test_a_missing_dataset_ends_the_console_script_with_2_and_no_retry(tmp_path):
    run = _lmms_eval(sys.executable, tmp_path, "--model", "sarlang_gold", "--tasks", "sarlang", SARLANG_DATASET="nowhere")
    assert run.returncode == 2
    assert run.stderr.count("error: nowhere") == 1
    assert "sarlang build" in run.stderr
    assert "Traceback" not in run.stderr + run.stdout


# --- everything that needs no console script, in one process -----------------------------------------------------------------

TOY = """
task: toy
dataset_path: json
dataset_kwargs:
  data_files:
    test: rows.jsonl
test_split: test
output_type: generate_until
doc_to_text: question
doc_to_target: answer
generation_kwargs: {until: []}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""
TINY = "pretrained=tiny,device=cpu,device_map=cpu,min_pixels=3136,max_pixels=12544"


def _without(dataset, folder, **lost):
    """The environment naming a copy of the dataset that lacks the shards of one config or split."""
    shutil.copytree(dataset, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["shards"] = [shard for shard in manifest["shards"] if not lost.items() <= shard.items()]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return {"SARLANG_DATASET": str(folder)}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, demo_dataset):
    """What each run ended with, and the folder they ran in."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "toy").mkdir()
    (folder / "toy" / "toy.yaml").write_text(TOY)
    (folder / "toy" / "rows.jsonl").write_text('{"question": "q", "answer": "A"}\n')
    here, nowhere = {"SARLANG_DATASET": str(demo_dataset)}, {"SARLANG_DATASET": "nowhere"}
    no_train = _without(demo_dataset, folder / "no-train", split="train")
    no_images = _without(demo_dataset, folder / "no-images", config="vqa")
    no_captions = _without(Path(no_images["SARLANG_DATASET"]), folder / "no-captions", config="cap")
    everything = {"SARLANG_DATASET": str(build_all_sources(folder / "all"))}
    written = _written_tasks(folder, demo_dataset)
    sarlang, group = ["--tasks", "sarlang_vqa"], ["--tasks", "sarlang"]
    tiny = ["--model", "qwen2_5_vl", "--model_args", TINY, "--batch_size", "4", "--limit", "8", "--log_samples"]
    simple = ["--force_simple", "--gen_kwargs", "temperature=0,max_new_tokens=8"]
    gold = ["--model", "sarlang_gold", "--model_args", "touch_images=True"]
    runs = {
        "tiny": ([*tiny, *group, "--output_path", "out"], here),
        "tiny_blind": ([*tiny, *group, "--output_path", "out"], {**here, "SARLANG_VISION": "none"}),
        "simple": ([*tiny, *sarlang, *simple, "--output_path", "simple"], {**here, "SARLANG_VISION": "none"}),
        "views": ([*gold, "--tasks", ",".join(VIEWS), "--output_path", "views"], {**everything, "SARLANG_VISION": "shuffled"}),
        "captions_asked": ([*gold, "--tasks", "sarlang_cap"], no_captions),
        "toy": (["--model", "dummy", "--tasks", "toy", "--include_path", "toy"], nowhere),
        "list": (["--tasks", "list"], nowhere),
        "include_path": (["--model", "sarlang_gold", *sarlang, "--include_path", written], here),
        "protocol": (["--model", "dummy", *sarlang], {**here, "SARLANG_PROTOCOL": "mine"}),
        "prior": (["--model", "sarlang_prior", *sarlang], no_train),
        "blind": (["--model", "sarlang_prior", *group, "--limit", "2"], no_captions),
        "sighted": (["--model", "sarlang_gold", "--model_args", "touch_images=True", *sarlang, "--limit", "2"], no_images),
        "output": (["--model", "dummy", *sarlang, "--output_path", "toy/toy.yaml"], here),
        "failed": (["--model", "dummy", "--model_args", "response=[LMMS_EVAL_REQUEST_FAILED after 5] x", *sarlang], here),
    }
    listed = [{"name": name, "argv": argv, "env": env} for name, (argv, env) in runs.items()]
    (folder / "runs.json").write_text(json.dumps(listed))
    command = [sys.executable, Path(__file__).with_name("lmms_eval_runs.py"), "runs.json", "outcomes.json"]
    subprocess.run(command, cwd=folder, env=_environment(folder), check=True)
    return json.loads((folder / "outcomes.json").read_text()), folder


def _written_tasks(folder, dataset):
    command = [sys.executable, "-m", "sarlang_hf.tasks"]
    env = _environment(folder, SARLANG_DATASET=dataset)
    return subprocess.check_output(command, env=env, text=True).strip()


def _values(end):
    """Metric and value of each row of the table that lmms-eval prints."""
    rows = [line.split("|") for line in end["out"].splitlines() if line.startswith("|") and line.count("|") > 8]
    return {cells[4].strip(): cells[6].strip() for cells in rows}


def test_the_tiny_model_is_the_same_every_time(outcomes):
    _, folder = outcomes
    weights = [(folder / name / "model.safetensors").read_bytes() for name in ("tiny", "tiny_again")]
    assert weights[0] == weights[1]


def test_the_stock_qwen_wrapper_answers_on_a_cpu(outcomes, demo_dataset):
    ends, folder = outcomes
    assert ends["tiny"]["code"] == 0
    card = _tiny_cards(folder)["image"]["sarlang_vqa"]
    total = open_dataset(demo_dataset).questions("test").num_rows
    assert card.overall.n == 8, ends["tiny"]["out"]
    assert card.signature.endswith(f"|n=8/{total}")
    samples = sorted((folder / "out").glob("*tiny/*_samples_sarlang_vqa.jsonl"))[0]
    prompts = [json.loads(line)["input"] for line in samples.read_text().splitlines()]
    asked = open_dataset(demo_dataset).questions("test")["question"].to_pylist()[:8]
    assert prompts == [f"Question: {question}. Answer the question concisely." for question in asked]


def _tiny_cards(folder):
    """The scorecards of the tiny model's runs, by what it was shown."""
    files = [read_scorecards(file) for file in (folder / "out").glob("*tiny/*_sarlang/sarlang_scorecard.json")]
    return {cards["sarlang_vqa"].vision: cards for cards in files}


def test_a_run_without_images_stands_beside_the_one_with_them_as_its_vision_gain(outcomes):
    ends, folder = outcomes
    assert ends["tiny_blind"]["code"] == 0, ends["tiny_blind"]["err"]
    cards = _tiny_cards(folder)
    assert set(cards) == {"image", "none"}
    seeing, blind = cards["image"], cards["none"]
    assert seeing["sarlang_vqa"].model == blind["sarlang_vqa"].model == f"qwen2_5_vl({TINY})"
    (gap,) = blind["sarlang_vqa"].gaps
    assert (gap.name, gap.against, gap.n) == ("vision_gain", "none", 8)
    metrics = {f"{kind}_{metric}" for kind in ("complex", "concise") for metric in ("rouge_l", "cider", "bleu_4")}
    assert {gap.metric for gap in blind["sarlang_cap"].gaps} == metrics
    assert "vision gain, image minus none" in ends["tiny_blind"]["err"]


def test_a_run_asked_otherwise_has_another_name(outcomes):
    ends, folder = outcomes
    assert ends["simple"]["code"] == 0, ends["simple"]["err"]
    (file,) = (folder / "simple").rglob("sarlang_scorecard.json")
    card = read_scorecards(file)["sarlang_vqa"]
    assert card.model == f"qwen2_5_vl({TINY})[max_new_tokens=8,temperature=0,force_simple]"
    assert (card.vision, card.overall.n) == ("none", 8)


def test_every_view_runs_and_the_reference_answers_are_right(outcomes):
    ends, folder = outcomes
    assert ends["views"]["code"] == 0, ends["views"]["err"]
    (scorecard,) = (folder / "views").rglob("sarlang_scorecard.json")
    cards = read_scorecards(scorecard)
    assert set(cards) == set(VIEWS)
    for task, card in cards.items():
        assert card.vision == "shuffled"
        if "vqa" in task:
            assert card.overall.value == 1.0
        else:
            assert set(card.by_kind) == set(VIEWS[task].kinds)
            assert all(0 < scores["rouge_l"].value <= 100 for scores in card.by_kind.values())
    assert {card.gaps[0].name for task, card in cards.items() if task.endswith("_rgb")} == {"modality_gap"}


def test_other_tasks_run_while_our_dataset_points_at_nothing(outcomes):
    ends, _ = outcomes
    assert "exact_match" in ends["toy"]["out"]
    assert ends["toy"]["code"] == 0


def test_our_tasks_are_listed_without_a_dataset(outcomes):
    ends, _ = outcomes
    assert {"- sarlang", *(f"- {task}" for task in VIEWS)} <= {line.strip() for line in ends["list"]["out"].splitlines()}


def test_the_include_path_we_print_holds_working_tasks(outcomes):
    ends, _ = outcomes
    assert _values(ends["include_path"])["acc_strict"] == "1"


@pytest.mark.parametrize(
    ("run", "named", "remedy"),
    [
        ("protocol", "SARLANG_PROTOCOL", "'strict'"),
        ("prior", "train split", "build what is missing"),
        ("captions_asked", "sarlang_cap", "--captions template"),
        ("sighted", "config 'vqa'", "build what is missing"),
        ("output", "toy.yaml", "--output_path"),
    ],
)
def test_a_fault_of_the_user_ends_with_2_naming_it_and_the_remedy(outcomes, run, named, remedy):
    ends, _ = outcomes
    assert ends[run]["code"] == 2
    message = ends[run]["err"][ends[run]["err"].index("error: ") :]
    assert named in message
    assert remedy in message
    assert "Traceback" not in ends[run]["err"]


def test_the_prior_looks_at_no_image_and_the_group_goes_without_captions_where_there_are_none(outcomes):
    ends, _ = outcomes
    assert ends["blind"]["code"] == 0
    assert "leaves out sarlang_cap" in ends["blind"]["err"]
    assert "acc_strict" in _values(ends["blind"])


def test_failed_requests_are_unjudged_not_wrong(outcomes, demo_dataset):
    ends, _ = outcomes
    values = _values(ends["failed"])
    assert values["acc_strict"] == "NaN"
    assert [float(values[f"acc_strict_{name}"]) for name in ("low", "high")] == [0.0, 1.0]
    assert float(values["acc_strict_n_unjudged"]) == open_dataset(demo_dataset).questions("test").num_rows


# --- the demonstration -------------------------------------------------------------------------------------------------------


def test_the_demonstration_ends_with_a_table_and_leaves_everything_in_its_folder(tmp_path):
    (tmp_path / "home").mkdir()
    command = [sys.executable, "-m", "sarlang_hf.harness.demo", "runs/demo", "--train", "12", "--val", "4", "--size", "64"]
    environment = {**_environment(tmp_path), "HOME": str(tmp_path / "home")}
    for name in ("SARLANG_CACHE", "HF_HOME", "HF_HUB_OFFLINE"):  # the demonstration must see to these itself
        del environment[name]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr

    total = open_dataset(tmp_path / "runs/demo/sarlang-1m").questions("test").num_rows
    table = run.stdout[run.stdout.rindex("accuracy in percent, 95% interval") :]
    for model, folder in (("prior (sees no image)", "prior"), ("tiny random Qwen2.5-VL", "tiny")):
        (scorecard,) = (tmp_path / "runs/demo" / folder).rglob("sarlang_scorecard.json")
        card = read_scorecards(scorecard)["sarlang_vqa"]
        assert (card.overall.n, card.overall.clusters) == (total, 4)
        _, interval, counts = (line.split("  ") for line in table[table.index(model) + len(model) :].splitlines()[:3])
        low, high = (f"{100 * end:.1f}" for end in card.overall.interval)
        assert next(filter(None, interval)).strip() == f"[{low}, {high}]"
        assert next(filter(None, counts)).strip() == f"n={total} on 4"
        assert card.signature in "".join(table.split())

    left = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert {path for path in left if path.parts[:2] != ("runs", "demo")} == set()


# --- real images -----------------------------------------------------------------------------------------------------------


def _sarlang(folder, *argv):
    command = [sys.executable, "-m", "sarlang_hf.cli", *map(str, argv)]
    return subprocess.run(command, cwd=folder, env=_environment(folder), capture_output=True, text=True, check=True).stdout


def test_real_sar_images_from_boxes_to_a_score(realdata, tmp_path):
    """The whole road on 136 real images; it proves the path, and says nothing about models."""
    _sarlang(tmp_path, "build", "sarlang-1m", "--sardet", realdata / "sardet_layout", "--captions", "template")
    assert "136 images" in _sarlang(tmp_path, "verify", "sarlang-1m")
    everything = ["--tasks", "sarlang", "--output_path"]
    prior = ["--model", "sarlang_prior", *everything, "prior"]
    tiny = ["--model", "qwen2_5_vl", "--model_args", TINY, "--limit", "8", *everything, "tiny-out"]
    runs = [{"name": name, "argv": argv, "env": {}} for name, argv in (("prior", prior), ("tiny", tiny))]
    (tmp_path / "runs.json").write_text(json.dumps(runs))  # the dataset is found by its default place, ./sarlang-1m
    command = [sys.executable, Path(__file__).with_name("lmms_eval_runs.py"), "runs.json", "outcomes.json"]
    subprocess.run(command, cwd=tmp_path, env=_environment(tmp_path), check=True)

    asked = open_dataset(tmp_path / "sarlang-1m").questions("test").num_rows
    captioned = open_dataset(tmp_path / "sarlang-1m").captions("test").num_rows
    (scorecard,) = (tmp_path / "prior").rglob("sarlang_scorecard.json")
    card = read_scorecards(scorecard)["sarlang_vqa"]
    assert (card.overall.n, card.overall.clusters, card.overall.n_unjudged) == (asked, 41, 0)
    captions = read_scorecards(scorecard)["sarlang_cap"].by_kind
    assert (set(captions), captions["concise"]["cider"].n) == ({"concise"}, captioned)
    (tiny_card,) = (tmp_path / "tiny-out").rglob("sarlang_scorecard.json")
    assert read_scorecards(tiny_card)["sarlang_vqa"].overall.n == 8

    verdicts = read_verdicts(scorecard.with_name("sarlang_verdicts.parquet"))
    rows = [{"question_id": v.answer.question_id, "prediction": v.answer.prediction} for v in verdicts]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    again = json.loads(_sarlang(tmp_path, "score", "answers.jsonl", "--json"))
    assert again["overall"] == json.loads(json.dumps(card.to_json()))["overall"]
