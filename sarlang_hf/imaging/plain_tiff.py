"""The fast way into the simplest GeoTIFFs: one image, no compression, no mask; strips in one piece, or tiles.

Their pixels are read without a decoder, a few rows at a time: the other bands of a pixel pass through the processor's cache only.
Every other file is left to GDAL, which is also the judge of damaged ones: where tifffile stumbles, or the file is shorter than
it says, there is no fast way.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # it logs damage, which GDAL reports once more

_NODATA_TAG = 42113
_GREY, _RGB = 1, 2
_ALPHA = {1, 2}
_INTERLEAVED = 1
_UNCOMPRESSED = 1
_AS_WRITTEN = 1
_COMPLEX_INTEGER = 5
_CHUNK = 1 << 18
"""Bytes read at a time, which stay in the second-level cache until the band is picked from them."""


@dataclass(frozen=True, slots=True)
class PlainTiff:
    """Where the pixels of a plain file lie.

    Attributes:
        width, height, bands: the shape.
        dtype: of the pixels, in the file's byte order.
        block_width, block_height: shape of the pieces in which the pixels are stored, row by row: the tiles, or the whole image.
        offsets: of the pieces in the file. Tiles at the right and lower edges are whole and stand out over the image.
        interleaved: whether the bands of a pixel lie together; otherwise band follows band.
        nodata: the nodata tag, None if there is none.
    """

    width: int
    height: int
    bands: int
    dtype: np.dtype[Any]
    block_width: int
    block_height: int
    offsets: tuple[int, ...]
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
    out = np.empty((layout.height, layout.width), layout.dtype.newbyteorder("="))
    across = -(-layout.width // layout.block_width)
    with path.open("rb", buffering=0) as file:
        for index, offset in enumerate(layout.offsets):
            top, left = index // across * layout.block_height, index % across * layout.block_width
            block = out[top : top + layout.block_height, left : left + layout.block_width]
            if layout.interleaved:
                _read_block(file, offset, layout, block, layout.bands, band - 1)
            else:  # the bands follow one another
                plane = layout.width * layout.height * layout.dtype.itemsize
                _read_block(file, offset + (band - 1) * plane, layout, block, 1, 0)
    return out


def _read_block(file: FileIO, offset: int, layout: PlainTiff, block: NDArray[Any], numbers: int, chosen: int) -> None:
    """Fills a block, or the part of it that lies within the image, with one of the `numbers` of each pixel."""
    file.seek(offset)
    row = layout.block_width * numbers * layout.dtype.itemsize
    step = max(1, _CHUNK // row)
    buffer = np.empty(min(step, len(block)) * row, np.uint8)
    for first in range(0, len(block), step):
        part = block[first : first + step]
        piece = buffer[: len(part) * row]
        if file.readinto(piece.data) != piece.size:
            raise ValueError("the file is shorter than its header says")
        part[:] = piece.view(layout.dtype).reshape(len(part), layout.block_width, numbers)[:, : part.shape[1], chosen]


def _is_plain(page: Any) -> bool:
    return (
        (_is_tiled_plainly(page) if page.is_tiled else page.is_contiguous and sum(page.databytecounts) == page.nbytes)
        and page.imagedepth == 1
        and page.dtype is not None
        and page.photometric in (_GREY, _RGB)  # palettes and subsampled colours mean something else
        and not _ALPHA & set(page.extrasamples)
        and page.dataoffsets[0] > 0
    )


def _is_tiled_plainly(page: Any) -> bool:
    """Whether every tile is there, whole, and as it was in memory."""
    across, down = -(-page.imagewidth // page.tilewidth), -(-page.imagelength // page.tilelength)
    pixel = page.samplesperpixel * page.bitspersample // 8
    return (
        page.compression == _UNCOMPRESSED
        and page.sampleformat != _COMPLEX_INTEGER
        and page.predictor == _AS_WRITTEN
        and page.fillorder == _AS_WRITTEN
        and page.bitspersample in (8, 16, 32, 64)
        and (page.planarconfig == _INTERLEAVED or page.samplesperpixel == 1)
        and len(page.dataoffsets) == len(page.databytecounts) == across * down
        and all(offset > 0 for offset in page.dataoffsets)  # GDAL leaves out tiles of nodata
        and set(page.databytecounts) == {page.tilewidth * page.tilelength * pixel}
    )


def _layout(page: Any) -> PlainTiff:
    nodata = page.tags.get(_NODATA_TAG)
    return PlainTiff(
        width=page.imagewidth,
        height=page.imagelength,
        bands=page.samplesperpixel,
        dtype=np.dtype(page.dtype).newbyteorder(page.parent.byteorder),
        block_width=page.tilewidth if page.is_tiled else page.imagewidth,
        block_height=page.tilelength if page.is_tiled else page.imagelength,
        offsets=tuple(page.dataoffsets) if page.is_tiled else (page.dataoffsets[0],),
        interleaved=page.planarconfig == _INTERLEAVED or page.samplesperpixel == 1,
        nodata=None if nodata is None else float(nodata.value),
    )


def _end(layout: PlainTiff) -> int:
    """Where the last piece ends."""
    planes = 1 if layout.interleaved else layout.bands
    numbers = layout.bands if layout.interleaved else 1
    block = layout.block_width * layout.block_height * numbers * layout.dtype.itemsize
    return max(layout.offsets) + planes * block
