"""Reading radar rasters and their optical twins: GeoTIFF through GDAL, png and jpg like all our images.

    header = read_header(path)                  # size, bands, georeference; no pixels
    band = read_band(path, 1)                   # values as stored, and which of them are data
    pixels = read_rgb(twin)                     # (H, W, 3) uint8

The content decides what a file is, not its name. Values are taken as stored: GDAL's scale and offset tags, which no source of
ours uses, are not applied.
"""

from __future__ import annotations

import stat
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sarlang_hf.imaging.decode import FORMATS, MAX_PIXELS, UndecodableError, decode
from sarlang_hf.imaging.georeference import IDENTITY, locate
from sarlang_hf.imaging.geotiff import has_mask, opened
from sarlang_hf.imaging.plain_tiff import plain_tiff, read_plain

MAX_RASTER_PIXELS = MAX_PIXELS
"""Larger rasters are refused unless the limit is raised; png and jpg are refused above it in any case."""

MAX_BANDS = 64
"""No radar product has more; GDAL's memory for one block grows with the number of bands."""

DTYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")

_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_IMAGE = (b"\x89PNG", b"\xff\xd8\xff", b"BM")
Transform = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class RasterHeader:
    """What a raster says about itself.

    Attributes:
        width, height: in pixels.
        bands: their number.
        dtype: of the pixels, in numpy's words (`complex_int16` is GDAL's).
        descriptions: of the bands, empty where there is none.
        nodata: the nodata tag, None if there is none.
        crs: coordinate reference system, `EPSG:32631` or WKT; empty if there is none.
        lat, lon: centre in degrees, WGS 84; None if unknown.
        gsd_m: ground sample distance in metres; None if unknown.
        transform: (a, b, c, d, e, f) with x = a column + b row + c and y = d column + e row + f.
    """

    width: int
    height: int
    bands: int
    dtype: str
    descriptions: tuple[str, ...]
    nodata: float | None
    crs: str
    lat: float | None
    lon: float | None
    gsd_m: float | None
    transform: Transform

    @property
    def is_complex(self) -> bool:
        return self.dtype.startswith("complex")


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """One band.

    Attributes:
        values: (H, W), as stored; complex values have become their magnitude, float32.
        valid: (H, W) bool; False where a value is not finite, equals the nodata tag or is masked by the file.
    """

    values: NDArray[Any]
    valid: NDArray[np.bool_]


def read_header(path: Path, *, max_pixels: int = MAX_RASTER_PIXELS) -> RasterHeader:
    """Reads what a raster says about itself; its pixels may still turn out to be damaged.

    Args:
        path: a GeoTIFF, png, jpg or bmp file.
        max_pixels: larger ones are refused.

    Raises:
        UndecodableError: `empty_file`, `undecodable` (no raster, or damaged), `too_large`.
        OSError: the system refuses to show the file.
    """
    if _kind(path) == "image":
        return _image_header(path, max_pixels)
    with opened(path) as dataset:
        _check(dataset.width, dataset.height, dataset.count, max_pixels)
        transform: Transform = dataset.transform[:6]
        place = locate(dataset.crs, transform, dataset.width, dataset.height)
        return RasterHeader(
            width=dataset.width,
            height=dataset.height,
            bands=dataset.count,
            dtype=dataset.dtypes[0],
            descriptions=tuple(description or "" for description in dataset.descriptions),
            nodata=dataset.nodata,
            crs=dataset.crs.to_string() if dataset.crs else "",
            lat=place.lat,
            lon=place.lon,
            gsd_m=place.gsd_m,
            transform=transform,
        )


def require_dtype(dtype: str, *, complex_magnitude: bool) -> None:
    """Checks that pixels of a type can become real numbers.

    Raises:
        UndecodableError: `complex`, unless their magnitude is asked for; `unsupported_dtype`.
    """
    if dtype.startswith("complex"):
        if not complex_magnitude:
            problem = f"holds complex values ({dtype})"
            remedy = "--complex magnitude reads their magnitude, an amplitude"
            raise UndecodableError("complex", f"{problem}: {remedy}")
    elif dtype not in DTYPES:
        raise UndecodableError("unsupported_dtype", f"has pixels of type {dtype}; read are {', '.join(DTYPES)}")


def read_band(path: Path, band: int, *, complex_magnitude: bool = False, max_pixels: int = MAX_RASTER_PIXELS) -> Band:
    """Reads one band.

    Args:
        path: a GeoTIFF, png, jpg or bmp file.
        band: its number, from 1.
        complex_magnitude: take the magnitude of complex values; otherwise they are refused.
        max_pixels: larger rasters are refused.

    Raises:
        UndecodableError: `empty_file`; `undecodable` (no raster, or cut short); `too_large`; `no_such_band`; `complex`;
            `unsupported_dtype`; what `decode` raises for a png, jpg or bmp.
        OSError: the system refuses to show the file.
    """
    if _kind(path) == "image":
        return _image_band(path, band, max_pixels)
    plain = plain_tiff(path)
    if plain is not None:
        _check(plain.width, plain.height, plain.bands, max_pixels)
        _check_band(band, plain.bands)
        require_dtype(plain.dtype.name, complex_magnitude=complex_magnitude)
        return _band(read_plain(path, plain, band), plain.nodata)
    with opened(path) as dataset:
        _check(dataset.width, dataset.height, dataset.count, max_pixels)
        _check_band(band, dataset.count)
        require_dtype(dataset.dtypes[band - 1], complex_magnitude=complex_magnitude)
        found = _band(dataset.read(band), dataset.nodata)
        return Band(found.values, found.valid & (dataset.read_masks(band) > 0)) if has_mask(dataset, band) else found


def read_rgb(path: Path, *, max_pixels: int = MAX_RASTER_PIXELS) -> NDArray[np.uint8]:
    """Reads an optical image: the first three bands of a GeoTIFF, or a colour png, jpg or bmp.

    Pixels of uint16 are mapped linearly from their smallest to their largest value to 0..255, all three bands alike.

    Returns:
        (H, W, 3) uint8.

    Raises:
        UndecodableError: as `read_header`; `wrong_band_count`: fewer than three bands; `unsupported_dtype`: neither uint8 nor
            uint16; what `decode` raises for a png, jpg or bmp.
        OSError: the system refuses to show the file.
    """
    if _kind(path) == "image":
        pixels = _decoded(path, max_pixels)
        if pixels.ndim != 3:
            raise UndecodableError("wrong_band_count", "is grey; an optical image has three bands")
        return pixels
    with opened(path) as dataset:
        _check(dataset.width, dataset.height, dataset.count, max_pixels)
        if dataset.count < 3:
            problem = f"has {dataset.count} band{'s'[: dataset.count - 1]}; an optical image has three"
            raise UndecodableError("wrong_band_count", problem)
        if dataset.dtypes[0] not in {"uint8", "uint16"}:
            problem = f"has pixels of type {dataset.dtypes[0]}; an optical image has uint8 or uint16"
            raise UndecodableError("unsupported_dtype", problem)
        return _eight_bits(np.ascontiguousarray(np.moveaxis(dataset.read((1, 2, 3)), 0, -1)))


def _eight_bits(stack: NDArray[Any]) -> NDArray[np.uint8]:
    if stack.dtype != np.uint8:
        low, high = int(stack.min()), int(stack.max())
        stack = np.rint((stack - np.float32(low)) * np.float32(255 / max(high - low, 1)))
    return stack.astype(np.uint8, copy=False)


def _kind(path: Path) -> Literal["tiff", "image"]:
    """What the file is, by its first bytes."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise UndecodableError("undecodable", "is no regular file")
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise UndecodableError("empty_file", "the file is empty")
    if start.startswith(_TIFF):
        return "tiff"
    if not start.startswith(_IMAGE):
        raise UndecodableError("undecodable", "is neither a GeoTIFF nor a png, jpg or bmp image")
    return "image"


def _check(width: int, height: int, bands: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        problem = f"declares {width}x{height} pixels, over the limit of {max_pixels}"
        raise UndecodableError("too_large", f"{problem}: raise it with --max-pixels")
    if bands > MAX_BANDS:
        raise UndecodableError("too_large", f"declares {bands} bands, over the limit of {MAX_BANDS}")


def _check_band(band: int, bands: int) -> None:
    if not 1 <= band <= bands:
        raise UndecodableError("no_such_band", f"has no band {band}, its bands are 1 to {bands}")


def _band(values: NDArray[Any], nodata: float | None) -> Band:
    is_data = _differs(values, nodata)
    if values.dtype.kind == "c":
        # In float64, since numpy's abs of complex64 is off by a bit on some machines and not on others.
        with np.errstate(over="ignore", invalid="ignore"):
            power = np.square(values.real, dtype=np.float64) + np.square(values.imag, dtype=np.float64)
            values = np.sqrt(power).astype(np.float32)
    finite = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, np.bool_)
    return Band(values, finite if is_data is None else finite & is_data)


def _differs(values: NDArray[Any], nodata: float | None) -> NDArray[np.bool_] | None:
    """Where values differ from the nodata tag; None if the tag cannot occur."""
    if nodata is None:
        return None
    if values.dtype.kind in "iu":
        limits = np.iinfo(values.dtype)
        if not (limits.min <= nodata <= limits.max and float(nodata).is_integer()):
            return None
    with np.errstate(over="ignore"):
        differs: NDArray[np.bool_] = values != values.dtype.type(nodata)
    return differs


def _image_header(path: Path, max_pixels: int) -> RasterHeader:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                (width, height), bands, mode = image.size, len(image.getbands()), image.mode
    except Image.DecompressionBombError as error:
        raise UndecodableError("too_large", f"has more pixels than can be safe ({error})") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error) as error:
        raise UndecodableError("undecodable", "not a whole image") from error
    _check(width, height, bands, max_pixels)
    dtype, bands = ("uint8", 3 if mode == "P" else bands) if mode in {"L", "P", "RGB"} else (f"of mode {mode}", bands)
    return RasterHeader(width, height, bands, dtype, ("",) * bands, None, "", None, None, None, IDENTITY)


def _decoded(path: Path, max_pixels: int) -> NDArray[np.uint8]:
    header = _image_header(path, max_pixels)
    return decode(path.read_bytes(), size=(header.width, header.height))


def _image_band(path: Path, band: int, max_pixels: int) -> Band:
    pixels = _decoded(path, max_pixels)
    stack = pixels[..., None] if pixels.ndim == 2 else pixels
    _check_band(band, stack.shape[2])
    return _band(np.ascontiguousarray(stack[..., band - 1]), None)
