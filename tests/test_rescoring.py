"""`sarlang score` and `sarlang judge` on every shape of file, from the command line to the files and the exit code."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from judge_server import JudgeServer, serving

import sarlang_hf.scoring.captions as metrics
from sarlang_hf.cli import sarlang
from sarlang_hf.cli.scoring_options import TASKS
from sarlang_hf.data import DatasetFolder, open_dataset
from sarlang_hf.errors import DatasetNotFoundError, PredictionsError, UsageError
from sarlang_hf.scoring.answers import FAILED_REQUEST, JUDGES, PROTOCOLS
from sarlang_hf.scoring.caption_rows import read_captions
from sarlang_hf.scoring.offline import Part, Setting, judge_predictions
from sarlang_hf.scoring.scorecard import SCORECARD_FILE, read_scorecards, write_scorecards
from sarlang_hf.scoring.verdicts import VERDICTS_FILE, read_verdicts, write_verdicts
from sarlang_hf.tasks.views import VIEWS, choose


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SARLANG_JUDGE", "SARLANG_PROTOCOL", "SARLANG_DATASET", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SARLANG_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def dataset(demo_dataset: Path) -> DatasetFolder:
    return open_dataset(demo_dataset)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(sarlang, [str(argument) for argument in arguments])


def jsonl(path: Path, *records: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def record_of(result: Result) -> dict:
    assert result.exit_code in (0, 3), result.output
    return json.loads(result.stdout)


def test_the_tasks_on_offer_are_those_there_are():
    assert set(TASKS) == set(VIEWS)
    for command in ("score", "judge"):
        options = {option.name: option.type for option in sarlang.commands[command].params}
        assert tuple(options["protocol"].choices) == PROTOCOLS
        assert {"judge_model", "max_usd", "verdict_store", "batch"} <= set(options)
    judge = next(option for option in sarlang.commands["score"].params if "--judge" in option.opts)
    assert tuple(judge.type.choices) == JUDGES


# --- captions -----------------------------------------------------------------------------------------------------------------


def captioned(dataset: DatasetFolder) -> dict[str, str]:
    """Each image's first concise caption."""
    return {
        image["image_id"]: next(caption["text"] for caption in image["captions"] if caption["kind"] == "concise")
        for image in dataset.captions("test").to_pylist()
        if any(caption["kind"] == "concise" for caption in image["captions"])
    }


@pytest.fixture
def captions(tmp_path: Path, dataset: DatasetFolder) -> Path:
    found = captioned(dataset)
    return jsonl(tmp_path / "captions.jsonl", *({"image_id": name, "prediction": text} for name, text in found.items()))


def test_captions_are_scored_against_every_reference_with_the_dataset_s_frequencies(tmp_path, dataset, captions):
    result = run("score", captions, "--dataset", dataset.path, "--out", tmp_path / "run", "--json")
    record = record_of(result)
    references = [(image["image_id"], caption) for image in dataset.captions("test").to_pylist() for caption in image["captions"]]
    told = captioned(dataset)
    for kind in ("complex", "concise"):
        own = [(told.get(image, ""), caption["text"]) for image, caption in references if caption["kind"] == kind]
        whole = metrics.score(*map(list, zip(*own, strict=True)))
        found = record["by_kind"][kind]
        assert (found["cider"]["low"], found["bleu_4"]["low"]) == pytest.approx((whole.cider, whole.bleu[3]), abs=1e-9)
        assert f"{kind}:{dataset.document_frequency(kind).digest}" in record["signature"]
    rows = read_captions(tmp_path / "run" / "sarlang_captions.parquet")
    assert sorted(row.answer.caption_id for row in rows) == sorted(caption["caption_id"] for _, caption in references)
    written = read_scorecards(tmp_path / "run" / SCORECARD_FILE)["sarlang_cap"]
    assert json.loads(json.dumps(written.to_json())) == record


def test_a_part_of_the_captions_scores_them_as_the_whole_does(dataset, captions):
    whole = record_of(run("score", captions, "--dataset", dataset.path, "--json"))
    part = record_of(run("score", captions, "--dataset", dataset.path, "--task", "sarlang_cap_concise", "--json"))
    assert set(part["by_kind"]) == {"concise"}
    assert part["by_kind"]["concise"] == whole["by_kind"]["concise"]


def test_missing_captions_end_with_3_and_a_failed_request_is_one(tmp_path, dataset):
    found = list(captioned(dataset).items())
    found[0] = (found[0][0], f"{FAILED_REQUEST}: timeout]")
    path = jsonl(tmp_path / "c.jsonl", *({"image_id": name, "prediction": text} for name, text in found[:-1]))
    result = run("score", path, "--dataset", dataset.path, "--task", "sarlang_cap_concise")
    assert result.exit_code == 3
    lost = {found[0][0], found[-1][0]}
    rows = sum(
        caption["kind"] == "concise"
        for image in dataset.captions("test").to_pylist()
        for caption in image["captions"]
        if image["image_id"] in lost
    )
    assert f"Incomplete: sarlang_cap_concise: {rows} references have no prediction." in result.stderr
    assert any("concise CIDEr" in line and " low " in line for line in map(" ".join, map(str.split, result.stdout.splitlines())))


def test_the_table_of_captions_ends_with_the_signature(dataset, captions):
    result = run("score", captions, "--dataset", dataset.path)
    for word in ("complex", "concise", "BLEU-4", "CIDEr", "length", "sardet100k"):
        assert word in result.stdout
    assert result.stdout.splitlines()[-1].startswith("sarlang_cap@1.0|cap:tok=none|")


def test_captions_of_an_unknown_image_are_refused(tmp_path, dataset):
    path = jsonl(tmp_path / "c.jsonl", {"image_id": "coco/none", "prediction": "a"})
    caught = run("score", path, "--dataset", dataset.path).exception
    assert isinstance(caught, PredictionsError)
    assert "1 image_id not in the test split of the dataset: line 1 'coco/none'" in caught.problem


def test_a_task_that_a_dataset_has_no_images_for_is_refused(dataset, captions):
    assert isinstance(
        run("score", captions, "--dataset", dataset.path, "--task", "sarlang_cap_rgb").exception, DatasetNotFoundError
    )


@pytest.mark.parametrize(
    ("options", "place"),
    [(["--profile", "coco", "--out", "x"], "--out"), (["--meteor"], "--meteor"), (["--cluster", "scene"], "")],
)
def test_caption_options_that_contradict_each_other_are_refused(dataset, captions, options, place):
    result = run("score", captions, "--dataset", dataset.path, *options)
    assert result.exit_code == 2 if not place else isinstance(result.exception, UsageError) and result.exception.place == place


# --- files with references of their own ---------------------------------------------------------------------------------------


def test_the_official_captions_file_gives_what_the_official_script_prints(tmp_path):
    pairs = [
        ("two ships near a harbor", "two ships at the harbor ."),
        ("a  bridge\nover water", "a bridge"),
        ("A city", "a city"),
    ]
    path = jsonl(tmp_path / "Caption_result.jsonl", *({"label": label, "predict": said} for label, said in pairs))
    record = record_of(run("score", path, "--json"))
    whole = metrics.score([said for _, said in pairs], [label for label, _ in pairs])
    found = record["by_kind"]["any"]
    scores = [found[name]["value"] for name in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider")]
    assert scores == pytest.approx([*whole.bleu, whole.rouge_l, whole.cider], abs=1e-9)
    assert "|df=any:items|v1|cluster=row|data=file:" in record["signature"]
    assert (record["dataset"]["kind"], record["cluster"]) == ("custom", "row")


def test_the_official_captions_file_agrees_with_pycocoevalcap(tmp_path):
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu", reason="the official script's metrics")
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    pairs = [
        ("two ships near a harbor .", "two ships at the harbor ."),
        ("a bridge over water", "a bridge over a river"),
        ("A", "b"),
    ]
    path = jsonl(tmp_path / "Caption_result.jsonl", *({"label": label, "predict": said} for label, said in pairs))
    gold, said = ({i: [pair[side]] for i, pair in enumerate(pairs)} for side in (0, 1))
    found = record_of(run("score", path, "--json"))["by_kind"]["any"]
    theirs = [
        *bleu.Bleu(4).compute_score(gold, said, verbose=0)[0],
        Rouge().compute_score(gold, said)[0],
        Cider().compute_score(gold, said)[0],
    ]
    ours = [found[name]["value"] for name in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider")]
    assert ours == pytest.approx([100 * value for value in theirs], abs=1e-9)


def official_csv(path: Path) -> Path:
    rows = [
        ("a.png", "There are 10 ships", "How many ships?", "1"),
        ("a.png", "an oval one", "What shape is the pond?", "oval"),
        ("b.png", "round", "What shape is the pond?", "oval"),
        ("b.png", f"{FAILED_REQUEST}]", "Is there a ship?", "yes"),
    ]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_the_official_csv_is_scored_without_a_dataset_and_clustered_by_its_images(tmp_path):
    result = run("score", official_csv(tmp_path / "VQA_result.csv"), "--protocol", "released", "--json")
    assert result.exit_code == 3
    record = json.loads(result.stdout)
    assert (record["overall"]["n"], record["overall"]["clusters"], record["overall"]["n_unjudged"]) == (4, 2, 2)
    assert (record["overall"]["low"], record["overall"]["n_missing"]) == (2 / 4, 1)
    assert record["protocols"]["strict"]["low"] == 0  # 10 ships are not 1, and 'oval' is a judge's matter
    assert "|cluster=image|data=file:" in record["signature"]


def test_rows_without_an_image_are_clusters_of_their_own_and_have_no_places(tmp_path):
    rows = [
        {"prompt": "Question: Where is it?. Answer the question concisely.", "predict": side, "label": "left"}
        for side in ("left", "top")
    ]
    path = jsonl(tmp_path / "generated_predictions.jsonl", *rows)
    record = record_of(run("score", path, "--json"))
    assert (record["overall"]["value"], record["overall"]["clusters"], record["cluster"]) == (0.5, 2, "row")
    assert "names no places" in run("score", path, "--cluster", "place").exception.problem
    assert "for captions" in run("score", path, "--profile", "coco").exception.remedy


# --- samples of a run, and its judge ------------------------------------------------------------------------------------------


def open_answers(dataset: DatasetFolder) -> dict[str, str]:
    """The reference for every question but three, which only a judge can decide."""
    questions = dataset.questions("test").to_pylist()
    told = {row["question_id"]: row["answer"] for row in questions}
    return told | dict.fromkeys(list(told)[:3], "hard to say")


def logged(folder: Path, answers: dict[str, str | None], task: str = "sarlang_vqa") -> Path:
    """A sample file as lmms-eval 0.7.3 writes it."""
    rows = [
        {
            "doc_id": number,
            "target": "",
            "filtered_resps": prediction,
            "doc_hash": "0",
            "acc_strict": {"task": task, "question_id": name, "prediction": prediction},
            "acc_strict_low": {"task": task, "question_id": name, "score": 0.0},
            "input": "Question: ...",
        }
        for number, (name, prediction) in enumerate(answers.items())
    ]
    return jsonl(folder / f"20261120_101500_samples_{task}.jsonl", *rows)


@pytest.fixture
def samples(tmp_path: Path, dataset: DatasetFolder) -> Path:
    """The samples of a finished run of a model that saw grey images, with the files that the run itself wrote."""
    path = logged(tmp_path / "runs" / "tiny", open_answers(dataset))
    judged = judge_predictions(
        dataset, open_answers(dataset), protocol="paper", setting=Setting(vision="grey", model="tiny,revision=1")
    )
    card = replace(judged.scorecard, extra={"hints": "on"})
    write_scorecards(path.parent / "20261120_101500_sarlang" / SCORECARD_FILE, {"sarlang_vqa": card})
    return path


def test_score_reads_the_samples_of_a_run(dataset, samples):
    record = record_of(run("score", samples, "--dataset", dataset.path, "--protocol", "strict", "--json"))
    n = len(open_answers(dataset))
    assert (record["task"], record["overall"]["n"], record["overall"]["n_unjudged"]) == ("sarlang_vqa", n, 3)
    assert (record["vision"], record["model"], record["extra"]) == ("grey", "tiny,revision=1", {"hints": "on"})
    assert record["signature"].endswith(f"|vision=grey|hints=on|n={n}/{n}")


def test_questions_that_a_limited_run_never_asked_are_not_missing(tmp_path, dataset):
    answers = open_answers(dataset)
    path = logged(tmp_path, dict(list(answers.items())[-5:]))
    result = run("score", path, "--dataset", dataset.path, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["overall"]["n"] == 5
    assert json.loads(result.stdout)["signature"].endswith(f"|n=5/{len(answers)}")
    assert "no scorecard of its run" in result.stderr


def test_samples_of_another_task_or_dataset_are_refused(tmp_path, dataset, plain_dataset, samples):
    assert "leave --task out" in run("score", samples, "--task", "sarlang_cap", "--dataset", dataset.path).exception.remedy
    assert isinstance(run("score", samples, "--dataset", plain_dataset).exception, UsageError)
    other = logged(tmp_path / "x", open_answers(dataset), "vqav2")
    assert "'vqav2'" in run("score", other, "--dataset", dataset.path).exception.problem


def judge(samples: Path, dataset: DatasetFolder, server: JudgeServer, *options: object) -> Result:
    return run("judge", samples, "--dataset", dataset.path, "--judge-url", server.url, "--judge-model", "local", *options)


def test_judging_logged_samples_finishes_the_run_in_its_own_folder(dataset, samples):
    folder = samples.parent / "20261120_101500_sarlang"
    with serving(JudgeServer(verdict=lambda text: "hard to say" not in text)) as server:
        result = judge(samples, dataset, server)
        calls = server.completed
        again = judge(samples, dataset, server)
        assert server.completed == calls > 0
    assert (result.exit_code, again.exit_code) == (0, 0), result.output
    card = read_scorecards(folder / SCORECARD_FILE)["sarlang_vqa"]
    n = len(open_answers(dataset))
    assert card.overall.value == (n - 3) / n
    name = server.name("local")
    assert (card.protocol, card.judge, card.vision, card.model) == ("paper", name, "grey", "tiny,revision=1")
    verdicts = read_verdicts(folder / VERDICTS_FILE)
    assert {(verdict.rule, verdict.judge) for verdict in verdicts} == {("judge", name)}
    assert card.signature in again.stdout


def test_a_judge_that_fails_leaves_a_range_and_exit_code_3_until_the_same_command_has_finished(dataset, samples):
    server = JudgeServer(say=lambda _text: "I would rather not")
    with serving(server):
        result = judge(samples, dataset, server, "--protocol", "strict")
        assert result.exit_code == 3
        assert f"Incomplete: sarlang_vqa: 3 of {len(open_answers(dataset))} answers have no verdict." in result.stderr
        assert "unparsable" in result.stderr
        assert "The same command" in result.stderr
        card = read_scorecards(samples.parent / "20261120_101500_sarlang" / SCORECARD_FILE)["sarlang_vqa"]
        assert (card.overall.value, card.rules["judge:unparsable"]) == (None, 3)
        server.say = lambda _text: None
        assert judge(samples, dataset, server, "--protocol", "strict").exit_code == 0


def test_missing_predictions_keep_a_judged_run_incomplete(tmp_path, dataset):
    answers = open_answers(dataset)
    path = logged(tmp_path, answers | dict.fromkeys(list(answers)[-2:], None))
    with serving(JudgeServer()) as server:
        result = judge(path, dataset, server, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert f"2 of {len(answers)} questions have no prediction." in result.stderr
    assert (tmp_path / "out" / VERDICTS_FILE).exists()


def test_judge_prints_scorecards_by_file_and_writes_nothing_where_no_run_is(tmp_path, dataset):
    path = official_csv(tmp_path / "VQA_result.csv")
    with serving(JudgeServer(verdict=lambda text: '"oval"' in text)) as server:
        result = judge(path, dataset, server, "--json")
    record = json.loads(result.stdout)[str(path)]
    assert (record["judge"], record["overall"]["n_unjudged"]) == (server.name("local"), 1)
    assert "nothing is written" in result.stderr
    assert {file.name for file in tmp_path.iterdir()} <= {"VQA_result.csv", "cache"}


def test_the_cap_holds_for_all_files_together(tmp_path, dataset):
    """Two files whose three open answers cost at most so much: enough for one of them."""
    answers = open_answers(dataset)
    paths = [logged(tmp_path / name, {key: f"{text} {name}" if text == "hard to say" else text for key, text in answers.items()})
             for name in ("a", "b")]  # fmt: skip
    prices = tmp_path / "prices.yaml"
    prices.write_text("models: {local: {input: 1000, output: 0}}\n")
    with serving(JudgeServer(usage={"prompt_tokens": 1000, "completion_tokens": 1})) as server:
        common = ["--prices", prices, "--max-usd", "4"]  # three calls cost 3 dollars
        result = run("judge", *paths, "--dataset", dataset.path, "--judge-url", server.url, "--judge-model", "local", *common)
        assert server.completed == 3
    assert isinstance(result.exception, UsageError)
    assert "more than the $1 " in str(result.exception)


def lite_answers(dataset: DatasetFolder) -> dict[str, str]:
    rows = choose(dataset, "sarlang_vqa_lite").rows
    questions = dataset.questions("test")
    return {row["question_id"]: row["answer"] for row in (questions if rows is None else questions.take(rows)).to_pylist()}


def test_the_cap_holds_for_all_protocols_together(tmp_path, dataset):
    """Runs of two protocols have two judges; what one of them has spent the other lacks."""
    answers = dict(list(open_answers(dataset).items())[:3])
    paths = [logged(tmp_path / protocol, answers) for protocol in ("strict", "paper")]
    for path in paths:
        judged = judge_predictions(dataset, answers, protocol=path.parent.name, setting=Setting(partial=True))
        write_scorecards(path.parent / "20261120_101500_sarlang" / SCORECARD_FILE, {"sarlang_vqa": judged.scorecard})
    prices = tmp_path / "prices.yaml"
    prices.write_text("models: {local: {input: 1000, output: 0}}\n")
    with serving(JudgeServer(usage={"prompt_tokens": 1000, "completion_tokens": 1})) as server:
        common = ["--prices", prices, "--max-usd", "3.1"]  # three calls cost 3 dollars
        result = run("judge", *paths, "--dataset", dataset.path, "--judge-url", server.url, "--judge-model", "local", *common)
        assert server.completed == 3
    assert "more than the $0.1 " in str(result.exception)


def test_two_runs_of_one_task_are_not_written_into_one_folder(tmp_path, dataset, samples):
    other = logged(tmp_path / "other", open_answers(dataset))
    folder = samples.parent / "20261120_101500_sarlang"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with serving(JudgeServer()) as server:
        common = ["--dataset", dataset.path, "--judge-url", server.url, "--judge-model", "local"]
        for arguments in ([samples, other, "--out", tmp_path / "out"], [samples, samples.parent / "x" / ".." / samples.name]):
            (samples.parent / "x").mkdir(exist_ok=True)
            caught = run("judge", *arguments, *common).exception
            assert isinstance(caught, UsageError)
            assert "would overwrite the sarlang_vqa of" in caught.problem
        assert server.asked == 0
        part = logged(tmp_path / "part", lite_answers(dataset), "sarlang_vqa_lite")
        assert run("judge", samples, part, "--out", tmp_path / "out", *common).exit_code == 0
    assert set(read_scorecards(tmp_path / "out" / SCORECARD_FILE)) == {"sarlang_vqa", "sarlang_vqa_lite"}
    assert before == {path: path.read_bytes() for path in folder.iterdir()}


# --- runs by their own files ---------------------------------------------------------------------------------------------------


@pytest.fixture
def finished(tmp_path: Path, dataset: DatasetFolder) -> Path:
    """The folder of a blind run of two tasks with an unusual card, without samples; a prediction is missing."""
    folder = tmp_path / "runs" / "tiny" / "20261120_101500_sarlang"
    answers = open_answers(dataset)
    missing: dict[str, str | None] = answers | {list(answers)[-1]: None}
    for task, told, protocol in (
        ("sarlang_vqa", missing, "strict"),
        ("sarlang_vqa_rgb", dict(list(answers.items())[:9]), "paper"),
    ):
        part = Part(task, extra={"hints": "on"})
        setting = Setting(vision="none", model="tiny,revision=1", cluster="place", partial=True)
        judged = judge_predictions(dataset, told, protocol=protocol, part=part, setting=setting)
        write_verdicts(folder / VERDICTS_FILE, judged.verdicts)
        write_scorecards(folder / SCORECARD_FILE, {task: judged.scorecard})
    return folder


def judge_run_folder(path: Path, server: JudgeServer, *options: object) -> Result:
    return run("judge", path, "--judge-url", server.url, "--judge-model", "local", *options)


def test_a_run_is_finished_from_its_own_files_in_its_own_setting(dataset, finished):
    before = read_scorecards(finished / SCORECARD_FILE)
    with serving(JudgeServer(verdict=lambda text: "hard to say" not in text)) as server:
        result = judge_run_folder(finished, server)
        calls = server.completed
        again = judge_run_folder(finished.parent / "20261120_101500_sarlang" / VERDICTS_FILE, server, "--json")
        assert server.completed == calls > 0
    assert (result.exit_code, again.exit_code) == (3, 3)
    n = len(open_answers(dataset))
    assert f"Incomplete: sarlang_vqa: 1 of {n} questions have no prediction." in result.stderr
    cards = read_scorecards(finished / SCORECARD_FILE)
    for task, card in cards.items():
        old = before[task]
        assert (card.vision, card.model, card.extra) == ("none", "tiny,revision=1", {"hints": "on"})
        assert (card.protocol, card.cluster, card.dataset, card.judge) == (
            old.protocol,
            "place",
            old.dataset,
            server.name("local"),
        )
        assert card.signature.rpartition("|")[2] == old.signature.rpartition("|")[2]
    assert (cards["sarlang_vqa"].overall.low, cards["sarlang_vqa_rgb"].overall.value) == ((n - 4) / n, 6 / 9)
    assert cards["sarlang_vqa_rgb"].signature.endswith(f"|n=9/{n}")
    assert {verdict.verdict for verdict in read_verdicts(finished / VERDICTS_FILE) if verdict.rule != "missing"} == {True, False}
    assert set(json.loads(again.stdout)) == {str(finished / task) for task in cards}


def test_one_task_of_a_run_may_be_judged_alone_and_under_another_protocol(finished):
    before = read_scorecards(finished / SCORECARD_FILE)
    with serving(JudgeServer()) as server:
        result = judge_run_folder(finished.parent.parent, server, "--task", "sarlang_vqa_rgb", "--protocol", "released")
    assert result.exit_code == 0, result.output
    cards = read_scorecards(finished / SCORECARD_FILE)
    assert cards["sarlang_vqa"] == before["sarlang_vqa"]
    assert (cards["sarlang_vqa_rgb"].protocol, cards["sarlang_vqa_rgb"].cluster) == ("released", "place")


def test_score_reads_a_run_and_leaves_it_as_it_is(finished):
    before = {path: path.read_bytes() for path in finished.iterdir()}
    assert "choose one with --task: sarlang_vqa, sarlang_vqa_rgb" in run("score", finished).exception.remedy
    record = json.loads(run("score", finished, "--task", "sarlang_vqa", "--cluster", "image", "--json").stdout)
    assert (record["vision"], record["cluster"], record["overall"]["n_missing"]) == ("none", "image", 1)
    assert before == {path: path.read_bytes() for path in finished.iterdir()}


def test_a_run_of_references_of_its_own_keeps_its_rows(tmp_path):
    out = tmp_path / "out"
    run("score", official_csv(tmp_path / "VQA_result.csv"), "--out", out)
    with serving(JudgeServer(verdict=lambda text: '"oval"' in text)) as server:
        assert judge_run_folder(out, server).exit_code == 3
    card = read_scorecards(out / SCORECARD_FILE)["sarlang_vqa"]
    assert (card.dataset.from_file, card.overall.n_unjudged, card.overall.n_missing) == (True, 1, 1)
    assert "names no places" in run("score", out, "--cluster", "place").exception.problem


def test_a_run_on_another_dataset_than_the_one_named_is_refused(finished, plain_dataset):
    result = run("score", finished, "--task", "sarlang_vqa", "--dataset", plain_dataset)
    assert "belongs to a run on dataset" in result.exception.problem


def spoil(finished: Path, what: str) -> None:
    card, verdicts = read_scorecards(finished / SCORECARD_FILE), read_verdicts(finished / VERDICTS_FILE)
    if what == "no scorecard":
        (finished / SCORECARD_FILE).write_text("{}")
    elif what == "no verdicts":
        (finished / VERDICTS_FILE).unlink()
    elif what == "a question twice":
        write_verdicts(finished / VERDICTS_FILE, [*(verdict for verdict in verdicts if verdict.task == "sarlang_vqa")] * 2)
    elif what == "no reference":
        told = [replace(verdict, answer=replace(verdict.answer, gold=None)) for verdict in verdicts]
        write_verdicts(finished / VERDICTS_FILE, told)
    elif what == "an absurd number":
        cards = {task: replace(found, signature="x|n=1/1") for task, found in card.items()}
        write_scorecards(finished / SCORECARD_FILE, cards)


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("no scorecard", "holds no scorecard of sarlang_vqa"),
        ("no verdicts", "holds no run"),
        ("a question twice", "two answers to one question"),
        ("no reference", "without question or reference"),
        ("an absurd number", "counts 1 questions of sarlang_vqa"),
    ],
)
def test_a_run_whose_files_do_not_fit_is_refused_before_anything_is_asked(finished, what, problem):
    spoil(finished, what)
    with serving(JudgeServer()) as server:
        caught = judge_run_folder(finished, server).exception
        assert server.asked == 0
    assert isinstance(caught, UsageError)
    assert problem in caught.problem


def test_a_run_of_captions_alone_has_nothing_for_a_judge(tmp_path, dataset, captions):
    run("score", captions, "--dataset", dataset.path, "--out", tmp_path / "run")
    with serving(JudgeServer()) as server:
        caught = judge_run_folder(tmp_path / "run", server).exception
    assert "holds no sarlang_verdicts.parquet" in caught.problem


def test_a_csv_of_images_says_that_it_is_read_as_captions(tmp_path, dataset):
    path = tmp_path / "answers.csv"
    path.write_text("image_id,prediction\nsomewhere/1,yes\n")
    caught = run("score", path, "--dataset", dataset.path).exception
    assert "image_id and prediction in answers.csv make captions" in caught.problem
    assert "answers are named by question_id" in caught.remedy


def test_captions_are_nothing_for_a_judge(dataset, captions):
    with serving(JudgeServer()) as server:
        caught = judge(captions, dataset, server).exception
        assert server.asked == 0
    assert isinstance(caught, UsageError)
    assert "sarlang score" in caught.remedy
