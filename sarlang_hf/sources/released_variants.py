"""The original and the optical twin that lie beside a released image: whether they fit it, by their headers."""

from __future__ import annotations

from pathlib import Path

from sarlang_hf.imaging.decode import UndecodableError
from sarlang_hf.imaging.raster import RasterHeader, read_header, require_dtype, require_optical
from sarlang_hf.sources.files import reading

Size = tuple[int, int]


def original_header(path: Path, size: Size) -> RasterHeader:
    """The header of an image's original, which also knows where it lies.

    Args:
        path: the original.
        size: (width, height) of its image.

    Raises:
        UndecodableError: `variant_mismatch`: of another size; no raster, or pixels that `raw` could not hold.
        SourceError: the file may not be read.
    """
    header = _header(path, size)
    require_dtype(header.dtype, complex_magnitude=False)
    return header


def check_twin(path: Path, size: Size) -> None:
    """Checks an image's optical twin; arguments and exceptions as for `original_header`."""
    header = _header(path, size)
    require_optical(header.bands, header.dtype)


def _header(path: Path, size: Size) -> RasterHeader:
    with reading(path):
        header = read_header(path)
    if (header.width, header.height) != size:
        problem = f"has {header.width}x{header.height} pixels, its image has {size[0]}x{size[1]}"
        raise UndecodableError("variant_mismatch", problem)
    return header
