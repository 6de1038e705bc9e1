"""Sources read what is there, and say what is wrong."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from trees import VESSEL, Picture, coco_folder, edit_json, plain_tree, sardet_tree

from sarlang_hf.errors import ImageFault, SourceError, UsageError
from sarlang_hf.schema import CATEGORIES, Tile
from sarlang_hf.sources import SIMULATION_MARKER, Coco, SARDet100K, Source, register, registered, source_class
from sarlang_hf.sources.base import fit_box
from sarlang_hf.sources.coco_json import read_coco
from sarlang_hf.sources.json_rows import MAX_DEPTH


def tiles(source: Source) -> list[Tile]:
    found = list(source.tiles())
    assert all(isinstance(tile, Tile) for tile in found), found
    return [tile for tile in found if isinstance(tile, Tile)]


def fault(source: Source) -> ImageFault:
    faults = [item for item in source.tiles() if isinstance(item, ImageFault)]
    assert len(faults) == 1
    root = str(faults[0].root)
    assert faults[0].place.startswith(root)
    assert root not in faults[0].problem  # it is filed in the dataset, which does not depend on where its source lay
    return faults[0]


def test_sardet_class_order_is_the_official_one(tmp_path: Path) -> None:
    boxes = [(name, 2.0 * i, 3.0, 2.0, 4.0) for i, name in enumerate(["ship", "aircraft", "car", "tank", "bridge", "harbor"])]
    root = sardet_tree(tmp_path / "s", [Picture("a.png", boxes=boxes)], [])
    edit_json(root / "Annotations/train.json", categories=[])  # the official order is what ids 0..5 mean then
    [tile] = tiles(SARDet100K(root))
    assert [(box.category, box.bbox) for box in tile.boxes] == [(n, (x, y, w, h)) for n, x, y, w, h in boxes]


def test_train_becomes_train_and_val_becomes_test(tree: Path) -> None:
    assert Counter(tile.split for tile in tiles(SARDet100K(tree))) == {"train": 12, "test": 6}


def test_sizes_channels_and_formats_of_sardet(tmp_path: Path) -> None:
    pictures = [
        Picture("a.jpg", (64, 40)),
        Picture("b.png", (20, 90), "RGB"),
        Picture("c.bmp", (33, 17)),
        Picture("d.jpeg", mode="RGB"),
    ]
    found = tiles(SARDet100K(sardet_tree(tmp_path / "s", pictures, [])))
    assert [(tile.image_id, (tile.width, tile.height)) for tile in found] == [
        (f"sardet100k/{picture.name[0]}", picture.size) for picture in pictures
    ]


def test_dots_in_file_names_stay_in_ids(tmp_path: Path) -> None:
    [tile] = tiles(SARDet100K(sardet_tree(tmp_path / "s", [Picture("HB03401.000.png")], [])))
    assert tile.image_id == "sardet100k/HB03401.000"


def test_sardet_images_are_not_ours_to_pass_on(tree: Path) -> None:
    assert {(tile.license, tile.redistributable) for tile in tiles(SARDet100K(tree))} == {("CC-BY-NC-4.0", False)}


def test_the_simulators_marker_is_seen(tree: Path) -> None:
    assert not SARDet100K(tree).simulated
    (tree / SIMULATION_MARKER).write_text("{}")
    assert SARDet100K(tree).simulated


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        ((0, 0, 32, 24), False),  # fills the image
        ((-1, 0, 5, 5), True),  # one pixel out on the left
        ((28, 20, 5, 4.5), True),  # one pixel right, half a pixel below
    ],
)
def test_boxes_at_the_border_are_kept_or_clipped(bbox: tuple[float, float, float, float], expected: bool) -> None:
    fitted = fit_box(bbox, "ship", 32, 24)
    assert not isinstance(fitted, str)
    box, clipped = fitted
    assert clipped == expected
    assert min(box.x, box.y) >= 0
    assert box.x + box.width <= 32
    assert box.y + box.height <= 24


@pytest.mark.parametrize(
    ("bbox", "problem"),
    [
        ((4, 4, 0, 5), "no area"),
        ((4, 4, 5, -1), "no area"),
        ((4, 4, float("nan"), 5), "no area"),
        ((-1.1, 4, 5, 5), "outside"),
        ((30, 4, 3.2, 5), "outside"),
        ((40, 4, 5, 5), "outside"),
        ((float("nan"), 4, 5, 5), "outside"),
        ((4, float("nan"), 5, 5), "outside"),
        ((-1, 4, 0.5, 5), "outside"),  # within the tolerance, but nothing is left after clipping
    ],
)
def test_boxes_that_cannot_be_kept(bbox: tuple[float, float, float, float], problem: str) -> None:
    fitted = fit_box(bbox, "ship", 32, 24)
    assert isinstance(fitted, str)
    assert problem in fitted


@pytest.mark.parametrize(
    ("bbox", "reason"), [([4, 4, 0, 5], "bad_box"), ([30, 4, 9, 5], "bad_box"), ([4, 4, 5, 5], "unknown_category")]
)
def test_a_bad_annotation_is_a_fault_of_its_image(tmp_path: Path, bbox: list[float], reason: str) -> None:
    root = sardet_tree(tmp_path / "s", [Picture("a.png"), Picture("b.png")], [])
    row = {"id": 9, "image_id": 2, "category_id": 0 if reason == "bad_box" else 17, "bbox": bbox}
    edit_json(root / "Annotations/train.json", annotations=lambda old: [*old, row])
    found = fault(SARDet100K(root))
    assert (found.reason, found.image_id) == (reason, "sardet100k/b")
    assert found.place.endswith("Annotations/train.json: annotations[2]")
    assert "--on-error skip" in found.remedy


def test_an_image_named_but_absent_is_a_fault(tree: Path) -> None:
    (tree / "JPEGImages/val/0000013.png").unlink()
    found = fault(SARDet100K(tree))
    assert (found.reason, found.image_id) == ("missing_image", "sardet100k/0000013")
    assert found.problem == "image JPEGImages/val/0000013.png is absent"
    assert found.place == f"{tree}/Annotations/val.json: images[1]"


def _cut(text: str) -> str:
    return text[: len(text) // 2]


def _twice(key: str) -> Any:
    return lambda text: json.dumps((content := json.loads(text)) | {key: content[key] + content[key][:1]})


def _without(key: str) -> Any:
    return lambda text: json.dumps({name: rows for name, rows in json.loads(text).items() if name != key})


def _set(key: str, value: object) -> Any:
    return lambda text: json.dumps(json.loads(text) | {key: value})


def _once_more(key: str) -> Any:
    return lambda text: f'{text[:-1]}, "{key}": {json.dumps(json.loads(text)[key])}}}'


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def _with(key: str, field: str, value: object) -> Any:
    def change(text: str) -> str:
        content = json.loads(text)
        content[key][0][field] = value
        return json.dumps(content)

    return change


@pytest.mark.parametrize(
    ("damage", "problem", "place"),
    [
        (_cut, "not a complete JSON file", "train.json"),
        (lambda _: "", "not a complete JSON file", "train.json"),
        (lambda text: text + "{}", "not a complete JSON file", "train.json"),
        (lambda _: "[]", "does not hold an object", "train.json"),
        (lambda _: "5", "does not hold an object", "train.json"),
        (lambda _: "{}", "there is no list annotations and no list images", "train.json"),
        (lambda _: '{"Images": [], "annotations": []}', "there is no list images", "train.json"),
        (_without("images"), "there is no list images", "train.json"),
        (_without("annotations"), "there is no list annotations", "train.json"),
        (_set("images", {"1": {}}), "expected a list, found an object", "train.json: images"),
        (_set("annotations", None), "expected a list, found None", "train.json: annotations"),
        (_set("categories", "ship"), "expected a list, found 'ship'", "train.json: categories"),
        (_once_more("images"), "the key 'images' is there twice", "train.json"),
        (_once_more("annotations"), "the key 'annotations' is there twice", "train.json"),
        (_once_more("categories"), "the key 'categories' is there twice", "train.json"),
        (lambda text: text.replace('"width"', '"id": 7, "width"', 1), "the key 'id' is there twice", "images[0]"),
        (
            lambda text: text.replace('"bbox"', '"rle": {"n": 1, "n": 2}, "bbox"', 1),
            "the key 'n' is there twice",
            "annotations[0]",
        ),
        (_with("images", "tags", _nested(MAX_DEPTH - 2)), "nested more than 64 deep", "images[0]"),
        (_set("info", _nested(MAX_DEPTH)), "nested more than 64 deep", "train.json: info"),
        (lambda text: text.replace('"file_name"', '"f\x00"'), "not a complete JSON file", "train.json"),
        (_twice("images"), "duplicate image id 1", "images[12]"),
        (_twice("categories"), "duplicate category id 0", "categories[6]"),
        (_with("images", "id", 2), "duplicate image id 2", "images[1]"),
        (_with("images", "file_name", "0000001.png"), "duplicate file name '0000001.png'", "images[1]"),
        (_with("images", "file_name", "../../etc/passwd"), "leaves the image folder", "images[0].file_name"),
        (_with("images", "file_name", "/etc/passwd"), "leaves the image folder", "images[0].file_name"),
        (_with("images", "file_name", "."), "names a folder, not a file", "images[0].file_name"),
        (_with("images", "file_name", "a/"), "names a folder, not a file", "images[0].file_name"),
        (_with("images", "file_name", ""), "expected a text, found ''", "images[0].file_name"),
        (_with("images", "file_name", "a\x00.png"), "holds a control character", "images[0].file_name"),
        (_with("images", "file_name", "a\n.png"), "holds a control character", "images[0].file_name"),
        (_with("categories", "name", "sh\nip"), "holds a control character", "categories[0].name"),
        (_with("images", "file_name", 7), "expected a text, found 7", "images[0].file_name"),
        (_with("images", "width", "64"), "expected a whole number, found '64'", "images[0].width"),
        (_with("images", "id", 1.5), "expected a whole number", "images[0].id"),
        (_with("annotations", "image_id", 999), "image_id 999 is not listed in images", "annotations[0]"),
        (_with("annotations", "bbox", [1, 2, 3]), "expected a box", "annotations[0].bbox"),
        (_with("annotations", "bbox", None), "found None", "annotations[0].bbox"),
        (_with("categories", "name", "zeppelin"), "unknown categories zeppelin", "categories"),
        (lambda text: text.replace('"images": [', '"images": [5, '), "expected an object, found 5", "images[0]"),
    ],
)
def test_a_damaged_annotation_file_stops_with_its_place(tree: Path, damage: Any, problem: str, place: str) -> None:
    path = tree / "Annotations/train.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(SourceError) as caught:
        list(SARDet100K(tree).tiles())
    assert problem in caught.value.problem
    assert caught.value.place.startswith(str(path))
    assert place in caught.value.place
    assert caught.value.remedy


@pytest.mark.parametrize("key", ["images", "info"])
def test_a_hundred_thousand_brackets_end_at_once(tree: Path, key: str) -> None:
    (tree / "Annotations/train.json").write_text(f'{{"{key}": {"[" * 100_000}')
    with pytest.raises(SourceError, match="nested more than 64 deep"):
        list(SARDet100K(tree).tiles())


def test_nesting_up_to_the_limit_and_unknown_keys_are_passed_over(tree: Path) -> None:
    path = tree / "Annotations/train.json"
    path.write_text(_with("images", "tags", _nested(MAX_DEPTH - 3))(path.read_text()))
    edit_json(path, info=_nested(MAX_DEPTH - 1), licenses=[{"id": 1}], year=2024, note={"images": [5]})
    assert len(tiles(SARDet100K(tree))) == 18


def test_lists_may_come_in_any_order(tree: Path) -> None:
    before = tiles(SARDet100K(tree))
    path = tree / "Annotations/train.json"
    path.write_text(json.dumps(dict(reversed(json.loads(path.read_text()).items()))))
    assert tiles(SARDet100K(tree)) == before


def test_a_name_too_long_for_any_file_is_an_absent_image(tmp_path: Path) -> None:
    """Not a fault of the whole source: the other images are what they were."""
    root = coco_folder(tmp_path / "c", {"train.json": [Picture("b.png")]}, CATEGORIES)
    row = {"id": 9, "file_name": "a" * 300, "width": 9, "height": 9}
    edit_json(root / "train.json", images=lambda old: [*old, row])
    assert fault(Coco(root)).reason == "missing_image"
    assert [tile.stem for tile in Coco(root).tiles() if isinstance(tile, Tile)] == ["b"]


def test_a_byte_order_mark_is_tolerated(tree: Path) -> None:
    path = tree / "Annotations/train.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(tiles(SARDet100K(tree))) == 18


@pytest.mark.parametrize("missing", ["Annotations/val.json", "JPEGImages/train"])
def test_an_incomplete_sardet_tree_is_refused(tree: Path, missing: str) -> None:
    (tree / missing).rename(tree / "elsewhere")
    with pytest.raises(SourceError, match="layout"):
        SARDet100K(tree)


@pytest.mark.parametrize("name", ["nothing", "nothing/deeper", "a" * 300])
@pytest.mark.parametrize("source", [SARDet100K, Coco])
def test_a_source_folder_that_is_not_there(tmp_path: Path, source: Callable[[Path], Source], name: str) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        source(tmp_path / name)


def test_a_file_where_a_folder_should_be(tree: Path) -> None:
    with pytest.raises(SourceError, match="is not a folder"):
        Coco(tree / "Annotations/train.json")
    (tree / "JPEGImages/val").rename(tree / "elsewhere")
    (tree / "JPEGImages/val").write_text("")
    with pytest.raises(SourceError, match="layout") as caught:
        SARDet100K(tree)
    assert caught.value.place == str(tree / "JPEGImages/val")


@pytest.mark.parametrize("source", [SARDet100K, Coco])
def test_a_folder_where_an_annotation_file_should_be(tree: Path, source: Callable[[Path], Source]) -> None:
    (tree / "Annotations/val.json").unlink()
    (tree / "Annotations/val.json").mkdir()
    with pytest.raises(SourceError, match="Is a directory") as caught:
        source(tree)
    assert caught.value.place == str(tree / "Annotations/val.json")


def test_an_annotation_file_that_vanishes(tree: Path) -> None:
    source, path = SARDet100K(tree), tree / "Annotations/train.json"
    path.unlink()
    with pytest.raises(SourceError, match="No such file") as caught:
        list(source.tiles())
    assert caught.value.place == str(path)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Permissions bind everybody but root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that every user may enter, which pytest's own is not."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(
    ("locked", "place"),
    [
        ("Annotations/train.json", "Annotations/train.json"),
        ("Annotations", "Annotations/train.json"),
        ("JPEGImages", "JPEGImages/train"),
        ("JPEGImages/train", "JPEGImages/train/0000000.png"),
        (".", "Annotations/train.json"),
    ],
)
def test_what_may_not_be_read_in_sardet_is_the_sources_fault(open_folder: Path, locked: str, place: str) -> None:
    root = plain_tree(open_folder / "s", train=1, val=1)
    (root / locked).chmod(0)
    with unprivileged(), pytest.raises(SourceError, match="cannot be read: Permission denied") as caught:
        list(SARDet100K(root).tiles())
    (root / locked).chmod(0o755)
    assert caught.value.place == str(root / place)


@pytest.mark.parametrize(
    ("locked", "mode", "place"),
    [
        ("annotations/train.json", 0, "annotations/train.json"),
        ("annotations", 0o311, "annotations"),  # may be entered but not listed
        ("images", 0, "images/a.png"),
        (".", 0, "simulated.json"),
    ],
)
def test_what_may_not_be_read_in_coco_is_the_sources_fault(open_folder: Path, locked: str, mode: int, place: str) -> None:
    files = {"annotations/train.json": [Picture("a.png")], "val.json": [Picture("b.png")]}
    root = coco_folder(open_folder / "c", files, CATEGORIES)
    (root / locked).chmod(mode)
    with unprivileged(), pytest.raises(SourceError, match="cannot be read: Permission denied") as caught:
        list(Coco(root).tiles())
    (root / locked).chmod(0o755)
    assert caught.value.place == str(root / place)


def test_coco_maps_and_drops_classes(tmp_path: Path) -> None:
    pictures = [Picture("a.png", boxes=[*VESSEL, ("buoy", 3.0, 3.0, 2.0, 2.0)])]
    root = coco_folder(tmp_path / "c", {"annotations/all.json": pictures}, ("vessel", "buoy"))
    [tile] = tiles(Coco(root, label="ssdd", class_map={"vessel": "ship", "buoy": ""}))
    assert [(box.category, box.bbox) for box in tile.boxes] == [("ship", (1.0, 2.0, 9.0, 8.0))]
    assert (tile.image_id, tile.source, tile.split) == ("coco/ssdd/a", "coco", None)


@pytest.mark.parametrize("label", ["..", ".", "a/b", "new\nline", " ", "a b", "-\x00"])
def test_a_coco_label_becomes_part_of_ids_and_must_fit(tmp_path: Path, label: str) -> None:
    root = coco_folder(tmp_path / "c", {"train.json": [Picture("a.png")]}, CATEGORIES)
    with pytest.raises(UsageError, match="cannot name a COCO set"):
        Coco(root, label=label)


def test_a_class_is_mapped_to_one_of_our_categories(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "c", {"train.json": [Picture("a.png", boxes=VESSEL)]}, ("vessel",))
    with pytest.raises(UsageError, match="'vessel' is mapped to 'shp'") as caught:
        Coco(root, class_map={"vessel": "shp"})
    assert "ship, aircraft, car, tank, bridge, harbor" in caught.value.remedy


def test_whole_numbers_may_be_written_with_a_point(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "c", {"train.json": [Picture("a.png")]}, CATEGORIES)
    edit_json(
        root / "train.json",
        images=lambda rows: [rows[0] | {"id": 1.0, "width": 32.0}],
        annotations=lambda rows: [rows[0] | {"image_id": 1.0, "category_id": 0.0, "iscrowd": "0"}],
    )
    [tile] = tiles(Coco(root))
    assert (tile.width, [box.category for box in tile.boxes]) == (32, ["ship"])


def test_coco_lists_the_classes_when_one_is_unmapped(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "c", {"all.json": [Picture("a.png", boxes=VESSEL)]}, ("vessel", "ship"))
    with pytest.raises(SourceError, match=r"no category given for vessel \(classes of this file: ship, vessel\)") as caught:
        list(Coco(root).tiles())
    assert "--class-map vessel=ship" in caught.value.remedy


def test_coco_names_the_classes_of_all_its_files(tmp_path: Path) -> None:
    files = {"train.json": [Picture("a.png", boxes=VESSEL)], "annotations/val.json": [Picture("b.png", boxes=VESSEL)]}
    root = coco_folder(tmp_path / "c", files, ("vessel", "buoy"))
    edit_json(root / "annotations/val.json", categories=[{"id": 0, "name": "vessel"}, {"id": 7, "name": "oil rig"}])
    assert Coco(root).class_names() == {"vessel", "buoy", "oil rig"}


@pytest.mark.parametrize("as_given", [str, Path])
def test_coco_below_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_given: Callable[[str], str | Path]
) -> None:
    coco_folder(tmp_path / "rel", {"annotations/all.json": [Picture("a.png")]}, CATEGORIES)
    monkeypatch.chdir(tmp_path)
    source = Coco(as_given("rel"))
    monkeypatch.chdir("/")  # a build may be continued from elsewhere
    assert source.inputs() == {"annotations/all.json": tmp_path / "rel/annotations/all.json"}
    assert [tile.path for tile in tiles(source)] == [tmp_path / "rel/images/a.png"]


def test_sardet_below_the_working_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree.parent)
    source = SARDet100K(tree.name)
    monkeypatch.chdir("/")
    assert tiles(source) == tiles(SARDet100K(tree))


def test_coco_through_links(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "c", {"annotations/all.json": [Picture("a.png")]}, CATEGORIES)
    (root / "Annotations").symlink_to("annotations")
    (tmp_path / "link").symlink_to(root)
    source = Coco(tmp_path / "link")
    [name] = source.inputs()  # one file, although two names lead to it
    assert name in {"annotations/all.json", "Annotations/all.json"}
    assert [tile.root for tile in tiles(source)] == [tmp_path / "link"]


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["instances_train2017.json", "instances_val2017.json"], {"train", "test"}),
        (["annotations/train.json", "annotations/test.json"], {"train", "test"}),
        (["annotations/val.json"], {"test"}),
        (["everything.json"], {None}),
    ],
)
def test_coco_split_follows_the_file_name(tmp_path: Path, names: list[str], splits: set[str | None]) -> None:
    files = {name: [Picture(f"{i}.png")] for i, name in enumerate(names)}
    assert {tile.split for tile in tiles(Coco(coco_folder(tmp_path / "c", files, CATEGORIES)))} == splits


def test_coco_refuses_files_whose_split_it_cannot_tell(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "c", {"train.json": [Picture("a.png")], "more.json": [Picture("b.png")]}, CATEGORIES)
    with pytest.raises(SourceError, match="cannot tell which split") as caught:
        Coco(root)
    assert caught.value.place.endswith("more.json")


@pytest.mark.parametrize("images", ["", "images", "JPEGImages", "train2017", "images/train", "train"])
def test_coco_finds_the_image_folder(tmp_path: Path, images: str) -> None:
    root = coco_folder(tmp_path / "c", {"annotations/instances_train2017.json": [Picture("a.png")]}, CATEGORIES, images)
    [tile] = tiles(Coco(root))
    assert tile.path == root / images / "a.png"


def test_coco_without_its_images_says_where_it_looked(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "c", {"train.json": [Picture("a.png")]}, CATEGORIES, images="somewhere/else")
    with pytest.raises(SourceError, match=r"'a\.png' is in none of: .*images"):
        list(Coco(root).tiles())


def test_a_crowd_box_cannot_be_counted(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "c", {"train.json": [Picture("a.png")]}, CATEGORIES)
    edit_json(root / "train.json", annotations=lambda rows: [{**rows[0], "iscrowd": 1}])
    assert fault(Coco(root)).reason == "crowd_box"


def test_a_third_party_source_is_one_class() -> None:
    @register("test_source")
    class Mine:
        name = "test_source"
        simulated = False
        terms = "Made up."

        def inputs(self) -> dict[str, Path]:
            return {}

        def parameters(self) -> dict[str, Any]:
            return {}

        def tiles(self) -> Any:
            return iter(())

    assert isinstance(Mine(), Source)
    assert source_class("test_source") is Mine
    assert {"sardet100k", "coco", "test_source"} <= set(registered())
    with pytest.raises(UsageError, match="registered already"):
        register("test_source")(SARDet100K)
    with pytest.raises(UsageError, match="unknown source 'landsat'"):
        source_class("landsat")


_MEASURE = r"""
import json, re, sys
from pathlib import Path
from sarlang_hf.sources.coco_json import read_coco
with read_coco(Path(sys.argv[1])) as annotations:
    boxes = sum(len(image.annotations) for image in annotations.images())
print(json.dumps([boxes, int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])]))
"""


def _write_large(path: Path, count: int) -> Path:
    images = [{"id": i, "file_name": f"{i:09}.png", "width": 512, "height": 512} for i in range(count)]
    rows = [{"image_id": i, "category_id": 0, "bbox": [1, 2, 30, 40]} for i in range(count) for _ in range(2)]
    path.write_text(json.dumps({"images": images, "annotations": rows, "categories": []}))
    return path


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    peaks = {}
    for count in (1_000, 50_000):
        path = _write_large(tmp_path / f"{count}.json", count)
        result = subprocess.run([sys.executable, "-c", _MEASURE, str(path)], capture_output=True, check=True)
        boxes, peaks[count] = json.loads(result.stdout)
        assert boxes == 2 * count
    assert peaks[50_000] - peaks[1_000] < 15_000  # KiB; the rows themselves are 60,000 KiB of Python objects


def test_a_full_temporary_folder_is_said_to_be(tmp_path: Path) -> None:
    path = _write_large(tmp_path / "large.json", 30_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(SourceError, match="no room to sort its annotations") as caught, read_coco(path) as annotations:
            list(annotations.images())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "SQLITE_TMPDIR" in caught.value.remedy


def test_real_sardet_tree(realdata: Path) -> None:
    found = tiles(SARDet100K(realdata / "sardet_layout"))
    assert Counter(tile.split for tile in found) == {"train": 95, "test": 41}
    assert Counter((tile.split, box.category) for tile in found for box in tile.boxes) == {
        ("train", "ship"): 61,
        ("train", "car"): 66,
        ("test", "ship"): 10,
        ("test", "car"): 34,
    }
