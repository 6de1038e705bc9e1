"""PNG files of our own writer, read back by Pillow, by `datasets` and chunk by chunk."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import datasets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from sarlang_hf.imaging.contrast import stretched
from sarlang_hf.imaging.png import encode
from sarlang_hf.imaging.speckle import refined_lee

side = st.integers(1, 40)
grey = arrays(np.uint8, st.tuples(side, side))
colour = arrays(np.uint8, st.tuples(side, side, st.just(3)))


def decoded(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)))


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kinds and contents of a PNG's chunks; every checksum must be right and nothing may be left over."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + content)
        found.append((kind, content))
        at += 12 + length
    return found


def despeckled(size: int = 256) -> NDArray[np.uint8]:
    """A filtered tile: single-look speckle over fields and texture, in decibels."""
    rng = np.random.default_rng(0)
    fields = np.kron(rng.normal(0, 0.7, (size // 32, size // 32)), np.ones((32, 32)))
    intensity = np.exp(fields + rng.normal(0, 0.2, (size, size))) * rng.gamma(1, 1, (size, size))
    return stretched(refined_lee(intensity.astype(np.float32)), low_db=-8, high_db=8)


def mask(size: int = 256) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 2, (size // 32, size // 32)) * 255
    return np.kron(blocks, np.ones((32, 32))).astype(np.uint8)


@given(grey | colour)
def test_pixels_come_back_exactly(image: NDArray[np.uint8]) -> None:
    assert np.array_equal(decoded(encode(image)), image)


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 50), (50, 1), (50, 1, 3), (512, 300), (300, 512, 3)])
def test_the_largest_differences_wrap_around(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).choice(np.array([0, 1, 254, 255], np.uint8), shape)
    assert np.array_equal(decoded(encode(image)), image)


@pytest.mark.parametrize(("shape", "colour_type", "mode"), [((5, 300), 0, "L"), ((300, 5, 3), 2, "RGB")])
def test_the_header_is_that_of_a_plain_8_bit_image(shape: tuple[int, ...], colour_type: int, mode: str) -> None:
    data = encode(np.zeros(shape, np.uint8))
    (kind, header), *rest = chunks(data)
    assert kind == b"IHDR"
    assert struct.unpack(">IIBBBBB", header) == (shape[1], shape[0], 8, colour_type, 0, 0, 0)
    assert [kind for kind, _ in rest] == [b"IDAT", b"IEND"]
    assert datasets.Image().decode_example({"bytes": data, "path": None}).mode == mode


def test_the_first_row_takes_sub_and_the_others_average() -> None:
    image = np.array([[10, 13, 13], [20, 40, 5]], np.uint8)
    rows = zlib.decompress(chunks(encode(image))[1][1])
    assert list(rows) == [1, 10, 3, 0, 3, 20 - 5, 40 - 16, (5 - 26) % 256]


def test_equal_pixels_give_equal_files_however_they_lie_in_memory() -> None:
    image = despeckled()
    fixed = image.copy()
    fixed.flags.writeable = False
    assert encode(image) == encode(fixed) == encode(np.asfortranarray(image)) == encode(np.repeat(image, 2, 1)[:, ::2])


def pillow_size(image: NDArray[np.uint8]) -> int:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return len(buffer.getvalue())


def test_filtered_tiles_are_no_larger_than_pillows() -> None:
    assert len(encode(despeckled())) <= pillow_size(despeckled())


def test_flat_images_stay_small() -> None:
    assert len(encode(np.zeros((512, 512), np.uint8))) < 2_000
    assert len(encode(mask())) < 2_000  # Huffman codes alone would take 8 kB: a bit per pixel
    wedge = np.where(np.tri(256, dtype=bool), 0, despeckled())
    assert len(encode(wedge)) <= pillow_size(wedge)


WITHOUT_ISAL = """
import sys
from pathlib import Path
import numpy as np
sys.modules["isal"] = None  # importing it now raises ImportError
from sarlang_hf.imaging.png import encode
for path in sorted(Path(sys.argv[1]).glob("*.npy")):
    path.with_suffix(".png").write_bytes(encode(np.load(path)))
"""


def test_the_standard_library_does_where_isal_is_not_installed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = {
        "grey": rng.integers(0, 256, (37, 53), np.uint8),
        "colour": rng.integers(0, 256, (21, 34, 3), np.uint8),
        "pixel": np.full((1, 1), 7, np.uint8),
        "despeckled": despeckled(),
        "mask": mask(),
    }
    for name, image in images.items():
        np.save(tmp_path / f"{name}.npy", image)
    subprocess.run([sys.executable, "-c", WITHOUT_ISAL, str(tmp_path)], check=True)
    files = {name: (tmp_path / f"{name}.png").read_bytes() for name in images}
    for name, image in images.items():
        assert np.array_equal(decoded(files[name]), image)
        assert zlib.decompress(chunks(files[name])[1][1]) == zlib.decompress(chunks(encode(image))[1][1])
    assert files["mask"] != encode(images["mask"])  # another compressor did the work
    assert len(files["despeckled"]) <= 1.01 * len(encode(images["despeckled"]))
    assert len(files["mask"]) < 4_000


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 5), np.uint8),
        np.zeros((5, 0), np.uint8),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((5, 5, 1), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((2, 5, 5, 3), np.uint8),
        np.zeros((5, 5), np.uint16),
        np.zeros((5, 5), np.int8),
        np.zeros((5, 5), bool),
        np.zeros((5, 5), np.float32),
    ],
    ids=lambda image: f"{image.shape}-{image.dtype}",
)
def test_what_is_no_8_bit_image_is_refused(image: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="a PNG is written from"):
        encode(image)
