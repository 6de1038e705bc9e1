"""A comparison as tables on a terminal: every score and every difference with its interval, the signatures below."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from sarlang_hf.scoring.comparison.compare import Comparison, Pair, RunScore

_TINY = 1e-4


def run_table(comparison: Comparison) -> Table:
    """A row for each run: its score on the shared items, the interval, what was left out, and the ranks it may have.

    Questions have a column for unjudged answers, captions one for their length, in words per word of the references.
    """
    table = _table()
    table.add_column("run")
    questions = comparison.metric == "acc"
    for name in ("score", "95% interval", "unjudged" if questions else "length", "left out", "rank"):
        table.add_column(name, justify="right", no_wrap=True)
    scale = _scale(comparison.metric)
    for run in comparison.runs:
        own = str(run.n_unjudged) if questions else _ratio(run.length_ratio)
        cells = (_value(run, scale), _interval(run.interval, scale), own, str(run.left_out), _rank(run.rank))
        table.add_row(*map(Text, (run.name, *cells)))
    return table


def pair_table(comparison: Comparison) -> Table:
    """A row for each pair: the difference, its interval, p-values, and the difference that could have been found."""
    table = _table()
    table.add_column("pair, points" if comparison.metric == "acc" else "pair, x100")
    for name in ("difference", "95% interval", "p", "p (Holm)", "detectable"):
        table.add_column(name, justify="right", no_wrap=True)
    scale = _scale(comparison.metric)
    for pair in comparison.pairs:
        interval = _interval(pair.interval, scale, signed=True)
        cells = (_difference(pair, scale), interval, _p(pair.p), _p(pair.p_holm), _detectable(pair, scale))
        table.add_row(*map(Text, (f"{pair.first} - {pair.second}", *cells)))
    return table


def header(comparison: Comparison) -> str:
    """What was compared, and on how much."""
    items = "questions" if comparison.metric == "acc" else "references"
    clusters = f"{comparison.clusters} clusters (by {comparison.cluster})"
    return f"{comparison.task}, {_label(comparison.metric)}, {comparison.n} {items} that all runs have, {clusters}"


def footer(comparison: Comparison) -> str:
    """Signatures and notes."""
    title = "Signatures of the runs' scorecards, which stand for all their own items, clustered their own way:"
    lines = [f"{run.name}: {run.signature}" for run in comparison.runs]
    return "\n".join((title, *lines, *(f"Note: {note}." for note in comparison.notes)))


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))


def _scale(metric: str) -> float:
    """Accuracies are kept as fractions and shown in percent; caption metrics are x100 already."""
    return 100.0 if metric == "acc" else 1.0


def _label(metric: str) -> str:
    return "accuracy in percent" if metric == "acc" else metric


def _value(run: RunScore, scale: float) -> str:
    return f"{scale * run.low:.1f}-{scale * run.high:.1f}" if run.value is None else f"{scale * run.value:.1f}"


def _difference(pair: Pair, scale: float) -> str:
    if pair.difference is None:
        return f"{scale * pair.low:+.1f} to {scale * pair.high:+.1f}"
    return f"{scale * pair.difference:+.1f}"


def _detectable(pair: Pair, scale: float) -> str:
    if pair.difference is None:
        return "unjudged"
    return "none" if pair.detectable is None else f"{scale * pair.detectable:.1f}"


def _ratio(ratio: float | None) -> str:
    return "none" if ratio is None else f"{ratio:.2f}"


def _interval(interval: tuple[float, float] | None, scale: float, *, signed: bool = False) -> str:
    if interval is None:
        return "none"
    return "[{}, {}]".format(*(f"{scale * end:+.1f}" if signed else f"{scale * end:.1f}" for end in interval))


def _p(p: float | None) -> str:
    if p is None:
        return "none"
    return f"< {_TINY:.4f}" if p < _TINY else f"{p:.4f}"


def _rank(rank: tuple[int, int]) -> str:
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}-{rank[1]}"
