"""`sarlang score`: predictions that were made elsewhere, judged and scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sarlang_hf.scoring.answers import JUDGES, PROTOCOLS

if TYPE_CHECKING:
    from sarlang_hf.data import DatasetFolder
    from sarlang_hf.scoring.answers import Protocol
    from sarlang_hf.scoring.offline import Part
    from sarlang_hf.scoring.scorecard import Scorecard


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("--dataset", metavar="DS", help="Dataset folder.  [default: $SARLANG_DATASET, else ./sarlang-1m]")
@click.option(
    "--task",
    type=click.Choice(["sarlang_vqa", "sarlang_vqa_lite"]),
    default="sarlang_vqa",
    show_default=True,
    help="What was asked.",
)
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    default=PROTOCOLS[0],
    envvar="SARLANG_PROTOCOL",
    show_default=True,
    show_envvar=True,
    help="How answers are judged.",
)
@click.option(
    "--judge",
    type=click.Choice(JUDGES),
    default=JUDGES[0],
    envvar="SARLANG_JUDGE",
    show_default=True,
    show_envvar=True,
    expose_value=False,
    help="The model that decides what rules cannot.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the scorecard and the verdicts.")
@click.option("--json", "as_json", is_flag=True, help="Print the scorecard as JSON.")
@click.pass_context
def score(
    context: click.Context,
    predictions: Path,
    dataset: str | None,
    task: str,
    protocol: Protocol,
    out: Path | None,
    as_json: bool,
) -> None:
    """Score PREDICTIONS, a JSONL or CSV file with the columns question_id and prediction.

    Answers that rules cannot decide, and questions without a prediction, widen the score to a range. Exit code 3 says that
    predictions are missing.

    \b
    Example:
      sarlang score answers.jsonl --dataset sarlang-1m --out runs/my-model
    """
    from sarlang_hf.data import open_dataset
    from sarlang_hf.scoring.offline import judge_predictions
    from sarlang_hf.scoring.scorecard import SCORECARD_FILE, write_scorecards
    from sarlang_hf.scoring.verdicts import VERDICTS_FILE, write_verdicts

    folder = open_dataset(dataset)
    judged = judge_predictions(folder, predictions, protocol=protocol, part=_part(folder, task))
    if out is not None:
        write_verdicts(out / VERDICTS_FILE, judged.verdicts)
        write_scorecards(out / SCORECARD_FILE, {task: judged.scorecard})
    missing = judged.scorecard.overall.n_missing
    if as_json:
        click.echo(json.dumps(judged.scorecard.to_json(), indent=2))
    else:
        _print(judged.scorecard)
    if missing:
        click.echo(f"Incomplete: {missing} of {judged.scorecard.overall.n} questions have no prediction.", err=True)
        context.exit(3)


def _part(folder: DatasetFolder, task: str) -> Part:
    from sarlang_hf.scoring.offline import Part
    from sarlang_hf.tasks.lite import select

    if task == "sarlang_vqa":
        return Part()
    chosen = select(folder.questions("test"))
    return Part(task, chosen.rows, {"lite": chosen.digest})


def _print(card: Scorecard) -> None:
    from rich.console import Console

    from sarlang_hf.scoring.tables import score_table

    Console().print(score_table(card))
    # Not through rich, which would break the signature at the width of the terminal.
    click.echo(card.signature)
