"""Arrays as the bytes of image files: PNG, JPEG, GeoTIFF. The same array gives the same bytes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sarlang_hf.imaging.simulate.grids import Grid

BLOCK = 256
"""Side of a GeoTIFF's tiles in pixels; smaller images are written in strips."""


def png(image: npt.NDArray[np.uint8]) -> bytes:
    """(H, W) or (H, W, 3) uint8."""
    return _pillow(image, format="PNG", compress_level=1)


def jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    """(H, W) uint8."""
    return _pillow(image, format="JPEG", quality=92)


def geotiff(bands: npt.NDArray[Any], grid: Grid) -> bytes:
    """(H, W) or (H, W, bands), uncompressed, bands without descriptions, no nodata tag."""
    from rasterio import Affine, MemoryFile

    stack = np.atleast_3d(bands)
    height, width, count = stack.shape
    shape = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK} if min(height, width) >= BLOCK else {}
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            height=height,
            width=width,
            count=count,
            dtype=stack.dtype,
            crs=f"EPSG:{grid.epsg}",
            transform=Affine(grid.gsd_m, 0, grid.west, 0, -grid.gsd_m, grid.north),
            **shape,
        ) as raster:
            raster.write(np.moveaxis(stack, 2, 0))
        return bytes(memory.read())


def _pillow(image: npt.NDArray[np.uint8], **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, **options)
    return stream.getvalue()
