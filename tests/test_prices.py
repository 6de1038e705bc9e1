from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.answers import PROTOCOLS, Protocol
from sarlang_hf.scoring.judge.prices import Price, Prices, estimate, input_bound, output_bound
from sarlang_hf.scoring.judge.prompts import DEFAULT_MODEL, request_for
from sarlang_hf.scoring.judge.requests import JudgeRequest


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("gpt-4o-mini", Price(0.15, 0.60)),
        ("gpt-4o-mini-2024-07-18", Price(0.15, 0.60)),
        ("gpt-4o-2024-08-06", Price(2.50, 10.00)),
        ("gpt-4o-2024-05-13", Price(5.00, 15.00)),  # has a line of its own
        ("gpt-4-0613", Price(30.00, 60.00)),
        ("gpt-4-turbo-2024-04-09", Price(10.00, 30.00)),
        ("gpt-4o-mini-audio", None),
        ("gpt-4o-mini-2024-07-18-x", None),
        ("gpt-4o-mini-2024", Price(0.15, 0.60)),
        ("my-gpt-4o", None),
        ("", None),
    ],
)
def test_a_dated_snapshot_costs_what_its_model_does(model: str, price: Price | None) -> None:
    assert Prices.load().of(model) == price


def test_every_default_judge_has_a_price() -> None:
    assert all(Prices.load().of(model) for model in DEFAULT_MODEL.values())
    assert Prices.load().batch_discount == 0.5


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.yaml", "models:\n  gpt-4o-mini: {input: 1, output: 2.5}\n  org/Own-7B: {input: 0, output: 0}\n"),
        ("p.json", '{"models": {"gpt-4o-mini": {"input": 1, "output": 2.5}, "org/Own-7B": {"input": 0, "output": 0}}}'),
        ("bom.yaml", "\ufeffmodels: {gpt-4o-mini: {input: 1, output: 2.5}, org/Own-7B: {input: 0.0, output: 0}}\n"),
    ],
)
def test_a_users_table_goes_before_ours(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    prices = Prices.load(tmp_path / name)
    assert prices.of("gpt-4o-mini-2024-07-18") == Price(1.0, 2.5)
    assert prices.of("org/Own-7B") == Price(0.0, 0.0)
    assert prices.of("gpt-4-0613") == Price(30.0, 60.0)
    assert prices.batch_discount == 0.5


def test_a_user_can_change_the_discount_alone(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("batch_discount: 0.25\nmodels: {}\n")
    assert Prices.load(tmp_path / "p.yaml").batch_discount == 0.25


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        ("models: {m: {input: -1, output: 1}}", "'m', input", "-1"),
        ("models: {m: {input: .nan, output: 1}}", "'m', input", "nan"),
        ("models: {m: {input: 1, output: .inf}}", "'m', output", "inf"),
        ('models: {m: {input: "1", output: 1}}', "'m', input", "'1'"),
        ("models: {m: {input: yes, output: 1}}", "'m', input", "True"),
        ("models: {m: {input: null, output: 1}}", "'m', input", "None"),
        ("models: {m: {input: 1e99, output: 1}}", "'m', input", "1e"),
        (f"models: {{m: {{input: 1{'0' * 400}, output: 1}}}}", "'m', input", "1000"),
        (f"models: {{m: {{input: 1{'0' * 5000}, output: 1}}}}", "", "YAML"),
        ("models: {m: {input: 1}}", "'m'", "not a price"),
        ("models: {m: {input: 1, output: 1, cached: 1}}", "'m'", "not a price"),
        ("models: {m: 1}", "'m'", "not a price"),
        ("models: {4: {input: 1, output: 1}}", "4", "not a price"),
        ("models: {m: {input: 1, output: 1}, m: {input: 2, output: 1}}", "", "'m' stands twice"),
        ('{"models": {"m": {"input": 1, "input": 2, "output": 1}}}', "", "'input' stands twice"),
        ("models: {}\nbatch_discount: 2", "batch_discount", "2"),
        ("models: {}\nbatch_discount: half", "batch_discount", "half"),
        ("models: {}\ncurrency: EUR", "", "'currency'"),
        ("models: []", "", "no table 'models'"),
        ("gpt-4o: {input: 1, output: 1}", "", "no table 'models'"),
        ("", "", "no table 'models'"),
        ("a: &a [*a]", "", "no table 'models'"),
        ("models: &a {m: *a}", "'m'", "not a price"),
        ("models: {? [a]: 1}", "", "YAML"),
        ("!!python/object/apply:os.system ['true']", "", "YAML"),
        ("models: {m: {input: 1, output: 1", "", "YAML"),
        ("[" * 10_000, "", "YAML"),
        (b"models: \xff", "", "UTF-8"),
        (b" " * ((1 << 20) + 1), "", "1 MiB"),
    ],
)
def test_a_table_that_holds_anything_but_prices(tmp_path: Path, content: str | bytes, place: str, problem: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError) as caught:
        Prices.load(path)
    assert caught.value.place.startswith(str(path))
    assert place in caught.value.place
    assert problem in caught.value.problem


def test_a_table_without_an_end_is_not_read() -> None:
    with pytest.raises(UsageError, match="no regular file"):
        Prices.load(Path("/dev/zero"))


def test_a_table_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        Prices.load(tmp_path / "p.yaml")


def test_an_absent_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        Prices.load(tmp_path / "absent.yaml")


def test_the_built_in_table_is_a_file_that_users_may_copy(tmp_path: Path) -> None:
    text = files("sarlang_hf.scoring.judge").joinpath("prices.yaml").read_text()
    (tmp_path / "copy.json").write_text(json.dumps(yaml.safe_load(text)))
    assert Prices.load(tmp_path / "copy.json") == Prices.load()


def test_what_a_call_costs() -> None:
    assert Price(0.15, 0.60).usd(1_000_000, 500_000) == pytest.approx(0.45)


# Tokens of the typical request below, counted with OpenAI's vocabularies o200k_base and cl100k_base (js-tiktoken 1.0.21), each
# message's frame of 4 and the reply's of 3 included, and for `strict` the schema of its reply.
COUNTED = {"strict": (295, 294), "released": (101, 101), "paper": (86, 86)}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_bound_of_a_typical_request_is_above_its_tokens_but_not_far(protocol: Protocol) -> None:
    request = request_for(
        protocol, "What is the main land cover in the image?", "residential area", "The image shows mostly houses"
    )
    counted = max(COUNTED[protocol])
    assert counted < input_bound(request) < 2.5 * counted


# The same count of a request whose three texts are empty: what is left is English, of which three bytes may count as a token.
COUNTED_EMPTY = {"strict": (263, 260), "released": (85, 85), "paper": (70, 70)}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_bound_holds_for_the_prompt_alone(protocol: Protocol) -> None:
    assert max(COUNTED_EMPTY[protocol]) < input_bound(JudgeRequest(protocol, "", "", ""))


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.sampled_from(PROTOCOLS))
def test_every_byte_of_an_answer_may_be_a_token(text: str, protocol: Protocol) -> None:
    request = request_for(protocol, "Q?", "g", text)
    empty = request_for(protocol, "Q?", "g", "")
    assert input_bound(request) - input_bound(empty) >= len(request.prediction.encode())


def test_an_estimate_adds_up() -> None:
    requests = [request_for("released", "Q?", "gold", "answer " * number) for number in range(5)]
    price = Price(2.0, 8.0)
    found = estimate(requests, price)
    tokens = sum(map(input_bound, requests))
    assert (found.calls, found.input_tokens, found.output_tokens) == (5, tokens, 5 * output_bound("released"))
    assert found.output_tokens == 500
    assert found.usd == pytest.approx((2.0 * tokens + 8.0 * 500) / 1e6)
    assert estimate(requests, None).usd == 0
    assert estimate([], price).calls == 0
