"""Scorecards of the caption tasks, in the same file as those of the questions (`scoring.scorecard`):

    {"sarlang_cap": {
        "format_version": "1.0", "unit": "reference", "task": "sarlang_cap", "task_version": "1.0", "profile": "official",
        "dataset": {"kind": "simulated", "sha256": "1a2b...", "from_file": false},
        "signature": "sarlang_cap@1.0|cap:tok=none|case=mixed|refs=1|unit=row|cider=D,n4,s6,x100|
                      df=complex:09af...,concise:77c1...|v1|cluster=image|data=simulated:1a2b3c4d5e6f|
                      n=complex:6190/6190,concise:7492/7492",
        "vision": "image", "model": "qwen2_5_vl", "cluster": "image", "extra": {},
        "by_kind": {"complex": {"bleu_1": {"n": 6190, "clusters": 4005, "n_missing": 0, "value": 35.1, "low": 35.1,
                                           "interval": [34.8, 35.4]}, ...}, "concise": {...}},
        "by": {"source": {"sardet100k": {"complex": {...}, ...}, ...}, "origin": {...}},
        "gaps": []}}

BLEU, ROUGE_L and CIDEr are x100, as the paper prints them; `length_ratio` is words of the predictions over words of the
references.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from sarlang_hf.schema import FORMAT_VERSION, CaptionKind
from sarlang_hf.scoring.captions import Profile
from sarlang_hf.scoring.gap import Gap
from sarlang_hf.scoring.signature import Cluster, DatasetRef, Vision

ScoredKind = Literal[CaptionKind, "any"]
"""The kind of a caption; `any` in a file of captions that carries its own references and does not say."""

Metric = Literal["bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "length_ratio", "meteor"]

SCORED_KINDS: tuple[ScoredKind, ...] = ("complex", "concise", "any")
METRICS: tuple[Metric, ...] = get_args(Metric)


@dataclass(frozen=True, slots=True)
class CaptionScore:
    """One metric over some references.

    Attributes:
        n: references (images for profile `coco`).
        clusters: distinct clusters among them.
        n_missing: references whose image has no prediction.
        value: the score; None while predictions are missing.
        low: what the score cannot fall below, whatever the missing predictions are: the score with these taken for empty
            captions. 0 for BLEU, METEOR and (profile `coco`) the length ratio, which captions that are bad enough bring down
            below that. `value` where there is one.
        interval: 95% interval of `low`, clustered; None for a single cluster, and where `low` is that bare 0.
    """

    n: int
    clusters: int
    n_missing: int
    value: float | None
    low: float
    interval: tuple[float, float] | None


KindScores = Mapping[ScoredKind, Mapping[Metric, CaptionScore]]


@dataclass(frozen=True, slots=True)
class CaptionScorecard:
    """The caption scores of one model on one task, by kind of reference, and of the parts of each breakdown in `by`."""

    task: str
    task_version: str
    profile: Profile
    dataset: DatasetRef
    signature: str
    vision: Vision = "image"
    model: str = ""
    cluster: Cluster = "image"
    extra: dict[str, str] = field(default_factory=dict)
    by_kind: dict[ScoredKind, dict[Metric, CaptionScore]] = field(default_factory=dict)
    by: dict[str, dict[str, dict[ScoredKind, dict[Metric, CaptionScore]]]] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()

    @property
    def n_missing(self) -> int:
        """References without a prediction, of all kinds."""
        return sum(next(iter(scores.values())).n_missing for scores in self.by_kind.values())

    def to_json(self) -> dict[str, Any]:
        """The scorecard as plain JSON values, in the layout above."""
        return {"format_version": FORMAT_VERSION, "unit": "reference", **asdict(self)}
