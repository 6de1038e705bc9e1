"""`sarlang audit`: people read a sample of verdicts, and the accuracy of the run is corrected for the wrong ones."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sarlang_hf.errors import UsageError

if TYPE_CHECKING:
    from sarlang_hf.scoring.people.audit_score import AuditScore

_FOLDER = click.Path(path_type=Path, file_okay=False)

EXAMPLE = """\b
Example:
  sarlang audit sheet runs/my-model sheets/audit
  sarlang audit score sheets/audit answers-anna.csv answers-ben.csv
"""


@click.group(epilog=EXAMPLE)
def audit() -> None:
    """Have people check a sample of verdicts."""


@audit.command("sheet")
@click.argument("run", type=_FOLDER)
@click.argument("out", type=_FOLDER)
@click.option("--task", help="The task to audit.  [default: the only one of the run]")
@click.option("--verdicts", "total", type=click.IntRange(min=20), default=400, show_default=True, help="How many to draw.")
@click.option("--raters", type=click.IntRange(min=0), default=2, show_default=True, help="How many empty tables to write.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draw.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def sheet(run: Path, out: Path, task: str | None, total: int, raters: int, seed: int, as_json: bool) -> None:
    """Draw verdicts of the run in RUN and write a sheet for two or more readers to OUT, a new folder.

    sheet.html and the tables show question, reference and prediction without the verdict. sheet.json and audited.parquet hold the
    verdicts: keep them from the readers. Half of the sample goes to a judge model's verdicts.

    \b
    Example:
      sarlang audit sheet runs/my-model sheets/audit --verdicts 400
    """
    from rich.console import Console

    from sarlang_hf.scoring.people.audit import read_audited, write_audit_sheet
    from sarlang_hf.scoring.people.audit_score import allocation
    from sarlang_hf.scoring.people.audited import Audited
    from sarlang_hf.scoring.people.run_verdicts import read_run
    from sarlang_hf.scoring.people.sheet import PAGE_FILE
    from sarlang_hf.scoring.people.tables import allocation_table

    written = write_audit_sheet(out, read_run(run, task), total=total, raters=raters, seed=seed)
    if as_json:
        click.echo(written.to_json(), nl=False)
        return
    audited = Audited.of(written, read_audited(out, written))
    Console().print(allocation_table(allocation(audited)))
    drawn = f"{len(written.question_ids)} of {audited.n_decided:,} verdicts, seed {seed}; {audited.n_undecided:,} undecided"
    click.echo(f"{out / PAGE_FILE}: {drawn}. Give it to each reader.")


@audit.command("score")
@click.argument("out", type=_FOLDER)
@click.argument("labels", type=click.Path(path_type=Path, dir_okay=False), nargs=-1)
@click.option("--second", type=_FOLDER, help="Folder of a run in which another judge decided the same predictions.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
def score(out: Path, labels: tuple[Path, ...], second: Path | None, as_json: bool) -> None:
    """Score the LABELS that two or more readers gave on the sheet in OUT, one CSV file each.

    Cohen's kappa between readers and with the verdicts, what they say against what the verdicts say, and the accuracy of the run
    corrected for wrong verdicts (Rogan and Gladen), all weighted to the whole run. A third reader settles what two disagree on.

    \b
    Example:
      sarlang audit score sheets/audit answers-anna.csv answers-ben.csv --second runs/other-judge
    """
    from sarlang_hf.scoring.people.audit import COLUMN, read_audited
    from sarlang_hf.scoring.people.audit_score import read_labels, score_audit
    from sarlang_hf.scoring.people.audited import Audited
    from sarlang_hf.scoring.people.rater_files import check_distinct, read_rater_file
    from sarlang_hf.scoring.people.run_verdicts import read_run
    from sarlang_hf.scoring.people.second_judge import flips, paired
    from sarlang_hf.scoring.people.sheet import read_sheet

    if len(labels) < 2:
        raise UsageError(f"{len(labels)} readers", place="LABELS", remedy="name the files of two readers or more")
    asked = read_sheet(out, "audit")
    verdicts = read_audited(out, asked)
    files = [read_rater_file(path, asked, COLUMN) for path in labels]
    check_distinct(files)
    other = None if second is None else paired(verdicts, read_run(second, asked.task), second)
    found = score_audit(
        Audited.of(asked, verdicts),
        {file.rater: read_labels(file) for file in files},
        second=other,
        flips=None if other is None or second is None else flips(verdicts, other, second),
    )
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2, allow_nan=False))
    else:
        _print(found)


def _print(score: AuditScore) -> None:
    from rich.console import Console

    from sarlang_hf.scoring.people.tables import audit_notes, audit_tables

    console = Console()
    for table in audit_tables(score):
        console.print(table)
    for line in (*audit_notes(score), score.signature):
        click.echo(line)
