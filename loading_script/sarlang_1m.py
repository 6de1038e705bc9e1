"""SARLANG-1M as a `datasets` builder, for those who want Arrow instead of a dataset folder.

    >>> from sarlang_hf.loading_script.sarlang_1m import Sarlang1M
    >>> builder = Sarlang1M(config_name="vqa", sardet="SARDet_100K")
    >>> builder.download_and_prepare()
    >>> builder.as_dataset(split="test")[0]["questions"]

`datasets` no longer runs scripts that lie beside the data, so this class is imported from the package, and no script lies in a
dataset folder. It makes the same rows as `sarlang build`, by the same functions.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import datasets

from sarlang_hf.errors import DatasetNotFoundError, UsageError
from sarlang_hf.packaging.engine import BuildOptions, build_request, plan_questions
from sarlang_hf.packaging.rows import caption_row, question_rows, read_tile, vqa_row
from sarlang_hf.packaging.survey import Survey, survey
from sarlang_hf.schema import FORMAT_VERSION, SPLITS, Config, Split, features
from sarlang_hf.sources import Coco, SARDet100K, Source
from sarlang_hf.texts.plan import QuestionPlan

_DEFAULTS = BuildOptions()
_VERSION = datasets.Version(f"{FORMAT_VERSION}.0")
_CONFIGS: tuple[Config, ...] = ("vqa", "cap", "vqa_questions")


@dataclass
class Sarlang1MConfig(datasets.BuilderConfig):  # type: ignore[misc]  # datasets is untyped
    """Where the images lie, and the options of `sarlang build` that decide the texts.

    Attributes:
        sardet: folder of SARDet-100K.
        coco: folders of COCO sets by name; the name of a single one may be empty.
        class_map: our category for each class of the COCO sets.
        seed, density, keep_ambiguous: see `BuildOptions`.
    """

    version: datasets.Version = _VERSION
    sardet: str | None = None
    coco: dict[str, str] = field(default_factory=dict)
    class_map: dict[str, str] = field(default_factory=dict)
    seed: int = _DEFAULTS.seed
    density: float = _DEFAULTS.density
    keep_ambiguous: bool = False

    def sources(self) -> list[Source]:
        """Opens the source folders.

        Raises:
            UsageError: there are none.
            SourceError: one has not the expected layout.
        """
        found: list[Source] = [SARDet100K(Path(self.sardet))] if self.sardet else []
        found += [Coco(Path(folder), label=label, class_map=self.class_map) for label, folder in self.coco.items()]
        if not found:
            raise UsageError("no source given", place="Sarlang1M", remedy="give sardet=FOLDER or coco={NAME: FOLDER}")
        return found

    def options(self) -> BuildOptions:
        return BuildOptions(seed=self.seed, density=self.density, keep_ambiguous=self.keep_ambiguous)

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None) -> str:  # noqa: ARG002
        """Name of the cache folder: what the annotations hold and not where they lie, so that no other data is served."""
        request = build_request(self.sources(), self.options())
        digest = hashlib.blake2b(json.dumps(asdict(request), sort_keys=True).encode(), digest_size=8)
        return f"{self.name}-{digest.hexdigest()}"


class Sarlang1M(datasets.GeneratorBasedBuilder):  # type: ignore[misc]  # datasets is untyped
    """Builds one config of SARLANG-1M from source folders.

    An unusable image stops it; `datasets` wraps our `ImageFault` as the cause of its own error.
    """

    VERSION = _VERSION
    BUILDER_CONFIG_CLASS = Sarlang1MConfig
    BUILDER_CONFIGS = [Sarlang1MConfig(name=name) for name in _CONFIGS]  # noqa: RUF012 (declared so by datasets)
    DEFAULT_CONFIG_NAME = "vqa"

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(features=features(self.config.name))

    def _split_generators(self, dl_manager: datasets.DownloadManager) -> list[datasets.SplitGenerator]:  # noqa: ARG002
        self._folder = tempfile.TemporaryDirectory(prefix="sarlang-survey-")  # lives as long as the builder
        path = Path(self._folder.name) / "survey.sqlite"
        settings = self.config.options()
        survey(path, self.config.sources(), seed=settings.seed, skip_faults=False, limit=None, progress=lambda _seen: None)
        surveyed = Survey(path)
        plan, captions = plan_questions(surveyed, settings)
        if self.config.name == "cap" and not captions:
            remedy = "choose the config vqa or vqa_questions"
            raise DatasetNotFoundError("no source given brings captions", place="Sarlang1M config 'cap'", remedy=remedy)
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
