"""Which runs may be compared, by which metrics, and on which of their items."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.caption_rows import CaptionRow
from sarlang_hf.scoring.comparison.runs import Run
from sarlang_hf.scoring.scorecard import Scorecard
from sarlang_hf.scoring.signature import Cluster, cluster_keys
from sarlang_hf.scoring.verdicts import Verdict

Runs = Mapping[str, Run]

_SHOWN = 60
"""Characters of a text that a message shows."""

_CAPTION_METRICS = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider")


@dataclass(frozen=True, slots=True)
class Shared:
    """The items that all runs can be compared on.

    Attributes:
        rows: by run, the verdict or caption row of each item, in the same order; as many as there are items.
        clusters: the cluster of each item.
        left_out: by run, how many of its items are not among them.
        without_place: items clustered by image although places were asked for.
    """

    rows: dict[str, list[Any]]
    clusters: Sequence[str]
    left_out: dict[str, int]
    without_place: int


def signature_parts(signature: str) -> dict[str, str]:
    """'sarlang_vqa@1.0|judge=off|v1' as {'task': 'sarlang_vqa@1.0', 'judge': 'off', 'v1': ''}."""
    task, *parts = signature.split("|")
    return {"task": task} | {name: value for name, _, value in (part.partition("=") for part in parts)}


def require_comparable(runs: Runs, metric: str) -> None:
    """Refuses runs whose numbers do not measure the same thing.

    Raises:
        UsageError: they differ in task, task version, dataset, protocol or profile; two judge models decided; or the document
            frequencies behind CIDEr differ.
    """
    (first, first_facts), *others = [(name, _facts(run)) for name, run in runs.items()]
    for name, facts in others:
        for what, value in facts.items():
            if value != first_facts.get(what):
                problem = f"differs from {first} in {what}: {value}, not {first_facts.get(what)}"
                raise UsageError(problem, place=name, remedy="compare runs of one task on one dataset, judged alike")
    judges = {name: judge for name, run in runs.items() if (judge := _judge(run)) is not None}
    if len(set(judges.values())) > 1:
        listed = ", ".join(f"{name} by {judge}" for name, judge in judges.items())
        remedy = "judge them again with one model: `sarlang judge SAMPLES --judge-model MODEL`"
        raise UsageError(f"different models judged the runs: {listed}", place="RUNS", remedy=remedy)
    if metric.endswith("_cider"):
        require_same_frequencies(runs, metric.partition("_")[0])


def require_same_frequencies(runs: Runs, kind: str) -> None:
    """Refuses to compare by CIDEr what was weighed by different document frequencies.

    CIDEr weighs words by how rare they are; counted over the references at hand, that depends on which ones these are.

    Args:
        runs: of captions, scorecards included.
        kind: of the references.

    Raises:
        UsageError: the frequencies behind CIDEr of this kind differ.
    """
    tables = {}
    for name, run in runs.items():
        listed = signature_parts(run.scorecard.signature).get("df", "").split(",")
        tables[name] = dict(entry.split(":", 1) for entry in listed if ":" in entry).get(kind, "unknown")
        if tables[name] == "items":
            ids = sorted(key for key, row in run.captions.items() if row.answer.kind == kind)
            tables[name] = f"those of its own {len(ids)} references ({hashlib.sha256(' '.join(ids).encode()).hexdigest()[:12]})"
    if len(set(tables.values())) > 1:
        listing = ", ".join(f"{name} {table}" for name, table in tables.items())
        remedy = "score both on the same dataset folder, which keeps its frequencies, or compare by another metric"
        raise UsageError(f"CIDEr with different document frequencies: {listing}", place="RUNS", remedy=remedy)


def _facts(run: Run) -> dict[str, str]:
    card = run.scorecard
    own = {"protocol": card.protocol} if isinstance(card, Scorecard) else {"profile": card.profile}
    # The label alone would take two datasets for one if their first 12 digits agreed.
    dataset = f"{card.dataset.label} ({card.dataset.sha256})"
    return {"task": card.task, "task version": card.task_version, "dataset": dataset, **own}


def _judge(run: Run) -> str | None:
    """The judge model of a run and the digest of its prompt; None where rules alone decided."""
    if not isinstance(run.scorecard, Scorecard) or run.scorecard.judge == "off":
        return None
    prompt = signature_parts(run.scorecard.signature).get("prompt", "")
    return f"{run.scorecard.judge} (prompt {prompt})"


def choose_metrics(runs: Runs, wanted: str | None = None) -> list[str]:
    """Full names of the metrics to compare: `acc` for questions; for captions each kind that all runs have with one metric.

    Args:
        runs: at least one.
        wanted: `acc`, `complex_cider`, ...; `cider` alone is that of each kind. None: `acc`, or `cider`.

    Raises:
        UsageError: the task has no such metric.
    """
    if all(isinstance(run.scorecard, Scorecard) for run in runs.values()):
        possible, default = ["acc"], "acc"
    else:
        kinds = [{row.answer.kind for row in run.captions.values()} for run in runs.values()]
        possible, default = [f"{kind}_{name}" for kind in sorted(set.intersection(*kinds)) for name in _CAPTION_METRICS], "cider"
    chosen = [name for name in possible if name == (wanted or default) or name.partition("_")[2] == (wanted or default)]
    if not chosen:
        remedy = f"choose one of {', '.join(possible)}" if possible else "compare runs whose captions have references of one kind"
        raise UsageError(f"the runs have no metric {wanted or default!r}", place="--metric", remedy=remedy)
    return chosen


def shared_items(runs: Runs, metric: str, cluster: Cluster) -> Shared:
    """The items that all runs have, in the order of the first.

    A caption that is missing has no score and leaves its item out; an answer that is missing has a range, and stays.

    Raises:
        UsageError: runs disagree about the text of an item, or have none in common.
    """
    kind = metric.partition("_")[0]
    own: dict[str, dict[str, Any]] = {
        name: dict(run.verdicts) or {key: row for key, row in run.captions.items() if row.answer.kind == kind}
        for name, run in runs.items()
    }
    usable = [{key for key, row in rows.items() if isinstance(row, Verdict) or _is_told(row)} for rows in own.values()]
    common = set.intersection(*usable)
    first = next(iter(own))
    keys = [key for key in own[first] if key in common]
    if not keys:
        raise UsageError("the runs have no item in common", place=", ".join(own), remedy="compare runs on the same items")
    for name, rows in own.items():
        _require_same_texts(first, own[first], name, rows, keys)
    answers = [own[first][key].answer for key in keys]
    places = [answer.place for answer in answers]
    return Shared(
        rows={name: [rows[key] for key in keys] for name, rows in own.items()},
        clusters=cluster_keys([answer.image_id for answer in answers], places, cluster),
        left_out={name: len(rows) - len(keys) for name, rows in own.items()},
        without_place=places.count("") if cluster == "place" else 0,
    )


def _is_told(row: CaptionRow) -> bool:
    return row.answer.prediction is not None


def _require_same_texts(first: str, expected: Mapping[str, Any], name: str, rows: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in keys:
        texts, others = _texts(rows[key]), _texts(expected[key])
        for what in texts:
            if texts[what] != others[what]:
                here, there = _where_they_part(texts[what], others[what])
                problem = f"item {key:.{_SHOWN}} has {what} {here}, in {first} {there}"
                raise UsageError(problem, place=name, remedy="compare runs that were asked the same questions")


def _texts(row: Verdict | CaptionRow) -> dict[str, str]:
    if isinstance(row, CaptionRow):
        return {"image": row.answer.image_id, "reference": row.answer.reference}
    return {"image": row.answer.image_id, "question": row.answer.question, "answer": row.answer.gold}


def _where_they_part(first: str, second: str) -> tuple[str, str]:
    """Excerpts of two texts around the first character that they do not share: captions may be pages long."""
    pairs = enumerate(zip(first, second, strict=False))
    parting = next((place for place, (one, other) in pairs if one != other), min(len(first), len(second)))
    start = max(0, parting - _SHOWN // 3)
    cut = (text[start : start + _SHOWN] for text in (first, second))
    here, there = (f"{'...' * (start > 0)}{part!r}{'...' * (len(part) == _SHOWN)}" for part in cut)
    return here, there
