"""How scorecards name a model: as lmms-eval was told to make it, without its secrets.

qwen2_5_vl(pretrained=Qwen/Qwen2.5-VL-7B-Instruct,min_pixels=3136)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "..."

_SECRET_KEY = re.compile(r"key|token|secret|passw|credential|auth|cookie|signature|header", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=//)[^/@\s]*@")
_SECRET_QUERY = re.compile(r"([?&][^=&]*(?:key|token|secret|passw|sig|auth)[^=&]*=)[^&\s]*", re.IGNORECASE)
_TOKEN = re.compile(r"\b(?:hf_|sk-|ghp_|AIza|xox[a-z]-)[A-Za-z0-9_-]{8,}")


def model_name(model: Any, arguments: Any) -> str:
    """The name of a model.

    Args:
        model: what lmms-eval was given as `--model`, or the model itself.
        arguments: `--model_args`, as text `a=1,b=2` or a mapping.
    """
    name = model if isinstance(model, str) else type(model).__name__
    if not arguments:
        return name
    pairs = list(arguments.items()) if isinstance(arguments, Mapping) else [_pair(part) for part in str(arguments).split(",")]
    return f"{name}({','.join(_shown(str(key), value) for key, value in pairs)})"


def _pair(part: str) -> tuple[str, str | None]:
    key, equals, value = part.partition("=")
    return key.strip(), value if equals else None


def _shown(key: str, value: Any) -> str:
    if value is None:
        return _without_secrets(key)
    text = str(value)
    # `max_new_tokens=64` is a setting, and no number is a key.
    secret = _SECRET_KEY.search(key) and not text.replace(".", "", 1).isdigit()
    return f"{key}={HIDDEN if secret else _without_secrets(text)}"


def _without_secrets(text: str) -> str:
    """Takes out passwords of URLs, keys in their queries, and what looks like a key of a well-known service."""
    return _TOKEN.sub(HIDDEN, _SECRET_QUERY.sub(rf"\g<1>{HIDDEN}", _USER_INFO.sub("", text)))
