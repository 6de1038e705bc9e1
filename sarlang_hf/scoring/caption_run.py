"""From the captions of one task to scored rows and scorecard: what the lmms-eval tasks and `sarlang score` share.

Every kind of reference is scored by itself, each reference row once. Per-row values and BLEU's counts come from one pass over
all rows of a kind (`scoring.captions`), with CIDEr's document frequencies frozen; whatever is printed, for the whole or for one
source, is a mean or a sum over rows of that pass, so that parts and whole are comparable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.schema import CaptionKind
from sarlang_hf.scoring import captions
from sarlang_hf.scoring.answers import is_failed_request
from sarlang_hf.scoring.caption_rows import CaptionAnswer, CaptionRow
from sarlang_hf.scoring.caption_scorecard import SCORED_KINDS, CaptionScore, CaptionScorecard, Metric, ScoredKind
from sarlang_hf.scoring.caption_summary import Measured, caption_score, summarize
from sarlang_hf.scoring.captions import CaptionScores, Profile
from sarlang_hf.scoring.signature import Cluster, DatasetRef, Vision, cluster_keys, number_keys, signature
from sarlang_hf.texts.document_frequency import DocumentFrequency

CAPTION_BREAKDOWNS = ("source", "origin")

Kinds = dict[ScoredKind, dict[Metric, CaptionScore]]


@dataclass(frozen=True, slots=True)
class CaptionRun:
    """The scored captions of a task, a row per reference (none for profile `coco`), and what they add up to."""

    rows: list[CaptionRow]
    scorecard: CaptionScorecard


def score_captions(
    answers: Sequence[CaptionAnswer],
    *,
    task: str,
    task_version: str,
    dataset: DatasetRef,
    document_frequency: Mapping[CaptionKind, DocumentFrequency],
    expected: Mapping[ScoredKind, int] | None = None,
    extra: Mapping[str, str] | None = None,
    vision: Vision = "image",
    model: str = "",
    cluster: Cluster = "image",
    profile: Profile = "official",
    meteor: bool = False,
    rng: np.random.Generator,
) -> CaptionRun:
    """Scores the captions of a task.

    Args:
        answers: one per reference, all references of an image with the same prediction; None, or lmms-eval's marker of a
            failed request, is a missing one. At least one.
        task, task_version: the task's name and version.
        dataset: what the references were taken from.
        document_frequency: the frozen tables of the dataset by kind; a kind without one is counted over `answers`, which its
            signature says (`df=items`). Profile `coco` always counts.
        expected: references of the whole task by kind, where `answers` cover a part of it; else those of `answers`.
        extra: further parts of the signature.
        vision: what the model was shown.
        model: the model's name.
        cluster: what the intervals take for dependent.
        profile: `official`, or `coco`: an item is an image with all its references of a kind; Java.
        meteor: whether to measure METEOR too, for `coco` alone.
        rng: draws the bootstrap of BLEU and METEOR.

    Raises:
        ValueError: there are no answers, or METEOR is asked for with `official`.
        UsageError: `coco` without Java or its package.
    """
    if not answers:
        raise ValueError("a scorecard needs at least one caption")
    if meteor and profile != "coco":
        raise ValueError("METEOR tokenizes its texts: it belongs to profile 'coco'")
    seed = int(rng.integers(2**32))  # each part draws alike, so that its interval does not depend on what else is scored
    kinds = _by_kind(answers)
    parts = {kind: _score_kind(of_kind, profile, document_frequency, cluster) for kind, of_kind in kinds.items()}
    card = CaptionScorecard(
        task=task,
        task_version=task_version,
        profile=profile,
        dataset=dataset,
        signature=_signature(task, task_version, parts, dataset, cluster, vision, extra or {}, expected or {}),
        vision=vision,
        model=model,
        cluster=cluster,
        extra=dict(extra or {}),
        by_kind={
            kind: summarize(part.measured, np.random.default_rng(seed)) | (_meteor(part, seed) if meteor else {})
            for kind, part in parts.items()
        },
        # The parts of a coco score would each need a frequency table of their own.
        by={name: _breakdown(parts, name, seed) for name in CAPTION_BREAKDOWNS} if profile == "official" else {},
    )
    rows = [row for part in parts.values() for row in _rows(part, task)] if profile == "official" else []
    return CaptionRun(rows, card)


@dataclass(frozen=True, slots=True)
class _Part:
    """The captions of one kind: an answer per item (the first of its image for `coco`), and their scores."""

    answers: list[CaptionAnswer]
    references: list[list[str]]
    scores: CaptionScores
    measured: Measured


def _by_kind(answers: Sequence[CaptionAnswer]) -> dict[ScoredKind, list[CaptionAnswer]]:
    """The answers of each kind, complex first, with failed requests as missing predictions."""
    kinds: dict[ScoredKind, list[CaptionAnswer]] = {}
    for answer in answers:
        failed = answer.prediction is not None and is_failed_request(answer.prediction)
        kinds.setdefault(answer.kind, []).append(replace(answer, prediction=None) if failed else answer)
    return {kind: kinds[kind] for kind in SCORED_KINDS if kind in kinds}


def _score_kind(
    answers: list[CaptionAnswer], profile: Profile, tables: Mapping[CaptionKind, DocumentFrequency], cluster: Cluster
) -> _Part:
    items = [[answer] for answer in answers] if profile == "official" else _by_image(answers)
    first = [rows[0] for rows in items]
    references = [[row.reference for row in rows] for rows in items]
    texts = [answer.prediction or "" for answer in first]
    if profile == "official":
        table = tables.get(cast(CaptionKind, answers[0].kind))  # captions of kind 'any' have none
        scores = captions.score(texts, [answer.reference for answer in first], document_frequency=table)
    else:
        scores = captions.score(texts, references, profile=profile)
    clusters = number_keys(cluster_keys([answer.image_id for answer in first], [answer.place for answer in first], cluster))
    missing = np.array([answer.prediction is None for answer in first])
    # Against a reference of blanks alone an empty caption scores in ROUGE_L, a missing one must not.
    rouge_l = np.where(missing, 0.0, scores.item_rouge_l)
    per_row: dict[Metric, NDArray[np.float64]] = {"rouge_l": rouge_l, "cider": scores.item_cider}
    # Of several references BLEU's counts hold the length of the closest, which the caption decides.
    bounded: list[Metric] = ["rouge_l", "cider", "length_ratio"] if profile == "official" else ["rouge_l", "cider"]
    return _Part(first, references, scores, Measured(per_row, scores.bleu_statistics, clusters, missing, frozenset(bounded)))


def _by_image(answers: Sequence[CaptionAnswer]) -> list[list[CaptionAnswer]]:
    images: dict[str, list[CaptionAnswer]] = {}
    for answer in answers:
        images.setdefault(answer.image_id, []).append(answer)
    return list(images.values())


def _meteor(part: _Part, seed: int) -> dict[Metric, CaptionScore]:
    from sarlang_hf.scoring.captions.java import meteor

    texts = [answer.prediction or "" for answer in part.answers]
    found = meteor(texts, part.references, clusters=part.measured.clusters, rng=np.random.default_rng(seed))
    return {"meteor": caption_score(part.measured, "meteor", found.value, found.interval)}


def _breakdown(parts: Mapping[ScoredKind, _Part], name: str, seed: int) -> dict[str, Kinds]:
    groups: dict[str, Kinds] = {}
    for kind, part in parts.items():
        keys = np.array([getattr(answer, name) for answer in part.answers], dtype=object)
        for key in sorted(set(keys)):
            groups.setdefault(key, {})[kind] = summarize(part.measured.at(keys == key), np.random.default_rng(seed))
    return dict(sorted(groups.items()))


def _rows(part: _Part, task: str) -> list[CaptionRow]:
    statistics = part.scores.bleu_statistics.tolist()
    rouge_ls, ciders = (part.measured.per_row[metric].tolist() for metric in ("rouge_l", "cider"))
    values = zip(part.answers, rouge_ls, ciders, statistics, strict=True)
    return [
        CaptionRow(answer, task, "official", rouge_l, cider, tuple(counts[:4]), tuple(counts[4:8]), counts[8], counts[9])
        for answer, rouge_l, cider, counts in values
    ]


def _signature(
    task: str,
    task_version: str,
    parts: Mapping[ScoredKind, _Part],
    dataset: DatasetRef,
    cluster: Cluster,
    vision: Vision,
    extra: Mapping[str, str],
    expected: Mapping[ScoredKind, int],
) -> str:
    """The metrics' own signature, which differs between kinds in the frequencies alone, and what else names the scores."""
    head, _, tail = next(iter(parts.values())).scores.signature.partition("|df=")
    digests, counts = [], []
    for kind, part in parts.items():
        digests.append(f"{kind}:{part.scores.signature.rpartition('|df=')[2].partition('|')[0]}")
        answered = int((~part.measured.missing).sum())
        counts.append(f"{kind}:{answered}/{expected.get(kind, len(part.answers))}")
    named = {"": head, "df": f"{','.join(digests)}|{tail.partition('|')[2]}", "cluster": cluster, "data": dataset.label}
    named |= ({} if vision == "image" else {"vision": vision}) | {**extra, "n": ",".join(counts)}
    return signature(task, task_version, named)
