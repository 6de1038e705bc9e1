"""What `sarlang score` and `sarlang judge` share: from a file of any known shape to scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sarlang_hf.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from sarlang_hf.cli.judge_options import JudgeChoice
    from sarlang_hf.data import DatasetFolder
    from sarlang_hf.scoring.answers import Protocol
    from sarlang_hf.scoring.caption_run import CaptionRun
    from sarlang_hf.scoring.captions import Profile
    from sarlang_hf.scoring.judge.run import ServerJudge
    from sarlang_hf.scoring.offline import Part, Setting
    from sarlang_hf.scoring.own_gold import OwnGold
    from sarlang_hf.scoring.prediction_shapes import Samples
    from sarlang_hf.scoring.scorecard import AnyScorecard
    from sarlang_hf.scoring.signature import Cluster
    from sarlang_hf.scoring.vqa_run import Judged

TASKS = (
    "sarlang_vqa",
    "sarlang_vqa_lite",
    "sarlang_vqa_raw",
    "sarlang_vqa_pre",
    "sarlang_vqa_rgb",
    "sarlang_cap",
    "sarlang_cap_complex",
    "sarlang_cap_concise",
    "sarlang_cap_raw",
    "sarlang_cap_pre",
    "sarlang_cap_rgb",
)
"""`tasks.views` has what they ask; it is not loaded to print a help text."""


class Judges:
    """The judges of one command: one for each protocol, so that the cap on their cost holds for all files together."""

    def __init__(self, choice: JudgeChoice) -> None:
        self._choice = choice
        self._opened: dict[Protocol, ServerJudge | None] = {}

    def open(self, protocol: Protocol) -> ServerJudge | None:
        """The judge of a protocol; None if there is none."""
        if protocol not in self._opened:
            self._opened[protocol] = self._choice.open(protocol)
        return self._opened[protocol]

    def complaints(self) -> list[str]:
        """Why verdicts are lacking, a sentence for each judge that could not give all."""
        return [judge.report.message for judge in self._opened.values() if judge is not None and judge.report.message]


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is to be scored.

    Attributes:
        judges: opened once it is known that the file holds questions.
        dataset: folder of the dataset; None takes the default.
        task: None takes what the file tells.
        protocol: None takes that of the run that the file belongs to, else strict.
        profile, meteor: of captions.
        cluster: what intervals take for dependent.
        seed: of BLEU's bootstrap.
        questions_only: whether captions are refused.
    """

    judges: Judges
    dataset: str | None
    task: str | None
    protocol: Protocol | None
    profile: Profile = "official"
    meteor: bool = False
    cluster: Cluster = "image"
    seed: int = 0
    questions_only: bool = False


def score_file(path: Path, options: Options) -> Judged | CaptionRun:
    """Scores a file of any shape that `scoring.prediction_shapes` knows.

    Raises:
        SarlangError: file, dataset and options cannot be read or do not fit each other, or the judge refuses to go on.
    """
    from sarlang_hf.scoring.own_gold import read_own_gold
    from sarlang_hf.scoring.prediction_shapes import read_samples, shape_of

    shape = shape_of(path)
    if shape in ("official_vqa", "official_captions", "llama_factory"):
        return _score_own_gold(path, read_own_gold(path, shape, task=options.task), options)
    if shape == "samples":
        return _score_samples(path, read_samples(path), options)
    task = options.task or ("sarlang_cap" if shape == "images" else "sarlang_vqa")
    return _score_named(path, None, task, options)


def _score_own_gold(path: Path, found: OwnGold, options: Options) -> Judged | CaptionRun:
    from sarlang_hf.scoring.caption_run import score_captions
    from sarlang_hf.scoring.signature import TASK_VERSION
    from sarlang_hf.scoring.vqa_run import judge_run

    if options.cluster == "place":
        raise UsageError("names no places", place=path, remedy="leave --cluster out: rows are clustered by the image they name")
    protocol = options.protocol or "strict"
    _check_kind(path, options, captions=not found.answers)
    if found.answers:
        return judge_run(
            found.answers,
            task=found.task,
            task_version=TASK_VERSION,
            protocol=protocol,
            judge=options.judges.open(protocol),
            dataset=found.dataset,
            cluster=found.cluster,
        )
    return score_captions(
        found.captions,
        task=found.task,
        task_version=TASK_VERSION,
        dataset=found.dataset,
        document_frequency={},
        cluster=found.cluster,
        profile=options.profile,
        meteor=options.meteor,
        rng=_rng(options),
    )


def _score_samples(path: Path, samples: Samples, options: Options) -> Judged | CaptionRun:
    if options.task not in (None, samples.task):
        raise UsageError(f"holds answers to {samples.task}, not {options.task}", place=path, remedy="leave --task out")
    if samples.task not in TASKS:
        raise UsageError(f"holds answers to {samples.task!r}", place=path, remedy=f"name a sample file of {', '.join(TASKS)}")
    return _score_named(path, samples, samples.task, options)


def _score_named(path: Path, samples: Samples | None, task: str, options: Options) -> Judged | CaptionRun:
    """Scores answers to what a dataset holds: predictions of the user's, or the samples of a run."""
    from sarlang_hf.data import open_dataset
    from sarlang_hf.scoring.offline import Setting, judge_predictions
    from sarlang_hf.scoring.offline_captions import score_caption_predictions
    from sarlang_hf.scoring.scorecard import Scorecard
    from sarlang_hf.tasks.views import VIEWS

    about_captions = VIEWS[task].texts == "cap"
    _check_kind(path, options, captions=about_captions)
    folder = open_dataset(options.dataset)
    part, setting = _part(folder, task), Setting(cluster=options.cluster)
    protocol = options.protocol or "strict"
    card = None
    if samples is not None:
        card = _card_of_run(path, task, folder)
        part, setting = _as_run(part, setting, samples, card)
        protocol = options.protocol or (card.protocol if isinstance(card, Scorecard) else "strict")
    predictions = path if samples is None else samples.answers
    if about_captions:
        return score_caption_predictions(
            folder, predictions, part=part, setting=setting, profile=options.profile, meteor=options.meteor, rng=_rng(options)
        )
    judge = options.judges.open(protocol)
    return judge_predictions(folder, predictions, protocol=protocol, judge=judge, part=part, setting=setting)


def _part(folder: DatasetFolder, task: str) -> Part:
    from sarlang_hf.scoring.offline import Part
    from sarlang_hf.tasks.views import VIEWS, choose

    choice = choose(folder, task)
    return Part(task, choice.rows, choice.extra, VIEWS[task].kinds)


def run_folder(samples: Path) -> Path | None:
    """Our folder of the run that a sample file of lmms-eval belongs to: `<time>_sarlang` beside `<time>_samples_<task>.jsonl`."""
    time, found, _ = samples.name.partition("_samples_")
    folder = samples.parent / f"{time}_sarlang"
    return folder if found and folder.is_dir() else None


def _card_of_run(samples: Path, task: str, folder: DatasetFolder) -> AnyScorecard | None:
    """The scorecard that the run itself wrote.

    Raises:
        UsageError: it is of another dataset, or unreadable.
    """
    from sarlang_hf.scoring.scorecard import SCORECARD_FILE, read_scorecards

    path = (run_folder(samples) or samples) / SCORECARD_FILE
    card = read_scorecards(path).get(task) if path.is_file() else None
    if card is None:
        click.echo(f"Note: no scorecard of its run beside {samples}: model and vision of the run are not known.", err=True)
    elif card.dataset.sha256 != folder.sha256:
        problem = f"belongs to a run on dataset {card.dataset.label}, not on {folder.kind}:{folder.sha256[:12]}"
        raise UsageError(problem, place=samples, remedy="name the dataset of the run with --dataset")
    return card


def _as_run(part: Part, setting: Setting, samples: Samples, card: AnyScorecard | None) -> tuple[Part, Setting]:
    """Part and setting as the run had them; what its samples leave out was not asked."""
    if card is not None:
        setting = replace(setting, vision=card.vision, model=card.model)
    extra = {**part.extra, **({"hints": "on"} if samples.hinted else {})} if card is None else card.extra
    return replace(part, extra=extra), replace(setting, partial=True)


def _check_kind(path: Path, options: Options, *, captions: bool) -> None:
    if captions and options.questions_only:
        raise UsageError("holds captions, which no judge decides", place=path, remedy="score it with `sarlang score`")
    if not captions and (options.profile != "official" or options.meteor):
        raise UsageError(
            "holds answers to questions", place=path, remedy="leave --profile and --meteor out: they are for captions"
        )


def _rng(options: Options) -> np.random.Generator:
    import numpy as np

    return np.random.default_rng(options.seed)
