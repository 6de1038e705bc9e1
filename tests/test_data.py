"""Reading a dataset folder: by `datasets`, by `sarlang_hf.load`, and image by image."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from trees import Picture, edit_json, plain_tree, sardet_tree

import sarlang_hf
from sarlang_hf.data import open_dataset
from sarlang_hf.errors import DatasetCorruptError, DatasetFormatError, DatasetNotFoundError, SarlangError, UsageError
from sarlang_hf.loading_script.sarlang_1m import Sarlang1M
from sarlang_hf.packaging.manifest import MANIFEST
from sarlang_hf.packaging.parquet import arrow_schema, shard
from sarlang_hf.schema import features
from sarlang_hf.sources import SARDet100K


@pytest.fixture(autouse=True)
def hf_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`datasets` reads its cache folder at import; the tests give it one of their own."""
    import datasets

    folder = tmp_path_factory.mktemp("hf")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder)
    return folder


def originals(dataset: Path) -> dict[str, bytes]:
    """Image files of the tree beside a dataset, by image id."""
    return {f"sardet100k/{path.stem}": path.read_bytes() for path in dataset.parent.glob("SARDet_100K/JPEGImages/*/*")}


def test_images_by_row_number_are_the_stored_files(plain_dataset: Path) -> None:
    folder = open_dataset(plain_dataset)
    for split in ("train", "test"):
        store, questions = folder.images(split), folder.questions(split).to_pylist()
        files = originals(plain_dataset)
        ids = {question["image_row"]: question["image_id"] for question in questions}
        for row in np.random.default_rng(0).permutation(list(ids)):
            assert store.bytes(row) == files[ids[row]]
            assert store.image(row).size == (64, 48)


def test_image_offsets_hold_across_pages_and_row_groups(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.bytes(int(size)) for size in rng.integers(1, 400_000, 230)]  # pages end at about 1 MB
    images[7] = images[8]  # a dictionary would store it once
    row: dict[str, Any] = dict.fromkeys(features("raw"))
    with shard(tmp_path / "raw-test.parquet", arrow_schema("raw")) as writer:
        for index, image in enumerate(images):
            writer.append(row | {"image": {"bytes": image, "path": f"{index}.png"}, "image_id": str(index)})
    from sarlang_hf.data import ImageStore

    store = ImageStore((tmp_path / "raw-test.parquet",))
    assert pq.read_metadata(tmp_path / "raw-test.parquet").num_row_groups == 3
    assert [store.bytes(index) for index in range(len(store))] == images


def test_image_store_serves_threads_and_survives_pickling(plain_dataset: Path) -> None:
    store = open_dataset(plain_dataset).images("train")
    expected = [store.bytes(row) for row in range(len(store))]
    fresh = pickle.loads(pickle.dumps(store))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fresh.bytes, [*range(len(store))] * 20)) == expected * 20


@pytest.mark.parametrize("row", [-1, 6, 10**9])
def test_a_row_that_is_not_there(plain_dataset: Path, row: int) -> None:
    with pytest.raises(IndexError, match=f"row {row} of 6 images"):
        open_dataset(plain_dataset).images("test").bytes(row)


@pytest.mark.parametrize("options", [{"compression": "snappy"}, {"use_dictionary": True, "compression": "none"}])
def test_a_foreign_parquet_layout_is_refused(plain_dataset: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    folder = shutil.copytree(plain_dataset, tmp_path / "d")
    path = folder / "data/vqa-test-00000-of-00002.parquet"
    pq.write_table(pq.read_table(path), path, **options)
    with pytest.raises(DatasetCorruptError, match="compressed or dictionary encoded"):
        open_dataset(folder).images("test").bytes(0)


def test_load_gives_images_that_decode(plain_dataset: Path) -> None:
    loaded = sarlang_hf.load(plain_dataset)
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 12, "test": 6}
    assert loaded["train"].features == features("vqa")
    assert loaded["test"][0]["image"].size == (64, 48)


def test_vqa_flat_has_a_row_per_question_with_its_image(plain_dataset: Path) -> None:
    rows = list(sarlang_hf.load(plain_dataset, "vqa_flat", "test"))
    images = sarlang_hf.load(plain_dataset, "vqa", "test")
    expected = [(image["image_id"], q["question"], image["image"]) for image in images for q in image["questions"]]
    assert [(row["image_id"], row["question"]) for row in rows] == [entry[:2] for entry in expected]
    assert all(np.array_equal(row["image"], entry[2]) for row, entry in zip(rows, expected, strict=True))


def test_vqa_flat_takes_columns_orders_and_filters(plain_dataset: Path) -> None:
    flat = sarlang_hf.load(plain_dataset, "vqa_flat", "test")
    assert flat.column_names[-1] == "image"
    assert set(flat.select_columns(["question", "answer"])[0]) == {"question", "answer"}
    assert flat.select_columns(["question", "image"])[0]["image"].size == (64, 48)
    assert flat.shuffle(seed=1)[0]["image"].size == (64, 48)
    assert {row["answer"] for row in flat.filter(lambda row: row["answer"] == "yes")} == {"yes"}
    assert pickle.loads(pickle.dumps(flat))[3]["image"] == flat[3]["image"]


def test_vqa_flat_is_lazy(plain_dataset: Path, hf_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(Image, "open", lambda *_a, **_k: opened.append(1))
    rows = sarlang_hf.load(plain_dataset, "vqa_flat", "test")
    assert len(rows) > 20
    assert not opened
    assert (
        sum(path.stat().st_size for path in hf_cache.rglob("*.arrow")) < 60_000
    )  # text alone; the images have 18,000 bytes each


FRESH = """
import json
from datasets import load_dataset
plain = load_dataset("sarlang-1m")
questions = load_dataset("sarlang-1m", "vqa_questions", split="test")
stream = list(load_dataset("sarlang-1m", streaming=True, split="test"))
import sarlang_hf
flat = list(sarlang_hf.load("sarlang-1m", "vqa_flat", "test", streaming=True))
print(json.dumps({
    "splits": {name: len(rows) for name, rows in plain.items()},
    "feature": type(plain["train"].features["image"]).__name__,
    "questions": len(questions), "columns": questions.column_names,
    "decoded": [list(row["image"].size) for row in plain["test"]], "streamed": [row["image"].mode for row in stream],
    "flat": [[row["question"], list(row["image"].size)] for row in flat],
}), flush=True)
import os
os._exit(0)  # a streamed Parquet file can hang the interpreter's exit (apache/arrow#45214)
"""


def test_load_dataset_by_bare_name_in_a_fresh_process(plain_dataset: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", FRESH]
    result = subprocess.run(command, cwd=plain_dataset.parent, env=environment, capture_output=True, check=True, timeout=120)
    seen = json.loads(result.stdout.splitlines()[-1])
    assert seen["splits"] == {"train": 12, "test": 6}
    assert seen["feature"] == "Image"
    assert seen["questions"] == open_dataset(plain_dataset).questions("test").num_rows
    assert seen["columns"] == list(features("vqa_questions"))
    assert seen["decoded"] == [[64, 48]] * 6
    assert seen["streamed"] == ["L"] * 6
    asked = open_dataset(plain_dataset).questions("test")["question"].to_pylist()
    assert seen["flat"] == [[question, [64, 48]] for question in asked]


@pytest.mark.parametrize("config", ["vqa", "vqa_questions"])
def test_the_builder_script_makes_the_same_rows(plain_dataset: Path, tmp_path: Path, config: str) -> None:
    tree = plain_dataset.parent / "SARDet_100K"
    builder = Sarlang1M(config_name=config, sardet=str(tree), cache_dir=str(tmp_path))
    builder.download_and_prepare()
    for split in ("train", "test"):
        paths = open_dataset(plain_dataset).files(config, split)
        ours = pa.concat_tables([pq.read_table(path) for path in paths])
        theirs = builder.as_dataset(split=split).with_format("arrow")[:]
        assert theirs.to_pylist() == ours.to_pylist()


def test_no_script_lies_in_the_dataset_folder(plain_dataset: Path) -> None:
    assert not list(plain_dataset.rglob("*.py"))


def test_dataset_comes_from_the_environment_or_the_default(plain_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARLANG_DATASET", str(plain_dataset))
    assert open_dataset().path == plain_dataset
    monkeypatch.delenv("SARLANG_DATASET")
    monkeypatch.chdir(plain_dataset.parent)
    assert open_dataset().path == Path("sarlang-1m")


def _nothing(folder: Path) -> Path:
    return folder / "nothing"


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def _file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file"


@pytest.mark.parametrize("place", [_nothing, _empty, _file])
def test_a_dataset_variable_that_points_at_nothing(place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARLANG_DATASET", str(place(tmp_path)))
    with pytest.raises(DatasetNotFoundError) as caught:
        sarlang_hf.load()
    assert caught.value.place == os.environ["SARLANG_DATASET"]
    assert "SARLANG_DATASET" in caught.value.remedy


@pytest.mark.parametrize(
    ("config", "split", "kind", "problem"),
    [
        ("cap", "test", DatasetNotFoundError, "has no test split of config 'cap'"),
        ("cap", None, DatasetNotFoundError, "of config 'cap'"),
        ("vqa", "validation", DatasetNotFoundError, "has no validation split"),
        ("captions", None, UsageError, "unknown config 'captions'"),
    ],
)
def test_a_config_or_split_that_is_not_there(
    plain_dataset: Path, config: Any, split: Any, kind: type[SarlangError], problem: str
) -> None:
    with pytest.raises(kind) as caught:
        sarlang_hf.load(plain_dataset, config, split)
    assert problem in caught.value.problem


def test_one_image_by_its_id(plain_dataset: Path) -> None:
    row = open_dataset(plain_dataset).image_row("sardet100k/0000013")
    assert (row["width"], row["height"], row["file_name"]) == (64, 48, "0000013.png")
    assert "image" not in row
    with pytest.raises(DatasetNotFoundError, match="has no image 'sardet100k/zeppelin'"):
        open_dataset(plain_dataset).image_row("sardet100k/zeppelin")


def test_verify_counts_what_it_checked(plain_dataset: Path) -> None:
    checked = sarlang_hf.verify(plain_dataset)
    assert (checked.images, checked.files) == (18, 11)
    assert checked.questions == sum(open_dataset(plain_dataset).questions(split).num_rows for split in ("train", "test"))


SHARD = "data/vqa-train-00001-of-00003.parquet"


def _flip_a_bit(folder: Path) -> None:
    data = bytearray((folder / SHARD).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / SHARD).write_bytes(data)


def _shorten(folder: Path) -> None:
    (folder / SHARD).write_bytes((folder / SHARD).read_bytes()[:-1])


def _stray(folder: Path) -> None:
    shutil.copy(folder / SHARD, folder / "data/vqa-train-00003-of-00003.parquet")


def _rewrite(folder: Path, name: str, change: Any) -> None:
    """Alters a shard and its entry in the manifest alike, so that only the content can give it away."""
    path = folder / name
    pq.write_table(change(pq.read_table(path)), path)
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = next(shard for shard in manifest["shards"] if shard["file"] == name)
    from sarlang_hf.files import sha256_of

    entry.update(bytes=path.stat().st_size, sha256=sha256_of(path))
    (folder / "manifest.json").write_text(json.dumps(manifest))


QUESTIONS = "data/questions-train-00000-of-00001.parquet"


@pytest.mark.parametrize(
    ("damage", "problem", "place"),
    [
        (_flip_a_bit, "was altered", SHARD),
        (_shorten, "bytes, the manifest says", SHARD),
        (lambda folder: (folder / SHARD).unlink(), "file is missing", SHARD),
        (lambda folder: (folder / "README.md").write_text("mine"), "bytes, the manifest says", "README.md"),
        (_stray, "not in the manifest", "data/vqa-train-00003-of-00003.parquet"),
        (lambda folder: _rewrite(folder, QUESTIONS, lambda t: t.slice(1)), "rows, the manifest says", QUESTIONS),
        (lambda folder: _rewrite(folder, QUESTIONS, lambda t: t.drop_columns("answer")), "columns of config", QUESTIONS),
        (lambda folder: _rewrite(folder, QUESTIONS, lambda t: t.take([1, 0, *range(2, len(t))])), "is not where", SHARD[:14]),
        (lambda folder: _rewrite(folder, SHARD, lambda t: t.take([1, 0, *range(2, len(t))])), "out of order", SHARD),
        (lambda folder: (folder / "manifest.json").write_text("{"), "is not a manifest", "manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text('{"format_version": "1.0"}'), "'dataset_kind'", "manifest.json"),
        (lambda folder: edit_json(folder / MANIFEST, counts=[1]), "'counts'", "manifest.json"),
        (lambda folder: edit_json(folder / MANIFEST, counts=lambda old: old | {"images": {}}), "counts of images", MANIFEST),
        (lambda folder: edit_json(folder / MANIFEST, counts=lambda old: old | {"boxes": {}}), "counts of boxes", MANIFEST),
        (lambda folder: edit_json(folder / MANIFEST, dataset_kind="official"), "'official', the card does not", MANIFEST),
        (lambda folder: edit_json(folder / MANIFEST, rejects={"undecodable": 5}), "other rejects", MANIFEST),
        (lambda folder: edit_json(folder / MANIFEST, files=[]), "does not list README.md", MANIFEST),
        (lambda folder: (shutil.rmtree(folder / "data"), edit_json(folder / MANIFEST, shards=[])), "no shard", MANIFEST),
        (lambda folder: edit_json(folder / MANIFEST, shards=lambda old: [old[0] | {"file": "../../x"}]), "outside", MANIFEST),
    ],
)
def test_verify_names_what_is_wrong(plain_dataset: Path, tmp_path: Path, damage: Any, problem: str, place: str) -> None:
    folder = shutil.copytree(plain_dataset, tmp_path / "d")
    damage(folder)
    with pytest.raises(DatasetCorruptError) as caught:
        sarlang_hf.verify(folder)
    assert problem in caught.value.problem
    assert place in caught.value.place
    assert caught.value.remedy


def test_a_missing_shard_is_reported_before_anything_is_read(plain_dataset: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(plain_dataset, tmp_path / "d")
    (folder / SHARD).unlink()
    with pytest.raises(DatasetCorruptError, match="shard is missing"):
        sarlang_hf.load(folder, "vqa", "train")


def test_another_major_format_version_is_refused(plain_dataset: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(plain_dataset, tmp_path / "d")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format_version": "2.0"}))
    with pytest.raises(DatasetFormatError, match=r"format version 2\.0 cannot be read") as caught:
        open_dataset(folder)
    assert "install" in caught.value.remedy


def test_fields_of_a_later_minor_version_are_passed_over(plain_dataset: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(plain_dataset, tmp_path / "d")
    edit_json(
        folder / "manifest.json", format_version="1.7", captioners=[{"file": "x.tar"}], counts=lambda old: old | {"new": {}}
    )
    assert sarlang_hf.verify(folder).images == 18


def test_the_builder_script_never_serves_another_folder_s_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stems = []
    for name in ("a", "b"):
        plain_tree(tmp_path / name / "s", train=3, val=1 if name == "a" else 2)
        monkeypatch.chdir(tmp_path / name)
        builder = Sarlang1M(config_name="vqa", sardet="s", cache_dir=str(tmp_path / "cache"))
        builder.download_and_prepare()
        stems.append(builder.as_dataset(split="test")["image_id"][:])
    assert [len(found) for found in stems] == [1, 2]
    edit_json(Path("s/Annotations/val.json"), annotations=[])
    mended = Sarlang1M(config_name="vqa", sardet="s", cache_dir=str(tmp_path / "cache"))
    mended.download_and_prepare()
    assert [row["objects"] for row in mended.as_dataset(split="test")] == [[], []]


@pytest.mark.parametrize(("config", "lacks"), [("cap", "captions"), ("raw", "radar rasters"), ("rgb", "optical twins")])
def test_the_builder_script_says_what_no_source_brings(tmp_path: Path, config: str, lacks: str) -> None:
    tree = plain_tree(tmp_path / "s", train=2, val=1)
    with pytest.raises(DatasetNotFoundError, match=f"no source given brings {lacks}"):
        Sarlang1M(config_name=config, sardet=str(tree), cache_dir=str(tmp_path / "c")).download_and_prepare()


def test_the_builder_script_without_a_source_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no source given"):
        Sarlang1M(config_name="vqa", cache_dir=str(tmp_path))


def test_a_source_that_brings_captions_gives_the_cap_config(tmp_path: Path) -> None:
    from dataclasses import replace

    from sarlang_hf.schema import Caption, Tile, text_ids

    class Captioned(SARDet100K):
        def tiles(self):
            for tile in super().tiles():
                assert isinstance(tile, Tile)
                texts = [("A ship at sea.", "concise"), ("A ship at sea.", "complex")]
                ids = text_ids(tile.image_id, texts)
                captions = tuple(Caption(i, text, kind, "human") for i, (text, kind) in zip(ids, texts, strict=True))
                yield replace(tile, captions=captions if tile.stem != "b" else ())

    pictures = [Picture("a.png"), Picture("b.png"), Picture("c.png")]
    manifest = sarlang_hf.build(tmp_path / "d", [Captioned(sardet_tree(tmp_path / "s", pictures, []))])
    sarlang_hf.verify(tmp_path / "d")
    loaded = sarlang_hf.load(tmp_path / "d", "cap", "train")
    assert [row["image_id"] for row in loaded] == ["sardet100k/a", "sardet100k/c"]
    assert len({caption["caption_id"] for row in loaded for caption in row["captions"]}) == 4
    assert manifest.counts["captions"] == {"train": {"complex": 2, "concise": 2}}
