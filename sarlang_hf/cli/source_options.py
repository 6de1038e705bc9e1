"""The options that say where the sources of a build lie and how their radar rasters are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sarlang_hf.errors import UsageError

if TYPE_CHECKING:
    from sarlang_hf.sources.opening import SourceFolders

F = TypeVar("F", bound=Callable[..., Any])

_FOLDER = click.Path(path_type=Path)
_PER_SOURCE = "[SOURCE=]"
_OPTIONS = (
    click.option("--sardet", type=_FOLDER, help="SARDet-100K: Annotations/ and JPEGImages/."),
    click.option("--spacenet6", type=_FOLDER, help="SpaceNet 6: train/AOI_11_Rotterdam/."),
    click.option("--dfc2023", type=_FOLDER, help="DFC2023: track1/ and track2/."),
    click.option("--openearthmap-sar", type=_FOLDER, help="OpenEarthMap-SAR: train/, val/ and test/."),
    click.option("--released", type=_FOLDER, help="The released SARLANG-1M files; --sardet then only lends its images."),
    click.option("--paired", multiple=True, metavar="[NAME=]DIR", help="SAR and RGB rasters in sar/ and rgb/, matched by name."),
    click.option("--coco", multiple=True, metavar="[NAME=]DIR", help="A COCO detection set; name a second one."),
    click.option("--source", "others", multiple=True, metavar="NAME=DIR", help="A source that an installed package registers."),
    click.option("--class-map", default="", metavar="NAME=CATEGORY,...", help="Categories of --coco classes; 'name=' drops one."),
    click.option("--polarization", multiple=True, metavar=f"{_PER_SOURCE}P", help="HH, HV, VH, VV or auto (the default)."),
    click.option("--pol-order", multiple=True, metavar=f"{_PER_SOURCE}P,P,...",
                 help="Polarizations of the bands of files that do not name them."),
    click.option("--input-scale", multiple=True, metavar=f"{_PER_SOURCE}SCALE",
                 help="What pixels mean: intensity, amplitude, db or db+OFFSET. Default: spacenet6 db+60, dfc2023 and "
                      "openearthmap_sar amplitude, paired none."),
    click.option("--complex", "complex_values", type=click.Choice(["refuse", "magnitude"]), default="refuse", show_default=True,
                 help="What to do with complex rasters."),
    click.option("--turn-south", is_flag=True, help="Turn SpaceNet6 tiles seen from the south by 180 degrees."),
    click.option("--keep-incomplete", is_flag=True, help="Keep raster tiles that have no optical twin."),
    click.option("--max-pixels", type=click.IntRange(min=1), help="Refuse rasters with more pixels; default 134 million."),
)  # fmt: skip


def source_options(command: F) -> F:
    """Decorator that adds the options; their values go to `source_folders`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def source_folders(options: dict[str, Any]) -> SourceFolders:
    """The `SourceFolders` of the options, which are taken out of `options`."""
    from sarlang_hf.imaging.raster import MAX_RASTER_PIXELS
    from sarlang_hf.sources.opening import SourceFolders
    from sarlang_hf.sources.rasters import RasterSettings

    taken = {name: options.pop(name) for name in _names()}
    defaults, by_source = _per_source(taken)
    return SourceFolders(
        sardet=taken["sardet"],
        spacenet6=taken["spacenet6"],
        dfc2023=taken["dfc2023"],
        openearthmap_sar=taken["openearthmap_sar"],
        released=taken["released"],
        coco=_named(taken["coco"], "--coco"),
        paired=_named(taken["paired"], "--paired"),
        others=_registered(taken["others"]),
        class_map=parse_class_map(taken["class_map"]),
        settings=RasterSettings(
            polarization=defaults.get("polarization", "auto"),
            pol_order=defaults.get("pol_order"),
            input_scale=defaults.get("input_scale"),
            complex_magnitude=taken["complex_values"] == "magnitude",
            max_pixels=taken["max_pixels"] or MAX_RASTER_PIXELS,
            keep_incomplete=taken["keep_incomplete"],
        ),
        by_source=by_source,
        turn_south=taken["turn_south"],
    )


def parse_class_map(text: str) -> dict[str, str]:
    """{'vessel': 'ship', 'buoy': ''} from 'vessel=ship,buoy='.

    Raises:
        UsageError: an entry has no `=`, or a class is mapped twice.
    """
    mapping: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, category = (part.strip() for part in entry.partition("="))
        if not (name and equals):
            raise UsageError(f"{entry!r} is not name=category", place="--class-map", remedy="write e.g. vessel=ship,buoy=")
        if name in mapping:
            raise UsageError(f"{name!r} is mapped twice", place="--class-map", remedy="map it once")
        mapping[name] = category.lower()
    return mapping


def _names() -> list[str]:
    """The parameter names that click derives from the options."""
    return [parameter.name or "" for parameter in source_options(click.Command("names")).params]


def _per_source(taken: dict[str, Any]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Settings for all sources, and those of single ones."""
    defaults: dict[str, str] = {}
    by_source: dict[str, dict[str, str]] = {}
    for name in ("polarization", "pol_order", "input_scale"):
        for value in taken[name]:
            source, equals, setting = value.rpartition("=")
            kind, slash, label = source.partition("/")
            chosen = by_source.setdefault(f"{kind.replace('-', '_')}{slash}{label}", {}) if equals else defaults
            if name in chosen:
                place = f"--{name.replace('_', '-')}"
                raise UsageError(f"{value!r} is a second value for the same sources", place=place, remedy="give it once")
            chosen[name] = setting
    return defaults, by_source


def _registered(values: Sequence[str]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for value in values:
        name, equals, folder = value.partition("=")
        if not (name and equals and folder):
            remedy = "write e.g. --source sardet100k=SARDet_100K"
            raise UsageError(f"{value!r} is not NAME=DIR", place="--source", remedy=remedy)
        if name in folders:
            raise UsageError(f"{name!r} is given twice", place="--source", remedy="give each registered source once")
        folders[name] = Path(folder)
    return folders


def _named(values: Sequence[str], option: str) -> dict[str, Path]:
    """Folders by name; what precedes the first '=' is the name, unless it is part of a path."""
    folders: dict[str, Path] = {}
    for value in values:
        label, equals, folder = value.partition("=")
        if not equals or "/" in label:
            label, folder = "", value
        if label in folders:
            problem = f"two folders are named {label!r}" if label else "two folders without a name"
            raise UsageError(problem, place=option, remedy=f"name the second one: {option} NAME=DIR")
        folders[label] = Path(folder)
    return folders
