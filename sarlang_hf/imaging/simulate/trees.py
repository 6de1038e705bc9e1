"""Simulated trees on disk: one writer for the layouts of all sources.

    OUT/...                the files of the layout: see the module of that name
    OUT/simulated.json     marker: what was asked for; makes every dataset built from the tree `simulated`

The pixels of an image depend on (layout, seed, split, index, size) alone. While a run is under way the marker is called
simulating.json; images get their final names only when complete, annotations and the marker come last. So a killed run is
taken up where it stopped, and the result does not tell.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from sarlang_hf.errors import OutputError, UsageError
from sarlang_hf.imaging.simulate.dfc2023 import DFC2023
from sarlang_hf.imaging.simulate.layout import Layout
from sarlang_hf.imaging.simulate.openearthmap_sar import OPENEARTHMAP_SAR
from sarlang_hf.imaging.simulate.released import RELEASED
from sarlang_hf.imaging.simulate.request import LayoutName, Request
from sarlang_hf.imaging.simulate.sardet import SARDET
from sarlang_hf.imaging.simulate.spacenet6 import SPACENET6

MARKER, UNFINISHED_MARKER = "simulated.json", "simulating.json"
_PART = ".part"
_LAYOUTS: dict[LayoutName, Layout] = {
    "sardet": SARDET,
    "spacenet6": SPACENET6,
    "dfc2023": DFC2023,
    "openearthmap-sar": OPENEARTHMAP_SAR,
    "released": RELEASED,
}


def write_tree(
    out: Path,
    *,
    layout: LayoutName,
    train: int,
    val: int,
    size: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write a simulated tree, or finish one that was interrupted or has lost files.

    Args:
        out: folder to write; new, empty, or an unfinished or finished tree with the same parameters.
        layout: whose tree.
        train, val: number of images in the two splits; what a source keeps for `val` says the module of its layout.
        size: width and height of the images in pixels, 64 to 2048.
        seed: not negative; the same parameters give the same bytes.
        progress: called with the number of images done, after each of them, kept ones included.

    Returns:
        How many images were drawn now; 0 for a tree that was complete.

    Raises:
        UsageError: the layout is unknown, a number is out of range, or the folder holds something else.
        OutputError: the folder cannot be written.
    """
    request = Request(layout=layout, train=train, val=val, size=size, seed=seed)
    request.check(out)
    try:
        _check_folder(out, request)
        form = _LAYOUTS[layout]
        return 0 if _is_complete(out, request, form) else _write(out, request, form, progress)
    except OSError as error:
        raise OutputError(
            f"cannot write: {error.strerror or error}",
            place=str(error.filename or out),
            remedy="choose a folder you may write to, on a disk with room, and run the command again: it continues",
        ) from error


def _check_folder(out: Path, request: Request) -> None:
    """Raise UsageError unless `out` is new, empty or a tree of the same request."""
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError("the output is a file, not a folder", place=out, remedy="name another folder")
    markers = [out / name for name in (MARKER, UNFINISHED_MARKER) if (out / name).is_file()]
    for path in markers:
        _check_same(path, request)
    # A run killed before it wrote its marker leaves nothing but the marker's part file.
    if not markers and any(path.name != UNFINISHED_MARKER + _PART for path in out.iterdir()):
        raise UsageError(
            "the folder is not empty and holds no simulated tree",
            place=out,
            remedy="name a new or an empty folder; nothing was changed",
        )


def _check_same(path: Path, request: Request) -> None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        remedy = "name another folder, or delete this one and run again"
        raise UsageError(f"not a marker of the simulator: {error}", place=path, remedy=remedy) from error
    held = found if isinstance(found, dict) else {}
    wanted = request.marker.items()
    different = [f"{key} {held.get(key)!r}, asked for {value!r}" for key, value in wanted if held.get(key) != value]
    if different:
        raise UsageError(
            f"the folder holds a tree with other parameters: {'; '.join(different)}",
            place=path,
            remedy="name another folder, or give the same parameters to finish this one",
        )


def _is_complete(out: Path, request: Request, layout: Layout) -> bool:
    if not (out / MARKER).is_file() or not all((out / name).is_file() for name in layout.tables(request)):
        return False
    return all(_is_drawn(out, layout.files(request, shot)) for shot in request.shots())


def _write(out: Path, request: Request, layout: Layout, progress: Callable[[int], None] | None) -> int:
    out.mkdir(parents=True, exist_ok=True)
    if (out / MARKER).is_file():  # files were lost after the tree was finished
        (out / MARKER).replace(out / UNFINISHED_MARKER)
    else:
        _write_whole(out / UNFINISHED_MARKER, [json.dumps(request.marker, indent=2), "\n"])
    for folder in layout.folders:
        (out / folder).mkdir(parents=True, exist_ok=True)
    drawn = _write_images(out, request, layout, progress)
    for name, pieces in layout.tables(request).items():
        _write_whole(out / name, pieces)
    (out / UNFINISHED_MARKER).replace(out / MARKER)
    return drawn


def _write_images(out: Path, request: Request, layout: Layout, progress: Callable[[int], None] | None) -> int:
    drawn = 0
    for done, shot in enumerate(request.shots(), start=1):
        names = layout.files(request, shot)
        if not _is_drawn(out, names):
            for name, content in zip(names, layout.draw(request, shot), strict=True):
                _save(content, out / name)
            drawn += 1
        if progress is not None:
            progress(done)
    return drawn


def _is_drawn(out: Path, names: Iterable[str]) -> bool:
    return all((out / name).is_file() for name in names)


def _save(content: bytes, path: Path) -> None:
    part = path.with_name(path.name + _PART)
    part.write_bytes(content)
    part.replace(path)


def _write_whole(path: Path, pieces: Iterable[str]) -> None:
    """Write a text file so that its name never stands for a part of it."""
    part = path.with_name(path.name + _PART)
    with part.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(pieces)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
