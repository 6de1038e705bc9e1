"""What `sarlang score` and `sarlang judge` do with scores: files of a run folder, tables, and what is still lacking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sarlang_hf.scoring.caption_run import CaptionRun
    from sarlang_hf.scoring.scorecard import AnyScorecard
    from sarlang_hf.scoring.vqa_run import Judged


def write_result(out: Path, result: Judged | CaptionRun) -> AnyScorecard:
    """Writes rows and scorecard of a task into a run folder, with its gaps to the runs beside; gives the card as written.

    Raises:
        OutputError: the folder cannot be written.
        UsageError: it holds files of those names that are none of ours.
    """
    from sarlang_hf.scoring.caption_rows import CAPTIONS_FILE, write_captions
    from sarlang_hf.scoring.comparison.gaps import find_gaps
    from sarlang_hf.scoring.scorecard import SCORECARD_FILE, write_scorecards
    from sarlang_hf.scoring.verdicts import VERDICTS_FILE, write_verdicts
    from sarlang_hf.scoring.vqa_run import Judged

    card: AnyScorecard = result.scorecard
    if isinstance(result, Judged):
        write_verdicts(out / VERDICTS_FILE, result.verdicts)
    else:
        write_captions(out / CAPTIONS_FILE, result.rows)
    write_scorecards(out / SCORECARD_FILE, {card.task: card})
    gaps = find_gaps(out, card.task)
    if gaps:
        card = replace(card, gaps=gaps)
        write_scorecards(out / SCORECARD_FILE, {card.task: card})
    return card


def show(card: AnyScorecard) -> None:
    """Prints tables, gaps and signature."""
    from rich.console import Console

    from sarlang_hf.scoring.scorecard import Scorecard
    from sarlang_hf.scoring.tables import caption_table, gap_lines, score_table

    Console().print(score_table(card) if isinstance(card, Scorecard) else caption_table(card))
    for line in gap_lines(card.gaps):
        click.echo(line)
    # Not through rich, which would break the signature at the width of the terminal.
    click.echo(card.signature)


def finish(context: click.Context, cards: Sequence[AnyScorecard], complaints: Sequence[str]) -> None:
    """Ends the command with exit code 3 if a scorecard lacks something, with a sentence for each, and what the judges say."""
    for complaint in complaints:
        click.echo(complaint, err=True)
    found = [(card, lacking(card)) for card in cards]
    for card, problem in found:
        if problem:
            click.echo(f"Incomplete: {card.task}: {problem}", err=True)
    if any(problem for _, problem in found):
        context.exit(3)


def lacking(card: AnyScorecard) -> str:
    """What keeps a scorecard from being complete, in a sentence; empty if nothing does.

    Answers that no judge was asked about leave a range, but nothing undone.
    """
    from sarlang_hf.scoring.scorecard import Scorecard

    if not isinstance(card, Scorecard):
        return f"{card.n_missing} references have no prediction." if card.n_missing else ""
    missing = f"{card.overall.n_missing} of {card.overall.n} questions have no prediction." if card.overall.n_missing else ""
    undone = card.overall.n_unjudged - card.overall.n_missing
    if card.judge == "off" or not undone:
        return missing
    left = f"{undone} of {card.overall.n} answers have no verdict."
    return f"{left} {missing}".strip()
