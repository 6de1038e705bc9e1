"""SARLANG-1M as a `datasets` builder, for those who want Arrow instead of a dataset folder.

    >>> from sarlang_hf.loading_script.sarlang_1m import Sarlang1M
    >>> builder = Sarlang1M(config_name="vqa", sardet="SARDet_100K")
    >>> builder.download_and_prepare()
    >>> builder.as_dataset(split="test")[0]["questions"]

`datasets` no longer runs scripts that lie beside the data, so this class is imported from the package, and no script lies in a
dataset folder. It makes the same rows as `sarlang build`, by the same functions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets

from sarlang_hf.packaging.engine import BuildOptions, plan_questions
from sarlang_hf.packaging.rows import caption_row, question_rows, read_tile, vqa_row
from sarlang_hf.packaging.survey import Survey, survey
from sarlang_hf.schema import SPLITS, Config, Split, features
from sarlang_hf.sources import Coco, SARDet100K, Source
from sarlang_hf.texts.plan import QuestionPlan

_DEFAULTS = BuildOptions()
_CONFIGS: tuple[Config, ...] = ("vqa", "cap", "vqa_questions")


@dataclass
class Sarlang1MConfig(datasets.BuilderConfig):  # type: ignore[misc]  # datasets is untyped
    """Where the images lie, and the options of `sarlang build` that decide the texts."""

    sardet: str | None = None
    coco: str | None = None
    class_map: dict[str, str] = field(default_factory=dict)
    seed: int = _DEFAULTS.seed
    density: float = _DEFAULTS.density
    keep_ambiguous: bool = False

    def sources(self) -> list[Source]:
        """Opens the source folders; raises a `SourceError` where one has not the expected layout."""
        found: list[Source] = [SARDet100K(Path(self.sardet))] if self.sardet else []
        return found + ([Coco(Path(self.coco), class_map=self.class_map)] if self.coco else [])


class Sarlang1M(datasets.GeneratorBasedBuilder):  # type: ignore[misc]  # datasets is untyped
    """Builds one config of SARLANG-1M from source folders; an unusable image stops it."""

    VERSION = datasets.Version("1.0.0")
    BUILDER_CONFIG_CLASS = Sarlang1MConfig
    BUILDER_CONFIGS = [Sarlang1MConfig(name=name) for name in _CONFIGS]  # noqa: RUF012 (declared so by datasets)
    DEFAULT_CONFIG_NAME = "vqa"

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(features=features(self.config.name))

    def _split_generators(self, dl_manager: datasets.DownloadManager) -> list[datasets.SplitGenerator]:  # noqa: ARG002
        self._folder = tempfile.TemporaryDirectory(prefix="sarlang-survey-")  # lives as long as the builder
        path = Path(self._folder.name) / "survey.sqlite"
        settings = BuildOptions(seed=self.config.seed, density=self.config.density, keep_ambiguous=self.config.keep_ambiguous)
        survey(path, self.config.sources(), seed=settings.seed, skip_faults=False, limit=None, progress=lambda _seen: None)
        surveyed = Survey(path)
        plan, _ = plan_questions(surveyed, settings)
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"surveyed": surveyed, "plan": plan, "split": split})
            for split in SPLITS
            if surveyed.count(split)
        ]

    def _generate_examples(self, surveyed: Survey, plan: QuestionPlan, split: Split) -> Iterator[tuple[str, dict[str, Any]]]:
        for image_row, tile in enumerate(surveyed.tiles(split)):
            record = read_tile(tile, plan=plan, seed=self.config.seed)
            if self.config.name == "vqa":
                yield tile.image_id, vqa_row(record)
            elif self.config.name == "cap" and record.captions:
                yield tile.image_id, caption_row(record)
            elif self.config.name == "vqa_questions":
                for row in question_rows(vqa_row(record), image_row):
                    yield row["question_id"], row
