"""Building one shard: a pure function of the survey and the build's parameters, run by whichever process.

Working folder of a build, under OUT/.build/ until everything is done:

    build.json                     what is being built; another build in the same folder is refused
    survey.sqlite                  see survey.py
    shards/vqa-train-00000-of-00003.parquet, shards/cap-..., raw-..., rgb-...
    receipts/train-00000.json      written after the shard's files: its presence marks the shard as finished
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sarlang_hf.errors import ImageFault
from sarlang_hf.files import write_atomically
from sarlang_hf.packaging.parquet import ShardWriter, WrittenFile, arrow_schema, shard
from sarlang_hf.packaging.pixels import PixelOptions
from sarlang_hf.packaging.rows import TileRecord, image_rows, read_tile
from sarlang_hf.packaging.survey import Reject, Survey
from sarlang_hf.schema import CONFIGS, Config, Split
from sarlang_hf.texts.captions import CaptionTexts
from sarlang_hf.texts.infer import is_matched
from sarlang_hf.texts.plan import QuestionPlan


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """Which tiles make up one shard: `count` tiles of a split from position `first` in id order."""

    split: Split
    index: int
    total: int
    first: int
    count: int

    def file_name(self, config: Config) -> str:
        return f"{config}-{self.split}-{self.index:05}-of-{self.total:05}.parquet"

    @property
    def receipt_name(self) -> str:
        return f"{self.split}-{self.index:05}.json"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a finished shard holds. `files` is keyed by config; `counts` are counted once per tile, box or question."""

    files: dict[Config, WrittenFile]
    counts: dict[str, dict[str, int]]
    rejects: list[Reject]

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode()

    @classmethod
    def read(cls, path: Path) -> Receipt:
        content = json.loads(path.read_bytes())
        files = {config: WrittenFile(**content["files"][config]) for config in CONFIGS if config in content["files"]}
        return cls(files, content["counts"], [Reject(**reject) for reject in content["rejects"]])


@dataclass
class _Tally:
    counts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, what: str, key: str, number: int = 1) -> None:
        self.counts[what][key] += number

    def add_record(self, record: TileRecord) -> None:
        self.add("images", record.tile.source)
        self.add("clipped_boxes", record.tile.source, record.tile.clipped_boxes)
        if record.tile.radar is not None and record.tile.original is None:
            self.add("band_origins", f"{record.tile.source}: {record.tile.radar.band_origin}")
            if record.tile.gsd_m is None:
                self.add("without_georeference", record.tile.source)
        for box in record.tile.boxes:
            self.add("boxes", box.category)
        for question in record.questions:
            self.add("questions", question.type)
            self.add("question_origins", question.origin)
            if question.origin == "released":
                self.add("inferred_types", "matched" if is_matched(question.question, question.answer) else "fallback")
        for caption in record.captions:
            self.add("captions", caption.kind)
            self.add("caption_origins", caption.origin)
        for reason, number in record.question_drops.items():
            self.add("drops", reason, number)
        self.add("licenses", f"{record.tile.source}: {record.tile.license}")


def build_shard(
    work: Path,
    plan: ShardPlan,
    questions: QuestionPlan,
    *,
    seed: int,
    skip_faults: bool,
    captions: CaptionTexts,
    with_cap: bool,
    pixels: PixelOptions,
    excluded: Mapping[str, Reject],
    watch: Callable[[str], None],
) -> Receipt:
    """Writes the files of one shard and its receipt.

    Args:
        work: the build's working folder.
        plan: which tiles.
        questions: class counts and sampling weights of the whole build.
        seed: of the texts.
        skip_faults: whether an unusable image is left out and recorded; otherwise it is raised. Screened ones never are.
        captions: which captions are written beside those that tiles bring.
        with_cap: whether the build has a `cap` config.
        pixels: how images are processed, and which variants of them are stored.
        excluded: images not to be touched, by id: they have brought workers down.
        watch: called with the id of each image before it is read, and with nothing when all are.

    Raises:
        ImageFault: an image is unusable and `skip_faults` is off.
        OutputError: the working folder cannot be written.
    """
    tally, rejects = _Tally(), []
    with ExitStack() as stack:
        writers = {config: stack.enter_context(_open(work, plan, config)) for config in _configs(pixels, with_cap=with_cap)}
        for tile in Survey(work / "survey.sqlite").tiles(plan.split, plan.first, plan.count):
            watch(tile.image_id)
            if tile.image_id in excluded:
                rejects.append(excluded[tile.image_id])
                continue
            try:
                record = read_tile(tile, plan=questions, seed=seed, pixels=pixels, captions=captions)
            except ImageFault as fault:
                if not (skip_faults or fault.screened):
                    raise
                rejects.append(Reject.of(fault))
                continue
            for config, row in image_rows(record).items():
                writers[config].append(row)
            tally.add_record(record)
        watch("")  # what happens from here on is no image's fault
    files = {config: writer.written for config, writer in writers.items() if writer.written}
    receipt = Receipt(files, {what: dict(counter) for what, counter in tally.counts.items()}, rejects)
    write_atomically(work / "receipts" / plan.receipt_name, receipt.to_json())
    return receipt


def _configs(pixels: PixelOptions, *, with_cap: bool) -> list[Config]:
    wanted: dict[Config, bool] = {"vqa": True, "cap": with_cap, "raw": pixels.with_raw, "rgb": pixels.with_rgb}
    return [config for config, present in wanted.items() if present]


def _open(work: Path, plan: ShardPlan, config: Config) -> AbstractContextManager[ShardWriter]:
    return shard(work / "shards" / plan.file_name(config), arrow_schema(config))
