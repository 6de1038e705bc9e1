"""`sarlang judge`: the answers of a run that are logged already, judged by a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sarlang_hf.cli.judge_options import JudgeChoice, judge_options
from sarlang_hf.cli.rescoring import Judges, Options, run_folder, score_file
from sarlang_hf.cli.scores_output import finish, show, write_result
from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.answers import PROTOCOLS

if TYPE_CHECKING:
    from sarlang_hf.scoring.answers import Protocol
    from sarlang_hf.scoring.scorecard import AnyScorecard
    from sarlang_hf.scoring.signature import Cluster


@click.command()
@click.argument("samples", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dataset", metavar="DS", help="Dataset folder.  [default: $SARLANG_DATASET, else ./sarlang-1m]")
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    envvar="SARLANG_PROTOCOL",
    show_envvar=True,
    help="How answers are judged.  [default: as in the run, else strict]",
)
@judge_options(default="openai")
@click.option(
    "--cluster",
    type=click.Choice(["image", "place"]),
    default="image",
    show_default=True,
    help="What the error bars take for dependent: answers about one image, or about one city or region.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for scorecard and verdicts.  [default: that of the run, <time>_sarlang beside <time>_samples_<task>.jsonl]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the scorecards as JSON, by file.")
@click.pass_context
def judge(
    context: click.Context,
    samples: tuple[Path, ...],
    dataset: str | None,
    protocol: Protocol | None,
    judge: JudgeChoice,
    cluster: Cluster,
    out: Path | None,
    as_json: bool,
) -> None:
    """Judge logged answers: the SAMPLES files of lmms-eval runs, or any file that `sarlang score` reads.

    Verdicts and scorecard go into the folder of the run. What has a verdict already is not paid for again, so that the same
    command finishes what was interrupted, capped or failed; exit code 3 says that something is still lacking.

    \b
    Example:
      sarlang judge runs/my-model/20261120_101500_samples_sarlang_vqa.jsonl --max-usd 2
    """
    if judge.judge == "off":
        raise UsageError(
            "there is no judge", place="--judge", remedy="choose openai or azure; `sarlang score` goes by rules alone"
        )
    judges = Judges(judge)
    cards: dict[str, AnyScorecard] = {}
    for path in samples:
        result = score_file(path, Options(judges, dataset, None, protocol, cluster=cluster, questions_only=True))
        folder = out or run_folder(path)
        if folder is None:
            click.echo(f"Note: no run folder beside {path}: nothing is written; name one with --out.", err=True)
        cards[str(path)] = result.scorecard if folder is None else write_result(folder, result)
        if not as_json:
            show(cards[str(path)])
    if as_json:
        click.echo(json.dumps({path: card.to_json() for path, card in cards.items()}, indent=2))
    finish(context, list(cards.values()), judges.complaints())
