"""Scorecards as tables on a terminal. Every number stands with its questions, images and interval, accuracies in percent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from sarlang_hf.schema import QUESTION_TYPES
from sarlang_hf.scoring.accuracy import Score
from sarlang_hf.scoring.caption_scorecard import CaptionScore, CaptionScorecard, Metric
from sarlang_hf.scoring.gap import Gap
from sarlang_hf.scoring.scorecard import Scorecard
from sarlang_hf.scoring.signature import Cluster

_TITLE = "accuracy in percent, 95% interval by image, n questions on images"
_CLUSTERS: dict[Cluster, str] = {"image": "images", "place": "places", "row": "rows"}
_METRICS: dict[Metric, str] = {
    "bleu_1": "BLEU-1",
    "bleu_2": "BLEU-2",
    "bleu_3": "BLEU-3",
    "bleu_4": "BLEU-4",
    "rouge_l": "ROUGE_L",
    "cider": "CIDEr",
    "length_ratio": "length",
    "meteor": "METEOR",
}
_BY_SOURCE: tuple[Metric, ...] = ("cider", "length_ratio")
"""A CIDEr near zero may only say that captions are too long."""


def score_table(card: Scorecard) -> Table:
    """One scorecard: a row for the whole under each protocol, for each question type and for each source.

    Protocols other than the scorecard's own stand as far as their rules decide, whatever judge it had.
    """
    table = _table(f"{card.task}, accuracy in percent, protocol {card.protocol}, judge {card.judge}", "questions")
    for name in ("n", _CLUSTERS[card.cluster], "unjudged", "missing", "accuracy", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    _add_section(table, {"all": card.overall})
    others = {name: score for name, score in card.protocols.items() if name != card.protocol}
    _add_section(table, {f"{name}, rules": score for name, score in others.items()})
    for name in ("type", "source"):
        groups = card.by[name]
        _add_section(table, {key: groups[key] for key in _ordered(groups)})
    return table


def caption_table(card: CaptionScorecard) -> Table:
    """One scorecard of captions: a row for each kind of reference and metric, below them CIDEr and length for each source.

    While captions are missing, 'low' stands before what a score cannot fall below whatever they are.
    """
    table = _table(f"{card.task}, x100, profile {card.profile}", "references")
    for name in ("metric", "n", _CLUSTERS[card.cluster], "missing", "score", "95% interval"):
        table.add_column(name, justify="left" if name == "metric" else "right", no_wrap=True)
    sources = card.by.get("source", {})
    for kind, scores in card.by_kind.items():
        for metric, score in scores.items():
            _add_caption_row(table, kind, metric, score)
        for source, kinds in sources.items():
            for metric in _BY_SOURCE:
                if metric in kinds.get(kind, {}):
                    _add_caption_row(table, f"  {source or '(none)'}", metric, kinds[kind][metric])
        table.add_section()
    return table


def gap_lines(gaps: Sequence[Gap]) -> list[str]:
    """A line for each gap: 'vision gain, image minus none: acc +12.3 [+10.1, +14.5], p = 0.0001, n=8740 on 1017 (beside RUN)'.

    It reads the same from either side.
    """
    return [f"{gap.name.replace('_', ' ')}, {gap.sides}: {gap.metric} {_gap(gap)} (beside {gap.run})" for gap in gaps]


def _gap(gap: Gap) -> str:
    scale = 100.0 if gap.metric == "acc" else 1.0
    text = "open" if gap.difference is None else f"{scale * gap.difference:+.1f}"
    if gap.low is not None and gap.high is not None:
        text += f" [{scale * gap.low:+.1f}, {scale * gap.high:+.1f}]"
    if gap.p is not None:
        text += f", p = {gap.p:.2g}"
    return f"{text}, n={gap.n} on {gap.clusters}"


def _table(title: str, first: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.padding = (0, 1, 0, 0)  # fits 80 columns
    table.add_column(first, no_wrap=True)
    return table


def _add_caption_row(table: Table, name: str, metric: Metric, score: CaptionScore) -> None:
    digits, coarser = (3, 3) if metric == "length_ratio" else (2, 1)
    value = f"{'' if score.value is not None else 'low '}{score.low:.{digits}f}"
    bounds = "none" if score.interval is None else f"[{score.interval[0]:.{coarser}f}, {score.interval[1]:.{coarser}f}]"
    cells = (name, _METRICS[metric], str(score.n), str(score.clusters), str(score.n_missing), value, bounds)
    table.add_row(*map(Text, cells))


def scorecard_table(scorecards: Mapping[str, Scorecard], by: str = "type") -> Table:
    """Several runs side by side: a row for each run, a column for all questions and one for each group of a breakdown.

    A cell holds accuracy, interval, questions and images; the caption holds the signature of each run.

    Args:
        scorecards: by name of the run.
        by: the breakdown, one of `scorecard.BREAKDOWNS`.
    """
    groups = _ordered({key for card in scorecards.values() for key in card.by[by]})
    table = Table(title=_TITLE, title_justify="left", caption=_signatures(scorecards), caption_justify="left")
    table.box, table.show_lines = box.SIMPLE_HEAD, True
    table.add_column("run")
    for name in ("all", *groups):
        table.add_column(Text(_short(name)), justify="right", no_wrap=True)
    for run, card in scorecards.items():
        cells = (_cell(card.by[by].get(key)) for key in groups)
        table.add_row(Text(run), _cell(card.overall), *cells)
    return table


def percent(score: Score) -> str:
    """'41.2', or '38.0-44.5' while answers are unjudged."""
    return _range(score.low, score.high) if score.value is None else f"{100 * score.value:.1f}"


def interval(score: Score) -> str:
    """'[36.1, 46.3]', or 'none' where a single image allows none."""
    return "none" if score.interval is None else f"[{100 * score.interval[0]:.1f}, {100 * score.interval[1]:.1f}]"


def _range(low: float, high: float) -> str:
    return f"{100 * low:.1f}-{100 * high:.1f}"


def _add_section(table: Table, scores: Mapping[str, Score]) -> None:
    for name, score in scores.items():
        counts = (score.n, score.clusters, score.n_unjudged, score.n_missing)
        cells = (_short(name), *map(str, counts), percent(score), interval(score))
        table.add_row(*map(Text, cells))
    table.add_section()


def _cell(score: Score | None) -> Text:
    if score is None:
        return Text("")
    return Text(f"{percent(score)}\n{interval(score)}\nn={score.n} on {score.clusters}")


def _ordered(names: Iterable[str]) -> list[str]:
    """Question types in the order of the schema, anything else by name."""
    rank: dict[str, int] = {name: index for index, name in enumerate(QUESTION_TYPES)}
    return sorted(names, key=lambda name: (rank.get(name, len(rank)), name))


def _short(name: str) -> str:
    """'object_positioning' as 'positioning': six types must fit on a line."""
    return name.partition("_")[2] if name in QUESTION_TYPES else name or "(none)"


def _signatures(scorecards: Mapping[str, Scorecard]) -> Text:
    return Text("\n".join(f"{run}: {card.signature}" for run, card in scorecards.items()))
