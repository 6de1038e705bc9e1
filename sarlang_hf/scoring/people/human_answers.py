"""From a sheet and the files of its raters to verdicts, all raters in one go so that equal answers are judged once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sarlang_hf.data import DatasetFolder
from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.answers import Protocol
from sarlang_hf.scoring.judge.requests import Judge
from sarlang_hf.scoring.people.human import COLUMN, dataset_of
from sarlang_hf.scoring.people.rater_files import RaterFile, check_distinct, read_rater_file
from sarlang_hf.scoring.people.sheet import Sheet
from sarlang_hf.scoring.signature import signature
from sarlang_hf.scoring.verdicts import DATASET_COLUMN, Answer, Verdict, judge_answers

Judged = dict[str, dict[str, list[Verdict]]]
"""Verdicts by group and rater, in the order of the sheet."""


def judge_people(
    sheet: Sheet,
    dataset: DatasetFolder,
    groups: Mapping[str, Sequence[Path]],
    *,
    protocol: Protocol = "strict",
    judge: Judge | None = None,
) -> Judged:
    """Judges what raters answered on a sheet.

    Args:
        sheet: what they were asked.
        dataset: the dataset that it was drawn from.
        groups: files of the raters of each group.
        protocol, judge: as for a model's answers.

    Raises:
        UsageError: another dataset, or an unknown protocol.
        PredictionsError: a file that does not fit the sheet, or a rater who is there twice.
    """
    files = {name: [read_rater_file(path, sheet, COLUMN) for path in paths] for name, paths in groups.items()}
    check_distinct([file for members in files.values() for file in members])
    asked = _asked(sheet, dataset)
    answers = [answer for members in files.values() for file in members for answer in _answers(asked, file)]
    verdicts = iter(judge_answers(answers, protocol=protocol, task=sheet.task, judge=judge))
    return {
        name: {file.rater: [next(verdicts) for _ in sheet.question_ids] for file in members} for name, members in files.items()
    }


def people_signature(sheet: Sheet, judged: Judged, *, protocol: Protocol, judge: Judge | None) -> str:
    """Names a human score: the sheet, its dataset, how answers were judged, and how many."""
    from sarlang_hf.scoring.judge.prompts import prompt_sha256

    raters = [verdicts for members in judged.values() for verdicts in members.values()]
    answered = sum(verdict.rule != "missing" for verdicts in raters for verdict in verdicts)
    parts = {
        "protocol": protocol,
        **({"judge": "off"} if judge is None else {"judge": judge.name, "prompt": prompt_sha256(protocol)[:8]}),
        "metric": "acc",
        "unit": "question x rater",
        "data": dataset_of(sheet).label,
        "sheet": f"{sheet.digest},seed{sheet.seed}",
        "n": f"{answered}/{sum(map(len, raters))}",
    }
    return signature(sheet.task, str(sheet.about.get("task_version")), parts)


def model_beside(run: Sequence[Verdict], judged: Judged, place: Path) -> dict[str, Verdict]:
    """A model's verdicts on the questions of a sheet, by question id.

    Args:
        run: the verdicts of a run on the same task.
        judged: those on the people's answers.
        place: the run's folder, for messages.

    Raises:
        UsageError: the run was judged in another way, has other references, or none of the questions.
    """
    gold = {v.answer.question_id: v.answer.gold for members in judged.values() for rows in members.values() for v in rows}
    protocol = next(v.protocol for members in judged.values() for rows in members.values() for v in rows)
    found = {verdict.answer.question_id: verdict for verdict in run if verdict.answer.question_id in gold}
    if not found:
        raise UsageError("has answered none of the sheet's questions", place=place, remedy="name a run on the same dataset")
    for question_id, verdict in found.items():
        if verdict.protocol != protocol:
            remedy = f"add --protocol {verdict.protocol}"
            raise UsageError(f"was judged by protocol {verdict.protocol}, not {protocol}", place=place, remedy=remedy)
        if verdict.answer.gold != gold[question_id]:
            problem = f"has another reference answer for question {question_id}"
            raise UsageError(problem, place=place, remedy="name a run on the same dataset")
    return found


def _asked(sheet: Sheet, dataset: DatasetFolder) -> list[Answer]:
    """The questions of a sheet with their references, not answered yet."""
    drawn_from = dataset_of(sheet)
    if dataset.sha256 != drawn_from.sha256:
        problem = f"is {dataset.kind}:{dataset.sha256:.12}, not the dataset of the sheet, {drawn_from.label}"
        raise UsageError(problem, place=dataset.path, remedy="name the dataset that the sheet was drawn from with --dataset")
    table = dataset.questions("test", list(DATASET_COLUMN.values()))
    row_of = {question_id: row for row, question_id in enumerate(table["question_id"].to_pylist())}
    unknown = [question_id for question_id in sheet.question_ids if question_id not in row_of]
    if unknown:
        problem = f"lacks question {unknown[0]} of the sheet"
        raise UsageError(problem, place=dataset.path, remedy="draw the sheet again: its record was changed")
    rows = table.take([row_of[question_id] for question_id in sheet.question_ids]).to_pylist()
    return [Answer(**{name: row[column] for name, column in DATASET_COLUMN.items()}, place="", prediction=None) for row in rows]


def _answers(asked: Sequence[Answer], file: RaterFile) -> list[Answer]:
    return [replace(answer, prediction=file.answers.get(answer.question_id)) for answer in asked]
