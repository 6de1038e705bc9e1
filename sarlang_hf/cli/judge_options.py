"""The options that say which judge decides what rules cannot, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

import click

from sarlang_hf.scoring.answers import JUDGES, JudgeName, Protocol

if TYPE_CHECKING:
    from sarlang_hf.scoring.judge.budget import Purse
    from sarlang_hf.scoring.judge.run import ServerJudge

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True, slots=True)
class JudgeChoice:
    """The values of the options; what is None is left to the environment."""

    judge: JudgeName
    judge_model: str | None
    judge_url: str | None
    max_usd: float | None
    verdict_store: Path | None
    prices: Path | None
    batch: bool

    def open(self, protocol: Protocol, purse: Purse | None = None) -> ServerJudge | None:
        """The judge of a protocol, not yet asked; None if it is off. It speaks and draws on standard error.

        The cap holds for all judges that share a purse.

        Raises:
            UsageError: a value is unusable, or a key or price is missing.
            OutputError: the verdict store cannot be written.
        """
        from sarlang_hf.cli.progress import progress_bars
        from sarlang_hf.scoring.judge.environment import settings_from_environment
        from sarlang_hf.scoring.judge.run import open_judge

        settings = settings_from_environment(
            protocol,
            provider=self.judge,
            model=self.judge_model,
            base_url=self.judge_url,
            max_usd=self.max_usd,
            store=self.verdict_store,
            prices=self.prices,
            batch=self.batch,
        )
        if settings is None:
            return None
        return open_judge(settings, notice=lambda text: click.echo(text, err=True), progress=progress_bars, purse=purse)


@overload
def judge_options(command: F) -> F: ...


@overload
def judge_options(*, default: JudgeName) -> Callable[[F], F]: ...


def judge_options(command: F | None = None, *, default: JudgeName = "off") -> F | Callable[[F], F]:
    """Decorator that adds the options; the command takes their values as `judge`, a `JudgeChoice`.

    Args:
        command: what is decorated.
        default: the judge where neither option nor environment names one.
    """

    def decorated(function: F) -> F:
        @wraps(function)
        def with_choice(*args: Any, **options: Any) -> Any:
            choice = JudgeChoice(**{name: options.pop(name) for name in JudgeChoice.__slots__})
            return function(*args, judge=choice, **options)

        wrapped: Any = with_choice
        for option in reversed(_options(default)):
            wrapped = option(wrapped)
        return wrapped  # type: ignore[no-any-return]

    return decorated if command is None else decorated(command)


def _options(default: JudgeName) -> tuple[Callable[[Any], Any], ...]:
    return (
        click.option("--judge", type=click.Choice(JUDGES), default=default, envvar="SARLANG_JUDGE", show_default=True,
                     show_envvar=True, help="Who decides what rules cannot: OpenAI or a server that speaks its protocol, Azure."),
        click.option("--judge-model", metavar="MODEL", envvar="SARLANG_JUDGE_MODEL", show_envvar=True,
                     help="The model; on Azure the deployment.  [default: the protocol's at OpenAI; required for other servers]"),
        click.option("--judge-url", metavar="URL", help="The server, if not OpenAI's.  [default: $OPENAI_BASE_URL]"),
        click.option("--max-usd", type=float, metavar="USD", help="What it may cost.  [default: $SARLANG_JUDGE_MAX_USD, else 5]"),
        click.option("--verdict-store", type=_FILE, metavar="FILE",
                     help="Where verdicts are kept.  [default: verdicts.sqlite in $SARLANG_CACHE, else ~/.cache/sarlang-hf]"),
        click.option("--prices", type=_FILE, metavar="FILE",
                     help="A price table that goes before the built-in one.  [default: $SARLANG_JUDGE_PRICES]"),
        click.option("--batch", is_flag=True, help="Ask through the Batch API: half the price, an answer within a day."),
    )  # fmt: skip
