"""The size of an image file whose annotation gives none."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from sarlang_hf.imaging.decode import FORMATS, MAX_PIXELS, UndecodableError
from sarlang_hf.sources.files import reading


def size_in_header(path: Path) -> tuple[int, int]:
    """(width, height) from an image file's header, without decoding it.

    Raises:
        UndecodableError: empty, no jpg, png or bmp, or beyond `MAX_PIXELS`.
        SourceError: the file may not be read.
    """
    with reading(path), path.open("rb") as file:
        if not file.read(1):
            raise UndecodableError("empty_file", "is empty")
        file.seek(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_PIXELS decides instead
                width, height = Image.open(file, formats=FORMATS).size
        except Image.DecompressionBombError as error:
            raise UndecodableError("too_large", f"has more pixels than can be safe ({error})") from error
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error) as error:
            raise UndecodableError("undecodable", "is no image that can be read") from error
    if width * height > MAX_PIXELS:
        raise UndecodableError("too_large", f"has {width}x{height} pixels, over the limit of {MAX_PIXELS}")
    return width, height
