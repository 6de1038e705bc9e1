"""`sarlang build`: what it writes, that it is reproducible, and that nothing can leave it half-done."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from question_oracle import possible_answers
from question_tiles import tile_with
from trees import VESSEL, Picture, coco_folder, contents, edit_json, plain_tree, sardet_tree

import sarlang_hf
from sarlang_hf.errors import DatasetNotFoundError, ImageFault, SourceError, UsageError
from sarlang_hf.packaging.manifest import Manifest, read_manifest
from sarlang_hf.schema import CONFIGS, Box, features
from sarlang_hf.sources import SIMULATION_MARKER, Coco, SARDet100K


def build(out: Path, root: Path, **options: object) -> Manifest:
    return sarlang_hf.build(out, [SARDet100K(root)], **options)


def rows(folder: Path, config: str, split: str) -> list[dict]:
    return [row for path in sorted((folder / "data").glob(f"{config}-{split}-*")) for row in pq.read_table(path).to_pylist()]


def test_images_pass_through_byte_for_byte(plain_dataset: Path) -> None:
    source = plain_dataset.parent / "SARDet_100K" / "JPEGImages"
    for split, part in (("train", "train"), ("test", "val")):
        stored = rows(plain_dataset, "vqa", split)
        assert [row["file_name"] for row in stored] == sorted(path.name for path in (source / part).iterdir())
        for row in stored:
            original = (source / part / row["file_name"]).read_bytes()
            assert row["image"] == {"bytes": original, "path": row["file_name"]}
            pixels = np.asarray(Image.open(io.BytesIO(original)))
            assert row["sha256"] == hashlib.sha256(pixels.tobytes()).hexdigest()


def test_image_columns_cost_no_more_than_the_images(tmp_path: Path) -> None:
    pictures = [Picture(f"{i:03}.png", (512, 512)) for i in range(12)]  # noise does not compress: 260 kB each
    manifest = build(tmp_path / "d", sardet_tree(tmp_path / "s", pictures, pictures[:0]))
    images = sum(path.stat().st_size for path in (tmp_path / "s/JPEGImages").rglob("*.png"))
    assert sum(shard.bytes for shard in manifest.shards if shard.config == "vqa") <= 1.02 * images


def test_rows_are_sorted_and_question_rows_point_at_them(plain_dataset: Path) -> None:
    for split in ("train", "test"):
        images = rows(plain_dataset, "vqa", split)
        assert [row["image_id"] for row in images] == sorted(row["image_id"] for row in images)
        flat = [(q["question_id"], q["answer"], i) for i, row in enumerate(images) for q in row["questions"]]
        assert flat == [(row["question_id"], row["answer"], row["image_row"]) for row in rows(plain_dataset, "questions", split)]


def test_question_ids_follow_the_contract(plain_dataset: Path) -> None:
    for row in rows(plain_dataset, "vqa", "train"):
        seen: dict[str, int] = {}
        for question in sorted(row["questions"], key=lambda q: (q["question"], q["answer"])):
            rank = seen.setdefault(question["question"], 0)
            seen[question["question"]] += 1
            key = "\x1f".join((row["image_id"], question["question"], str(rank)))
            assert question["question_id"] == hashlib.blake2b(key.encode(), digest_size=8).hexdigest()


def test_columns_are_those_of_the_contract(plain_dataset: Path) -> None:
    metadata = (
        "width height file_name place country lat lon polarization gsd_m sensor preprocessing license redistributable sha256"
    )
    columns = {
        "vqa": f"image image_id source scene objects questions {metadata}",
        "cap": f"image image_id source scene captions {metadata}",
        "vqa_questions": "question_id image_id image_row source scene question answer type application topic template origin",
        "raw": f"image image_id source scene {metadata}",
        "rgb": f"image image_id source scene {metadata}",
    }
    assert {config: list(features(config)) for config in CONFIGS} == {c: names.split() for c, names in columns.items()}
    assert pq.read_schema(plain_dataset / "data/vqa-test-00000-of-00002.parquet").names == columns["vqa"].split()


def test_the_folder_holds_what_the_contract_lists(plain_dataset: Path) -> None:
    assert sorted(contents(plain_dataset)) == [
        "README.md",
        "data/questions-test-00000-of-00001.parquet",
        "data/questions-train-00000-of-00001.parquet",
        "data/vqa-test-00000-of-00002.parquet",
        "data/vqa-test-00001-of-00002.parquet",
        "data/vqa-train-00000-of-00003.parquet",
        "data/vqa-train-00001-of-00003.parquet",
        "data/vqa-train-00002-of-00003.parquet",
        "eval.yaml",
        "manifest.json",
        "provenance.parquet",
        "rejects.jsonl",
    ]


def test_manifest_accounts_for_everything(plain_dataset: Path) -> None:
    manifest = read_manifest(plain_dataset)
    source = plain_dataset.parent / "SARDet_100K"
    assert manifest.dataset_kind == "custom"
    assert manifest.counts["images"] == {"train": {"sardet100k": 12}, "test": {"sardet100k": 6}}
    for file in (*manifest.shards, *manifest.files):
        data = (plain_dataset / file.file).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256)
    for file in manifest.inputs:
        assert hashlib.sha256((source / file.file).read_bytes()).hexdigest() == file.sha256
    boxes = [box for split in ("train", "test") for row in rows(plain_dataset, "vqa", split) for box in row["objects"]]
    regions = sum(counts["region_referring"] for counts in manifest.counts["questions"].values())
    assert sum(sum(counts.values()) for counts in manifest.counts["boxes"].values()) == len(boxes)
    assert regions + manifest.drops.get("ambiguous_region", 0) == len(boxes)
    assert str(source) not in (plain_dataset / "manifest.json").read_text()


def test_provenance_has_a_row_for_every_text(plain_dataset: Path) -> None:
    table = pq.read_table(plain_dataset / "provenance.parquet").to_pylist()
    asked = [
        q["question_id"] for split in ("train", "test") for row in rows(plain_dataset, "vqa", split) for q in row["questions"]
    ]
    assert [row["text_id"] for row in table] == asked
    assert {(row["text_kind"], row["origin"]) for row in table} == {("question", "template")}


def test_card_and_benchmark_registration(plain_dataset: Path) -> None:
    card = (plain_dataset / "README.md").read_text()
    header = yaml.safe_load(card.split("---\n")[1])
    assert [(entry["config_name"], entry.get("default")) for entry in header["configs"]] == [
        ("vqa", True),
        ("vqa_questions", None),
    ]
    assert "oil storage tank" in card
    assert "CC BY-NC 4.0" in card
    registration = yaml.safe_load((plain_dataset / "eval.yaml").read_text())
    assert [task["id"] for task in registration["tasks"]] == ["vqa_strict", "vqa_released"]


def test_a_simulated_source_forces_the_dataset_kind(tree: Path, tmp_path: Path) -> None:
    (tree / SIMULATION_MARKER).write_text("{}")
    manifest = build(tmp_path / "d", tree)
    assert manifest.dataset_kind == "simulated"
    assert "simulated" in (tmp_path / "d/README.md").read_text()


def test_same_bytes_on_any_number_of_workers_and_from_any_place(plain_dataset: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(plain_dataset.parent / "SARDet_100K", moved)
    build(tmp_path / "d", moved, rows_per_shard=5, workers=3)
    assert contents(tmp_path / "d") == contents(plain_dataset)


def test_another_seed_changes_texts_but_not_images(plain_dataset: Path, tmp_path: Path) -> None:
    build(tmp_path / "d", plain_dataset.parent / "SARDet_100K", rows_per_shard=5, seed=1)
    ours, theirs = rows(tmp_path / "d", "vqa", "train"), rows(plain_dataset, "vqa", "train")
    assert [row["image"] for row in ours] == [row["image"] for row in theirs]
    assert [row["questions"] for row in ours] != [row["questions"] for row in theirs]


def test_a_finished_build_is_left_alone(plain_dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(plain_dataset, tmp_path / "d")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "d").rglob("*")}
    build(tmp_path / "d", plain_dataset.parent / "SARDet_100K", rows_per_shard=5)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "d").rglob("*")} == times


def test_a_build_of_something_else_is_refused(plain_dataset: Path) -> None:
    before = contents(plain_dataset)
    with pytest.raises(UsageError, match=r"finished build with parameters\.seed = 0, now 7"):
        build(plain_dataset, plain_dataset.parent / "SARDet_100K", rows_per_shard=5, seed=7)
    assert contents(plain_dataset) == before


def test_an_image_fault_is_followed_by_skipping(tree: Path, tmp_path: Path) -> None:
    (tree / "JPEGImages/val/0000014.png").write_bytes(b"")
    with pytest.raises(ImageFault, match="is empty"):
        build(tmp_path / "d", tree, rows_per_shard=5)
    manifest = build(tmp_path / "d", tree, rows_per_shard=5, on_error="skip")  # shards finished before the fault are kept
    assert manifest.rejects == {"empty_file": 1}


def test_a_bad_annotation_is_followed_by_mending_it(tree: Path, tmp_path: Path) -> None:
    path = tree / "Annotations/train.json"
    good = path.read_text()
    path.write_text(good[:100])
    with pytest.raises(SourceError):
        build(tmp_path / "d", tree)
    path.write_text(good)
    build(tmp_path / "d", tree)
    sarlang_hf.verify(tmp_path / "d")


def test_an_unmapped_class_is_followed_by_mapping_it(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "c", {"train.json": [Picture("a.png", boxes=VESSEL)]}, ("vessel",))
    with pytest.raises(SourceError, match="no category given for vessel"):
        sarlang_hf.build(tmp_path / "d", [Coco(root)])
    manifest = sarlang_hf.build(tmp_path / "d", [Coco(root, class_map={"vessel": "ship"})])
    assert manifest.counts["boxes"] == {"train": {"ship": 1}}
    assert [source.parameters for source in manifest.sources] == [{"class_map": {"vessel": "ship"}}]


def test_finished_shards_of_another_request_are_not_thrown_away(tree: Path, tmp_path: Path) -> None:
    (tree / "JPEGImages/val/0000014.png").write_bytes(b"")
    with pytest.raises(ImageFault):
        build(tmp_path / "d", tree, rows_per_shard=5)
    with pytest.raises(UsageError, match=r"finished shards of a build with parameters\.seed = 0, now 1") as caught:
        build(tmp_path / "d", tree, rows_per_shard=5, seed=1)
    assert f"remove {tmp_path / 'd/.build'} to start over" in caught.value.remedy
    shutil.rmtree(tmp_path / "d")
    build(tmp_path / "d", tree, rows_per_shard=5, seed=1, on_error="skip")


@pytest.mark.parametrize("removals", range(4))
def test_a_build_killed_while_it_throws_an_older_one_away(
    plain_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removals: int
) -> None:
    """The older one had another seed, hence another survey and other texts; nothing of it may survive."""

    def stop(phase: str, _done: int, _total: int | None) -> None:
        if phase == "building shards":
            raise KeyboardInterrupt

    def dying(original: Callable[..., None]) -> Callable[..., None]:
        def remove(*args: object, **options: object) -> None:
            if not left:
                raise KeyboardInterrupt
            left.pop()
            original(*args, **options)

        return remove

    root, left = plain_dataset.parent / "SARDet_100K", [None] * removals
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "d", root, rows_per_shard=5, seed=1, progress=stop)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", dying(Path.unlink))
        patched.setattr("sarlang_hf.packaging.workspace.shutil.rmtree", dying(shutil.rmtree))
        with contextlib.suppress(KeyboardInterrupt):
            build(tmp_path / "d", root, rows_per_shard=5, progress=stop)
    build(tmp_path / "d", root, rows_per_shard=5)
    assert contents(tmp_path / "d") == contents(plain_dataset)


def test_settings_of_a_source_belong_to_the_build(tmp_path: Path) -> None:
    root = coco_folder(tmp_path / "c", {"train.json": [Picture("a.png", boxes=VESSEL)]}, ("vessel",))
    sarlang_hf.build(tmp_path / "d", [Coco(root, class_map={"vessel": "ship"})])
    with pytest.raises(UsageError, match=r"class_map\.vessel = 'ship', now 'car'"):
        sarlang_hf.build(tmp_path / "d", [Coco(root, class_map={"vessel": "car"})])


def test_annotations_left_out_by_an_unfinished_build_are_told_before_any_work(tree: Path, tmp_path: Path) -> None:
    def stop(phase: str, _done: int, _total: int | None) -> None:
        if phase == "building shards":
            raise KeyboardInterrupt

    edit_json(tree / "Annotations/train.json", annotations=lambda rows: [{**rows[0], "bbox": [1, 1, 0, 0]}, *rows[1:]])
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "d", tree, on_error="skip", progress=stop)
    phases = []
    with pytest.raises(UsageError, match="has left 1 images out here"):
        build(tmp_path / "d", tree, progress=lambda phase, _done, _total: phases.append(phase))
    assert phases == []


def test_images_left_out_earlier_are_not_hidden(tree: Path, tmp_path: Path) -> None:
    (tree / "JPEGImages/val/0000014.png").write_bytes(b"")
    build(tmp_path / "d", tree, on_error="skip")
    with pytest.raises(UsageError, match="has left 1 images out here"):
        build(tmp_path / "d", tree)


def test_a_source_that_moved_away_in_the_middle_is_noticed(tree: Path, tmp_path: Path) -> None:
    (tree / "JPEGImages/val/0000014.png").write_bytes(b"")
    with pytest.raises(ImageFault):
        build(tmp_path / "d", tree, rows_per_shard=5)
    moved = tree.rename(tmp_path / "moved")
    with pytest.raises(UsageError, match=f"begun from {tree}/Annotations/train.json, now {moved}/Annotations/train.json"):
        build(tmp_path / "d", moved, rows_per_shard=5, on_error="skip")
    moved.rename(tree)
    assert build(tmp_path / "d", tree, rows_per_shard=5, on_error="skip").rejects == {"empty_file": 1}


def test_a_link_by_which_a_source_was_named_may_change_its_name_but_not_go(tree: Path, tmp_path: Path) -> None:
    links = [tmp_path / name for name in ("first", "second")]
    for link in links:
        link.symlink_to(tree)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "d", links[0], rows_per_shard=5, progress=stop_at(10))
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "d", links[1], rows_per_shard=5, progress=stop_at(15))
    links[0].unlink()
    with pytest.raises(SourceError, match="is gone"):
        build(tmp_path / "d", tree, rows_per_shard=5)


def test_a_build_is_continued_with_the_images_it_was_begun_with(tree: Path, tmp_path: Path) -> None:
    """Two folders with the same annotations, and other pixels."""
    other = shutil.copytree(tree, tmp_path / "other")
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(other / "JPEGImages/train/0000000.png")
    options = {"rows_per_shard": 5}
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "d", tree, progress=stop_at(0), **options)
    build(tmp_path / "d", other, **options)  # no shard was finished: begun anew
    build(tmp_path / "e", other, **options)
    assert contents(tmp_path / "d") == contents(tmp_path / "e")
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "f", tree, progress=stop_at(5), **options)
    with pytest.raises(UsageError, match="holds finished shards of a build that was begun from") as caught:
        build(tmp_path / "f", other, **options)
    assert str(tmp_path / "f/.build") in caught.value.remedy


def stop_at(tiles: int) -> Callable[[str, int, int | None], None]:
    """A progress callback that stops a build when so many tiles are in shards."""

    def progress(phase: str, done: int, _total: int | None) -> None:
        if phase == "building shards" and done >= tiles:
            raise KeyboardInterrupt

    return progress


def test_rejects_do_not_depend_on_where_the_source_lies(tree: Path, tmp_path: Path) -> None:
    (tree / "JPEGImages/val/0000014.png").write_bytes(b"")
    edit_json(tree / "Annotations/train.json", annotations=lambda rows: [{**rows[0], "bbox": [1, 1, 0, 0]}, *rows[1:]])
    moved = shutil.copytree(tree, tmp_path / "elsewhere/deeper")
    for out, root in (("a", tree), ("b", moved)):
        build(tmp_path / out, root, on_error="skip")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert len((tmp_path / "a/rejects.jsonl").read_text().splitlines()) == 2
    assert str(tmp_path) not in (tmp_path / "a/rejects.jsonl").read_text()


def test_another_release_does_not_continue_or_pass_for_this_one(
    plain_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(plain_dataset, tmp_path / "d")
    monkeypatch.setattr("sarlang_hf.packaging.engine.version", lambda _name: "9.9.9")
    with pytest.raises(UsageError, match=r"generator = 'sarlang-hf .*', now 'sarlang-hf 9\.9\.9'"):
        build(folder, plain_dataset.parent / "SARDet_100K", rows_per_shard=5)


@pytest.mark.parametrize(
    ("option", "value"),
    [("on_error", "maybe"), ("rows_per_shard", 0), ("limit", 0), ("limit", -1), ("density", 0.0), ("density", float("nan"))],
)
def test_options_outside_their_range_leave_no_trace(tree: Path, tmp_path: Path, option: str, value: object) -> None:
    with pytest.raises(UsageError, match=option):
        build(tmp_path / "d", tree, **{option: value})
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("which", ["plain_dataset", "demo_dataset", "real"])
def test_every_stored_answer_follows_from_the_stored_boxes(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if which == "real":
        folder = tmp_path / "d"
        build(folder, request.getfixturevalue("realdata") / "sardet_layout")
    else:
        folder = request.getfixturevalue(which)
    answered = 0
    for split in ("train", "test"):
        for row in rows(folder, "vqa", split):
            boxes = [Box(*box["bbox"], box["category"]) for box in row["objects"]]
            tile = tile_with(*boxes, width=row["width"], height=row["height"])
            for question in row["questions"]:
                assert possible_answers(question["question"], tile) == {question["answer"]}, (row["image_id"], question)
                answered += 1
    assert answered > 80


def test_a_folder_of_other_files_is_refused(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        build(tmp_path / "home", tree)
    assert contents(tmp_path / "home") == {"thesis.txt": b"mine"}


def test_unsplit_sources_are_cut_seven_to_three(tmp_path: Path) -> None:
    root = tmp_path / "c"
    tree = plain_tree(tmp_path / "s", train=23, val=0)
    shutil.copytree(tree / "JPEGImages/train", root / "images")
    shutil.copy(tree / "Annotations/train.json", root / "boxes.json")
    manifest = sarlang_hf.build(tmp_path / "d", [Coco(root, label="mine")])
    assert manifest.counts["images"] == {"train": {"coco": 16}, "test": {"coco": 7}}  # floor(0.7 * 23) = 16
    assert all(row["image_id"].startswith("coco/mine/") for row in rows(tmp_path / "d", "vqa", "test"))


def test_limit_keeps_that_many_per_split(tree: Path, tmp_path: Path) -> None:
    manifest = build(tmp_path / "d", tree, limit=4)
    assert manifest.counts["images"] == {"train": {"sardet100k": 4}, "test": {"sardet100k": 4}}


def test_an_image_without_boxes_stays(tmp_path: Path) -> None:
    root = sardet_tree(tmp_path / "s", [Picture("a.png", boxes=[]), Picture("b.png")], [Picture("c.png")])
    build(tmp_path / "d", root)
    first = rows(tmp_path / "d", "vqa", "train")[0]
    assert (first["image_id"], first["objects"]) == ("sardet100k/a", [])


DAMAGE = {
    "empty_file": lambda path: path.write_bytes(b""),
    "undecodable": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "undecodable ": lambda path: path.write_bytes(b"GIF89a not among the formats we read"),
    "size_mismatch": lambda path: Image.new("L", (65, 48)).save(path),
    "unsupported_mode": lambda path: Image.new("I;16", (64, 48)).save(path),
    "missing_image": lambda path: path.unlink(),
}


@pytest.mark.parametrize("reason", DAMAGE)
def test_an_unusable_image_stops_the_build(tree: Path, tmp_path: Path, reason: str) -> None:
    DAMAGE[reason](tree / "JPEGImages/val/0000014.png")
    with pytest.raises(ImageFault) as caught:
        build(tmp_path / "d", tree)
    assert caught.value.reason == reason.strip()
    assert "0000014.png" in caught.value.problem
    assert caught.value.place.endswith("val.json: images[2]")
    assert not (tmp_path / "d/manifest.json").exists()


@pytest.mark.parametrize("reason", DAMAGE)
def test_an_unusable_image_is_left_out_on_request(tree: Path, tmp_path: Path, reason: str) -> None:
    DAMAGE[reason](tree / "JPEGImages/val/0000014.png")
    manifest = build(tmp_path / "d", tree, on_error="skip")
    assert manifest.rejects == {reason.strip(): 1}
    assert manifest.counts["images"] == {"train": {"sardet100k": 12}, "test": {"sardet100k": 5}}
    [reject] = [json.loads(line) for line in (tmp_path / "d/rejects.jsonl").read_text().splitlines()]
    assert (reject["image_id"], reject["reason"]) == ("sardet100k/0000014", reason.strip())
    sarlang_hf.verify(tmp_path / "d")


@pytest.mark.parametrize("side", [12_000, 14_000])  # Pillow itself refuses the second
def test_a_decompression_bomb_is_not_decoded(tmp_path: Path, side: int) -> None:
    root = sardet_tree(tmp_path / "s", [Picture("a.png")], [Picture("b.png")])
    Image.new("1", (side, side)).save(root / "JPEGImages/train/a.png")  # 30 kB that would become hundreds of MB
    edit_json(root / "Annotations/train.json", images=lambda old: [old[0] | {"width": side, "height": side}])
    with pytest.raises(ImageFault) as caught:
        build(tmp_path / "d", root)
    assert caught.value.reason == "too_large"


def test_two_spellings_of_one_image_are_duplicate_ids(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"'sardet100k/a' .* occurs twice") as caught:
        build(tmp_path / "d", sardet_tree(tmp_path / "s", [Picture("a.png"), Picture("a.jpg")], []))
    assert "train.json: images[" in caught.value.place


def test_one_file_name_in_two_splits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="it is in both train and test"):
        build(tmp_path / "d", sardet_tree(tmp_path / "s", [Picture("a.png")], [Picture("a.png")]))


def test_a_build_without_a_usable_image_is_an_error(tree: Path, tmp_path: Path) -> None:
    kept = {path: path.read_bytes() for path in tree.glob("JPEGImages/*/*.png")}
    for path in kept:
        path.write_bytes(b"")
    with pytest.raises(SourceError, match="no usable image"):
        build(tmp_path / "d", tree, on_error="skip")
    for path, image in kept.items():
        path.write_bytes(image)
    assert build(tmp_path / "d", tree, on_error="skip").rejects == {}  # the remedy, and the same command again


BUILD = """
import signal, sys
from pathlib import Path
import sarlang_hf
from sarlang_hf.packaging import engine
from sarlang_hf.sources import SARDet100K
engine.remove_work = lambda _out: signal.pause()  # so that a kill after the manifest cannot come too late
sarlang_hf.build(Path(sys.argv[2]), [SARDet100K(Path(sys.argv[1]))], rows_per_shard=2)
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A tree of 40 + 10 images and what an undisturbed build makes of it."""
    folder = tmp_path_factory.mktemp("kill")
    root = plain_tree(folder / "s", train=40, val=10)
    build(folder / "d", root, rows_per_shard=2)
    return root, contents(folder / "d")


@pytest.mark.parametrize(
    "moment",
    [
        "d/.build",  # at once
        "d/.build/survey.sqlite",  # annotations read
        "d/.build/receipts/train-00003.json",  # among the first shards
        "d/.build/receipts/train-00017.json",  # among the last
        "d/data/vqa-train-00001-of-00020.parquet",  # shards are being moved
        "d/data/questions-test-00000-of-00001.parquet",  # questions written
        "d/manifest.json",  # only tidying up is left
    ],
)
def test_killed_and_run_again_gives_the_same_bytes(
    tmp_path: Path, undisturbed: tuple[Path, dict[str, bytes]], moment: str
) -> None:
    root, expected = undisturbed
    process = subprocess.Popen([sys.executable, "-c", BUILD, str(root), str(tmp_path / "d")])
    while not (tmp_path / moment).exists() and process.poll() is None:
        time.sleep(0.0005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    if not (tmp_path / "d/manifest.json").exists():
        with pytest.raises(DatasetNotFoundError, match="not finished"):
            sarlang_hf.load(tmp_path / "d")
    build(tmp_path / "d", root, rows_per_shard=2)
    assert contents(tmp_path / "d") == expected


def test_finished_shards_are_not_built_again(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    def stop_after_ten(phase: str, done: int, _total: int | None) -> None:
        if phase == "building shards" and done >= 20:
            raise KeyboardInterrupt

    def look(phase: str, done: int, total: int | None) -> None:
        if phase == "building shards" and done == total:
            seen.update({path.name: path.stat().st_mtime_ns for path in receipts.iterdir()})

    root, _ = undisturbed
    receipts, seen = tmp_path / "d/.build/receipts", {}
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "d", root, rows_per_shard=2, progress=stop_after_ten)
    kept = {path.name: path.stat().st_mtime_ns for path in receipts.iterdir()}
    build(tmp_path / "d", root, rows_per_shard=2, progress=look)
    assert len(kept) == 10
    assert kept.items() <= seen.items()
    assert len(seen) == 25


def test_workers_die_with_a_killed_build(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    root, expected = undisturbed
    command = [sys.executable, "-m", "sarlang_hf.cli", "build", str(tmp_path / "d"), "--sardet", str(root), "--workers", "2"]
    process = subprocess.Popen([*command, "--rows-per-shard", "2"], start_new_session=True)
    while not (tmp_path / "d/.build/receipts/train-00003.json").exists() and process.poll() is None:
        time.sleep(0.0005)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while _group_is_alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _group_is_alive(process.pid)
    build(tmp_path / "d", root, rows_per_shard=2)
    assert contents(tmp_path / "d") == expected


def _group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_fault_found_by_a_worker_reaches_the_user(tree: Path, tmp_path: Path) -> None:
    (tree / "JPEGImages/val/0000014.png").write_bytes(b"")
    with pytest.raises(ImageFault) as caught:
        build(tmp_path / "d", tree, workers=2, rows_per_shard=3)
    assert (caught.value.reason, caught.value.image_id) == ("empty_file", "sardet100k/0000014")
    assert caught.value.place.endswith("val.json: images[2]")


def test_keep_ambiguous_asks_about_every_box(tmp_path: Path) -> None:
    boxes = [("ship", 2.0, 2.0, 10.0, 10.0), ("harbor", 8.0, 8.0, 10.0, 10.0), ("ship", 22.0, 2.0, 6.0, 6.0)]
    root = sardet_tree(tmp_path / "s", [Picture("a.png", boxes=boxes)], [])
    default, kept = build(tmp_path / "d", root), build(tmp_path / "k", root, keep_ambiguous=True)
    assert (default.counts["questions"]["train"]["region_referring"], default.drops["ambiguous_region"]) == (1, 2)
    assert (kept.counts["questions"]["train"]["region_referring"], kept.drops.get("ambiguous_region")) == (3, None)


def test_a_second_builder_in_the_same_folder_is_refused(tree: Path, tmp_path: Path) -> None:
    def second(_phase: str, _done: int, _total: int | None) -> None:
        if refused:
            return
        with pytest.raises(UsageError, match="another process is building here"):
            subprocess_build(tree, tmp_path / "d")
        refused.append(True)

    refused: list[bool] = []
    build(tmp_path / "d", tree, progress=second)
    assert refused


def subprocess_build(root: Path, out: Path) -> None:
    """Builds in another process and raises what it reports as a `UsageError`."""
    command = [sys.executable, "-m", "sarlang_hf.cli", "build", str(out), "--sardet", str(root)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode == 2:
        raise UsageError(result.stderr, place=out, remedy="")


def limited_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_a_full_disk_is_reported_and_nothing_is_lost(undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    root, expected = undisturbed
    command = [
        sys.executable,
        "-m",
        "sarlang_hf.cli",
        "build",
        str(tmp_path / "d"),
        "--sardet",
        str(root),
        "--rows-per-shard",
        "2",
    ]
    result = subprocess.run(command, preexec_fn=limited_file_size, capture_output=True, text=True, check=False)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert "cannot write" in result.stderr
    assert not list((tmp_path / "d").rglob("*.part"))
    assert subprocess.run(command, check=False).returncode == 0
    assert contents(tmp_path / "d") == expected


AS_NOBODY = """
import os, sys
import datasets, sarlang_hf.cli, sarlang_hf.packaging.engine
if os.geteuid() == 0:
    os.setgid(65534); os.setuid(65534)
sarlang_hf.cli.main()
"""


def test_a_read_only_output_folder_is_reported() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        root = plain_tree(folder / "s", train=2, val=1)
        (folder / "out").mkdir(mode=0o555)
        (folder / "out").chmod(0o555)
        command = [sys.executable, "-c", AS_NOBODY, "build", str(folder / "out"), "--sardet", str(root)]
        result = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "HOME": name})
        assert result.returncode == 2, result.stderr
        assert "Traceback" not in result.stderr
        assert f"error: {folder / 'out'}: cannot write: Permission denied" in result.stderr
        assert "choose another output folder" in result.stderr
        assert not list((folder / "out").iterdir())


def test_real_sar_images_build_and_verify(realdata: Path, tmp_path: Path) -> None:
    manifest = build(tmp_path / "sarlang-1m", realdata / "sardet_layout")
    checked = sarlang_hf.verify(tmp_path / "sarlang-1m")
    assert checked.images == 136
    assert manifest.dataset_kind == "custom"
    assert sum(counts["region_referring"] for counts in manifest.counts["questions"].values()) == 171
    assert sum(sum(counts.values()) for counts in manifest.counts["boxes"].values()) == 171
