"""The judge of a run: checked before the model answers, asked after it, and never at the cost of the answers."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sarlang_hf.errors import SarlangError
from sarlang_hf.scoring.verdicts import Answer
from sarlang_hf.scoring.vqa_run import Judged, judge_run
from sarlang_hf.tasks.settings import protocol, say

if TYPE_CHECKING:
    from sarlang_hf.scoring.judge.run import JudgeReport, ServerJudge

_log = logging.getLogger(__name__)
_SAME_COMMAND = re.compile(r"\bthe same command( again)?\b", re.IGNORECASE)


def require_judge() -> None:
    """Makes sure that the judge the environment asks for can be asked, if it asks for one; asks it nothing.

    Raises:
        UsageError: a key, a model or a price is missing, or a setting is no such thing.
    """
    _opened(None)


def judge_answers(answers: Sequence[Answer], *, run: Path | None, **named: Any) -> Judged:
    """Judges the answers of a task by the protocol of the environment, with its judge if there is one.

    Whatever happens to the judge, the run goes on with the verdicts that are known, from this run or an earlier one: the answers
    may have cost days, and lmms-eval has not written them yet. What is left can be judged later; the message says how.

    Args:
        answers: of one task, at least one.
        run: our folder of the run, where the answers will stand; None where there is none.
        named: further arguments of `scoring.vqa_run.judge_run`.
    """
    judge = None
    try:
        judge = _opened(run)
        judged = judge_run(answers, protocol=protocol(), judge=judge, **named)
        if judge is not None:
            say(_told(judge.report, run))
    except SarlangError as error:
        say(f"judging has stopped, the answers are kept: {_reworded(str(error), run)}\n  -> {_remedy(run)}")
    except KeyboardInterrupt:
        say(f"judging was interrupted, the answers are kept\n  -> {_remedy(run)}")
    except Exception:
        _log.exception("judging has failed, the answers are kept: %s", _remedy(run))
    else:
        return judged
    try:
        return judge_run(answers, protocol=protocol(), judge=judge and judge.stored(), **named)
    except Exception:
        _log.exception("nor can the verdicts be read that are known")
    return judge_run(answers, protocol=protocol(), judge=None, **named)


def _opened(run: Path | None) -> ServerJudge | None:
    from sarlang_hf.scoring.judge.environment import settings_from_environment

    settings = settings_from_environment(protocol())
    if settings is None:
        return None
    from sarlang_hf.scoring.judge.run import open_judge

    return open_judge(settings, notice=lambda text: say(_reworded(text, run)))


def _told(report: JudgeReport, run: Path | None) -> str:
    done = f"the judge was asked {report.calls} times, {report.cached} verdicts were known, ${report.cost_usd:.4g}"
    return f"{done}; {report.why}\n  -> {_remedy(run)}" if report.incomplete else done


def _remedy(run: Path | None) -> str:
    if run is None:
        return "run again with --output_path: `sarlang judge` finishes answers that are kept without the model"
    return f"`sarlang judge {run}` goes on from here without the model, and pays for nothing twice"


def _reworded(text: str, run: Path | None) -> str:
    """A message of the judge's, where 'the same command' would be lmms-eval's: it would have the model answer again."""
    return text if run is None else _SAME_COMMAND.sub(lambda _: f"`sarlang judge {run}`", text)
