"""Frozen document frequencies: how many references hold an n-gram, on disk and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarlang_hf.errors import DatasetCorruptError
from sarlang_hf.texts.document_frequency import (
    DocumentFrequency,
    count_document_frequency,
    read_document_frequency,
    write_document_frequency,
)

CAPTIONS = ["two ships near a harbor .", "A harbor  with\ttwo ships .", "two two two two"]
TEXTS = st.lists(st.text(alphabet="abA .\n\u00a0\u3000", max_size=14), max_size=8)


def test_a_reference_counts_once_for_each_of_its_ngrams_however_often_it_holds_them() -> None:
    found = count_document_frequency(CAPTIONS)
    assert found.documents == 3
    assert found.counts["two"] == 3
    assert (found.counts["two ships"], found.counts["two two"], found.counts["two two two two"]) == (2, 1, 1)
    assert (found.counts["harbor"], found.counts["a harbor"], found.counts["A harbor with two"]) == (2, 1, 1)  # case is kept
    assert "two ships near a harbor" not in found.counts  # five tokens


@given(TEXTS)
def test_counts_are_those_of_a_plain_search_for_each_ngram_in_each_reference(references: list[str]) -> None:
    def holds(tokens: list[str], ngram: list[str]) -> bool:
        return any(tokens[at : at + len(ngram)] == ngram for at in range(len(tokens)))

    found = count_document_frequency(references)
    split = [reference.split() for reference in references]
    assert found.documents == len(references)
    every = {(*tokens[at : at + length],) for tokens in split for length in (1, 2, 3, 4) for at in range(len(tokens))}
    assert set(found.counts) == {" ".join(ngram) for ngram in every}
    for ngram, count in found.counts.items():
        assert count == sum(holds(tokens, ngram.split()) for tokens in split)


def test_counts_are_those_of_pycocoevalcap() -> None:
    scorer = pytest.importorskip("pycocoevalcap.cider.cider_scorer").CiderScorer
    peer = scorer()
    for caption in CAPTIONS:
        peer += ("", [caption])
    peer.compute_doc_freq()
    assert {" ".join(ngram): count for ngram, count in peer.document_frequency.items()} == count_document_frequency(
        CAPTIONS
    ).counts


@given(TEXTS.filter(bool))
def test_a_file_gives_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, references: list[str]) -> None:
    path = tmp_path_factory.mktemp("df") / "cider-df-complex.parquet"
    found = count_document_frequency(references)
    write_document_frequency(path, found)
    again = read_document_frequency(path)
    assert (dict(again.counts), again.documents, again.digest) == (dict(found.counts), found.documents, found.digest)


def test_the_bytes_and_the_digest_do_not_depend_on_the_order_of_the_references(tmp_path: Path) -> None:
    one, two = count_document_frequency(CAPTIONS), count_document_frequency(reversed(CAPTIONS))
    write_document_frequency(tmp_path / "1", one)
    write_document_frequency(tmp_path / "2", two)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert list(pq.read_table(tmp_path / "1").column("ngram").to_pylist()) == sorted(one.counts)
    assert one.digest == two.digest
    assert len(one.digest) == 16


def test_half_a_surrogate_pair_is_a_sign_like_others_in_the_digest() -> None:
    digests = {count_document_frequency([text]).digest for text in ("a \ud800", "a \ud801", "a ?", "a \ufffd")}
    assert len(digests) == 4


@pytest.mark.parametrize(
    "other",
    [
        DocumentFrequency({"a": 1, "b": 2}, 4),  # another number of documents
        DocumentFrequency({"a": 2, "b": 2}, 3),
        DocumentFrequency({"a": 1, "c": 2}, 3),
        DocumentFrequency({"a": 1}, 3),
        DocumentFrequency({"a": 1, "b": 2, "c": 1}, 3),
    ],
)
def test_other_counts_have_another_digest(other: DocumentFrequency) -> None:
    assert other.digest != DocumentFrequency({"a": 1, "b": 2}, 3).digest
    assert DocumentFrequency({"b": 2, "a": 1}, 3).digest == DocumentFrequency({"a": 1, "b": 2}, 3).digest


def _table(path: Path, ngrams: list[str | None], counts: list[int | None], documents: bytes = b"3", **names: str) -> None:
    metadata = {b"sarlang_document_frequency": b"1", b"documents": documents} | {k.encode(): v.encode() for k, v in names.items()}
    columns = {"ngram": pa.array(ngrams, pa.string()), "references": pa.array(counts, pa.int32())}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)


def _cut(path: Path) -> None:
    _table(path, ["a"], [1])
    path.write_bytes(path.read_bytes()[:-3])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "is missing": lambda _path: None,
    "is no sound Parquet file": lambda path: path.write_text("a,1"),
    "is no sound Parquet file (": _cut,
    "has the columns ngram, count": lambda path: pq.write_table(pa.table({"ngram": ["a"], "count": [1]}), path),
    "has the columns ngram, references": lambda path: pq.write_table(
        pa.table({"ngram": ["a"], "references": [1]}), path
    ),  # int64
    "is no file of document frequencies": lambda path: _table(path, ["a"], [1], sarlang_document_frequency="2"),
    "is no file of document frequencies of": lambda path: _table(path, ["a"], [1], documents=b"-3"),
    "is no file of document frequencies of this": lambda path: _table(path, ["a"], [1], documents=b"9" * 40),
    "row 1 says that 0 of 3 references hold 'b'": lambda path: _table(path, ["a", "b"], [1, 0]),
    "row 1 says that 4 of 3 references hold 'b'": lambda path: _table(path, ["a", "b"], [1, 4]),
    "row 0 says that None of 3 references": lambda path: _table(path, ["a"], [None]),
    "row 0 holds no n-gram of one to 4 tokens: None": lambda path: _table(path, [None], [1]),
    "row 0 holds no n-gram of one to 4 tokens: ''": lambda path: _table(path, [""], [1]),
    "row 0 holds no n-gram of one to 4 tokens: 'a  b'": lambda path: _table(path, ["a  b"], [1]),
    "row 0 holds no n-gram of one to 4 tokens: 'a b c d e'": lambda path: _table(path, ["a b c d e"], [1]),
    "row 2 ('b') is out of order": lambda path: _table(path, ["a", "c", "b"], [1, 1, 1]),
    "row 1 ('a') is out of order": lambda path: _table(path, ["a", "a"], [1, 1]),  # named twice
}


@pytest.mark.parametrize("problem", DAMAGE)
def test_a_file_that_is_not_ours_is_refused(tmp_path: Path, problem: str) -> None:
    path = tmp_path / "cider-df-complex.parquet"
    DAMAGE[problem](path)
    with pytest.raises(DatasetCorruptError) as caught:
        read_document_frequency(path)
    assert caught.value.problem.startswith(problem)
    assert caught.value.place == str(path)
