"""`provenance.parquet`: one row per text of the dataset, saying who or what wrote it.

Columns: text_id, text_kind (question or caption), image_id, origin, model (snapshot), prompt_sha256, reviewer; the last three
are empty where unknown or, as for templates, not applicable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("text_id", "text_kind", "image_id", "origin", "model", "prompt_sha256", "reviewer")]
)


def provenance_rows(row: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Rows for the texts of one row of the `vqa` or `cap` config."""
    for kind, key, texts in (
        ("question", "question_id", row.get("questions")),
        ("caption", "caption_id", row.get("captions")),
    ):
        for text in texts or ():
            unknown = {"model": "", "prompt_sha256": "", "reviewer": ""}
            yield {"text_id": text[key], "text_kind": kind, "image_id": row["image_id"], "origin": text["origin"], **unknown}
