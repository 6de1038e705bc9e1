"""`sarlang verdicts`: share what a judge has decided, so that nobody pays for it twice."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.answers import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sarlang_hf.scoring.answers import Protocol
    from sarlang_hf.scoring.judge.exchange import ImportReport


@click.group()
def verdicts() -> None:
    """Export and import judges' verdicts.

    \b
    Examples:
      sarlang verdicts export verdicts.parquet --protocol strict
      sarlang verdicts import verdicts.parquet
    """


def _store_option(command: Callable[..., Any]) -> Callable[..., Any]:
    shown = "the cache folder's verdicts.sqlite"
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option("--verdict-store", type=kind, help=f"The store.  [default: {shown}]")(command)


@verdicts.command("export")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@_store_option
@click.option("--protocol", type=click.Choice(PROTOCOLS), help="Verdicts of this protocol alone.")
@click.option("--judge-model", metavar="JUDGE", help="Verdicts of this judge alone, as my-model@localhost:8000.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def export_command(
    out: Path, verdict_store: Path | None, protocol: Protocol | None, judge_model: str | None, as_json: bool
) -> None:
    """Write all verdicts to OUT, a .jsonl or .parquet file. The same verdicts give the same bytes.

    \b
    Example:
      sarlang verdicts export verdicts.parquet --protocol strict
    """
    from sarlang_hf.scoring.judge.exchange import export_verdicts
    from sarlang_hf.scoring.judge.store import VerdictStore, default_store

    path = verdict_store or default_store()
    if not path.exists():
        raise UsageError("there is no verdict store", place=path, remedy="judge something first, or name it (--verdict-store)")
    with VerdictStore(path) as store:
        count = export_verdicts(store, out, protocol=protocol, judge=judge_model)
    click.echo(json.dumps({"file": str(out), "verdicts": count}) if as_json else f"{out}: {count} verdicts")


@verdicts.command("import")
@click.argument("files", type=click.Path(path_type=Path, dir_okay=False), nargs=-1, required=True)
@_store_option
@click.option("--json", "as_json", is_flag=True, help="Print what was taken as JSON.")
def import_command(files: tuple[Path, ...], verdict_store: Path | None, as_json: bool) -> None:
    """Take the verdicts of FILES into the store: the questions they answer are not asked, and not paid for, again.

    Each file is taken whole or not at all. Verdicts that the store has already stand.

    \b
    Example:
      sarlang verdicts import verdicts.parquet
    """
    from sarlang_hf.scoring.judge.exchange import import_verdicts
    from sarlang_hf.scoring.judge.store import VerdictStore, default_store

    reports: dict[str, ImportReport] = {}
    with VerdictStore(verdict_store or default_store()) as store:
        for path in files:
            reports[str(path)] = report = import_verdicts(store, path)
            if not as_json:
                click.echo(_sentence(path, report))
    if as_json:
        click.echo(json.dumps({name: asdict(report) for name, report in reports.items()}, indent=2))


def _sentence(path: Path, report: ImportReport) -> str:
    sentence = f"{path}: {report.rows} verdicts, {report.added} new, {report.known} known"
    if report.conflicts:
        sentence += f", {len(report.conflicts)} that contradict verdicts of the store, which stand"
    if report.other_versions:
        sentence += f"; {report.other_versions} answer prompts of another version and will not be used"
    return sentence
