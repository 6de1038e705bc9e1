"""Caption metrics: equal to pycocoevalcap, frozen frequencies, hostile texts, Java that is missing or dies."""

from __future__ import annotations

import doctest
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring import captions as caption_metrics
from sarlang_hf.scoring.captions import CaptionScores, bleu_from_statistics, java, java_runtime, score
from sarlang_hf.scoring.captions.ptb import tokenize
from sarlang_hf.scoring.captions.rouge import longest_common_subsequence
from sarlang_hf.scoring.captions.scores import measure
from sarlang_hf.texts.document_frequency import DocumentFrequency, count_document_frequency

GOLDEN = json.loads((Path(__file__).parent / "golden/captions.json").read_text())
OFFICIAL, COCO = GOLDEN["official"], GOLDEN["coco"]
SAME = {"rel": 0, "abs": 1e-9}


@pytest.fixture(scope="module")
def toolkit() -> SimpleNamespace:
    """The metrics of pycocoevalcap, for tests that run it beside ours."""
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu", reason="pycocoevalcap is not installed: extra `java`")
    rouge, cider = (pytest.importorskip(f"pycocoevalcap.{name}.{name}") for name in ("rouge", "cider"))
    return SimpleNamespace(Bleu=bleu.Bleu, Rouge=rouge.Rouge, Cider=cider.Cider)


@pytest.fixture(scope="module")
def java_tools(toolkit: SimpleNamespace) -> None:  # noqa: ARG001
    """Skips where the toolkit's Java programs cannot run."""
    if shutil.which("java") is None:
        pytest.skip("no Java on this machine")


@pytest.fixture(scope="module")
def frozen() -> DocumentFrequency:
    return count_document_frequency(OFFICIAL["references"])


@pytest.fixture(scope="module")
def whole(frozen) -> CaptionScores:
    return score(OFFICIAL["predictions"], OFFICIAL["references"], document_frequency=frozen)


# Against pycocoevalcap


def test_official_profile_is_pycocoevalcap_on_every_item():
    scores = score(OFFICIAL["predictions"], OFFICIAL["references"])
    assert scores.bleu == pytest.approx(100 * np.array(OFFICIAL["bleu"]), **SAME)
    assert scores.item_bleu == pytest.approx(100 * np.array(OFFICIAL["item_bleu"]), **SAME)
    assert scores.item_rouge_l == pytest.approx(100 * np.array(OFFICIAL["item_rouge_l"]), **SAME)
    assert scores.item_cider == pytest.approx(100 * np.array(OFFICIAL["item_cider"]), **SAME)
    assert (scores.rouge_l, scores.cider) == pytest.approx((100 * OFFICIAL["rouge_l"], 100 * OFFICIAL["cider"]), **SAME)
    assert scores.n == len(OFFICIAL["predictions"])


def test_several_references_are_pycocoevalcaps_on_every_image():
    found = measure(COCO["tokenized_predictions"], COCO["tokenized_references"])
    assert bleu_from_statistics(found.bleu_statistics) == pytest.approx(100 * np.array(COCO["item_bleu"]), **SAME)
    assert bleu_from_statistics(found.bleu_statistics.sum(axis=0)) == pytest.approx(100 * np.array(COCO["bleu"]), **SAME)
    assert found.rouge_l == pytest.approx(100 * np.array(COCO["item_rouge_l"]), **SAME)
    assert found.cider == pytest.approx(100 * np.array(COCO["item_cider"]), **SAME)


PIECES = ["a", "b", "c", "A", "b.", "é", "\U0001f6a2", " ", " ", " ", "  ", "\n", "\t", "\r", "\u00a0", "\u2003", "\x1c", "\x85"]
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def expected_from(toolkit, predictions, references):
    wanted, found = dict(enumerate(references)), {item: [text] for item, text in enumerate(predictions)}
    bleu, item_bleu = toolkit.Bleu(4).compute_score(wanted, found, verbose=0)
    rouge, item_rouge = toolkit.Rouge().compute_score(wanted, found)
    if any(text.split() for of_item in references for text in of_item):
        cider, item_cider = toolkit.Cider().compute_score(wanted, found)
    else:  # it fails where no reference holds a word
        cider, item_cider = 0.0, np.zeros(len(predictions))
    scores = (bleu, item_bleu, rouge, item_rouge, cider, item_cider)
    return [100 * np.array(values, dtype=np.float64) for values in scores]


@given(rows=st.lists(st.tuples(texts, texts), min_size=1, max_size=6))
def test_any_rows_score_as_in_pycocoevalcap(toolkit, rows):
    predictions, references = map(list, zip(*rows, strict=True))
    bleu, item_bleu, rouge, item_rouge, cider, item_cider = expected_from(toolkit, predictions, [[text] for text in references])
    ours = score(predictions, references)
    assert ours.bleu == pytest.approx(bleu, **SAME)
    assert ours.item_bleu == pytest.approx(item_bleu.T, **SAME)
    assert ours.item_rouge_l == pytest.approx(item_rouge, **SAME)
    assert ours.item_cider == pytest.approx(item_cider, **SAME)
    assert (ours.rouge_l, ours.cider) == pytest.approx((float(rouge), float(cider)), **SAME)


@given(items=st.lists(st.tuples(texts, st.lists(texts, min_size=1, max_size=4)), min_size=1, max_size=5))
def test_any_images_with_several_references_score_as_in_pycocoevalcap(toolkit, items):
    predictions, references = map(list, zip(*items, strict=True))
    bleu, item_bleu, _, item_rouge, _, item_cider = expected_from(toolkit, predictions, references)
    ours = measure(predictions, references)
    assert bleu_from_statistics(ours.bleu_statistics.sum(axis=0)) == pytest.approx(bleu, **SAME)
    assert bleu_from_statistics(ours.bleu_statistics) == pytest.approx(item_bleu.T, **SAME)
    assert ours.rouge_l == pytest.approx(item_rouge, **SAME)
    assert ours.cider == pytest.approx(item_cider, **SAME)


# Against the formulas


def test_a_second_blank_is_an_empty_word_for_rouge_alone():
    doubled, broken = score(["a  b"], ["a b"]), score(["a b\nc"], ["a b c"])
    # 'a', '', 'b' hold both words of two: P = 2/3, R = 1. 'a', 'b\nc' hold one of three: P = 1/2, R = 1/3.
    assert doubled.rouge_l == pytest.approx(100 * 2.44 * (2 / 3) / (1 + 1.44 * 2 / 3))
    assert broken.rouge_l == pytest.approx(100 * 2.44 * (1 / 2) * (1 / 3) / (1 / 3 + 1.44 / 2))
    assert (doubled.bleu[0], broken.bleu[0]) == pytest.approx((100, 100), abs=1e-6)


def test_two_empty_texts_share_the_empty_word():
    scores = score(["", ""], ["", "a ship"])
    assert scores.item_rouge_l.tolist() == [100, 0]
    assert scores.item_bleu.tolist() == [[0] * 4, [0] * 4]
    assert scores.item_cider.tolist() == [0, 0]


def test_bleu_of_a_short_prediction_pays_for_its_brevity():
    # 4 of 4 words, 3 of 3, 2 of 2, 1 of 1 n-grams match; 4 words for 6: exp(1 - 6/4).
    scores = score(["a ship near the"], ["a ship near the rocky coast"])
    assert scores.bleu == pytest.approx([100 * np.exp(-0.5)] * 4, abs=1e-5)
    assert scores.bleu_statistics.tolist() == [[4, 3, 2, 1, 4, 3, 2, 1, 4, 6]]
    assert scores.length_ratio == pytest.approx(4 / 6)


def test_repeating_a_word_is_counted_as_often_as_the_reference_has_it():
    # Papineni et al. 2002, example 2: 2 of 7 words.
    scores = score(["the the the the the the the"], ["the cat is on the mat"])
    assert scores.bleu[0] == pytest.approx(200 / 7, abs=1e-6)


def test_perfect_captions_score_1000_in_cider_and_a_lone_one_nothing():
    captions = ["two ships near a harbor", "an airport with planes", "dense urban area by a river"]
    assert score(captions, captions).item_cider == pytest.approx([1000] * 3)
    assert score(captions[:1], captions[:1]).cider == 0


def test_cider_of_two_rows_by_hand():
    # N = 2. Prediction 0 'a b', reference 0 'a c'; reference 1 'a d'. df: a 2, c 1, d 1; weights: a ln 2 - ln 2 = 0, others ln 2.
    # 1-grams of row 0: the shared 'a' weighs nothing. Row 1: 'd a' and 'a d' share 'd' (and 'a'): cosine 1. 2-grams: none shared.
    scores = score(["a b", "d a"], ["a c", "a d"])
    assert scores.item_cider == pytest.approx([0, 1000 / 4])


def test_words_too_many_cost_what_the_length_penalty_says():
    # 'the' is in every reference and weighs nothing: of the 1-grams, exp(-3^2 / 72) is left.
    captions = [f"w{row} x{row} y{row} z{row} the" for row in range(5)]
    long = [f"{caption} the the the" for caption in captions]
    penalty = np.exp(-9 / 72)
    # Of longer n-grams the reference has 4, 3, 2, all of weight ln 5. The prediction adds 'the the' three times (9 to the squared
    # norm), 'z the the' and twice 'the the the' (1 + 4), and three 4-grams.
    cosines = [1, *(own / np.sqrt(own * (own + added)) for own, added in ((4, 9), (3, 5), (2, 3)))]
    assert score(long, captions).item_cider == pytest.approx([1000 * penalty * sum(cosines) / 4] * 5)


@given(first=st.lists(st.sampled_from("abc"), max_size=12), second=st.lists(st.sampled_from("abc"), max_size=12))
def test_bit_parallel_subsequence_is_the_dynamic_programme(first, second):
    table = np.zeros((len(first) + 1, len(second) + 1), dtype=int)
    for row, one in enumerate(first, start=1):
        for column, other in enumerate(second, start=1):
            longer = max(table[row - 1, column], table[row, column - 1])
            table[row, column] = table[row - 1, column - 1] + 1 if one == other else longer
    assert longest_common_subsequence(first, second) == table[-1, -1]


def test_statistics_of_any_rows_add_up_to_their_bleu(whole):
    rows = [3, 3, 17, 60, 99]
    drawn = score([OFFICIAL["predictions"][row] for row in rows], [OFFICIAL["references"][row] for row in rows])
    sums = np.stack([whole.bleu_statistics[rows].sum(axis=0), whole.bleu_statistics.sum(axis=0)])
    assert bleu_from_statistics(sums) == pytest.approx(np.stack([drawn.bleu, whole.bleu]), **SAME)
    assert bleu_from_statistics(sums.reshape(2, 1, 10)).shape == (2, 1, 4)
    with pytest.raises(ValueError, match="10"):
        bleu_from_statistics(np.zeros((2, 9)))


# Frozen document frequencies


def test_frozen_frequencies_of_the_whole_change_nothing_in_the_whole(frozen, whole):
    counted = score(OFFICIAL["predictions"], OFFICIAL["references"])
    assert whole.item_cider == pytest.approx(counted.item_cider, **SAME)
    assert whole.cider == pytest.approx(counted.cider, **SAME)
    assert counted.signature == "cap:tok=none|case=mixed|refs=1|unit=row|cider=D,n4,s6,x100|df=items|v1"
    assert whole.signature == f"cap:tok=none|case=mixed|refs=1|unit=row|cider=D,n4,s6,x100|df={frozen.digest}|v1"


@given(rows=st.lists(st.integers(0, len(OFFICIAL["predictions"]) - 1), min_size=1, max_size=20))
def test_rows_of_a_subset_score_as_they_do_in_the_whole(frozen, whole, rows):
    predictions, references = ([OFFICIAL[name][row] for row in rows] for name in ("predictions", "references"))
    part = score(predictions, references, document_frequency=frozen)
    assert part.item_cider == pytest.approx(whole.item_cider[rows], **SAME)
    assert part.item_rouge_l.tolist() == whole.item_rouge_l[rows].tolist()
    assert part.item_bleu.tolist() == whole.item_bleu[rows].tolist()
    assert part.bleu_statistics.tolist() == whole.bleu_statistics[rows].tolist()


def test_a_subset_counted_by_itself_is_flattered():
    # 'a ship' is in both documents of the pair and rare in the whole.
    predictions, references = ["a ship", "a ship north"], ["a ship", "a ship south"]
    frozen = DocumentFrequency({"a": 900, "ship": 500, "a ship": 300, "south": 2, "ship south": 2, "a ship south": 2}, 1000)
    assert score(predictions, references).item_cider[0] == 0
    assert score(predictions, references, document_frequency=frozen).item_cider[0] == pytest.approx(1000 / 2)  # no 3-grams


def test_an_n_gram_that_the_table_lacks_is_as_rare_as_one_of_a_single_document():
    listed = DocumentFrequency({"ship": 1, "coast": 1, "ship coast": 1}, 50)
    empty = DocumentFrequency({}, 50)
    pair = (["ship coast", "x"], ["ship", "coast"])
    expected = score(*pair, document_frequency=listed).item_cider
    assert expected[0] > 0
    assert score(*pair, document_frequency=empty).item_cider.tolist() == expected.tolist()


# Hostile texts


def test_a_megabyte_of_lines_is_scored_like_any_text():
    flood = "\n".join("ship " * 100 for _ in range(2000))  # 1 MB, 200,000 words
    scores = score([flood, "a b " * 250_000, " " * 1_000_000], ["a ship near the coast", "a b a b", "a ship"])
    assert scores.bleu_statistics[0].tolist() == [1, 0, 0, 0, 200_000, 199_999, 199_998, 199_997, 200_000, 5]
    assert scores.bleu_statistics[1, :4].tolist() == [4, 3, 2, 1]
    assert scores.item_cider == pytest.approx([0, 0, 0])


def test_lone_surrogates_are_words_like_others():
    scores = score(["a \ud800 ship", "b"], ["a \ud800 ship", "c"], document_frequency=DocumentFrequency({"a": 3}, 9))
    assert scores.item_rouge_l.tolist() == [100, 0]
    assert scores.bleu_statistics[0, :3].tolist() == [3, 2, 1]


def test_references_without_a_word_leave_no_length_ratio():
    scores = score(["a ship"], [""])
    assert np.isnan(scores.length_ratio)
    assert np.isfinite([*scores.bleu, scores.rouge_l, scores.cider]).all()


# Misuse


@pytest.mark.parametrize(
    ("predictions", "references", "options", "place", "message"),
    [
        ([], [], {}, "predictions", "nothing to score"),
        (["a"], ["a", "b"], {}, "references", "1 predictions but 2 references"),
        (["a", None], ["a", "b"], {}, r"predictions\[1\]", "None is no text"),
        (["a"], [7], {}, r"references\[0\]", "7 is no text"),
        (["a"], [["a", "b"]], {}, r"references\[0\]", "a list of 2"),
        ("abc", "abc", {}, "predictions", "one text"),
        (["a"], ["a"], {"profile": "coc"}, "profile", "unknown profile 'coc'"),
        (["a"], [[]], {"profile": "coco"}, r"references\[0\]", "no reference"),
        (["a"], [["a", 3]], {"profile": "coco"}, r"references\[0\]\[1\]", "3 is no text"),
        (["a"], [None], {"profile": "coco"}, r"references\[0\]", "no reference"),
        (["a"], ["a"], {"document_frequency": DocumentFrequency({}, 0)}, "document_frequency", "0 documents"),
        (
            ["a"],
            ["a"],
            {"document_frequency": DocumentFrequency({}, 5), "profile": "coco"},
            "document_frequency",
            "texts as they",
        ),
    ],
)
def test_misuse_names_value_place_and_remedy(predictions, references, options, place, message):
    with pytest.raises(UsageError, match=rf"(?s)^{place}: .*{message}.*\n  -> "):
        score(predictions, references, **options)


# Java


@pytest.mark.usefixtures("java_tools")
def test_coco_profile_tokenizes_and_scores_as_the_toolkit_does():
    scores = score(COCO["predictions"], COCO["references"], profile="coco")
    assert scores.signature == "cap:tok=ptb|case=lower|refs=all|unit=image|cider=D,n4,s6,x100|df=items|v1"
    assert scores.bleu == pytest.approx(100 * np.array(COCO["bleu"]), **SAME)
    assert (scores.rouge_l, scores.cider) == pytest.approx((100 * COCO["rouge_l"], 100 * COCO["cider"]), **SAME)
    assert scores.n == len(COCO["predictions"])


@pytest.mark.usefixtures("java_tools")
def test_line_ends_inside_a_caption_do_not_mix_up_captions():
    hostile = ["", "one\ntwo", "three\r\nfour", "five\u2028six\x0bseven\x0ceight", "", "nine\ud800", ""]
    assert tokenize(hostile) == ["", "one two", "three four", "five six seven eight", "", "nine", ""]
    flat = [text for of_image in COCO["references"] for text in of_image]
    assert tokenize(flat) == [text for of_image in COCO["tokenized_references"] for text in of_image]


@pytest.mark.usefixtures("java_tools")
def test_meteor_is_the_toolkits():
    scores = java.meteor(COCO["predictions"], COCO["references"])
    assert scores.value == pytest.approx(100 * COCO["meteor"], **SAME)
    assert scores.items == pytest.approx(100 * np.array(COCO["item_meteor"]), **SAME)


@pytest.mark.usefixtures("java_tools")
def test_meteor_s_interval_comes_from_its_own_scores_of_resampled_images():
    """Of two clusters a resample is one of them twice or both once: the interval reaches from the score of one to the other's.

    The first holds a caption that is its reference word by word, which METEOR adds up otherwise than it scores it.
    """
    predictions = ["two ships near a harbor", "a bridge across the river with cars", "an airport with two planes"]
    references = [["two ships near a harbor"], ["a long bridge over a river"], ["planes stand at an airport"]]
    found = java.meteor(predictions, references, clusters=["a", "a", "b"], rng=np.random.default_rng(0))
    of_first = 38.90720733734321  # METEOR 1.5's score of the first two alone
    assert found.interval == pytest.approx((found.items[2], of_first), **SAME)
    assert found.interval[0] < found.value < found.interval[1]


@pytest.fixture
def fake_java(tmp_path, monkeypatch):
    """Puts a shell script in the place of Java."""

    def install(body: str) -> None:
        script = tmp_path / "bin" / "java"
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")

    return install


ANSWERS = """if [ "$2" = -version ] || [ "$1" = -version ]; then echo 'openjdk version "17.0.1"' >&2; exit 0; fi"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("exit 1", "exit status 1"),
        ("echo 'Unable to locate a Java Runtime.' >&2; exit 1", "Unable to locate"),
        ("""echo 'java version "1.7.0_80"' >&2""", "is version 7"),
        ("exec sleep 60", "no answer within 0.2 s"),
    ],
    ids=["fails", "a placeholder", "too old", "hangs"],
)
def test_a_java_that_does_not_do_is_named(fake_java, monkeypatch, body, message):
    fake_java(body)
    monkeypatch.setattr(java_runtime, "_ANSWER_WITHIN_S", 0.2 if "sleep" in body else 30)
    with pytest.raises(UsageError, match=rf"(?s)^java: .*{message}.*-> install a Java runtime, version 8"):
        java_runtime.java_command()


def test_java_eight_is_new_enough(fake_java):
    fake_java("""echo 'java version "1.8.0_292"' >&2""")
    assert java_runtime.java_command("-jar", "x.jar")[-2:] == ["-jar", "x.jar"]


@pytest.mark.usefixtures("toolkit")
def test_without_java_the_executable_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for run in (lambda: score(["a"], ["a"], profile="coco"), lambda: java.meteor(["a"], ["a"])):
        with pytest.raises(UsageError, match=r"(?s)no executable `java` on the PATH.*version 8 or newer"):
            run()


def test_without_the_package_the_extra_is_named(monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.split(".")[0] == "pycocoevalcap"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for run in (lambda: score(["a"], ["a"], profile="coco"), lambda: java.meteor(["a"], ["a"]), lambda: java.spice(["a"], ["a"])):
        with pytest.raises(UsageError, match=r"pip install \"sarlang-hf\[java\]\""):
            run()
    (tmp_path / "pycocoevalcap" / "meteor").mkdir(parents=True)  # a package that has lost its programs
    with pytest.raises(UsageError, match=r"(?s)meteor-1\.5\.jar: missing.*install the package again"):
        java.meteor(["a"], ["a"])


@pytest.mark.usefixtures("toolkit")
def test_spice_without_its_models_downloads_nothing_unasked():
    lib = java_runtime.toolkit_folder("spice", "spice-1.0.jar") / "lib"
    if (lib / "stanford-corenlp-3.6.0-models.jar").exists():
        pytest.skip("SPICE's models are on this machine")
    before = sorted(lib.iterdir())
    with pytest.raises(UsageError, match=r"(?s)models-?.*384 MB.*get_stanford_models") as caught:
        java.spice(["a"], ["a"])
    assert caught.value.place == str(lib)
    assert sorted(lib.iterdir()) == before


SPICE_RESULT = """while [ "$1" != -out ]; do shift; done
echo '[{"image_id": 0, "scores": {"All": {"f": 0.5}}}, {"image_id": 1, "scores": {"All": {"f": null}}}]' > "$2"
"""


@pytest.fixture
def spice_with_models(toolkit, tmp_path, monkeypatch):  # noqa: ARG001
    """A copy of the toolkit's SPICE wrapper that finds its models (empty files), in front of the installed one."""
    installed = java_runtime.toolkit_folder("spice", "spice-1.0.jar")
    copy = tmp_path / "pycocoevalcap" / "spice"
    (copy / "lib").mkdir(parents=True)
    for path in installed.glob("*.py"):
        shutil.copy(path, copy)
    for name in ("spice-1.0.jar", "lib/stanford-corenlp-3.6.0.jar", "lib/stanford-corenlp-3.6.0-models.jar"):
        (copy / name).touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("spice_with_models")
def test_spice_in_a_folder_that_cannot_be_written_is_a_user_error(fake_java, tmp_path):
    fake_java(f'{ANSWERS}\ncase "$*" in *PTBTokenizer*) exec cat;; esac')
    (tmp_path / "pycocoevalcap/spice/tmp").touch()  # where its temporary files would go: root may write anywhere else
    code = """
from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.captions.java import spice
try:
    spice(["a ship"], [["a ship"]])
except UsageError as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\S+/pycocoevalcap/spice: SPICE keeps its files .*Not a directory\n  -> install .*\n", ended.stdout)


@pytest.mark.usefixtures("spice_with_models")
@pytest.mark.parametrize(
    ("spice", "printed"),
    [(SPICE_RESULT, "50.0 [50. nan]"), ("exit 7", "SPICE: Java ended with status 7")],
    ids=["one item without a scene graph", "dies"],
)
def test_spice_with_its_models_is_run_as_the_toolkit_runs_it(fake_java, spice, printed):
    fake_java(f'{ANSWERS}\ncase "$*" in *PTBTokenizer*) exec cat;; esac\n{spice}')
    code = """
from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.captions.java import spice
try:
    scores = spice(["a ship", "of"], [["a ship"], ["of"]])
    print(scores.value, scores.items)
except UsageError as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed in ended.stdout


@pytest.mark.usefixtures("toolkit")
@pytest.mark.parametrize(
    ("meteor", "message"),
    [
        ("echo 'no memory' >&2; exit 3", "METEOR: Java ended with status 3: no memory"),
        ("read line; echo 1 2; echo late >&2; exit 4", "METEOR: Java ended with status 4: late"),
        ("while read line; do echo prose; done", "METEOR: Java ended with status"),
    ],
    ids=["at once", "after an item", "prose"],
)
def test_a_meteor_that_dies_is_reported_and_does_not_hang(fake_java, meteor, message):
    fake_java(f'{ANSWERS}\ncase "$*" in *PTBTokenizer*) exec cat;; esac\n{meteor}')
    with pytest.raises(UsageError, match=message):
        java.meteor(["a ship", "b"], ["a", "b"])


@pytest.mark.usefixtures("toolkit")
def test_a_tokenizer_that_loses_lines_is_reported(fake_java):
    fake_java(f"{ANSWERS}\nread line; echo $line")
    with pytest.raises(UsageError, match="PTB tokenizer: Java ended with status 0: 2 texts in, 1 out"):
        score(["a ship"], ["a"], profile="coco")


# Documentation

PAGE = (Path(__file__).parents[1] / "docs/captions.md").read_text()


def test_examples_in_the_docs_give_what_they_show():
    source = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)) + "\n" + str(caption_metrics.__doc__)
    examples = doctest.DocTestParser().get_doctest(source, {}, "captions.md", None, 0)
    assert len(examples.examples) > 10
    assert doctest.DocTestRunner(verbose=False).run(examples).failed == 0


def test_examples_of_the_official_definitions_are_true():
    rows = re.findall(r"^\| `(.*)` \| `(.*)` \| (\d.*) \| (\d.*) \| (\d.*) \| (\d.*) \| .*\|$", PAGE, re.MULTILINE)
    assert len(rows) == 8
    beside = ["two tanks beside a storage area", "an airport with four planes on the apron", "dense buildings along a wide river"]
    for prediction, reference, *shown in rows:
        scores = score([prediction.replace(r"\n", "\n"), *beside], [reference, *beside])
        found = (scores.item_bleu[0, 0], scores.item_bleu[0, 3], scores.item_rouge_l[0], scores.item_cider[0])
        assert [f"{value:.2f}" for value in found] == shown
