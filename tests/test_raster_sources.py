"""Raster sources find tiles and twins in their trees, and say what is wrong with them."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasters import (
    STRIP,
    colours,
    declared_tif,
    dfc2023_track,
    openearthmap_tree,
    orientations,
    outlines,
    paired_tree,
    spacenet6_tree,
    speckle,
    write_tif,
)
from trees import Picture, sardet_tree, write_picture

from sarlang_hf.errors import ImageFault, SourceError, UsageError
from sarlang_hf.schema import Radar, Tile
from sarlang_hf.sources import DFC2023, SIMULATION_MARKER, OpenEarthMapSAR, Paired, RasterSettings, SARDet100K, Source, SpaceNet6
from sarlang_hf.sources.coco_json import read_coco
from sarlang_hf.sources.raster_folders import rasters_in
from sarlang_hf.sources.segmentation import bounding_box, decode_counts

DB = RasterSettings(input_scale="db")
SN6 = f"SN6_Train_AOI_11_Rotterdam_{{}}_{STRIP}_tile_{{}}"


def tiles(source: Source) -> list[Tile]:
    found = list(source.tiles())
    assert all(isinstance(tile, Tile) for tile in found), found
    return [tile for tile in found if isinstance(tile, Tile)]


def fault(source: Source) -> ImageFault:
    [found] = [item for item in source.tiles() if isinstance(item, ImageFault)]
    assert found.place.startswith(str(found.root))
    assert str(found.root) not in found.problem  # it is filed in the dataset, which does not depend on where its source lay
    return found


def quad(seed: int = 1) -> Any:
    return speckle(seed, bands=4) + np.float32(60)


# SpaceNet 6


def test_a_spacenet6_tile(tmp_path: Path) -> None:
    root = spacenet6_tree(tmp_path, {3721: quad()})
    [tile] = tiles(SpaceNet6(root))
    folder = root / "train/AOI_11_Rotterdam"
    assert tile.image_id == f"spacenet6/{SN6.format('SAR-Intensity', 3721)}"
    assert tile.path == folder / f"SAR-Intensity/{SN6.format('SAR-Intensity', 3721)}.tif"
    assert tile.optical == folder / f"PS-RGB/{SN6.format('PS-RGB', 3721)}.tif"
    assert tile.radar == Radar(band=1, band_origin="order", input_scale="db+60", zero="nodata")
    assert (tile.width, tile.height, tile.split, tile.boxes_complete, tile.turned) == (32, 24, None, False, False)
    assert (tile.scene, tile.place, tile.country, tile.polarization) == (STRIP, "Rotterdam", "Netherlands", "HH")
    assert (tile.license, tile.redistributable, tile.gsd_m) == ("CC-BY-SA-4.0", True, 0.5)
    assert (tile.lat, tile.lon) == pytest.approx((51.89, 4.31), abs=5e-3)  # east of the zone's 3 degrees by 90 km


@pytest.mark.parametrize("given_folder", ["", "train", "train/AOI_11_Rotterdam"])
def test_spacenet6_may_be_given_from_any_level(tmp_path: Path, given_folder: str) -> None:
    root = spacenet6_tree(tmp_path, {1: quad()})
    (root / SIMULATION_MARKER).write_text('{"layout": "spacenet6"}')  # is noticed from below, too: it forces the dataset's kind
    source = SpaceNet6(root / given_folder)
    [tile] = tiles(source)
    assert source.simulated
    assert (tile.license, tile.redistributable) == ("CC0-1.0", True)
    assert (tile.optical_license, tile.optical_redistributable, tile.optical_sensor) == ("CC0-1.0", True, "")


@pytest.mark.parametrize("above", [1, 2])
@pytest.mark.parametrize("marker", ['{"layout": "sardet"}', "{}", "[]", "{", "[" * 9999, "\\xff"])
def test_real_images_in_a_folder_of_a_simulated_tree_stay_real(tmp_path: Path, marker: str, above: int) -> None:
    root = tmp_path / "a/b"
    dfc2023_track(root / "track1", [NEW_YORK])
    (root.parents[above - 1] / SIMULATION_MARKER).write_text(marker)
    source = DFC2023(root)
    [tile] = tiles(source)
    assert (source.simulated, tile.license, tile.redistributable) == (False, "DFC2023 terms (no redistribution)", False)
    (root.parents[above - 1] / SIMULATION_MARKER).write_text('{"layout": "dfc2023"}')
    assert DFC2023(root).simulated


def test_pairs_are_simulated_by_a_marker_beside_them_alone(tmp_path: Path) -> None:
    # The simulator has no layout of pairs, so one above speaks of something else.
    root = paired_tree(tmp_path / "pairs", ["a.png"], ["a.png"])
    (tmp_path / SIMULATION_MARKER).write_text('{"layout": "dfc2023"}')
    assert not Paired(root).simulated
    (root / SIMULATION_MARKER).write_text("{}")
    [tile] = tiles(Paired(root))
    assert (tile.license, tile.optical_license, tile.optical_redistributable) == ("CC0-1.0", "CC0-1.0", True)


def test_simulated_twins_of_sardet_are_ours_to_pass_on(tmp_path: Path) -> None:
    root = sardet_tree(tmp_path, [Picture("a.png"), Picture("b.png")], [])
    write_picture(root / "Optical/train", Picture("a.png", mode="RGB"))
    (root / SIMULATION_MARKER).write_text("{}")
    twin, alone = tiles(SARDet100K(root))
    assert (twin.optical_license, twin.optical_redistributable, twin.optical_sensor) == ("CC0-1.0", True, "")
    assert (alone.optical, alone.optical_license, alone.optical_redistributable) == (None, "", False)


def test_optical_twins_carry_their_own_terms(tmp_path: Path) -> None:
    berlin = "GF2_Berlin_52.5000_13.4000.tif"
    dfc2023_track(tmp_path / "d/track1", [NEW_YORK, berlin], ["P_0000.tif"])
    dfc = "DFC2023 terms (no redistribution)"
    sources: dict[Source, list[tuple[str, bool, str]]] = {
        SpaceNet6(spacenet6_tree(tmp_path / "s", {1: quad()})): [("CC-BY-SA-4.0", True, "WorldView-2")],
        DFC2023(tmp_path / "d"): [(dfc, False, "Gaofen-2"), (dfc, False, "SuperView-1"), (dfc, False, "")],
        OpenEarthMapSAR(openearthmap_tree(tmp_path / "o", {"train": ["A_1"]})): [("terms of NAIP, IGN or GSI", False, "")],
        Paired(paired_tree(tmp_path / "p", ["a.png"], ["a.png"])): [("unknown", False, "")],
    }
    for source, expected in sources.items():
        found = [(tile.optical_license, tile.optical_redistributable, tile.optical_sensor) for tile in tiles(source)]
        assert found == expected
    [alone] = tiles(
        SpaceNet6(spacenet6_tree(tmp_path / "t", {1: quad()}, twins=False), settings=RasterSettings(keep_incomplete=True))
    )
    assert (alone.optical_license, alone.optical_redistributable, alone.optical_sensor) == ("", False, "")


def test_band_descriptions_win_over_the_documented_order(tmp_path: Path) -> None:
    root = spacenet6_tree(tmp_path, {1: quad()}, descriptions=("HV", "VV", "HH", "VH"))
    [tile] = tiles(SpaceNet6(root))
    assert tile.radar == Radar(band=3, band_origin="described", input_scale="db+60", zero="nodata")
    [tile] = tiles(SpaceNet6(root, settings=RasterSettings(polarization="VV", pol_order="HH,HV,VV,VH")))
    assert tile.radar is not None
    assert (tile.radar.band, tile.polarization) == (2, "VV")


def test_settings_reach_the_tile_and_the_manifest(tmp_path: Path) -> None:
    settings = RasterSettings(polarization="VH", pol_order="hh,hv,vv,vh", input_scale="db+60.50")
    source = SpaceNet6(spacenet6_tree(tmp_path, {1: quad()}), settings=settings)
    [tile] = tiles(source)
    assert tile.radar == Radar(band=4, band_origin="order", input_scale="db+60.5", zero="nodata")
    parameters = source.parameters()
    assert (parameters["pol_order"], parameters["pol_order_is_default"]) == ("HH,HV,VV,VH", False)
    assert (parameters["polarization"], parameters["input_scale"]) == ("VH", "db+60.5")
    assert json.loads(json.dumps(parameters)) == parameters
    default = SpaceNet6(source.root).parameters()
    assert (default["pol_order"], default["pol_order_is_default"], default["turn_south"]) == ("HH,HV,VH,VV", True, False)


def test_the_manifest_names_no_order_of_bands_that_is_not_applied(tmp_path: Path) -> None:
    dfc, oem = dfc2023_track(tmp_path / "track1", [NEW_YORK]), openearthmap_tree(tmp_path / "o", {"train": ["A_1"]})
    pairs = paired_tree(tmp_path / "p", ["a.tif"], ["a.tif"])
    for asked, one_band, several in ((None, None, "default"), ("VV,VH", None, "VV,VH"), ("VV", "VV", "VV")):
        settings = replace(DB, pol_order=asked)
        assert DFC2023(dfc, settings=settings).parameters()["pol_order"] == one_band
        assert OpenEarthMapSAR(oem, settings=settings).parameters()["pol_order"] == one_band
        assert Paired(pairs, settings=settings).parameters()["pol_order"] == several


def test_tiles_without_a_twin_are_incomplete(tmp_path: Path) -> None:
    root = spacenet6_tree(tmp_path, {1: quad()}, twins=False)
    found = fault(SpaceNet6(root))
    assert (found.reason, found.screened) == ("missing_twin", True)
    [tile] = tiles(SpaceNet6(root, settings=RasterSettings(keep_incomplete=True)))
    assert tile.optical is None


def test_the_public_test_part_has_radar_alone(tmp_path: Path) -> None:
    root = spacenet6_tree(tmp_path, {1: quad()})
    name = f"SN6_Test_Public_AOI_11_Rotterdam_SAR-Intensity_{STRIP}_tile_1.tif"
    write_tif(root / "test_public/AOI_11_Rotterdam/SAR-Intensity" / name, quad())
    source = SpaceNet6(root)
    assert fault(source).image_id == f"spacenet6/{Path(name).stem}"
    assert set(source.inputs()) == {
        "train/AOI_11_Rotterdam/SAR-Intensity",
        "train/AOI_11_Rotterdam/PS-RGB",
        "test_public/AOI_11_Rotterdam/SAR-Intensity",
    }


def test_strips_seen_from_the_south_are_turned_on_request(tmp_path: Path) -> None:
    root = spacenet6_tree(tmp_path, {1: quad()})
    outlines(root, 1, [[(4, 2), (10, 2), (10, 7), (4, 7)]])
    orientations(root, f"20190804111224_20190804111453 0\n{STRIP} 1\n\n")
    [straight] = tiles(SpaceNet6(root))
    [turned] = tiles(SpaceNet6(root, turn_south=True))
    assert [box.bbox for box in straight.boxes] == [(4, 2, 6, 5)]
    assert [box.bbox for box in turned.boxes] == [(22, 17, 6, 5)]  # 32 - 4 - 6 and 24 - 2 - 5
    assert turned == replace(straight, turned=True, boxes=turned.boxes)
    assert SpaceNet6(root, turn_south=True).parameters()["turn_south"]
    assert "train/AOI_11_Rotterdam/SummaryData/SAR_orientations.txt" in SpaceNet6(root, turn_south=True).inputs()
    orientations(root, f"{STRIP} 0")
    [north] = tiles(SpaceNet6(root, turn_south=True))
    assert north == straight


def test_orientations_that_are_absent_or_damaged(tmp_path: Path) -> None:
    root = spacenet6_tree(tmp_path, {1: quad()})
    with pytest.raises(SourceError, match=r"orientations of the strips are absent"):
        SpaceNet6(root, turn_south=True)
    for lines, place in {f"{STRIP} 1\n{STRIP} 2": "line 2", f"{STRIP} 1\n{STRIP} 0": "line 2", "\u00e9": "line 1"}.items():
        orientations(root, lines)
        with pytest.raises(SourceError) as caught:
            SpaceNet6(root, turn_south=True)
        assert caught.value.place.endswith(f"SAR_orientations.txt: {place}")
    orientations(root, "20190804111224_20190804111453 0\n")
    found = fault(SpaceNet6(root, turn_south=True))
    assert (found.reason, STRIP in found.problem) == ("unknown_orientation", True)


def test_building_outlines_become_boxes_that_ask_nothing(tmp_path: Path) -> None:
    root = spacenet6_tree(tmp_path, {1: quad()})
    rings = [
        [(1, 1), (4.125, 1), (4.125, 5), (1, 3), (1, 1)],
        [(-6, 20), (3, 20), (3, 40), (-6, 40)],  # over two edges
        [(40, 1), (44, 1), (44, 5)],  # in the neighbouring tile
    ]
    path = outlines(root, 1, rings)
    content = json.loads(path.read_text())
    polygon = content["features"][0]["geometry"]["coordinates"]
    content["features"] += [
        {"geometry": {"type": "MultiPolygon", "coordinates": [polygon]}},
        {"geometry": None},
        {"geometry": {"type": "Polygon", "coordinates": []}},  # SpaceNet's POLYGON EMPTY
        {"geometry": {"type": "Point", "coordinates": [0, 0]}},
    ]
    path.write_text(json.dumps(content))
    [tile] = tiles(SpaceNet6(root))
    assert [box.bbox for box in tile.boxes] == [(1, 1, 3.12, 4), (0, 20, 3, 4), (1, 1, 3.12, 4)]
    assert {box.category for box in tile.boxes} == {"building"}
    assert (tile.boxes_complete, tile.clipped_boxes) == (False, 0)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "no complete JSON"),
        ("[" * 100_000, "no complete JSON"),
        ("[]", "no sound FeatureCollection"),
        ('{"features": 3}', "no sound FeatureCollection"),
        ('{"features": [{"geometry": {"type": "Polygon", "coordinates": [[[1, NaN]]]}}]}', "no sound FeatureCollection"),
        ('{"features": [{"geometry": {"type": "Polygon", "coordinates": [[["a"]]]}}]}', "no sound FeatureCollection"),
        ('{"features": [{"geometry": {"type": ["Polygon"]}}]}', "no sound FeatureCollection"),
        ('{"features": [], "crs": {"properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}}', "CRS84, the image in EPSG:32631"),
    ],
)
def test_outlines_that_cannot_be_used(tmp_path: Path, content: str, problem: str) -> None:
    root = spacenet6_tree(tmp_path, {1: quad()})
    outlines(root, 1, []).write_text(content)
    found = fault(SpaceNet6(root))
    assert (found.reason, found.screened) == ("bad_outlines", False)
    assert problem in found.problem


# What can be wrong with a raster or its twin


def radar_file(root: Path) -> Path:
    return root / f"train/AOI_11_Rotterdam/SAR-Intensity/{SN6.format('SAR-Intensity', 1)}.tif"


def twin_file(root: Path) -> Path:
    return root / f"train/AOI_11_Rotterdam/PS-RGB/{SN6.format('PS-RGB', 1)}.tif"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return spacenet6_tree(tmp_path, {1: quad()})


def test_radar_rasters_that_cannot_be_read(root: Path) -> None:
    path = radar_file(root)
    for spoil, reason, said in (
        (lambda: write_tif(path, speckle(1, bands=3)), "wrong_band_count", "--pol-order"),
        (lambda: write_tif(path, speckle(1, bands=2), descriptions=("VV", "VH")), "no_such_band", "--polarization"),
        (lambda: write_tif(path, np.ones((4, 24, 32), np.int64)), "unsupported_dtype", "store them as one of"),
        (lambda: write_tif(path, quad().astype(np.complex64)), "complex", "--complex magnitude"),
        (lambda: declared_tif(path, 65536, 65536), "too_large", "--max-pixels"),
        (lambda: path.write_bytes(b""), "empty_file", "mend or restore the file"),
        (lambda: path.write_bytes(b"II*\x00" + bytes(40)), "undecodable", "mend or restore the file"),
        (lambda: path.unlink() or path.symlink_to("gone.tif"), "missing_image", "mend or restore the file"),
    ):
        spoil()
        found = fault(SpaceNet6(root))
        assert (found.reason, found.screened, found.place) == (reason, False, str(path))
        assert said in found.remedy  # the arrow line names the option, and the filed problem does not
        assert found.remedy.endswith(", or leave such images out with --on-error skip")
        assert "--" not in found.problem
        assert found.problem.startswith("train/AOI_11_Rotterdam/SAR-Intensity/")


def test_faults_read_as_one_sentence(root: Path) -> None:
    path, name = radar_file(root), f"train/AOI_11_Rotterdam/SAR-Intensity/{radar_file(root).name}"
    write_tif(path, np.ones((4, 24, 32), np.int64))
    assert fault(SpaceNet6(root)).problem == f"{name} has pixels of type int64"
    path.write_bytes(b"")
    assert fault(SpaceNet6(root)).problem == f"{name} is empty"
    path.write_bytes(b"II*\x00" + bytes(40))
    assert fault(SpaceNet6(root)).problem.startswith(f"{name} is not a whole GeoTIFF (")


def test_twins_that_are_no_optical_images_are_found_by_their_headers(root: Path) -> None:
    for pixels, reason, said in (
        (colours(1)[:1], "wrong_band_count", "has 1 band; an optical image has three"),
        (colours(1)[:2], "wrong_band_count", "has 2 bands; an optical image has three"),
        (colours(1).astype(np.float32), "unsupported_dtype", "has pixels of type float32; an optical image has uint8"),
        (colours(1).astype(np.int16), "unsupported_dtype", "has pixels of type int16"),
    ):
        write_tif(twin_file(root), pixels)
        found = fault(SpaceNet6(root, settings=RasterSettings(keep_incomplete=True)))
        assert (found.reason, found.screened, found.place) == (reason, False, str(twin_file(root)))
        assert said in found.problem


def test_folders_of_radar_and_optical_images_that_are_exchanged(tmp_path: Path) -> None:
    dfc, oem = dfc2023_track(tmp_path / "track1", [NEW_YORK]), openearthmap_tree(tmp_path / "o", {"train": ["A_1"]})
    for folder, radar, optical in ((dfc / "train", "sar", "rgb"), (oem / "train", "sar_images", "rgb_images")):
        (folder / radar).rename(folder / "other")
        (folder / optical).rename(folder / radar)
        (folder / "other").rename(folder / optical)
    for source in (DFC2023(tmp_path), OpenEarthMapSAR(oem)):
        found = fault(source)
        assert (found.reason, found.screened) == ("wrong_band_count", False)
        assert found.problem.endswith("has 3 bands; radar images of this source have one")
        assert "exchanged" in found.remedy


def test_pixel_types_are_judged_before_any_pixel_is_read(tmp_path: Path) -> None:
    import tifffile

    root = paired_tree(tmp_path, ["a.tif"], ["a.png"])
    for dtype in ("float16", "int8", "int64"):
        tifffile.imwrite(root / "sar/a.tif", np.ones((24, 32), dtype))
        found = fault(Paired(root, settings=DB))
        assert (found.reason, found.problem) == ("unsupported_dtype", f"sar/a.tif has pixels of type {dtype}")


def test_complex_rasters_become_amplitudes_on_request(root: Path) -> None:
    write_tif(radar_file(root), quad().astype(np.complex64))
    [tile] = tiles(SpaceNet6(root, settings=RasterSettings(complex_magnitude=True)))
    assert tile.radar is not None
    assert tile.radar.input_scale == "amplitude"  # not db+60: a magnitude is an amplitude whatever the source documents
    [tile] = tiles(SpaceNet6(root, settings=RasterSettings(complex_magnitude=True, input_scale="amplitude")))
    found = fault(SpaceNet6(root, settings=RasterSettings(complex_magnitude=True, input_scale="db")))
    assert (found.reason, "amplitude" in found.remedy) == ("complex", True)


def test_the_limit_of_pixels_can_be_set(root: Path) -> None:
    assert fault(SpaceNet6(root, settings=RasterSettings(max_pixels=32 * 24 - 1))).reason == "too_large"
    assert tiles(SpaceNet6(root, settings=RasterSettings(max_pixels=32 * 24)))


def test_twins_that_do_not_fit(root: Path) -> None:
    grid = (0.5, 0.0, 590000.0, 0.0, -0.5, 5750000.0)
    for options, said in (
        ({"pixels": colours(1, (24, 33))}, "33x24 pixels against 32x24"),
        ({"crs": "EPSG:32632"}, "EPSG:32632 against EPSG:32631"),
        ({"transform": (*grid[:2], 590002.0, *grid[3:])}, "2 map units away"),  # 12 m is the tile's shorter side
    ):
        write_tif(twin_file(root), **{"pixels": colours(1), **options})
        found = fault(SpaceNet6(root))
        assert (found.reason, found.screened, said in found.problem) == ("twin_mismatch", False, True)
        assert found.place == str(twin_file(root))
    twin_file(root).write_bytes(b"")
    assert fault(SpaceNet6(root)).reason == "empty_file"


def test_twins_that_fit_well_enough(root: Path) -> None:
    for options in (
        {"transform": (0.50003, 0.0, 590000.2, 0.0, -0.50003, 5750000.0)},  # resampled
        {"crs": None},
        {"crs": "+proj=utm +zone=31 +datum=WGS84 +units=m +no_defs"},  # EPSG:32631 by another name
    ):
        write_tif(twin_file(root), colours(1), **options)
        assert tiles(SpaceNet6(root))


def test_a_raster_without_georeference_is_read(root: Path) -> None:
    write_tif(radar_file(root), quad(), crs=None)
    [tile] = tiles(SpaceNet6(root))
    assert (tile.lat, tile.lon, tile.gsd_m, tile.place) == (None, None, None, "Rotterdam")


# DFC2023

NEW_YORK = "SV_NewYork_40.7401_-73.9915.tif"
SQUARE = {"image_id": 1, "category_id": 1, "bbox": [3, 4, 10, 6]}


@pytest.mark.parametrize("place", ["", "annotations/"])
@pytest.mark.parametrize("heights", ["dsm", "height"])
def test_both_tracks_in_both_spellings(tmp_path: Path, place: str, heights: str) -> None:
    dfc2023_track(tmp_path / "track1", [NEW_YORK], ["P_0000.tif"], annotations=[SQUARE], file=f"{place}roof_fine_train.json")
    berlin = "GF2_Berlin_52.5000_13.4000.tif"
    dfc2023_track(tmp_path / "track2", [berlin], file=f"{place}buildings_only_train.json", heights=heights)
    source = DFC2023(tmp_path)
    found = tiles(source)
    stems = ["track1/SV_NewYork_40.7401_-73.9915", "track1/P_0000", "track2/GF2_Berlin_52.5000_13.4000"]
    assert [tile.stem for tile in found] == stems
    first = found[0]
    assert first.radar == Radar(band=1, band_origin="only", input_scale="amplitude", zero="border")
    assert (first.place, first.country, first.sensor) == ("New York", "United States", "Gaofen-3")
    assert (first.license, first.redistributable) == ("DFC2023 terms (no redistribution)", False)
    assert [(box.bbox, box.category) for box in first.boxes] == [((3, 4, 10, 6), "flat roof")]
    assert (found[1].boxes, found[1].place, first.boxes_complete) == ((), "", False)
    assert all(tile.optical == tile.path.parent.parent / "rgb" / tile.path.name for tile in found)
    assert f"track1/{place}roof_fine_train.json" in source.inputs()


def test_a_training_tile_of_both_tracks_is_used_once(tmp_path: Path) -> None:
    """It is one image, and the split must not put one copy into train and the other into test."""
    rio, berlin = "SV_Rio_-22.9000_-43.2000.tif", "GF2_Berlin_52.5000_13.4000.tif"
    track = dfc2023_track(tmp_path / "track1", [NEW_YORK], ["P_0000.tif"], annotations=[SQUARE])
    for part, pixels in (("sar", speckle(1, dtype="uint16")), ("rgb", colours(1))):
        write_tif(track / "train" / part / rio, pixels)  # not annotated
    broken = [{"image_id": 1, "category_id": 9, "bbox": [1, 1, 4, 4]}]  # of the copy that is left out
    file = "buildings_only_train.json"
    dfc2023_track(tmp_path / "track2", [NEW_YORK, rio, berlin], ["P_0000.tif"], annotations=broken, file=file)
    items = list(DFC2023(tmp_path).tiles())
    faults = {item.image_id: (item.reason, item.screened) for item in items if isinstance(item, ImageFault)}
    left_out = ("in_both_tracks", True)
    assert faults == {
        "dfc2023/track2/SV_NewYork_40.7401_-73.9915": left_out,
        "dfc2023/track2/SV_Rio_-22.9000_-43.2000": left_out,
    }
    assert [item.stem for item in items if isinstance(item, Tile)] == [
        "track1/SV_NewYork_40.7401_-73.9915",
        "track1/SV_Rio_-22.9000_-43.2000",
        "track1/P_0000",
        "track2/GF2_Berlin_52.5000_13.4000",
        "track2/P_0000",
    ]
    assert not [item for item in DFC2023(tmp_path / "track2").tiles() if getattr(item, "reason", "") == "in_both_tracks"]


def test_a_track_given_alone_is_told_by_its_annotations(tmp_path: Path) -> None:
    root = dfc2023_track(tmp_path / "unpacked", [NEW_YORK], file="buildings_only_train.json")
    assert [tile.stem for tile in tiles(DFC2023(root))] == ["track2/SV_NewYork_40.7401_-73.9915"]


def test_the_corrected_annotations_are_preferred(tmp_path: Path) -> None:
    track = dfc2023_track(tmp_path / "track1", [NEW_YORK])
    dfc2023_track(tmp_path / "track1", [NEW_YORK], annotations=[SQUARE], file="annotations/roof_fine_train_corrected.json")
    [tile] = tiles(DFC2023(track.parent))
    assert len(tile.boxes) == 1


def test_the_names_coordinates_serve_where_there_is_no_georeference(tmp_path: Path) -> None:
    track = dfc2023_track(tmp_path / "track1", [NEW_YORK])
    write_tif(track / "train/sar" / NEW_YORK, speckle(1, dtype="uint16"), crs=None)
    [tile] = tiles(DFC2023(tmp_path))
    assert (tile.lat, tile.lon) == (40.7401, -73.9915)


def test_roofs_without_a_box_get_it_from_their_outline(tmp_path: Path) -> None:
    shape = np.zeros((24, 32), np.uint8)
    shape[3:9, 5:12] = 1
    annotations = [
        {"segmentation": [[4.5, 2, 9, 2.5, 8, 11]]},
        {"segmentation": [[1, 1, 3, 2, 2, 4], [20, 5, 30, 5, 30, 9]], "bbox": [0, 0, 0, 0]},  # two parts of one roof
        {"segmentation": {"size": [24, 32], "counts": runs(shape)}, "bbox": None},
        {"segmentation": {"size": [24, 32], "counts": compressed(runs(shape))}, "category_id": 2},
        {"segmentation": [[0, 0, 31, 0, 31, 23]], "bbox": [1, 2, 3, 4]},  # a sound box is believed
    ]
    marks = [{"image_id": 1, "category_id": 1, **annotation} for annotation in annotations]
    dfc2023_track(tmp_path / "track1", [NEW_YORK], annotations=marks)
    [tile] = tiles(DFC2023(tmp_path))
    expected = [(4.5, 2, 4.5, 9), (1, 1, 29, 8), (5, 3, 7, 6), (5, 3, 7, 6), (1, 2, 3, 4)]
    assert [box.bbox for box in tile.boxes] == expected
    assert [box.category for box in tile.boxes] == ["flat roof"] * 3 + ["gable roof", "flat roof"]


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({"category_id": 9, "bbox": [1, 1, 4, 4]}, "unknown_category"),
        ({"category_id": 1, "bbox": [30, 1, 9, 4]}, "bad_box"),
        ({"category_id": 1, "bbox": [3, 1, 0, 4]}, "bad_box"),
        ({"category_id": 1, "bbox": [3, 1, 0, 4], "segmentation": {"size": [24, 32], "counts": "k3"}}, "bad_box"),
        ({"category_id": 1, "bbox": None, "segmentation": {"size": [24, 32], "counts": "k3"}}, "bad_box"),
        ({"category_id": 1, "bbox": None, "segmentation": {"size": [1e300, 32], "counts": [4]}}, "bad_box"),
        ({"category_id": 1, "bbox": ["a", 1, 4, 4], "segmentation": None}, "bad_box"),
        ({"category_id": 1}, "bad_box"),
    ],
)
def test_roofs_that_cannot_be(tmp_path: Path, annotation: dict[str, Any], reason: str) -> None:
    marks = [{"image_id": 1, **annotation}, {**SQUARE, "image_id": 2}]
    dfc2023_track(tmp_path / "track1", [NEW_YORK, "P_1.tif"], annotations=marks)
    found = fault(DFC2023(tmp_path))
    assert (found.reason, found.image_id) == (reason, "dfc2023/track1/SV_NewYork_40.7401_-73.9915")
    [other] = [item for item in DFC2023(tmp_path).tiles() if isinstance(item, Tile)]
    assert len(other.boxes) == 1  # one broken roof is the fault of its image, not of the file


@pytest.mark.parametrize("given", [{}, {"bbox": [3, 4, 10, 6]}])
@pytest.mark.parametrize("size", [[32, 24], [48, 16], [12, 64]])  # as many pixels as 24 rows of 32
def test_run_lengths_for_an_image_of_another_size(tmp_path: Path, size: list[int], given: dict[str, Any]) -> None:
    shape = np.zeros(size, np.uint8)
    shape[3:9, 5:12] = 1
    mark = {"image_id": 1, "category_id": 1, "segmentation": {"size": size, "counts": runs(shape)}, **given}
    dfc2023_track(tmp_path / "track1", [NEW_YORK], annotations=[mark])
    found = fault(DFC2023(tmp_path))
    said = f"annotations[0]: its run-length code is for {size[1]}x{size[0]} pixels, the image has 32x24"
    assert (found.reason, said in found.problem) == ("bad_box", True)


def test_only_read_coco_for_outlines_takes_them(tmp_path: Path) -> None:
    marks = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 0, 0], "segmentation": [[1, 1, 3, 1, 3, 4]]}]
    track = dfc2023_track(tmp_path, [NEW_YORK], annotations=marks)
    for wanted, box in ((False, (0, 0, 0, 0)), (True, (1, 1, 2, 3))):
        with read_coco(track / "roof_fine_train.json", outlines=wanted) as annotations:
            [image] = annotations.images()
            assert image.annotations[0].bbox == box


def test_annotations_and_folder_disagree(tmp_path: Path) -> None:
    track = dfc2023_track(tmp_path / "track1", [NEW_YORK, "GF2_Berlin_52.5000_13.4000.tif"])
    (track / "train/sar" / NEW_YORK).unlink()
    write_tif(track / "train/sar/SV_Rio_-22.9000_-43.2000.tif", speckle(1, dtype="uint16"))
    write_tif(track / "train/rgb/SV_Rio_-22.9000_-43.2000.tif", colours(1))
    found = fault(DFC2023(tmp_path))
    assert (found.reason, found.image_id) == ("missing_image", "dfc2023/track1/SV_NewYork_40.7401_-73.9915")
    kept = [item.stem for item in DFC2023(tmp_path).tiles() if isinstance(item, Tile)]
    assert kept == ["track1/GF2_Berlin_52.5000_13.4000", "track1/SV_Rio_-22.9000_-43.2000"]  # not annotated: no boxes
    for part, pixels in (("sar", speckle(1, size=(24, 40), dtype="uint16")), ("rgb", colours(1, (24, 40)))):
        write_tif(track / "train" / part / NEW_YORK, pixels)
    assert fault(DFC2023(tmp_path)).reason == "size_mismatch"


def test_folders_that_are_no_dfc2023(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no DFC2023 track"):
        DFC2023(tmp_path)
    track = dfc2023_track(tmp_path / "track2", [NEW_YORK], file="roof_fine_train.json")  # of the other track
    with pytest.raises(SourceError, match="annotations of this track are absent") as caught:
        DFC2023(tmp_path)
    assert "buildings_only_train.json" in caught.value.remedy
    for place in ("", "annotations/"):
        dfc2023_track(track, [NEW_YORK], file=f"{place}buildings_only_train.json")
    with pytest.raises(SourceError, match="is there twice"):
        DFC2023(tmp_path)


# Run-length codes


def runs(shape: Any) -> list[int]:
    """COCO's run lengths of a mask, pixel by pixel."""
    lengths, value = [0], 0
    for pixel in shape.T.ravel():
        if pixel != value:
            lengths.append(0)
            value = pixel
        lengths[-1] += 1
    return lengths


def compressed(lengths: list[int]) -> str:
    """COCO's text for run lengths, in binary digits: five a sign, the sixth says that more follow, two's complement."""
    text = ""
    for position, length in enumerate(lengths):
        value = length - lengths[position - 2] if position > 2 else length
        size = 1
        while not -(1 << 5 * size - 1) <= value < 1 << 5 * size - 1:
            size += 1
        digits = f"{value % (1 << 5 * size):0{5 * size}b}"
        groups = [digits[at : at + 5] for at in range(0, len(digits), 5)][::-1]
        text += "".join(chr(48 + int(group, 2) + 32 * (i < size - 1)) for i, group in enumerate(groups))
    return text


@given(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=9))
def test_boxes_of_run_lengths_are_those_of_the_mask(rows: list[list[bool]]) -> None:
    shape = np.array(rows, np.uint8)
    ys, xs = np.nonzero(shape)
    expected = (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1) if len(xs) else None
    for counts in (runs(shape), compressed(runs(shape))):
        assert bounding_box({"size": list(shape.shape), "counts": counts}) == expected


@given(st.lists(st.integers(0, 5_000_000), min_size=1, max_size=20))
def test_compressed_run_lengths_come_back(lengths: list[int]) -> None:
    assert decode_counts(compressed(lengths)) == lengths


def test_a_run_length_code_as_pycocotools_writes_it() -> None:
    # pycocotools.mask.encode of 24x32 with ones in [3:9, 5:12], [15:24, 10:31] and [0:3, 20:22]; its toBbox says [5, 0, 26, 24].
    counts = "k36b0000000000D3MM339000000000000003M00M3000000000000000009"
    assert bounding_box({"size": [24, 32], "counts": counts}) == (5, 0, 26, 24)


@pytest.mark.parametrize(
    "segmentation",
    [
        None,
        [],
        [[]],
        [[1, 2, 3]],
        [["a", 2]],
        [[1, float("nan")]],
        3,
        {"size": [4, 4]},
        {"size": [4, 4], "counts": [3, 2]},
        {"size": [4, 4], "counts": [-1, 17]},
        {"size": [4, 4], "counts": [16]},
        {"size": [4, 4], "counts": "k"},
        {"size": [4, 4], "counts": "\u00e9"},
        {"size": [0, 0], "counts": [0, 0]},
        {"size": [4], "counts": [16]},
    ],
)
def test_what_is_no_segmentation_has_no_box(segmentation: Any) -> None:
    assert bounding_box(segmentation) is None


# OpenEarthMap-SAR


def test_openearthmap_sar_tiles(tmp_path: Path) -> None:
    parts = {"train": ["TrainArea_001", "France_Alpes-Maritimes_Nice_3"], "val": ["ValArea_001"]}
    source = OpenEarthMapSAR(openearthmap_tree(tmp_path, parts))
    nice, numbered, val = source.tiles()
    assert isinstance(val, ImageFault)
    assert (val.reason, val.screened) == ("missing_twin", True)
    assert isinstance(nice, Tile)
    assert isinstance(numbered, Tile)
    assert (nice.place, nice.country, nice.sensor, nice.polarization) == ("Nice", "France", "Umbra", "")
    assert (numbered.image_id, numbered.place) == ("openearthmap_sar/TrainArea_001", "")
    assert (nice.license, nice.redistributable) == ("CC-BY-4.0", True)
    assert nice.radar == Radar(band=1, band_origin="only", input_scale="amplitude", zero="border")
    assert set(source.inputs()) == {"train/sar_images", "train/rgb_images", "val/sar_images"}
    assert len(tiles(OpenEarthMapSAR(tmp_path / "train"))) == 2  # one part alone
    with pytest.raises(SourceError, match="no sar_images folder"):
        OpenEarthMapSAR(tmp_path / "train/sar_images")


def test_a_single_band_is_taken_whatever_polarization_is_asked_for(tmp_path: Path) -> None:
    # Umbra's tiles are VV or HH and do not say which; a build for VV from several sources must not lose them.
    root = openearthmap_tree(tmp_path, {"train": ["TrainArea_001"]})
    [tile] = tiles(OpenEarthMapSAR(root, settings=RasterSettings(polarization="VV")))
    assert tile.polarization == ""


# Paired folders


def test_pairs_are_matched_by_name_whatever_the_format(tmp_path: Path) -> None:
    root = paired_tree(tmp_path, ["a.tif", "b.TIFF", "c.tif"], ["a.png", "b.tif", "c.jpg"])
    for name in (".DS_Store", "._a.tif", "Thumbs.db", "a.tif.aux.xml", "notes.txt"):
        (root / "sar" / name).write_text("x")
    source = Paired(root, settings=RasterSettings(input_scale="db", pol_order="VV,VH"))
    found = tiles(source)
    assert [(tile.image_id, tile.optical and tile.optical.name) for tile in found] == [
        ("paired/a", "a.png"),
        ("paired/b", "b.tif"),
        ("paired/c", "c.jpg"),
    ]
    assert found[0].radar == Radar(band=1, band_origin="order", input_scale="db", zero="border")
    assert (found[0].polarization, found[0].license, found[0].redistributable) == ("VV", "unknown", False)
    assert set(source.inputs()) == {"sar", "rgb"}


def test_halves_of_pairs_are_incomplete(tmp_path: Path) -> None:
    root = paired_tree(tmp_path, ["a.tif", "b.tif"], ["b.tif", "c.tif"])
    items = list(Paired(root, settings=DB).tiles())
    faults = {item.image_id: (item.reason, item.screened) for item in items if isinstance(item, ImageFault)}
    assert faults == {"paired/a": ("missing_twin", True), "paired/c": ("missing_image", True)}
    kept = [item.stem for item in Paired(root, settings=replace(DB, keep_incomplete=True)).tiles() if isinstance(item, Tile)]
    assert kept == ["a", "b"]


def test_what_pixels_mean_must_be_said_for_rasters(tmp_path: Path) -> None:
    root = paired_tree(tmp_path, ["a.tif", "b.png"], ["a.tif", "b.png"])
    with pytest.raises(UsageError, match=r"not said what the pixels of sar/a.tif mean") as caught:
        Paired(root)
    assert "--input-scale paired=" in caught.value.remedy


def test_eight_bit_pairs_are_amplitudes(tmp_path: Path) -> None:
    [tile] = tiles(Paired(paired_tree(tmp_path, ["a.png"], ["a.jpg"])))
    assert tile.radar == Radar(band=1, band_origin="only", input_scale="amplitude", zero="border")
    assert (tile.width, tile.height, tile.lat, tile.gsd_m) == (32, 24, None, None)


def test_a_second_set_of_pairs_is_named(tmp_path: Path) -> None:
    source = Paired(paired_tree(tmp_path, ["a.png"], ["a.png"]), label="sen12")
    assert source.name == "paired/sen12"
    assert [tile.image_id for tile in tiles(source)] == ["paired/sen12/a"]
    with pytest.raises(UsageError, match="cannot name a paired set"):
        Paired(tmp_path, label="a/b")


def test_undescribed_bands_need_an_order_to_be_chosen_from(tmp_path: Path) -> None:
    root = paired_tree(tmp_path, ["a.tif"], ["a.tif"])
    [tile] = tiles(Paired(root, settings=DB))
    assert tile.radar is not None
    assert (tile.radar.band, tile.polarization) == (1, "")
    [tile] = tiles(Paired(root, settings=replace(DB, polarization="VH", pol_order="VV,VH")))
    assert tile.radar is not None
    assert (tile.radar.band, tile.polarization) == (2, "VH")
    assert fault(Paired(root, settings=replace(DB, polarization="VH"))).reason == "wrong_band_count"


def test_two_files_of_one_name_are_no_pair(tmp_path: Path) -> None:
    root = paired_tree(tmp_path, ["a.tif", "a.png"], ["a.tif"])
    with pytest.raises(SourceError, match="would be the same image"):
        Paired(root, settings=DB)


def test_names_are_compared_and_kept_as_nfc(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Zürich") for form in ("NFC", "NFD"))
    root = paired_tree(tmp_path, [f"{decomposed}.png"], [f"{composed}.png"])
    assert [tile.stem for tile in tiles(Paired(root))] == [composed]


@pytest.mark.parametrize("name", [b"a\nb.tif", b"\xff.tif"])
def test_names_that_cannot_be_ids(tmp_path: Path, name: bytes) -> None:
    (Path(tmp_path) / "x.tif").touch()
    (tmp_path / "x.tif").rename(tmp_path / name.decode(errors="surrogateescape"))
    with pytest.raises(SourceError, match="control character or is no UTF-8"):
        rasters_in(tmp_path)


@pytest.mark.parametrize("part", ["sar", "rgb"])
def test_pairs_need_both_folders(tmp_path: Path, part: str) -> None:
    root = paired_tree(tmp_path, [], [])
    with pytest.raises(SourceError, match="there is no image"):
        Paired(root)
    (root / part).rmdir()
    with pytest.raises(SourceError, match=f"no folder {part}/"):
        Paired(root)


# All


@pytest.mark.parametrize("kind", [SpaceNet6, DFC2023, OpenEarthMapSAR, Paired])
def test_layouts_that_are_not_there(tmp_path: Path, kind: type[Any]) -> None:
    with pytest.raises(SourceError, match="there is no"):
        kind(tmp_path)
    with pytest.raises(SourceError, match="does not exist"):
        kind(tmp_path / "absent")


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        ({"polarization": "HX"}, "HX"),
        ({"pol_order": "VV,VV"}, "VV,VV"),
        ({"input_scale": "decibel"}, "decibel"),
        ({"max_pixels": 0}, "0 pixels"),
    ],
)
def test_settings_that_mean_nothing(settings: dict[str, Any], value: str) -> None:
    with pytest.raises(UsageError, match=value):
        RasterSettings(**settings)


def test_real_spacenet6_and_pairs(realdata: Path) -> None:
    [tile] = tiles(SpaceNet6(realdata / "spacenet6_layout", settings=DB, turn_south=True))
    assert (tile.scene, tile.turned) == ("20190804111224_20190804111453", True)  # orientation 1 in the official list
    assert (tile.lat, tile.lon) == pytest.approx((51.89, 4.35), abs=0.01)
    assert tile.optical is not None  # though its grid differs in the fourth decimal
    pairs = tiles(Paired(realdata / "paired", settings=replace(DB, pol_order="VV,VH", polarization="VH")))
    assert len(pairs) == 5
    assert {(tile.width, tile.gsd_m, tile.polarization) for tile in pairs} == {(224, 10.0, "VH")}
    assert all(tile.optical is not None and tile.lat is not None for tile in pairs)
