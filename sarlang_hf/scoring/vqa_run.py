"""From the answers of one task to verdicts and scorecard: what the lmms-eval tasks, `sarlang judge` and `sarlang score` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sarlang_hf.scoring.answers import PROTOCOLS, Protocol, decide
from sarlang_hf.scoring.judge.requests import Judge
from sarlang_hf.scoring.scorecard import Scorecard, score
from sarlang_hf.scoring.signature import Cluster, DatasetRef, Vision
from sarlang_hf.scoring.verdicts import Answer, Verdict, judge_answers


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts on the answers of a task, in their order, and what they add up to.

    Attributes:
        verdicts: one per answer.
        scorecard: the scores.
        verdict_of: right, wrong or None for each answer under every protocol: the chosen one's with its judge, the others as
            far as their rules decide.
    """

    verdicts: list[Verdict]
    scorecard: Scorecard
    verdict_of: dict[Protocol, list[bool | None]]


def judge_run(
    answers: Sequence[Answer],
    *,
    task: str,
    task_version: str,
    protocol: Protocol,
    judge: Judge | None,
    dataset: DatasetRef,
    expected: int | None = None,
    extra: Mapping[str, str] | None = None,
    vision: Vision = "image",
    model: str = "",
    cluster: Cluster = "image",
) -> Judged:
    """Judges the answers of a task under a protocol, scores them, and adds what the rules of the other protocols say.

    Args:
        answers: one per question, without prediction where the model gave none; at least one.
        task, task_version: the task's name and version.
        protocol: how the answers are judged.
        judge: decides what the rules of the protocol cannot; None leaves it undecided.
        dataset: what the questions were taken from.
        expected: questions of the whole task, where `answers` cover a part of it; else all of them.
        extra: further parts of the signature.
        vision: what the model was shown.
        model: the model's name.
        cluster: what the intervals take for dependent.

    Raises:
        ValueError: there are no answers.
        UsageError: an unknown protocol.
        SarlangError: the judge refuses to go on, say because another model answers than the one asked for.
    """
    verdicts = judge_answers(answers, protocol=protocol, task=task, judge=judge)
    verdict_of = {name: _by_rules(answers, name) for name in PROTOCOLS if name != protocol}
    card = score(
        verdicts,
        task=task,
        task_version=task_version,
        protocol=protocol,
        dataset=dataset,
        judge="off" if judge is None else judge.name,
        prompt="" if judge is None else _prompt_digest(protocol),
        expected=expected,
        extra=extra,
        vision=vision,
        model=model,
        cluster=cluster,
        others=verdict_of,
    )
    return Judged(verdicts, card, {protocol: [verdict.verdict for verdict in verdicts], **verdict_of})


def _by_rules(answers: Sequence[Answer], protocol: Protocol) -> list[bool | None]:
    return [
        decide(answer.question, answer.gold, answer.prediction, type=answer.type, protocol=protocol).verdict for answer in answers
    ]


def _prompt_digest(protocol: Protocol) -> str:
    from sarlang_hf.scoring.judge.prompts import prompt_sha256

    return prompt_sha256(protocol)[:8]
