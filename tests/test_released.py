"""The released SARLANG-1M files: every spelling gives the same dataset, and what is wrong is named."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import struct
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rasters import colours, speckle, write_tif
from released_tree import (
    AREA,
    BOXES_TRAIN,
    CAPTIONS_TRAIN,
    COMPLEX_TEST,
    DARWIN,
    IMAGES,
    NEW_YORK,
    NICE,
    OTHERS_TRAIN,
    SARDET_TEST,
    SARDET_TRAIN,
    SEEN,
    SHOWN,
    STRIP,
    TEXTS,
    VIEW,
    Release,
    Texts,
    csv_text,
    json_text,
    renamed,
    with_rows,
    write_image,
    write_text,
)

import sarlang_hf
from sarlang_hf.cli import sarlang
from sarlang_hf.errors import ImageFault, SourceError
from sarlang_hf.schema import Tile, text_ids
from sarlang_hf.sources import SIMULATION_MARKER, registered
from sarlang_hf.sources.released import Released
from sarlang_hf.sources.released_csv import MAX_LINE, read_csv
from sarlang_hf.sources.released_json import read_json
from sarlang_hf.sources.released_stems import facts_of, source_of, stem_of
from sarlang_hf.sources.released_texts import MAX_TEXT, TextPart, TextRow

CSV_TRAIN = "Text/VQA/train/SARVQA2_train.csv"


def read(root: Path, sardet: Path | None = None) -> tuple[dict[str, Tile], list[ImageFault]]:
    """Tiles by image id, and the faults."""
    items = list(Released(root, sardet=sardet).tiles())
    tiles = [item for item in items if isinstance(item, Tile)]
    faults = [item for item in items if isinstance(item, ImageFault)]
    for fault in faults:
        assert str(fault.root) == str(root)
        assert fault.place.startswith(str(root))
        assert str(root) not in fault.problem  # it is filed in the dataset, which does not depend on where its source lay
    assert len({tile.image_id for tile in tiles}) == len(tiles)
    return {tile.image_id: tile for tile in tiles}, faults


def tiles_of(root: Path, sardet: Path | None = None) -> dict[str, Tile]:
    tiles, faults = read(root, sardet)
    assert not faults
    return tiles


def only_fault(root: Path, sardet: Path | None = None) -> ImageFault:
    [fault] = read(root, sardet)[1]
    return fault


def texts_in(tiles: dict[str, Tile]) -> dict[str, tuple[object, ...]]:
    return {image_id: (tile.split, tile.questions, tile.captions) for image_id, tile in tiles.items()}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return Release().write(tmp_path / "SARLANG_1M")


def test_sources_splits_and_terms_of_the_images(tree: Path) -> None:
    tiles = tiles_of(tree)
    assert {image_id: (tile.split, tile.license, tile.redistributable) for image_id, tile in tiles.items()} == {
        f"spacenet6/{STRIP}": ("train", "CC-BY-SA-4.0", True),
        f"dfc2023/{DARWIN}": ("train", "DFC2023 terms (no redistribution)", False),
        f"dfc2023/{NEW_YORK}": ("test", "DFC2023 terms (no redistribution)", False),
        f"openearthmap_sar/{NICE}": ("test", "CC-BY-4.0", True),
        f"sardet100k/{SARDET_TRAIN}": ("train", "CC-BY-NC-4.0", False),
        f"sardet100k/{SARDET_TEST}": ("test", "CC-BY-NC-4.0", False),
    }
    assert "released" in registered()


def test_images_are_passed_on_as_they_are_and_ask_nothing_of_their_own(tree: Path) -> None:
    for tile in tiles_of(tree).values():
        assert (tile.radar, tile.original, tile.optical, tile.boxes, tile.boxes_complete) == (None, None, None, (), False)
        assert tile.root == tree
        assert tile.path.parent == tree / "SARimages_preprocessed/SARimages"


def test_questions_keep_their_words_and_get_type_and_id(tree: Path) -> None:
    region, count = tiles_of(tree)[f"sardet100k/{SARDET_TRAIN}"].questions
    assert (region.question, region.answer, region.type, region.application) == (
        AREA,
        "aircraft",
        "region_referring",
        "region_referring",
    )
    assert (count.type, count.answer, count.template, count.origin) == ("instance_counting", "4", "", "released")
    [pool] = tiles_of(tree)[f"openearthmap_sar/{NICE}"].questions
    assert (pool.answer, pool.type, pool.application, pool.topic) == ("Rectangular.", "general_inquiry", "others", "shape")
    assert pool.question_id == text_ids(f"openearthmap_sar/{NICE}", [(pool.question, pool.answer)])[0]


def test_test_captions_are_of_the_kind_of_their_file_and_training_captions_of_that_of_their_wording(tree: Path) -> None:
    tiles = tiles_of(tree)
    kinds = {image_id: [(one.text, one.kind, one.origin) for one in tile.captions] for image_id, tile in tiles.items()}
    assert kinds[f"openearthmap_sar/{NICE}"] == [("A marina.", "complex", "released"), (SHOWN, "concise", "released")]
    assert kinds[f"spacenet6/{STRIP}"] == [(SHOWN, "complex", "released"), (VIEW, "concise", "released")]
    assert kinds[f"dfc2023/{DARWIN}"] == [(SEEN, "concise", "released")]


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        (STRIP, ("spacenet6", "20190822070610_20190822070846", "Rotterdam", "Netherlands", None, None)),
        ("SN6_Rotterdam_12", ("spacenet6", "", "Rotterdam", "Netherlands", None, None)),
        (DARWIN, ("dfc2023", "", "Darwin", "Australia", -12.4278, 130.8688)),
        (NEW_YORK, ("dfc2023", "", "New York", "United States", 40.7401, -73.9915)),
        ("SV_Nowhere_91.5_10.0", ("dfc2023", "", "Nowhere", "", None, None)),  # no such latitude
        ("GF2_odd", ("dfc2023", "", "", "", None, None)),
        (NICE, ("openearthmap_sar", "", "Nice", "France", None, None)),
        ("TrainArea_017", ("openearthmap_sar", "", "", "", None, None)),
        ("0009787", ("sardet100k", "", "", "", None, None)),
        ("٣٤", ("openearthmap_sar", "", "", "", None, None)),  # digits, but not those of SARDet's names
    ],
)
def test_what_a_stem_tells(stem: str, expected: tuple[object, ...]) -> None:
    facts = facts_of(stem)
    assert (facts.source, facts.scene, facts.place, facts.country, facts.lat, facts.lon) == expected


@pytest.mark.parametrize(
    "name",
    [
        f"{DARWIN}.png",
        f"{DARWIN}.TIF",
        DARWIN,  # ends in a longitude, not in an extension
        f" SARimages/{DARWIN}.png ",
        f"D:\\data\\SARimages\\{DARWIN}.jpeg",
        f"/home/somebody/../SARimages/{DARWIN}.bmp",
    ],
)
def test_an_image_name_in_any_spelling(name: str) -> None:
    assert stem_of(name) == DARWIN


PADDED = tuple(replace(texts, columns=tuple(f"  {column} " for column in texts.columns)) for texts in TEXTS)
SHOUTED = tuple(replace(texts, columns=tuple(column.upper() for column in texts.columns)) for texts in TEXTS)
SHORT = tuple(replace(texts, columns=("image", *(column.lower() for column in texts.columns[1:]))) for texts in TEXTS)
SNAKE = tuple(replace(texts, columns=("image_name", *texts.columns[1:])) for texts in TEXTS)
INDEXED = tuple(
    replace(texts, columns=("", *texts.columns), rows=tuple((str(i), *row) for i, row in enumerate(texts.rows)))
    for texts in TEXTS
)
NO_EXTENSION = tuple(replace(texts, rows=tuple((stem_of(row[0]), *row[1:]) for row in texts.rows)) for texts in TEXTS)
AS_RASTER = tuple(replace(texts, rows=tuple((f"{stem_of(row[0])}.tif", *row[1:]) for row in texts.rows)) for texts in TEXTS)
CAPITAL = renamed(
    Caption_training="Text/Caption/train/Caption_train",
    Caption_test="Text/Caption/test/Caption_test",
    Caption_test1="Text/Caption/test/Caption_test1",
)
UNPACKED = tuple(replace(texts, name=texts.name.removeprefix("Text/")) for texts in TEXTS)
NESTED = tuple(replace(texts, name=f"Text/{texts.name}") for texts in TEXTS)


@pytest.mark.parametrize(
    "release",
    [
        Release(bom=True),
        Release(texts=PADDED, bom=True),
        Release(texts=SHOUTED),
        Release(texts=SHORT),
        Release(texts=SNAKE),
        Release(texts=INDEXED),
        Release(texts=NO_EXTENSION),
        Release(texts=AS_RASTER),
        Release(texts=CAPITAL),
        Release(texts=UNPACKED),
        Release(texts=NESTED),
        Release(formats=(".json",)),
        Release(formats=(".json",), bom=True),
        Release(formats=(".csv", ".json")),
        Release(texts=CAPITAL, formats=(".json",)),
        Release(image_folder="SARimages"),
        Release(image_folder="SARimages_preprocessed"),
    ],
)
def test_every_spelling_of_the_same_texts_is_the_same_dataset(tree: Path, tmp_path: Path, release: Release) -> None:
    assert texts_in(tiles_of(release.write(tmp_path / "other"))) == texts_in(tiles_of(tree))


def test_ids_do_not_depend_on_the_order_of_rows(tree: Path, tmp_path: Path) -> None:
    backwards = tuple(replace(texts, rows=texts.rows[::-1]) for texts in TEXTS)
    other = tiles_of(Release(texts=backwards).write(tmp_path / "other"))
    for image_id, tile in tiles_of(tree).items():
        assert set(tile.questions) == set(other[image_id].questions)
        assert set(tile.captions) == set(other[image_id].captions)


ANY_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from(",\"\n;'"), min_size=1).filter(str.strip)


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=1, max_size=6))
def test_csv_and_json_give_back_the_texts_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    texts = replace(OTHERS_TRAIN, rows=tuple((f"{DARWIN}.png", *pair) for pair in pairs))
    folder = tmp_path_factory.mktemp("texts")
    wanted = [(question.strip(), answer.strip()) for question, answer in pairs]
    for reader, path in (
        (read_csv, write_text(folder / "a.csv", csv_text(texts))),
        (read_json, write_text(folder / "a.json", json_text(texts))),
    ):
        rows = list(reader(TextPart(path, "question", "train")))
        assert [(row.text, row.answer) for row in rows if isinstance(row, TextRow)] == wanted


def test_originals_and_optical_twins_are_attached_by_stem(tree: Path) -> None:
    originals = [write_image(tree / "SARimages_original" / f"{stem}.tif") for stem in (STRIP, DARWIN)]
    twin = write_tif(tree / "RGBimages" / f"{DARWIN}.tif", colours(1))
    for folder in ("SARimages_original", "RGBimages"):
        write_image(tree / folder / f"{SARDET_TRAIN}.tif")  # SARDet's images are never preprocessed and have no twin
    tiles = tiles_of(tree)
    strip, darwin = tiles[f"spacenet6/{STRIP}"], tiles[f"dfc2023/{DARWIN}"]
    assert [strip.original, darwin.original, darwin.optical, strip.optical] == [*originals, twin, None]
    assert strip.radar is not None
    assert (strip.radar.band, strip.radar.input_scale, strip.radar.zero) == (1, "db+60", "nodata")
    assert darwin.radar is not None
    assert (darwin.radar.input_scale, darwin.radar.zero) == ("amplitude", "border")
    sardet = tiles[f"sardet100k/{SARDET_TRAIN}"]
    assert (sardet.radar, sardet.original, sardet.optical, sardet.optical_license) == (None, None, None, "")
    assert strip.path.suffix == ".png"


def test_an_original_tells_where_its_image_lies(tree: Path) -> None:
    """Coordinates by hand: 590 km east and 5750 km north in UTM 31 N is 51.895 N, 4.308 E, and 6 and 8 m off the centre."""
    before = tiles_of(tree)
    write_tif(tree / "SARimages_original" / f"{STRIP}.tif", speckle(1, 4))
    write_tif(tree / "SARimages_original" / f"{DARWIN}.tif", speckle(2), crs=None)
    tiles = tiles_of(tree)
    strip, darwin = tiles[f"spacenet6/{STRIP}"], tiles[f"dfc2023/{DARWIN}"]
    assert (strip.lat, strip.lon) == (pytest.approx(51.895, abs=0.01), pytest.approx(4.308, abs=0.01))
    assert strip.gsd_m == pytest.approx(0.5)
    assert (darwin.lat, darwin.lon, darwin.gsd_m) == (-12.4278, 130.8688, None)  # the name's
    assert {(tile.lat, tile.gsd_m) for tile in before.values()} == {(None, None), (-12.4278, None), (40.7401, None)}
    write_tif(tree / "SARimages_original" / f"{DARWIN}.tif", speckle(2))
    assert tiles_of(tree)[f"dfc2023/{DARWIN}"].lat == strip.lat  # the file's before the name's


ORIGINAL, TWIN = f"SARimages_original/{STRIP}.tif", f"RGBimages/{STRIP}.tif"


@pytest.mark.parametrize(
    ("write", "reason", "problem"),
    [
        (lambda root: write_image(root / ORIGINAL, (31, 24)), "variant_mismatch",
         f"original {ORIGINAL} has 31x24 pixels, its image has 32x24"),
        (lambda root: write_text(root / ORIGINAL, ""), "empty_file", f"original {ORIGINAL} is empty"),
        (lambda root: write_text(root / ORIGINAL, "<html>404</html>"), "undecodable", f"original {ORIGINAL} is neither"),
        (lambda root: write_tif(root / ORIGINAL, speckle(1, dtype="complex64")), "complex",
         f"original {ORIGINAL} holds complex values (complex64)"),
        (lambda root: write_tif(root / TWIN, colours(1, (25, 32))), "variant_mismatch",
         f"optical twin {TWIN} has 32x25 pixels, its image has 32x24"),
        (lambda root: write_image((root / TWIN).with_suffix(".png"), (24, 32)), "variant_mismatch",
         f"optical twin RGBimages/{STRIP}.png has 24x32 pixels"),
        (lambda root: write_image((root / TWIN).with_suffix(".png")), "wrong_band_count",
         f"optical twin RGBimages/{STRIP}.png has 1 band;"),
        (lambda root: write_text(root / TWIN, "II*\0"), "undecodable", f"optical twin {TWIN} is not a whole GeoTIFF"),
    ],
)  # fmt: skip
def test_an_original_or_twin_that_does_not_fit_its_image(
    tree: Path, write: Callable[[Path], object], reason: str, problem: str
) -> None:
    write(tree)
    fault = only_fault(tree)
    assert (fault.reason, fault.image_id, fault.screened, fault.texts) == (reason, f"spacenet6/{STRIP}", False, 2)
    assert fault.problem.startswith(problem)
    assert "move it away to build without it" in fault.remedy
    assert "--on-error skip" in fault.remedy


def test_terms_and_sensors_of_optical_twins(tree: Path) -> None:
    for stem in (STRIP, DARWIN, NEW_YORK):
        write_tif(tree / f"RGBimages/{stem}.tif", colours(1))

    def twins() -> dict[str, tuple[str, bool, str]]:
        tiles = tiles_of(tree).values()
        return {tile.stem: (tile.optical_license, tile.optical_redistributable, tile.optical_sensor) for tile in tiles}

    none = ("", False, "")
    dfc2023 = "DFC2023 terms (no redistribution)"
    assert twins() == {
        STRIP: ("CC-BY-SA-4.0", True, "WorldView-2"),
        DARWIN: (dfc2023, False, "SuperView-1"),
        NEW_YORK: (dfc2023, False, "Gaofen-2"),
        NICE: none,
        SARDET_TRAIN: none,
        SARDET_TEST: none,
    }
    write_tif(tree / f"RGBimages/{NICE}.tif", colours(1))
    assert twins()[NICE] == ("terms of NAIP, IGN or GSI", False, "")
    (tree / SIMULATION_MARKER).write_text("{}")
    assert {stem: twin for stem, twin in twins().items() if twin != none} == dict.fromkeys(
        (STRIP, DARWIN, NEW_YORK, NICE), ("CC0-1.0", True, "")
    )


def test_an_original_beside_the_preprocessed_image_is_not_taken_for_it(tree: Path) -> None:
    original = write_image(tree / "SARimages_preprocessed/SARimages" / f"{DARWIN}.tif")
    darwin = tiles_of(tree)[f"dfc2023/{DARWIN}"]
    assert (darwin.path.suffix, darwin.original) == (".png", original)


def test_sizes_come_from_the_image_headers(tmp_path: Path) -> None:
    sizes = {f"{NICE}.png": (61, 40), f"{SARDET_TRAIN}.jpg": (17, 90)}
    tiles = tiles_of(Release(sizes=sizes).write(tmp_path / "r"))
    assert (tiles[f"openearthmap_sar/{NICE}"].width, tiles[f"openearthmap_sar/{NICE}"].height) == (61, 40)
    assert (tiles[f"sardet100k/{SARDET_TRAIN}"].width, tiles[f"sardet100k/{SARDET_TRAIN}"].height) == (17, 90)


def test_the_image_may_have_another_extension_than_the_texts_say(tree: Path) -> None:
    folder = tree / "SARimages_preprocessed/SARimages"
    (folder / f"{SARDET_TRAIN}.jpg").unlink()
    path = write_image(folder / f"{SARDET_TRAIN}.png")
    assert tiles_of(tree)[f"sardet100k/{SARDET_TRAIN}"].path == path


def test_of_two_files_with_one_stem_the_one_that_the_texts_name(tree: Path) -> None:
    write_image(tree / "SARimages_preprocessed/SARimages" / f"{SARDET_TRAIN}.png")
    assert tiles_of(tree)[f"sardet100k/{SARDET_TRAIN}"].path.name == f"{SARDET_TRAIN}.jpg"


def test_of_two_files_with_one_stem_none_that_the_texts_name(tree: Path) -> None:
    write_image(tree / "SARimages_preprocessed/SARimages" / f"{NICE}.bmp")
    write_image(tree / "SARimages_preprocessed/SARimages" / f"{NICE}.jpg")
    (tree / "SARimages_preprocessed/SARimages" / f"{NICE}.png").unlink()
    fault = only_fault(tree)
    assert (fault.reason, fault.problem) == ("ambiguous_image", f"image {NICE}.png may be {NICE}.bmp and {NICE}.jpg")


def test_of_two_folders_with_the_image_the_preprocessed_one_is_taken(tree: Path) -> None:
    write_image(tree / "SARimages" / f"{NICE}.png")
    assert tiles_of(tree)[f"openearthmap_sar/{NICE}"].path.parent.parent.name == "SARimages_preprocessed"


def sardet_tree(root: Path, *, train: str = SARDET_TRAIN, val: str = SARDET_TEST) -> Path:
    write_image(root / "JPEGImages/train" / f"{train}.jpg")
    write_image(root / "JPEGImages/val" / f"{val}.jpg")
    return root


def test_sardet_images_may_stay_in_their_own_tree(tmp_path: Path) -> None:
    root = Release(images=IMAGES[:4]).write(tmp_path / "r")
    sardet = sardet_tree(tmp_path / "SARDet_100K")
    write_image(sardet / "JPEGImages/train/0000001.jpg")  # named by no text, and not part of the release: no left-over
    tiles = tiles_of(root, sardet)
    assert tiles[f"sardet100k/{SARDET_TEST}"].path == sardet / f"JPEGImages/val/{SARDET_TEST}.jpg"
    assert tiles[f"sardet100k/{SARDET_TEST}"].split == "test"
    assert set(Released(root, sardet=sardet).inputs()) >= {"sardet/JPEGImages/train", "sardet/JPEGImages/val"}


def test_no_image_of_sardet_at_all(tmp_path: Path) -> None:
    root = Release(images=IMAGES[:4]).write(tmp_path / "r")
    with pytest.raises(SourceError, match="the texts name 2 images of SARDet-100K, and none of them is here") as caught:
        list(Released(root).tiles())
    assert (
        caught.value.remedy == "give SARDet-100K with --sardet, copy its images into SARimages/, or move the SARVQA1 files away"
    )


def test_sardet_is_not_missed_where_no_text_names_it(tmp_path: Path) -> None:
    texts = [one for one in TEXTS if "SARVQA1" not in one.name]
    assert len(tiles_of(Release(texts=texts, images=IMAGES[:4]).write(tmp_path / "r"))) == 4


def test_an_absent_image_is_one_fault_that_counts_its_texts(tree: Path) -> None:
    (tree / "SARimages_preprocessed/SARimages" / f"{STRIP}.png").unlink()
    tiles, [fault] = read(tree)
    assert len(tiles) == 5
    assert (fault.reason, fault.image_id, fault.screened) == ("missing_image", f"spacenet6/{STRIP}", False)
    assert fault.problem == f"image {STRIP}.png is absent; 2 texts name it"
    assert fault.texts == 2
    assert fault.place == f"{tree}/Text/caption/Caption-training.csv: line 2"
    assert "--on-error skip" in fault.remedy


def test_an_image_of_which_only_the_original_is_there(tree: Path) -> None:
    (tree / "SARimages_preprocessed/SARimages" / f"{NEW_YORK}.png").unlink()
    write_image(tree / "SARimages_original" / f"{NEW_YORK}.tif")
    assert only_fault(tree).problem == f"image {NEW_YORK}.png is absent; only its original is there; 1 text names it"


def test_images_that_no_text_names_are_screened(tree: Path) -> None:
    write_image(tree / "SARimages_preprocessed/SARimages/SN6_Rotterdam_7.png")
    write_image(tree / "RGBimages/SN6_Rotterdam_8.png")
    tiles, [fault] = read(tree)
    assert len(tiles) == 6
    assert (fault.reason, fault.image_id, fault.screened) == ("left_over", "spacenet6/SN6_Rotterdam_7", True)
    assert fault.texts == 0
    assert fault.place.endswith("SARimages_preprocessed/SARimages/SN6_Rotterdam_7.png")


@pytest.mark.parametrize("header", ["\ufeff Image name,Question ,ANSWER", '\ufeff"Image Name","Question","Answer"'])
def test_a_header_repeated_in_the_middle_is_counted_and_no_text(tree: Path, header: str) -> None:
    path = tree / CSV_TRAIN
    write_text(path, path.read_text() + f"{header}\r\n{DARWIN}.png,Where is the school visible?,bottom left\r\n")
    tiles, [fault] = read(tree)
    assert [one.answer for one in tiles[f"dfc2023/{DARWIN}"].questions] == ["Yes.", "bottom left"]
    assert (fault.reason, fault.screened, fault.place) == ("repeated_header", True, f"{path}: line 3")
    assert (fault.problem, fault.texts) == ("this row repeats the header of the file and is no text", 0)


def test_a_byte_order_mark_before_quotes_and_one_within_a_text(tree: Path) -> None:
    write_text(
        tree / CSV_TRAIN, f'\ufeff"Image Name","Question","Answer"\r\n{DARWIN}.png,"Is there a road?\n\ufeffOr two?",Yes.\r\n'
    )
    [question] = tiles_of(tree)[f"dfc2023/{DARWIN}"].questions
    assert question.question == "Is there a road?\n\ufeffOr two?"


def test_rows_that_occur_twice_are_kept_with_ids_of_their_own(tmp_path: Path) -> None:
    row = (f"{DARWIN}.png", "Are there any surrounding trees?", "Yes.")
    root = Release(texts=with_rows(OTHERS_TRAIN, row, row)).write(tmp_path / "r")
    first, second = tiles_of(root)[f"dfc2023/{DARWIN}"].questions
    assert (first.question, first.answer) == (second.question, second.answer)
    assert first.question_id != second.question_id


def test_empty_lines_are_nothing(tree: Path) -> None:
    before = texts_in(tiles_of(tree))
    path = tree / CSV_TRAIN
    write_text(path, "\r\n" + path.read_text() + ",,\r\n\r\n , ,\r\n")
    assert texts_in(tiles_of(tree)) == before


def test_the_two_formats_of_a_file_must_have_as_many_rows(tmp_path: Path) -> None:
    root = Release(formats=(".csv", ".json")).write(tmp_path / "r")
    write_text(root / "Text/VQA/train/SARVQA1_train.json", json_text(replace(BOXES_TRAIN, rows=BOXES_TRAIN.rows[:1])))
    with pytest.raises(SourceError, match=r"has 2 texts, but SARVQA1_train\.json beside it has 1") as caught:
        list(Released(root).tiles())
    assert caught.value.place == f"{root}/Text/VQA/train/SARVQA1_train.csv"


def test_the_manifest_learns_which_files_were_read(tmp_path: Path) -> None:
    root = Release(texts=[CAPTIONS_TRAIN], images=IMAGES[:2], formats=(".csv", ".json")).write(tmp_path / "r")
    write_text(root / "Text/VQA/train/SARVQA1_train_pt.json", "[]")  # a file of another project's training
    for strange in ("Text/__MACOSX/caption/Caption_test.csv", "Text/caption/._Caption_test.csv", "Text/.ipynb/Caption_test.csv"):
        write_text(root / strange, "Mac")
    source = Released(root)
    assert source.parameters() == {
        "texts": ["Text/caption/Caption-training.csv"],
        "same_number_of_rows": ["Text/caption/Caption-training.json"],
        "unknown_texts": ["Text/VQA/train/SARVQA1_train_pt.json"],
    }
    assert list(source.inputs()) == [
        "Text/caption/Caption-training.csv",
        "Text/caption/Caption-training.json",
        "SARimages_preprocessed",  # stands for SARimages/ in it as well
    ]


def test_an_image_in_both_parts(tmp_path: Path) -> None:
    texts = with_rows(COMPLEX_TEST, (f"{DARWIN}.png", SHOWN))
    root = Release(texts=texts).write(tmp_path / "r")
    with pytest.raises(SourceError, match="is named in both parts") as caught:
        list(Released(root).tiles())
    assert f"{root}/Text/caption/Caption-training.csv: line 4" in caught.value.problem
    assert caught.value.place == f"{root}/Text/caption/Caption_test.csv: line 2"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (f"{DARWIN}.png,,Yes.", "the question is empty"),
        (f"{DARWIN}.png,Is there a road?,  ", "the answer is empty"),
        (f"{DARWIN}.png,Is there\x07 a road?,Yes.", "the question holds a control character"),
    ],
)
def test_a_row_without_a_usable_text_is_a_fault_of_its_image(tree: Path, row: str, problem: str) -> None:
    path = tree / CSV_TRAIN
    write_text(path, path.read_text() + row + "\r\n")
    fault = only_fault(tree)
    assert (fault.reason, fault.problem, fault.image_id) == ("bad_text", problem, f"dfc2023/{DARWIN}")
    assert fault.texts == 3  # a caption and a question go with it
    assert fault.place == f"{path}: line 3"


def test_an_empty_caption(tmp_path: Path) -> None:
    root = Release(texts=with_rows(COMPLEX_TEST, (f"{NEW_YORK}.png", " "))).write(tmp_path / "r")
    assert only_fault(root).problem == "the caption is empty"


GOOD = b"Image Name,Question,Answer\r\nSN6_1.png,Is there a road?,Yes.\r\n"


@pytest.mark.parametrize(
    ("content", "problem", "line"),
    [
        (b"", "the file is empty", ""),
        (b"\r\n\r\n", "the file is empty", ""),
        (b"a.png,Is there a road?,Yes.\r\n", "has no column 'image'; its columns are a.png", ": line 1"),
        (b"\n\nImage Name;Question;Answer\r\n", "has no column 'image'; its columns are image name;question", ": line 3"),
        (b"Image Name,Caption\r\n", "has no column 'question'", ": line 1"),
        (b"Image Name,Question\r\n", "has no column 'answer'", ": line 1"),
        (b"Image Name,Question,Answer,image\r\n", "has more than one column 'image'", ": line 1"),
        (GOOD + b"a.png,Is there a road?\r\n", "has 2 cells, the header has 3", ": line 3"),
        (GOOD + b"a.png,What is there?,A road, a bridge\r\n", "has 4 cells, the header has 3", ": line 3"),
        (GOOD + b",Is there a road?,Yes.\r\n", "expected an image name, found ''", ": line 3"),
        (GOOD + b"folder/,Is there a road?,Yes.\r\n", "expected an image name, found 'folder/'", ": line 3"),
        (GOOD + b'"a\nb.png",Is there a road?,Yes.\r\n', "expected an image name", ": line 3"),
        (GOOD + b"a.png,Is there a caf\xe9?,Yes.\r\n", "is not UTF-8", ": line 3"),
        (GOOD.decode().encode("utf-16"), "is not UTF-8", ": line 1"),
        (GOOD + b"a.png,Is there\0 a road?,Yes.\r\n", "holds a NUL byte", ": line 3"),
        (GOOD + b'a.png,"Is there a road?,Yes.\r\n', "not a complete CSV file (unexpected end of data)", ": line 3"),
        (GOOD + b'a.png,"Is there" a road?,Yes.\r\n', "not a complete CSV file", ": line 3"),
        # The csv module's limit is the process's, and others may raise it: then our own, of the same size, speaks.
        (GOOD + b"a.png," + b"x" * (MAX_TEXT + 1) + b",Yes.\r\n", "131072", ": line 3"),
        (GOOD + b"x" * (MAX_LINE + 1), f"has more than {MAX_LINE} bytes", ": line 3"),
    ],
)  # fmt: skip
def test_a_damaged_csv_file_stops_with_its_place(tree: Path, content: bytes, problem: str, line: str) -> None:
    path = tree / CSV_TRAIN
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        list(Released(tree).tiles())
    assert problem in caught.value.problem
    assert caught.value.place == f"{path}{line}"
    assert caught.value.remedy


def record(**changes: object) -> str:
    messages = [{"role": "user", "content": "<image>Is there a road?"}, {"role": "assistant", "content": "Yes."}]
    return json.dumps({"messages": messages, "images": [f"{DARWIN}.png"]} | changes)


FORM = "expected a message of the user, one of the assistant and one image"


@pytest.mark.parametrize(
    ("content", "problem", "place"),
    [
        ("", "does not hold a list", ""),
        (record(), "does not hold a list", ""),
        (f"[{record()}, {record()[:40]}", "not a complete JSON file", ": [1]"),
        (f"[{record()}] []", "not a complete JSON file", ": [1]"),
        (f"[{record()}, {record(old=[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]])}]", "is nested more than 16 deep", ": [1]"),
        (f"[{record()}, {record(id=7, old={chr(97): [1.5, None, True]})[:-1]}", "not a complete JSON file", ": [1]"),
        ('[{"images": ["a.png"], "images": ["b.png"]}]', "the key 'images' is there twice", ": [0]"),
        (f"[{record()}, 5]", FORM, ": [1]"),
        (f"[{record(images=[])}]", FORM, ": [0]"),
        (f"[{record(images=['a.png', 'b.png'])}]", FORM, ": [0]"),
        (f"[{record(images='a.png')}]", FORM, ": [0]"),
        (f"[{record(messages=[{'role': 'user', 'content': 'x'}])}]", FORM, ": [0]"),
        (f"[{record(messages=[{'role': 'user', 'content': 'x'}, {'role': 'user', 'content': 'y'}])}]", FORM, ": [0]"),
        (f"[{record(messages=[{'role': 'user', 'content': 'x'}, {'role': 'assistant', 'content': 4}])}]", FORM, ": [0]"),
        (f"[{record(images=[''])}]", "expected an image name, found ''", ": [0]"),
        (
            f"[{record(messages=[{'role': 'user', 'content': 'x' * (MAX_TEXT + 1)}, {'role': 'assistant', 'content': 'y'}])}]",
            f"has a text of more than {MAX_TEXT} characters",
            ": [0]",
        ),
    ],
)  # fmt: skip
def test_a_damaged_json_file_stops_with_its_place(tree: Path, content: str, problem: str, place: str) -> None:
    (tree / CSV_TRAIN).unlink()
    path = write_text((tree / CSV_TRAIN).with_suffix(".json"), content)
    with pytest.raises(SourceError) as caught:
        list(Released(tree).tiles())
    assert problem in caught.value.problem
    assert "\n" not in caught.value.problem
    assert "^" not in caught.value.problem  # the parser's arrow
    assert len(caught.value.problem) < 120
    assert caught.value.place == f"{path}{place}"


def test_a_record_may_hold_more_than_is_read(tree: Path) -> None:
    (tree / CSV_TRAIN).unlink()
    write_text((tree / CSV_TRAIN).with_suffix(".json"), f" [{record(id=7, system=None, area=[[1.5, 2], {'a': True}])}]\n")
    [question] = tiles_of(tree)[f"dfc2023/{DARWIN}"].questions
    assert (question.question, question.answer) == ("Is there a road?", "Yes.")


def test_a_hundred_thousand_brackets_end_at_once(tree: Path) -> None:
    (tree / CSV_TRAIN).unlink()
    write_text((tree / CSV_TRAIN).with_suffix(".json"), "[" * 100_000)
    with pytest.raises(SourceError, match="is nested more than 16 deep"):
        list(Released(tree).tiles())


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(b""), "empty_file"),
        (lambda path: path.write_bytes(path.read_bytes()[:12]), "undecodable"),
        (lambda path: path.write_text("<html>404</html>"), "undecodable"),
        (lambda path: write_image(path.with_suffix(".tif")).rename(path), "undecodable"),  # a raster under a picture's name
        (lambda path: path.write_bytes(_huge(path.read_bytes())), "too_large"),
    ],
    ids=["empty", "cut", "html", "tiff", "huge"],
)
def test_an_image_whose_header_cannot_be_read(tree: Path, damage: Callable[[Path], object], reason: str) -> None:
    damage(tree / "SARimages_preprocessed/SARimages" / f"{NICE}.png")
    fault = only_fault(tree)
    assert (fault.reason, fault.image_id) == (reason, f"openearthmap_sar/{NICE}")
    assert fault.problem.startswith(f"image SARimages_preprocessed/SARimages/{NICE}.png ")
    assert fault.texts == 3


def _huge(data: bytes) -> bytes:
    """The same PNG, declared as 60,000 by 60,000 pixels."""
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def test_a_tree_that_lacks_a_part(tree: Path) -> None:
    shutil.move(tree / "SARimages_preprocessed", tree / "elsewhere")
    with pytest.raises(SourceError, match="no folder of released SAR images") as caught:
        Released(tree)
    assert caught.value.remedy.endswith(", or run `sarlang fetch-released` on this folder")
    shutil.move(tree / "elsewhere", tree / "SARimages_preprocessed")
    shutil.move(tree / "Text", tree / "elsewhere")
    with pytest.raises(SourceError, match="no text files of SARLANG-1M") as caught:
        Released(tree)
    assert "Text.zip" not in caught.value.remedy
    (tree / "Text.zip").write_bytes(b"PK")
    with pytest.raises(SourceError, match="no text files") as caught:
        Released(tree)
    assert caught.value.remedy == "unpack Text.zip here, or run `sarlang fetch-released` on this folder"


def test_folders_that_are_not_there(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the SARLANG-1M folder does not exist"):
        Released(tmp_path / "nothing")
    with pytest.raises(SourceError, match="the SARDet-100K folder does not exist"):
        Released(tree, sardet=tmp_path / "nothing")
    with pytest.raises(SourceError, match="no images of SARDet-100K here"):
        Released(tree, sardet=tree)


def test_a_text_file_that_is_there_twice(tree: Path) -> None:
    first = tree / "Text/VQA/SARVQA2_train.csv"
    shutil.copy(tree / CSV_TRAIN, first)
    with pytest.raises(SourceError, match="this text file is there twice") as caught:
        Released(tree)
    assert {caught.value.place, caught.value.remedy} == {str(tree / CSV_TRAIN), f"keep one of it and {first}"}


def test_a_file_name_that_is_no_utf8(tree: Path) -> None:
    folder = tree / "SARimages_preprocessed/SARimages"
    (folder / b"\xff.png".decode(errors="surrogateescape")).write_bytes(b"")
    with pytest.raises(SourceError, match="is not printable or no UTF-8") as caught:
        list(Released(tree).tiles())
    assert caught.value.place == str(folder)


@pytest.mark.parametrize("locked", ["Text", "Text/VQA", "Text/VQA/train", CSV_TRAIN, "SARimages_preprocessed/SARimages"])
def test_what_may_not_be_read_is_the_sources_fault(locked: str) -> None:
    with TemporaryDirectory() as name:  # pytest's own folder may not be entered by every user
        Path(name).chmod(0o755)
        root = Release().write(Path(name) / "r")
        (root / locked).chmod(0)
        user = os.geteuid()
        if user == 0:  # permissions bind everybody but root
            os.seteuid(65534)
        try:
            with pytest.raises(SourceError, match="cannot be read: Permission denied"):
                list(Released(root).tiles())
        finally:
            os.seteuid(user)
            (root / locked).chmod(0o755)


def test_a_full_temporary_folder_is_reported(tmp_path: Path) -> None:
    rows = tuple((f"{i:07}.png", "How many tanks are there in the image?", "4") for i in range(30_000))
    root = Release(texts=[replace(BOXES_TRAIN, rows=rows)], images=["0000000.png"]).write(tmp_path / "r")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(SourceError, match="no room to sort the texts") as caught:
            list(Released(root).tiles())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "SQLITE_TMPDIR" in caught.value.remedy


def test_simulated_files_are_free(tree: Path) -> None:
    (tree / SIMULATION_MARKER).write_text("{}")
    assert Released(tree).simulated
    assert {(tile.license, tile.redistributable) for tile in tiles_of(tree).values()} == {("CC0-1.0", True)}


def test_memory_does_not_grow_with_the_number_of_texts(tmp_path: Path) -> None:
    """A tenth of the rows, the same peak: what is held is one image's texts."""

    def peak(rows: int) -> int:
        asked = tuple((f"{i % 40:07}.png", f"How many tanks are there in the image, part {i}?", "4") for i in range(rows))
        texts = [Texts("Text/VQA/train/SARVQA1_train", asked[:40]), Texts("Text/VQA/train/SARVQA2_train", asked[40:])]
        root = Release(texts=texts, images=[f"{i:07}.png" for i in range(40)]).write(tmp_path / str(rows))
        source = Released(root)
        tracemalloc.start()
        count = sum(len(item.questions) for item in source.tiles() if isinstance(item, Tile))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == rows
        return size

    small, large = peak(400), peak(4000)
    assert large < small + 100 * 1000  # bytes: 90 more texts of an image, not 3,600 more of all


def test_a_build_of_the_released_files(tree: Path, tmp_path: Path) -> None:
    manifest = sarlang_hf.build(tmp_path / "out", [Released(tree)])
    sarlang_hf.verify(tmp_path / "out")
    assert manifest.dataset_kind == "custom"
    assert manifest.counts["question_origins"] == {"train": {"released": 3}, "test": {"released": 2}}
    assert manifest.counts["captions"] == {"train": {"complex": 1, "concise": 2}, "test": {"complex": 2, "concise": 1}}
    sources = Counter(source_of(stem_of(name)) for name in IMAGES)
    assert sum((Counter(by) for by in manifest.counts["images"].values()), Counter()) == sources


def test_verify_tells_how_many_texts_went_with_absent_images(tree: Path, tmp_path: Path) -> None:
    (tree / "SARimages_preprocessed/SARimages" / f"{STRIP}.png").unlink()
    out = tmp_path / "out"
    sarlang_hf.build(out, [Released(tree)], on_error="skip")

    def said() -> str:
        return CliRunner().invoke(sarlang, ["verify", str(out), "--official"]).stdout

    assert "missing_image 1 (2 texts)\n" in said()
    assert "2 texts went with images that were left out\n" in said()
    [reject] = map(json.loads, (out / "rejects.jsonl").read_text().splitlines())
    assert reject.pop("texts") == 2
    _replace(out, "rejects.jsonl", json.dumps(reject) + "\n")  # as folders hold it that were built before
    assert "missing_image 1\n" in said()


def _replace(dataset: Path, name: str, content: str) -> None:
    """Another content of a side file, with which the manifest agrees."""
    (dataset / name).write_text(content)
    manifest = json.loads((dataset / "manifest.json").read_text())
    [entry] = [entry for entry in manifest["files"] if entry["file"] == name]
    entry |= {"bytes": len(content), "sha256": hashlib.sha256(content.encode()).hexdigest()}
    (dataset / "manifest.json").write_text(json.dumps(manifest))
