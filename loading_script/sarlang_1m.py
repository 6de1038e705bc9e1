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

from sarlang_hf.errors import DatasetNotFoundError, ImageFault
from sarlang_hf.packaging.engine import BuildOptions, build_request, measured_limits, pixel_options, plan_questions
from sarlang_hf.packaging.pixels import PixelOptions
from sarlang_hf.packaging.rows import image_rows, question_rows, read_tile
from sarlang_hf.packaging.survey import Survey, survey
from sarlang_hf.schema import CONFIGS, FORMAT_VERSION, SPLITS, Config, Split, Tile, features
from sarlang_hf.sources import Source
from sarlang_hf.sources.opening import SourceFolders, open_sources
from sarlang_hf.sources.rasters import RasterSettings
from sarlang_hf.texts.captions import CaptionTexts, is_captioned
from sarlang_hf.texts.plan import QuestionPlan

_DEFAULTS = BuildOptions()
_VERSION = datasets.Version(f"{FORMAT_VERSION}.0")
_OPTIONS = ("seed", "density", "keep_ambiguous", "captions", "stretch", "max_nodata")


@dataclass
class Sarlang1MConfig(datasets.BuilderConfig):  # type: ignore[misc]  # datasets is untyped
    """Where the images lie, and the options of `sarlang build` that decide pixels and texts.

    Attributes:
        sardet, spacenet6, dfc2023, openearthmap_sar, released: folders of the sources; see `sources.opening.SourceFolders`.
        coco, paired: folders by name; the name of a single one may be empty.
        class_map: our category for each class of the COCO sets.
        rasters: fields of `sources.rasters.RasterSettings`, for all sources of radar rasters.
        rasters_by_source: those that differ for a source, e.g. {"paired": {"input_scale": "db"}}.
        turn_south: whether SpaceNet6 tiles seen from the south are turned by 180 degrees.
        seed, density, keep_ambiguous, captions, stretch, max_nodata: see `BuildOptions`.
    """

    version: datasets.Version = _VERSION
    sardet: str | None = None
    spacenet6: str | None = None
    dfc2023: str | None = None
    openearthmap_sar: str | None = None
    released: str | None = None
    coco: dict[str, str] = field(default_factory=dict)
    paired: dict[str, str] = field(default_factory=dict)
    class_map: dict[str, str] = field(default_factory=dict)
    rasters: dict[str, Any] = field(default_factory=dict)
    rasters_by_source: dict[str, dict[str, str]] = field(default_factory=dict)
    turn_south: bool = False
    seed: int = _DEFAULTS.seed
    density: float = _DEFAULTS.density
    keep_ambiguous: bool = False
    captions: CaptionTexts = "none"
    stretch: str = _DEFAULTS.stretch
    max_nodata: float = _DEFAULTS.max_nodata

    def sources(self) -> list[Source]:
        """Opens the source folders.

        Raises:
            UsageError: there are none, or their settings make no sense.
            SourceError: one has not the expected layout.
        """
        return open_sources(
            SourceFolders(
                sardet=_path(self.sardet),
                spacenet6=_path(self.spacenet6),
                dfc2023=_path(self.dfc2023),
                openearthmap_sar=_path(self.openearthmap_sar),
                released=_path(self.released),
                coco={label: Path(folder) for label, folder in self.coco.items()},
                paired={label: Path(folder) for label, folder in self.paired.items()},
                class_map=self.class_map,
                settings=RasterSettings(**self.rasters),
                by_source=self.rasters_by_source,
                turn_south=self.turn_south,
            )
        )

    def options(self) -> BuildOptions:
        variants = {"with_raw": self.name == "raw", "with_rgb": self.name == "rgb"}
        return BuildOptions(**{name: getattr(self, name) for name in _OPTIONS}, **variants)

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None) -> str:  # noqa: ARG002
        """Name of the cache folder: what the annotations hold and not where they lie, so that no other data is served."""
        request = build_request(self.sources(), self.options())
        digest = hashlib.blake2b(json.dumps(asdict(request), sort_keys=True).encode(), digest_size=8)
        return f"{self.name}-{digest.hexdigest()}"


class Sarlang1M(datasets.GeneratorBasedBuilder):  # type: ignore[misc]  # datasets is untyped
    """Builds one config of SARLANG-1M from source folders.

    An unusable image stops it; `datasets` wraps our `ImageFault` as the cause of its own error. An incomplete one (screened) is
    left out, as in every build.
    """

    VERSION = _VERSION
    BUILDER_CONFIG_CLASS = Sarlang1MConfig
    BUILDER_CONFIGS = [Sarlang1MConfig(name=name) for name in CONFIGS]  # noqa: RUF012 (declared so by datasets)
    DEFAULT_CONFIG_NAME = "vqa"

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(features=features(self.config.name))

    def _split_generators(self, dl_manager: datasets.DownloadManager) -> list[datasets.SplitGenerator]:  # noqa: ARG002
        self._folder = tempfile.TemporaryDirectory(prefix="sarlang-survey-")  # lives as long as the builder
        path = Path(self._folder.name) / "survey.sqlite"
        settings = self.config.options()
        survey(path, self.config.sources(), seed=settings.seed, skip_faults=False, limit=None, progress=lambda _seen: None)
        surveyed = Survey(path)
        plan, _ = plan_questions(surveyed, settings)
        pixels = pixel_options(settings, measured_limits(surveyed, settings))
        splits = [split for split in SPLITS if any(self._has_rows(tile) for tile in surveyed.tiles(split))]
        if not splits:  # `datasets` has no words for this
            raise DatasetNotFoundError(
                f"no source given brings {_CONTENTS[self.config.name]}",
                place=f"Sarlang1M config {self.config.name!r}",
                remedy="choose another config, or add a source that does",
            )
        shared = {"surveyed": surveyed, "plan": plan, "pixels": pixels}
        return [datasets.SplitGenerator(name=split, gen_kwargs={**shared, "split": split}) for split in splits]

    def _generate_examples(
        self, surveyed: Survey, plan: QuestionPlan, pixels: PixelOptions, split: Split
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        image_row = 0
        for tile in surveyed.tiles(split):
            try:
                record = read_tile(tile, plan=plan, seed=self.config.seed, pixels=pixels, captions=self.config.captions)
            except ImageFault as fault:
                if not fault.screened:
                    raise
                continue  # left out by every build
            rows = image_rows(record)
            if self.config.name == "vqa_questions":
                for row in question_rows(rows["vqa"], image_row):
                    yield row["question_id"], row
            elif self.config.name in rows:
                yield tile.image_id, rows[self.config.name]
            image_row += 1

    def _has_rows(self, tile: Tile) -> bool:
        """Whether a tile has something for the config, as far as its annotation tells."""
        match self.config.name:
            case "cap":
                return is_captioned(tile, self.config.captions)
            case "vqa_questions":
                return bool(tile.questions) or tile.boxes_complete
            case "raw":
                return tile.radar is not None
            case "rgb":
                return tile.optical is not None
            case _:
                return True


def _path(folder: str | None) -> Path | None:
    return Path(folder) if folder else None


_CONTENTS: dict[Config, str] = {
    "vqa": "images",
    "cap": "captions",
    "vqa_questions": "questions, or boxes to ask about",
    "raw": "radar rasters",
    "rgb": "optical twins",
}
