"""Rows per text from rows per image, column by column: the config `vqa_questions`, and `provenance.parquet`.

A build has ten times as many texts as images: making a dictionary of each would be most of what the finish does.

`provenance.parquet` says who or what wrote each text: text_id, text_kind (question or caption), image_id, origin, model
(snapshot), prompt_sha256, reviewer; the last three are empty where unknown or, as for templates, not applicable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

PROVENANCE = pa.schema(
    [(name, pa.string()) for name in ("text_id", "text_kind", "image_id", "origin", "model", "prompt_sha256", "reviewer")]
)
IMAGES_PER_BATCH = 1000
_SHARED = ["image_id", "source", "scene"]


def question_batches(paths: Iterable[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Rows of the `vqa_questions` config for the rows of some `vqa` shards of one split, in order.

    Args:
        paths: all shards of the split, in order: rows are numbered through.
        schema: of the config.
    """
    first = 0
    for batch in _batches(paths, [*_SHARED, "questions"]):
        parents = pc.list_parent_indices(batch.column("questions"))
        texts = pc.list_flatten(batch.column("questions"))
        columns = {name: pc.take(batch.column(name), parents) for name in _SHARED}
        columns["image_row"] = pc.add(pc.cast(parents, pa.int64()), first)
        columns |= {field.name: pc.struct_field(texts, field.name) for field in texts.type}
        yield pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
        first += batch.num_rows


def flat_captions(captions: pa.Table) -> pa.Table:
    """A row per caption from rows per image: the caption's fields, then the image's.

    Args:
        captions: image columns and `captions`, a list of structs.
    """
    found = captions.combine_chunks().column("captions")
    parents, texts = pc.list_parent_indices(found), pc.list_flatten(found)
    columns = {field.name: pc.struct_field(texts, field.name) for field in texts.type}
    columns |= {name: pc.take(captions.column(name), parents) for name in captions.column_names if name != "captions"}
    return pa.table(columns)


def provenance_batches(paths: Iterable[Path], *, kind: str) -> Iterator[pa.RecordBatch]:
    """Rows of `provenance.parquet` for the texts of some `vqa` (`kind` question) or `cap` (`kind` caption) shards."""
    for batch in _batches(paths, ["image_id", f"{kind}s"]):
        texts = pc.list_flatten(batch.column(f"{kind}s"))
        columns = {
            "text_id": pc.struct_field(texts, f"{kind}_id"),
            "text_kind": pa.repeat(kind, len(texts)),
            "image_id": pc.take(batch.column("image_id"), pc.list_parent_indices(batch.column(f"{kind}s"))),
            "origin": pc.struct_field(texts, "origin"),
        }
        unknown = pa.repeat("", len(texts))
        yield pa.RecordBatch.from_arrays([columns.get(name, unknown) for name in PROVENANCE.names], schema=PROVENANCE)


def _batches(paths: Iterable[Path], columns: list[str]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        yield from pq.ParquetFile(path).iter_batches(columns=columns, batch_size=IMAGES_PER_BATCH)
