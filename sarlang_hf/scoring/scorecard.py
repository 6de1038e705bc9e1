"""Scorecards: the accuracy of a model on a task, with its range, error bars, breakdown and signature.

`sarlang_scorecard.json`, beside the verdicts it was computed from, keyed by task; the caption tasks' (`caption_scorecard`)
stand in the same file, told apart by their `unit`:

    {"sarlang_vqa": {
        "format_version": "1.0", "unit": "question", "task": "sarlang_vqa", "task_version": "1.0", "protocol": "strict",
        "judge": "off", "dataset": {"kind": "simulated", "sha256": "1a2b...", "from_file": false},
        "signature": "sarlang_vqa@1.0|protocol=strict|judge=off|metric=acc|unit=question|cluster=image|
                      data=simulated:1a2b3c4d5e6f|n=8740/8740",
        "vision": "image", "model": "qwen2_5_vl", "cluster": "image", "extra": {},
        "overall": {"n": 8740, "clusters": 1017, "n_unjudged": 0, "n_missing": 0, "value": 0.41, "low": 0.41, "high": 0.41,
                    "interval": [0.40, 0.42]},
        "protocols": {"strict": {...}, "released": {...}, "paper": {...}},
        "by": {"type": {"instance_counting": {...}, ...}, "application": {...}, "source": {...}, "template": {...}},
        "rules": {"count": 812, "exact": 3011, ...}, "cost_usd": 0.0, "gaps": []}}

Scores are fractions. While an item is unjudged there is no value: the range from `low` (every unjudged item wrong) to `high`
(every one right) holds whatever a judge will find. `protocols` has the same answers under every protocol: the scorecard's own
with its judge, the others as far as their rules decide.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from sarlang_hf.errors import UsageError
from sarlang_hf.files import read_regular, write_atomically
from sarlang_hf.schema import FORMAT_VERSION
from sarlang_hf.scoring.accuracy import Marks, Score, accuracy
from sarlang_hf.scoring.answers import Protocol
from sarlang_hf.scoring.caption_scorecard import CaptionScorecard
from sarlang_hf.scoring.gap import Gap
from sarlang_hf.scoring.signature import TASK_VERSION, Cluster, DatasetRef, Vision, cluster_keys, number_keys, signature
from sarlang_hf.scoring.verdicts import Verdict

__all__ = [
    "BREAKDOWNS",
    "SCORECARD_FILE",
    "TASK_VERSION",
    "AnyScorecard",
    "DatasetRef",
    "Gap",
    "Scorecard",
    "read_scorecards",
    "score",
    "write_scorecards",
]

SCORECARD_FILE = "sarlang_scorecard.json"
_MAX_BYTES = 1 << 26

BREAKDOWNS = ("type", "application", "source", "template")


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The scores of one model on one task. `by` maps a breakdown (`BREAKDOWNS`) to its groups; `rules` counts verdicts.

    `judge` is the model that decided what rules could not, `off` for none; `cost_usd` what it cost in the run that wrote the
    scorecard. `extra` holds further parts of the signature. `model` is how lmms-eval was told to make the model; it may be
    empty.
    """

    task: str
    task_version: str
    protocol: Protocol
    judge: str
    dataset: DatasetRef
    signature: str
    overall: Score
    vision: Vision = "image"
    model: str = ""
    cluster: Cluster = "image"
    extra: dict[str, str] = field(default_factory=dict)
    protocols: dict[Protocol, Score] = field(default_factory=dict)
    by: dict[str, dict[str, Score]] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    cost_usd: float = 0.0
    gaps: tuple[Gap, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The scorecard as plain JSON values, in the layout above."""
        return {"format_version": FORMAT_VERSION, "unit": "question", **asdict(self)}


AnyScorecard = Scorecard | CaptionScorecard


def score(
    verdicts: Sequence[Verdict],
    *,
    task: str,
    task_version: str,
    protocol: Protocol,
    dataset: DatasetRef,
    judge: str = "off",
    prompt: str = "",
    expected: int | None = None,
    extra: Mapping[str, str] | None = None,
    vision: Vision = "image",
    model: str = "",
    cluster: Cluster = "image",
    others: Mapping[Protocol, Sequence[bool | None]] | None = None,
) -> Scorecard:
    """Scores a task from the verdicts on its questions.

    Args:
        verdicts: one per question; a question without prediction has a verdict too, with the rule `missing`.
        task: the task's name.
        task_version: the version of the task, prompt included.
        protocol: how the answers were judged.
        dataset: what the questions were taken from.
        judge: the model that decided what rules could not; `off` for none.
        prompt: digest of the judge's prompt, where there is a judge.
        expected: questions of the whole task, where the run covers only part of it (`--limit`); else all of `verdicts`.
        extra: further parts of the signature, such as the digest of a subset.
        vision: what the model was shown.
        model: the model's name.
        cluster: what the intervals take for dependent.
        others: verdicts under other protocols, in the same order, for `protocols`.

    Raises:
        ValueError: there are no verdicts.
    """
    if not verdicts:
        raise ValueError("a scorecard needs at least one verdict")
    marks = _marks(verdicts, cluster)
    overall = accuracy(marks)
    parts = {"protocol": protocol, "judge": judge} | ({"prompt": prompt} if prompt else {})
    parts |= {"metric": "acc", "unit": "question", "cluster": cluster, "data": dataset.label}
    parts |= ({} if vision == "image" else {"vision": vision}) | dict(extra or {})
    parts["n"] = f"{overall.n - overall.n_missing}/{overall.n if expected is None else expected}"
    protocols = {protocol: overall} | {
        name: accuracy(_remarked(marks, found)) for name, found in (others or {}).items() if name != protocol
    }
    return Scorecard(
        task=task,
        task_version=task_version,
        protocol=protocol,
        judge=judge,
        dataset=dataset,
        signature=signature(task, task_version, parts),
        overall=overall,
        vision=vision,
        model=model,
        cluster=cluster,
        extra=dict(extra or {}),
        protocols=protocols,
        by={name: _groups(marks, [getattr(verdict.answer, name) for verdict in verdicts]) for name in BREAKDOWNS},
        rules=dict(sorted(Counter(verdict.rule for verdict in verdicts).items())),
        cost_usd=sum(verdict.cost_usd for verdict in verdicts),
    )


def _marks(verdicts: Sequence[Verdict], cluster: Cluster) -> Marks:
    images = [verdict.answer.image_id for verdict in verdicts]
    keys = cluster_keys(images, [verdict.answer.place for verdict in verdicts], cluster)
    return Marks(
        right=np.array([verdict.verdict is True for verdict in verdicts]),
        unjudged=np.array([verdict.verdict is None for verdict in verdicts]),
        missing=np.array([verdict.rule == "missing" for verdict in verdicts]),
        clusters=number_keys(keys),
    )


def _remarked(marks: Marks, verdicts: Sequence[bool | None]) -> Marks:
    """The marks of the same answers under another protocol."""
    right, unjudged = (np.array([verdict is value for verdict in verdicts]) for value in (True, None))
    return replace(marks, right=right, unjudged=unjudged)


def _groups(marks: Marks, keys: Sequence[str]) -> dict[str, Score]:
    """The score of each group of questions that share a key, keys in order."""
    codes = number_keys(keys)
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    names = dict.fromkeys(keys)  # in the order of their numbers
    scores = {name: accuracy(marks.at(members)) for name, members in zip(names, rows, strict=True)}
    return dict(sorted(scores.items()))


def write_scorecards(path: Path, scorecards: Mapping[str, AnyScorecard]) -> None:
    """Writes scorecards by task; those of other tasks that the file already holds stay.

    Raises:
        OutputError: the folder cannot be written.
        UsageError: the file exists but holds no scorecards.
    """
    merged = {**(read_scorecards(path) if path.exists() else {}), **scorecards}
    text = json.dumps({task: card.to_json() for task, card in sorted(merged.items())}, indent=2, allow_nan=False)
    write_atomically(path, f"{text}\n".encode())


def read_scorecards(path: Path) -> dict[str, AnyScorecard]:
    """Reads the scorecards of a run, by task: a `Scorecard` for each task of questions, a `CaptionScorecard` for one of captions.

    Raises:
        UsageError: there is no such file, or it holds no scorecards of this format version.
    """
    try:
        records = json.loads(read_regular(path, _MAX_BYTES), parse_constant=_refuse_constant)
        return {task: _parsed(task, record) for task, record in records.items()}
    except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"is not a scorecard file ({type(error).__name__}: {' '.join(str(error).split()):.300})",
            place=path,
            remedy=f"name a {SCORECARD_FILE} that this version of sarlang-hf wrote",
        ) from error


def _parsed(task: str, record: Mapping[str, Any]) -> AnyScorecard:
    """The scorecard that `to_json` gave; every field is there and has its type.

    Raises:
        KeyError, TypeError, ValueError: the record is something else.
    """
    from pydantic import TypeAdapter

    version = str(record["format_version"])
    if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise ValueError(f"format version {version}, not {FORMAT_VERSION}")
    kind: type[AnyScorecard] = {"question": Scorecard, "reference": CaptionScorecard}[record["unit"]]
    absent = [field.name for field in fields(kind) if field.name not in record]
    if absent or record["task"] != task:
        raise ValueError(f"{task!r} lacks {', '.join(absent)}" if absent else f"{task!r} is the scorecard of {record['task']!r}")
    card: AnyScorecard = TypeAdapter(kind).validate_json(json.dumps(record), strict=True)
    return card


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
