"""Checking a verdict that comes from elsewhere: types, sizes, and everything that follows from something else in its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sarlang_hf.scoring.answers import PROTOCOLS
from sarlang_hf.scoring.judge.prompts import PROTOCOL_VERSION, prompt_sha256
from sarlang_hf.scoring.judge.replies import MAX_REPLY, parse_reply
from sarlang_hf.scoring.judge.store import VERDICT_FIELDS, StoredVerdict, key_of
from sarlang_hf.scoring.normalize import well_formed

EXCHANGED = tuple(name for name in VERDICT_FIELDS if name != "origin")
"""The fields of a row: those of `StoredVerdict` but where it was imported from."""

_TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "Protocol": (str,), "bool": (bool,), "int": (int,), "float": (float, int)}
_MOST_TOKENS = 10_000_000
_MOST_USD = 1000.0
_LONGEST = {"reply": MAX_REPLY, "judge": 1000, "fingerprint": 1000, "protocol_version": 20}


def checked(row: Mapping[str, Any], *, origin: str) -> StoredVerdict:
    """The verdict in a row; columns that it does not know are ignored.

    Args:
        row: field -> value, from a file.
        origin: the SHA-256 of that file.

    Raises:
        ValueError: saying which field is wrong.
    """
    verdict = _typed({name: row[name] for name in EXCHANGED if name in row} | {"origin": origin})
    _check_form(verdict)
    _check_prompt(verdict)
    asked = (verdict.protocol, verdict.protocol_version, verdict.prompt_sha256, verdict.judge)
    if verdict.key != key_of(*asked, verdict.question, verdict.gold, verdict.prediction):
        raise ValueError(f"key {verdict.key!r:.80} does not belong to the texts, the judge and the prompt of its row")
    return verdict


def is_current(verdict: StoredVerdict) -> bool:
    """Whether the verdict answers a prompt of this version; others are kept, but never asked for."""
    return verdict.protocol_version == PROTOCOL_VERSION[verdict.protocol]


def _typed(row: Mapping[str, Any]) -> StoredVerdict:
    for field in fields(StoredVerdict):
        if field.name not in row:
            raise ValueError(f"no column {field.name}; the columns are {', '.join(EXCHANGED)}")
        value = row[field.name]
        if type(value) not in _TYPES[str(field.type)] or (isinstance(value, int) and abs(value) > _MOST_TOKENS):
            raise ValueError(f"{field.name} is {value!r:.80}")
    if row["protocol"] not in PROTOCOLS:
        raise ValueError(f"protocol {row['protocol']!r:.80} is none of {', '.join(PROTOCOLS)}")
    return StoredVerdict(**{**row, "cost_usd": float(row["cost_usd"])})


def _check_form(verdict: StoredVerdict) -> None:
    texts = ((name, value) for name in EXCHANGED if isinstance(value := getattr(verdict, name), str))
    for name, value in texts:
        if well_formed(value) != value:
            raise ValueError(f"{name} holds half a character (a lone surrogate)")
        if len(value) > _LONGEST.get(name, len(value)):
            raise ValueError(f"{name} has {len(value)} characters, more than {_LONGEST[name]}")
    if not verdict.judge.strip() or not verdict.judge.isprintable():
        raise ValueError(f"judge {verdict.judge!r:.80} is no name of a model")
    if min(verdict.input_tokens, verdict.output_tokens) < 0:
        raise ValueError(f"{verdict.input_tokens} and {verdict.output_tokens} are no numbers of tokens")
    if not 0 <= verdict.cost_usd <= _MOST_USD:
        raise ValueError(f"cost_usd {verdict.cost_usd} is not the cost of one call")
    if datetime.fromisoformat(verdict.asked_at).utcoffset() != timedelta(0):
        raise ValueError(f"asked_at {verdict.asked_at!r} is not a time in UTC")


def _check_prompt(verdict: StoredVerdict) -> None:
    if not is_current(verdict):
        return
    if verdict.prompt_sha256 != prompt_sha256(verdict.protocol):
        raise ValueError(f"prompt_sha256 {verdict.prompt_sha256!r:.80} is not the prompt of {verdict.protocol}")
    if parse_reply(verdict.protocol, verdict.reply) is not verdict.verdict:
        raise ValueError(f"verdict is {verdict.verdict}, but the reply is {verdict.reply!r:.80}")
