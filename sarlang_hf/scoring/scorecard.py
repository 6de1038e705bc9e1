"""Scorecards: the accuracy of a model on a task, with its range, error bars, breakdown and signature.

`sarlang_scorecard.json`, beside the verdicts it was computed from, keyed by task:

    {"sarlang_vqa": {
        "format_version": "1.0", "task": "sarlang_vqa", "task_version": "1.0", "protocol": "strict", "judge": "off",
        "dataset": {"kind": "simulated", "sha256": "1a2b..."},
        "signature": "sarlang_vqa@1.0|protocol=strict|judge=off|metric=acc|unit=question|cluster=image|
                      data=simulated:1a2b3c4d5e6f|n=8740/8740",
        "overall": {"n": 8740, "clusters": 1017, "n_unjudged": 0, "n_missing": 0, "value": 0.41, "low": 0.41, "high": 0.41,
                    "interval": [0.40, 0.42]},
        "by": {"type": {"instance_counting": {...}, ...}, "application": {...}, "source": {...}, "template": {...}},
        "rules": {"count": 812, "exact": 3011, ...}}}

Scores are fractions. While an item is unjudged there is no value: the range from `low` (every unjudged item wrong) to `high`
(every one right) holds whatever a judge will find.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sarlang_hf.errors import UsageError
from sarlang_hf.files import write_atomically
from sarlang_hf.schema import FORMAT_VERSION, DatasetKind
from sarlang_hf.scoring.accuracy import Marks, Score, accuracy
from sarlang_hf.scoring.verdicts import Verdict

SCORECARD_FILE = "sarlang_scorecard.json"
TASK_VERSION = "1.0"
"""Version of the tasks, prompts included: the lmms-eval tasks and `sarlang score` ask the same questions."""

BREAKDOWNS = ("type", "application", "source", "template")
_FIXED = {"metric": "acc", "unit": "question", "cluster": "image"}


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """The dataset that was asked about: its kind and the SHA-256 of its manifest.json. Not its path: scorecards are shared."""

    kind: DatasetKind
    sha256: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The scores of one model on one task. `by` maps a breakdown (`BREAKDOWNS`) to its groups; `rules` counts verdicts."""

    task: str
    task_version: str
    protocol: str
    judge: str
    dataset: DatasetRef
    signature: str
    overall: Score
    by: dict[str, dict[str, Score]] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The scorecard as plain JSON values, in the layout above."""
        return {"format_version": FORMAT_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Scorecard:
        """The scorecard that `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: the record is something else; `read_scorecards` turns them into a user error.
        """
        version = str(record["format_version"])
        if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
            raise ValueError(f"format version {version}, not {FORMAT_VERSION}")
        plain = {name: record[name] for name in ("task", "task_version", "protocol", "judge", "signature")}
        by = {name: {key: _score(value) for key, value in groups.items()} for name, groups in record["by"].items()}
        dataset, overall = DatasetRef(**record["dataset"]), _score(record["overall"])
        return cls(**plain, dataset=dataset, overall=overall, by=by, rules=dict(record["rules"]))


def score(
    verdicts: Sequence[Verdict],
    *,
    task: str,
    task_version: str,
    protocol: str,
    dataset: DatasetRef,
    judge: str = "off",
    expected: int | None = None,
    extra: Mapping[str, str] | None = None,
) -> Scorecard:
    """Scores a task from the verdicts on its questions.

    Args:
        verdicts: one per question; a question without prediction has a verdict too, with the rule `missing`.
        task: the task's name.
        task_version: the version of the task, prompt included.
        protocol: how the answers were judged.
        dataset: what the questions were taken from.
        judge: the model that decided what rules could not; `off` for none.
        expected: questions of the whole task, where the run covers only part of it (`--limit`); else all of `verdicts`.
        extra: further parts of the signature, such as the digest of a subset.

    Raises:
        ValueError: there are no verdicts.
    """
    if not verdicts:
        raise ValueError("a scorecard needs at least one verdict")
    marks = _marks(verdicts)
    scored = f"{len(verdicts) - int(marks.missing.sum())}/{len(verdicts) if expected is None else expected}"
    parts = {"protocol": protocol, "judge": judge, **_FIXED, "data": f"{dataset.kind}:{dataset.sha256[:12]}"}
    parts |= {**(extra or {}), "n": scored}
    return Scorecard(
        task=task,
        task_version=task_version,
        protocol=protocol,
        judge=judge,
        dataset=dataset,
        signature="|".join([f"{task}@{task_version}", *(f"{name}={value}" for name, value in parts.items())]),
        overall=accuracy(marks),
        by={name: _groups(marks, [getattr(verdict.answer, name) for verdict in verdicts]) for name in BREAKDOWNS},
        rules=dict(sorted(Counter(verdict.rule for verdict in verdicts).items())),
    )


def _marks(verdicts: Sequence[Verdict]) -> Marks:
    return Marks(
        right=np.array([verdict.verdict is True for verdict in verdicts]),
        unjudged=np.array([verdict.verdict is None for verdict in verdicts]),
        missing=np.array([verdict.rule == "missing" for verdict in verdicts]),
        images=np.unique([verdict.answer.image_id for verdict in verdicts], return_inverse=True)[1],
    )


def write_scorecards(path: Path, scorecards: Mapping[str, Scorecard]) -> None:
    """Writes scorecards by task; those of other tasks that the file already holds stay.

    Raises:
        OutputError: the folder cannot be written.
        UsageError: the file exists but holds no scorecards.
    """
    merged = {**(read_scorecards(path) if path.exists() else {}), **scorecards}
    text = json.dumps({task: card.to_json() for task, card in sorted(merged.items())}, indent=2, allow_nan=False)
    write_atomically(path, f"{text}\n".encode())


def read_scorecards(path: Path) -> dict[str, Scorecard]:
    """Reads the scorecards of a run, by task.

    Raises:
        UsageError: there is no such file, or it holds no scorecards of this format version.
    """
    try:
        return {task: Scorecard.from_json(record) for task, record in json.loads(path.read_bytes()).items()}
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"is not a scorecard file ({type(error).__name__}: {error})",
            place=path,
            remedy=f"name a {SCORECARD_FILE} that this version of sarlang-hf wrote",
        ) from error


def _groups(marks: Marks, keys: Sequence[str]) -> dict[str, Score]:
    """The score of each group of questions that share a key, keys in order."""
    names, codes, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])
    return {str(name): accuracy(marks.at(members)) for name, members in zip(names, rows, strict=True)}


def _score(record: Mapping[str, Any]) -> Score:
    interval = record["interval"]
    return Score(**{**record, "interval": None if interval is None else (interval[0], interval[1])})
