"""Answers, the verdicts on them, and the file that keeps both.

`sarlang_verdicts.parquet`, one row per question of each task of a run:

    task  protocol  question_id  image_id  source  scene  place  type  application  template  question  gold
    prediction (null: missing)  rule  verdict (null: undecided or missing)  judge ('' unless a judge decided)  cost_usd

A verdict names the rule that made it, so that any number in a scorecard can be traced to single answers. `judge` is the rule
of what a judge decided, `judge:unparsable`, `judge:failed`, `judge:cap` and `judge:stopped` of what it was asked in vain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sarlang_hf.schema import QuestionType
from sarlang_hf.scoring.answers import Protocol, decide
from sarlang_hf.scoring.judge.requests import Judge, JudgeRequest, JudgeVerdict
from sarlang_hf.scoring.run_tables import read_rows, storable, write_table

if TYPE_CHECKING:
    import pyarrow as pa

VERDICTS_FILE = "sarlang_verdicts.parquet"


@dataclass(frozen=True, slots=True)
class Answer:
    """One question of the dataset with a model's prediction; None if the model gave none."""

    question_id: str
    image_id: str
    source: str
    scene: str
    place: str
    question: str
    gold: str
    type: QuestionType
    application: str
    template: str
    prediction: str | None


ANSWER_FIELDS = tuple(field.name for field in fields(Answer))
"""The names of an answer's fields; also its columns in the verdicts file."""

DATASET_COLUMN = {name: "answer" if name == "gold" else name for name in ANSWER_FIELDS if name not in ("place", "prediction")}
"""The column of config `vqa_questions` that each field of an answer is read from, but for the prediction and the place of the
image (`data.DatasetFolder.places`)."""

_DECIDED_FIELDS = ("rule", "task", "protocol", "judge")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about an answer, by which rule, and at what cost.

    `verdict` is True (right), False (wrong) or None (undecided, or missing where `rule` says so). `judge` is the model that
    decided, empty for rules.
    """

    answer: Answer
    rule: str
    verdict: bool | None
    task: str = "sarlang_vqa"
    protocol: Protocol = "strict"
    judge: str = ""
    cost_usd: float = 0.0


def judge_answers(
    answers: Iterable[Answer], *, protocol: Protocol = "strict", task: str = "sarlang_vqa", judge: Judge | None = None
) -> list[Verdict]:
    """Applies the rules of a protocol to answers, in their order, and asks a judge about what they leave undecided.

    Equal requests are asked once: what one cost stands at the first of its answers. Missing predictions are never asked about.

    Args:
        answers: questions with their predictions.
        protocol: how they are judged.
        task: the name of their task.
        judge: decides what rules cannot; None leaves it undecided.

    Raises:
        UsageError: an unknown protocol.
        SarlangError: the judge refuses to go on, say because another model answers than the one asked for.
    """
    verdicts = []
    for answer in answers:
        decision = decide(answer.question, answer.gold, answer.prediction, type=answer.type, protocol=protocol)
        verdicts.append(Verdict(answer, rule=decision.rule, verdict=decision.verdict, task=task, protocol=protocol))
    return verdicts if judge is None else _judged(verdicts, judge)


def _judged(verdicts: list[Verdict], judge: Judge) -> list[Verdict]:
    """The same verdicts, with the judge's where the rules left an answer undecided."""
    from sarlang_hf.scoring.judge.run import ask

    rows_of: dict[JudgeRequest, list[int]] = {}
    for row, verdict in enumerate(verdicts):
        if verdict.verdict is None and verdict.rule != "missing":
            rows_of.setdefault(_request(verdict), []).append(row)
    judged = list(verdicts)
    for rows, found in zip(rows_of.values(), ask(judge, list(rows_of)) if rows_of else [], strict=True):
        for row in rows:
            judged[row] = _decided(verdicts[row], found, paid=row == rows[0])
    return judged


def _request(verdict: Verdict) -> JudgeRequest:
    from sarlang_hf.scoring.judge.prompts import request_for

    return request_for(verdict.protocol, verdict.answer.question, verdict.answer.gold, verdict.answer.prediction or "")


def _decided(verdict: Verdict, found: JudgeVerdict, *, paid: bool) -> Verdict:
    rule = "judge" if found.verdict is not None else f"judge:{found.reason}"
    return replace(verdict, rule=rule, verdict=found.verdict, judge=found.judge, cost_usd=found.cost_usd if paid else 0.0)


def write_verdicts(path: Path, verdicts: Sequence[Verdict]) -> None:
    """Writes verdicts; rows of other tasks that the file already holds stay, rows of the same tasks are replaced.

    Raises:
        OutputError: the folder cannot be written.
        UsageError: the file exists but is no verdicts file.
    """
    tasks = {verdict.task for verdict in verdicts}
    kept = [verdict for verdict in read_verdicts(path) if verdict.task not in tasks] if path.exists() else []
    write_table(path, _table([*kept, *verdicts]))


def read_verdicts(path: Path) -> list[Verdict]:
    """Reads a verdicts file.

    Raises:
        UsageError: there is no such file, or it is not a verdicts file.
    """
    return [_verdict(row) for row in read_rows(path, _schema(), what="verdicts")]


def _verdict(row: dict[str, object]) -> Verdict:
    answer = {name: row.pop(name) for name in ANSWER_FIELDS}
    return Verdict(answer=Answer(**answer), **row)  # type: ignore[arg-type]  # the schema fixed the types


def _schema() -> pa.Schema:
    import pyarrow as pa

    columns = [(name, pa.string()) for name in (*ANSWER_FIELDS, *_DECIDED_FIELDS)]
    return pa.schema([*columns, ("verdict", pa.bool_()), ("cost_usd", pa.float64())])


def _table(verdicts: Sequence[Verdict]) -> pa.Table:
    import pyarrow as pa

    columns: dict[str, list[object]] = {
        name: [storable(getattr(verdict.answer, name)) for verdict in verdicts] for name in ANSWER_FIELDS
    }
    for name in (*_DECIDED_FIELDS, "verdict", "cost_usd"):
        columns[name] = [getattr(verdict, name) for verdict in verdicts]
    return pa.table(columns, schema=_schema())
