"""What runs are compared by: means of item scores, which may be ranges, or BLEU from the sums of its statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.scoring.caption_rows import CaptionRow
from sarlang_hf.scoring.comparison.comparability import Shared
from sarlang_hf.scoring.comparison.unjudged import completions
from sarlang_hf.scoring.judge.prompts import request_for
from sarlang_hf.scoring.resampling import cluster_codes, cluster_sums, percentiles, resampled_sums
from sarlang_hf.scoring.uncertainty import Difference, clustered_interval, difference_of_means, two_sided_p
from sarlang_hf.scoring.verdicts import Verdict

Floats = NDArray[np.float64]
Ends = tuple[Difference, Difference]
"""A difference if all unjudged answers go against the first run, and if they go for it; one object where none matters."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Runs on the items they share.

    Attributes:
        scores: by run, the lower and the upper end of its score.
        intervals: by run, the 95% interval, around that of every score while answers are unjudged; None for one cluster.
        differences: by pair of runs, first minus second.
        pvalues: by pair, the two-sided p-value, or the largest that any verdicts can bring about; None for one cluster.
        clusters: number of clusters.
    """

    scores: dict[str, tuple[float, float]]
    intervals: dict[str, tuple[float, float] | None]
    differences: dict[tuple[str, str], Ends]
    pvalues: dict[tuple[str, str], float | None]
    clusters: int


def measure(shared: Shared, metric: str, rng: np.random.Generator) -> Measured:
    """Scores and differences of all runs by one metric, all from one bootstrap."""
    codes, count = cluster_codes(shared.clusters)
    if metric == "acc":
        bounds = {run: _verdict_bounds(rows) for run, rows in shared.rows.items()}
        gaps = {pair: _verdict_differences(*(shared.rows[run] for run in pair)) for pair in combinations(bounds, 2)}
        return _means(bounds, gaps, codes, count, rng, most=1.0)
    name = metric.partition("_")[2]
    if name.startswith("bleu_"):
        return _bleu(shared, int(name.removeprefix("bleu_")), codes, count, rng)
    values = {run: np.array([getattr(row, name) for row in rows]) for run, rows in shared.rows.items()}
    known = {(first, second): (values[first] - values[second],) for first, second in combinations(values, 2)}
    return _means({run: (value, value) for run, value in values.items()}, known, codes, count, rng, most=np.inf)


def _means(
    bounds: Mapping[str, tuple[Floats, Floats]],
    differences: Mapping[tuple[str, str], tuple[Floats, ...]],
    codes: NDArray[np.int64],
    count: int,
    rng: np.random.Generator,
    *,
    most: float,
) -> Measured:
    """Runs whose score is the mean of item scores between two bounds, none below 0 or above `most`.

    `differences` are those of the items, once if all are known, else their least and their most.
    """
    columns = [np.ones(len(codes)), *(end for ends in differences.values() for end in ends)]
    estimates = iter(_resampled_means(cluster_sums(np.stack(columns, axis=1), codes, count), rng).T)
    found = {
        pair: [difference_of_means(end, codes, count, next(estimates)) for end in ends] for pair, ends in differences.items()
    }
    return Measured(
        scores={run: (float(low.mean()), float(high.mean())) for run, (low, high) in bounds.items()},
        intervals={run: _interval(low, high, codes, count, most) for run, (low, high) in bounds.items()},
        differences={pair: (ends[0], ends[-1]) for pair, ends in found.items()},
        pvalues={pair: _largest_p(found[pair], ends, codes, count) for pair, ends in differences.items()},
        clusters=count,
    )


def _interval(low: Floats, high: Floats, codes: NDArray[np.int64], count: int, most: float) -> tuple[float, float] | None:
    known = clustered_interval(low, codes)
    if known.low is None or known.high is None:
        return None
    ends = completions(low, high, codes, count).interval() if (low < high).any() else (known.low, known.high)
    return max(0.0, ends[0]), min(most, ends[1])


def _largest_p(found: Sequence[Difference], ends: Sequence[Floats], codes: NDArray[np.int64], count: int) -> float | None:
    if count == 1 or len(ends) == 1:
        return found[0].p
    return completions(ends[0], ends[-1], codes, count).largest_p()


def _resampled_means(sums: Floats, rng: np.random.Generator) -> Floats:
    """Means of each column but the first, which holds the numbers of items; (resamples, m - 1)."""
    totals = resampled_sums(sums, rng=rng) if len(sums) > 1 else sums
    means: Floats = totals[:, 1:] / totals[:, :1]
    return means


def _verdict_bounds(rows: Sequence[Verdict]) -> tuple[Floats, Floats]:
    """Item scores with the unjudged answers wrong, and right."""
    low = np.array([row.verdict is True for row in rows], dtype=np.float64)
    return low, np.array([row.verdict is not False for row in rows], dtype=np.float64)


def _verdict_differences(first: Sequence[Verdict], second: Sequence[Verdict]) -> tuple[Floats, ...]:
    """Item differences: once if all are known, else their least and their most."""
    (first_low, first_high), (second_low, second_high) = _verdict_bounds(first), _verdict_bounds(second)
    least, most = first_low - second_high, first_high - second_low
    for row in np.flatnonzero(least < most).tolist():
        if _one_verdict(first[row], second[row]):
            least[row] = most[row] = 0.0
    return (least, most) if (least < most).any() else (least,)


def _one_verdict(first: Verdict, second: Verdict) -> bool:
    """Whether a judge would be asked the same about two answers to one question. A missing answer may yet be anything."""
    if "missing" in (first.rule, second.rule):
        return False
    question, gold = first.answer.question, first.answer.gold
    sent = [request_for(first.protocol, question, gold, verdict.answer.prediction or "") for verdict in (first, second)]
    return sent[0] == sent[1]


def _bleu(shared: Shared, order: int, codes: NDArray[np.int64], count: int, rng: np.random.Generator) -> Measured:
    """Runs whose score is corpus BLEU of one order, anew from the sums of each resample."""
    statistics = np.concatenate([_statistics(rows) for rows in shared.rows.values()], axis=1)
    sums = cluster_sums(statistics, codes, count)
    shape = (-1, len(shared.rows), statistics.shape[1] // len(shared.rows))
    scores = _corpus_bleu(sums.sum(axis=0).reshape(shape), order)[0]
    estimates = _corpus_bleu(resampled_sums(sums, rng=rng).reshape(shape), order) if count > 1 else None
    names = list(shared.rows)
    intervals: dict[str, tuple[float, float] | None] = dict.fromkeys(names)
    if estimates is not None:
        intervals = {
            name: (float(low), float(high)) for name, low, high in zip(names, *percentiles(estimates, count), strict=True)
        }
    differences: dict[tuple[str, str], Ends] = {}
    for (a, first), (b, second) in combinations(enumerate(names), 2):
        drawn = None if estimates is None else estimates[:, a] - estimates[:, b]
        found = _bleu_difference(float(scores[a] - scores[b]), drawn, len(codes), count)
        differences[first, second] = (found, found)
    return Measured(
        scores={name: (float(score),) * 2 for name, score in zip(names, scores, strict=True)},
        intervals=intervals,
        differences=differences,
        pvalues={pair: found.p for pair, (found, _) in differences.items()},
        clusters=count,
    )


def _corpus_bleu(sums: Floats, order: int) -> Floats:
    """BLEU of one order, x100, from sums (..., 10): (...); 0 where no n-gram of some length up to `order` matches.

    The constants of the official script make something of nothing, 1e-9 to 1e-16, by the lengths of the texts alone: between two
    runs without a match it would be a difference in every resample alike, and the tests would find it.
    """
    from sarlang_hf.scoring.captions import bleu_from_statistics

    scores: Floats = np.where((sums[..., :order] > 0).all(axis=-1), bleu_from_statistics(sums)[..., order - 1], 0.0)
    return scores


def length_ratio(rows: Sequence[CaptionRow]) -> float | None:
    """Words of captions per word of their references; None where the references hold none."""
    wanted = sum(row.reference_length for row in rows)
    return sum(row.prediction_length for row in rows) / wanted if wanted else None


def _statistics(rows: Sequence[CaptionRow]) -> Floats:
    """(n, 10): matches, candidates, lengths of prediction and reference, the order of `CaptionScores.bleu_statistics`."""
    return np.array(
        [(*row.bleu_matches, *row.bleu_candidates, row.prediction_length, row.reference_length) for row in rows], float
    )


def _bleu_difference(difference: float, drawn: Floats | None, n: int, count: int) -> Difference:
    """BLEU has no clustered standard error in closed form: the bootstrap's takes its place, against the same t."""
    if drawn is None:
        return Difference(difference, None, None, None, None, n, count)
    se = float(drawn.std(ddof=1))
    low, high = percentiles(drawn, count)
    return Difference(difference, float(low), float(high), two_sided_p(difference, se, count), se, n, count)
