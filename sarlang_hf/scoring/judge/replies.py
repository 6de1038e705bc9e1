"""What a judge's reply says. What is not plainly a verdict is none: the judge is asked once more, and then nothing is scored.

    released, paper    the reply begins with a lone 0 or 1: '1', '"0"', '**1**', '1. Both mean water.'
    strict             the JSON object {"match": true} or {"match": false}, nothing else

No verdict: '10', '-1', '0.5', '1/10', '1 or 0', 'The answer is 1', an empty reply, digits of other scripts. The official script
takes `int(reply)` of the whole reply and stops with a traceback where that fails.
"""

from __future__ import annotations

import json
import re

from sarlang_hf.scoring.answers import Protocol

MAX_REPLY = 10_000
"""Characters; a longer reply is none. The calls ask for at most 100 tokens."""

_VERDICT = re.compile(
    r"""[\s"'`*(\[{]*          # quotes, brackets and emphasis around the digit
        ([01])
        (?![^\s!-~])           # no letter, digit or mark of another script may go on
        (?!\w|%|[.,:/-]\d)     # 10, 1st, 0.5, 1:0, 1/10
        (?!\s*(?:/|out\ of|of|to)\s*\d)  # a rating: 1 out of 10""",
    re.VERBOSE | re.IGNORECASE,
)
_LONE = {verdict: re.compile(rf"(?<![\w.]){digit}(?!\w|\.\d)") for verdict, digit in ((True, "1"), (False, "0"))}


class _Pairs(list[tuple[str, object]]):
    """A JSON object before duplicate keys are lost."""


def parse_reply(protocol: Protocol, text: str | None) -> bool | None:
    """The verdict in a reply; None if there is none. Never raises for any text."""
    if text is None or len(text) > MAX_REPLY:
        return None
    return _match(text) if protocol == "strict" else _digit(text)


def _digit(text: str) -> bool | None:
    found = _VERDICT.match(text)
    if found is None:
        return None
    verdict = found[1] == "1"
    return None if _LONE[not verdict].search(text, found.end()) else verdict


def _match(text: str) -> bool | None:
    try:
        reply = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    if isinstance(reply, _Pairs) and len(reply) == 1 and reply[0][0] == "match" and isinstance(reply[0][1], bool):
        return reply[0][1]
    return None
