"""Scorecards as tables on a terminal. Every number stands with its questions, images and interval, in percent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich import box
from rich.table import Table
from rich.text import Text

from sarlang_hf.schema import QUESTION_TYPES
from sarlang_hf.scoring.accuracy import Score
from sarlang_hf.scoring.scorecard import Scorecard

_TITLE = "accuracy in percent, 95% interval by image, n questions on images"


def score_table(card: Scorecard) -> Table:
    """One scorecard: a row for the whole, for each question type and for each source."""
    table = Table(title=f"{card.task}, accuracy in percent", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.padding = (0, 1, 0, 0)  # fits 80 columns
    table.add_column("questions", no_wrap=True)
    for name in ("n", "images", "unjudged", "missing", "accuracy", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    _add_section(table, {"all": card.overall})
    for name in ("type", "source"):
        groups = card.by[name]
        _add_section(table, {key: groups[key] for key in _ordered(groups)})
    return table


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
