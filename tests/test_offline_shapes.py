"""The shapes of files that `sarlang score` and `sarlang judge` read, and what is made of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarlang_hf.errors import PredictionsError, UsageError
from sarlang_hf.scoring.own_gold import OwnGold, read_own_gold
from sarlang_hf.scoring.prediction_shapes import read_samples, shape_of
from sarlang_hf.tasks.prompts import vqa_prompt
from sarlang_hf.texts.hints import CLASS_HINT

CAPTION_PROMPT = "Describe the content of this image in one sentence."


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def jsonl(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def sample(task: str = "sarlang_vqa", key: str = "question_id", name: str = "q1", prediction: object = "two", **fields) -> dict:
    first = {"task": task, key: name, "prediction": prediction}
    plain = {"doc_id": 0, "target": "2", "filtered_resps": "two", "doc_hash": "00", "input": "Question: How many?"}
    return {**plain, "acc_strict": first, "acc_strict_low": {"task": task, key: name, "score": 0.0}, **fields}


SHAPES = [
    ("a.jsonl", jsonl({"question_id": "q1", "prediction": "a"}), "questions"),
    ("b.json", "\n\n" + jsonl({"image_id": "coco/1", "prediction": "a", "label": "b"}), "images"),
    ("both.jsonl", jsonl({"image_id": "coco/1", "question_id": "q1", "prediction": "a"}), "questions"),
    ("c.csv", "Question_ID, Prediction\nq1,a\n", "questions"),
    ("d.csv", "\ufeffimage_id,prediction,x,y\ni,a,1,2\n", "images"),
    ("e.csv", "0001.png,a ship,What is it?,ship\n", "official_vqa"),
    ("f.jsonl", jsonl({"label": "a", "predict": "b"}), "official_captions"),
    ("g.jsonl", jsonl({"prompt": "p", "predict": "b", "label": "a"}), "llama_factory"),
    ("h.jsonl", jsonl(sample()), "samples"),
    ("i.jsonl", jsonl(sample("sarlang_cap", "image_id", "coco/1")), "samples"),
    ("other-task.jsonl", jsonl({"doc_id": 0, "exact_match": 1.0}), "questions"),  # its reader says what is missing
    ("three.csv", "a,b,c\n", "questions"),
    ("five.csv", "0001.png,a ship,What is it?,ship,0.93\n", "official_vqa"),
    ("semicolons-inside.csv", "0001.png,a ship; or two,What is it?,ship\n", "official_vqa"),
    ("semicolon-inside.csv", "question_id,prediction; free text\n", "questions"),
]


@pytest.mark.parametrize(("name", "content", "shape"), SHAPES)
def test_the_first_row_tells_the_shape(tmp_path, name, content, shape):
    assert shape_of(written(tmp_path, name, content)) == shape


@pytest.mark.parametrize(
    ("name", "content"), [("a.txt", "x"), ("a.jsonl", ""), ("a.csv", b"\xff"), ("a.jsonl", "[1]"), ("a.csv", "")]
)
def test_a_file_without_a_readable_first_row_is_named(tmp_path, name, content):
    with pytest.raises(PredictionsError) as caught:
        shape_of(written(tmp_path, name, content))
    assert name in caught.value.place


@pytest.mark.parametrize(
    ("content", "separator"),
    [
        ("question_id;prediction\nq1;two\n", "semicolons"),
        ("0001.png;a ship, or two;What is it?;ship\n", "semicolons"),
        ("image_id\tprediction\n", "tabs"),
        ("sep=;\nquestion_id;prediction\n", "semicolons"),
    ],
)
def test_another_separator_than_the_comma_is_named(tmp_path, content, separator):
    with pytest.raises(PredictionsError, match=f"separated by {separator}"):
        shape_of(written(tmp_path, "x.csv", content))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "image_id,question,answer,prediction\ncoco/1,Is it?,yes,no\n"),
        ("x.csv", "image_id,prediction,question,answer\ncoco/1,no,Is it?,yes\n"),
        ("x.jsonl", jsonl({"image_id": "coco/1", "question": "Is it?", "prediction": "no"})),
    ],
)
def test_answers_named_by_their_image_are_not_taken_for_captions(tmp_path, name, content):
    with pytest.raises(PredictionsError, match=r"line 1.*make captions, but there is a question") as caught:
        shape_of(written(tmp_path, name, content))
    assert "question_id" in caught.value.remedy


# --- samples of lmms-eval ----------------------------------------------------------------------------------------------------


def test_samples_give_the_answers_by_id_with_missing_ones(tmp_path):
    rows = [sample(), sample(name="q2", prediction=None), sample(name="q3", prediction="")]
    found = read_samples(written(tmp_path, "x.jsonl", jsonl(*rows)))
    assert (found.task, found.key, found.hinted) == ("sarlang_vqa", "question_id", False)
    assert found.answers == {"q1": "two", "q2": None, "q3": ""}


def test_samples_know_whether_the_prompts_held_hints(tmp_path):
    hinted = vqa_prompt("What is it?", hint=CLASS_HINT)
    assert read_samples(written(tmp_path, "x.jsonl", jsonl(sample(), sample(name="q2", input=hinted)))).hinted


BROKEN_SAMPLES = {
    "another task's": (jsonl(sample(), {"doc_id": 1, "exact_match": 1.0}), "line 2.*no answer to one of the sarlang tasks"),
    "two tasks": (jsonl(sample(), sample("sarlang_vqa_lite", name="q2")), "several tasks: sarlang_vqa, sarlang_vqa_lite"),
    "a question twice": (jsonl(sample(), sample(prediction="three")), "line 2.*'q1' is already in line 1"),
    "a prediction of digits": (jsonl(sample(prediction=2)), "line 1.*prediction is 2, not text"),
    "cut short": (jsonl(sample()) + '{"doc_id": 1, "acc', "line 2.*broken JSON"),
    "an id that is no text": (jsonl(sample(), sample(name=None)), "line 2.*no answer"),
}


@pytest.mark.parametrize("case", sorted(BROKEN_SAMPLES))
def test_samples_that_cannot_be_read_name_the_line(tmp_path, case):
    content, problem = BROKEN_SAMPLES[case]
    with pytest.raises(PredictionsError, match=f"(?s){problem}"):
        read_samples(written(tmp_path, "x.jsonl", content))


# --- the official scripts' files and LLaMA-Factory's -------------------------------------------------------------------------


def read_csv(folder: Path, rows: list[list[str]], **options) -> OwnGold:
    path = folder / "VQA_result.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return read_own_gold(path, "official_vqa", **options)


def test_the_official_csv_is_read_by_position(tmp_path):
    rows = [
        ["0001.png", "3", "How many ships are there in the image?", "three", "one more column"],
        ["0001.png", "", "Where is the ship?", "left"],
        ["SN6_2.tif", "yes\n, it is", "Is there a ship?", "yes"],
        ["", "oval", "What shape is the pond?", "oval"],
    ]
    found = read_csv(tmp_path, rows)
    assert (found.task, found.cluster, found.captions) == ("sarlang_vqa", "image", [])
    assert [(a.image_id, a.question, a.gold, a.prediction) for a in found.answers] == [
        ("0001.png", "How many ships are there in the image?", "three", "3"),
        ("0001.png", "Where is the ship?", "left", ""),
        ("SN6_2.tif", "Is there a ship?", "yes", "yes\n, it is"),
        ("row/000005", "What shape is the pond?", "oval", "oval"),  # the third answer takes two lines
    ]
    assert [(a.type, a.application) for a in found.answers] == [
        ("instance_counting", "instance_counting"),
        ("object_positioning", "object_positioning"),
        ("object_identification", "object_identification"),
        ("general_inquiry", "others"),
    ]
    assert (found.dataset.kind, found.dataset.from_file) == ("custom", True)
    assert len({answer.question_id for answer in found.answers}) == 4


def test_the_same_question_twice_on_an_image_has_two_ids(tmp_path):
    found = read_csv(
        tmp_path, [["a.png", "1", "How many?", "1"], ["a.png", "2", "How many?", "2"], ["a.png", "2", "How many?", "2"]]
    )
    assert len({answer.question_id for answer in found.answers}) == 3


def test_answers_to_the_same_file_belong_together_whatever_was_answered(tmp_path):
    rows = [["a.png", "x", "Where is it?", "left"], ["b.png", "x", "Is it?", "yes"]]
    first = read_csv(tmp_path, rows)
    other_answers = read_csv(tmp_path, [[image, "no", *rest] for image, _, *rest in reversed(rows)])
    other_gold = read_csv(tmp_path, [[*rows[0][:3], "right"], rows[1]])
    assert other_answers.dataset == first.dataset
    assert {a.question_id for a in other_answers.answers} == {a.question_id for a in first.answers}
    assert other_gold.dataset != first.dataset


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a.png,x,Is it?,yes\nb.png,x,Is it?\n", "line 2.*3 fields, not image"),
        *[
            (f"{header}\na.png,x,Is it?,yes\n", "line 1.*looks like a header")
            for header in (
                "Image, Predict, Question, Ground Truth",
                "question_id,image_id,question,answer",
                "id,prediction,question,answer",
                "image_name,predicted_answer,question,ground_truth",
                "uid,text,query,gold",
                "a,b,QUESTION,d,e",
                "name,Model Output,asked,wanted",
            )
        ],
        ('a.png,x,Is it?,yes\nb.png,"x,Is it?,yes\n', "line 2.*broken CSV"),
    ],
)
def test_an_official_csv_that_would_mix_up_answers_is_refused(tmp_path, content, problem):
    path = written(tmp_path, "x.csv", content)
    with pytest.raises(PredictionsError, match=f"(?s){problem}"):
        read_own_gold(path, "official_vqa")


@pytest.mark.parametrize(
    "row",
    [
        ["image", "no answer", "Is there an answer?", "no"],
        ["image_1.png", "three", "Count ships", "3"],
        ["a.png", "yes", "Count ships", "2"],
        ["", "", "", ""],
    ],
)
def test_a_first_row_of_answers_is_no_header(tmp_path, row):
    assert [(answer.prediction, answer.gold) for answer in read_csv(tmp_path, [row]).answers] == [(row[1], row[3])]


def test_official_captions_are_rows_of_their_own(tmp_path):
    rows = [{"label": "two ships", "predict": "a ship"}, {"label": "two ships", "predict": None, "x": 1}]
    found = read_own_gold(written(tmp_path, "x.jsonl", jsonl(*rows)), "official_captions")
    assert (found.task, found.cluster, found.answers) == ("sarlang_cap", "row", [])
    assert [(c.image_id, c.kind, c.reference, c.prediction) for c in found.captions] == [
        ("row/000001", "any", "two ships", "a ship"),
        ("row/000002", "any", "two ships", None),
    ]
    concise = read_own_gold(tmp_path / "x.jsonl", "official_captions", task="sarlang_cap_concise")
    assert [caption.kind for caption in concise.captions] == ["concise", "concise"]


CHAT = "system\nYou are a helpful assistant.\nuser\n{}\nassistant\n"


def test_llama_factory_s_prompts_tell_question_or_caption(tmp_path):
    asked = vqa_prompt("Where is the ship positioned within the image?")
    questions = [{"prompt": CHAT.format(asked), "predict": "left", "label": "left"}]
    found = read_own_gold(written(tmp_path, "q.jsonl", jsonl(*questions)), "llama_factory")
    assert [(a.question, a.type) for a in found.answers] == [
        ("Where is the ship positioned within the image?", "object_positioning")
    ]
    assert (found.task, found.cluster) == ("sarlang_vqa", "row")
    captions = [{"prompt": CHAT.format(CAPTION_PROMPT), "predict": "a", "label": "b"}]
    assert read_own_gold(written(tmp_path, "c.jsonl", jsonl(*captions)), "llama_factory").task == "sarlang_cap"
    with pytest.raises(UsageError, match="prompts of captions and others"):
        read_own_gold(written(tmp_path, "m.jsonl", jsonl(*questions, *captions)), "llama_factory")
    told = read_own_gold(tmp_path / "m.jsonl", "llama_factory", task="sarlang_cap_complex")
    assert [caption.kind for caption in told.captions] == ["complex", "complex"]


@given(st.text(min_size=1).filter(lambda text: ". Answer the question concisely." not in text))
def test_any_question_is_found_again_in_its_prompt(tmp_path_factory, question):
    path = tmp_path_factory.getbasetemp() / "prompt.jsonl"
    path.write_text(jsonl({"prompt": CHAT.format(vqa_prompt(question)), "predict": "", "label": ""}))
    assert read_own_gold(path, "llama_factory", task="sarlang_vqa").answers[0].question == question


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"predict": "a", "label": None}, "label is null"),
        ({"predict": 3, "label": "a"}, "predict is 3, not text"),
        ({"predict": "a"}, "no label"),
        ({"label": "a"}, "no predict"),
    ],
)
def test_captions_without_text_name_the_line(tmp_path, record, problem):
    path = written(tmp_path, "x.jsonl", jsonl({"label": "a", "predict": "b"}, record))
    with pytest.raises(PredictionsError, match=f"(?s)line 2.*{problem}"):
        read_own_gold(path, "official_captions")


@pytest.mark.parametrize(
    ("name", "content", "shape", "task"),
    [
        ("x.csv", "a.png,x,Is it?,yes\n", "official_vqa", "sarlang_cap"),
        ("x.csv", "a.png,x,Is it?,yes\n", "official_vqa", "sarlang_vqa_lite"),
        ("x.jsonl", jsonl({"label": "a", "predict": "b"}), "official_captions", "sarlang_vqa"),
        ("x.jsonl", jsonl({"prompt": "", "label": "a", "predict": "b"}), "llama_factory", "sarlang_cap_rgb"),
    ],
)
def test_a_task_that_the_file_cannot_be_scored_as_is_refused(tmp_path, name, content, shape, task):
    with pytest.raises(UsageError, match=f"cannot be scored as {task}"):
        read_own_gold(written(tmp_path, name, content), shape, task=task)
