"""Percentiles and stretch against numpy in double precision, and what becomes of pixels that have no logarithm."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from sarlang_hf.errors import UsageError
from sarlang_hf.imaging.contrast import (
    DEFAULT_STRETCH,
    Stretch,
    db_limits_from_histogram,
    db_percentiles,
    histogram,
    stretched,
)

BIN_DB = 10 * math.log10(1 + 2**-8)
any_float32 = arrays(np.uint32, st.tuples(st.integers(1, 9), st.integers(1, 9))).map(lambda bits: bits.view(np.float32))
radar = arrays(np.float32, (6, 7), elements=st.floats(2**-20, 2**20, width=32))
percents = st.lists(st.floats(0, 100), min_size=1, max_size=4)


def scene(shape: tuple[int, int] = (300, 310), seed: int = 0) -> NDArray[np.float32]:
    """Four-look speckle over a textured scene, linear intensity."""
    rng = np.random.default_rng(seed)
    texture = np.exp(rng.normal(-3, 0.7, shape))
    return (rng.gamma(4, 0.25, shape) * texture).astype(np.float32)


def valid(image: NDArray[np.float32]) -> NDArray[np.float64]:
    return image[np.isfinite(image) & (image > 0)].astype(np.float64)


def formula(image: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """The stretch as its docstring defines it, for positive values."""
    level = 1 + 254 * (10 * np.log10(image.astype(np.float64)) - low) / (high - low)
    return np.floor(np.clip(level, 1, 255) + 0.5).astype(np.uint8)


# --- the option -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "low", "high"),
    [
        ("percentile", "percentile", 2, 98),
        ("percentile:1,99", "percentile", 1, 99),
        ("percentile:0,100", "percentile", 0, 100),
        ("dataset", "dataset", 2, 98),
        ("dataset:0.5, 99.5", "dataset", 0.5, 99.5),
        ("fixed_db:-25,5", "fixed_db", -25, 5),
        ("fixed_db:100,200.25", "fixed_db", 100, 200.25),
    ],
)
def test_every_form_of_the_option_is_read(text: str, kind: str, low: float, high: float) -> None:
    found = Stretch.parse(text)
    assert (found.kind, found.low, found.high) == (kind, low, high)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no stretch"),
        ("linear", "is no stretch"),
        ("Percentile:2,98", "is no stretch"),
        ("fixed_db", "two numbers"),  # there are no limits that fit every sensor
        ("percentile:", "two numbers"),
        ("percentile:2", "two numbers"),
        ("percentile:1,2,3", "two numbers"),
        ("percentile:2%,98%", "two numbers"),
        ("fixed_db:-25;5", "two numbers"),
        ("percentile:98,2", "less than"),
        ("fixed_db:5,5", "less than"),
        ("percentile:-1,99", "between 0 and 100"),
        ("dataset:2,100.5", "between 0 and 100"),
        ("percentile:nan,98", "finite"),
        ("fixed_db:-inf,0", "finite"),
    ],
)
def test_anything_else_is_refused_with_the_forms_there_are(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        Stretch.parse(text)
    assert caught.value.place == "--stretch"
    assert repr(text) in caught.value.problem
    assert problem in caught.value.problem
    assert "fixed_db:-25,5" in caught.value.remedy


@given(
    st.sampled_from(["percentile", "dataset"]).flatmap(
        lambda kind: st.tuples(st.just(kind), st.lists(st.floats(0, 100), min_size=2, max_size=2, unique=True))
    )
    | st.tuples(st.just("fixed_db"), st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2, unique=True))
)
def test_the_text_of_a_stretch_reads_back_as_the_same(case: tuple[str, list[float]]) -> None:
    kind, limits = case
    stretch = Stretch(kind, *sorted(limits))  # type: ignore[arg-type]
    assert Stretch.parse(str(stretch)) == stretch


def test_whole_limits_are_written_without_a_fraction() -> None:
    assert str(DEFAULT_STRETCH) == "percentile:2,98"
    assert str(Stretch.parse("fixed_db:-25.50,5.0")) == "fixed_db:-25.5,5"


# --- percentiles ------------------------------------------------------------------------------------------------------------


def test_the_histogram_counts_what_has_a_logarithm() -> None:
    image = np.array([[np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0], [1.0, 1.001, 1.004, 2.0, 3.4e38, 1e-45]], np.float32)
    counts = histogram(image)
    # The exponent of 1.0 is 127 and of 2.0 is 128, with 256 bins each: 1.001 is in the first of them, 1.004 in the second.
    assert {int(k): int(counts[k]) for k in np.flatnonzero(counts)} == {
        0: 1,
        127 * 256: 2,
        127 * 256 + 1: 1,
        128 * 256: 1,
        254 * 256 + 255: 1,
    }


@given(any_float32, any_float32)
def test_histograms_of_two_images_add_up(first: NDArray[np.float32], second: NDArray[np.float32]) -> None:
    both = np.concatenate((first.ravel(), second.ravel()))[None]
    assert np.array_equal(histogram(first) + histogram(second), histogram(both))
    assert histogram(both).sum() == valid(both).size


@given(any_float32, percents)
def test_percentiles_are_those_of_the_decibels(image: NDArray[np.float32], percents: list[float]) -> None:
    if not valid(image).size:
        with pytest.raises(ValueError, match="no positive finite value"):
            db_percentiles(image, percents)
        return
    expected = np.percentile(10 * np.log10(valid(image)), percents)
    np.testing.assert_allclose(db_percentiles(image, percents), expected, rtol=0, atol=1e-9)


def test_percentiles_of_a_scene_with_nodata_and_equal_values() -> None:
    image = scene()
    image[:, :100] = np.nan
    image[200:] = np.float32(0.37)
    image[:20, 200:] = 0
    expected = np.percentile(10 * np.log10(valid(image)), [0, 0.1, 2, 50, 98, 100])
    np.testing.assert_allclose(db_percentiles(image, [0, 0.1, 2, 50, 98, 100]), expected, rtol=0, atol=1e-9)


@given(st.lists(radar, min_size=1, max_size=4), st.tuples(st.floats(0, 100), st.floats(0, 100)))
def test_limits_of_a_dataset_are_off_by_less_than_a_bin(images: list[NDArray[np.float32]], percents: tuple[float, float]) -> None:
    merged = np.sum([histogram(image) for image in images], axis=0)
    expected = np.percentile(10 * np.log10(valid(np.concatenate(images))), percents)
    assert np.abs(np.array(db_limits_from_histogram(merged, percents)) - expected).max() < BIN_DB


def test_limits_of_a_large_dataset_are_closer_than_that() -> None:
    images = [scene(seed=seed) for seed in range(3)]
    expected = np.percentile(10 * np.log10(valid(np.concatenate(images))), (2, 98))
    found = db_limits_from_histogram(np.sum([histogram(image) for image in images], axis=0), (2, 98))
    assert np.abs(np.array(found) - expected).max() < BIN_DB / 5


@pytest.mark.parametrize("percents", [(-0.1, 98), (2, 100.1), (2, math.nan)])
def test_percentiles_outside_0_to_100_are_refused(percents: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        db_percentiles(scene(), percents)
    with pytest.raises(ValueError, match="between 0 and 100"):
        db_limits_from_histogram(histogram(scene()), percents)


def test_what_is_no_histogram_is_refused() -> None:
    with pytest.raises(ValueError, match="no positive finite value"):
        db_limits_from_histogram(np.zeros(65536, np.int64), (2, 98))
    with pytest.raises(ValueError, match="has 65536 counts"):
        db_limits_from_histogram(np.ones(256, np.int64), (2, 98))


# --- the stretch ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("span", [0.01, 0.1, 1, 12, 40, 150])
@pytest.mark.parametrize("middle", [-120, -33.3, 0, 61.2])
def test_levels_are_those_of_the_formula(middle: float, span: float) -> None:
    decibels = middle + np.random.default_rng(0).normal(0, span / 2, (120, 130))
    image = (10 ** (decibels / 10)).astype(np.float32)
    low, high = middle - span / 2, middle + span / 2
    assert np.array_equal(stretched(image, low_db=low, high_db=high), formula(image, low, high))


@given(any_float32, st.floats(-100, 100), st.floats(0.01, 100))
def test_levels_of_any_values_are_those_of_the_formula(image: NDArray[np.float32], low: float, span: float) -> None:
    high = low + max(span, 0.0101)
    positive = np.where(np.isfinite(image) & (image > 0), image, np.float32(1))
    expected = np.where(np.isfinite(image), np.where(image > 0, formula(positive, low, high), 1), 0)
    # Only a value within rounding of the middle between two levels may fall to either side.
    assert np.abs(stretched(image, low_db=low, high_db=high).astype(int) - expected).max() <= 1


@given(radar, st.floats(-60, 60), st.floats(0, 60))
def test_brighter_pixels_are_never_darker(image: NDArray[np.float32], low: float, span: float) -> None:
    order = np.argsort(image.ravel())
    levels = stretched(image, low_db=low, high_db=low + span).ravel()[order].astype(int)
    assert (np.diff(levels) >= 0).all()
    assert levels.min() >= 1


def test_a_stretch_between_its_own_percentiles_cuts_off_two_percent_on_either_side() -> None:
    image = scene()
    low, high = db_percentiles(image, (2, 98))
    levels = stretched(image, low_db=low, high_db=high)
    decibels = 10 * np.log10(image.astype(np.float64))
    assert (decibels < low).mean() == pytest.approx(0.02, abs=1e-4)
    assert np.all(levels[decibels <= low] == 1)
    assert np.all(levels[decibels >= high] == 255)
    assert abs(int(np.median(levels)) - formula(np.array([np.median(image)]), low, high)[0]) <= 1


def test_pixels_without_a_logarithm() -> None:
    image = np.array([[np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, -3.0, 1e-45, 3.4e38]], np.float32)
    assert stretched(image, low_db=-10, high_db=10).tolist() == [[0, 0, 0, 0, 1, 1, 1, 1, 255]]


@pytest.mark.parametrize("value", [1e-30, 0.37, 1.0, 5e9])
def test_a_constant_tile_becomes_grey(value: float) -> None:
    rng = np.random.default_rng(0)
    image = (value * (1 + rng.uniform(-2e-7, 2e-7, (40, 40)))).astype(np.float32)  # as exact as the filter leaves it
    image[:5] = np.nan
    low, high = db_percentiles(image, (2, 98))
    levels = stretched(image, low_db=low, high_db=high)
    assert np.all(levels[:5] == 0)
    assert np.all(levels[5:] == 128)


def test_other_pixels_beside_an_almost_constant_tile_are_cut_off() -> None:
    image = np.full((20, 20), 0.5, np.float32)
    image[0, 0], image[0, 1] = 0.4, 0.6
    low, high = db_percentiles(image, (2, 98))
    assert low == high
    assert stretched(image, low_db=low, high_db=high)[0, :3].tolist() == [1, 255, 128]


def test_a_tile_of_nodata_stays_nodata() -> None:
    assert not stretched(np.full((7, 9), np.nan, np.float32), low_db=-25, high_db=5).any()


def test_limits_beyond_all_floats_are_harmless() -> None:
    image = np.array([[1e-38, 1, 3e38]], np.float32)
    assert stretched(image, low_db=-5000, high_db=5000).tolist() == formula(image, -5000, 5000).tolist()
    assert stretched(image, low_db=900, high_db=901).tolist() == [[1, 1, 1]]
    assert stretched(image, low_db=-901, high_db=-900).tolist() == [[255, 255, 255]]


@pytest.mark.parametrize(("low", "high"), [(1, 0), (math.nan, 1), (0, math.inf)])
def test_what_is_no_range_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="no range of decibels"):
        stretched(scene(), low_db=low, high_db=high)


@pytest.mark.parametrize("dtype", [np.float64, np.uint8, ">f4"])
def test_other_types_of_pixels_are_refused(dtype: object) -> None:
    image = np.ones((3, 3), dtype)  # type: ignore[call-overload]
    for call in (histogram, lambda x: db_percentiles(x, (2, 98)), lambda x: stretched(x, low_db=0, high_db=1)):
        with pytest.raises(ValueError, match="must be float32"):
            call(image)


def test_the_memory_layout_of_an_image_does_not_matter() -> None:
    image = scene()  # more pixels than are handled at a time
    whole = stretched(image, low_db=-20, high_db=0)
    fixed = image.copy()
    fixed.flags.writeable = False
    for view, expected in ((fixed, whole), (image.T, whole.T), (image[::3, 1::2], whole[::3, 1::2])):
        assert np.array_equal(stretched(view, low_db=-20, high_db=0), expected)
        assert np.array_equal(histogram(view), histogram(view.copy()))
    assert image.flags.writeable


LEVELS = """
import hashlib, numpy as np
from sarlang_hf.imaging.contrast import stretched
image = np.random.default_rng(0).gamma(4, 0.25, (300, 310)).astype(np.float32)
print(hashlib.sha256(np.log(image)).hexdigest(), hashlib.sha256(stretched(image, low_db=-9, high_db=4)).hexdigest())
"""


def test_levels_do_not_depend_on_the_processor() -> None:
    """Without the vector instructions that it chose here, numpy's logarithm differs; the levels must not."""
    chosen = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    runs = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", LEVELS],
            env={**os.environ, "NPY_DISABLE_CPU_FEATURES": disabled},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for disabled in ("", " ".join(chosen))
    ]
    assert runs[0][1] == runs[1][1]
    if "X86_V3" in chosen:
        assert runs[0][0] != runs[1][0]  # what the test is for
