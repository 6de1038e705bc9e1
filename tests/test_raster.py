"""Rasters are read as they were written, and nothing a file says can do more than make it refused."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rasters import ORIGIN, colours, declared_tif, speckle, write_tif

from sarlang_hf.errors import UsageError
from sarlang_hf.imaging.decode import UndecodableError
from sarlang_hf.imaging.plain_tiff import plain_tiff
from sarlang_hf.imaging.polarization import BandChoice, choose_band, parse_pol_order
from sarlang_hf.imaging.raster import (
    MAX_BANDS,
    MAX_RASTER_PIXELS,
    read_band,
    read_header,
    read_rgb,
    require_dtype,
    require_optical,
)

UTM = (0.5, 0.0, ORIGIN[0], 0.0, -0.5, ORIGIN[1])


def refusal(path: Path, band: int = 1, **options: Any) -> UndecodableError:
    with pytest.raises(UndecodableError) as caught:
        read_band(path, band, **options)
    assert str(path.parent) not in str(caught.value)  # it is filed in the dataset, which does not depend on where files lay
    return caught.value


# Bands


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
@pytest.mark.parametrize(
    ("creation", "plain"),
    [
        ({}, True),
        ({"interleave": "band"}, True),
        ({"blockysize": 5}, True),  # strips that do not divide the height
        ({"ENDIANNESS": "BIG"}, True),
        ({"interleave": "band", "ENDIANNESS": "BIG", "BIGTIFF": "YES"}, True),
        ({"compress": "deflate"}, False),
        ({"compress": "lzw", "interleave": "band"}, False),
        ({"tiled": True, "blockxsize": 16, "blockysize": 16}, True),  # the lower ones stand out over the image
        ({"tiled": True, "blockxsize": 48, "blockysize": 32, "ENDIANNESS": "BIG"}, True),
        ({"tiled": True, "blockxsize": 16, "blockysize": 16, "interleave": "band"}, False),
        ({"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"}, False),
    ],
)
def test_bands_come_as_they_were_written(tmp_path: Path, dtype: str, creation: dict[str, Any], plain: bool) -> None:
    pixels = speckle(1, bands=3, dtype=dtype)
    path = write_tif(tmp_path / "a.tif", pixels, **creation)
    assert (plain_tiff(path) is not None) == plain
    for number in (1, 2, 3):
        band = read_band(path, number)
        np.testing.assert_array_equal(band.values, pixels[number - 1])
        assert band.values.dtype == np.dtype(dtype)  # in the machine's byte order
        assert band.valid.all()


def test_a_file_larger_than_one_reading_step(tmp_path: Path) -> None:
    pixels = speckle(2, bands=4, size=(600, 700), dtype="float64")  # 13 MB, bands interleaved, read in pieces
    np.testing.assert_array_equal(read_band(write_tif(tmp_path / "a.tif", pixels), 3).values, pixels[2])
    tiled = write_tif(tmp_path / "b.tif", pixels, tiled=True, blockxsize=512, blockysize=512)
    np.testing.assert_array_equal(read_band(tiled, 3).values, pixels[2])


def test_tiles_that_were_left_out_are_nodata(tmp_path: Path) -> None:
    pixels = np.ones((1, 32, 32), np.float32)
    pixels[0, :16, :16] = -5
    path = write_tif(tmp_path / "a.tif", pixels, nodata=-5, tiled=True, blockxsize=16, blockysize=16, sparse_ok=True)
    assert path.stat().st_size < 4 * 1024 + 512  # three tiles and a header
    np.testing.assert_array_equal(read_band(path, 1).valid, pixels[0] == 1)


def test_a_tile_cut_short_is_no_whole_geotiff(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", speckle(2), tiled=True, blockxsize=16, blockysize=16)
    path.write_bytes(path.read_bytes()[:-1])
    assert refusal(path).reason == "undecodable"


@pytest.mark.parametrize("creation", [{}, {"compress": "deflate"}])
@pytest.mark.parametrize(
    ("dtype", "values", "nodata", "valid"),
    [
        ("float32", [1, np.nan, -np.inf, 4], None, [1, 0, 0, 1]),
        ("float32", [-99, 0, 5, np.nan], -99, [0, 1, 1, 0]),
        ("float32", [-3.4028234663852886e38, 1, 2, 3], -3.40282346638529e38, [0, 1, 1, 1]),  # as GDAL prints it
        ("float64", [0.1, 1, 2, 3], 0.1, [0, 1, 1, 1]),
        ("float32", [1, np.nan, 3, 0], np.nan, [1, 0, 1, 1]),
        ("uint8", [0, 255, 1, 2], 255, [1, 0, 1, 1]),
        ("int16", [-32768, 0, 1, 2], -32768, [0, 1, 1, 1]),
    ],
)
def test_what_the_file_says_is_no_data(
    tmp_path: Path, dtype: str, values: list[float], nodata: float, valid: list[int], creation: dict[str, Any]
) -> None:
    path = write_tif(tmp_path / "a.tif", np.array([values], dtype), nodata=nodata, **creation)
    assert read_band(path, 1).valid.tolist() == [[bool(v) for v in valid]]


def test_a_nodata_tag_that_cannot_occur_masks_nothing(tmp_path: Path) -> None:
    import tifffile

    for tag in ("-9999", "0.5", "300"):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, np.arange(48, dtype=np.uint8).reshape(6, 8), extratags=[(42113, "s", 0, tag, True)])
        assert plain_tiff(path) is not None
        assert read_band(path, 1).valid.all(), tag


def test_masks_and_alpha_bands_count(tmp_path: Path) -> None:
    mask = np.tri(24, 32, dtype=bool)
    path = write_tif(tmp_path / "mask.tif", speckle(3, bands=2), mask=mask)
    np.testing.assert_array_equal(read_band(path, 2).valid, mask)
    alpha = np.stack([*colours(4), np.where(mask, 255, 0).astype(np.uint8)])
    path = write_tif(tmp_path / "alpha.tif", alpha, photometric="RGB", ALPHA="YES")
    np.testing.assert_array_equal(read_band(path, 1).valid, mask)


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "complex_int16"])
def test_complex_values_are_refused_or_become_magnitudes(tmp_path: Path, dtype: str) -> None:
    pixels = np.array([[3 + 4j, -5 + 12j], [0, 8 - 15j]], np.complex64)
    path = write_tif(tmp_path / "a.tif", pixels, dtype=dtype, nodata=0)
    error = refusal(path)
    assert (error.reason, "--complex" in str(error)) == ("complex", False)
    assert error.remedy == "read their magnitude, an amplitude, with --complex magnitude"
    band = read_band(path, 1, complex_magnitude=True)
    assert band.values.dtype == np.float32
    np.testing.assert_array_equal(band.values, [[5, 13], [0, 17]])
    np.testing.assert_array_equal(band.valid, [[True, True], [False, True]])  # the tag is compared before the magnitude is taken


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64"])
def test_pixel_types_no_radar_product_has(tmp_path: Path, dtype: str) -> None:
    path = write_tif(tmp_path / "a.tif", np.ones((4, 5), dtype))
    assert read_header(path).dtype == dtype
    error = refusal(path)
    assert (error.reason, dtype in str(error), "float32" in error.remedy) == ("unsupported_dtype", True, True)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_half_precision_floats_are_refused_by_their_header_already(tmp_path: Path, compression: str | None) -> None:
    import tifffile

    # GDAL takes them for float32, the reader of plain files does not: what the survey lets pass must be readable later.
    tifffile.imwrite(tmp_path / "a.tif", np.ones((6, 8), np.float16), compression=compression)
    dtype = read_header(tmp_path / "a.tif").dtype
    assert dtype == "float16"
    with pytest.raises(UndecodableError, match="type float16"):
        require_dtype(dtype, complex_magnitude=False)
    assert refusal(tmp_path / "a.tif").reason == "unsupported_dtype"


@pytest.mark.parametrize("mode", ["I;16", "RGBA", "LA"])
def test_images_that_are_not_8_bit_grey_or_colour_are_refused_by_their_header_already(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (8, 6)).save(tmp_path / "a.png")
    with pytest.raises(UndecodableError, match=f"^has pixel format {mode}; only 8-bit") as caught:
        read_header(tmp_path / "a.png")
    assert caught.value.reason == refusal(tmp_path / "a.png").reason == "unsupported_mode"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_colour_of_16_bits_is_refused_by_its_header_already(tmp_path: Path) -> None:
    import rasterio

    with rasterio.open(tmp_path / "a.png", "w", driver="PNG", dtype="uint16", count=3, width=8, height=6) as file:
        file.write(np.full((3, 6, 8), 700, np.uint16))
    with pytest.raises(UndecodableError, match="has 16 bits per channel"):
        read_header(tmp_path / "a.png")


def test_bands_that_are_not_there(tmp_path: Path) -> None:
    for creation in ({}, {"compress": "lzw"}):
        path = write_tif(tmp_path / "a.tif", speckle(5, bands=2), **creation)
        for band in (0, 3, -1):
            error = refusal(path, band)
            assert (error.reason, "1 to 2" in str(error)) == ("no_such_band", True)


# Damage and deceit


@pytest.mark.parametrize("creation", [{}, {"compress": "deflate"}, {"tiled": True, "blockxsize": 16, "blockysize": 16}])
def test_a_file_cut_short_is_never_half_an_image(tmp_path: Path, creation: dict[str, Any]) -> None:
    pixels = speckle(6, bands=2)
    whole = write_tif(tmp_path / "whole.tif", pixels, **creation).read_bytes()
    path = tmp_path / "cut.tif"
    path.write_bytes(whole[: len(whole) * 3 // 5])
    assert read_header(path).width == 32  # the header stands at the front and is sound
    for length in (*range(1, len(whole) - 1, 97), len(whole) // 2):
        path.write_bytes(whole[:length])
        assert refusal(path, 2).reason == "undecodable", length


def test_empty_files_folders_pipes_and_other_formats(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").touch()
    (tmp_path / "folder.tif").mkdir()
    os.mkfifo(tmp_path / "pipe.tif")  # opening it would wait for a writer for ever
    (tmp_path / "text.tif").write_text("not a raster")
    assert str(refusal(tmp_path / "empty.tif")) == "is empty"  # continues the name of the file, as every such text does
    for name, reason in {"empty": "empty_file", "folder": "undecodable", "pipe": "undecodable", "text": "undecodable"}.items():
        assert refusal(tmp_path / f"{name}.tif").reason == reason
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "absent.tif")


def test_a_virtual_raster_cannot_pose_as_a_geotiff(tmp_path: Path) -> None:
    write_tif(tmp_path / "secret.tif", speckle(7))
    source = f"<SourceFilename>{tmp_path}/secret.tif</SourceFilename><SourceBand>1</SourceBand>"
    band = f'<VRTRasterBand dataType="Float32" band="1"><SimpleSource>{source}</SimpleSource></VRTRasterBand>'
    (tmp_path / "a.tif").write_text(f'<VRTDataset rasterXSize="32" rasterYSize="24">{band}</VRTDataset>')
    assert refusal(tmp_path / "a.tif").reason == "undecodable"


def test_files_beside_a_raster_are_not_looked_at(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", speckle(8), crs=None, compress="deflate")
    before = read_header(path)
    write_tif(tmp_path / "a.tif.msk", np.zeros((24, 32), np.uint8))
    write_tif(tmp_path / "a.tif.ovr", np.zeros((12, 16), np.float32))
    (tmp_path / "a.tfw").write_text("10\n0\n0\n-10\n500000\n5000000\n")
    metadata = '<PAMRasterBand band="1"><NoDataValue>1</NoDataValue><Description>VV</Description></PAMRasterBand>'
    (tmp_path / "a.tif.aux.xml").write_text(f"<PAMDataset><SRS>EPSG:4326</SRS>{metadata}</PAMDataset>")
    assert read_header(path) == before
    assert read_band(path, 1).valid.all()


@pytest.mark.parametrize("name", ["a b#c?d!e.tif", "zip+https:x.tif", "GTIFF_DIR:1:a.tif", "Zürich.TIF", "%2e%2e.tif"])
def test_odd_file_names_are_only_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = speckle(9)
    (tmp_path / name).write_bytes(write_tif(tmp_path / "plain.tif", pixels, compress="lzw").read_bytes())
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(read_band(Path(name), 1).values, pixels[0])


def test_a_raster_that_declares_four_billion_pixels(tmp_path: Path) -> None:
    path = declared_tif(tmp_path / "a.tif", 65536, 65536)
    for read in (read_header, read_rgb, lambda path: read_band(path, 1)):
        with pytest.raises(UndecodableError, match="declares 65536x65536 pixels") as caught:
            read(path)
        assert (caught.value.reason, caught.value.remedy) == ("too_large", "raise --max-pixels to 4294967296")


def test_no_option_raises_the_limit_of_png_images(tmp_path: Path) -> None:
    Image.new("L", (8, 6)).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[16:24] = struct.pack(">II", 13000, 13000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "a.png").write_bytes(content)
    for limit in (MAX_RASTER_PIXELS, 2 * MAX_RASTER_PIXELS):
        with pytest.raises(UndecodableError, match="13000x13000 pixels, over the limit of 134217728 for png") as caught:
            read_header(tmp_path / "a.png", max_pixels=limit)
        assert caught.value.remedy == "store it as a GeoTIFF"


@pytest.mark.parametrize("name", ["a.tif", "b.tif", "c.png"])
def test_the_limit_of_pixels_can_be_moved(tmp_path: Path, name: str) -> None:
    write_tif(tmp_path / "a.tif", speckle(10))
    write_tif(tmp_path / "b.tif", speckle(10), compress="lzw")
    Image.fromarray(speckle(10, dtype="uint8")[0]).save(tmp_path / "c.png")
    assert read_band(tmp_path / name, 1, max_pixels=32 * 24).valid.all()
    assert read_header(tmp_path / name, max_pixels=32 * 24).width == 32
    assert refusal(tmp_path / name, max_pixels=32 * 24 - 1).reason == "too_large"


def test_more_bands_than_any_radar_has(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.zeros((MAX_BANDS + 1, 2, 2), np.uint8))
    assert refusal(path).reason == "too_large"


@given(data=st.data())
def test_damage_anywhere_in_the_header_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = folder / "sound.tif"
    if not path.exists():
        write_tif(path, speckle(11, bands=2, size=(8, 8)))
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    damaged = folder / "damaged.tif"
    damaged.write_bytes(content)
    try:
        header = read_header(damaged, max_pixels=4096)
        band = read_band(damaged, 1, max_pixels=4096, complex_magnitude=True)
    except UndecodableError:
        return
    assert band.values.shape == band.valid.shape == (header.height, header.width)


# Where a raster lies


def located(
    tmp_path: Path, crs: str | None, transform: tuple[float, ...] = UTM
) -> tuple[float | None, float | None, float | None]:
    header = read_header(write_tif(tmp_path / "a.tif", speckle(12, size=(100, 100)), crs=crs, transform=transform))
    return header.lat, header.lon, header.gsd_m


def test_no_georeference_is_no_place_and_no_warning(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = write_tif(tmp_path / "a.tif", speckle(12), crs=None)
        header = read_header(path)
        read_band(path, 1)
    assert (header.crs, header.lat, header.lon, header.gsd_m) == ("", None, None, None)


def test_the_centre_of_a_utm_tile(tmp_path: Path) -> None:
    # Easting 500 km is the central meridian of zone 31, 3 degrees east; northing 0 is the equator.
    lat, lon, gsd = located(tmp_path, "EPSG:32631", (10.0, 0.0, 500_000 - 500.0, 0.0, -10.0, 500.0))
    assert (lat, lon, gsd) == (0.0, 3.0, 10.0)


def test_rotated_pixels_keep_their_size(tmp_path: Path) -> None:
    turn = np.deg2rad(31)
    cos, sin = 2.5 * np.cos(turn), 2.5 * np.sin(turn)
    assert located(tmp_path, "EPSG:32631", (cos, sin, 590000, sin, -cos, 5750000))[2] == pytest.approx(2.5, abs=1e-6)


def test_pixels_in_degrees_are_measured_on_the_ellipsoid(tmp_path: Path) -> None:
    # At 60 degrees a degree of latitude is 111,412 m long and a degree of longitude 55,800 m (WGS 84).
    lat, lon, gsd = located(tmp_path, "EPSG:4326", (1e-5, 0.0, 24.9995, 0.0, -1e-5, 60.0005))
    assert (lat, lon) == (60.0, 25.0)
    assert gsd == pytest.approx(np.sqrt(1.11412 * 0.55800), rel=1e-5)


def test_web_mercator_is_not_true_to_scale(tmp_path: Path) -> None:
    # At 60 degrees north, y = 8,399,737.89 m; the map is 2.00 times too large there: 1 / cos(60), a little less along meridians.
    lat, _, gsd = located(tmp_path, "EPSG:3857", (10.0, 0.0, 0.0, 0.0, -10.0, 8_399_737.89 + 500))
    assert lat == pytest.approx(60, abs=1e-6)
    assert gsd == pytest.approx(10 / 2 * np.sqrt(1.11412 / 1.1131949 * 0.55800 / 0.55659745), rel=1e-5)


def test_feet_become_metres(tmp_path: Path) -> None:
    gsd = located(tmp_path, "EPSG:2263", (2.0, 0.0, 980_000, 0.0, -2.0, 200_000))[2]
    assert gsd == pytest.approx(2 * 1200 / 3937, abs=1e-6)  # US survey feet


def test_a_local_grid_lies_nowhere(tmp_path: Path) -> None:
    crs = 'LOCAL_CS["site grid",UNIT["metre",1]]'
    assert located(tmp_path, crs, (0.25, 0.0, 10.0, 0.0, -0.25, 20.0)) == (None, None, None)


# Optical twins and 8-bit images


def test_optical_images_are_the_first_three_bands(tmp_path: Path) -> None:
    pixels = np.concatenate([colours(13), colours(14)[:1]])
    for creation in ({}, {"compress": "deflate"}):
        path = write_tif(tmp_path / "a.tif", pixels, **creation)
        np.testing.assert_array_equal(read_rgb(path), np.moveaxis(pixels[:3], 0, -1))


def test_sixteen_bit_optical_images_are_stretched_as_one(tmp_path: Path) -> None:
    pixels = np.array([[[1000, 1255]], [[1001, 2020]], [[1510, 1000]]], np.uint16)  # 1020 steps are 255
    assert read_rgb(write_tif(tmp_path / "a.tif", pixels)).tolist() == [[[0, 0, 128], [64, 255, 0]]]
    assert not read_rgb(write_tif(tmp_path / "b.tif", np.full((3, 2, 2), 700, np.uint16))).any()


def test_what_is_no_optical_image(tmp_path: Path) -> None:
    Image.fromarray(colours(15)[0]).save(tmp_path / "grey.png")
    write_tif(tmp_path / "two.tif", colours(15)[:2])
    write_tif(tmp_path / "float.tif", colours(15).astype(np.float32))
    for name, reason in {"grey.png": "wrong_band_count", "two.tif": "wrong_band_count", "float.tif": "unsupported_dtype"}.items():
        with pytest.raises(UndecodableError) as caught:
            read_rgb(tmp_path / name)
        assert caught.value.reason == reason
        header = read_header(tmp_path / name)
        with pytest.raises(UndecodableError, match=str(caught.value)):  # the header tells already
            require_optical(header.bands, header.dtype)


def test_eight_bit_images_are_read_by_content_not_by_name(tmp_path: Path) -> None:
    grey, colour = speckle(16, dtype="uint8")[0], np.moveaxis(colours(16), 0, -1)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(colour).save(tmp_path / "colour.png")
    (tmp_path / "png.tif").write_bytes((tmp_path / "grey.png").read_bytes())
    for name in ("grey.png", "png.tif"):
        header = read_header(tmp_path / name)
        assert (header.width, header.height, header.bands, header.dtype, header.crs) == (32, 24, 1, "uint8", "")
        band = read_band(tmp_path / name, 1)
        np.testing.assert_array_equal(band.values, grey)
        assert band.valid.all()
    np.testing.assert_array_equal(read_rgb(tmp_path / "colour.png"), colour)
    np.testing.assert_array_equal(read_band(tmp_path / "colour.png", 3).values, colour[..., 2])
    assert refusal(tmp_path / "grey.png", 2).reason == "no_such_band"
    (tmp_path / "cut.png").write_bytes((tmp_path / "grey.png").read_bytes()[:200])
    assert refusal(tmp_path / "cut.png").reason == "undecodable"


# Polarizations


@pytest.mark.parametrize(
    ("descriptions", "options", "expected"),
    [
        (["HH", "HV", "VH", "VV"], {}, BandChoice(1, "HH", "described")),
        (["HH", "HV", "VH", "VV"], {"polarization": "VV"}, BandChoice(4, "VV", "described")),
        (["hh", "hv", "vv", "vh"], {"polarization": "vh"}, BandChoice(4, "VH", "described")),
        (["sigma0_VV", "Sigma0_VH_db"], {"polarization": "VH"}, BandChoice(2, "VH", "described")),
        (["VV", "HH"], {"preferred": "HH"}, BandChoice(2, "HH", "described")),
        (["VV", "HH"], {"preferred": "HH", "polarization": "VV"}, BandChoice(1, "VV", "described")),
        (["VV", "HH"], {"order": ("HH", "VV")}, BandChoice(1, "VV", "described")),  # the file knows better than the order
        (["angle", "SAR_VV", "VV/VH"], {}, BandChoice(2, "VV", "described")),  # a ratio is no polarization
        (["", "", "", ""], {"preferred": "HH"}, BandChoice(1, "HH", "order")),
        (["", "", "", ""], {"polarization": "VH"}, BandChoice(3, "VH", "order")),
        (["", "", "", ""], {"polarization": "VH", "order": ("HH", "HV", "VV", "VH")}, BandChoice(4, "VH", "order")),
        (["bands", "bands"], {"order": ("VV", "VH")}, BandChoice(1, "VV", "order")),
        (["bands", "bands"], {"order": ("VV", "VH"), "polarization": "VH"}, BandChoice(2, "VH", "order")),
        (["bands", "bands"], {}, BandChoice(1, "", "first")),
        ([""], {}, BandChoice(1, "", "only")),
        ([""], {"polarization": "VV", "preferred": "HH", "order": ("VV", "VH")}, BandChoice(1, "", "only")),
        ([""], {"order": ("VV",)}, BandChoice(1, "VV", "order")),
    ],
)
def test_the_band_of_a_polarization(descriptions: list[str], options: dict[str, Any], expected: BandChoice) -> None:
    assert choose_band(descriptions, len(descriptions), **options) == expected


@pytest.mark.parametrize(
    ("descriptions", "options", "reason"),
    [
        (["", "", ""], {"preferred": "HH"}, "wrong_band_count"),
        (["", "", ""], {"order": ("VV", "VH")}, "wrong_band_count"),
        (["bands", "bands"], {"polarization": "VH"}, "wrong_band_count"),
        (["HHVV", "VVHH"], {"polarization": "HH"}, "wrong_band_count"),  # names that hold no polarization as a word
        (["VV", "VH"], {"polarization": "HH"}, "no_such_band"),
        (["VV", "VH"], {"preferred": "HH"}, "no_such_band"),
        (["sigma0_VV", "gamma0_VV"], {"polarization": "VV"}, "no_such_band"),  # which of the two?
        ([""], {"order": ("VV",), "polarization": "HH"}, "no_such_band"),
    ],
)
def test_bands_that_cannot_be_told_apart(descriptions: list[str], options: dict[str, Any], reason: str) -> None:
    with pytest.raises(UndecodableError) as caught:
        choose_band(descriptions, len(descriptions), **options)
    assert caught.value.reason == reason
    option = "--pol-order" if reason == "wrong_band_count" else "--polarization"
    assert (option in caught.value.remedy, "--" in str(caught.value)) == (True, False)


@pytest.mark.parametrize("text", ["", "HH,", "HH,HH", "HH;VV", "RH,RV", "hh vv"])
def test_orders_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="order of polarizations"):
        parse_pol_order(text)


def test_orders_may_be_written_small() -> None:
    assert parse_pol_order("vv, vh") == ("VV", "VH")


# Real files


def test_real_rasters(realdata: Path) -> None:
    [tile] = realdata.glob("spacenet6_layout/train/*/SAR-Intensity/*.tif")
    header = read_header(tile)
    assert (header.width, header.height, header.bands, header.dtype, header.crs) == (200, 200, 4, "float32", "EPSG:32631")
    assert header.gsd_m == pytest.approx(4.4997, abs=1e-4)
    assert read_band(tile, 1).valid.mean() == pytest.approx(1 - 0.3915, abs=1e-4)
    complex_file = realdata / "rasters/sar_hh.tif"
    assert refusal(complex_file).reason == "complex"
    magnitude = read_band(complex_file, 1, complex_magnitude=True).values
    assert (magnitude.min(), magnitude.max()) == pytest.approx((4.5, 46340), rel=1e-2)
    assert read_header(complex_file).gsd_m == pytest.approx(2.5, abs=1e-3)  # rotated by 90 degrees
    derived = read_header(realdata / "rasters/derived_quadpol_intensity_dB_100x100.tif")
    assert choose_band(derived.descriptions, derived.bands, polarization="VH") == BandChoice(3, "VH", "described")
    [sentinel] = realdata.glob("rasters/S1A*.tif")
    assert read_header(sentinel).nodata == -99
    assert read_band(sentinel, 1).valid.all()
    pair = read_header(next(realdata.glob("paired/sar/*.tif")))
    assert (pair.bands, pair.dtype, pair.gsd_m, set(pair.descriptions)) == (2, "float64", 10.0, {"bands"})
