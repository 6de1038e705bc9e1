"""`sarlang quicklook`: panels that show what preprocessing does to radar images."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from sarlang_hf.errors import SourceError, UsageError
from sarlang_hf.files import output_errors, replacing
from sarlang_hf.schema import BandOrigin, Radar, ZeroMeaning

if TYPE_CHECKING:
    from sarlang_hf.imaging.contrast import Stretch
    from sarlang_hf.imaging.polarization import PolOrder
    from sarlang_hf.imaging.quicklook import Quicklook
    from sarlang_hf.imaging.raster import Band

EXAMPLE = """\b
Examples:
  sarlang quicklook SN6_Train_AOI_11_Rotterdam_SAR-Intensity_*.tif --input-scale db+60 --zero nodata --out quicklooks
  sarlang quicklook scene.tif --input-scale db --pol-order VV,VH --polarization VH
  sarlang quicklook slc.tif --complex magnitude
"""


@dataclass(frozen=True, slots=True)
class ReadAs:
    """How the rasters named on the command line are to be read."""

    input_scale: str | None
    polarization: str
    order: PolOrder | None
    magnitude: bool
    zero: ZeroMeaning
    max_pixels: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """One raster's chosen band with what is known about it."""

    path: Path
    bands: int
    polarization: str
    dtype: str
    radar: Radar
    band: Band


@click.command(epilog=EXAMPLE)
@click.argument("tiles", nargs=-1, required=True, metavar="TILE...", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(), help="Folder for the panels, quicklook-NAME.png.  [default: here]"
)
@click.option("--input-scale", help="What pixels mean: intensity, amplitude, db or db+OFFSET.  [default for integers: amplitude]")
@click.option("--polarization", default="auto", show_default=True, help="HH, HV, VH, VV, or auto for the first band.")
@click.option("--pol-order", help="Polarizations of bands that the file does not name.  [default for four bands: HH,HV,VH,VV]")
@click.option(
    "--stretch",
    default="percentile",
    show_default=True,
    help="percentile[:LOW,HIGH], fixed_db:LOW,HIGH, or dataset[:LOW,HIGH]: percentiles over all the tiles named.",
)
@click.option("--complex", "complex_as", type=click.Choice(["magnitude"]), help="Read complex pixels as their magnitude.")
@click.option(
    "--zero",
    type=click.Choice(["nodata", "border", "data"]),
    default="border",
    show_default=True,
    help="Whether a 0 is nodata everywhere, only in areas that touch the border, or a value like any other.",
)
@click.option("--max-pixels", type=click.IntRange(min=1), help="Refuse rasters of more pixels.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
def quicklook(
    tiles: Sequence[Path],
    out: Path,
    input_scale: str | None,
    polarization: str,
    pol_order: str | None,
    stretch: str,
    complex_as: Literal["magnitude"] | None,
    zero: ZeroMeaning,
    max_pixels: int | None,
    as_json: bool,
) -> None:
    """Draw radar images before and after preprocessing, with histograms, looks and nodata, as PNG panels.

    TILE is a GeoTIFF of one or several bands, or an 8-bit png or jpg. The equivalent number of looks (ENL: mean squared over
    variance of the intensity) is the median over 16x16 blocks in the most homogeneous surroundings of the image.
    """
    from sarlang_hf.imaging.contrast import Stretch
    from sarlang_hf.imaging.polarization import parse_pol_order
    from sarlang_hf.imaging.quicklook import quicklook as look_at

    order = parse_pol_order(pol_order) if pol_order else None
    read_as = ReadAs(input_scale, polarization, order, complex_as == "magnitude", zero, max_pixels)
    how = Stretch.parse(stretch)
    limits = _shared_limits((_opened(path, read_as) for path in tiles), how) if how.kind == "dataset" else None
    reports = []
    for path, panel in zip(tiles, panel_paths(tiles, out), strict=True):
        opened = _opened(path, read_as)
        look = look_at(opened.band, opened.radar, how, limits=limits)
        _write_panel(panel, opened, look, how)
        reports.append(_report(panel, opened, look, how))
        if not as_json:
            click.echo(f"{panel}: " + "; ".join(f"{name} {value}" for name, value in _numbers(opened, look, how)))
    if as_json:
        click.echo(json.dumps(reports))


def panel_paths(tiles: Sequence[Path], out: Path) -> list[Path]:
    """Where the panel of each tile goes: `out`/quicklook-<stem>.png, numbered where a stem repeats.

    No two are the same on file systems that ignore case, and none is one of the tiles.
    """
    taken = {str(path.resolve()).casefold() for path in tiles}
    paths = []
    for tile in tiles:
        names = (
            f"quicklook-{tile.stem}{f'-{number}' if number > 1 else ''}.png" for number in range(1, len(tiles) + len(taken) + 2)
        )
        path = next(out / name for name in names if str((out / name).resolve()).casefold() not in taken)
        taken.add(str(path.resolve()).casefold())
        paths.append(path)
    return paths


def _opened(path: Path, read_as: ReadAs) -> Opened:
    from sarlang_hf.imaging.polarization import choose_band
    from sarlang_hf.imaging.raster import MAX_RASTER_PIXELS, read_band, read_header

    limit = read_as.max_pixels or MAX_RASTER_PIXELS
    with _reading(path):
        header = read_header(path, max_pixels=limit)
        choice = choose_band(header.descriptions, header.bands, polarization=read_as.polarization, order=read_as.order)
        band = read_band(path, choice.band, complex_magnitude=read_as.magnitude, max_pixels=limit)
    scale = _input_scale(path, header.dtype, read_as.input_scale)
    radar = Radar(choice.band, choice.origin, scale, read_as.zero)
    return Opened(path, header.bands, choice.polarization, header.dtype, radar, band)


def _input_scale(path: Path, dtype: str, asked: str | None) -> str:
    from sarlang_hf.imaging.scale import InputScale

    if asked is not None:
        asked = str(InputScale.parse(asked))
    if dtype.startswith("complex"):
        if asked not in {None, "amplitude"}:
            raise UsageError(
                f"'{asked}' is not what the magnitude of complex pixels is", place=path, remedy="leave out --input-scale"
            )
        return "amplitude"
    if asked is None and not dtype.startswith(("int", "uint")):
        remedy = "say what the pixels mean: --input-scale intensity, amplitude, db or db+OFFSET (SpaceNet6 tiles: db+60)"
        raise UsageError(f"holds {dtype} pixels without a known meaning", place=path, remedy=remedy)
    return asked or "amplitude"


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    from sarlang_hf.imaging.decode import UndecodableError

    try:
        yield
    except UndecodableError as error:
        remedy = f"{error.remedy or 'give a whole GeoTIFF of numbers, or an 8-bit png or jpg'}, or leave this tile out"
        raise SourceError(str(error), place=path, remedy=remedy) from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}", place=path, remedy="give the path of a file") from error


def _shared_limits(tiles: Iterable[Opened], stretch: Stretch) -> tuple[float, float] | None:
    """Percentiles over all tiles together, dB; None where none has a positive intensity."""
    import numpy as np

    from sarlang_hf.imaging.contrast import db_limits_from_histogram, histogram
    from sarlang_hf.imaging.preprocess import filtered_intensity

    counts = np.sum([histogram(filtered_intensity(tile.band, tile.radar)) for tile in tiles], axis=0)
    return db_limits_from_histogram(counts, (stretch.low, stretch.high)) if counts.any() else None


def _write_panel(target: Path, opened: Opened, look: Quicklook, stretch: Stretch) -> None:
    from sarlang_hf.imaging.quicklook_panel import Wording, draw_panel

    words = Wording(opened.path.name, _subtitle(opened), _numbers(opened, look, stretch))
    with output_errors(target), replacing(target) as temporary:
        draw_panel(look, words).save(temporary, "PNG")


_FOUND: dict[BandOrigin, str] = {
    "described": "named in the file",
    "order": "by band order",
    "only": "the only one",
    "first": "the first",
}


def _subtitle(opened: Opened) -> str:
    height, width = opened.band.values.shape
    chosen = f"{opened.polarization or 'polarization unknown'}, {_FOUND[opened.radar.band_origin]}"
    return f"{width} x {height} {opened.dtype}, band {opened.radar.band} of {opened.bands}: {chosen}"


def _numbers(opened: Opened, look: Quicklook, stretch: Stretch) -> list[tuple[str, str]]:
    looks, made = look.looks, look.made
    enl = "unknown: no large enough area"
    if looks is not None:
        enl = f"{looks.before:.3g} -> {looks.after:.3g} (x {looks.after / looks.before:.3g}), {looks.blocks} blocks"
    limits = "none" if made.low_db is None or made.high_db is None else f"{made.low_db:.2f} to {made.high_db:.2f} dB"
    return [
        ("ENL", enl),
        ("nodata", f"{made.nodata_share:.2%}"),
        ("limits", limits),
        ("stretch", str(stretch)),
        ("input scale", opened.radar.input_scale),
        ("zero", {"nodata": "nodata", "border": "nodata at the border", "data": "data"}[opened.radar.zero]),
    ]


def _report(panel: Path, opened: Opened, look: Quicklook, stretch: Stretch) -> dict[str, Any]:
    """One tile's line of `--json`; numbers that do not exist are null."""
    height, width = opened.band.values.shape
    return {
        "tile": str(opened.path),
        "panel": str(panel),
        "width": width,
        "height": height,
        "dtype": opened.dtype,
        "bands": opened.bands,
        "polarization": opened.polarization,
        **asdict(opened.radar),
        "stretch": str(stretch),
        "nodata_share": look.made.nodata_share,
        "low_db": look.made.low_db,
        "high_db": look.made.high_db,
        "enl": None if look.looks is None else asdict(look.looks),
    }
