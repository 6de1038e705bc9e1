"""What the sources of radar rasters share: their settings, and how one raster becomes one tile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sarlang_hf.errors import ImageFault, UsageError
from sarlang_hf.imaging.decode import UndecodableError
from sarlang_hf.imaging.polarization import (
    BandChoice,
    PolOrder,
    choose_band,
    parse_pol_order,
    parse_polarization,
)
from sarlang_hf.imaging.raster import MAX_RASTER_PIXELS, RasterHeader, read_header, require_dtype, require_optical
from sarlang_hf.imaging.scale import InputScale
from sarlang_hf.schema import Box, Polarization, Radar, SourceName, Tile, ZeroMeaning
from sarlang_hf.sources.twins import difference_of

_MAGNITUDE_SCALE = "amplitude"
_SKIP = "or leave such images out with --on-error skip"
_MEND = f"mend or restore the file, {_SKIP}"


@dataclass(frozen=True, slots=True)
class RasterSettings:
    """How the rasters of a source are read.

    Attributes:
        polarization: HH, HV, VH, VV, or `auto`: what the source prefers, else the first band.
        pol_order: polarizations of the bands of files that do not name them, `VV,VH`; None: as the source documents.
        input_scale: what a pixel means: `intensity`, `amplitude`, `db`, `db+60`; None: as the source documents.
        complex_magnitude: read complex values as their magnitude; otherwise they are refused.
        max_pixels: larger rasters are refused.
        keep_incomplete: keep tiles without an optical twin.

    Raises:
        UsageError: a value is none of these.
    """

    polarization: str = "auto"
    pol_order: str | None = None
    input_scale: str | None = None
    complex_magnitude: bool = False
    max_pixels: int = MAX_RASTER_PIXELS
    keep_incomplete: bool = False

    def __post_init__(self) -> None:
        parse_polarization(self.polarization)
        if self.pol_order is not None:
            parse_pol_order(self.pol_order)
        if self.input_scale is not None:
            InputScale.parse(self.input_scale)
        if self.max_pixels < 1:
            raise UsageError(f"{self.max_pixels} pixels leave no raster", place="--max-pixels", remedy="give 1 or more")

    @property
    def order(self) -> PolOrder | None:
        return None if self.pol_order is None else parse_pol_order(self.pol_order)


@dataclass(frozen=True, slots=True)
class RasterSet:
    """What the rasters of a source have in common.

    Attributes:
        source: name in the source column.
        root: the source folder.
        license: terms of the images.
        redistributable: whether those terms allow passing the images on.
        optical_license, optical_redistributable: the same of the optical twins.
        sensor: the radar.
        input_scale: what a pixel means unless the settings say otherwise.
        zero: what a pixel of 0 means.
        settings: how to read the rasters.
        preferred: the polarization that `auto` means; None for the first band.
        order: documented polarizations of the bands of files that do not name them; None where nothing is documented.
        one_band: whether the source documents one band: files with more are none of its radar images.
    """

    source: SourceName
    root: Path
    license: str
    redistributable: bool
    optical_license: str
    optical_redistributable: bool
    sensor: str
    input_scale: str
    zero: ZeroMeaning
    settings: RasterSettings
    preferred: Polarization | None = None
    order: PolOrder | None = None
    one_band: bool = False

    @property
    def scale(self) -> str:
        return str(InputScale.parse(self.settings.input_scale or self.input_scale))

    def parameters(self) -> dict[str, Any]:
        """The settings that decide the tiles, as the manifest records them."""
        settings = self.settings
        return {
            "polarization": settings.polarization,
            "pol_order": self._order_applied(),
            "pol_order_is_default": settings.pol_order is None,
            "input_scale": self.scale,
            "zero": self.zero,
            "complex": "magnitude" if settings.complex_magnitude else "refuse",
            "max_pixels": settings.max_pixels,
            "keep_incomplete": settings.keep_incomplete,
        }

    def _order_applied(self) -> str | None:
        """The order of the bands that do not name themselves.

        None where it cannot matter: files have one band. `default` where neither the user nor the source gives one, so that
        it depends on the number of bands (see `choose_band`).
        """
        order = self.settings.order or self.order
        if self.one_band and (order is None or len(order) > 1):
            return None
        return ",".join(order) if order else "default"

    def fault(
        self,
        stem: str,
        path: Path,
        reason: str,
        problem: str,
        *,
        place: str | None = None,
        remedy: str = _MEND,
        screened: bool = False,
    ) -> ImageFault:
        """What is wrong with the image `stem` because of the file `path`; `problem` continues the file's name."""
        return ImageFault(
            f"{_relative(path, self.root)} {problem}",
            place=place or path,
            remedy=remedy,
            reason=reason,
            image_id=f"{self.source}/{stem}",
            root=self.root,
            screened=screened,
        )

    def refusal(self, stem: str, path: Path, error: UndecodableError) -> ImageFault:
        """The fault of the image `stem` because the file `path` cannot be read as it is."""
        remedy = f"{error.remedy}, {_SKIP}" if error.remedy else _MEND
        return self.fault(stem, path, error.reason, str(error), remedy=remedy)


@dataclass(frozen=True, slots=True)
class RasterFiles:
    """One radar raster of a source, before it is opened.

    Attributes:
        stem: name within the source.
        path: the radar raster.
        optical: its twin, None if there is none.
        optical_sensor: what took the twin, empty where unknown.
        scene: the acquisition.
        place, country: where it lies.
        lat, lon: degrees, for rasters without georeference.
        turned: whether to turn it by 180 degrees.
    """

    stem: str
    path: Path
    optical: Path | None
    optical_sensor: str = ""
    scene: str = ""
    place: str = ""
    country: str = ""
    lat: float | None = None
    lon: float | None = None
    turned: bool = False


FoundBoxes = tuple[Sequence[Box], int]
"""Boxes of a tile and how many of them had to be clipped."""


def _no_boxes(_: RasterHeader) -> FoundBoxes:
    return (), 0


def tile_of(
    files: RasterFiles, found_in: RasterSet, *, boxes: Callable[[RasterHeader], FoundBoxes] = _no_boxes
) -> Tile | ImageFault:
    """The tile of one raster, or the fault that makes it unusable. Reads headers, no pixels.

    Args:
        files: the raster and its twin.
        found_in: what it shares with the other rasters of its source.
        boxes: finds the object boxes, given the raster's header; may raise an `ImageFault`.
    """
    try:
        header = _header(files.path, files.stem, found_in)
        choice, radar = _radar(header, files, found_in)
        _check_twin(header, files, found_in)
        objects, clipped = boxes(header)
    except ImageFault as fault:
        return fault
    return Tile(
        source=found_in.source,
        stem=files.stem,
        split=None,
        path=files.path,
        root=found_in.root,
        record=str(files.path),
        width=header.width,
        height=header.height,
        boxes=tuple(_turned(box, header) for box in objects) if files.turned else tuple(objects),
        clipped_boxes=clipped,
        boxes_complete=False,
        license=found_in.license,
        redistributable=found_in.redistributable,
        radar=radar,
        optical=files.optical,
        optical_license=found_in.optical_license if files.optical else "",
        optical_redistributable=found_in.optical_redistributable if files.optical else False,
        optical_sensor=files.optical_sensor if files.optical else "",
        turned=files.turned,
        scene=files.scene,
        place=files.place,
        country=files.country,
        lat=files.lat if header.lat is None else header.lat,
        lon=files.lon if header.lon is None else header.lon,
        polarization=choice.polarization,
        gsd_m=header.gsd_m,
        sensor=found_in.sensor,
    )


def _header(path: Path, stem: str, found_in: RasterSet) -> RasterHeader:
    try:
        return read_header(path, max_pixels=found_in.settings.max_pixels)
    except UndecodableError as error:
        raise found_in.refusal(stem, path, error) from error
    except FileNotFoundError as error:
        raise found_in.fault(stem, path, "missing_image", "is absent") from error
    except OSError as error:
        raise found_in.fault(stem, path, "unreadable", f"cannot be read: {error.strerror}") from error


def _radar(header: RasterHeader, files: RasterFiles, found_in: RasterSet) -> tuple[BandChoice, Radar]:
    """Which band to read, and how."""
    settings = found_in.settings
    try:
        _check_bands(header.bands, found_in)
        require_dtype(header.dtype, complex_magnitude=settings.complex_magnitude)
        choice = choose_band(
            header.descriptions,
            header.bands,
            polarization=settings.polarization,
            order=settings.order or found_in.order,
            preferred=found_in.preferred,
        )
    except UndecodableError as error:
        raise found_in.refusal(files.stem, files.path, error) from error
    if header.is_complex and settings.input_scale not in (None, _MAGNITUDE_SCALE):
        problem = f"holds complex values, whose magnitude is an amplitude, not {settings.input_scale}"
        raise found_in.fault(files.stem, files.path, "complex", problem, remedy="give --input-scale amplitude for this source")
    scale = _MAGNITUDE_SCALE if header.is_complex else found_in.scale
    return choice, Radar(band=choice.band, band_origin=choice.origin, input_scale=scale, zero=found_in.zero)


def _check_bands(bands: int, found_in: RasterSet) -> None:
    if found_in.one_band and bands != 1:
        remedy = "look whether the folders of radar and optical images are exchanged"
        problem = f"has {bands} bands; radar images of this source have one"
        raise UndecodableError("wrong_band_count", problem, remedy=remedy)


def _check_twin(header: RasterHeader, files: RasterFiles, found_in: RasterSet) -> None:
    if files.optical is None:
        if found_in.settings.keep_incomplete:
            return
        remedy = "keep such tiles with --keep-incomplete"
        raise found_in.fault(files.stem, files.path, "missing_twin", "has no optical twin", remedy=remedy, screened=True)
    twin = _header(files.optical, files.stem, found_in)
    try:
        require_optical(twin.bands, twin.dtype)
    except UndecodableError as error:
        raise found_in.refusal(files.stem, files.optical, error) from error
    if difference := difference_of(header, twin):
        raise found_in.fault(files.stem, files.optical, "twin_mismatch", f"does not fit its radar image: {difference}")


def _turned(box: Box, header: RasterHeader) -> Box:
    """The box after the image is turned by 180 degrees."""
    left, top = (round(gap, 6) for gap in (header.width - (box.x + box.width), header.height - (box.y + box.height)))
    return Box(left + 0.0, top + 0.0, box.width, box.height, box.category)


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
