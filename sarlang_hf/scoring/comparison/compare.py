"""Runs compared pair by pair on the items they share: differences with intervals, corrected p-values, ranks as ranges.

One cluster bootstrap serves all runs of a comparison, so that every interval of every pair rests on the same resamples. The
p-value of a difference is that of its clustered t (BLEU: of the difference over its bootstrap standard error); Holm's correction
covers all pairs of a metric. While answers are unjudged, a difference is a range, from the one extreme (the first run's unjudged
answers wrong, the second's right) to the other; where both runs would send the judge the same text, they get the same verdict,
and the difference is 0. Interval, p-value and rank of a range hold whatever the verdicts will be: the interval reaches around
those of all of them, and the p-value is a bound from above for theirs (`unjudged`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sarlang_hf.scoring.caption_rows import CaptionRow
from sarlang_hf.scoring.comparison.comparability import Runs, Shared, require_comparable, shared_items, signature_parts
from sarlang_hf.scoring.comparison.measures import Ends, Measured, length_ratio, measure
from sarlang_hf.scoring.multiple import holm, minimum_detectable_difference, rank_ranges
from sarlang_hf.scoring.signature import Cluster

ALPHA = 0.05
FEW_CLUSTERS = 10
"""Below it, intervals of the bootstrap cover less than they claim (`uncertainty.paired_bootstrap`)."""


@dataclass(frozen=True, slots=True)
class RunScore:
    """A run's score on the shared items: a fraction for accuracies, x100 for captions.

    Attributes:
        name: the run.
        value: the score; None while answers are unjudged.
        low, high: the score if all unjudged answers were wrong, or right.
        interval: 95%, clustered; while answers are unjudged it reaches around that of every score possible; None for one cluster.
        length_ratio: words of its captions per word of their references, which CIDEr and BLEU depend on; None for questions, and
            where the references hold no word.
        n_unjudged: shared items without a verdict.
        left_out: items of the run that not all runs have, or that lack a caption.
        rank: the best and the worst rank that the comparison allows.
        signature: of the run's scorecard.
    """

    name: str
    value: float | None
    low: float
    high: float
    interval: tuple[float, float] | None
    length_ratio: float | None
    n_unjudged: int
    left_out: int
    rank: tuple[int, int]
    signature: str


@dataclass(frozen=True, slots=True)
class Pair:
    """The first run minus the second, in the unit of the scores.

    Attributes:
        first, second: names of the runs.
        difference: None while it is a range.
        low, high: the ends of the range; both the difference where there is one.
        interval: 95%, of the difference, or around that of every difference possible; None for one cluster.
        p: two-sided, or while the difference is a range the largest that verdicts can bring about; None for one cluster.
        p_holm: corrected for the number of pairs.
        detectable: the smallest true difference that a test at 5% finds with a probability of 80%; None where nothing varies, and
            while the difference is a range.
    """

    first: str
    second: str
    difference: float | None
    low: float
    high: float
    interval: tuple[float, float] | None
    p: float | None
    p_holm: float | None
    detectable: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs compared by one metric, on `n` items in `clusters` clusters. `notes` says what a reader must know beside."""

    task: str
    metric: str
    cluster: Cluster
    n: int
    clusters: int
    runs: tuple[RunScore, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain JSON values."""
        return asdict(self)


def compare(runs: Runs, *, metric: str, cluster: Cluster = "image", rng: np.random.Generator) -> Comparison:
    """Compares runs of one task by one metric.

    Args:
        runs: at least two, by name.
        metric: a name that `comparability.choose_metrics` gives.
        cluster: what the intervals take for dependent; items without a place are clustered by image.
        rng: draws the bootstrap.

    Raises:
        UsageError: the runs do not measure the same thing, or have no items in common.
    """
    require_comparable(runs, metric)
    return contrast(runs, metric=metric, cluster=cluster, rng=rng)


def contrast(runs: Runs, *, metric: str, cluster: Cluster, rng: np.random.Generator) -> Comparison:
    """`compare` for runs that are known to differ in more than the model, such as two tasks about the same questions.

    Raises:
        UsageError: the runs disagree about the text of an item, or have none in common.
    """
    shared = shared_items(runs, metric, cluster)
    measured = measure(shared, metric, rng)
    pvalues = list(measured.pvalues.values())
    tested = zip(measured.differences.items(), pvalues, holm(pvalues), strict=True)
    pairs = tuple(_pair(names, ends, p, p_holm) for (names, ends), p, p_holm in tested)
    ranks = rank_ranges(list(runs), {(pair.first, pair.second): _winner(pair) for pair in pairs})
    return Comparison(
        task=next(iter(runs.values())).scorecard.task,
        metric=metric,
        cluster=cluster,
        n=len(shared.clusters),
        clusters=measured.clusters,
        runs=tuple(_run_score(name, runs, shared, measured, ranks[name]) for name in runs),
        pairs=pairs,
        notes=tuple(_notes(runs, shared, measured, metric)),
    )


def _pair(names: tuple[str, str], ends: Ends, p: float | None, p_holm: float | None) -> Pair:
    least, most = ends
    known = least is most
    return Pair(
        *names,
        difference=least.mean if known else None,
        low=least.mean,
        high=most.mean,
        interval=None if least.low is None or most.high is None else (least.low, most.high),
        p=p,
        p_holm=p_holm,
        detectable=minimum_detectable_difference(least.se, least.clusters - 1) if known and least.se else None,
    )


def _winner(pair: Pair) -> str | None:
    if pair.p_holm is None or pair.p_holm >= ALPHA:
        return None
    return pair.first if pair.low > 0 else pair.second


def _run_score(name: str, runs: Runs, shared: Shared, measured: Measured, rank: tuple[int, int]) -> RunScore:
    low, high = measured.scores[name]
    rows = shared.rows[name]
    unjudged = sum(getattr(row, "verdict", True) is None for row in rows)
    return RunScore(
        name=name,
        value=None if unjudged else low,
        low=low,
        high=high,
        interval=measured.intervals[name],
        length_ratio=length_ratio(rows) if isinstance(rows[0], CaptionRow) else None,
        n_unjudged=unjudged,
        left_out=shared.left_out[name],
        rank=rank,
        signature=runs[name].scorecard.signature,
    )


def _notes(runs: Runs, shared: Shared, measured: Measured, metric: str) -> list[str]:
    notes = []
    parts = {name: signature_parts(run.scorecard.signature) for name, run in runs.items()}
    for part in dict.fromkeys(key for own in parts.values() for key in own):
        values = {name: own.get(part, "not given") for name, own in parts.items()}
        if part not in ("n", "cluster") and len(set(values.values())) > 1:
            notes.append(f"the runs differ in {part}: " + ", ".join(f"{name} {value}" for name, value in values.items()))
    if any(run.scorecard.cluster == "row" for run in runs.values()):
        notes.append("the answers name no images: every row is a cluster of its own, and the intervals are too narrow")
    if shared.without_place:
        notes.append(f"{shared.without_place} of {len(shared.clusters)} items have no place and are clustered by image")
    if measured.clusters < FEW_CLUSTERS:
        notes.append(f"only {measured.clusters} cluster{'s' * (measured.clusters > 1)}: the intervals are too narrow")
    nothing = [name for name, (_, high) in measured.scores.items() if "_bleu_" in metric and high == 0]
    if nothing:
        order = metric[-1]
        notes.append(f"no n-gram of some length up to {order} matches: BLEU-{order} is taken for 0 ({', '.join(nothing)})")
    return notes
