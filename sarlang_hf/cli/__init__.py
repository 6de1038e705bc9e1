"""The `sarlang` command. User errors end with exit code 2 and no traceback, signals with 128 + n; defects of ours keep theirs."""

from __future__ import annotations

import signal
import sys
from typing import Any

import click

from sarlang_hf.cli.audit import audit
from sarlang_hf.cli.build import build
from sarlang_hf.cli.compare import compare
from sarlang_hf.cli.fetch_released import fetch_released
from sarlang_hf.cli.human import human
from sarlang_hf.cli.info import info
from sarlang_hf.cli.judge import judge
from sarlang_hf.cli.quicklook import quicklook
from sarlang_hf.cli.score import score
from sarlang_hf.cli.simulate import simulate
from sarlang_hf.cli.verdicts import verdicts
from sarlang_hf.cli.verify import verify
from sarlang_hf.errors import SarlangError


class _Interruptible(click.Group):
    """A group whose commands end like other programs when they are interrupted: with 130, where click would say 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(128 + signal.SIGINT)


@click.group(cls=_Interruptible, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="sarlang-hf", prog_name="sarlang")
def sarlang() -> None:
    """SARLANG-1M: build the dataset, check it, and score answers about radar images."""


for command in (fetch_released, simulate, build, verify, info, quicklook, score, judge, compare, verdicts, audit, human):
    sarlang.add_command(command)


def main() -> None:
    """Entry point of the console script."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # so that what is half-written is cleared away
    try:
        sarlang.main(standalone_mode=True)
    except SarlangError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
