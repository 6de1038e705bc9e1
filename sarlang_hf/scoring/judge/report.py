"""What a judge has done, and why verdicts are lacking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sarlang_hf.scoring.judge.session import Case, Session


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """The work of one judge so far.

    Attributes:
        calls: replies that came back, whether they held a verdict or not.
        cached: verdicts that were known, or that another process brought.
        unjudged: distinct requests without a verdict, by reason (`JudgeVerdict.reason`).
        cost_usd: what the calls have cost; those whose cost is not known count with its upper bound.
        why: why verdicts are lacking, and what keeps it from happening again; empty if none are.
    """

    calls: int = 0
    cached: int = 0
    unjudged: Mapping[str, int] = field(default_factory=dict)
    cost_usd: float = 0.0
    why: str = ""

    @property
    def message(self) -> str:
        """The same, for commands that can be given again."""
        return f"{self.why} The same command asks for them again; what is known is not paid for twice." if self.why else ""

    @property
    def incomplete(self) -> bool:
        """Whether any request stayed without a verdict."""
        return bool(self.unjudged)

    def after(self, session: Session, cases: Sequence[Case], cached: int) -> JudgeReport:
        """This report with one more run in it."""
        lacking = Counter(case.reason for case in cases if case.verdict is None)
        return JudgeReport(
            calls=self.calls + session.calls,
            cached=self.cached + cached,
            unjudged=dict(sorted((Counter(self.unjudged) + lacking).items())),
            cost_usd=self.cost_usd + session.budget.spent_usd,
            why=_explained(lacking, session) or self.why,
        )


def _explained(lacking: Mapping[str, int], session: Session) -> str:
    if not lacking:
        return ""
    counts = ", ".join(f"{reason} {count:,}" for reason, count in sorted(lacking.items()))
    parts = [f"{sum(lacking.values()):,} requests to the judge are without a verdict ({counts})."]
    if why := session.halted or session.last_fault:
        parts.append(f"{why[0].upper()}{why[1:]}.")
    if "cap" in lacking:
        parts.append(f"The cap of ${session.settings.max_usd:g} is reached: raise it (SARLANG_JUDGE_MAX_USD, --max-usd).")
    if session.batched:
        parts.append(f"{session.batched:,} lie in a batch that an earlier run has made: --batch waits for it.")
    return " ".join(parts)
