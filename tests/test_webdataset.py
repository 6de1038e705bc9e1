"""`--webdataset`: tars that webdataset, datasets and open_clip take whole, the same in every build."""

from __future__ import annotations

import hashlib
import io
import json
import math
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trees import contents

from sarlang_hf.errors import OutputError
from sarlang_hf.packaging.manifest import Shard, Tar
from sarlang_hf.packaging.parquet import arrow_schema, shard
from sarlang_hf.packaging.webdataset import write_tars
from sarlang_hf.schema import Config, Split

NAMES = ("SV_Darwin_-12.4278_130.8688.png", "0009787.jpg", "France_Alpes-Maritimes_Nice_3.png", "GF2_a.b.c.jpeg", "t.PNG")


def picture(number: int, suffix: str) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (12 + number % 5, 16), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG" if suffix.lower() in (".jpg", ".jpeg") else "PNG")
    return buffer.getvalue()


def row(config: Config, number: int, name: str, texts: int) -> dict[str, object]:
    """A row of the dataset; every fifth has coordinates, every third boxes, as tiles of different sources have."""
    path, stem = Path(name), f"{Path(name).stem}_{number:04}"
    question = {"type": "region_referring", "application": "region_referring", "topic": "", "template": "", "origin": "released"}
    boxes = [{"bbox": [1.0, 2.0, 3.5, 4.0], "category": "ship"}] if number % 3 == 2 else []
    words = {
        "vqa": {
            "objects": boxes,
            "questions": [
                {"question_id": f"q{number}-{i}", "question": f"What is № {i}?", "answer": f"ship {number}", **question}
                for i in range(texts)
            ],
        },
        "cap": {
            "captions": [
                {"caption_id": f"c{number}-{i}", "text": f"caption {i} of {number}", "kind": "concise", "origin": "blip"}
                for i in range(texts)
            ]
        },
    }[config]
    return {
        "image": {"bytes": picture(number, path.suffix), "path": name},
        "image_id": f"paired/{stem}",
        "source": "paired",
        "scene": "",
        **words,
        "width": 16,
        "height": 12 + number % 5,
        "file_name": name,
        "place": "",
        "country": "",
        "lat": 1.5 if number % 5 == 4 else None,
        "lon": 2.5 if number % 5 == 4 else None,
        "polarization": "",
        "gsd_m": None,
        "sensor": "",
        "preprocessing": "{}",
        "license": "x",
        "redistributable": False,
        "sha256": "",
    }


def folder(
    out: Path, parts: dict[tuple[Config, Split], int], names: Sequence[str] = NAMES, textless: int = 4, per_shard: int = 7
) -> list[Shard]:
    """Writes shards of a dataset; every `textless`-th image has no texts."""
    written = []
    for (config, split), count in parts.items():
        rows = [row(config, i, names[i % len(names)], 0 if i % textless == 0 else 1 + i % 3) for i in range(count)]
        rows.sort(key=lambda one: str(one["image_id"]))
        for at in range(0, count, per_shard):
            path = out / f"data/{config}-{split}-{at:05}.parquet"
            with shard(path, arrow_schema(config), rows_per_group=3) as writer:
                for one in rows[at : at + per_shard]:
                    writer.append(one)
            assert writer.written
            written.append(
                Shard(f"data/{path.name}", config, split, *(getattr(writer.written, f) for f in ("rows", "bytes", "sha256")))
            )
    return written


def read(out: Path, tars: Sequence[Tar]) -> dict[str, dict[str, bytes]]:
    """Samples by key, read with nothing but tarfile."""
    samples: dict[str, dict[str, bytes]] = {}
    for tar in tars:
        with tarfile.open(out / tar.file) as archive:
            for member in archive:
                file = archive.extractfile(member)
                assert file
                key, _, extension = member.name.partition(".")
                samples.setdefault(key, {})[extension] = file.read()
    return samples


ALL: dict[tuple[Config, Split], int] = {("vqa", "train"): 40, ("vqa", "test"): 13, ("cap", "train"): 21, ("cap", "test"): 9}
WITH_TEXTS = {part: count - len(range(0, count, 4)) for part, count in ALL.items()}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Tar, ...]]:
    """A small dataset of dotted names, mixed formats and images without texts, in tars of at most eight samples."""
    out = tmp_path_factory.mktemp("wds")
    return out, write_tars(out, folder(out, ALL), seed=1, max_samples=8)


def of(tars: Sequence[Tar], config: str, split: str) -> list[Tar]:
    return [tar for tar in tars if (tar.config, tar.split) == (config, split)]


def test_every_image_with_texts_is_there_once_with_all_its_columns(exported: tuple[Path, tuple[Tar, ...]]) -> None:
    out, tars = exported
    for (config, split), count in WITH_TEXTS.items():
        samples = read(out, of(tars, config, split))
        assert sorted(samples) == [f"{key:09}" for key in range(count)]
        found = {json.loads(parts["json"])["image_id"]: parts for parts in samples.values()}
        for number in range(ALL[config, split]):
            if number % 4 == 0:
                continue
            expected = row(config, number, NAMES[number % 5], 1 + number % 3)
            parts = found.pop(str(expected["image_id"]))
            image = expected.pop("image")
            assert isinstance(image, dict)
            assert set(parts) == {"png", "json", "txt"}  # one extension, since formats are mixed
            assert parts["png"] == image["bytes"]  # JPEG files too, byte for byte
            assert parts["json"] == json.dumps(expected, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
            if config == "cap":
                assert parts["txt"].decode() in [caption["text"] for caption in expected["captions"]]
            else:
                assert parts["txt"].decode() in [f"{q['question']} {q['answer']}" for q in expected["questions"]]
        assert found == {}


def test_what_is_returned_is_what_was_written(exported: tuple[Path, tuple[Tar, ...]]) -> None:
    out, tars = exported
    assert [tar.file for tar in tars] == sorted(path.relative_to(out).as_posix() for path in out.glob("webdataset/*"))
    assert [tar.file for tar in of(tars, "cap", "test")] == ["webdataset/cap-test-000000.tar"]
    assert len(of(tars, "vqa", "train")) == math.ceil(30 / 8)
    for tar in tars:
        data = (out / tar.file).read_bytes()
        assert (tar.bytes, tar.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert tar.samples == len(read(out, [tar])) <= 8
        assert len(data) % tarfile.RECORDSIZE == 0


def test_a_seed_decides_the_bytes_and_another_the_order(exported: tuple[Path, tuple[Tar, ...]], tmp_path: Path) -> None:
    out, tars = exported
    again = write_tars(tmp_path, folder(tmp_path, ALL, per_shard=4), seed=1, max_samples=8)  # other shards, same rows
    assert again == tars
    assert contents(tmp_path / "webdataset") == contents(out / "webdataset")
    other = write_tars(tmp_path, folder(tmp_path, ALL), seed=2, max_samples=8)

    def order(tars: Sequence[Tar]) -> list[str]:
        return [json.loads(parts["json"])["image_id"] for parts in read(tmp_path, of(tars, "vqa", "train")).values()]

    before = [json.loads(parts["json"])["image_id"] for parts in read(out, of(tars, "vqa", "train")).values()]
    assert sorted(order(other)) == sorted(before)
    assert order(other) != before
    assert before != sorted(before)


def test_owners_times_and_modes_are_fixed(exported: tuple[Path, tuple[Tar, ...]]) -> None:
    out, tars = exported
    with tarfile.open(out / tars[0].file) as archive:
        members = archive.getmembers()
    facts = {(member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode) for member in members}
    assert facts == {(0, 0, 0, "", "", 0o644)}
    assert members[0].tobuf(tarfile.USTAR_FORMAT)[257:265] == b"ustar\x0000"


def test_tars_do_not_grow_beyond_their_size(tmp_path: Path) -> None:
    shards = folder(tmp_path, {("cap", "train"): 40})
    tars = write_tars(tmp_path, shards, seed=0, max_bytes=30_000)
    assert len(tars) > 2
    assert max(tar.bytes for tar in tars) <= 30_000
    assert sum(tar.samples for tar in tars) == 30
    single = write_tars(tmp_path, shards, seed=0, max_bytes=1)  # a sample is never cut
    assert [tar.samples for tar in single] == [1] * 30


def test_the_shuffle_spreads_neighbours(tmp_path: Path) -> None:
    write = folder(tmp_path, {("cap", "train"): 400}, names=["a.png"], textless=10**6)
    samples = read(tmp_path, write_tars(tmp_path, [*write], seed=0))
    numbers = np.array([int(json.loads(parts["json"])["image_id"][-4:]) for parts in samples.values()])
    assert abs(np.corrcoef(np.arange(len(numbers)), numbers)[0, 1]) < 4 / math.sqrt(400)


def test_every_text_is_equally_likely(tmp_path: Path) -> None:
    write = folder(tmp_path, {("cap", "train"): 900}, names=["a.png"], textless=10**6, per_shard=900)
    samples = read(tmp_path, write_tars(tmp_path, [*write], seed=0))
    drawn = [parts["txt"].decode().split()[1] for parts in samples.values() if len(json.loads(parts["json"])["captions"]) == 3]
    assert len(drawn) == 300
    for which in "012":
        assert abs(drawn.count(which) - 100) < 4 * math.sqrt(300 * 2 / 9)


def test_jpeg_files_alone_keep_their_extension(tmp_path: Path) -> None:
    parts: dict[tuple[Config, Split], int] = {("vqa", "train"): 4, ("vqa", "test"): 4}
    tars = write_tars(tmp_path, folder(tmp_path, parts, names=["a.JPG", "b.jpeg"]), seed=0)
    assert {frozenset(sample) for sample in read(tmp_path, tars).values()} == {frozenset({"jpg", "json", "txt"})}


def test_a_config_whose_images_have_no_texts_is_not_written(tmp_path: Path) -> None:
    assert write_tars(tmp_path, folder(tmp_path, {("vqa", "train"): 5}, textless=1), seed=0) == ()
    assert not (tmp_path / "webdataset").exists()


READERS = """
import argparse, json, sys
import torch, webdataset
from open_clip_train.data import get_wds_dataset

def plain(files):
    data = webdataset.WebDataset(files, shardshuffle=False).decode("pil").to_tuple("__key__", "png", "json", "txt")
    return [(key, image.size[0], row["image_id"], text) for key, image, row, text in data]

def open_clip(files, count, is_train):
    args = argparse.Namespace(
        train_data="::".join(files), val_data="::".join(files), train_data_upsampling_factors=None, dataset_resampled=False,
        train_num_samples=count, val_num_samples=None, seed=0, batch_size=1, workers=0, world_size=1,
    )
    texts = []
    tokens = lambda text: texts.append(text) or [torch.zeros(1)]
    pixels = lambda image: torch.tensor(image.size)
    loader = get_wds_dataset(args, pixels, is_train, tokenizer=tokens).dataloader
    return [sum(len(images) for images, _ in loader), sorted(texts)]

asked = json.loads(sys.argv[1])
seen = {c: {"plain": plain(f), "eval": open_clip(f, n, False), "train": open_clip(f, n, True)} for c, (f, n) in asked.items()}
print(json.dumps({"version": webdataset.__version__, **seen}))
"""


def test_webdataset_and_open_clip_read_all(exported: tuple[Path, tuple[Tar, ...]]) -> None:
    """In one process of their own, and one test: both load torch, which takes most of the time."""
    out, tars = exported
    asked = {}
    for config in ("vqa", "cap"):
        chosen = of(tars, config, "train")
        asked[config] = ([str(out / tar.file) for tar in chosen], sum(tar.samples for tar in chosen))
    result = subprocess.run([sys.executable, "-c", READERS, json.dumps(asked)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "Handling webdataset error" not in result.stderr  # open_clip passes over what it cannot read
    seen = json.loads(result.stdout)
    assert seen["version"].startswith("0.2.")  # 1.x breaks open_clip
    for config in ("vqa", "cap"):
        samples = read(out, of(tars, config, "train")).items()
        plain = [[key, 16, json.loads(parts["json"])["image_id"], parts["txt"].decode()] for key, parts in samples]
        texts = sorted(text for *_, text in plain)
        assert seen[config] == {"plain": plain, "eval": [len(texts), texts], "train": [len(texts), texts]}


def test_datasets_reads_all_with_boxes_and_coordinates(exported: tuple[Path, tuple[Tar, ...]], tmp_path: Path) -> None:
    import datasets

    out, tars = exported
    files = {split: [str(out / tar.file) for tar in of(tars, "vqa", split)] for split in ("train", "test")}
    data = datasets.load_dataset("webdataset", data_files=files, cache_dir=str(tmp_path))
    assert {split: len(part) for split, part in data.items()} == {"train": 30, "test": 9}
    rows = {one["json"]["image_id"]: one for one in data["train"]}
    assert len(rows) == 30
    for number in (n for n in range(40) if n % 4):
        expected = row("vqa", number, NAMES[number % 5], 1 + number % 3)
        image = expected.pop("image")
        found = rows[str(expected["image_id"])]
        assert found["json"] == expected  # with the boxes and coordinates that most images lack
        assert isinstance(image, dict)
        assert np.array_equal(np.asarray(found["png"]), np.asarray(Image.open(io.BytesIO(image["bytes"]))))


def test_rows_that_fill_a_column_come_first_in_every_tar(exported: tuple[Path, tuple[Tar, ...]]) -> None:
    out, tars = exported
    for tar in of(tars, "vqa", "train"):
        rows = [json.loads(parts["json"]) for parts in read(out, [tar]).values()]
        for column in ("objects", "lat", "lon"):
            assert any(one[column] for one in rows[:5]) == any(one[column] for one in rows)


def test_progress_counts_images_with_texts_from_none_to_all(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    shards = folder(tmp_path, {("vqa", "train"): 20, ("cap", "test"): 280}, names=["a.png"], textless=2, per_shard=150)
    tars = write_tars(tmp_path, shards, seed=0, max_samples=120, progress=lambda *step: told.append(step))
    assert told == [(0, 150), (100, 150), (150, 150)]
    assert sum(tar.samples for tar in tars) == 150


def test_memory_does_not_grow_with_the_images(tmp_path: Path) -> None:
    code = r"""
import re, sys
from pathlib import Path
from sarlang_hf.packaging.manifest import Shard
from sarlang_hf.packaging.parquet import arrow_schema, shard
from sarlang_hf.packaging.webdataset import write_tars
sys.path.insert(0, "tests")
from test_webdataset import row
out, shards, blob = Path(sys.argv[1]), [], bytes(1_000_000)
import pyarrow
for number in range(12):
    path = out / f"data/cap-train-{number}.parquet"
    with shard(path, arrow_schema("cap"), rows_per_group=5) as writer:
        for i in range(10):
            writer.append(row("cap", 10 * number + i, f"{number}.png", 1) | {"image": {"bytes": blob, "path": "a.png"}})
    shards.append(Shard(f"data/{path.name}", "cap", "train", 10, 0, ""))
def peak():  # of this program alone: `getrusage` would begin with that of the process that started it
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
print(sum(tar.samples for tar in write_tars(out, shards, seed=0)), peak() - before)
"""
    root = Path(__file__).parents[1]
    said = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True, cwd=root).stdout
    samples, grown = map(int, said.split())
    assert samples == 120
    assert grown * 1024 < 60e6  # 120 MB of images


def test_a_full_disk_is_an_output_error_and_leaves_no_tar(tmp_path: Path) -> None:
    shards = folder(tmp_path, {("cap", "train"): 40})
    code = f"""
import resource, signal, sys
from pathlib import Path
from sarlang_hf.packaging.manifest import Shard
from sarlang_hf.packaging.webdataset import write_tars
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    write_tars(Path(sys.argv[1]), {shards!r}, seed=0)
except Exception as error:
    print(type(error).__name__)
"""
    said = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True).stdout
    assert said.strip() == OutputError.__name__
    assert list((tmp_path / "webdataset").iterdir()) == []
