"""The Parquet files of a run, `sarlang_verdicts.parquet` and `sarlang_captions.parquet`: read strictly, written whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sarlang_hf.errors import UsageError
from sarlang_hf.files import replacing
from sarlang_hf.scoring.normalize import well_formed

if TYPE_CHECKING:
    import pyarrow as pa


def read_rows(path: Path, schema: pa.Schema, *, what: str) -> list[dict[str, Any]]:
    """The rows of such a file, their types those of the schema.

    Args:
        path: the file.
        schema: its columns.
        what: what it is, for the error: 'verdicts'.

    Raises:
        UsageError: there is no such file, or it has other columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: list[dict[str, Any]] = pq.read_table(path, columns=schema.names).cast(schema).to_pylist()
    except (OSError, pa.ArrowException, TypeError, ValueError) as error:
        raise not_a_run_table(path, what, error) from error
    return rows


def not_a_run_table(path: Path, what: str, error: Exception) -> UsageError:
    """The user error for a file that holds something else."""
    problem = str(error).partition(" in ")[0].partition("\n")[0]  # Arrow goes on to print the whole schema
    remedy = f"name a sarlang_{what}.parquet that this version of sarlang-hf wrote"
    return UsageError(f"is not a {what} file ({problem})", place=path, remedy=remedy)


def storable(text: str | None) -> str | None:
    """A text as UTF-8 can hold it; a missing one stays missing."""
    return None if text is None else well_formed(text)


def write_table(path: Path, table: pa.Table) -> None:
    """Writes such a file whole or not at all.

    Raises:
        OutputError: the folder cannot be written.
    """
    import pyarrow.parquet as pq

    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
