"""Decoding image files from outside: every byte is hostile until the pixels are there."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "BMP")
TURNED = range(2, 9)
"""EXIF orientations that viewers and `datasets.Image` act on; they ignore values that EXIF does not define."""
MAX_PIXELS = 1 << 27
"""Larger images are refused before they are decoded (134 million pixels; the largest scenes we read have 2 million)."""


class UndecodableError(ValueError):
    """A file that cannot become pixels; its text continues the name of the file (`is empty`).

    Attributes:
        reason: the code rejects are counted under.
        remedy: what helps, where that is something else than to mend or replace the file, such as an option: an imperative
            that can be continued (`raise --max-pixels to 400`). Empty otherwise.
    """

    def __init__(self, reason: str, problem: str, *, remedy: str = "") -> None:
        super().__init__(problem)
        self.reason = reason
        self.remedy = remedy


def decode(data: bytes, *, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Decodes a jpg, png or bmp file.

    Args:
        data: the file's bytes.
        size: the (width, height) that the annotation promises.

    Returns:
        (H, W) uint8, or (H, W, 3) uint8 for colour and palette images.

    Raises:
        UndecodableError: empty, truncated or no image; another size; more than 8 bits, or not 1 or 3 channels; beyond
            `MAX_PIXELS`; several frames; an EXIF orientation other than upright.
    """
    if not data:
        raise UndecodableError("empty_file", "is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_PIXELS decides instead
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            _check_header(image, size)
            check_depth(image, data)
            image.load()
            _check_orientation(image)
    except UndecodableError:
        raise
    except Image.DecompressionBombError as error:
        raise UndecodableError("too_large", f"has more pixels than can be safe ({error})") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error) as error:
        # Pillow reports damaged files with any of these. Damaged EXIF counts too: readers would stumble over it.
        raise UndecodableError("undecodable", f"is not a whole image ({error})") from error
    return np.asarray(image.convert("RGB") if image.mode == "P" else image)


def pixel_sha256(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of the decoded pixels in C order, so that re-encoding an image does not change its identity."""
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()


def check_depth(image: Image.Image, start: bytes) -> None:
    """Checks that an image has 8 bits a channel and one or three channels.

    Args:
        image: the image, opened.
        start: at least the first 25 bytes of its file.

    Raises:
        UndecodableError: `unsupported_mode`.
    """
    if image.mode not in {"L", "RGB", "P"}:
        problem = f"has pixel format {image.mode}; only 8-bit images of 1 or 3 channels are read"
        raise UndecodableError("unsupported_mode", problem)
    # Pillow cuts colour PNGs of 16 bits down to 8 without a word; byte 24 is the bit depth in a PNG's header.
    if image.format == "PNG" and start[24] > 8:
        raise UndecodableError("unsupported_mode", f"has {start[24]} bits per channel; only 8-bit images are read")


def _check_header(image: Image.Image, size: tuple[int, int]) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise UndecodableError("too_large", f"has {image.width}x{image.height} pixels, over the limit of {MAX_PIXELS}")
    if image.size != size:
        raise UndecodableError("size_mismatch", f"is {image.width}x{image.height} pixels, annotated as {size[0]}x{size[1]}")
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise UndecodableError("animated", f"holds {frames} frames, and readers differ in the one they show; store one image")


def _check_orientation(image: Image.Image) -> None:
    """Pixels are passed on as stored and boxes count stored pixels, so a turned view would put boxes in wrong places."""
    orientation = image.getexif().get(ExifTags.Base.Orientation)  # after loading: in a PNG it may stand behind the pixels
    if orientation in TURNED:
        problem = f"is to be shown turned (EXIF orientation {orientation}), but boxes count stored pixels; re-encode it upright"
        raise UndecodableError("exif_orientation", problem)
