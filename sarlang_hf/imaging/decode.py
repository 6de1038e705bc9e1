"""Decoding image files from outside: every byte is hostile until the pixels are there."""

from __future__ import annotations

import hashlib
import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "BMP")
MAX_PIXELS = 1 << 27
"""Larger images are refused before they are decoded (134 million pixels; the largest scenes we read have 2 million)."""


class UndecodableError(ValueError):
    """An image file that cannot become 8-bit pixels; `reason` is the code rejects are counted under."""

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(problem)
        self.reason = reason


def decode(data: bytes, *, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Decodes a jpg, png or bmp file.

    Args:
        data: the file's bytes.
        size: the (width, height) that the annotation promises.

    Returns:
        (H, W) uint8, or (H, W, 3) uint8 for colour and palette images.

    Raises:
        UndecodableError: empty, truncated or no image; another size; more than 8 bits; beyond `MAX_PIXELS`.
    """
    if not data:
        raise UndecodableError("empty_file", "the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_PIXELS decides instead
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            _check_header(image, size)
            image.load()
    except UndecodableError:
        raise
    except Image.DecompressionBombError as error:
        raise UndecodableError("too_large", f"has more pixels than can be safe ({error})") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        # Pillow reports damaged files with any of these.
        raise UndecodableError("undecodable", f"not a whole image ({error})") from error
    return np.asarray(image.convert("RGB") if image.mode == "P" else image)


def pixel_sha256(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of the decoded pixels in C order, so that re-encoding an image does not change its identity."""
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()


def _check_header(image: Image.Image, size: tuple[int, int]) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise UndecodableError("too_large", f"{image.width}x{image.height} pixels are over the limit of {MAX_PIXELS}")
    if image.size != size:
        raise UndecodableError("size_mismatch", f"is {image.width}x{image.height} pixels, annotated as {size[0]}x{size[1]}")
    if image.mode not in {"L", "RGB", "P"}:
        raise UndecodableError(
            "unsupported_mode", f"has pixel format {image.mode}; only 8-bit images of 1 or 3 channels are read"
        )
