"""What a judge's calls cost: the price table, and an upper bound before the first call.

    batch_discount: 0.5
    models:
      gpt-4o-mini: {input: 0.15, output: 0.60}        # US dollars per million tokens

`prices.yaml` beside this module is the built-in table; a file of the same form, YAML or JSON, goes before it model by model.

The bound needs no tokenizer. Tokens of byte-level vocabularies (OpenAI's, Llama's, Qwen's) hold at least one byte, so a text has
at most as many tokens as bytes in UTF-8: that is taken for the three texts, which anyone may have written. The prompts around
them are plain English, of which a token holds more than four bytes; three are taken, and 16 tokens for each message's frame. The
reply is bounded by the call's `max_tokens`. Counted with OpenAI's two vocabularies (o200k, cl100k), typical requests take 40% to
60% of the bound, and none of 1,200 odd ones (emoji, CJK, markup, random letters) more than 80%.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn, Self

from sarlang_hf.errors import UsageError
from sarlang_hf.files import read_regular
from sarlang_hf.scoring.answers import Protocol
from sarlang_hf.scoring.judge.prompts import call_parameters, messages
from sarlang_hf.scoring.judge.requests import JudgeRequest

MAX_BYTES = 1 << 20
MAX_PRICE = 1e6
_BYTES_PER_TOKEN = 3
_FRAME_TOKENS = 16
_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{4})$")
_READABLE = "name a readable file (SARLANG_JUDGE_PRICES, --prices)"
_REMEDY = "write prices as in 'gpt-4o-mini: {input: 0.15, output: 0.60}', dollars per million tokens, under 'models:'"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input_usd_per_million: float
    output_usd_per_million: float

    def usd(self, input_tokens: int, output_tokens: int) -> float:
        """What a call with that many tokens costs."""
        return (input_tokens * self.input_usd_per_million + output_tokens * self.output_usd_per_million) / 1e6


@dataclass(frozen=True, slots=True)
class Estimate:
    """The most that some calls can take: number of calls, tokens, and US dollars."""

    calls: int
    input_tokens: int
    output_tokens: int
    usd: float


@dataclass(frozen=True, slots=True)
class Prices:
    """A price table.

    Attributes:
        models: price by model.
        batch_discount: factor on all prices in batch mode, from 0 to 1.
    """

    models: Mapping[str, Price]
    batch_discount: float

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The built-in table, with the models of a user's file before it.

        Raises:
            UsageError: the file cannot be read, or holds anything but prices; names the model and the value.
        """
        own = _table(files(__package__).joinpath("prices.yaml").read_text("utf-8"), "prices.yaml")
        given = {} if path is None else _table(_text(path), path)
        models = {**_models(own, "prices.yaml"), **_models(given, path)}
        discount = given.get("batch_discount", own["batch_discount"])
        return cls(models, _number(discount, f"{path}, batch_discount", most=1.0))

    def of(self, model: str) -> Price | None:
        """The price of a model or of a dated snapshot of it; None if the table does not know it."""
        return self.models.get(model) or self.models.get(_DATED.sub("", model))


def estimate(requests: Iterable[JudgeRequest], price: Price | None) -> Estimate:
    """An upper bound for asking each request once.

    Args:
        requests: what is asked.
        price: of the judge; None counts tokens alone.
    """
    calls = input_tokens = output_tokens = 0
    for request in requests:
        calls += 1
        input_tokens += input_bound(request)
        output_tokens += output_bound(request.protocol)
    usd = 0.0 if price is None else price.usd(input_tokens, output_tokens)
    return Estimate(calls, input_tokens, output_tokens, usd)


def input_bound(request: JudgeRequest) -> int:
    """The most tokens that one request can be charged as input."""
    written = _content_bytes(request) - _content_bytes(_without_texts(request.protocol))  # escapes count as they are sent
    return written + _prompt_bound(request.protocol)


def output_bound(protocol: Protocol) -> int:
    """The most tokens that a reply can have."""
    return int(call_parameters(protocol)["max_tokens"])


@cache
def _prompt_bound(protocol: Protocol) -> int:
    """Tokens of all that is the same in every call, the form of the reply included."""
    empty = _without_texts(protocol)
    constant = _content_bytes(empty) + len(json.dumps(call_parameters(protocol)))
    return math.ceil(constant / _BYTES_PER_TOKEN) + _FRAME_TOKENS * len(messages(empty))


def _without_texts(protocol: Protocol) -> JudgeRequest:
    return JudgeRequest(protocol, "", "", "")


def _content_bytes(request: JudgeRequest) -> int:
    contents = [message["content"] for message in messages(request)]
    texts = [content if isinstance(content, str) else content[0]["text"] for content in contents]
    return sum(len(text.encode()) for text in texts)


def _text(path: Path) -> str:
    try:
        return read_regular(path, MAX_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", place=path, remedy=_READABLE) from error
    except UnicodeDecodeError as error:
        raise UsageError("is not UTF-8", place=path, remedy="save the file as UTF-8") from error


def _table(text: str, place: str | Path) -> dict[str, Any]:
    import yaml

    try:
        table = yaml.load(text, Loader=_loader())  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"is not YAML: {error}", place=place, remedy=_REMEDY) from error
    if not isinstance(table, dict) or not isinstance(table.get("models"), dict):
        _refuse("has no table 'models'", place)
    unknown = [key for key in table if key not in ("models", "batch_discount")]
    if unknown:
        _refuse(f"holds {unknown[0]!r:.80}, which is neither 'models' nor 'batch_discount'", place)
    return table


@cache
def _loader() -> Any:
    """A loader of plain values that refuses what YAML's own would overwrite: a key that stands twice."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = next((key for index, key in enumerate(keys) if key in keys[:index]), None)
            if twice is not None:
                raise ValueError(f"{twice!r:.80} stands twice")
            return super().construct_mapping(node, deep)

    return Loader


def _models(table: Mapping[str, Any], place: str | Path | None) -> dict[str, Price]:
    prices = {}
    for model, price in table.get("models", {}).items():
        where = f"{place}, models, {model!r:.80}"
        if not isinstance(model, str) or not isinstance(price, dict) or set(price) != {"input", "output"}:
            _refuse(f"is {price!r:.80}, not a price", where)
        prices[model] = Price(_number(price["input"], f"{where}, input"), _number(price["output"], f"{where}, output"))
    return prices


def _number(value: object, place: str, *, most: float = MAX_PRICE) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:  # NaN is neither
        _refuse(f"is {value!r:.80}, not a number from 0 to {most:g}", place)
    return float(value)


def _refuse(problem: str, place: str | Path) -> NoReturn:
    raise UsageError(problem, place=place, remedy=_REMEDY)
