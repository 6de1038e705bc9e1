"""`sarlang fetch-released`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sarlang_hf.cli.progress import progress_bars
from sarlang_hf.errors import UsageError
from sarlang_hf.sources.fetch import LICENCE_NOTE, PARTS, REPOSITORY, REVISION, Part

if TYPE_CHECKING:
    from sarlang_hf.sources.fetch import Release, RemoteFile

_EXAMPLE = """\b
Example:
  sarlang fetch-released SARLANG-1M --dry-run
  sarlang fetch-released SARLANG-1M --include images --include texts
  sarlang build sarlang-1m --released SARLANG-1M --sardet SARDet_100K
"""


@click.command("fetch-released", epilog=_EXAMPLE)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--revision", default=REVISION, show_default=True, help="Commit, tag or branch of the repository.")
@click.option(
    "--include",
    "parts",
    type=click.Choice(PARTS),
    multiple=True,
    default=("images", "texts"),
    show_default=True,
    help="What to download; may be given several times.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show the sizes and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print sizes and outcome as JSON.")
def fetch_released(folder: Path, revision: str, parts: tuple[Part, ...], yes: bool, dry_run: bool, as_json: bool) -> None:
    """Downloads the officially released SARLANG-1M files to DIR, for `sarlang build --released DIR`.

    Sizes are shown first. What is there is kept; a download that was stopped continues. Every file is compared with the
    checksum the repository lists, and Text.zip and RGBimages.zip are unpacked beside themselves.
    """
    from sarlang_hf.sources.fetch import list_release, missing, require_space

    release = list_release(revision)
    chosen = release.of(parts)
    if not chosen:
        remedy = f"leave --revision out, or choose among {', '.join(PARTS)}"
        raise UsageError(f"holds none of {', '.join(parts)} at {release.commit}", place=REPOSITORY, remedy=remedy)
    absent = missing(folder, chosen)
    summary = _summary(folder, release, parts, absent)
    agreed = yes or dry_run or not absent
    if not as_json:
        _show(summary)
    elif not agreed and not sys.stdin.isatty():
        click.echo(json.dumps(summary | {"complete": False, "unpacked": []}))
    if absent and not dry_run:
        require_space(folder, absent)
    if not agreed:
        _ask()
    unpacked = [] if dry_run else _fetch(folder, release.commit, chosen, absent)
    if as_json:
        outcome = {"complete": not dry_run or not absent, "unpacked": [path.name for path in unpacked]}
        click.echo(json.dumps(summary | outcome))
    elif not dry_run:
        click.echo(f"{folder}: {len(chosen):,} files complete and checked. Next: sarlang build OUT --released {folder}")


def _fetch(folder: Path, commit: str, chosen: list[RemoteFile], absent: list[RemoteFile]) -> list[Path]:
    from sarlang_hf.sources.fetch import claimed, download, unpack_released, verify_files

    there = sorted(set(chosen) - set(absent), key=lambda file: file.path)
    with claimed(folder), progress_bars() as report:
        verify_files(folder, there, progress=lambda done, total: report("checking what is there", done, total))
        download(folder, commit, absent, progress=lambda done, total: report("downloading", done, total))
        return unpack_released(folder, progress=lambda done, total: report("unpacking", done, total))


def _summary(folder: Path, release: Release, parts: tuple[Part, ...], absent: list[RemoteFile]) -> dict[str, Any]:
    from sarlang_hf.sources.fetch import still_to_come

    sizes = {part: release.of([part]) for part in PARTS}
    return {
        "repository": REPOSITORY,
        "commit": release.commit,
        "parts": {
            part: {"files": len(files), "bytes": sum(file.bytes for file in files), "chosen": part in parts}
            for part, files in sizes.items()
        },
        "files_to_download": len(absent),
        "bytes_to_download": still_to_come(folder, absent),
        "licence": LICENCE_NOTE,
    }


def _show(summary: dict[str, Any]) -> None:
    click.echo(f"{summary['repository']} at {summary['commit']}")
    for part, size in summary["parts"].items():
        mark = "x" if size["chosen"] else " "
        click.echo(f"  [{mark}] {part:<10}{size['files']:>8,} files{_size(size['bytes']):>12}")
    click.echo(f"To download: {summary['files_to_download']:,} files, {_size(summary['bytes_to_download'])}")
    click.echo(summary["licence"])


def _size(number: int) -> str:
    return f"{number / 1e9:,.2f} GB" if number >= 10**9 else f"{number / 1e6:,.2f} MB"


def _ask() -> None:
    if not sys.stdin.isatty():
        problem = "nothing was downloaded: there is no terminal to ask for your consent"
        raise UsageError(problem, place="sarlang fetch-released", remedy="add --yes if you agree to the sizes")
    click.confirm("Download?", abort=True, err=True)
