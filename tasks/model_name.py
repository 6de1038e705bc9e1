"""How scorecards name a model: as lmms-eval was told to make it and to ask it, without its secrets.

    qwen2_5_vl(pretrained=Qwen/Qwen2.5-VL-7B-Instruct,min_pixels=3136)
    qwen2_5_vl(pretrained=...)[temperature=0.7,system_instruction=5c0e2f1a,apply_chat_template]

What decides a model's answers beside `--model_args` stands in brackets: `--gen_kwargs`, the digest of `--system_instruction`,
`--apply_chat_template`, `--force_simple`, `--num_fewshot`. So runs of equal name may be set beside each other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "..."

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORD = re.compile(
    r"(?:api|access|account|app|auth|client|hf|id|license|master|private|refresh|secret|session|shared|user)*tokens?"
    r"|.*keys?|.*(?:secret|password|passwd|passphrase|passcode|pwd|credential|cookie|signature)s?"
    r"|pass|pat|pin|pw|auth|oauth|authorization|authentication|bearer|jwt|headers?|sig|sas",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"(?<=//)[^/@\s]*@")
_QUERY = re.compile(r"(//[^?#\s]*)[?#]\S+")
_COUNTED = re.compile(
    r"(?:.*[_-])?(?:max|min|new|num|n|image|video|visual|vision|thinking|completion|output|input)[_-](?:\w+[_-])?tokens", re.I
)
_ASSIGNED = re.compile(r"([A-Za-z][\w.-]*)\s*[:=]\s*")
_VALUE_END = re.compile(r"[&;,]|$")  # not at a blank: 'Authorization: Token abc'
_TOKEN = re.compile(
    r"\b(?i:bearer\s+\S+|basic\s+[\w+/=-]{12,})|\b(?:AKIA|ASIA)[0-9A-Z]{12,}"
    r"|\b(?:hf_|sk-|gsk_|gh[pousr]_|github_pat_|glpat-|nvapi-|xai-|r8_|AIza|eyJ|xox[a-z]-)[\w.-]{8,}"
)
_QUOTED = re.compile(r"([\"'])([^\"'{}\[\]]*)\1")


def model_name(model: Any, arguments: Any, settings: Mapping[str, Any] | None = None) -> str:
    """The name of a model.

    Args:
        model: what lmms-eval was given as `--model`, or the model itself.
        arguments: `--model_args`, as text `a=1,b=2` or a mapping.
        settings: what else it was given: gen_kwargs (as `arguments`), system_instruction, apply_chat_template, force_simple,
            num_fewshot; others are not looked at.
    """
    name = model if isinstance(model, str) else type(model).__name__
    made = ",".join(_pairs(arguments)) if arguments else ""
    asked = ",".join(_asked(settings or {}))
    return f"{name}{f'({made})' if made else ''}{f'[{asked}]' if asked else ''}"


def _asked(settings: Mapping[str, Any]) -> Iterable[str]:
    if settings.get("gen_kwargs"):
        yield from sorted(_pairs(settings["gen_kwargs"]))
    if settings.get("system_instruction"):
        text = str(settings["system_instruction"]).encode("utf-8", "surrogatepass")
        yield f"system_instruction={hashlib.blake2b(text, digest_size=4).hexdigest()}"
    yield from (name for name in ("apply_chat_template", "force_simple") if settings.get(name))
    if settings.get("num_fewshot"):
        yield f"num_fewshot={settings['num_fewshot']}"


def _pairs(arguments: Any) -> list[str]:
    if isinstance(arguments, Mapping):
        return [_pair(str(key), value) for key, value in arguments.items()]
    return [_pair(key.strip(), value if equals else None) for key, equals, value in map(_parted, _split(str(arguments)))]


def _parted(text: str) -> tuple[str, str, str]:
    return text.partition("=")


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no quotes and no brackets, as lmms-eval splits them."""
    parts, quote, depth = [""], "", 0
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
        if char == "," and not quote and depth <= 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _pair(key: str, value: Any) -> str:
    if value is None:
        return _text(key)
    # `max_new_tokens=64` is a setting; a number may well be a password.
    counted = _COUNTED.fullmatch(key) and re.fullmatch(r"\d+", str(value))
    return f"{_text(key)}={HIDDEN if _is_secret(key) and not counted else _value(value)}"


def _is_secret(key: str) -> bool:
    return any(_SECRET_WORD.fullmatch(word) for word in _WORD.findall(key))


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{','.join(_pairs(value))}}}"
    if isinstance(value, list | tuple):
        named = any(isinstance(one, str) and _is_secret(one) for one in value)  # ('password', 'abc')
        return HIDDEN if named else f"[{','.join(map(_value, value))}]"
    return _nested(value) if isinstance(value, str) else _text(str(value))


def _nested(text: str) -> str:
    """A text that may be JSON. What opens a bracket or a quote and is none may hold anything: nothing after it is shown."""
    bare = text.strip().strip("'")
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        return _text(quoted[2])
    if bare.startswith(("{", "[")):
        try:
            return _value(json.loads(bare))
        except (ValueError, RecursionError):
            return HIDDEN
    opened = re.search(r"[{\[\"']", text)
    return _text(text[: opened.start()]) + HIDDEN if opened else _text(text)


def _text(text: str) -> str:
    """Takes out passwords and queries of URLs, what is assigned to a secret word, and what looks like a well-known key."""
    text = _TOKEN.sub(HIDDEN, _QUERY.sub(rf"\1?{HIDDEN}", _USER_INFO.sub("", text)))
    shown, at = "", 0
    for found in _ASSIGNED.finditer(text):
        if found.start() >= at and _is_secret(found[1]):
            end = _VALUE_END.search(text, found.end())
            shown += text[at : found.end()] + HIDDEN
            at = end.start() if end else len(text)
    return shown + text[at:]
