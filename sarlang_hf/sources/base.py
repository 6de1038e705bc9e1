"""The `Source` protocol, its registry, and what all sources check alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from sarlang_hf.errors import ImageFault, UsageError
from sarlang_hf.schema import Box, Tile

SIMULATION_MARKER = "simulated.json"
"""File that the simulator leaves in a source folder; it forces the dataset kind `simulated`."""

CLIP_TOLERANCE = 1.0
"""A box may stick out of its image by this many pixels and is then clipped; more is a fault."""


@runtime_checkable
class Source(Protocol):
    """A folder of SAR images with annotations.

    Attributes:
        name: its name in ids and columns: `sardet100k`, or `coco/ssdd` for a named second input of one kind.
        simulated: whether the images come from our simulator.
        terms: what it is and under which terms it comes, in a sentence for the dataset card.
    """

    name: str
    simulated: bool
    terms: str

    def inputs(self) -> dict[str, Path]:
        """What tells one such source from another, by name within the source; the manifest records it.

        Files count by their content: the annotations, which decide the texts. A folder counts by the names, sizes
        and some bytes of all files in it: enough to notice other images without reading them whole.
        """
        ...

    def parameters(self) -> dict[str, Any]:
        """The settings, apart from the folder, that decide what the source yields; JSON values, kept in the manifest."""
        ...

    def tiles(self) -> Iterator[Tile | ImageFault]:
        """Streams the tiles in any order; an image whose annotation is unusable comes as an `ImageFault`.

        Memory must not grow with the number of images. Pixels are not read here.

        A fault's `problem` names files relative to the source folder: it is filed in the dataset.

        Raises:
            SourceError: the source as a whole cannot be read; never another exception for what is wrong with the source.
        """
        ...


PLUGINS = "sarlang_hf.sources"
"""Entry-point group in which an installed package names the modules that register its sources."""

S = TypeVar("S", bound=type[Source])
_REGISTRY: dict[str, type[Source]] = {}


def register(name: str) -> Callable[[S], S]:
    """Class decorator that makes a source known under `name`."""

    def add(cls: S) -> S:
        if name in _REGISTRY and _REGISTRY[name] is not cls:
            raise UsageError(f"a source named {name!r} is registered already", place=cls.__module__, remedy="choose another name")
        _REGISTRY[name] = cls
        return cls

    return add


def registered() -> list[str]:
    """Names of all known sources, alphabetically; installed packages add theirs by entry points of group `sarlang_hf.sources`."""
    _import_plugins()
    return sorted(_REGISTRY)


def source_class(name: str) -> Callable[[Path], Source]:
    """The source class registered under `name`; it takes the source folder.

    Raises:
        UsageError: there is none, or a package that offers sources cannot be imported.
    """
    _import_plugins()
    if name not in _REGISTRY:
        raise UsageError(f"unknown source {name!r}", place="sources", remedy=f"use one of {', '.join(registered())}")
    return _REGISTRY[name]


@cache
def _import_plugins() -> None:
    for plugin in entry_points(group=PLUGINS):
        try:
            plugin.load()
        except Exception as error:
            remedy = "mend or uninstall the package that offers it"
            raise UsageError(f"cannot be imported: {error!r}", place=f"source plugin {plugin.value}", remedy=remedy) from error


def fit_box(bbox: tuple[float, float, float, float], category: str, width: int, height: int) -> tuple[Box, bool] | str:
    """Checks one box against its image.

    Args:
        bbox: (x, y, width, height) in pixels.
        category: the object's category.
        width, height: the image's size in pixels.

    Returns:
        The box and whether it had to be clipped, or what is wrong with it.
    """
    x, y, w, h = bbox
    if not (w > 0 and h > 0):
        return f"box {list(bbox)} has no area"
    slack = CLIP_TOLERANCE
    inside = x >= -slack and y >= -slack and x + w <= width + slack and y + h <= height + slack
    if not inside:  # put this way round so that NaN is outside
        return f"box {list(bbox)} lies outside the {width}x{height} image"
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, float(width)), min(y + h, float(height))
    if (left, top, right, bottom) == (x, y, x + w, y + h):
        return Box(x, y, w, h, category), False
    if right <= left or bottom <= top:
        return f"box {list(bbox)} lies outside the {width}x{height} image"
    return Box(left, top, right - left, bottom - top, category), True
