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

from sarlang_hf.imaging.decode import FORMATS, MAX_PIXELS, UndecodableError, check_depth, decode
from sarlang_hf.imaging.georeference import IDENTITY, locate
from sarlang_hf.imaging.geotiff import has_mask, opened
from sarlang_hf.imaging.plain_tiff import plain_tiff, read_plain

MAX_RASTER_PIXELS = MAX_PIXELS
"""Larger rasters are refused unless the limit is raised; png and jpg are refused above it in any case."""

MAX_BANDS = 64
"""No radar product has more; GDAL's memory for one block grows with the number of bands."""

DTYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")
OPTICAL_DTYPES = ("uint8", "uint16")

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
        UndecodableError: `empty_file`, `undecodable` (no raster, or damaged), `too_large`; `unsupported_mode`: a png or jpg with
            more than 8 bits, or neither one nor three channels.
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
            dtype=_dtype(dataset, 1),
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
            remedy = "read their magnitude, an amplitude, with --complex magnitude"
            raise UndecodableError("complex", f"holds complex values ({dtype})", remedy=remedy)
    elif dtype not in DTYPES:
        remedy = f"store them as one of {', '.join(DTYPES)}"
        raise UndecodableError("unsupported_dtype", f"has pixels of type {dtype}", remedy=remedy)


def require_optical(bands: int, dtype: str) -> None:
    """Checks that a raster can be an optical image.

    Raises:
        UndecodableError: `wrong_band_count`: fewer than three bands; `unsupported_dtype`: neither uint8 nor uint16.
    """
    if bands < 3:
        raise UndecodableError("wrong_band_count", f"has {bands} band{'s'[: bands - 1]}; an optical image has three")
    if dtype not in OPTICAL_DTYPES:
        problem = f"has pixels of type {dtype}; an optical image has {' or '.join(OPTICAL_DTYPES)}"
        raise UndecodableError("unsupported_dtype", problem)


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
        require_dtype(_dtype(dataset, band), complex_magnitude=complex_magnitude)
        found = _band(dataset.read(band), dataset.nodata)
        return Band(found.values, found.valid & (dataset.read_masks(band) > 0)) if has_mask(dataset, band) else found


def read_rgb(path: Path, *, max_pixels: int = MAX_RASTER_PIXELS) -> NDArray[np.uint8]:
    """Reads an optical image: the first three bands of a GeoTIFF, or a colour png, jpg or bmp.

    Pixels of uint16 are mapped linearly from their smallest to their largest value to 0..255, all three bands alike.

    Returns:
        (H, W, 3) uint8.

    Raises:
        UndecodableError: as `read_header` and `require_optical`; what `decode` raises for a png, jpg or bmp.
        OSError: the system refuses to show the file.
    """
    if _kind(path) == "image":
        header = _image_header(path, max_pixels)
        require_optical(header.bands, header.dtype)
        return _decoded(path, header)
    with opened(path) as dataset:
        _check(dataset.width, dataset.height, dataset.count, max_pixels)
        require_optical(dataset.count, _dtype(dataset, 1))
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
        raise UndecodableError("empty_file", "is empty")
    if start.startswith(_TIFF):
        return "tiff"
    if not start.startswith(_IMAGE):
        raise UndecodableError("undecodable", "is neither a GeoTIFF nor a png, jpg or bmp image")
    return "image"


def _check(width: int, height: int, bands: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        problem = f"declares {width}x{height} pixels, over the limit of {max_pixels}"
        raise UndecodableError("too_large", problem, remedy=f"raise --max-pixels to {width * height}")
    if bands > MAX_BANDS:
        raise UndecodableError("too_large", f"declares {bands} bands, over the limit of {MAX_BANDS}")


def _dtype(dataset: Any, band: int) -> str:
    """The type of a band's pixels. Half-precision floats are float32 to GDAL before 3.11, and float16 to our other reader."""
    name = str(dataset.dtypes[band - 1])
    is_half = name == "float32" and dataset.tags(band, ns="IMAGE_STRUCTURE").get("NBITS") == "16"
    return "float16" if is_half else name


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
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            start = file.read(32)
            with Image.open(file, formats=FORMATS) as image:
                check_depth(image, start)
                (width, height), bands = image.size, 1 if image.mode == "L" else 3
    except UndecodableError:
        raise
    except Image.DecompressionBombError as error:
        raise UndecodableError("too_large", f"has more pixels than can be safe ({error})") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error) as error:
        raise UndecodableError("undecodable", "is not a whole image") from error
    if width * height > MAX_PIXELS:  # whatever --max-pixels says
        problem = f"has {width}x{height} pixels, over the limit of {MAX_PIXELS} for png, jpg and bmp"
        raise UndecodableError("too_large", problem, remedy="store it as a GeoTIFF")
    _check(width, height, bands, max_pixels)
    return RasterHeader(width, height, bands, "uint8", ("",) * bands, None, "", None, None, None, IDENTITY)


def _decoded(path: Path, header: RasterHeader) -> NDArray[np.uint8]:
    return decode(path.read_bytes(), size=(header.width, header.height))


def _image_band(path: Path, band: int, max_pixels: int) -> Band:
    pixels = _decoded(path, _image_header(path, max_pixels))
    stack = pixels[..., None] if pixels.ndim == 2 else pixels
    _check_band(band, stack.shape[2])
    return _band(np.ascontiguousarray(stack[..., band - 1]), None)
