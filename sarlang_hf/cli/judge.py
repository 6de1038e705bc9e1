"""`sarlang judge`: the answers of a run that are logged already, judged by a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sarlang_hf.cli.judge_options import JudgeChoice, judge_options
from sarlang_hf.cli.rescoring import read_jobs, require_places_of_their_own
from sarlang_hf.cli.scores_output import finish, show, write_result
from sarlang_hf.cli.scoring_options import TASKS, Judges, Options
from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.answers import PROTOCOLS

if TYPE_CHECKING:
    from sarlang_hf.scoring.answers import Protocol
    from sarlang_hf.scoring.scorecard import AnyScorecard
    from sarlang_hf.scoring.signature import Cluster


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dataset", metavar="DS", help="Dataset folder; a run needs none.  [default: $SARLANG_DATASET, else ./sarlang-1m]")
@click.option(
    "--task",
    type=click.Choice([task for task in TASKS if task.startswith("sarlang_vqa")]),
    help="What was asked.  [default: as the file tells; every task of a run]",
)
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
    help="What the error bars take for dependent: answers about one image, or about one city or region.  "
    "[default: as in the run, else image]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for scorecard and verdicts.  [default: that of the run]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the scorecards as JSON, by file, or run folder and task.")
@click.pass_context
def judge(
    context: click.Context,
    runs: tuple[Path, ...],
    dataset: str | None,
    task: str | None,
    protocol: Protocol | None,
    judge: JudgeChoice,
    cluster: Cluster | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Judge the answers of RUNS: folders of runs, sample files of lmms-eval, or any file that `sarlang score` reads.

    A run folder (<time>_sarlang) keeps its answers in sarlang_verdicts.parquet: neither dataset nor samples are needed. Verdicts
    and scorecard go into the folder of the run, for <time>_samples_<task>.jsonl the one beside it. What has a verdict already is
    not paid for again, so that the same command finishes what was interrupted, capped or failed; exit code 3 says that something
    is still lacking.

    \b
    Examples:
      sarlang judge runs/my-model/20261120_101500_sarlang --max-usd 2
      sarlang judge runs/*/*_samples_sarlang_vqa.jsonl --protocol paper
    """
    if judge.judge == "off":
        raise UsageError(
            "there is no judge", place="--judge", remedy="choose openai or azure; `sarlang score` goes by rules alone"
        )
    judges = Judges(judge)
    options = Options(judges, dataset, task, protocol, cluster=cluster, questions_only=True)
    jobs = [job for path in runs for job in read_jobs(path, options)]
    require_places_of_their_own(jobs, out)
    cards: dict[str, AnyScorecard] = {}
    for job in jobs:
        result = job.score()
        folder = out or job.folder
        if folder is None:
            click.echo(f"Note: no run folder beside {job.name}: nothing is written; name one with --out.", err=True)
        cards[job.name] = result.scorecard if folder is None else write_result(folder, result)
        if not as_json:
            show(cards[job.name])
    if as_json:
        click.echo(json.dumps({name: card.to_json() for name, card in cards.items()}, indent=2))
    finish(context, list(cards.values()), judges.complaints())
