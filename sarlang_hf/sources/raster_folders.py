"""The image files of a raster source's folders."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sarlang_hf.errors import SourceError
from sarlang_hf.sources.base import SIMULATION_MARKER
from sarlang_hf.sources.files import is_file, is_folder, reading

GEOTIFF = (".tif", ".tiff")
ANY_RASTER = (*GEOTIFF, ".png", ".jpg", ".jpeg")
_MARKER_BYTES = 1 << 16
"""More than the simulator ever writes; a longer file is not read further."""


def rasters_in(folder: Path, extensions: Sequence[str] = GEOTIFF) -> dict[str, Path]:
    """The rasters of a folder by stem (NFC), in the order of the stems; none if there is no such folder.

    Files with other extensions (`Thumbs.db`, `._x`, `x.tif.aux.xml`) are none of ours.

    Raises:
        SourceError: the folder cannot be read, two files have one stem, or a name cannot be part of an id.
    """
    if not is_folder(folder):
        return {}
    found: dict[str, Path] = {}
    with reading(folder):
        names = sorted(os.listdir(folder))  # noqa: PTH208 (names suffice)
    for name in names:
        stem, extension = os.path.splitext(name)  # noqa: PTH122 (a path of its own for each name is slow)
        if extension.lower() not in extensions or name.startswith("."):
            continue
        stem = unicodedata.normalize("NFC", stem)
        if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in stem):
            raise SourceError(f"file name {name!r} holds a control character or is no UTF-8", place=folder, remedy="rename it")
        if stem in found:
            problem = f"{found[stem].name!r} and {name!r} would be the same image"
            raise SourceError(problem, place=folder, remedy="remove or rename one of the two")
        found[stem] = folder / name
    return dict(sorted(found.items()))


def simulated_tree(root: Path, *, layout: str = "") -> Path | None:
    """The simulated tree that a folder is, or is a part of; None if its images are not simulated.

    The simulator's marker lies in it. That may be up to two levels above, since a part of a tree may be given; but a folder of
    real images may lie within a simulated tree, too. So a marker above counts only if it speaks of `layout`, the simulator's
    name for the source's own; without one, no marker above counts.
    """
    if is_file(root / SIMULATION_MARKER):
        return root
    above = root.parents[:2] if layout else ()
    return next((folder for folder in above if _layout(folder / SIMULATION_MARKER) == layout), None)


def _layout(marker: Path) -> Any:
    """The layout that a marker speaks of; None if it is none of the simulator's."""
    if not is_file(marker):
        return None
    with reading(marker), marker.open("rb") as file:
        start = file.read(_MARKER_BYTES)
    try:
        content = json.loads(start)
    except (ValueError, RecursionError):
        return None
    return content.get("layout") if isinstance(content, dict) else None
