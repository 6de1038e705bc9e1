"""Image files from outside become pixels as stored, or are refused with the reason they are counted under."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from datasets import Image as ImageColumn
from PIL import ExifTags, Image

from sarlang_hf.imaging.decode import UndecodableError, decode

SIZE = (24, 16)
PIXELS = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0]), np.uint8)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encoded(Image.fromarray(PIXELS), kind, exif=exif)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def reason(data: bytes) -> str:
    with pytest.raises(UndecodableError) as caught:
        decode(data, size=SIZE)
    return caught.value.reason


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pixels_come_as_stored(kind: str, mode: str) -> None:
    image = Image.fromarray(PIXELS).convert(mode)
    assert np.array_equal(decode(encoded(image, kind), size=SIZE), np.asarray(image))


def test_a_palette_becomes_its_colours() -> None:
    image = Image.fromarray(PIXELS // 64, mode="P")
    image.putpalette([0, 0, 0, 250, 0, 0, 0, 250, 0, 0, 0, 250])
    found = decode(encoded(image, "PNG"), size=SIZE)
    assert np.array_equal(found, np.asarray([(0, 0, 0), (250, 0, 0), (0, 250, 0), (0, 0, 250)], np.uint8)[PIXELS // 64])


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_image_to_be_shown_turned_is_refused(kind: str, orientation: int) -> None:
    data = turned(kind, orientation)
    shown = ImageColumn().decode_example({"bytes": data, "path": None})
    assert not np.array_equal(np.asarray(shown), np.asarray(Image.open(io.BytesIO(data))))  # what the check is for
    with pytest.raises(UndecodableError, match=f"EXIF orientation {orientation}.*re-encode it upright") as caught:
        decode(data, size=SIZE)
    assert caught.value.reason == "exif_orientation"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [0, 1, 9])  # upright, and two values that mean nothing and turn nothing
def test_an_upright_image_with_exif_is_read(kind: str, orientation: int) -> None:
    data = turned(kind, orientation)
    shown = ImageColumn().decode_example({"bytes": data, "path": None})
    assert np.array_equal(decode(data, size=SIZE), np.asarray(shown))


def test_an_orientation_behind_the_pixels_is_seen() -> None:
    upright, end = encoded(Image.fromarray(PIXELS), "PNG"), chunk(b"IEND", b"")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    assert (
        reason(upright.removesuffix(end) + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + end) == "exif_orientation"
    )


def test_damaged_exif_is_refused() -> None:
    good = turned("PNG", 1)
    exif = good[good.index(b"eXIf") + 4 :][: struct.unpack(">I", good[good.index(b"eXIf") - 4 :][:4])[0]]
    assert reason(good.replace(chunk(b"eXIf", exif), chunk(b"eXIf", b"XX" + exif[2:]))) == "undecodable"


def test_an_animation_is_refused() -> None:
    frames = [Image.fromarray(PIXELS), Image.fromarray(255 - PIXELS)]
    assert reason(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])) == "animated"


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (Image.fromarray(PIXELS).convert("CMYK"), "JPEG"),
        (Image.fromarray(PIXELS.astype(np.uint16) * 257), "PNG"),
        (Image.fromarray(PIXELS).convert("1"), "PNG"),
        (Image.fromarray(PIXELS).convert("RGBA"), "PNG"),
        (Image.fromarray(PIXELS).convert("LA"), "PNG"),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else value,
)
def test_other_pixel_formats_are_refused(image: Image.Image, kind: str) -> None:
    assert reason(encoded(image, kind)) == "unsupported_mode"


def test_sixteen_bit_colour_is_refused() -> None:
    rows = b"".join(b"\0" + bytes(SIZE[0] * 6) for _ in range(SIZE[1]))
    header = struct.pack(">IIBBBBB", *SIZE, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert Image.open(io.BytesIO(data)).mode == "RGB"  # Pillow would cut it to 8 bits
    assert reason(data) == "unsupported_mode"


def test_another_size_than_annotated_is_refused() -> None:
    with pytest.raises(UndecodableError, match="is 24x16 pixels, annotated as 16x24") as caught:
        decode(encoded(Image.fromarray(PIXELS), "PNG"), size=(16, 24))
    assert caught.value.reason == "size_mismatch"


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about EXIF entries that it passes over
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_damage_raises_nothing_but_the_one_error(kind: str) -> None:
    rng = np.random.default_rng(0)
    whole = turned(kind, 1) if kind != "BMP" else encoded(Image.fromarray(PIXELS), kind)
    for _ in range(300):
        data = np.frombuffer(whole, np.uint8).copy()
        data[rng.integers(0, min(len(data), 120), 3)] = rng.integers(0, 256, 3)
        with suppress(UndecodableError):  # flipped and lost bytes may leave an image whole
            assert decode(data[: rng.integers(1, 2 * len(data))].tobytes(), size=SIZE).dtype == np.uint8
