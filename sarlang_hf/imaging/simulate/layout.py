"""What a source's layout has to say so that a tree can be written in it: which files, and what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sarlang_hf.imaging.simulate.request import Request, Shot


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of one source. All names are relative to the tree, with slashes.

    Attributes:
        folders: every folder of the tree that holds files, those of an empty split too.
        files: names of one image's files.
        draw: content of these files, in the same order; a function of the request and the image alone.
        tables: text files about all images by name, in pieces, written after the images. The iterators do no work
            until they are asked for the first piece.
    """

    folders: tuple[str, ...]
    files: Callable[[Request, Shot], tuple[str, ...]]
    draw: Callable[[Request, Shot], Iterable[bytes]]
    tables: Callable[[Request], dict[str, Iterator[str]]]
