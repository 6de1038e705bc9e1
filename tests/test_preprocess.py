"""The preprocessing chain: what pixels mean, which of them are data, and what comes out of filter, logarithm and stretch."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sarlang_hf.errors import UsageError
from sarlang_hf.imaging.contrast import DEFAULT_STRETCH, Stretch
from sarlang_hf.imaging.nodata import SMALLEST_BORDER_AREA, valid_mask
from sarlang_hf.imaging.preprocess import Preprocessed, filtered_intensity, raw_pixels, stretched_tile
from sarlang_hf.imaging.raster import Band, read_band
from sarlang_hf.imaging.scale import InputScale, to_intensity
from sarlang_hf.imaging.speckle import refined_lee
from sarlang_hf.schema import Radar, ZeroMeaning

SIZE = 96


def radar(input_scale: str, zero: ZeroMeaning = "data") -> Radar:
    return Radar(band=1, band_origin="only", input_scale=input_scale, zero=zero)


def band(values: NDArray[Any], valid: NDArray[np.bool_] | None = None) -> Band:
    return Band(values, np.isfinite(values) if valid is None else valid)


def scene(*, looks: int = 3, seed: int = 0) -> NDArray[np.float64]:
    """Intensity (96, 96) of four fields 3 dB to 20 dB apart, under speckle."""
    ground = np.kron(np.array([[1.0, 0.5], [4.0, 0.01]]), np.ones((SIZE // 2, SIZE // 2)))
    return ground * np.random.default_rng(seed).gamma(looks, 1 / looks, (SIZE, SIZE))


def wedge() -> NDArray[np.bool_]:
    """A slanted nodata wedge of about a third of the scene, as beside a flight strip."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return np.array(2 * rows + columns < 0.85 * SIZE)


def preprocess(pixels: Band, how: Radar, stretch: Stretch, *, limits: tuple[float, float] | None = None) -> Preprocessed:
    """The whole chain."""
    return stretched_tile(filtered_intensity(pixels, how), stretch, limits=limits)


@pytest.mark.parametrize(
    ("text", "kind", "offset"),
    [
        ("intensity", "intensity", 0),
        ("amplitude", "amplitude", 0),
        ("db", "db", 0),
        ("db+60", "db", 60),
        ("db-3.5", "db", -3.5),
        ("db+0.000001", "db", 1e-6),
    ],
)
def test_input_scales(text: str, kind: str, offset: float) -> None:
    scale = InputScale.parse(text)
    assert (scale.kind, scale.offset) == (kind, offset)
    assert str(scale) == text


@given(st.integers(-999_999_999, 999_999_999))
def test_an_input_scale_reads_back_what_it_prints(millionths: int) -> None:
    scale = InputScale("db", millionths / 1e6)
    assert InputScale.parse(str(scale)) == scale


@pytest.mark.parametrize(("text", "meaning"), [("db+0", "db"), ("db-0.0", "db"), ("db+60.50", "db+60.5")])
def test_one_offset_has_one_spelling(text: str, meaning: str) -> None:
    assert str(InputScale.parse(text)) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dB",  # one spelling, so that manifests can be compared
        "decibel",
        "db60",  # no sign: plus or minus?
        "db+",
        "db+-3",
        "db+6e1",
        "db+nan",
        "db+1000",  # beyond the range of float32
        "db +60",
        "amplitude+3",  # an offset makes sense for decibels only
        "intensity\n",
        "db+\u0666\u0660",  # digits of another script
    ],
)
def test_no_input_scales(text: str) -> None:
    with pytest.raises(UsageError, match="is not an input scale") as caught:
        InputScale.parse(text)
    assert "db+60" in caught.value.remedy


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_linear_values_become_intensity(dtype: type) -> None:
    values: NDArray[Any] = np.array([[0, 1, 3, 100, 127]], dtype=dtype)
    assert to_intensity(values, InputScale("intensity")).tolist() == [[0, 1, 3, 100, 127]]
    assert to_intensity(values, InputScale("amplitude")).tolist() == [[0, 1, 9, 10000, 16129]]
    assert to_intensity(values, InputScale("amplitude")).dtype == np.float32


def test_the_largest_integers_are_squared_to_single_precision() -> None:
    squared = to_intensity(np.array([[65535, 4095]], dtype=np.uint16), InputScale("amplitude"))
    assert squared.tolist() == [[float(np.float32(65535**2)), 4095**2]]


@pytest.mark.parametrize(("db", "intensity"), [(0, 1.0), (10, 10.0), (-20, 0.01), (30, 1000.0), (3, 1.99526231)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_decibels_become_intensity(db: float, intensity: float, dtype: type) -> None:
    for offset in (0, 60, -7):
        values: NDArray[Any] = np.array([[db + offset]], dtype=dtype)
        assert to_intensity(values, InputScale("db", offset)) == pytest.approx(intensity, rel=2e-6)


@pytest.mark.parametrize(
    ("value", "scale", "why"),
    [
        (-1.0, "intensity", "an artefact of noise removal"),
        (-1.0, "amplitude", "its square would look like data"),
        (-np.inf, "amplitude", "no number"),
        (np.inf, "intensity", "no number"),
        (np.nan, "db", "no number"),
        (-np.inf, "db", "the logarithm of zero"),
        (-9999.0, "db", "an undeclared nodata value: float32 has no such small intensity"),
        (9999.0, "db", "beyond float32"),
        (1e30, "amplitude", "beyond float32"),
        (1e300, "intensity", "beyond float32"),
    ],
)
def test_values_that_are_no_measurement_become_nodata(value: float, scale: str, why: str) -> None:
    with np.errstate(all="raise"):
        assert np.isnan(to_intensity(np.array([[value]]), InputScale.parse(scale))).all(), why


def test_zero_is_data_only_where_the_source_says_so() -> None:
    values = np.ones((20, 30), dtype=np.uint8)
    values[:4, :20] = 0  # 80 pixels at the border
    values[10:, 10:20] = 0  # 100 pixels at the border
    values[6:9, 22:29] = 0  # a shadow inside
    values[7, 0] = values[19, 29] = 0  # dark pixels that happen to lie at the border
    valid = np.ones(values.shape, dtype=np.bool_)
    border = valid.copy()
    border[:4, :20] = border[10:, 10:20] = False
    assert np.array_equal(valid_mask(values, valid, "nodata"), values != 0)
    assert np.array_equal(valid_mask(values, valid, "border"), border)
    assert valid_mask(values, valid, "data").all()


@pytest.mark.parametrize(("rows", "columns", "is_nodata"), [(8, 8, True), (7, 9, False), (64, 1, True), (1, 63, False)])
def test_a_border_area_of_zeros_is_nodata_from_64_pixels_on(rows: int, columns: int, is_nodata: bool) -> None:
    values = np.ones((80, 80), dtype=np.uint8)
    values[:rows, 3 : 3 + columns] = 0
    assert (not valid_mask(values, np.ones(values.shape, np.bool_), "border").all()) == is_nodata


def test_zeros_beside_declared_nodata_belong_to_it() -> None:
    values = np.ones((40, 40), dtype=np.float32)
    valid = np.ones(values.shape, dtype=np.bool_)
    valid[:10] = False
    values[10:13, 5:9] = 0  # the rim that resampling left
    values[25:28, 5:9] = 0  # a shadow
    found = valid_mask(values, valid, "border")
    assert not found[:10].any()
    assert not found[10:13, 5:9].any()
    assert found.sum() == 30 * 40 - 12


def _flooded(values: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The border rule by walking from every border pixel."""
    empty, mask = (values == 0) | ~valid, valid.copy()
    height, width = values.shape
    for start in itertools.product(range(height), range(width)):
        if start[0] not in {0, height - 1} and start[1] not in {0, width - 1}:
            continue
        area, to_visit = set(), [start] if empty[start] else []
        while to_visit:
            row, column = here = to_visit.pop()
            if here not in area and 0 <= row < height and 0 <= column < width and empty[here]:
                area.add(here)
                to_visit += [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
        if len(area) >= SMALLEST_BORDER_AREA:
            mask[tuple(np.array(list(area)).T)] = False
    return mask


@given(st.integers(0, 2**32 - 1), st.floats(0.3, 0.8), st.sampled_from([0.0, 0.05]))
def test_border_areas_are_those_a_walk_finds(seed: int, zeros: float, missing: float) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.random((14, 17)) > zeros).astype(np.uint8)
    valid = rng.random(values.shape) >= missing
    assert np.array_equal(valid_mask(values, valid, "border"), _flooded(values, valid))


@pytest.mark.parametrize("zero", ["nodata", "border", "data"])
@pytest.mark.parametrize("input_scale", ["intensity", "amplitude", "db+60"])
def test_what_nodata_pixels_hold_changes_nothing(input_scale: str, zero: ZeroMeaning) -> None:
    rng = np.random.default_rng(5)
    values = (scene() if input_scale != "db+60" else 10 * np.log10(scene()) + 60).astype(np.float32)
    values[30:33, 40:44] = 0
    valid = ~wedge()
    valid[rng.integers(SIZE, size=12), rng.integers(SIZE, size=12)] = False
    outcomes = []
    for garbage in (np.nan, np.inf, -np.inf, 0.0, -5.0, 1e30, 3e38):
        values[~valid] = garbage
        made = preprocess(Band(values.copy(), valid), radar(input_scale, zero), DEFAULT_STRETCH)
        raw = raw_pixels(Band(values.copy(), valid), radar(input_scale, zero))
        outcomes.append((made.pixels.tobytes(), made.low_db, made.high_db, made.nodata_share, raw.tobytes()))
        assert not made.pixels[~valid].any()
        assert not raw[~valid].any()
    assert len(set(outcomes)) == 1


def test_zeros_that_are_nodata_are_like_declared_nodata() -> None:
    tile = (10 * np.log10(scene()) + 60).astype(np.float32)
    zeros, missing = (np.where(wedge(), np.float32(value), tile) for value in (0, np.nan))
    declared = preprocess(band(missing), radar("db+60"), DEFAULT_STRETCH)
    for rule in ("nodata", "border"):
        assert np.array_equal(preprocess(band(zeros), radar("db+60", rule), DEFAULT_STRETCH).pixels, declared.pixels)
    assert np.array_equal(declared.pixels == 0, wedge())
    assert declared.nodata_share == pytest.approx(wedge().mean())


@pytest.mark.parametrize(
    ("input_scale", "stored"),
    [
        ("amplitude", np.sqrt(scene())),
        ("db", 10 * np.log10(scene())),
        ("db+60", 10 * np.log10(scene()) + 60),
        ("db-3.5", 10 * np.log10(scene()) - 3.5),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_scene_in_any_scale_gives_one_image(input_scale: str, stored: NDArray[np.float64], dtype: type) -> None:
    wanted = preprocess(band(scene().astype(np.float32)), radar("intensity"), DEFAULT_STRETCH)
    made = preprocess(band(stored.astype(dtype)), radar(input_scale), DEFAULT_STRETCH)
    assert (made.low_db, made.high_db) == pytest.approx((wanted.low_db, wanted.high_db), abs=1e-4)
    off = np.abs(made.pixels.astype(int) - wanted.pixels)
    assert off.max() <= 1
    assert (off == 0).mean() > 0.995


def test_the_logarithm_is_taken_once_and_after_the_filter() -> None:
    """A tile in dB plus 60: filtered as intensity, in decibels again, and the 2nd to the 98th percentile over 1 to 255."""
    stored = (10 * np.log10(scene()) + 60).astype(np.float32)
    made = preprocess(band(stored), radar("db+60"), DEFAULT_STRETCH)
    decibels = 10 * np.log10(refined_lee((10 ** ((stored.astype(np.float64) - 60) / 10)).astype(np.float32)).astype(np.float64))
    low, high = np.percentile(decibels, [2, 98])
    assert (made.low_db, made.high_db) == pytest.approx((low, high), abs=1e-4)
    levels = np.clip(np.rint(1 + 254 * (decibels - low) / (high - low)), 1, 255)
    assert np.abs(levels - made.pixels).max() <= 1
    assert made.low_db == pytest.approx(-21.5, abs=1.5)  # the darkest field is at -20 dB


def test_a_stretch_between_fixed_limits_and_one_between_limits_of_the_dataset() -> None:
    tile = band(scene().astype(np.float32))
    fixed = preprocess(tile, radar("intensity"), Stretch("fixed_db", -25, 5))
    shared = preprocess(tile, radar("intensity"), Stretch("dataset", 2, 98), limits=(-25.0, 5.0))
    assert np.array_equal(fixed.pixels, shared.pixels)
    assert (fixed.low_db, fixed.high_db) == (shared.low_db, shared.high_db) == (-25, 5)


def test_limits_without_a_dataset_stretch_and_the_other_way_round() -> None:
    tile = band(scene().astype(np.float32))
    with pytest.raises(ValueError, match="finds its own limits"):
        preprocess(tile, radar("intensity"), DEFAULT_STRETCH, limits=(-25.0, 5.0))
    with pytest.raises(ValueError, match="needs the limits"):
        preprocess(tile, radar("intensity"), Stretch("dataset", 2, 98))


@pytest.mark.parametrize("stretch", [DEFAULT_STRETCH, Stretch("fixed_db", -25, 5), Stretch("dataset", 2, 98)])
def test_a_tile_without_data_is_zero(stretch: Stretch) -> None:
    made = preprocess(band(np.zeros((40, 50), np.float32)), radar("db+60", "nodata"), stretch)
    assert not made.pixels.any()
    assert (made.pixels.shape, made.low_db, made.high_db, made.nodata_share) == ((40, 50), None, None, 1.0)


def test_a_tile_that_is_dark_throughout_is_darkest_data() -> None:
    made = preprocess(band(np.zeros((40, 50), np.uint8)), radar("amplitude", "data"), DEFAULT_STRETCH)
    assert (made.pixels == 1).all()
    assert (made.low_db, made.high_db, made.nodata_share) == (None, None, 0.0)


@pytest.mark.parametrize("value", [1e-6, 0.37, 7.0, 12345.6])
def test_a_constant_tile_is_grey(value: float) -> None:
    made = preprocess(band(np.full((40, 50), value, np.float32)), radar("intensity"), DEFAULT_STRETCH)
    assert (made.pixels == 128).all()
    assert made.low_db == pytest.approx(10 * np.log10(value), abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 3), (7, 7)])
def test_tiles_smaller_than_the_filter_s_window(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).gamma(3, 1, shape).astype(np.float32)
    made = preprocess(band(values), radar("intensity"), DEFAULT_STRETCH)
    assert made.pixels.shape == shape
    assert made.pixels.all()


def test_raw_bytes_are_unchanged_but_for_nodata() -> None:
    values = np.arange(20, dtype=np.uint8).reshape(4, 5)
    valid = np.ones(values.shape, np.bool_)
    valid[3] = False
    raw = raw_pixels(Band(values, valid), radar("amplitude"))
    assert raw.tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14], [0] * 5]


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32, np.float64])
def test_other_raw_bands_span_their_valid_values(dtype: type) -> None:
    values: NDArray[Any] = np.array([[9, 100, 354], [227, 228, 99]], dtype=dtype)
    valid = np.array([[False, True, True], [True, True, False]])
    assert raw_pixels(Band(values, valid), radar("db")).tolist() == [[0, 1, 255], [128, 129, 0]]


def test_raw_bands_at_the_ends_of_double_precision() -> None:
    values = np.array([[-1.5e308, 0, 1.5e308]])
    assert raw_pixels(band(values), radar("db")).tolist() == [[1, 128, 255]]


def test_raw_bands_that_are_constant_or_empty() -> None:
    flat = np.full((3, 4), 7.5, np.float32)
    assert (raw_pixels(band(flat), radar("intensity")) == 128).all()
    assert not raw_pixels(Band(flat, np.zeros(flat.shape, np.bool_)), radar("intensity")).any()


def test_warming_leaves_nothing_to_compile() -> None:
    """In a process of its own, because the other tests have warmed this one."""
    code = """
import gc, numpy as np
from numba.core.dispatcher import Dispatcher
from sarlang_hf.imaging import png
from sarlang_hf.imaging.contrast import DEFAULT_STRETCH
from sarlang_hf.imaging.preprocess import filtered_intensity, stretched_tile, warm
from sarlang_hf.imaging.raster import Band
from sarlang_hf.schema import Radar
def compiled():
    return {str(found): len(found.signatures) for found in gc.get_objects() if isinstance(found, Dispatcher)}
warm()
before = compiled()
rng = np.random.default_rng(0)
for dtype, scale in ((np.float32, "db"), (np.float64, "intensity"), (np.uint8, "amplitude"), (np.uint16, "amplitude")):
    values = rng.integers(0, 90, (50, 60)).astype(dtype)
    values[:, :30] = 0
    for zero in ("data", "border"):
        filtered = filtered_intensity(Band(values, values < 88), Radar(1, "only", scale, zero))
        png.encode(stretched_tile(filtered, DEFAULT_STRETCH).pixels)
assert compiled() == before and sum(before.values()) > 3, (before, compiled())
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_real_spacenet6_tile(realdata: Path) -> None:
    [path] = (realdata / "spacenet6_layout").rglob("SAR-Intensity/*.tif")
    tile = read_band(path, 1)
    made = preprocess(tile, radar("db", "nodata"), DEFAULT_STRETCH)
    assert round(made.nodata_share, 4) == 0.3915
    assert np.array_equal(made.pixels == 0, np.isnan(tile.values))
    # filtering and then taking the logarithm once leaves the scene's decibels where they were: no pixel is out of their range
    assert made.low_db is not None
    assert made.high_db is not None
    assert np.nanmin(tile.values) < made.low_db < made.high_db < np.nanmax(tile.values)
    data = made.pixels[made.pixels > 0]
    assert (data == 1).mean() == pytest.approx(0.02, abs=0.005)
    assert (data == 255).mean() == pytest.approx(0.02, abs=0.005)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_real_bands_stored_linearly_and_in_decibels_give_one_image(realdata: Path, number: int) -> None:
    linear, decibels = (
        preprocess(
            read_band(realdata / f"rasters/derived_quadpol_intensity_{name}_100x100.tif", number), radar(scale), DEFAULT_STRETCH
        )
        for name, scale in (("linear", "intensity"), ("dB", "db"))
    )
    assert np.abs(linear.pixels.astype(int) - decibels.pixels).max() <= 1
    assert linear.low_db == pytest.approx(decibels.low_db, abs=1e-3)


def test_a_real_sentinel_1_scene_with_a_nodata_tag(realdata: Path) -> None:
    [path] = (realdata / "rasters").glob("S1A*.tif")
    found = read_band(path, 1)
    made = preprocess(found, radar("db", "border"), DEFAULT_STRETCH)
    assert (made.nodata_share, made.pixels.min(), made.pixels.max()) == (0.0, 1, 255)
    tagged = np.where(wedge()[:80, :80], np.float32(-99), found.values[:80, :80])
    part = preprocess(Band(tagged, tagged != -99), radar("db"), DEFAULT_STRETCH)
    assert np.array_equal(part.pixels == 0, wedge()[:80, :80])


def test_real_sentinel_1_pairs(realdata: Path) -> None:
    for path in sorted((realdata / "paired/sar").glob("*.tif")):
        filtered = filtered_intensity(read_band(path, 1), radar("db", "border"))
        assert filtered.dtype == np.float32
        assert np.isfinite(filtered).all()
        before = 10 ** (read_band(path, 1).values / 10)
        assert filtered.mean(dtype=np.float64) == pytest.approx(before.mean(), rel=0.05)
        assert filtered.std() < before.std()
