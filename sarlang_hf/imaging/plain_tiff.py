"""The fast way into the simplest GeoTIFFs: one image, no compression, no tiles, no mask.

Their pixels lie in the file in one piece and are read without a decoder. Every other file is left to GDAL, which is also the
judge of damaged ones: where tifffile stumbles, or the file is shorter than it says, there is no fast way.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # it logs damage, which GDAL reports once more

_NODATA_TAG = 42113
_GREY, _RGB = 1, 2
_ALPHA = {1, 2}
_INTERLEAVED = 1
_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class PlainTiff:
    """Where the pixels of a plain file lie.

    Attributes:
        width, height, bands: the shape.
        dtype: of the pixels, in the file's byte order.
        offset: of the first pixel in the file.
        interleaved: whether the bands of a pixel lie together; otherwise band follows band.
        nodata: the nodata tag, None if there is none.
    """

    width: int
    height: int
    bands: int
    dtype: np.dtype[Any]
    offset: int
    interleaved: bool
    nodata: float | None


def plain_tiff(path: Path) -> PlainTiff | None:
    """The layout of a plain file, or None where GDAL has to read."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            plain = len(file.pages) == 1 and isinstance(page, tifffile.TiffPage) and _is_plain(page)
            layout = _layout(page) if plain else None
            return layout if layout is not None and _end(layout) <= file.filehandle.size else None
    except Exception:
        return None  # damaged files make tifffile fail in any way; GDAL says what is wrong with them


def read_plain(path: Path, layout: PlainTiff, band: int) -> NDArray[Any]:
    """Reads one band, counted from 1, as (H, W) in the machine's byte order.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is shorter than `plain_tiff` found it.
    """
    pixels = layout.width * layout.height
    out = np.empty(pixels, layout.dtype.newbyteorder("="))
    with path.open("rb") as file:
        if layout.interleaved and layout.bands > 1:
            file.seek(layout.offset)
            step = max(1, _CHUNK // (layout.bands * layout.dtype.itemsize))
            for first in range(0, pixels, step):  # in pieces: the other bands are as large as this one
                count = min(step, pixels - first)
                piece = np.fromfile(file, layout.dtype, count * layout.bands)
                out[first : first + count] = piece.reshape(count, layout.bands)[:, band - 1]
        else:
            file.seek(layout.offset + (band - 1) * pixels * layout.dtype.itemsize)
            out[:] = np.fromfile(file, layout.dtype, pixels)
    return out.reshape(layout.height, layout.width)


def _is_plain(page: Any) -> bool:
    return (
        page.is_contiguous
        and not page.is_tiled
        and page.imagedepth == 1
        and page.dtype is not None
        and page.photometric in (_GREY, _RGB)  # palettes and subsampled colours mean something else
        and not _ALPHA & set(page.extrasamples)
        and page.dataoffsets[0] > 0
        and sum(page.databytecounts) == page.nbytes
    )


def _layout(page: Any) -> PlainTiff:
    nodata = page.tags.get(_NODATA_TAG)
    return PlainTiff(
        width=page.imagewidth,
        height=page.imagelength,
        bands=page.samplesperpixel,
        dtype=np.dtype(page.dtype).newbyteorder(page.parent.byteorder),
        offset=page.dataoffsets[0],
        interleaved=page.planarconfig == _INTERLEAVED,
        nodata=None if nodata is None else float(nodata.value),
    )


def _end(layout: PlainTiff) -> int:
    return layout.offset + layout.width * layout.height * layout.bands * layout.dtype.itemsize
