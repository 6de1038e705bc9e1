"""From the folders and settings a user gives to opened sources: the same for the command line and the builder script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from sarlang_hf.errors import UsageError
from sarlang_hf.sources.archives import folder_of
from sarlang_hf.sources.base import Source, source_class
from sarlang_hf.sources.coco import Coco
from sarlang_hf.sources.dfc2023 import DFC2023
from sarlang_hf.sources.openearthmap_sar import OpenEarthMapSAR
from sarlang_hf.sources.paired import Paired
from sarlang_hf.sources.rasters import RasterSettings
from sarlang_hf.sources.released import Released
from sarlang_hf.sources.sardet100k import SARDet100K
from sarlang_hf.sources.spacenet6 import SpaceNet6

RASTER_SOURCES = ("spacenet6", "dfc2023", "openearthmap_sar", "paired")


@dataclass(frozen=True, slots=True)
class SourceFolders:
    """Where the sources lie and how to read them; each folder may also be a .zip or .tar.gz of it.

    Attributes:
        sardet, spacenet6, dfc2023, openearthmap_sar, released: folders, None where not given. With `released`, `sardet` only
            lends its images to the released texts.
        coco, paired: folders by name; the name of a single one may be empty.
        others: folders of sources that other packages register, by their registered name.
        class_map: our category for each class of the COCO sets.
        settings: how the radar rasters are read.
        by_source: settings of single sources (`RASTER_SOURCES`, or `paired/NAME`) that differ from `settings`.
        turn_south: whether SpaceNet6 tiles seen from the south are turned by 180 degrees.
    """

    sardet: Path | None = None
    spacenet6: Path | None = None
    dfc2023: Path | None = None
    openearthmap_sar: Path | None = None
    released: Path | None = None
    coco: Mapping[str, Path] = field(default_factory=dict)
    paired: Mapping[str, Path] = field(default_factory=dict)
    others: Mapping[str, Path] = field(default_factory=dict)
    class_map: Mapping[str, str] = field(default_factory=dict)
    settings: RasterSettings = field(default_factory=RasterSettings)
    by_source: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    turn_south: bool = False

    def of(self, source: str, label: str = "") -> RasterSettings:
        """The settings of a source; those of `paired/a` go before those of `paired`."""
        chosen = {**self.by_source.get(source, {}), **(self.by_source.get(f"{source}/{label}", {}) if label else {})}
        return replace(self.settings, **chosen)  # type: ignore[arg-type]  # str fields alone


def open_sources(folders: SourceFolders, *, progress: Callable[[str, int, int], None] | None = None) -> list[Source]:
    """Opens the given folders, unpacking archives into the cache first.

    Args:
        folders: the folders and settings.
        progress: told how far the unpacking of an archive has come: what is done, bytes so far, bytes in all.

    Raises:
        UsageError: no folder at all, settings of an unknown source or contradictory settings.
        SourceError: a folder has not the layout of its source, or an archive is not safe to unpack.
    """
    _check(folders)

    def root_of(path: Path) -> Path:
        return folder_of(path, progress=progress and partial(progress, f"unpacking {path.name}"))

    found: list[Source] = []
    if folders.released is not None:
        found.append(Released(root_of(folders.released), sardet=folders.sardet and root_of(folders.sardet)))
    elif folders.sardet is not None:
        found.append(SARDet100K(root_of(folders.sardet)))
    if folders.spacenet6 is not None:
        root = root_of(folders.spacenet6)
        found.append(SpaceNet6(root, settings=folders.of("spacenet6"), turn_south=folders.turn_south))
    if folders.dfc2023 is not None:
        found.append(DFC2023(root_of(folders.dfc2023), settings=folders.of("dfc2023")))
    if folders.openearthmap_sar is not None:
        found.append(OpenEarthMapSAR(root_of(folders.openearthmap_sar), settings=folders.of("openearthmap_sar")))
    found += [Coco(root_of(root), label=label, class_map=folders.class_map) for label, root in folders.coco.items()]
    found += [Paired(root_of(root), label=label, settings=folders.of("paired", label)) for label, root in folders.paired.items()]
    found += [source_class(name)(root_of(root)) for name, root in folders.others.items()]
    if not found:
        remedy = "give a folder, e.g. --sardet DIR, --paired DIR or --released DIR"
        raise UsageError("no source given", place="build", remedy=remedy)
    return found


def _check(folders: SourceFolders) -> None:
    known = [*RASTER_SOURCES, *(f"paired/{label}" for label in folders.paired if label)]
    for name in folders.by_source:
        if name not in known:
            remedy = f"settings can be given for {', '.join(known)}"
            raise UsageError(f"{name!r} is no source of radar rasters", place="raster settings", remedy=remedy)
    require_unturned_texts(turned=folders.turn_south, released=folders.released is not None)


def require_unturned_texts(*, turned: bool, released: bool) -> None:
    """Turned SpaceNet6 tiles and the released texts exclude each other, whoever puts the sources of a build together.

    Args:
        turned: whether SpaceNet6 tiles seen from the south are turned.
        released: whether the released files are among the sources.

    Raises:
        UsageError: both.
    """
    if turned and released:
        problem = "the texts released with SARLANG-1M speak of unturned images: their 'top left' would be wrong"
        raise UsageError(problem, place="turning SpaceNet6", remedy="leave out either --turn-south or --released")
