"""The simulator's trees of the raster sources and the released files: names, pixels, georeference, annotations, texts."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from rasterio.warp import transform

import sarlang_hf
from sarlang_hf.cli.simulate import LAYOUTS, simulate
from sarlang_hf.errors import SourceError, UsageError
from sarlang_hf.imaging.simulate import LAYOUT_NAMES, write_tree
from sarlang_hf.imaging.simulate.captions import captions
from sarlang_hf.imaging.simulate.geometry import clipped, disc, footprint, polygon_area, rectangle, turned
from sarlang_hf.imaging.simulate.request import Request as SimulationRequest
from sarlang_hf.imaging.simulate.roofs import ROOF_TYPES, compressed, run_lengths
from sarlang_hf.imaging.simulate.swath import wedge
from sarlang_hf.schema import Tile, text_ids
from sarlang_hf.sources import DFC2023, OpenEarthMapSAR, RasterSettings, SARDet100K, SpaceNet6

NUMBERS = {
    "spacenet6": {"train": 20, "val": 3, "size": 64, "seed": 4},
    "dfc2023": {"train": 6, "val": 3, "size": 256, "seed": 4},
    "openearthmap-sar": {"train": 5, "val": 2, "size": 96, "seed": 4},
    "released": {"train": 18, "val": 5, "size": 64, "seed": 4},
}
SN6 = Path("train/AOI_11_Rotterdam")


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layouts")
    for layout, numbers in NUMBERS.items():
        assert write_tree(folder / layout, layout=layout, **numbers) == numbers["train"] + numbers["val"]
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def bands(path: Path) -> np.ndarray:
    with rasterio.open(path) as raster:
        return raster.read()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# All layouts


@pytest.mark.parametrize("layout", NUMBERS)
def test_the_same_request_gives_the_same_bytes_and_another_seed_other_pixels(trees, tmp_path, layout):
    few = {**NUMBERS[layout], "train": 4, "val": 0}
    write_tree(tmp_path / "one", layout=layout, **few)
    write_tree(tmp_path / "two", layout=layout, **few)
    write_tree(tmp_path / "other", layout=layout, **{**few, "seed": 5})
    one, other = contents(tmp_path / "one"), contents(tmp_path / "other")
    assert contents(tmp_path / "two") == one
    images = [name for name in one if name.endswith((".tif", ".png", ".jpg"))]
    assert images
    assert all(one[name] != other[name] for name in images if name in other)
    many = contents(trees / layout)
    assert all(one[name] == many[name] for name in images)  # however many others there are


class Stopped(BaseException):
    pass


@pytest.mark.parametrize("layout", ["dfc2023", "released"])
def test_a_stopped_run_continues_and_the_result_does_not_tell(trees, tmp_path, layout):
    def stop(done):
        if done == 3:
            raise Stopped

    with pytest.raises(Stopped):
        write_tree(tmp_path, layout=layout, **NUMBERS[layout], progress=stop)
    assert not (tmp_path / "simulated.json").exists()
    assert not [name for name in contents(tmp_path) if name.endswith((".csv", ".json")) and name != "simulating.json"]
    drawn = sorted(path for path in tmp_path.rglob("*") if path.suffix in {".tif", ".png"})
    kept = drawn[0].stat().st_ino
    drawn[-1].replace(drawn[-1].with_name(drawn[-1].name + ".part"))  # killed while it wrote this one
    write_tree(tmp_path, layout=layout, **NUMBERS[layout])
    assert drawn[0].stat().st_ino == kept
    assert contents(tmp_path) == contents(trees / layout)


def test_a_killed_run_continues_and_the_result_does_not_tell(trees, tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from sarlang_hf.imaging.simulate import write_tree\n"
        "def kill(done):\n"
        "    if done == 7: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"write_tree(Path(sys.argv[1]), layout='spacenet6', **{NUMBERS['spacenet6']}, progress=kill)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "t")], check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "t/simulated.json").exists()
    assert write_tree(tmp_path / "t", layout="spacenet6", **NUMBERS["spacenet6"]) == 23 - 7
    assert contents(tmp_path / "t") == contents(trees / "spacenet6")


@pytest.mark.parametrize("layout", NUMBERS)
def test_a_finished_tree_is_left_alone_and_another_layout_refused(trees, layout):
    before = {path: path.stat().st_mtime_ns for path in (trees / layout).rglob("*")}
    assert write_tree(trees / layout, layout=layout, **NUMBERS[layout]) == 0
    with pytest.raises(UsageError, match=f"layout '{layout}', asked for 'sardet'"):
        write_tree(trees / layout, layout="sardet", **NUMBERS[layout])
    assert {path: path.stat().st_mtime_ns for path in (trees / layout).rglob("*")} == before


@pytest.mark.parametrize("layout", NUMBERS)
def test_every_tree_carries_the_marker_that_makes_its_datasets_simulated(trees, layout):
    marker = json.loads((trees / layout / "simulated.json").read_text())
    assert marker == {"generator": "sarlang simulate", "generator_version": 1, "layout": layout, **NUMBERS[layout]}


def test_detection_scenes_are_those_of_generator_version_1(tmp_path):
    # Taken from the tree as it was written before other layouts existed. Pixels are compared by their mean, which moves by
    # less than 0.01 where another processor rounds a few of them differently, and by far more where chance is drawn anew.
    write_tree(tmp_path, layout="sardet", train=3, val=2, size=64, seed=5)
    tables = b"".join((tmp_path / "Annotations" / f"{split}.json").read_bytes() for split in ("train", "val"))
    assert hashlib.sha256(tables).hexdigest() == "c002cef1399af10bf3fb6446ca71f18ec2f52e1a7184f1e699ddf461f237e20c"
    for kind, expected in {
        "JPEGImages": [23.794, 32.405, 42.164, 30.355, 60.301],
        "Optical": [133.957, 117.956, 116.509, 70.537, 80.308],
    }.items():
        found = [np.asarray(Image.open(path)).mean() for path in sorted((tmp_path / kind).rglob("*.png"))]
        np.testing.assert_allclose(found, expected, atol=0.01)


def test_neighbouring_tiles_of_a_place_do_not_overlap(trees):
    for folder in (SN6 / "SAR-Intensity", Path("test_public/AOI_11_Rotterdam/SAR-Intensity")):
        edges = []
        for path in sorted((trees / "spacenet6" / folder).iterdir()):
            with rasterio.open(path) as raster:
                edges.append(raster.bounds)
                assert (raster.bounds.left % 0.5, raster.bounds.top % 0.5) == (0, 0)
        edges.sort()
        assert all(one.right <= two.left for one, two in pairwise(edges))


def test_the_command_knows_every_layout_and_writes_the_one_asked_for(trees, tmp_path):
    assert LAYOUTS == LAYOUT_NAMES
    options = ["--layout", "openearthmap-sar", "--train", "5", "--val", "2", "--size", "96", "--seed", "4"]
    done = CliRunner().invoke(simulate, [str(tmp_path / "t"), *options])
    assert done.exit_code == 0, done.output
    assert contents(tmp_path / "t") == contents(trees / "openearthmap-sar")


# SpaceNet 6


def test_spacenet6_tiles_are_quad_pol_decibels_plus_60_in_utm_31_with_a_twin_on_the_same_grid(trees):
    tiles = sorted((trees / "spacenet6" / SN6 / "SAR-Intensity").iterdir())
    assert len(tiles) == 20
    for path in tiles:
        assert re.fullmatch(r"SN6_Train_AOI_11_Rotterdam_SAR-Intensity_20190804\d{6}_20190804\d{6}_tile_\d+\.tif", path.name)
        twin = trees / "spacenet6" / SN6 / "PS-RGB" / path.name.replace("SAR-Intensity", "PS-RGB")
        with rasterio.open(path) as sar, rasterio.open(twin) as rgb:
            assert (sar.count, sar.dtypes[0], sar.shape, sar.crs.to_epsg()) == (4, "float32", (64, 64), 32631)
            assert (sar.descriptions, sar.nodata, sar.res) == ((None,) * 4, None, (0.5, 0.5))
            assert (rgb.count, rgb.dtypes[0], rgb.shape) == (3, "uint8", (64, 64))
            assert (rgb.transform, rgb.crs) == (sar.transform, sar.crs)
            values = sar.read()
            assert rgb.read().min() > 0
        assert 30 < np.median(values[values > 0]) < 60  # clutter of -30..0 dB
        assert values.max() < 100


def test_cross_polarized_bands_are_6_to_7_db_darker_and_have_speckle_of_their_own(trees):
    shifts, spreads = [], []
    for path in sorted((trees / "spacenet6" / SN6 / "SAR-Intensity").iterdir())[:8]:
        hh, hv, vh, vv = (band[band > 0] for band in bands(path))
        shifts.append([np.median(hh) - np.median(hv), np.median(hh) - np.median(vh), np.median(hh) - np.median(vv)])
        spreads.append(np.std(hv - vh))
    cross_a, cross_b, co = np.median(shifts, axis=0)
    assert 6 < cross_a < 7
    assert 6 < cross_b < 7
    assert abs(co) < 1
    # Two independent gamma speckles of 8 looks (the most there are) differ by 10 / ln 10 * sqrt(2 trigamma(8)) = 2.24 dB.
    assert min(spreads) > 2.0


def test_nodata_is_a_slanted_wedge_of_zeros_alike_in_all_bands_and_one_tile_is_almost_all_nodata(trees):
    shares = []
    for path in (trees / "spacenet6" / SN6 / "SAR-Intensity").iterdir():
        empty = bands(path) == 0
        assert (empty == empty[0]).all()
        shares.append(empty[0].mean())
        if 0.1 < shares[-1] < 0.5:
            # Along every row the empty pixels are one run from a side, and the run's length changes from row to row.
            lengths = empty[0].sum(axis=1)
            changes = np.abs(np.diff(empty[0].astype(int), axis=1)).sum(axis=1)
            assert changes.max() == 1
            assert len(np.unique(lengths)) > 10
    ranks = np.sort(shares)
    assert (ranks == 0).sum() >= 5
    assert ranks[-1] == pytest.approx(0.98, abs=0.01)
    assert (np.abs(ranks - 0.4) < 0.01).sum() >= 3
    assert (ranks > 0.9).sum() == 1


@pytest.mark.parametrize("share", [0.0, 0.15, 0.98])
def test_a_wedge_has_the_share_asked_for(share):
    for seed in range(8):
        assert wedge(np.random.default_rng(seed), 100, share=share).mean() == pytest.approx(share, abs=0.005)


def test_strips_of_both_orientations_are_listed_and_looked_at_from_that_side(trees):
    lines = (trees / "spacenet6" / SN6 / "SummaryData/SAR_orientations.txt").read_text().splitlines()
    orientation = dict(line.split() for line in lines)
    assert Counter(orientation.values()) == {"0": 6, "1": 6}
    strips = {}
    for part in (SN6, Path("test_public/AOI_11_Rotterdam")):
        stems = [path.stem for path in (trees / "spacenet6" / part / "SAR-Intensity").iterdir()]
        strips[part] = {"_".join(stem.split("_")[-4:-2]) for stem in stems}
        assert strips[part] <= set(orientation)
    assert {orientation[strip] for strip in strips[SN6]} == {"0", "1"}
    assert not set.intersection(*strips.values())


def test_the_public_test_part_has_radar_images_alone(trees):
    test = trees / "spacenet6" / "test_public"
    assert [path.name for path in (test / "AOI_11_Rotterdam").iterdir()] == ["SAR-Intensity"]
    tiles = names(test / "AOI_11_Rotterdam/SAR-Intensity")
    assert len(tiles) == 3
    assert all(name.startswith("SN6_Test_Public_AOI_11_Rotterdam_SAR-Intensity_") for name in tiles)


def test_building_outlines_are_closed_rings_inside_their_tile(trees):
    count = 0
    for path in (trees / "spacenet6" / SN6 / "geojson_buildings").iterdir():
        outlines = json.loads(path.read_text())
        assert outlines["crs"]["properties"]["name"].endswith("32631")
        with rasterio.open(path.parents[1] / "PS-RGB" / f"{path.stem.replace('Buildings', 'PS-RGB')}.tif") as twin:
            left, bottom, right, top = twin.bounds
        for feature in outlines["features"]:
            (ring,) = feature["geometry"]["coordinates"]
            count += 1
            assert ring[0] == ring[-1]
            assert all(left <= x <= right and bottom <= y <= top for x, y in ring)
    assert count > 50


# DFC2023


def decoded(counts: str) -> list[int]:
    """Run lengths from COCO's text form, bit by bit."""
    runs: list[int] = []
    digits: list[int] = []
    for character in counts:
        code = ord(character) - 48
        digits.append(code & 31)
        if not code & 32:
            bits = "".join(f"{digit:05b}" for digit in reversed(digits))
            value = int(bits, 2) - (1 << len(bits) if bits[0] == "1" else 0)
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            digits = []
    return runs


def painted(segmentation, size: int) -> np.ndarray:
    if isinstance(segmentation, list):
        (ring,) = segmentation
        pixels = footprint([np.array(ring).reshape(-1, 2)])
        mask = np.zeros((size, size), dtype=bool)
        if pixels is not None:
            mask[pixels.window] = pixels.mask
        return mask
    counts = segmentation["counts"]
    runs = decoded(counts) if isinstance(counts, str) else counts
    assert segmentation["size"] == [size, size]
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size, size).T


@pytest.mark.parametrize(
    ("counts", "text"),
    [([3, 1], "31"), ([6, 40], "6X1"), ([5, 1, 5, 1], "5150"), ([1, 9, 1, 2], "191I"), ([0, 16], "0`0")],
)
def test_compressed_run_lengths_worked_out_by_hand(counts, text):
    assert compressed(counts) == text
    assert decoded(text) == counts


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_run_lengths_go_down_the_columns_and_survive_their_text_form(mask):
    counts = run_lengths(mask)
    assert decoded(compressed(counts)) == counts
    assert (mask == np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(mask.shape[::-1]).T).all()


def test_the_part_of_an_outline_inside_the_image():
    half_out = clipped(rectangle(20, 10, x=0, y=30), 64)
    assert sorted(map(tuple, half_out)) == [(0, 25), (0, 35), (10, 25), (10, 35)]
    assert polygon_area(half_out) == pytest.approx(100)
    assert polygon_area(clipped(disc(10, sides=400), 64)) == pytest.approx(np.pi * 100 / 4, rel=1e-3)
    assert len(clipped(rectangle(4, 4, x=-9, y=30), 64)) == 0
    inside = turned(rectangle(20, 10), x=30, y=30, heading=0.5)
    assert polygon_area(clipped(inside, 64)) == pytest.approx(200)


def test_dfc2023_has_two_tracks_with_their_products_and_annotations_where_each_keeps_them(trees):
    root = trees / "dfc2023"
    for track, products, annotation in (
        (1, {"sar", "rgb"}, "roof_fine_train.json"),
        (2, {"sar", "rgb", "height"}, "annotations/buildings_only_train.json"),
    ):
        folder = root / f"track{track}"
        assert {path.name for path in (folder / "train").iterdir()} == products
        assert {path.name for path in (folder / "val").iterdir()} == {"sar", "rgb"}
        coco = json.loads((folder / annotation).read_text())
        files = sorted(image["file_name"] for image in coco["images"])
        assert len(files) == 3
        assert all(names(folder / "train" / product) == files for product in products)
        assert names(folder / "val" / "sar") == names(folder / "val" / "rgb")
    assert names(root / "track1/val/sar") == ["P_0000.tif", "P_0002.tif"]
    assert names(root / "track2/val/sar") == ["P_0001.tif"]


def test_dfc2023_tiles_are_where_their_name_says_with_the_documented_types(trees):
    types = {"sar": (1, "uint16"), "rgb": (3, "uint8"), "height": (1, "float32")}
    for path in sorted((trees / "dfc2023").glob("track*/train/*/*.tif")):
        assert re.fullmatch(r"(GF2|SV)_[A-Za-z]+_-?\d+\.\d{4}_-?\d+\.\d{4}\.tif", path.name)
        lat, lon = (float(part) for part in path.stem.split("_")[2:])
        with rasterio.open(path) as raster:
            assert (raster.count, raster.dtypes[0]) == types[path.parent.name]
            assert raster.res == (0.5, 0.5)
            (x,), (y,) = transform(raster.crs, "EPSG:4326", *([value] for value in raster.xy(127.5, 127.5)))
        assert (x, y) == pytest.approx((lon, lat), abs=1e-5)
        zone = 32600 + int((lon + 180) // 6) + 1 + (100 if lat < 0 else 0)
        assert raster.crs.to_epsg() == zone


def test_roofs_come_as_polygons_and_both_run_length_codes_in_all_twelve_classes(trees):
    coco = json.loads((trees / "dfc2023/track1/roof_fine_train.json").read_text())
    assert [(row["id"], row["name"]) for row in coco["categories"]] == list(enumerate(ROOF_TYPES, start=1))
    kinds: Counter[str] = Counter()
    for note in coco["annotations"]:
        shape = note["segmentation"]
        kinds["polygon" if isinstance(shape, list) else type(shape["counts"]).__name__] += 1
        rows, columns = np.nonzero(painted(shape, 256))
        x, y, width, height = note["bbox"]
        found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        slack = 1.0 if isinstance(shape, list) else 1e-9  # a polygon's corner need not hold a pixel centre
        assert found == pytest.approx((x, y, x + width, y + height), abs=slack)
        assert note["area"] == pytest.approx(len(rows), rel=0.25 if isinstance(shape, list) else 0, abs=1e-9)
        assert note["iscrowd"] == 0
    assert set(kinds) == {"polygon", "str", "list"}
    assert kinds["polygon"] == pytest.approx(sum(kinds.values()) / 2, abs=3)
    assert {note["category_id"] for note in coco["annotations"]} == set(range(1, 13))
    assert [note["id"] for note in coco["annotations"]] == list(range(1, len(coco["annotations"]) + 1))


def test_roofs_are_where_the_height_rises(trees):
    coco = json.loads((trees / "dfc2023/track2/annotations/buildings_only_train.json").read_text())
    assert coco["categories"] == [{"id": 1, "name": "building"}]
    for image in coco["images"]:
        masks = [painted(note["segmentation"], 256) for note in coco["annotations"] if note["image_id"] == image["id"]]
        height = bands(trees / "dfc2023/track2/train/height" / image["file_name"])[0]
        assert (height >= 0).all()
        roofs, high = np.any(masks, axis=0), height > 0
        assert (roofs & high).sum() > 0.8 * (roofs | high).sum()
        assert 3 <= height[high].min() <= height.max() < 100


# OpenEarthMap-SAR


def test_openearthmap_tiles_have_three_products_in_train_and_radar_alone_in_val(trees):
    root = trees / "openearthmap-sar"
    numbered = [f"TrainArea_{number:03d}.tif" for number in range(1, 6)]
    for product, count in (("sar_images", 1), ("rgb_images", 3), ("labels", 1)):
        assert names(root / "train" / product) == numbered
        for name in numbered:
            with rasterio.open(root / "train" / product / name) as raster:
                assert (raster.count, raster.dtypes[0], raster.shape) == (count, "uint8", (96, 96))
                assert 0.15 <= raster.res[0] <= 0.5
                assert raster.crs.is_projected
    assert names(root / "val") == ["sar_images"]
    assert names(root / "val/sar_images") == ["ValArea_001.tif", "ValArea_002.tif"]


def test_water_is_labelled_where_the_camera_sees_it(trees):
    blueness = {True: [], False: []}
    for path in (trees / "openearthmap-sar/train/labels").iterdir():
        labels, rgb = bands(path)[0], bands(path.parents[1] / "rgb_images" / path.name).astype(float)
        assert set(np.unique(labels)) <= set(range(1, 9))
        for wet in (True, False):
            blueness[wet].append((rgb[2] - rgb[0])[(labels == 6) == wet])
    wet, dry = (np.concatenate(blueness[kind]) for kind in (True, False))
    assert np.percentile(wet, 5) > 20
    assert np.percentile(dry, 95) < 20


def test_one_radar_tile_in_five_has_an_empty_corner(trees):
    shares = [(bands(path)[0] == 0).mean() for path in sorted((trees / "openearthmap-sar/train/sar_images").iterdir())]
    assert shares[4] == pytest.approx(0.1, abs=0.02)
    assert max(shares[:4]) < 0.08


# Released


def rows_of(path: Path) -> tuple[list[str], list[list[str]]]:
    header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
    return header, rows


def test_released_images_have_original_and_twin_except_sardet_s(trees):
    root = trees / "released"
    preprocessed = names(root / "SARimages_preprocessed/SARimages")
    assert len(preprocessed) == 23
    jpg, paired = ([name for name in preprocessed if name.endswith(ending)] for ending in (".jpg", ".png"))
    assert jpg == [f"{number:07d}.jpg" for number in range(1, 24, 4)]
    assert names(root / "RGBimages") == paired
    assert names(root / "SARimages_original") == [f"{Path(name).stem}.tif" for name in paired]
    patterns = (
        r"SN6_Rotterdam_\d{14}_\d{14}_tile_\d+",
        r"(GF2|SV)_[A-Za-z]+_-?\d+\.\d{4}_-?\d+\.\d{4}",
        r"(France|Japan|USA)_[A-Za-z-]+_[A-Za-z]+_\d+",
    )
    styles = [[bool(re.fullmatch(pattern, Path(name).stem)) for pattern in patterns] for name in paired]
    assert all(sum(style) == 1 for style in styles)
    assert np.sum(styles, axis=0).min() >= 5


def test_preprocessed_images_keep_0_for_the_nodata_of_their_original(trees):
    root, shares = trees / "released", []
    for original in (root / "SARimages_original").glob("SN6_*.tif"):
        image = np.asarray(Image.open(root / "SARimages_preprocessed/SARimages" / f"{original.stem}.png"))
        empty = bands(original)[0] == 0
        assert ((image == 0) == empty).all()
        shares.append(empty.mean())
    assert max(shares) > 0.3
    assert min(shares) == 0


def test_released_texts_are_split_as_documented_and_name_images_that_are_there(trees):
    text, images = trees / "released/Text", set(names(trees / "released/SARimages_preprocessed/SARimages"))
    header, training = rows_of(text / "caption/Caption-training.csv")
    assert header == ["\ufeffImage Name ", " Caption"]
    assert Counter(caption.startswith("The image shows ") for _, caption in training) == {True: 12, False: 24}
    _, complex_ones = rows_of(text / "caption/Caption_test.csv")
    _, concise_ones = rows_of(text / "caption/Caption_test1.csv")
    assert all(caption.startswith("The image shows ") for _, caption in complex_ones)
    assert not any(caption.startswith("The image shows ") for _, caption in concise_ones)
    assert 2 * len(complex_ones) == len(concise_ones)
    asked = {part: rows_of(text / f"VQA/{part}/SARVQA2_{part}.csv")[1] for part in ("train", "test")}
    named = {part: {row[0] for row in rows} for part, rows in asked.items()}
    assert named["train"] == {row[0] for row in training}
    assert named["test"] == {row[0] for row in complex_ones}
    assert not named["train"] & named["test"]
    unnamed = {name for name in images - named["train"] - named["test"] if name.endswith(".png")}
    assert unnamed == {"France_Alpes-Maritimes_Nice_16.png"}
    assert named["train"] | named["test"] | unnamed <= images


def test_the_same_questions_stand_in_the_csv_and_the_json_of_one_part(trees):
    folder = trees / "released/Text/VQA/test"
    header, rows = rows_of(folder / "SARVQA1_test.csv")
    assert [cell.strip() for cell in header] == ["Image Name", "Question", "Answer"]
    records = json.loads((folder / "SARVQA1_test.json").read_text())
    spelled = [
        [
            Path(record["images"][0]).name,
            record["messages"][0]["content"].removeprefix("<image>"),
            record["messages"][1]["content"],
        ]
        for record in records
    ]
    assert spelled == rows
    assert {row[0] for row in rows} == {"0000021.jpg"}


def test_counting_questions_of_sardet_s_images_have_the_number_of_boxes_as_answer(trees, tmp_path):
    # The first training image is SARDet's, and the sardet layout draws the same scene for the same seed.
    write_tree(tmp_path, layout="sardet", train=1, val=0, size=64, seed=4)
    boxes = json.loads((tmp_path / "Annotations/train.json").read_text())["annotations"]
    records = json.loads((trees / "released/Text/VQA/train/SARVQA1_train.json").read_text())
    counted = [
        int(record["messages"][1]["content"])
        for record in records
        if record["images"] == ["SARimages/0000001.jpg"] and "How many" in record["messages"][0]["content"]
    ]
    assert sum(counted) == len(boxes)
    assert len(counted) == len({box["category_id"] for box in boxes})


# Captions of the layouts whose sources bring none

CAPTIONED = {
    "sardet": SARDet100K,
    "spacenet6": lambda root: SpaceNet6(root, settings=RasterSettings(keep_incomplete=True)),
    "dfc2023": DFC2023,
    "openearthmap-sar": lambda root: OpenEarthMapSAR(root, settings=RasterSettings(keep_incomplete=True)),
}


@pytest.fixture(scope="module")
def captioned(trees):
    """The trees that have a file of captions, by layout."""
    write_tree(trees / "sardet", layout="sardet", train=12, val=6, size=64, seed=4)
    return {layout: trees / layout for layout in CAPTIONED}


def lines(tree: Path) -> list[dict]:
    return [json.loads(line) for line in (tree / "simulated_captions.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("layout", CAPTIONED)
def test_every_image_of_a_tree_is_captioned_under_the_name_its_source_gives_it(captioned, layout):
    tiles = {tile.stem: tile for tile in CAPTIONED[layout](captioned[layout]).tiles()}
    written = {line["image"]: line["captions"] for line in lines(captioned[layout])}
    assert tiles.keys() == written.keys()
    for stem, tile in tiles.items():
        assert [{"kind": one.kind, "text": one.text} for one in tile.captions] == written[stem]
        assert {one.origin for one in tile.captions} == {"template"}
        texts = [(one.text, one.kind) for one in tile.captions]
        assert [one.caption_id for one in tile.captions] == text_ids(tile.image_id, texts)
        assert [one.kind for one in tile.captions] in (["complex", "concise"], ["complex", "concise", "concise"])


def test_captions_of_detection_scenes_name_the_classes_and_counts_of_their_boxes(captioned):
    words = ["", "a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    for tile in SARDet100K(captioned["sardet"]).tiles():
        counts = Counter(box.category for box in tile.boxes)
        for caption in [one.text for one in tile.captions if one.kind == "complex"]:
            assert bool(counts) != ("without any larger objects" in caption)
            for category, number in counts.most_common(3) if len(counts) <= 3 else ():
                name = category if number == 1 or category == "aircraft" else f"{category}s"
                word = "an" if (number, category) == (1, "aircraft") else words[number] if number <= 10 else "many"
                assert f" {word} {name}" in caption


def test_captions_are_as_long_and_as_many_as_the_paper_s():
    request = SimulationRequest("sardet", train=600, val=0, size=128, seed=8)
    found = [captions(request.plan(shot)[0], request.words(shot)) for shot in request.shots()]
    lengths = {kind: [len(text.split()) for one in found for k, text in one if k == kind] for kind in ("complex", "concise")}
    assert (min(lengths["complex"]), max(lengths["complex"])) >= (25, 30)
    assert max(lengths["complex"]) <= 40
    assert min(lengths["concise"]) >= 8
    assert max(lengths["concise"]) <= 14
    assert len(lengths["complex"]) == 600
    assert abs(len(lengths["concise"]) / 600 - 7492 / 4005) < 0.05  # Table 6; three standard deviations
    assert len({text for one in found for kind, text in one if kind == "complex"}) > 400  # varied


def test_captions_depend_on_their_image_alone_and_take_nothing_from_its_pixels(captioned, tmp_path):
    write_tree(tmp_path / "few", layout="sardet", train=3, val=2, size=64, seed=4)
    by_image = {line["image"]: line for line in lines(captioned["sardet"])}
    assert lines(tmp_path / "few")[:3] == [by_image[f"{number:07}"] for number in (1, 2, 3)]
    request = SimulationRequest("sardet", train=3, val=0, size=64, seed=4)
    [first, *_] = request.shots()
    request.words(first).random(100)
    assert request.plan(first)[1].random() == request.plan(first)[1].random()


def test_a_tree_of_an_earlier_release_builds_without_captions_and_is_completed_on_request(captioned, tmp_path):
    for layout in ("sardet", "dfc2023"):
        old = tmp_path / layout
        shutil.copytree(captioned[layout], old)
        (old / "simulated_captions.jsonl").unlink()
        source = CAPTIONED[layout](old)
        assert "simulated_captions.jsonl" not in source.inputs()
        assert not any(tile.captions for tile in source.tiles())
    numbers = {"train": 12, "val": 6, "size": 64, "seed": 4}
    assert write_tree(tmp_path / "sardet", layout="sardet", **numbers) == 0  # nothing is drawn again
    assert contents(tmp_path / "sardet") == contents(captioned["sardet"])
    assert SARDet100K(tmp_path / "sardet").inputs()["simulated_captions.jsonl"].is_file()


@pytest.mark.parametrize(("layout", "part"), [("dfc2023", "track2"), ("spacenet6", str(SN6)), ("openearthmap-sar", "train")])
def test_a_part_of_a_tree_has_its_captions(captioned, layout, part):
    source = CAPTIONED[layout](captioned[layout] / part)
    assert all(tile.captions for tile in source.tiles())
    assert source.inputs()["simulated_captions.jsonl"] == captioned[layout] / "simulated_captions.jsonl"


def test_images_that_are_not_marked_as_simulated_have_no_captions(captioned, tmp_path):
    shutil.copytree(captioned["sardet"], tmp_path / "real")
    (tmp_path / "real/simulated.json").unlink()
    source = SARDet100K(tmp_path / "real")
    assert not source.simulated
    assert not any(tile.captions for tile in source.tiles())
    assert "simulated_captions.jsonl" not in source.inputs()


def test_turned_tiles_have_no_captions_for_theirs_speak_of_the_unturned_image(captioned):
    tiles = list(SpaceNet6(captioned["spacenet6"], turn_south=True).tiles())
    whole = [tile for tile in tiles if isinstance(tile, Tile)]
    assert {(tile.turned, bool(tile.captions)) for tile in whole} == {(True, False), (False, True)}


LINE = json.dumps({"image": "0000001", "captions": [{"kind": "concise", "text": "a ship"}]}).encode()


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"{", ": line 1"),
        (b"[]", ": line 1"),
        (LINE + b"\n" + LINE[:-1], ": line 2"),
        (LINE.replace(b"concise", b"long"), ": line 1"),
        (LINE.replace(b"a ship", b" "), ": line 1"),
        (LINE.replace(b"a ship", rb"a\u0000ship"), ": line 1"),
        (LINE.replace(b"a ship", rb"a\ud800ship"), ": line 1"),
        (LINE.replace(b'"a ship"', b"7"), ": line 1"),
        (LINE.replace(b'"0000001"', b"1"), ": line 1"),
        (LINE.replace(b"a ship", b"a" * 70_000), ": line 1"),
        (b"\xff", ": line 1"),
        (b"[" * 9999, ": line 1"),
        (b"\n".join([LINE.replace(b"0000001", b"x")] * 2), "simulated_captions.jsonl"),  # named twice
    ],
)
def test_a_file_of_captions_that_is_not_the_simulator_s_stops_the_build(captioned, tmp_path, content, place):
    shutil.copytree(captioned["sardet"], tmp_path / "t")
    (tmp_path / "t/simulated_captions.jsonl").write_bytes(content)
    with pytest.raises(SourceError) as caught:
        list(SARDet100K(tmp_path / "t").tiles())
    assert caught.value.place.endswith(place)
    assert caught.value.remedy


def test_captions_of_images_that_are_not_there_are_counted(captioned, tmp_path):
    shutil.copytree(captioned["sardet"], tmp_path / "t")
    path = tmp_path / "t/simulated_captions.jsonl"
    first, *rest = path.read_bytes().splitlines()
    strays = [LINE.replace(b"0000001", name) for name in (b"nobody", b"9999999")]
    path.write_bytes(b"\n".join([strays[0], first, *rest, strays[1]]) + b"\n")
    source = SARDet100K(tmp_path / "t")
    faults = [item for item in source.tiles() if not isinstance(item, Tile)]
    assert [(fault.image_id, fault.reason, fault.screened, fault.texts) for fault in faults] == [
        (f"sardet100k/{name}", "missing_image", True, 1) for name in ("nobody", "9999999")
    ]
    manifest = sarlang_hf.build(tmp_path / "out", [source])
    assert manifest.screened == {"missing_image": 2}
    sarlang_hf.verify(tmp_path / "out")


def test_captions_of_faulty_images_are_no_further_fault(captioned, tmp_path):
    shutil.copytree(captioned["openearthmap-sar"], tmp_path / "t")
    source = OpenEarthMapSAR(tmp_path / "t")
    items = list(source.tiles())
    lacking = {item.image_id for item in items if not isinstance(item, Tile)}
    assert lacking  # the val part has no twins
    assert len(items) == len(lines(tmp_path / "t"))


def test_images_may_come_in_another_order_than_their_captions_or_not_be_named(captioned, tmp_path):
    shutil.copytree(captioned["sardet"], tmp_path / "t")
    kept = lines(captioned["sardet"])[1:]
    text = "".join(json.dumps(line) + "\n" for line in reversed(kept))
    (tmp_path / "t/simulated_captions.jsonl").write_text(text)
    found = {tile.stem: [one.text for one in tile.captions] for tile in SARDet100K(tmp_path / "t").tiles()}
    assert found.pop("0000001") == []
    assert found == {line["image"]: [caption["text"] for caption in line["captions"]] for line in kept}
