"""Document frequencies of n-grams, frozen beside a dataset: what CIDEr needs to score a subset like the whole.

CIDEr weighs an n-gram by how few references hold it (Vedantam et al. 2015, equation 2). Counted over the references at hand, as
pycocoevalcap does, these weights change with every subset, and so do the scores. A build therefore counts them once, over all
test references of a kind, and leaves them in its folder:

    cider-df-complex.parquet, cider-df-concise.parquet
        ngram       string   one to four tokens of `text.split()`, joined by one blank; ascending
        references  int32    how many references hold it at least once
        schema metadata: sarlang_document_frequency = format version, documents = number of references

A reference is a caption row, as in the official script: two captions of one image are two documents. Case is kept.

    >>> found = count_document_frequency(["two ships near a harbor .", "a harbor ."])
    >>> found.documents, found.counts["a harbor"], found.counts["two ships near a"]
    (2, 2, 1)
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sarlang_hf.errors import DatasetCorruptError
from sarlang_hf.files import replacing
from sarlang_hf.schema import CAPTION_KINDS, CaptionKind

if TYPE_CHECKING:
    import pyarrow as pa

FILE_OF_KIND: dict[CaptionKind, str] = {kind: f"cider-df-{kind}.parquet" for kind in CAPTION_KINDS}
"""The file of each kind in a dataset folder that has test captions of it."""

LONGEST_NGRAM = 4
_FORMAT, _FORMAT_VERSION, _DOCUMENTS = b"sarlang_document_frequency", b"1", b"documents"
_MOST_NGRAMS = 20_000_000
"""More than a hundred times what the full test split has; a file that claims more is not read."""
_REMEDY = "fetch the file again, or build the dataset again"


@dataclass(frozen=True)
class DocumentFrequency:
    """How many of some reference captions hold each n-gram.

    Attributes:
        counts: number of references by n-gram of one to four tokens, joined by one blank; what is not listed is in none.
        documents: number of references counted.
    """

    counts: Mapping[str, int]
    documents: int

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits over the content, whatever the order: the same for the same counts."""
        content = hashlib.blake2b(f"{self.documents}\n".encode(), digest_size=8)
        for ngram in sorted(self.counts):
            content.update(f"{ngram}\t{self.counts[ngram]}\n".encode("utf-8", "surrogatepass"))  # a text may hold half a pair
        return content.hexdigest()


def count_document_frequency(references: Iterable[str]) -> DocumentFrequency:
    """Counts references, one at a time; memory grows with the distinct n-grams alone."""
    counts: Counter[str] = Counter()
    documents = 0
    for reference in references:
        counts.update(_distinct_ngrams(reference))
        documents += 1
    return DocumentFrequency(dict(counts), documents)


def _distinct_ngrams(text: str) -> set[str]:
    tokens = text.split()
    lengths = range(1, min(LONGEST_NGRAM, len(tokens)) + 1)
    return {" ".join(tokens[at : at + length]) for length in lengths for at in range(len(tokens) - length + 1)}


def write_document_frequency(path: Path, frequency: DocumentFrequency) -> None:
    """Writes the Parquet file, whole or not at all; the same counts give the same bytes.

    Raises:
        OutputError: the folder cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    ngrams = sorted(frequency.counts)
    columns = {
        "ngram": pa.array(ngrams, pa.string()),
        "references": pa.array([frequency.counts[ngram] for ngram in ngrams], pa.int32()),
    }
    metadata = {_FORMAT: _FORMAT_VERSION, _DOCUMENTS: str(frequency.documents).encode()}
    with replacing(path) as temporary:
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), temporary, compression="zstd")


def read_document_frequency(path: Path) -> DocumentFrequency:
    """Reads a file of document frequencies and checks it: it may come from anywhere.

    Raises:
        DatasetCorruptError: it is absent, or not what `write_document_frequency` writes.
    """
    table = _read_table(path)
    metadata: Mapping[bytes, bytes] = table.schema.metadata or {}
    documents = metadata.get(_DOCUMENTS, b"")
    if metadata.get(_FORMAT) != _FORMAT_VERSION or not documents.isdigit() or not 1 <= len(documents) <= 9:
        raise _corrupt(path, "is no file of document frequencies of this format version")
    ngrams, counts = table.column("ngram").to_pylist(), table.column("references").to_pylist()
    _check(path, ngrams, counts, int(documents))
    return DocumentFrequency(dict(zip(ngrams, counts, strict=True)), int(documents))


def _read_table(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            if [(field.name, field.type) for field in schema] != [("ngram", pa.string()), ("references", pa.int32())]:
                raise _corrupt(path, f"has the columns {', '.join(schema.names)[:80]}, not ngram and references")
            if rows > _MOST_NGRAMS:
                raise _corrupt(path, f"claims {rows:,} n-grams")
            return file.read()
    except FileNotFoundError as error:
        raise _corrupt(path, "is missing") from error
    except (pa.ArrowException, OSError) as error:
        raise _corrupt(path, f"is no sound Parquet file ({str(error)[:120]})") from error


def _check(path: Path, ngrams: list[Any], counts: list[Any], documents: int) -> None:
    for row, (ngram, count) in enumerate(zip(ngrams, counts, strict=True)):
        if ngram is None or not 1 <= len(tokens := ngram.split()) <= LONGEST_NGRAM or " ".join(tokens) != ngram:
            raise _corrupt(path, f"row {row} holds no n-gram of one to {LONGEST_NGRAM} tokens: {ngram!r:.80}")
        if count is None or not 1 <= count <= documents:
            raise _corrupt(path, f"row {row} says that {count} of {documents} references hold {ngram!r:.80}")
    for row, (before, ngram) in enumerate(pairwise(ngrams), 1):
        if ngram <= before:
            raise _corrupt(path, f"row {row} ({ngram!r:.80}) is out of order")


def _corrupt(path: Path, problem: str) -> DatasetCorruptError:
    return DatasetCorruptError(problem, place=path, remedy=_REMEDY)
