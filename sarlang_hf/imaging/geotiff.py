"""Opening GeoTIFFs with GDAL such that a file from outside can do nothing but be read."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sarlang_hf.imaging.decode import UndecodableError

_OPTIONS: dict[str, str | int] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no files beside the raster
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "GTIFF_IGNORE_READ_ERRORS": "NO",
    "GDAL_NUM_THREADS": "1",
    "GDAL_CACHEMAX": 64,  # MiB; a twentieth of the machine's memory otherwise, in every worker
}


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file as rasterio's dataset, until the context ends.

    Only GDAL's driver for GeoTIFF is allowed, and no file beside the raster is looked at (.ovr, .msk, .aux.xml, .tfw): a raster
    cannot make us open another file or an address.

    Raises:
        UndecodableError: `undecodable`: no GeoTIFF, or damaged; also for what goes wrong while the context lasts.
    """
    import rasterio
    from rasterio._err import CPLE_BaseError  # GDAL's own errors, which rasterio.errors does not offer
    from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings(), rasterio.Env(**_OPTIONS):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            # A Path, and absolute: a text could be taken for an address or one of GDAL's virtual files.
            with rasterio.open(path.absolute(), driver="GTiff") as dataset:
                yield dataset
    except (RasterioError, CRSError, CPLE_BaseError) as error:
        reason = " ".join(str(error.__cause__ or error).replace(str(path.absolute()), path.name).split())
        raise UndecodableError("undecodable", f"is not a whole GeoTIFF ({reason[:160]})") from error


def has_mask(dataset: Any, band: int) -> bool:
    """Whether the file says by a mask or an alpha band which pixels of a band are data."""
    from rasterio.enums import MaskFlags

    return not {MaskFlags.all_valid, MaskFlags.nodata} & set(dataset.mask_flag_enums[band - 1])
