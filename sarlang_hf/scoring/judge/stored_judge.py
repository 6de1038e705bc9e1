"""A judge that asks nobody: it gives the verdicts that a store holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sarlang_hf.scoring.judge.requests import JudgeRequest, JudgeVerdict
from sarlang_hf.scoring.judge.store import VerdictStore, verdict_key


class StoredJudge:
    """What is known of one judge, say after its server has refused to go on.

    Args:
        name: of the judge, as signatures call it.
        store: the file; it must exist.
    """

    def __init__(self, name: str, store: Path) -> None:
        self.name = name
        self._store = store

    async def __call__(self, requests: Sequence[JudgeRequest]) -> list[JudgeVerdict]:
        """One verdict a request, in their order; what the store does not know is `stopped`.

        Raises:
            SarlangError: the store cannot be read.
        """
        keys = [verdict_key(request, self.name) for request in requests]
        with VerdictStore(self._store) as store:
            known = store.get(keys)
        return [
            JudgeVerdict(known[key].verdict, self.name) if key in known else JudgeVerdict(None, reason="stopped") for key in keys
        ]
