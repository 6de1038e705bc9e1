"""Captions from boxes: what they say, which images get one, and what a build makes of them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from question_tiles import tile_with
from trees import Picture, contents, edit_json, plain_tree, sardet_tree

import sarlang_hf
from sarlang_hf.data import open_dataset
from sarlang_hf.errors import DatasetCorruptError, DatasetNotFoundError
from sarlang_hf.packaging.manifest import read_manifest
from sarlang_hf.schema import CATEGORIES, Box, Caption, Tile
from sarlang_hf.sources import SARDet100K
from sarlang_hf.texts.captions import WORDINGS, captions_about, captions_of, concise_caption, is_captioned
from sarlang_hf.texts.document_frequency import count_document_frequency, read_document_frequency, write_document_frequency

ROOT = Path(__file__).parents[1]
SHIP = Box(4, 4, 10, 10, "ship")


def objects_in(caption: str) -> str:
    """What a caption says, without its wording."""
    forms = [re.escape(wording).replace(r"\{objects\}", "(.+)") for wording in WORDINGS]
    return next(match[1] for form in forms if (match := re.fullmatch(form, caption)))


# What it says


@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        ([SHIP], "a ship"),
        ([Box(45, 45, 10, 10, "aircraft")], "an aircraft in the center"),
        ([Box(2, 45, 10, 10, "car"), Box(5, 50, 4, 4, "car")], "two cars on the left"),
        ([Box(2, 45, 10, 10, "car"), Box(90, 45, 4, 4, "car")], "two cars"),  # on two sides
        ([Box(2, 45, 10, 10, "car"), Box(4, 45, 4, 4, "car"), Box(45, 45, 5, 5, "car")], "three cars"),  # most is not all
        ([Box(45, 2, 10, 10, "tank")] * 10, "ten tanks at the top"),
        ([Box(45, 90, 10, 10, "tank")] * 11, "many tanks at the bottom"),
        ([Box(90, 45, 9, 9, "bridge")], "a bridge on the right"),
        ([SHIP, Box(40, 40, 9, 9, "harbor"), SHIP], "two ships and a harbor"),
        ([SHIP, Box(40, 40, 9, 9, "harbor"), Box(0, 0, 3, 3, "aircraft")], "an aircraft, a harbor and a ship"),  # equal: a to z
        ([Box(2, 45, 4, 4, "ship"), Box(2, 45, 4, 4, "aircraft"), Box(2, 50, 4, 4, "ship")], "two ships and an aircraft"),
    ],
)
def test_objects_are_named_by_number_then_alphabetically_and_placed_where_all_lie(boxes: list[Box], words: str) -> None:
    assert objects_in(concise_caption(tile_with(*boxes, width=100, height=100), seed=0)) == words


NUMBERS = ["", "a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
BOXES = st.builds(
    Box,
    x=st.floats(0, 90),
    y=st.floats(0, 90),
    width=st.just(8.0),
    height=st.just(8.0),
    category=st.sampled_from(CATEGORIES),
)


@given(boxes=st.lists(BOXES, min_size=1, max_size=25), seed=st.integers(0, 3))
def test_a_caption_read_back_gives_the_counts_of_the_boxes(boxes: list[Box], seed: int) -> None:
    said = objects_in(concise_caption(tile_with(*boxes, width=100, height=100), seed=seed))
    phrases = re.split(r", | and ", re.sub(r" (on the left|on the right|at the top|at the bottom|in the center)$", "", said))
    found = {}
    for phrase in phrases:
        number, name = phrase.split(" ", 1)
        category = name if name in CATEGORIES else name.removesuffix("s")
        found[category] = 99 if number == "many" else NUMBERS.index("a" if number == "an" else number)
    counts = Counter(box.category for box in boxes)
    assert found == {category: number if number <= 10 else 99 for category, number in counts.items()}
    order = [counts[category] for category in found]
    assert order == sorted(order, reverse=True)


def test_the_wording_is_fixed_by_seed_and_image_and_all_are_used() -> None:
    tiles = [replace(tile_with(SHIP), stem=str(number)) for number in range(400)]
    first = [concise_caption(tile, seed=0) for tile in tiles]
    assert [concise_caption(tile, seed=0) for tile in tiles] == first
    assert [concise_caption(tile, seed=1) for tile in tiles] != first
    used = Counter(first)
    assert set(used) == {wording.format(objects="a ship") for wording in WORDINGS}
    assert min(used.values()) > 60  # of 100 expected; 4.6 standard deviations


def test_the_docs_list_every_wording_literally() -> None:
    listed = re.findall(r"^\| caption \| `(.+)` \|$", (ROOT / "docs/data.md").read_text(), re.MULTILINE)
    assert listed == captions_about("ship")


# Which images get one


def _caption(text: str, kind: Any) -> Caption:
    return Caption("0" * 16, text, kind, "human")


@pytest.mark.parametrize(
    ("tile", "kinds"),
    [
        (tile_with(SHIP), ["concise"]),
        (tile_with(), []),  # nothing to name
        (replace(tile_with(SHIP), boxes_complete=False), []),  # there may be more than the boxes show
        (replace(tile_with(SHIP), captions=(_caption("A ship.", "complex"),)), ["complex", "concise"]),
        (replace(tile_with(SHIP), captions=(_caption("A ship.", "concise"),)), ["concise"]),  # has its own
    ],
)
def test_images_with_complete_boxes_and_no_concise_caption_get_one(tile: Tile, kinds: list[str]) -> None:
    assert [caption.kind for caption in captions_of(tile, "template", seed=0)] == kinds
    assert is_captioned(tile, "template") == bool(kinds)
    assert captions_of(tile, "none", seed=0) == tile.captions
    assert is_captioned(tile, "none") == bool(tile.captions)


def test_ids_are_those_of_all_captions_of_the_image_together() -> None:
    bare = tile_with(SHIP)
    same = concise_caption(bare, seed=0)
    tile = replace(bare, captions=(_caption(same, "complex"), _caption("Another.", "complex")))
    found = captions_of(tile, "template", seed=0)
    assert [caption.origin for caption in found] == ["human", "human", "template"]
    # Of equal texts `complex` comes before `concise`, as in DESIGN section 5.
    for caption, (text, rank) in zip(found, [(same, 0), ("Another.", 0), (same, 1)], strict=True):
        key = f"{tile.image_id}\x1f{text}\x1f{rank}".encode()
        assert caption.caption_id == hashlib.blake2b(key, digest_size=8).hexdigest()


# Builds


def build(out: Path, root: Path, **options: Any) -> Path:
    sarlang_hf.build(out, [SARDet100K(root)], **{"captions": "template", "rows_per_shard": 4} | options)
    return out


def rows(dataset: Path, config: str, split: str) -> list[dict[str, Any]]:
    return [row for path in sorted((dataset / "data").glob(f"{config}-{split}-*")) for row in pq.read_table(path).to_pylist()]


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 + 10 noise images with captions from their boxes, in shards of four; the source is its neighbour `s`."""
    folder = tmp_path_factory.mktemp("captioned")
    return build(folder / "sarlang-1m", plain_tree(folder / "s", train=20, val=10))


def test_every_image_with_boxes_has_one_caption_and_nothing_else_changes(captioned: Path, tmp_path: Path) -> None:
    plain = build(tmp_path / "d", captioned.parent / "s", captions="none")
    for split in ("train", "test"):
        images = rows(captioned, "vqa", split)
        assert images == rows(plain, "vqa", split)
        boxed = [row["image_id"] for row in images if row["objects"]]
        assert 0 < len(boxed) < len(images)
        found = rows(captioned, "cap", split)
        assert [row["image_id"] for row in found] == boxed
        by_id = {row["image_id"]: row for row in images}
        for row in found:
            [caption] = row["captions"]
            image = by_id[row["image_id"]]
            boxes = [Box(*box["bbox"], box["category"]) for box in image["objects"]]
            tile = replace(tile_with(*boxes), stem=row["image_id"].split("/")[1], width=image["width"], height=image["height"])
            assert (caption["text"], caption["kind"], caption["origin"]) == (concise_caption(tile, seed=0), "concise", "template")
            assert row["image"] == image["image"]
    assert not (plain / "cider-df-concise.parquet").exists()


def test_manifest_card_and_provenance_account_for_them(captioned: Path) -> None:
    manifest = read_manifest(captioned)
    numbers = {split: len(rows(captioned, "cap", split)) for split in ("train", "test")}
    assert manifest.counts["captions"] == {split: {"concise": number} for split, number in numbers.items()}
    assert manifest.counts["caption_origins"] == {split: {"template": number} for split, number in numbers.items()}
    assert manifest.parameters["captions"] == "template"
    assert [file.file for file in manifest.files if file.file.startswith("cider")] == ["cider-df-concise.parquet"]
    provenance = [row for row in pq.read_table(captioned / "provenance.parquet").to_pylist() if row["text_kind"] == "caption"]
    assert len(provenance) == sum(numbers.values())
    assert {row["origin"] for row in provenance} == {"template"}
    card = (captioned / "README.md").read_text()
    assert f"| concise | {numbers['train']} | {numbers['test']} |" in card
    assert "`cider-df-concise.parquet`" in card
    assert "cap" in {config["config_name"] for config in yaml.safe_load(card.split("---")[1])["configs"]}


def test_a_card_without_captions_says_so(plain_dataset: Path) -> None:
    assert "This build holds no captions." in (plain_dataset / "README.md").read_text()


def test_the_frozen_frequencies_count_test_captions_alone(captioned: Path) -> None:
    texts = [caption["text"] for row in rows(captioned, "cap", "test") for caption in row["captions"]]
    expected = count_document_frequency(texts)
    assert read_document_frequency(captioned / "cider-df-concise.parquet") == expected
    assert open_dataset(captioned).document_frequency("concise") == expected
    assert expected.documents == len(texts)
    sarlang_hf.verify(captioned)


def test_both_kinds_are_frozen_where_both_are_there_and_each_caption_is_a_document(demo_dataset: Path) -> None:
    folder = open_dataset(demo_dataset)
    by_kind: dict[Any, list[str]] = {"complex": [], "concise": []}
    for captions in folder.captions("test").column("captions").to_pylist():
        for caption in captions:
            by_kind[caption["kind"]].append(caption["text"])
    assert len(by_kind["complex"]) == 12 < len(by_kind["concise"])
    for kind, texts in by_kind.items():
        assert folder.document_frequency(kind) == count_document_frequency(texts)


def test_frequencies_that_the_manifest_does_not_list_are_refused(captioned: Path, tmp_path: Path) -> None:
    """A sound table of other captions: only its checksum gives it away."""
    shutil.copytree(captioned, tmp_path / "d")
    write_document_frequency(tmp_path / "d/cider-df-concise.parquet", count_document_frequency(["a ship", "two ships"]))
    with pytest.raises(DatasetCorruptError, match="was altered: its SHA-256 is") as caught:
        open_dataset(tmp_path / "d").document_frequency("concise")
    assert caught.value.place.endswith("cider-df-concise.parquet")


def test_training_captions_alone_freeze_nothing(tmp_path: Path) -> None:
    out = build(tmp_path / "d", sardet_tree(tmp_path / "s", [Picture("a.png")], [Picture("b.png", boxes=[])]))
    folder = open_dataset(out)
    assert (folder.has("cap", "train"), folder.has("cap", "test")) == (True, False)
    assert not list(out.glob("cider*"))
    with pytest.raises(DatasetNotFoundError, match="has no concise test captions"):
        folder.document_frequency("concise")
    with pytest.raises(DatasetNotFoundError, match="has no test split of config 'cap'"):
        folder.captions("test")
    sarlang_hf.verify(out)


def test_a_captioned_image_that_is_left_out_takes_the_config_with_it(tmp_path: Path) -> None:
    root = sardet_tree(tmp_path / "s", [Picture("a.png", boxes=[])], [Picture("b.png"), Picture("c.png", boxes=[])])
    (root / "JPEGImages/val/b.png").write_bytes(b"")
    out = build(tmp_path / "d", root, on_error="skip")
    assert {shard.config for shard in read_manifest(out).shards} == {"vqa", "vqa_questions"}
    assert not list(out.glob("cider*"))
    sarlang_hf.verify(out)


def test_the_option_is_part_of_what_a_build_is(captioned: Path) -> None:
    with pytest.raises(sarlang_hf.errors.UsageError, match="captions"):
        build(captioned, captioned.parent / "s", captions="none")


KILLED = """
import os, signal, sys
from pathlib import Path
import sarlang_hf
from sarlang_hf.packaging import finish
from sarlang_hf.sources import SARDet100K
write = finish.write_frequencies
def write_and_die(*arguments):
    write(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
finish.write_frequencies = write_and_die
sarlang_hf.build(Path(sys.argv[2]), [SARDet100K(Path(sys.argv[1]))], captions="template", rows_per_shard=4)
"""


def test_workers_and_a_kill_behind_the_frozen_frequencies_do_not_show(captioned: Path, tmp_path: Path) -> None:
    root, expected = captioned.parent / "s", contents(captioned)
    assert contents(build(tmp_path / "two", root, workers=2)) == expected
    died = subprocess.run([sys.executable, "-c", KILLED, str(root), str(tmp_path / "d")], check=False).returncode
    assert died == -signal.SIGKILL
    assert (tmp_path / "d/cider-df-concise.parquet").exists()
    assert not (tmp_path / "d/manifest.json").exists()
    assert contents(build(tmp_path / "d", root)) == expected


# verify


FROZEN = "cider-df-concise.parquet"


def _replace(folder: Path, references: list[str]) -> None:
    """Other frequencies, which the manifest knows."""
    from sarlang_hf.files import sha256_of

    path = folder / FROZEN
    write_document_frequency(path, count_document_frequency(references))
    entry = {"file": FROZEN, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
    edit_json(folder / "manifest.json", files=lambda old: [file for file in old if file["file"] != FROZEN] + [entry])


def _texts(folder: Path) -> list[str]:
    return [caption["text"] for row in rows(folder, "cap", "test") for caption in row["captions"]]


def _forget(folder: Path) -> None:
    edit_json(folder / "manifest.json", files=lambda old: [file for file in old if file["file"] != FROZEN])


@pytest.mark.parametrize(
    ("damage", "problem", "place"),
    [
        (lambda folder: _replace(folder, _texts(folder)[1:]), "captions, the test split has", FROZEN),
        (lambda folder: _replace(folder, ["zebra", *_texts(folder)[1:]]), "says that", FROZEN),
        (_forget, "does not list cider-df-concise.parquet, though there are concise test captions", "manifest.json"),
        (lambda folder: (folder / FROZEN).unlink(), "file is missing", FROZEN),
        (
            lambda folder: shutil.copy(folder / FROZEN, folder / "cider-df-complex.parquet"),
            "file is not in the manifest",
            "cider-df-complex.parquet",
        ),
    ],
)
def test_verify_holds_the_frozen_frequencies_to_the_captions(
    captioned: Path, tmp_path: Path, damage: Any, problem: str, place: str
) -> None:
    folder = shutil.copytree(captioned, tmp_path / "d")
    damage(folder)
    with pytest.raises(DatasetCorruptError) as caught:
        sarlang_hf.verify(folder)
    assert problem in caught.value.problem
    assert caught.value.place.endswith(place)


# Reading


def test_captions_of_a_split_are_a_row_per_image_with_its_row_number(captioned: Path) -> None:
    folder = open_dataset(captioned)
    table = folder.captions("train")
    assert table.column_names == ["image_id", "source", "scene", "place", "captions", "image_row"]
    stored = rows(captioned, "cap", "train")
    assert table.column("captions").to_pylist() == [row["captions"] for row in stored]
    assert folder.captions("train", ["image_row", "image_id"]).to_pylist() == [
        {"image_row": number, "image_id": row["image_id"]} for number, row in enumerate(stored)
    ]
    assert folder.image_rows("cap", "train") == {row["image_id"]: number for number, row in enumerate(stored)}
    assert folder.image_rows("vqa", "train").keys() == folder.places("train").keys()
    images = folder.images("train", "cap")
    assert [images.bytes(row["image_row"]) for row in table.to_pylist()] == [row["image"]["bytes"] for row in stored]


def test_places_are_those_of_the_images(tmp_path: Path) -> None:
    class Placed(SARDet100K):
        def tiles(self) -> Any:
            return (replace(tile, place=f"City {tile.stem}") if tile.stem != "c" else tile for tile in super().tiles())

    pictures = [Picture(f"{name}.png") for name in "abc"]
    sarlang_hf.build(tmp_path / "d", [Placed(sardet_tree(tmp_path / "s", pictures, [Picture("d.png")]))], rows_per_shard=2)
    folder = open_dataset(tmp_path / "d")
    assert folder.places("train") == {"sardet100k/a": "City a", "sardet100k/b": "City b", "sardet100k/c": ""}
    assert folder.places("test") == {"sardet100k/d": "City d"}


@pytest.fixture
def hf_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets

    folder = tmp_path_factory.mktemp("hf-cache")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder)
    return folder


def test_captions_flat_has_a_row_per_caption_with_its_image_and_fills_no_cache(demo_dataset: Path, hf_cache: Path) -> None:
    loaded = sarlang_hf.load(demo_dataset, "captions_flat")
    assert set(loaded) == {"train", "test"}
    flat = list(loaded["test"])
    folder = open_dataset(demo_dataset)
    images = folder.images("test", "cap")
    stored = [(row, caption) for row in folder.captions("test").to_pylist() for caption in row["captions"]]
    assert [row["caption_id"] for row in flat] == [caption["caption_id"] for _, caption in stored]
    for found, (row, caption) in zip(flat, stored, strict=True):
        assert {name: found[name] for name in caption} == caption
        assert all(found[name] == row[name] for name in ("image_id", "source", "scene", "place", "image_row"))
        assert found["image"].tobytes() == images.image(row["image_row"]).tobytes()
    assert not list(hf_cache.rglob("*.arrow"))
    some = loaded["test"].shuffle(seed=1).select([3])[0]
    assert some["image"].tobytes() == images.image(some["image_row"]).tobytes()


STREAM = """
import sys, sarlang_hf
for row in sarlang_hf.load(sys.argv[1], "captions_flat", "test", streaming=True):
    print(row["caption_id"], row["image"].size, row["kind"])
"""


def test_captions_can_be_streamed(demo_dataset: Path) -> None:
    # In a process of its own, without torch: `datasets` would load it for a stream.
    command, environment = [sys.executable, "-c", STREAM, str(demo_dataset)], {**os.environ, "USE_TORCH": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    stored = open_dataset(demo_dataset).captions("test", ["captions"]).to_pylist()
    expected = [f"{caption['caption_id']} (64, 64) {caption['kind']}" for row in stored for caption in row["captions"]]
    assert done.stdout.splitlines() == expected


def test_the_builder_script_writes_the_same_captions(captioned: Path, tmp_path: Path) -> None:
    from sarlang_hf.loading_script.sarlang_1m import Sarlang1M

    options = {"sardet": str(captioned.parent / "s"), "cache_dir": str(tmp_path)}
    builder = Sarlang1M(config_name="cap", captions="template", **options)
    builder.download_and_prepare()
    for split in ("train", "test"):
        made = builder.as_dataset(split=split).data.table.drop_columns("image").to_pylist()
        assert made == pa.Table.from_pylist(rows(captioned, "cap", split)).drop_columns("image").to_pylist()
    with pytest.raises(DatasetNotFoundError, match="no source given brings captions"):
        Sarlang1M(config_name="cap", **options).download_and_prepare()


def test_real_sar_images_get_captions(realdata: Path, tmp_path: Path) -> None:
    folder = open_dataset(build(tmp_path / "d", realdata / "sardet_layout"))
    sarlang_hf.verify(folder.path)
    said = 0
    for split in ("train", "test"):
        boxes = {row["image_id"]: row["objects"] for row in rows(folder.path, "vqa", split)}
        for row in folder.captions(split).to_pylist():
            [caption] = row["captions"]
            assert all(box["category"] in caption["text"] for box in boxes[row["image_id"]])
            said += 1
    assert said > 0
