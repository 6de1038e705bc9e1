"""The images of one tile as they are stored: preprocessed, and on request raw and optical."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.errors import ImageFault
from sarlang_hf.imaging.contrast import DEFAULT_STRETCH, Stretch
from sarlang_hf.imaging.decode import MAX_PIXELS, UndecodableError, decode, pixel_sha256
from sarlang_hf.schema import Radar, Tile

if TYPE_CHECKING:
    from sarlang_hf.imaging.raster import Band

MAX_NODATA = 0.95
"""Share of nodata above which a tile is left out. The paper left out 'images with incomplete information' and gives no
number; 0.95 keeps every tile on which something can be recognised."""

FILTER = "refined_lee_7x7"
_STEPS: dict[str, Any] = {"band": None, "input_scale": None, "filter": None, "low": None, "high": None, "nodata_share": None}
UNPROCESSED = json.dumps(_STEPS)
"""The `preprocessing` column of images that are passed on byte for byte."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PixelOptions:
    """What decides the stored pixels, apart from the tile.

    Attributes:
        stretch: how the limits of the contrast stretch are found.
        limits: for stretch `dataset`: (low, high) in dB by source.
        max_nodata: share of nodata above which a tile is left out.
        with_raw, with_rgb: whether to make the `raw` and the `rgb` image.
    """

    stretch: Stretch = DEFAULT_STRETCH
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    max_nodata: float = MAX_NODATA
    with_raw: bool = False
    with_rgb: bool = False


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image file with what its row says about it; `sha256` is of the decoded pixels, `preprocessing` is JSON."""

    data: bytes
    name: str
    width: int
    height: int
    sha256: str
    preprocessing: str


@dataclass(frozen=True, slots=True)
class TileImages:
    """The images of one tile; `raw` and `rgb` are None where they were not asked for or do not exist."""

    image: StoredImage
    raw: StoredImage | None
    rgb: StoredImage | None


def read_images(tile: Tile, options: PixelOptions) -> TileImages:
    """Reads, checks and processes a tile's files.

    Raises:
        ImageFault: a file is absent, empty, truncated, too large, or not what the annotation says; or, screened, the tile is
            almost all nodata.
    """
    rgb = _twin(tile) if options.with_rgb else None
    if tile.radar is None:
        return TileImages(_passed_on(tile), None, rgb)
    if tile.original is None:
        band = radar_band(tile, tile.radar)
        image = _preprocessed(tile, band, tile.radar, options)
        return TileImages(image, _raw(tile, band, tile.radar) if options.with_raw else None, rgb)
    raw = _raw(tile, radar_band(tile, tile.radar), tile.radar) if options.with_raw else None
    return TileImages(_passed_on(tile), raw, rgb)


def radar_band(tile: Tile, radar: Radar) -> Band:
    """The radar raster of a tile, before anything is done to it.

    Raises:
        ImageFault: the file is not, or no longer, what its source saw.
    """
    from sarlang_hf.imaging.raster import read_band

    path = tile.original or tile.path
    with _reading(tile, path):
        # Whether complex values are welcome was decided when the source read the header.
        band = read_band(path, radar.band, complex_magnitude=True, max_pixels=_limit(tile))
        if band.values.shape != (tile.height, tile.width):
            height, width = band.values.shape
            raise UndecodableError("size_mismatch", f"is {width}x{height} pixels, not {tile.width}x{tile.height}")
    return band


def _passed_on(tile: Tile) -> StoredImage:
    with _reading(tile, tile.path):
        data = tile.path.read_bytes()
        pixels = decode(data, size=(tile.width, tile.height))
    return StoredImage(data, tile.path.name, tile.width, tile.height, pixel_sha256(pixels), UNPROCESSED)


def _preprocessed(tile: Tile, band: Band, radar: Radar, options: PixelOptions) -> StoredImage:
    from sarlang_hf.imaging.preprocess import filtered_intensity, stretched_tile

    filtered = filtered_intensity(band, radar)
    nodata_share = int(np.count_nonzero(np.isnan(filtered))) / filtered.size  # a fifth of the mean's time
    if nodata_share > options.max_nodata:  # before the stretch, for which such a source may have no limits
        problem = f"image {_name(tile, tile.path)} is {nodata_share:.1%} nodata"
        raise _fault(tile, "mostly_nodata", problem, "raise --max-nodata to keep such tiles", screened=True)
    made = stretched_tile(filtered, options.stretch, limits=options.limits.get(tile.source))
    stretched = {"filter": FILTER, "low": made.low_db, "high": made.high_db, "nodata_share": made.nodata_share}
    return _encoded(tile, tile.path, made.pixels, {**_STEPS, **_read_as(radar), **stretched})


def _raw(tile: Tile, band: Band, radar: Radar) -> StoredImage:
    from sarlang_hf.imaging.preprocess import nodata_share, raw_pixels

    steps = {**_STEPS, **_read_as(radar), "nodata_share": nodata_share(band, radar)}
    return _encoded(tile, tile.original or tile.path, raw_pixels(band, radar), steps)


def _twin(tile: Tile) -> StoredImage | None:
    if tile.optical is None:
        return None
    from sarlang_hf.imaging.raster import read_rgb

    with _reading(tile, tile.optical):
        pixels = read_rgb(tile.optical, max_pixels=_limit(tile))
    return _encoded(tile, tile.optical, pixels, _STEPS)


def _limit(tile: Tile) -> int:
    """Pixels that a file of the tile may have: a source that let a larger tile through was told to."""
    return max(MAX_PIXELS, tile.width * tile.height)


def _read_as(radar: Radar) -> dict[str, Any]:
    return {"band": radar.band, "band_origin": radar.band_origin, "input_scale": radar.input_scale}


def _encoded(tile: Tile, path: Path, pixels: Pixels, steps: Mapping[str, Any]) -> StoredImage:
    from sarlang_hf.imaging import png

    if tile.turned:
        pixels = np.ascontiguousarray(pixels[::-1, ::-1])
    height, width = pixels.shape[:2]
    note = json.dumps({**steps, "turned": True} if tile.turned else dict(steps))
    return StoredImage(png.encode(pixels), f"{path.stem}.png", width, height, pixel_sha256(pixels), note)


@contextmanager
def _reading(tile: Tile, path: Path) -> Iterator[None]:
    """Turns what is wrong with a file of a tile into an `ImageFault`."""
    remedy = "restore the file, or leave such images out with --on-error skip"
    try:
        yield
    except UndecodableError as error:
        named = f"{error.remedy}, or leave such images out with --on-error skip" if error.remedy else remedy
        raise _fault(tile, error.reason, f"image {_name(tile, path)} {error}", named) from error
    except OSError as error:
        raise _fault(tile, "unreadable", f"image {_name(tile, path)} cannot be read: {error.strerror}", remedy) from error


def _fault(tile: Tile, reason: str, problem: str, remedy: str, *, screened: bool = False) -> ImageFault:
    return ImageFault(
        problem,
        place=tile.record,
        remedy=remedy,
        reason=reason,
        image_id=tile.image_id,
        root=tile.root,
        screened=screened,
        texts=len(tile.captions) + len(tile.questions),
    )


def _name(tile: Tile, path: Path) -> str:
    """The image file as its source folder knows it."""
    return path.relative_to(tile.root).as_posix() if path.is_relative_to(tile.root) else path.name
