"""The audit of verdicts: what readers see, what they say, and what it means for the run."""

from __future__ import annotations

import csv
import io
import itertools
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from comparison_runs import caption_run
from test_human import Page

from sarlang_hf.cli import sarlang
from sarlang_hf.errors import PredictionsError, UsageError
from sarlang_hf.scoring.people.audit import AUDITED_FILE, draw_verdicts, read_audited, write_audit_sheet
from sarlang_hf.scoring.people.audit_score import AuditScore, read_labels, score_audit
from sarlang_hf.scoring.people.audited import Audited
from sarlang_hf.scoring.people.rater_files import RaterFile
from sarlang_hf.scoring.people.run_verdicts import read_run
from sarlang_hf.scoring.people.second_judge import flips, paired
from sarlang_hf.scoring.people.sheet import SHEET_FILE, read_sheet
from sarlang_hf.scoring.uncertainty import clustered_interval
from sarlang_hf.scoring.verdicts import VERDICTS_FILE, Answer, Verdict, write_verdicts

HOSTILE = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"


def verdict(number: int, rule: str, said: bool | None, prediction: str = "a ship", kind: str = "general_inquiry") -> Verdict:
    answer = Answer(f"{number:016x}", f"coco/{number // 3}", "coco", "", "", "What?", "ship", kind, "", "", prediction)  # type: ignore[arg-type]
    return Verdict(answer, rule=rule, verdict=said, judge="judge-1" if rule == "judge" else "")


def a_run(counts: Mapping[tuple[str, bool | None], int]) -> list[Verdict]:
    kinds = [key for key, count in counts.items() for _ in range(count)]
    order = np.random.default_rng(0).permutation(len(kinds)).tolist()
    return [verdict(number, *kinds[index]) for number, index in enumerate(order)]


RUN = {("exact", True): 500, ("count", False): 300, ("judge", True): 60, ("judge", False): 120, ("open", None): 20}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(sarlang, list(map(str, arguments)))


def label_file(path: Path, labels: dict[str, bool], rater: str) -> Path:
    rows = "".join(f"{question_id},{'right' if right else 'wrong'},{rater}\n" for question_id, right in labels.items())
    path.write_text(f"question_id,label,rater\n{rows}")
    return path


# The sample


def test_half_of_the_sample_is_the_judge_s_and_the_rest_is_in_proportion() -> None:
    drawn = draw_verdicts(a_run(RUN), 200, np.random.default_rng(0))
    sampled = Counter(drawn.stratum_of)
    by_kind = {(stratum.rule, stratum.verdict): sampled[code] for code, stratum in enumerate(drawn.strata)}
    # 100 of the judge's: 2 + 2, then 96 in proportion to 58:118; 100 of the rules': 2 + 2, then 96 in proportion to 498:298.
    assert by_kind == {("judge", True): 34, ("judge", False): 66, ("exact", True): 62, ("count", False): 38}
    assert dict(zip(((s.rule, s.verdict) for s in drawn.strata), drawn.population, strict=True)) == {
        key: count for key, count in RUN.items() if key[1] is not None
    }


def test_a_judge_with_few_verdicts_leaves_the_rest_to_the_rules_and_the_other_way_round() -> None:
    few = draw_verdicts(a_run({("judge", True): 3, ("exact", True): 500}), 100, np.random.default_rng(0))
    assert Counter(few.strata[code].rule for code in few.stratum_of) == {"judge": 3, "exact": 97}
    many = draw_verdicts(a_run({("judge", True): 500, ("exact", True): 3}), 100, np.random.default_rng(0))
    assert Counter(many.strata[code].rule for code in many.stratum_of) == {"judge": 97, "exact": 3}


def test_a_small_run_is_read_whole() -> None:
    drawn = draw_verdicts(a_run({("exact", True): 5, ("judge", False): 2}), 400, np.random.default_rng(0))
    assert sorted(drawn.rows) == list(range(7))


def test_rare_strata_are_put_together_by_verdict_and_by_who_decided() -> None:
    counts: dict[tuple[str, bool | None], int] = {(f"rule{number}", number % 2 == 0): 4 for number in range(40)}
    counts |= {("exact", True): 400, ("judge", True): 90}
    drawn = draw_verdicts(a_run(counts), 40, np.random.default_rng(0))
    assert len(drawn.strata) <= 10
    assert sum(drawn.population) == 40 * 4 + 490
    assert all(count >= 2 for count in Counter(drawn.stratum_of).values())
    assert {(stratum.rule, stratum.verdict) for stratum in drawn.strata} >= {("exact", True), ("(others)", False)}


# The sheet


def test_readers_see_question_reference_and_prediction_and_no_verdict(tmp_path: Path) -> None:
    sheet = write_audit_sheet(tmp_path / "out", a_run(RUN), total=40)
    text = (tmp_path / "out/sheet.html").read_text()
    page = Page(text)
    assert page.texts["dt"] == ["Question", "Reference", "Prediction"] * 40
    assert page.texts["dd"] == ["What?", "ship", "a ship"] * 40
    assert not any(word in text for word in ("judge-1", "exact"))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out/answers-1.csv").read_text())))
    assert set(rows[0]) == {"item", "question_id", "label", "question", "reference", "prediction"}
    assert {row["label"] for row in rows} == {""}
    assert [row["question_id"] for row in rows] == list(sheet.question_ids)


def test_verdicts_do_not_follow_each_other_by_stratum(tmp_path: Path) -> None:
    verdicts = a_run(RUN)
    sheet = write_audit_sheet(tmp_path / "out", verdicts, total=100)
    said = {each.answer.question_id: each.verdict for each in verdicts}
    row = [said[question_id] for question_id in sheet.question_ids]
    changes = sum(first != second for first, second in itertools.pairwise(row))
    assert 30 < changes < 70  # 50 of 99 are expected of a random order, 1 to 3 of strata one after the other


def test_hostile_and_endless_predictions_are_shown_as_text(tmp_path: Path) -> None:
    endless, turned, broken = "ship\n" * 1000, "\u202egnihton", "half \ud800 pair"
    both = HOSTILE * 20  # its start is shown twice: in the summary, and with the rest in the folded part
    predictions = [HOSTILE, endless, both, turned, broken, "=1+1", *["ship"] * 20]
    verdicts = [verdict(number, "exact", number % 2 == 0, text) for number, text in enumerate(predictions)]
    write_audit_sheet(tmp_path / "out", verdicts, total=26)
    text = (tmp_path / "out/sheet.html").read_text()
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "img" not in [tag for tag, _ in page.tags]
    assert HOSTILE in page.texts["dd"]
    assert endless in page.texts["p"]  # within the folded part
    assert both in page.texts["p"]
    assert {summary.partition("\u2026")[0] for summary in page.texts["summary"]} == {endless[:200], both[:200]}
    rows = {row["prediction"] for row in csv.DictReader(io.StringIO((tmp_path / "out/answers-1.csv").read_text()))}
    assert "'=1+1" in rows


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_in_a_browser_only_the_page_s_own_script_runs(tmp_path: Path) -> None:
    verdicts = [verdict(number, "exact", number % 2 == 0, HOSTILE) for number in range(20)]
    write_audit_sheet(tmp_path / "out", verdicts, total=20)
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    command = ["chromium", *flags, (tmp_path / "out/sheet.html").as_uri()]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    page = Page(found)
    assert page.texts["title"] == ["Judging 20 answers about radar images"]
    assert "0 of 20 answered" in page.texts["p"]  # the script has written it


def test_the_record_and_the_audited_verdicts_must_belong_together(tmp_path: Path) -> None:
    verdicts = a_run(RUN)
    sheet = write_audit_sheet(tmp_path / "out", verdicts, total=40)
    assert read_audited(tmp_path / "out", sheet) == verdicts
    turned = [replace(verdicts[0], verdict=not verdicts[0].verdict), *verdicts[1:]]
    (tmp_path / "out" / AUDITED_FILE).unlink()
    write_verdicts(tmp_path / "out" / AUDITED_FILE, turned)
    with pytest.raises(UsageError, match="does not hold the verdicts"):
        read_audited(tmp_path / "out", sheet)
    moved = replace(sheet, about={**sheet.about, "stratum_of": list(reversed(sheet.about["stratum_of"]))})
    with pytest.raises(UsageError, match="does not fit"):
        Audited.of(moved, verdicts)


def test_a_run_without_decided_verdicts_cannot_be_audited(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no decided verdicts"):
        write_audit_sheet(tmp_path / "out", a_run({("open", None): 30}))


def test_a_run_of_captions_has_no_verdicts_to_audit(tmp_path: Path) -> None:
    caption_run(tmp_path / "cap", {0: "a ship"})
    for command in (["audit", "sheet", tmp_path, tmp_path / "out"], ["audit", "sheet", tmp_path / "cap", tmp_path / "out"]):
        caught = run(*command).exception
        assert isinstance(caught, UsageError)
        assert (caught.place, caught.problem) == (str(tmp_path / "cap"), f"has captions only, no {VERDICTS_FILE}")


def test_a_run_with_several_tasks_needs_one_named(tmp_path: Path) -> None:
    both = [verdict(0, "exact", True), replace(verdict(0, "exact", True), task="sarlang_vqa_lite")]
    write_verdicts(tmp_path / "below" / VERDICTS_FILE, both)
    with pytest.raises(UsageError, match="2 tasks"):
        read_run(tmp_path)
    assert read_run(tmp_path, "sarlang_vqa_lite") == both[1:]
    with pytest.raises(UsageError, match="no verdicts of sarlang_cap"):
        read_run(tmp_path, "sarlang_cap")


# The score


def audited(verdicts: Sequence[Verdict], out: Path, total: int = 400) -> Audited:
    return Audited.of(write_audit_sheet(out, verdicts, total=total), verdicts)


def readings(found: Audited, wrong: Sequence[int] = ()) -> dict[str, bool]:
    """A reader who agrees with every verdict but those at some places of the sheet."""
    said = zip(found.sheet.question_ids, found.said.tolist(), strict=True)
    return {question_id: right != (place in wrong) for place, (question_id, right) in enumerate(said)}


def kappa_of(score: AuditScore, first: str, second: str, scope: str = "all") -> float | None:
    return next(k.agreement.kappa for k in score.kappas if (k.first, k.second, k.scope) == (first, second, scope))


def test_an_audit_of_a_whole_run_by_hand(tmp_path: Path) -> None:
    # 12 right and 8 wrong verdicts, all read. Both readers turn 3 of the right ones; the table is 9, 3, 0, 8.
    found = audited(a_run({("exact", True): 12, ("count", False): 8}), tmp_path / "out")
    turned = np.flatnonzero(found.said)[:3].tolist()
    labels = readings(found, turned)
    score = score_audit(found, {"anna": labels, "ben": labels})
    assert [(c.people, c.verdict, c.n) for c in score.confusion] == [
        (True, True, 9),
        (True, False, 0),
        (False, True, 3),
        (False, False, 8),
    ]
    assert [cell.share for cell in score.confusion] == pytest.approx([0.45, 0, 0.15, 0.4])
    assert kappa_of(score, "anna", "ben") == pytest.approx(1)
    # Agreement 17/20; chance 0.6 * 0.45 + 0.4 * 0.55 = 0.49.
    assert kappa_of(score, "consensus", "verdicts") == pytest.approx((0.85 - 0.49) / 0.51)
    reference = next(reference for reference in score.references if reference.name == "consensus")
    assert reference.corrected.apparent == 0.6
    assert reference.corrected.accuracy == pytest.approx(0.45)
    assert reference.corrected.sensitivity is not None
    assert reference.corrected.sensitivity.value == pytest.approx(1)
    assert reference.whole == pytest.approx((0.45, 0.45))


def test_the_judge_s_and_the_rules_verdicts_have_kappas_of_their_own(tmp_path: Path) -> None:
    found = audited(a_run(RUN), tmp_path / "out", total=100)
    judged = np.flatnonzero(found.judged[found.sample.strata])
    labels = readings(found, judged[:10].tolist())
    score = score_audit(found, {"anna": labels, "ben": labels})
    assert kappa_of(score, "anna", "verdicts", "rules") == pytest.approx(1)
    of_judge, of_all = kappa_of(score, "anna", "verdicts", "judge"), kappa_of(score, "anna", "verdicts")
    assert of_judge is not None
    assert of_all is not None
    assert of_judge < of_all < 1


def test_what_readers_disagree_on_stays_open_until_a_third_one_settles_it(tmp_path: Path) -> None:
    found = audited(a_run({("exact", True): 12, ("count", False): 8}), tmp_path / "out")
    right = np.flatnonzero(found.said)
    anna, ben = readings(found), readings(found, right[:4].tolist())
    score = score_audit(found, {"anna": anna, "ben": ben})
    assert score.n_open == 4
    by_name = {reference.name: reference.corrected.accuracy for reference in score.references}
    assert by_name == pytest.approx({"anna": 0.6, "ben": 0.4, "consensus, open wrong": 0.4, "consensus, open right": 0.6})
    ids = [found.sheet.question_ids[place] for place in right[:4]]
    chloe = dict(zip(ids, (True, False, False, False), strict=True))
    settled = score_audit(found, {"anna": anna, "ben": ben, "chloe": chloe})
    assert settled.n_open == 0
    assert {r.name: r.corrected.accuracy for r in settled.references}["consensus"] == pytest.approx(0.45)


def test_readers_who_agree_on_nothing_have_no_consensus(tmp_path: Path) -> None:
    found = audited(a_run({("exact", True): 12, ("count", False): 8}), tmp_path / "out")
    score = score_audit(found, {"anna": readings(found), "ben": readings(found, range(20))})
    assert score.n_open == 20
    # All wrong, or all right: readings that never vary, and say nothing about the verdicts.
    readings_of = [k.agreement for k in score.kappas if k.first in ("consensus, open wrong", "consensus, open right")]
    assert [(found.kappa, found.low) for found in readings_of] == [(0, None), (0, None)]
    assert [found.agreement for found in readings_of] == pytest.approx([0.4, 0.6])
    assert kappa_of(score, "anna", "ben") == pytest.approx((0 - 0.48) / 0.52)  # chance: 0.6 * 0.4 twice


def test_kappa_and_confusion_of_an_open_consensus_stand_for_all_answers_read_in_either_way(tmp_path: Path) -> None:
    # Both readers agree with the verdicts on 16 of 20, and disagree on 4 that the verdicts call right.
    found = audited(a_run({("exact", True): 12, ("count", False): 8}), tmp_path / "out")
    right = np.flatnonzero(found.said)
    score = score_audit(found, {"anna": readings(found), "ben": readings(found, right[:4].tolist())})
    cells = {(cell.reading, cell.people, cell.verdict): (cell.n, round(cell.share, 9)) for cell in score.confusion}
    assert cells == {
        ("consensus, open wrong", True, True): (8, 0.4),
        ("consensus, open wrong", True, False): (0, 0.0),
        ("consensus, open wrong", False, True): (4, 0.2),
        ("consensus, open wrong", False, False): (8, 0.4),
        ("consensus, open right", True, True): (12, 0.6),
        ("consensus, open right", True, False): (0, 0.0),
        ("consensus, open right", False, True): (0, 0.0),
        ("consensus, open right", False, False): (8, 0.4),
    }
    # Agreement 16/20; chance 0.4 * 0.6 + 0.6 * 0.4 = 0.48.
    assert kappa_of(score, "consensus, open wrong", "verdicts") == pytest.approx((0.8 - 0.48) / 0.52)
    assert kappa_of(score, "consensus, open right", "verdicts") == pytest.approx(1)
    assert {kappa.agreement.n for kappa in score.kappas} == {20}
    assert "consensus" not in {kappa.first for kappa in score.kappas}


def test_undecided_answers_bound_the_accuracy_of_the_whole_run(tmp_path: Path) -> None:
    found = audited(a_run({("exact", True): 12, ("count", False): 8, ("open", None): 5}), tmp_path / "out")
    score = score_audit(found, {"anna": readings(found), "ben": readings(found)})
    assert (score.n_decided, score.n_undecided) == (20, 5)
    assert score.references[0].whole == pytest.approx((12 / 25, 17 / 25))


def test_readers_of_a_part_of_the_sheet_count_in_the_consensus_only(tmp_path: Path) -> None:
    found = audited(a_run({("exact", True): 12, ("count", False): 8}), tmp_path / "out")
    half = {question_id: said for question_id, said in readings(found).items() if said}
    score = score_audit(found, {"anna": readings(found), "ben": readings(found), "chloe": half})
    assert "chloe" not in {reference.name for reference in score.references}
    assert "chloe" not in {name for kappa in score.kappas for name in (kappa.first, kappa.second)}


@pytest.mark.parametrize(("left_out", "stands"), [(2, True), (3, False)])
def test_a_reader_of_nine_in_ten_answers_stands_alone(tmp_path: Path, left_out: int, stands: bool) -> None:
    found = audited(a_run({("exact", True): 12, ("count", False): 8}), tmp_path / "out")
    chloe = dict(list(readings(found).items())[left_out:])  # of both verdicts
    assert set(found.said[left_out:].tolist()) == {True, False}
    score = score_audit(found, {"anna": readings(found), "ben": readings(found), "chloe": chloe})
    assert ("chloe" in {reference.name for reference in score.references}) is stands


@pytest.mark.parametrize("name", ["consensus", "consensus, open right", "verdicts"])
def test_a_reader_cannot_bear_the_name_of_the_verdicts(tmp_path: Path, name: str) -> None:
    found = audited(a_run({("exact", True): 12, ("count", False): 8}), tmp_path / "out")
    with pytest.raises(PredictionsError, match=f"rater is called '{name}'"):
        score_audit(found, {"anna": readings(found), name: readings(found)})


def test_labels_are_words_or_digits() -> None:
    file = RaterFile("anna", Path("a.csv"), {"a": "Right", "b": "0", "c": "1", "d": "wrong"})
    assert read_labels(file) == {"a": True, "b": False, "c": True, "d": False}
    with pytest.raises(PredictionsError, match=r"question b.*label is 'maybe'"):
        read_labels(RaterFile("anna", Path("a.csv"), {"a": "right", "b": "maybe"}))


# A second judge


def test_flips_are_counted_by_direction_with_a_clustered_interval() -> None:
    first = [
        verdict(number, "judge" if number < 10 else "exact", number % 2 == 0, "word " * (number + 1)) for number in range(30)
    ]
    second = [replace(each, verdict=True) if number in (1, 3) else each for number, each in enumerate(first)]
    second[2] = replace(second[2], verdict=False)
    second[4] = replace(second[4], verdict=None, rule="judge:cap")
    found = flips(first, paired(first, second, Path("run2")), Path("run2"))
    assert (found.n_undecided, found.to_right, found.to_wrong) == (1, 2, 1)
    decided = [number for number in range(30) if number != 4]
    expected = clustered_interval([number in (1, 2, 3) for number in decided], [number // 3 for number in decided])
    assert found.all == expected
    assert found.judged is not None
    assert found.judged.mean == pytest.approx(3 / 9)
    # Lengths 2, 3, 4 flip; of the 26 others only length 1 is shorter.
    assert found.by_length.value == pytest.approx(1 / 26)
    assert found.direction.value == pytest.approx(0.5)  # 2 and 4 against 3


def test_what_either_run_s_judge_decided_counts_as_judged() -> None:
    first = [verdict(0, "judge", True), verdict(3, "exact", True), verdict(6, "exact", True)]
    second = [verdict(0, "judge", True), verdict(3, "judge", False), verdict(6, "exact", True)]
    for a, b in ((first, second), (second, first)):
        found = flips(a, paired(a, b, Path("run2")), Path("run2"))
        assert found.judged is not None
        assert (found.judged.n, found.judged.mean) == (2, 0.5)


def test_a_second_judge_of_other_predictions_is_refused() -> None:
    first = [verdict(0, "judge", True), verdict(1, "judge", False)]
    other = [first[0], verdict(1, "judge", False, "a bridge")]
    with pytest.raises(UsageError, match="another prediction"):
        paired(first, other, Path("run2"))
    with pytest.raises(UsageError, match=f"no verdict on question {1:016x}"):
        paired(first, other[:1], Path("run2"))
    undecided = [replace(each, verdict=None) for each in first]
    with pytest.raises(UsageError, match="no decided answer"):
        flips(first, paired(first, undecided, Path("run2")), Path("run2"))


# The commands


def test_the_commands_from_sheet_to_score(tmp_path: Path) -> None:
    verdicts = a_run(RUN)
    write_verdicts(tmp_path / "run" / VERDICTS_FILE, verdicts)
    other = [replace(each, verdict=True) if each.rule == "judge" else each for each in verdicts]
    write_verdicts(tmp_path / "run2" / VERDICTS_FILE, other)
    out = tmp_path / "audit"
    written = run("audit", "sheet", tmp_path / "run", out, "--verdicts", 40)
    assert (written.exit_code, "40 of 980 verdicts, seed 0; 20 undecided" in written.output) == (0, True), written.output
    found = Audited.of(read_sheet(out, "audit"), read_audited(out, read_sheet(out, "audit")))
    anna = label_file(tmp_path / "a.csv", readings(found), "anna")
    ben = label_file(tmp_path / "b.csv", readings(found, [0, 1]), "ben")
    scored = run("audit", "score", out, anna, ben, "--second", tmp_path / "run2", "--json")
    assert scored.exit_code == 0, scored.output
    score = json.loads(scored.output)
    assert score["references"][0]["corrected"]["accuracy"] == pytest.approx(560 / 980)
    assert (score["second"]["to_right"], score["second"]["to_wrong"]) == (120, 0)
    assert sum(stratum["sample"] for stratum in score["strata"]) == 40
    table = run("audit", "score", out, anna, ben).output
    assert "The readers have no majority on 2 answers" in table
    assert "20 answers are undecided" in table
    again = run("audit", "sheet", tmp_path / "run2", out, "--verdicts", 40)
    assert "another sheet" in str(again.exception)


def test_one_reader_or_one_reader_twice_is_a_user_error(tmp_path: Path) -> None:
    found = audited(a_run(RUN), tmp_path / "out", total=40)
    anna = label_file(tmp_path / "a.csv", readings(found), "anna")
    again = label_file(tmp_path / "b.csv", readings(found), "anna")
    assert "1 readers" in str(run("audit", "score", tmp_path / "out", anna).exception)
    assert "rater 'anna' is already" in str(run("audit", "score", tmp_path / "out", anna, again).exception)


def test_a_human_sheet_is_no_audit(tmp_path: Path) -> None:
    write_audit_sheet(tmp_path / "out", a_run(RUN), total=40)
    assert (tmp_path / "out" / SHEET_FILE).exists()
    with pytest.raises(UsageError, match="sheet of `sarlang audit`"):
        read_sheet(tmp_path / "out", "human")
