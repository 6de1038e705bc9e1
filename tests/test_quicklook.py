"""Quicklooks: what they measure, what they draw, and the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from sarlang_hf.cli.quicklook import panel_paths, quicklook
from sarlang_hf.errors import SarlangError, SourceError, UsageError
from sarlang_hf.imaging.contrast import DEFAULT_STRETCH
from sarlang_hf.imaging.quicklook import Looks, equivalent_looks
from sarlang_hf.imaging.quicklook import quicklook as look_at
from sarlang_hf.imaging.quicklook_panel import Wording, draw_panel, shown
from sarlang_hf.imaging.raster import Band
from sarlang_hf.imaging.speckle import refined_lee
from sarlang_hf.schema import Radar

INTENSITY = Radar(band=1, band_origin="only", input_scale="intensity", zero="data")
PALE_BLUE = (190, 208, 230)


def speckle(shape: tuple[int, int], *, looks: float, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).gamma(looks, 1 / looks, shape).astype(np.float32)


def looks_of(intensity: NDArray[np.float32]) -> Looks | None:
    return equivalent_looks(intensity, refined_lee(intensity))


# The gain of the refined Lee filter on homogeneous gamma speckle, measured by an independent implementation.
@pytest.mark.parametrize(("looks", "gain"), [(1, 9.09), (2, 7.93), (4, 7.15), (10, 6.71)])
def test_looks_of_homogeneous_speckle(looks: int, gain: float) -> None:
    found = looks_of(speckle((700, 700), looks=looks))
    assert found is not None
    assert found.before == pytest.approx(looks, rel=0.05)
    assert found.after / found.before == pytest.approx(gain, rel=0.1)


def test_looks_are_counted_where_the_ground_is_homogeneous() -> None:
    """Strong texture over most of the scene, a calm lake in one corner."""
    intensity = speckle((512, 512), looks=4)
    intensity *= np.random.default_rng(1).gamma(1, 1, (64, 64)).repeat(8, axis=0).repeat(8, axis=1).astype(np.float32)
    assert looks_of(intensity).before < 2  # type: ignore[union-attr]
    intensity[:192, :192] = speckle((192, 192), looks=4, seed=2) / 50
    assert looks_of(intensity).before == pytest.approx(4, rel=0.12)  # type: ignore[union-attr]


def test_saturated_areas_are_not_taken_for_calm_ground() -> None:
    intensity = speckle((256, 256), looks=4)
    intensity[:, :128] = 255.0**2
    found = looks_of(intensity)
    assert found is not None
    assert found.before == pytest.approx(4, rel=0.15)


@pytest.mark.parametrize("shape", [(1, 1), (31, 200), (200, 31), (5, 32)])
def test_no_looks_in_an_image_smaller_than_a_window(shape: tuple[int, int]) -> None:
    assert looks_of(speckle(shape, looks=1)) is None


def test_no_looks_where_nodata_is_in_every_window() -> None:
    intensity = speckle((128, 128), looks=1)
    intensity[::16, ::16] = np.nan
    assert looks_of(intensity) is None


def test_histograms_count_every_valid_pixel_once() -> None:
    intensity = speckle((100, 120), looks=4)
    intensity[:, :40] = np.nan
    look = look_at(Band(intensity, np.isfinite(intensity)), INTENSITY, DEFAULT_STRETCH)
    assert look.histograms is not None
    assert look.histograms.before.sum() == pytest.approx(1, abs=0.003)  # without the outermost thousandths
    assert look.histograms.after.sum() == pytest.approx(1, abs=0.003)
    assert look.made.low_db is not None
    assert look.histograms.edges[0] < look.made.low_db


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((512, 512), (512, 512)),
        ((513, 300), (150, 257)),
        ((900, 900), (450, 450)),
        ((1024, 2048), (512, 256)),
        ((3, 2000), (500, 1)),
        ((100, 60), (300, 500)),
        ((1, 1), (512, 512)),
    ],
)
def test_images_are_shown_with_at_most_512_pixels(shape: tuple[int, int], size: tuple[int, int]) -> None:
    assert shown(np.full(shape, 9, np.uint8), np.zeros(shape, np.bool_)).size == size


def test_large_images_are_shown_as_means_of_their_data() -> None:
    rng = np.random.default_rng(0)
    pixels, nodata = rng.integers(0, 256, (700, 1100), np.uint8), rng.random((700, 1100)) < 0.5
    image = np.asarray(shown(pixels, nodata))
    assert image.shape == (234, 367, 3)
    for row, column in ((0, 0), (100, 200), (233, 366)):  # the last block holds 1 x 2 pixels
        block = np.s_[3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
        data = pixels[block][~nodata[block]]
        if 2 * data.size < pixels[block].size:
            assert tuple(image[row, column]) == PALE_BLUE
        else:
            assert image[row, column] == pytest.approx(data.mean(), abs=0.51)


def test_nodata_is_pale_blue_in_the_panel_and_data_grey() -> None:
    intensity = speckle((256, 256), looks=4)
    intensity[:, :64] = np.nan
    look = look_at(Band(intensity, np.isfinite(intensity)), INTENSITY, DEFAULT_STRETCH)
    panel = np.asarray(draw_panel(look, Wording("tile.tif", "", [])))
    images = [panel[118 : 118 + 512, left : left + 512] for left in (28, 568)]
    for image in images:
        assert (image[:, :128] == PALE_BLUE).all()
        assert (image[:, 128:, 0] == image[:, 128:, 2]).all()
    assert (images[0][:, 128:] == look.raw[:, 64:, None].repeat(2, axis=0).repeat(2, axis=1)).all()
    assert (images[1][:, 128:] == look.made.pixels[:, 64:, None].repeat(2, axis=0).repeat(2, axis=1)).all()


@pytest.mark.parametrize("shape", [(1, 1), (40, 3000), (3000, 40)])
def test_panels_of_any_shape_and_without_data(shape: tuple[int, int]) -> None:
    for intensity in (speckle(shape, looks=1), np.full(shape, np.nan, np.float32), np.zeros(shape, np.float32)):
        look = look_at(Band(intensity, np.isfinite(intensity)), INTENSITY, DEFAULT_STRETCH)
        assert draw_panel(look, Wording("x" * 300, "", [("name", "y" * 300)])).width <= 1108


def test_panels_of_tiles_with_the_same_name_do_not_replace_one_another(tmp_path: Path) -> None:
    tiles = [tmp_path / name for name in ("a/x.tif", "b/X.tif", "c/x.png", "d/x-2.tif", "y.tif")]
    names = [path.relative_to(tmp_path / "out").as_posix() for path in panel_paths(tiles, tmp_path / "out")]
    assert names == ["quicklook-x.png", "quicklook-X-2.png", "quicklook-x-3.png", "quicklook-x-2-2.png", "quicklook-y.png"]


def test_a_panel_does_not_replace_a_tile(tmp_path: Path) -> None:
    assert panel_paths([tmp_path / "a.png", tmp_path / "quicklook-a.png"], tmp_path) == [
        tmp_path / "quicklook-a-2.png",
        tmp_path / "quicklook-quicklook-a.png",
    ]


def write(path: Path, *bands: NDArray[Any], descriptions: tuple[str, ...] = ()) -> Path:
    import rasterio

    height, width = bands[0].shape
    profile = {"driver": "GTiff", "height": height, "width": width, "count": len(bands), "dtype": bands[0].dtype}
    with rasterio.open(path, "w", **profile) as file:
        file.write(np.stack(bands))
        for number, description in enumerate(descriptions, 1):
            file.set_band_description(number, description)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(quicklook, [str(argument) for argument in arguments])


def report(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.output)


def fault(*arguments: object) -> SarlangError:
    result = run(*arguments)
    assert isinstance(result.exception, SarlangError), result
    assert result.exception.exit_code == 2
    return result.exception


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
class TestCommand:
    def test_one_tile(self, tmp_path: Path) -> None:
        decibels = 10 * np.log10(speckle((100, 100), looks=4))
        tile = write(tmp_path / "tile.tif", decibels, decibels - 7, descriptions=("VV", "VH"))
        result = run(tile, "--input-scale", "db", "--polarization", "VH", "--out", tmp_path / "out")
        assert result.exit_code == 0
        panel = tmp_path / "out/quicklook-tile.png"
        assert result.output.startswith(f"{panel}: ENL ")
        assert "nodata 0.00%" in result.output
        assert Image.open(panel).size == (1084, 882)
        [numbers] = report(tile, "--input-scale", "db", "--polarization", "VH", "--out", tmp_path / "out")
        found = {name: numbers[name] for name in ("tile", "panel", "width", "height", "dtype", "bands")}
        assert found == {"tile": str(tile), "panel": str(panel), "width": 100, "height": 100, "dtype": "float32", "bands": 2}
        assert (numbers["band"], numbers["polarization"], numbers["band_origin"]) == (2, "VH", "described")
        assert numbers["enl"]["before"] == pytest.approx(4, rel=0.3)
        assert numbers["low_db"] < -7 < numbers["high_db"]

    def test_the_same_tile_again_gives_the_same_bytes(self, tmp_path: Path) -> None:
        tile = write(tmp_path / "tile.tif", speckle((64, 64), looks=1))
        panels = []
        for _ in range(2):
            report(tile, "--input-scale", "intensity", "--out", tmp_path)
            panels.append((tmp_path / "quicklook-tile.png").read_bytes())
        assert panels[0] == panels[1]

    def test_integers_are_amplitudes_unless_said_otherwise(self, tmp_path: Path) -> None:
        tile = write(tmp_path / "tile.tif", np.sqrt(speckle((64, 64), looks=1) * 1e6).astype(np.uint16))
        assert report(tile, "--out", tmp_path)[0]["input_scale"] == "amplitude"
        assert report(tile, "--out", tmp_path, "--input-scale", "intensity")[0]["input_scale"] == "intensity"

    def test_grey_png_images_are_read_too(self, tmp_path: Path) -> None:
        pixels = np.clip(60 * np.sqrt(speckle((64, 80), looks=1)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "tile.png")
        [numbers] = report(tmp_path / "tile.png", "--out", tmp_path)
        assert (numbers["width"], numbers["dtype"], numbers["input_scale"]) == (80, "uint8", "amplitude")

    def test_zeros_at_the_border_are_nodata_by_default(self, tmp_path: Path) -> None:
        intensity = speckle((64, 64), looks=1)
        intensity[:16] = intensity[30, 30:34] = 0
        tile = write(tmp_path / "tile.tif", intensity)
        for zero, share in (("border", 0.25), ("nodata", 0.25 + 4 / 4096), ("data", 0)):
            assert report(tile, "--input-scale", "intensity", "--zero", zero, "--out", tmp_path)[0]["nodata_share"] == share
        assert report(tile, "--input-scale", "intensity", "--out", tmp_path)[0]["zero"] == "border"

    def test_tiles_stretched_alike(self, tmp_path: Path) -> None:
        bright, dark = (write(tmp_path / f"{i}.tif", speckle((64, 64), looks=1, seed=i) * 10.0**-i) for i in range(2))
        options = ("--input-scale", "intensity", "--out", tmp_path)
        alone = [report(tile, *options)[0] for tile in (bright, dark)]
        assert alone[0]["low_db"] - alone[1]["low_db"] == pytest.approx(10, abs=1)
        together = report(bright, dark, *options, "--stretch", "dataset:0,100")
        assert {(tile["low_db"], tile["high_db"]) for tile in together} == {(together[0]["low_db"], together[0]["high_db"])}
        assert together[0]["low_db"] < alone[1]["low_db"] < alone[0]["high_db"] < together[0]["high_db"]

    def test_a_tile_without_data(self, tmp_path: Path) -> None:
        tile = write(tmp_path / "tile.tif", np.full((64, 64), np.nan, np.float32))
        for stretch in ("percentile", "dataset", "fixed_db:-25,5"):
            [numbers] = report(tile, "--input-scale", "db", "--stretch", stretch, "--out", tmp_path)
            assert (numbers["nodata_share"], numbers["low_db"], numbers["enl"]) == (1, None, None)
        assert "limits none" in run(tile, "--input-scale", "db", "--out", tmp_path).output

    def test_floats_of_unknown_meaning(self, tmp_path: Path) -> None:
        error = fault(write(tmp_path / "tile.tif", speckle((8, 8), looks=1)), "--out", tmp_path)
        assert isinstance(error, UsageError)
        assert "float32" in error.problem
        assert "--input-scale" in error.remedy
        assert error.place.endswith("tile.tif")

    def test_complex_pixels(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        slc = (rng.normal(size=(64, 64)) + 1j * rng.normal(size=(64, 64))).astype(np.complex64)
        tile = write(tmp_path / "tile.tif", slc)
        refused = fault(tile, "--out", tmp_path)
        assert refused.problem == "holds complex values (complex64)"
        assert refused.remedy == "read their magnitude, an amplitude, with --complex magnitude, or leave this tile out"
        assert "db" in fault(tile, "--complex", "magnitude", "--input-scale", "db", "--out", tmp_path).problem
        assert report(tile, "--complex", "magnitude", "--out", tmp_path)[0]["input_scale"] == "amplitude"

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--input-scale", "linear"], "'linear' is not an input scale"),
            (["--polarization", "RH"], "no polarization"),
            (["--pol-order", "HH,HH"], "no order of polarizations"),
            (["--stretch", "sqrt"], "--stretch"),
            (["--max-pixels", "63"], "-> raise --max-pixels to 64, or leave this tile out"),
            (["--pol-order", "VV", "--polarization", "VH"], "-> choose another one with --polarization, or leave"),
        ],
    )
    def test_options_that_make_no_sense(self, tmp_path: Path, arguments: list[str], said: str) -> None:
        tile = write(tmp_path / "tile.tif", np.ones((8, 8), np.uint8))
        assert said in str(fault(tile, "--out", tmp_path, *arguments))
        assert not list(tmp_path.glob("*.png"))

    def test_files_that_are_no_tiles(self, tmp_path: Path) -> None:
        whole = write(tmp_path / "whole.tif", speckle((64, 64), looks=1)).read_bytes()
        (tmp_path / "cut.tif").write_bytes(whole[:9000])
        (tmp_path / "text.tif").write_text("radar")
        (tmp_path / "empty.tif").touch()
        for name in ("cut.tif", "text.tif", "empty.tif", "absent.tif", ""):
            error = fault(tmp_path / name, "--input-scale", "db", "--out", tmp_path)
            assert isinstance(error, SourceError)
            assert error.place == str(tmp_path / name)
            assert "--" not in str(error)  # no option mends them
        assert not list(tmp_path.glob("*.png"))

    def test_an_output_folder_that_is_a_file(self, tmp_path: Path) -> None:
        tile = write(tmp_path / "tile.tif", np.ones((8, 8), np.uint8))
        assert "choose another output folder" in fault(tile, "--out", tile).remedy


def test_quicklooks_of_real_tiles(realdata: Path, tmp_path: Path) -> None:
    [tile] = (realdata / "spacenet6_layout").rglob("SAR-Intensity/*.tif")
    [capella] = report(tile, "--input-scale", "db", "--zero", "nodata", "--out", tmp_path)
    assert (capella["polarization"], capella["band_origin"], capella["bands"]) == ("HH", "order", 4)
    assert capella["nodata_share"] == pytest.approx(0.3915, abs=1e-4)
    [slc] = report(realdata / "rasters/sar_hh.tif", "--complex", "magnitude", "--out", tmp_path)
    assert slc["enl"]["before"] == pytest.approx(1, rel=0.1)  # single-look complex
    error = fault(realdata / "rasters/sar_hh.tif", "--out", tmp_path)
    assert "--complex magnitude" in error.remedy
    pairs = report(*(realdata / "paired/sar").glob("*.tif"), "--input-scale", "db", "--pol-order", "VV,VH", "--out", tmp_path)
    assert [(pair["polarization"], pair["nodata_share"]) for pair in pairs] == [("VV", 0.0)] * 5
