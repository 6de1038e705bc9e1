"""What a rule or a judge says about an answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict (True right, False wrong, None undecided) and the name of the rule that made it."""

    verdict: bool | None
    rule: str
