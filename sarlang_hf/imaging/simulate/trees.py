"""A simulated source on disk, in the official tree of SARDet-100K.

    OUT/Annotations/{train,val}.json              COCO: images, annotations, categories (ids 0..5 in SARDet's order)
    OUT/JPEGImages/{train,val}/0000001.png ...    uint8, one channel; numbers are unique over both splits
    OUT/Optical/{train,val}/0000001.png ...       the optical twins, uint8 RGB
    OUT/simulated.json                            marker: what was asked for; makes every dataset built from it `simulated`

Each image depends on (seed, split, index) alone. While a run is under way the marker is called simulating.json; images
get their final names only when complete, annotations and the marker come last. So a killed run is taken up where it
stopped, and the result does not tell.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from sarlang_hf.errors import OutputError, UsageError
from sarlang_hf.imaging.simulate.annotations import coco_text
from sarlang_hf.imaging.simulate.render import render
from sarlang_hf.imaging.simulate.request import TREE_SPLITS, Request

MARKER, UNFINISHED_MARKER = "simulated.json", "simulating.json"
_PART = ".part"


def write_sardet_tree(
    out: Path, *, train: int, val: int, size: int, seed: int, progress: Callable[[int], None] | None = None
) -> int:
    """Write a simulated SARDet-100K tree, or finish one that was interrupted or has lost files.

    Args:
        out: folder to write; new, empty, or an unfinished or finished tree with the same parameters.
        train, val: number of images in the two splits.
        size: width and height of the images in pixels, 64 to 2048.
        seed: not negative; the same parameters give the same bytes.
        progress: called with the number of images done, after each of them, kept ones included.

    Returns:
        How many images were drawn now; 0 for a tree that was complete.

    Raises:
        UsageError: a number is out of range, or the folder holds something else.
        OutputError: the folder cannot be written.
    """
    request = Request(train=train, val=val, size=size, seed=seed)
    request.check(out)
    try:
        _check_folder(out, request)
        return 0 if _is_complete(out, request) else _write(out, request, progress)
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


def _is_complete(out: Path, request: Request) -> bool:
    if not (out / MARKER).is_file():
        return False
    tables = (out / "Annotations" / f"{split}.json" for split in TREE_SPLITS)
    pairs = (_pair(out, split, name) for split, _, name in request.files())
    return all(path.is_file() for path in tables) and all(a.is_file() and b.is_file() for a, b in pairs)


def _write(out: Path, request: Request, progress: Callable[[int], None] | None) -> int:
    out.mkdir(parents=True, exist_ok=True)
    if (out / MARKER).is_file():  # files were lost after the tree was finished
        (out / MARKER).replace(out / UNFINISHED_MARKER)
    else:
        _write_whole(out / UNFINISHED_MARKER, [json.dumps(request.marker, indent=2), "\n"])
    for folder in ("Annotations", *(f"{kind}/{split}" for kind in ("JPEGImages", "Optical") for split in TREE_SPLITS)):
        (out / folder).mkdir(parents=True, exist_ok=True)
    drawn = _write_images(out, request, progress)
    for split in TREE_SPLITS:
        _write_whole(out / "Annotations" / f"{split}.json", coco_text(request, split))
    (out / UNFINISHED_MARKER).replace(out / MARKER)
    return drawn


def _write_images(out: Path, request: Request, progress: Callable[[int], None] | None) -> int:
    drawn = 0
    for done, (split, index, name) in enumerate(request.files(), start=1):
        radar, optical = _pair(out, split, name)
        if not (radar.is_file() and optical.is_file()):
            scene, pixels = request.plan(split, index)
            rendered = render(scene, pixels)
            _save(rendered.sar, radar)
            _save(rendered.optical, optical)
            drawn += 1
        if progress is not None:
            progress(done)
    return drawn


def _pair(out: Path, split: str, name: str) -> tuple[Path, Path]:
    return out / "JPEGImages" / split / name, out / "Optical" / split / name


def _save(image: npt.NDArray[np.uint8], path: Path) -> None:
    part = path.with_name(path.name + _PART)
    Image.fromarray(image).save(part, format="PNG", compress_level=1)
    part.replace(path)


def _write_whole(path: Path, pieces: Iterable[str]) -> None:
    """Write a text file so that its name never stands for a part of it."""
    part = path.with_name(path.name + _PART)
    with part.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(pieces)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
