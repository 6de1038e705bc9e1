"""The judge of a run: checked before the model answers, asked after it, and never at the cost of the answers."""

from __future__ import annotations

import logging
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


def require_judge() -> None:
    """Makes sure that the judge the environment asks for can be asked, if it asks for one; asks it nothing.

    Raises:
        UsageError: a key, a model or a price is missing, or a setting is no such thing.
    """
    _opened()


def judge_answers(answers: Sequence[Answer], *, samples: Path | None, **named: Any) -> Judged:
    """Judges the answers of a task by the protocol of the environment, with its judge if there is one.

    Whatever happens to the judge, the run goes on with the verdicts there are: the answers may have cost days, and lmms-eval
    has not written them yet. What is left can be judged later; the message says how.

    Args:
        answers: of one task, at least one.
        samples: the file that lmms-eval will write them to, if it will.
        named: further arguments of `scoring.vqa_run.judge_run`.
    """
    try:
        judge = _opened()
        judged = judge_run(answers, protocol=protocol(), judge=judge, **named)
        if judge is not None:
            say(_told(judge.report, samples))
    except SarlangError as error:
        say(f"judging has stopped, the answers are kept: {error}\n  -> {_remedy(samples)}")
    except KeyboardInterrupt:
        say(f"judging was interrupted, the answers are kept\n  -> {_remedy(samples)}")
    except Exception:
        _log.exception("judging has failed, the answers are kept: %s", _remedy(samples))
    else:
        return judged
    return judge_run(answers, protocol=protocol(), judge=None, **named)


def _opened() -> ServerJudge | None:
    from sarlang_hf.scoring.judge.environment import settings_from_environment

    settings = settings_from_environment(protocol())
    if settings is None:
        return None
    from sarlang_hf.scoring.judge.run import open_judge

    return open_judge(settings, notice=say)


def _told(report: JudgeReport, samples: Path | None) -> str:
    done = f"the judge was asked {report.calls} times, {report.cached} verdicts were known, ${report.cost_usd:.4g}"
    return f"{done}; {report.message}\n  -> {_remedy(samples)}" if report.incomplete else done


def _remedy(samples: Path | None) -> str:
    if samples is None:
        return "run again with --log_samples: `sarlang judge` finishes logged answers without the model"
    choice = "" if protocol() == "strict" else f" --protocol {protocol()}"
    return f"`sarlang judge {samples}{choice}` goes on from here, and pays for nothing twice"
