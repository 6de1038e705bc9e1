"""`sarlang score`: predictions that were made elsewhere, judged and scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sarlang_hf.cli.judge_options import JudgeChoice, judge_options
from sarlang_hf.cli.rescoring import read_jobs
from sarlang_hf.cli.scores_output import finish, show, write_result
from sarlang_hf.cli.scoring_options import TASKS, Judges, Options
from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.answers import PROTOCOLS

if TYPE_CHECKING:
    from sarlang_hf.scoring.answers import Protocol
    from sarlang_hf.scoring.captions import Profile
    from sarlang_hf.scoring.signature import Cluster


@click.command()
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option("--dataset", metavar="DS", help="Dataset folder.  [default: $SARLANG_DATASET, else ./sarlang-1m]")
@click.option(
    "--task", type=click.Choice(TASKS), help="What was asked.  [default: sarlang_vqa or sarlang_cap, as the file tells]"
)
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    envvar="SARLANG_PROTOCOL",
    show_envvar=True,
    help="How answers are judged.  [default: strict]",
)
@judge_options
@click.option(
    "--cluster",
    type=click.Choice(["image", "place"]),
    help="What the error bars take for dependent: answers about one image, or about one city or region.  "
    "[default: as in the run, else image]",
)
@click.option(
    "--profile",
    type=click.Choice(["official", "coco"]),
    default="official",
    show_default=True,
    help="How captions are scored; coco takes Java and the extra java.",
)
@click.option("--meteor", is_flag=True, help="METEOR too, with --profile coco.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of BLEU's bootstrap.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the scorecard and what it was made of.")
@click.option("--json", "as_json", is_flag=True, help="Print the scorecard as JSON.")
@click.pass_context
def score(
    context: click.Context,
    predictions: Path,
    dataset: str | None,
    task: str | None,
    protocol: Protocol | None,
    judge: JudgeChoice,
    cluster: Cluster | None,
    profile: Profile,
    meteor: bool,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Score PREDICTIONS: answers to questions, or captions.

    A JSONL or CSV file with the columns question_id (image_id for captions) and prediction; the sample file of an lmms-eval run;
    with references of its own, what the official scripts read and LLaMA-Factory writes; or the folder of a run on questions.
    Answers that rules cannot decide, and questions without a prediction, widen the score to a range. Exit code 3 says that
    predictions, or verdicts of the judge, are missing.

    \b
    Examples:
      sarlang score answers.jsonl --dataset sarlang-1m --out runs/my-model
      sarlang score captions.csv --task sarlang_cap_concise
      sarlang score VQA_result.csv --protocol released --judge openai
    """
    if profile == "coco" and out is not None:
        raise UsageError(
            "the files of a run hold profile official", place="--out", remedy="keep --profile coco with --json > FILE"
        )
    if meteor and profile != "coco":
        raise UsageError("METEOR tokenizes its texts", place="--meteor", remedy="add --profile coco")
    judges = Judges(judge)
    options = Options(judges, dataset, task, protocol, profile, meteor, cluster, seed)
    jobs = read_jobs(predictions, options)
    if len(jobs) > 1:
        remedy = f"choose one with --task: {', '.join(job.task for job in jobs)}"
        raise UsageError(f"holds {len(jobs)} tasks", place=predictions, remedy=remedy)
    result = jobs[0].score()
    card = result.scorecard if out is None else write_result(out, result)
    if as_json:
        click.echo(json.dumps(card.to_json(), indent=2))
    else:
        show(card)
    finish(context, [card], judges.complaints())
