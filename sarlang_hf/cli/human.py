"""`sarlang human`: people answer test questions, and are scored as a model is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sarlang_hf.cli.judge_options import judge_options
from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.answers import PROTOCOLS

if TYPE_CHECKING:
    from sarlang_hf.cli.judge_options import JudgeChoice
    from sarlang_hf.scoring.answers import Protocol
    from sarlang_hf.scoring.people.human_score import HumanScore

_FOLDER = click.Path(path_type=Path, file_okay=False)
_DATASET = click.option("--dataset", metavar="DS", help="Dataset folder.  [default: $SARLANG_DATASET, else ./sarlang-1m]")
_UNNAMED_GROUP = "raters"

EXAMPLE = """\b
Example:
  sarlang human sheet sheets/people --dataset sarlang-1m
  sarlang human score sheets/people answers-anna.csv answers-ben.csv answers-chloe.csv
"""


@click.group(epilog=EXAMPLE)
def human() -> None:
    """Have people answer test questions, and score them."""


@human.command("sheet")
@click.argument("out", type=_FOLDER)
@_DATASET
@click.option("--questions", type=click.IntRange(min=1), default=30, show_default=True, help="How many to ask.")
@click.option("--raters", type=click.IntRange(min=0), default=3, show_default=True, help="How many empty tables to write.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draw.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def sheet(out: Path, dataset: str | None, questions: int, raters: int, seed: int, as_json: bool) -> None:
    """Draw test questions and write a sheet for people to OUT, a new folder.

    sheet.html works offline in any browser, also on a phone, and saves answers as a file; answers-1.csv and so on are the same as
    empty tables. No file holds a reference answer. The sample is stratified by type and source; it is not the paper's.

    \b
    Example:
      sarlang human sheet sheets/people --questions 30 --raters 6
    """
    from sarlang_hf.data import open_dataset
    from sarlang_hf.scoring.people.human import write_human_sheet
    from sarlang_hf.scoring.people.sheet import PAGE_FILE

    written = write_human_sheet(out, open_dataset(dataset), questions=questions, raters=raters, seed=seed)
    if as_json:
        click.echo(written.to_json(), nl=False)
    else:
        click.echo(f"{out / PAGE_FILE}: {len(written.question_ids)} questions, seed {seed}. Give it to each rater.")


@human.command("score")
@click.argument("out", type=_FOLDER)
@click.argument("answers", type=click.Path(path_type=Path, dir_okay=False), nargs=-1)
@click.option(
    "--group", "groups", multiple=True, metavar="NAME=FILE,FILE", help="Raters of a group: a mean of their own. May be repeated."
)
@_DATASET
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    default=PROTOCOLS[0],
    envvar="SARLANG_PROTOCOL",
    show_default=True,
    show_envvar=True,
    help="How answers are judged.",
)
@judge_options
@click.option("--run", "run_folder", type=_FOLDER, help="Folder of a model's run to set beside, on the same questions.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
@click.pass_context
def score(
    context: click.Context,
    out: Path,
    answers: tuple[Path, ...],
    groups: tuple[str, ...],
    dataset: str | None,
    protocol: Protocol,
    judge: JudgeChoice,
    run_folder: Path | None,
    as_json: bool,
) -> None:
    """Score the ANSWERS that raters gave on the sheet in OUT, one CSV file each.

    Each rater has Wilson's interval; a group the mean of its raters, with an interval over questions and raters. Answers that
    are missing or undecided widen a score to a range. Exit code 3 says that a judge has left answers without a verdict.

    \b
    Example:
      sarlang human score sheets/people --group experts=a.csv,b.csv,c.csv --group laymen=d.csv,e.csv,f.csv --run runs/my-model
    """
    from sarlang_hf.data import open_dataset
    from sarlang_hf.scoring.people.human_answers import judge_people, model_beside, people_signature
    from sarlang_hf.scoring.people.human_score import score_people
    from sarlang_hf.scoring.people.run_verdicts import read_run
    from sarlang_hf.scoring.people.sheet import read_sheet

    asked, files, model = read_sheet(out, "human"), parse_groups(answers, groups), judge.open(protocol)
    judged = judge_people(asked, open_dataset(dataset), files, protocol=protocol, judge=model)
    beside = None if run_folder is None else model_beside(read_run(run_folder, asked.task), judged, run_folder)
    signature = people_signature(asked, judged, protocol=protocol, judge=model)
    found = score_people(judged, signature=signature, model=beside)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2, allow_nan=False))
    else:
        _print(found)
    if any(v.rule.startswith("judge:") for members in judged.values() for rows in members.values() for v in rows):
        click.echo("Incomplete: the judge has left answers without a verdict; the same command asks again.", err=True)
        context.exit(3)


def parse_groups(answers: Sequence[Path], groups: Sequence[str]) -> dict[str, list[Path]]:
    """Files by group; those outside of any make up the group 'raters'.

    Raises:
        UsageError: no file at all, or a group that is not NAME=FILE,FILE or is there twice.
    """
    found: dict[str, list[Path]] = {_UNNAMED_GROUP: list(answers)} if answers else {}
    for group in groups:
        name, sign, files = group.partition("=")
        paths = [Path(file) for file in files.split(",") if file]
        if not (sign and name.strip() and paths) or name.strip() in found:
            problem = f"{group!r} is not NAME=FILE,FILE, or a group that is there already"
            raise UsageError(problem, place="--group", remedy="give each group once, as experts=anna.csv,ben.csv")
        found[name.strip()] = paths
    if not found:
        raise UsageError("no answers", place="ANSWERS", remedy="name the files that the raters saved")
    return found


def _print(score: HumanScore) -> None:
    from rich.console import Console

    from sarlang_hf.scoring.people.tables import human_tables

    console = Console()
    for table in human_tables(score):
        console.print(table)
    click.echo(score.signature)
