"""The refined Lee filter, against its definition (`lee_oracle`), theory, and what independent implementations measured."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from lee_oracle import refined_lee_oracle
from numpy.typing import NDArray

from sarlang_hf.imaging.lee_kernels import STRIP, filter_complete
from sarlang_hf.imaging.speckle import directions, refined_lee

Image = NDArray[Any]


def gamma(looks: float, shape: tuple[int, int], seed: int = 0) -> Image:
    """Fully developed speckle of mean 1 and variance 1 / looks."""
    return np.random.default_rng(seed).gamma(looks, 1 / looks, shape)


def fields(shape: tuple[int, int] = (60, 90)) -> Image:
    """Reflectivity with straight borders in twelve directions, steps of 3 dB."""
    y, x = np.indices(shape) / max(shape)
    scene = np.ones(shape)
    for k in range(12):
        scene[(x - 0.4) * np.cos(k) + (y - 0.3) * np.sin(k) > 0.03 * (k - 6)] *= (0.5, 2.0)[k % 2]
    return scene


def bright_points() -> Image:
    """Ships on calm water: single pixels 10,000 times as bright as what surrounds them."""
    image = gamma(1, (60, 90), seed=3)
    image[np.random.default_rng(4).random(image.shape) < 0.01] *= 1e4
    return image


SCENES: dict[str, Image] = {
    "single look": fields() * gamma(1, (60, 90)),
    "four looks": fields() * gamma(4, (60, 90)),
    "amplitude": np.sqrt(fields() * gamma(1, (60, 90))),
    "bright points": bright_points(),
    "wider than a strip": gamma(1, (12, 2 * STRIP + 37)),
    "nearly constant": 1 + 1e-6 * gamma(1, (60, 90)),
    "large offset": 1e6 + 100 * gamma(1, (60, 90)),
    "tiny values": 1e-30 * fields() * gamma(1, (60, 90)),
    "huge values": 1e37 * fields() * gamma(1, (60, 90)) / 16,
    "negative values among positive ones": gamma(1, (60, 90)) - 0.5,
    "negative throughout": -gamma(1, (60, 90)),
    "many zeros": gamma(1, (60, 90)) * (gamma(1, (60, 90), seed=1) > 0.7),
}


@pytest.mark.parametrize("name", SCENES)
def test_scenes_agree_with_the_definition(name: str) -> None:
    image = SCENES[name].astype(np.float32)
    expected, sides = refined_lee_oracle(image)
    rounding = 1e-7 if name == "negative values among positive ones" else 0  # a mean may be zero there
    np.testing.assert_allclose(refined_lee(image), expected, rtol=2e-6, atol=rounding)
    np.testing.assert_array_equal(directions(image), sides)
    assert set(sides.ravel()) == set(range(-1, 8))


@pytest.mark.parametrize(("dtype", "scale"), [(np.uint8, 40), (np.uint16, 900), (np.int16, 900)])
def test_ties_of_integers_are_decided_as_by_the_definition(dtype: type, scale: int) -> None:
    image = np.clip(np.sqrt(fields() * gamma(1, (60, 90))) * scale, 0, 255 if dtype is np.uint8 else 32767).astype(dtype)
    expected, sides = refined_lee_oracle(image)
    np.testing.assert_array_equal(directions(image), sides)
    np.testing.assert_allclose(refined_lee(image), expected, rtol=2e-6)
    np.testing.assert_array_equal(refined_lee(image), refined_lee(image.astype(np.float32)))


def test_equal_gradients_take_the_first_and_equal_sides_the_second() -> None:
    flat = np.full((7, 7), 5, np.uint8)
    assert directions(flat)[3, 3] == 0  # W-E comes first, E is its second side
    ridge = flat.copy()
    ridge[2:5] = 9  # W = C = E, N = S: all four differences are zero
    assert directions(ridge)[3, 3] == 0
    slope = np.repeat(np.arange(7, dtype=np.uint8)[:, None], 7, axis=1)  # NE-SW, N-S and NW-SE are equal, W-E is zero
    assert directions(slope)[3, 3] == 5  # of NE and SW, equally far from the centre, SW
    slope[5:] -= 1
    assert directions(slope)[3, 3] == 5  # SW is nearer
    slope[:2] += 2
    assert directions(slope)[3, 3] == 1  # now NE is


# Effective number of looks after the filter / before, and the mean after / before: independent runs of five implementations
# on 700x700 homogeneous pixels.
@pytest.mark.parametrize(
    ("looks", "gain", "mean", "mean_tolerance"),
    [
        (1, 9.09, 0.9795, 0.03),
        (2, 7.93, 0.9899, 0.015),
        (4, 7.15, 0.9949, 0.01),
        (10, 6.71, 0.9978, 0.01),
        (20, 6.50, 0.9990, 0.01),
    ],
)
def test_homogeneous_speckle_gains_looks_and_keeps_its_mean(looks: int, gain: float, mean: float, mean_tolerance: float) -> None:
    image = gamma(looks, (700, 700), seed=looks)
    inner = refined_lee(image)[3:-3, 3:-3].astype(np.float64)
    raw = image[3:-3, 3:-3]
    assert (inner.mean() / inner.std()) ** 2 / (raw.mean() / raw.std()) ** 2 == pytest.approx(gain, rel=0.1)
    assert inner.mean() / raw.mean() == pytest.approx(1, abs=mean_tolerance)
    assert inner.mean() / raw.mean() == pytest.approx(mean, abs=0.004)


def test_ratio_image_of_a_homogeneous_area() -> None:
    image = gamma(1, (700, 700), seed=5)
    ratio = (image / refined_lee(image))[3:-3, 3:-3]
    centred = ratio - ratio.mean()
    assert ratio.mean() == pytest.approx(0.898, rel=0.05)
    assert ratio.var() == pytest.approx(0.43, rel=0.05)
    for lagged in (centred[1:] * centred[:-1], centred[:, 1:] * centred[:, :-1]):
        assert abs(lagged.mean() / ratio.var()) <= 0.1


@pytest.mark.parametrize(("looks", "width"), [(1, 3), (4, 1)])
def test_an_edge_of_10_db_stays_half_as_wide_as_under_a_box(looks: int, width: int) -> None:
    scene = np.where(np.arange(64) < 32, 1.0, 10.0) * gamma(looks, (2000, 64), seed=6)
    box = np.lib.stride_tricks.sliding_window_view(scene, (7, 7)).mean(axis=(2, 3))
    assert edge_width(box.mean(axis=0)) == 6
    assert edge_width(refined_lee(scene)[3:-3].mean(axis=0)) <= width


def edge_width(profile: Image) -> int:
    """Columns in which a rising profile lies between 10 and 90 % of its step."""
    low, high = profile[4:20].mean(), profile[-20:-4].mean()
    step = (profile - low) / (high - low)
    return int(((step > 0.1) & (step < 0.9)).sum())


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 3.3e-20, 7.7e30, 255, -2.5])
def test_a_constant_image_is_unchanged(value: float) -> None:
    image = np.full((20, 30), value, np.float32)
    np.testing.assert_array_equal(refined_lee(image), image)


@pytest.mark.parametrize("power", [-40, -1, 1, 3, 60])
def test_powers_of_two_scale_exactly(power: int) -> None:
    image = SCENES["single look"].astype(np.float32)
    image[20:30, 40:] = np.nan
    np.testing.assert_array_equal(refined_lee(image * np.float32(2.0**power)), refined_lee(image) * np.float32(2.0**power))


def test_other_factors_scale_to_rounding() -> None:
    image = SCENES["four looks"].astype(np.float32)
    np.testing.assert_allclose(refined_lee(image * np.float32(3.7)), refined_lee(image) * 3.7, rtol=5e-6)


@pytest.mark.parametrize("name", ["single look", "bright points"])
def test_flips_and_turns_commute_with_the_filter(name: str) -> None:
    image = SCENES[name].astype(np.float32)
    image[10:25, 60:63] = np.nan
    plain = refined_lee(image)
    for change in (np.flipud, np.fliplr, np.transpose, np.rot90, lambda x: np.rot90(x, 2), lambda x: np.rot90(x, 3)):
        np.testing.assert_allclose(refined_lee(change(image)), change(plain), rtol=5e-6)


def holes(name: str) -> Image:
    """Where there is data."""
    y, x = np.indices((60, 90))
    random = np.random.default_rng(7).random((60, 90))
    there: dict[str, Image] = {
        "slanted wedge": x > 0.4 * y + 10,
        "two wedges that meet": (x > y) | (x < y - 20),
        "lines": (y != 20) & (x != 50),
        "scattered pixels": random > 0.03,
        "half of the pixels": random > 0.5,
        "corners": (x + y > 5) & (x - y < 80) & (y - x < 50) & (x + y < 140),
        "frame": (y > 4) & (y < 50) & (x > 2) & (x < 88),
        "lonely pixels": (x % 9 == 4) & (y % 8 == 4),
        "thin strips": x % 5 < 2,
        "one column": x == 0,
        "nothing": x < 0,
    }
    return there[name]


HOLES = ["slanted wedge", "two wedges that meet", "lines", "scattered pixels", "half of the pixels", "corners", "frame"]
HOLES += ["lonely pixels", "thin strips", "one column", "nothing"]


@pytest.mark.parametrize("name", HOLES)
def test_around_nodata(name: str) -> None:
    image = np.where(holes(name), SCENES["single look"], np.nan).astype(np.float32)
    expected, _ = refined_lee_oracle(image)
    filtered = refined_lee(image)
    np.testing.assert_array_equal(np.isnan(filtered), np.isnan(image))
    np.testing.assert_allclose(filtered, expected, rtol=2e-6)


def test_a_pixel_without_neighbours_is_kept() -> None:
    image = np.where(holes("lonely pixels"), SCENES["single look"], np.nan).astype(np.float32)
    np.testing.assert_array_equal(refined_lee(image), image)


@pytest.mark.parametrize("garbage", [1e30, -1e30, np.inf, -np.inf, np.nan, 0.0])
@pytest.mark.parametrize("name", ["slanted wedge", "scattered pixels", "lines"])
def test_what_nodata_pixels_hold_changes_nothing(name: str, garbage: float) -> None:
    image, valid = SCENES["single look"].astype(np.float32), holes(name)
    expected = refined_lee(np.where(valid, image, np.float32(np.nan)))
    np.testing.assert_array_equal(refined_lee(np.where(valid, image, np.float32(garbage)), valid=valid), expected)


def test_pixels_far_from_nodata_do_not_notice_it() -> None:
    image = SCENES["single look"].astype(np.float32)
    holed = image.copy()
    holed[30, 40] = np.nan
    far = np.ones(image.shape, dtype=bool)
    far[27:34, 37:44] = False
    np.testing.assert_array_equal(refined_lee(holed)[far], refined_lee(image)[far])


def test_infinity_is_nodata() -> None:
    image = SCENES["single look"].astype(np.float32)
    image[5, 7], image[40, 60] = np.inf, -np.inf
    np.testing.assert_array_equal(refined_lee(image), refined_lee(np.where(np.isinf(image), np.float32(np.nan), image)))
    assert np.isnan(refined_lee(image)).sum() == 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 5), (6, 90), (60, 6), (7, 7), (7, 90), (8, 8)])
def test_small_images(shape: tuple[int, int]) -> None:
    image = SCENES["single look"][: shape[0], : shape[1]].astype(np.float32)
    expected, sides = refined_lee_oracle(image)
    np.testing.assert_allclose(refined_lee(image), expected, rtol=2e-6)
    np.testing.assert_array_equal(directions(image), sides)


@pytest.mark.parametrize("strip", [1, 37, 64, 100, 256])
def test_the_result_does_not_depend_on_the_strips(strip: int) -> None:
    image = gamma(1, (20, 1100)).astype(np.float32)
    whole, parts = np.zeros((2, *image.shape), dtype=np.float32)
    no_codes = np.empty((0, 0), dtype=np.int8)
    filter_complete(image, whole, no_codes, STRIP)
    filter_complete(image, parts, no_codes, strip)
    np.testing.assert_array_equal(parts, whole)


def test_a_part_of_the_image_gives_that_part_of_the_result() -> None:
    image = fields((200, 700)) * gamma(1, (200, 700))
    np.testing.assert_array_equal(refined_lee(image[31:97, 45:650])[3:-3, 3:-3], refined_lee(image)[34:94, 48:647])


def test_threads_do_not_disturb_each_other() -> None:
    images = [gamma(1, (150, 170), seed=seed).astype(np.float32) for seed in range(12)]
    for image in images[::2]:
        image[40:60] = np.nan
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(refined_lee, images))
    for image, filtered in zip(images, together, strict=True):
        np.testing.assert_array_equal(filtered, refined_lee(image))


def test_the_layout_of_the_array_does_not_matter() -> None:
    image = SCENES["single look"].astype(np.float32)
    expected, before = refined_lee(image), image.copy()
    read_only = image.copy()
    read_only.flags.writeable = False
    for same in (np.asfortranarray(image), image.astype(">f4"), np.repeat(image, 2, axis=1)[:, ::2], read_only):
        np.testing.assert_array_equal(refined_lee(same), expected)
    np.testing.assert_array_equal(image, before)
    assert expected.dtype == np.float32


def test_float64_is_rounded_to_float32_and_refused_beyond_it() -> None:
    image = SCENES["single look"].copy()
    np.testing.assert_array_equal(refined_lee(image), refined_lee(image.astype(np.float32)))
    image[2, 3] = 1e300
    with pytest.raises(ValueError, match=r"1e\+300 is beyond the range of float32"):
        refined_lee(image)
    valid = image < 1e300  # it may lie under nodata
    np.testing.assert_array_equal(refined_lee(image, valid=valid), refined_lee(np.where(valid, image, np.nan)))


@pytest.mark.parametrize(
    ("image", "valid", "error", "words"),
    [
        (np.ones((8, 8), complex), None, TypeError, "complex128"),
        (np.ones((8, 8), bool), None, TypeError, "bool"),
        (np.full((8, 8), "1"), None, TypeError, "<U1"),
        (np.ma.ones((8, 8)), None, TypeError, "masked"),
        (np.ones(8), None, ValueError, "(8,)"),
        (np.ones((2, 8, 8)), None, ValueError, "(2, 8, 8)"),
        (np.ones((0, 8)), None, ValueError, "(0, 8)"),
        (np.ones((8, 8)), np.ones((8, 9), bool), ValueError, "(8, 9)"),
        (np.ones((8, 8)), np.ones((8, 8), np.uint8), TypeError, "uint8"),
    ],
)
def test_what_is_no_radar_image_is_refused(image: Image, valid: Image | None, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        refined_lee(image, valid=valid)
    assert words in str(caught.value)


small_images = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: st.tuples(
        npst.arrays(np.float32, shape, elements=st.sampled_from([0.0, 1.0, 2.0, 3.0, 7.0, 50.0, 1e4])),
        npst.arrays(np.bool_, shape, elements=st.sampled_from([True] * 15 + [False])),
    )
)


@given(small_images)
@settings(max_examples=60)
def test_any_small_image_with_ties_and_holes(case: tuple[Image, Image]) -> None:
    image, valid = case
    expected, _ = refined_lee_oracle(image, valid)
    filtered = refined_lee(image, valid=valid)
    np.testing.assert_allclose(filtered, expected, rtol=2e-5)
    assert np.nanmin(filtered, initial=np.inf) >= np.min(image[valid], initial=np.inf)  # between a mean and a pixel
    assert np.nanmax(filtered, initial=-np.inf) <= np.max(image[valid], initial=-np.inf)


def test_a_real_tile_of_spacenet6(realdata: Path) -> None:
    import rasterio

    [path, *_] = sorted((realdata / "spacenet6_layout").rglob("*SAR-Intensity*.tif"))
    with rasterio.open(path) as raster:
        decibels = raster.read(1)
    valid = (decibels != 0) & np.isfinite(decibels)
    intensity = 10 ** (np.where(valid, decibels, 0) / 10)
    filtered = refined_lee(intensity, valid=valid)
    np.testing.assert_array_equal(np.isfinite(filtered), valid)
    rows = np.nonzero((~valid).any(axis=1) & valid.any(axis=1))[0]
    part = np.s_[rows[0] : rows[0] + 60]
    expected, _ = refined_lee_oracle(intensity[part].astype(np.float32), valid[part])
    np.testing.assert_allclose(filtered[part][3:-3], expected[3:-3], rtol=2e-5)
