"""Whole builds from radar rasters: what ends up in the dataset folder, in which configs, with which counts."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from rasters import write_tif
from trees import edit_json

import sarlang_hf
from sarlang_hf.data import open_dataset
from sarlang_hf.errors import DatasetCorruptError, ImageFault, UsageError
from sarlang_hf.imaging.simulate import write_tree
from sarlang_hf.packaging.manifest import read_manifest
from sarlang_hf.sources import DFC2023, OpenEarthMapSAR, Paired, Released, SpaceNet6
from sarlang_hf.sources.opening import SourceFolders, open_sources
from sarlang_hf.sources.rasters import RasterSettings

SIZE = 64


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One simulated tree per layout, read-only for tests."""
    folder = tmp_path_factory.mktemp("trees")
    layouts = ("spacenet6", "dfc2023", "openearthmap-sar", "released")
    for layout in layouts:
        write_tree(folder / layout, layout=layout, train=8, val=4, size=SIZE, seed=1)
    return {layout: folder / layout for layout in layouts}


def rows(dataset: Path, config: str) -> list[dict]:
    return [row for path in sorted((dataset / "data").glob(f"{config}-*.parquet")) for row in pq.read_table(path).to_pylist()]


def pixels(row: dict) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))


def test_spacenet6_with_all_variants(trees: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "sarlang-1m"
    manifest = sarlang_hf.build(out, [SpaceNet6(trees["spacenet6"])], with_raw=True, with_rgb=True)
    sarlang_hf.verify(out)
    assert manifest.dataset_kind == "simulated"
    assert manifest.screened["missing_twin"] == 4  # the public test part has no optical images
    images, raw, rgb = (rows(out, config) for config in ("vqa", "raw", "rgb"))
    assert [row["image_id"] for row in images] == [row["image_id"] for row in raw] == [row["image_id"] for row in rgb]
    assert len(images) + manifest.screened.get("mostly_nodata", 0) == 8
    for image, before, twin in zip(images, raw, rgb, strict=True):
        made = json.loads(image["preprocessing"])
        assert (made["band"], made["band_origin"], made["input_scale"]) == (1, "order", "db+60")
        assert made["filter"] == "refined_lee_7x7"
        assert image["polarization"] == "HH"
        assert image["gsd_m"] == pytest.approx(0.5)
        assert made["nodata_share"] == pytest.approx(np.mean(pixels(image) == 0))
        assert np.array_equal(pixels(image) == 0, pixels(before) == 0)
        assert json.loads(before["preprocessing"])["filter"] is None
        assert pixels(twin).shape == (SIZE, SIZE, 3)
    assert all(row["questions"] == [] for row in images)  # building footprints do not answer questions about ships
    assert not any(shard.config == "vqa_questions" for shard in manifest.shards)
    total = manifest.counts["band_origins"]
    assert sum(total[split]["spacenet6: order"] for split in total) == len(images)


def test_roofs_become_objects_and_ask_no_questions(trees: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "sarlang-1m"
    sarlang_hf.build(out, [DFC2023(trees["dfc2023"])])
    sarlang_hf.verify(out)
    found = rows(out, "vqa")
    assert any(box["category"].endswith("roof") for row in found for box in row["objects"])
    assert not any(row["questions"] for row in found)
    assert all(not row["redistributable"] or row["license"] == "CC0-1.0" for row in found)


def test_the_published_files_as_they_are(trees: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "sarlang-1m"
    manifest = sarlang_hf.build(out, [Released(trees["released"])], with_raw=True, with_rgb=True)
    sarlang_hf.verify(out)
    stored = {row["image_id"]: row for row in rows(out, "vqa")}
    files = {path.stem: path for path in trees["released"].rglob("SARimages/*")}
    assert stored
    for image_id, row in stored.items():
        assert row["image"]["bytes"] == files[image_id.split("/", 1)[1]].read_bytes()
    assert {question["origin"] for row in stored.values() for question in row["questions"]} == {"released"}
    kinds = {(caption["kind"], caption["origin"]) for row in rows(out, "cap") for caption in row["captions"]}
    assert kinds == {("complex", "released"), ("concise", "released")}
    assert sum(manifest.counts["inferred_types"]["train"].values()) == sum(manifest.counts["questions"]["train"].values())
    assert {row["source"] for row in rows(out, "raw")} <= {"spacenet6", "dfc2023", "openearthmap_sar"}


def test_openearthmap_images_keep_their_8_bits_in_config_raw(trees: dict[str, Path], tmp_path: Path) -> None:
    import rasterio

    out = tmp_path / "sarlang-1m"
    sarlang_hf.build(out, [OpenEarthMapSAR(trees["openearthmap-sar"])], with_raw=True)
    files = {path.stem: path for path in trees["openearthmap-sar"].rglob("sar_images/*.tif")}
    for row in rows(out, "raw"):
        with rasterio.open(files[row["image_id"].split("/", 1)[1]]) as file:
            assert np.array_equal(pixels(row), file.read(1))


def test_one_contrast_for_a_whole_source(trees: dict[str, Path], tmp_path: Path) -> None:
    """With stretch `dataset` one grey level is one backscatter everywhere; per tile it is not."""
    outs = {stretch: tmp_path / stretch.split(":")[0] for stretch in ("dataset:2,98", "percentile:2,98", "fixed_db:-30,10")}
    limits = {}
    for stretch, out in outs.items():
        manifest = sarlang_hf.build(out, [SpaceNet6(trees["spacenet6"])], stretch=stretch)
        limits[stretch] = {(made["low"], made["high"]) for made in (json.loads(row["preprocessing"]) for row in rows(out, "vqa"))}
        if stretch.startswith("dataset"):
            assert limits[stretch] == {tuple(manifest.limits["spacenet6"])}
    assert limits["fixed_db:-30,10"] == {(-30.0, 10.0)}
    assert len(limits["percentile:2,98"]) > 1


@pytest.mark.parametrize("options", [{}, {"stretch": "dataset:2,98", "with_raw": True, "webdataset": True}])
def test_any_number_of_workers_gives_the_same_bytes(trees: dict[str, Path], tmp_path: Path, options: dict) -> None:
    folders = []
    for workers in (1, 2):
        out = tmp_path / f"by-{workers}"
        sarlang_hf.build(out, [SpaceNet6(trees["spacenet6"])], workers=workers, rows_per_shard=3, **options)
        folders.append({path.relative_to(out): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()})
    assert folders[0] == folders[1]


def test_turned_tiles_are_turned_in_every_variant(trees: dict[str, Path], tmp_path: Path) -> None:
    plain, turned = tmp_path / "plain", tmp_path / "turned"
    sarlang_hf.build(plain, [SpaceNet6(trees["spacenet6"])], with_raw=True, with_rgb=True)
    sarlang_hf.build(turned, [SpaceNet6(trees["spacenet6"], turn_south=True)], with_raw=True, with_rgb=True)
    changed = 0
    for config in ("vqa", "raw", "rgb"):
        for before, after in zip(rows(plain, config), rows(turned, config), strict=True):
            south = json.loads(after["preprocessing"]).get("turned", False)
            expected = pixels(before)[::-1, ::-1] if south else pixels(before)
            assert np.array_equal(pixels(after), expected)
            changed += south
    assert changed
    for before, after in zip(rows(plain, "vqa"), rows(turned, "vqa"), strict=True):
        if json.loads(after["preprocessing"]).get("turned"):
            boxes = [[SIZE - x - w, SIZE - y - h, w, h] for x, y, w, h in (box["bbox"] for box in before["objects"])]
            assert np.allclose([box["bbox"] for box in after["objects"]], boxes, atol=1e-5)


def test_turning_and_released_texts_exclude_each_other(trees: dict[str, Path]) -> None:
    folders = SourceFolders(spacenet6=trees["spacenet6"], released=trees["released"], turn_south=True)
    with pytest.raises(UsageError, match="top left"):
        open_sources(folders)


def test_a_build_of_opened_sources_excludes_them_too(trees: dict[str, Path], tmp_path: Path) -> None:
    sources = [SpaceNet6(trees["spacenet6"], turn_south=True), Released(trees["released"])]
    with pytest.raises(UsageError, match="top left"):
        sarlang_hf.build(tmp_path / "out", sources)
    assert not (tmp_path / "out").exists()
    sarlang_hf.build(tmp_path / "out", [SpaceNet6(trees["spacenet6"]), Released(trees["released"])], limit=1)


def test_rasters_without_a_reference_system_are_counted_and_verify_counts_them_again(tmp_path: Path) -> None:
    for number in range(6):
        crs = "EPSG:32631" if number < 2 else None
        for part, bands in (("sar", 1), ("rgb", 3)):
            seen = np.random.default_rng(number).integers(1, 255, (bands, 40, 40), np.uint8)
            write_tif(tmp_path / "pairs" / part / f"{number}.tif", seen, crs=crs)
    source = Paired(tmp_path / "pairs", settings=RasterSettings(input_scale="amplitude"))
    manifest = sarlang_hf.build(tmp_path / "out", [source])
    places = {row["image_id"]: row["gsd_m"] for row in rows(tmp_path / "out", "vqa")}
    assert sorted(image for image, gsd in places.items() if gsd is None) == [f"paired/{number}" for number in range(2, 6)]
    counted = manifest.counts["without_georeference"]
    assert sum(by.get("paired", 0) for by in counted.values()) == 4
    sarlang_hf.verify(tmp_path / "out")
    edit_json(tmp_path / "out/manifest.json", counts=lambda old: old | {"without_georeference": {}})
    with pytest.raises(DatasetCorruptError, match="counts of without georeference in train are"):
        sarlang_hf.verify(tmp_path / "out")


def test_template_captions_where_no_boxes_are_complete_are_said_to_be_none(tmp_path: Path) -> None:
    write_tree(tmp_path / "t", layout="dfc2023", train=2, val=0, size=SIZE, seed=1)
    (tmp_path / "t/simulated_captions.jsonl").unlink()
    told: list[str] = []
    manifest = sarlang_hf.build(tmp_path / "out", [DFC2023(tmp_path / "t")], captions="template", notice=told.append)
    assert told == ["no image has boxes that name every object: no captions are written"]
    assert "captions" not in manifest.counts


def test_a_tile_that_is_almost_all_nodata_is_left_out_and_never_stops_a_build(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", layout="spacenet6", train=4, val=0, size=SIZE, seed=3)
    manifest = sarlang_hf.build(tmp_path / "all", [SpaceNet6(tmp_path / "tree")], max_nodata=1.0)
    shares = [json.loads(row["preprocessing"])["nodata_share"] for row in rows(tmp_path / "all", "vqa")]
    assert manifest.screened == {}
    between = sorted(shares)[-1] - 1e-6
    strict = sarlang_hf.build(tmp_path / "strict", [SpaceNet6(tmp_path / "tree")], max_nodata=between)
    assert strict.screened == {"mostly_nodata": sum(share > between for share in shares)}
    listed = [json.loads(line) for line in (tmp_path / "strict/rejects.jsonl").read_text().splitlines()]
    assert {(reject["reason"], reject["screened"]) for reject in listed} == {("mostly_nodata", True)}


def test_a_source_of_nothing_but_nodata_leaves_the_other_sources_alone(trees: dict[str, Path], tmp_path: Path) -> None:
    """It has no limits for stretch `dataset`, and needs none."""
    sources = [SpaceNet6(trees["spacenet6"]), OpenEarthMapSAR(trees["openearthmap-sar"])]
    manifest = sarlang_hf.build(tmp_path / "out", sources, stretch="dataset", max_nodata=0.0)
    assert manifest.counts["images"]["train"].keys() | manifest.counts["images"]["test"].keys() >= {"openearthmap_sar"}
    assert manifest.screened["mostly_nodata"] > 0


def test_another_folder_with_files_of_the_same_names_and_sizes_is_another_input(tmp_path: Path) -> None:
    for seed, name in enumerate("ab"):
        for part, bands in (("sar", 1), ("rgb", 3)):
            write_tif(tmp_path / name / part / "1.tif", np.random.default_rng(seed).integers(1, 255, (bands, 40, 40), np.uint8))
    settings = RasterSettings(input_scale="amplitude")
    sarlang_hf.build(tmp_path / "out", [Paired(tmp_path / "a", settings=settings)])
    with pytest.raises(UsageError, match="finished build"):
        sarlang_hf.build(tmp_path / "out", [Paired(tmp_path / "b", settings=settings)])


def test_the_optical_twin_has_its_own_terms_and_sensor(realdata: Path, tmp_path: Path) -> None:
    settings = RasterSettings(input_scale="db")
    sarlang_hf.build(
        tmp_path / "out", [SpaceNet6(realdata / "spacenet6_layout", settings=settings)], with_rgb=True, with_raw=True
    )
    (image,), (before,), (twin,) = (rows(tmp_path / "out", config) for config in ("vqa", "raw", "rgb"))
    assert (image["polarization"], twin["polarization"]) == ("HH", "")
    assert "Capella" in image["sensor"]
    assert "Capella" not in twin["sensor"]
    assert "PS-RGB" in twin["file_name"]
    assert json.loads(before["preprocessing"])["nodata_share"] == pytest.approx(0.3915, abs=5e-5)
    assert json.loads(twin["preprocessing"])["nodata_share"] is None


def test_a_raster_cut_short_stops_the_build_or_is_left_out(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", layout="spacenet6", train=4, val=0, size=SIZE, seed=1)
    victim = sorted((tmp_path / "tree").rglob("SAR-Intensity/*.tif"))[0]
    victim.write_bytes(victim.read_bytes()[:-2000])
    with pytest.raises(ImageFault, match="not a whole"):
        sarlang_hf.build(tmp_path / "out", [SpaceNet6(tmp_path / "tree")])
    manifest = sarlang_hf.build(tmp_path / "out", [SpaceNet6(tmp_path / "tree")], on_error="skip")
    assert manifest.rejects == {"undecodable": 1}


def test_real_spacenet6_tile(realdata: Path, tmp_path: Path) -> None:
    out = tmp_path / "sarlang-1m"
    settings = RasterSettings(input_scale="db")
    manifest = sarlang_hf.build(out, [SpaceNet6(realdata / "spacenet6_layout", settings=settings)], with_raw=True, with_rgb=True)
    sarlang_hf.verify(out)
    (row,) = rows(out, "vqa")
    assert json.loads(row["preprocessing"])["nodata_share"] == pytest.approx(0.3915, abs=5e-5)
    assert (row["gsd_m"], row["lat"], row["lon"]) == pytest.approx((4.5, 51.9, 4.4), abs=0.15)
    assert row["scene"] == "20190804111224_20190804111453"
    assert manifest.dataset_kind == "custom"


def test_real_pairs(realdata: Path, tmp_path: Path) -> None:
    out = tmp_path / "sarlang-1m"
    settings = RasterSettings(input_scale="db", pol_order="VV,VH", polarization="VH")
    sarlang_hf.build(out, [Paired(realdata / "paired", settings=settings)], with_rgb=True)
    sarlang_hf.verify(out)
    found = rows(out, "vqa")
    assert len(found) == len(rows(out, "rgb")) == 5
    assert {(row["polarization"], round(row["gsd_m"])) for row in found} == {("VH", 10)}
    assert {json.loads(row["preprocessing"])["band"] for row in found} == {2}


def test_loading_the_raw_and_rgb_configs(trees: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "sarlang-1m"
    sarlang_hf.build(out, [SpaceNet6(trees["spacenet6"])], with_raw=True, with_rgb=True)
    raw = sarlang_hf.load(out, "raw", "train")
    assert raw[0]["image"].size == (SIZE, SIZE)
    images = open_dataset(out).images("train", "rgb")
    assert len(images) == len(raw)
    assert read_manifest(out).parameters["with_rgb"] is True


@pytest.mark.parametrize("config", ["vqa", "raw", "rgb"])
def test_the_builder_script_makes_the_same_rows(trees: dict[str, Path], tmp_path: Path, config: str) -> None:
    from sarlang_hf.loading_script.sarlang_1m import Sarlang1M

    out = tmp_path / "sarlang-1m"
    sarlang_hf.build(out, [SpaceNet6(trees["spacenet6"])], with_raw=True, with_rgb=True)
    builder = Sarlang1M(config_name=config, spacenet6=str(trees["spacenet6"]), cache_dir=str(tmp_path / "cache"))
    builder.download_and_prepare()
    for split in ("train", "test"):
        made = builder.as_dataset(split=split).with_format("arrow")[:].to_pylist()
        assert made == [
            row for path in sorted((out / "data").glob(f"{config}-{split}-*")) for row in pq.read_table(path).to_pylist()
        ]
