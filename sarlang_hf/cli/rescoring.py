"""What `sarlang score` and `sarlang judge` share: from a run, or a file of any known shape, to scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sarlang_hf.cli.scoring_options import TASKS, Options
from sarlang_hf.errors import DatasetNotFoundError, PredictionsError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from sarlang_hf.data import DatasetFolder
    from sarlang_hf.scoring.caption_run import CaptionRun
    from sarlang_hf.scoring.offline import Part, Setting
    from sarlang_hf.scoring.own_gold import OwnGold
    from sarlang_hf.scoring.prediction_shapes import Samples
    from sarlang_hf.scoring.run_answers import RunAnswers
    from sarlang_hf.scoring.scorecard import AnyScorecard
    from sarlang_hf.scoring.signature import Cluster
    from sarlang_hf.scoring.vqa_run import Judged


@dataclass(frozen=True, slots=True)
class Job:
    """The answers to one task, read, and still to be scored.

    Attributes:
        name: the file they come from, or run folder and task.
        task: the task.
        folder: of the run that they belong to, if there is one.
        score: scores them.
    """

    name: str
    task: str
    folder: Path | None
    score: Callable[[], Judged | CaptionRun]


def read_jobs(path: Path, options: Options) -> list[Job]:
    """Reads a run, or a file of any shape that `scoring.prediction_shapes` knows; one job for each task, of a file only one.

    Raises:
        SarlangError: it cannot be read, or does not fit the options; `Job.score` raises if dataset and answers do not fit each
            other, or the judge refuses to go on.
    """
    from sarlang_hf.scoring.own_gold import read_own_gold
    from sarlang_hf.scoring.prediction_shapes import read_samples, shape_of
    from sarlang_hf.scoring.run_answers import is_run, read_run_answers

    if is_run(path):
        return [_run_job(found, options) for found in read_run_answers(path, options.task)]
    shape = shape_of(path)
    if shape in ("official_vqa", "official_captions", "llama_factory"):
        found = read_own_gold(path, shape, task=options.task)
        return [Job(str(path), found.task, None, partial(_score_own_gold, path, found, options))]
    if shape == "samples":
        samples = read_samples(path)
        _check_samples(path, samples, options)
        return [Job(str(path), samples.task, run_folder(path), partial(_score_named, path, samples, samples.task, options))]
    if shape == "images" and options.task is None:
        return [Job(str(path), "sarlang_cap", None, partial(_score_as_captions, path, options))]
    task = options.task or "sarlang_vqa"
    return [Job(str(path), task, None, partial(_score_named, path, None, task, options))]


def require_places_of_their_own(jobs: Sequence[Job], out: Path | None) -> None:
    """Makes sure that no job overwrites what another one has written.

    Raises:
        UsageError: two jobs are of one task and go into one folder.
    """
    first: dict[tuple[str, str], Job] = {}
    for job in jobs:
        folder = out or job.folder
        other = first.setdefault((str(folder.resolve()) if folder else job.name, job.task), job)
        if other is not job:
            problem = f"{job.name} would overwrite the {job.task} of {other.name}"
            raise UsageError(
                problem, place=folder or job.name, remedy="judge them one by one, each into a folder of its own (--out)"
            )


def _run_job(found: RunAnswers, options: Options) -> Job:
    card = found.card
    if card.dataset.from_file and options.cluster == "place":
        raise UsageError("names no places", place=found.folder, remedy="leave --cluster out")
    _check_kind(found.folder, options, captions=False)
    if options.dataset is not None:
        from sarlang_hf.data import open_dataset

        _check_dataset(found.folder, card, open_dataset(options.dataset))
    return Job(str(found.folder / card.task), card.task, found.folder, partial(_score_run, found, options))


def _score_run(found: RunAnswers, options: Options) -> Judged:
    """Scores the answers of a run as the run itself did, but for what the options say."""
    from sarlang_hf.scoring.vqa_run import judge_run

    card = found.card
    protocol = options.protocol or card.protocol
    return judge_run(
        found.answers,
        task=card.task,
        task_version=card.task_version,
        protocol=protocol,
        judge=options.judges.open(protocol),
        dataset=card.dataset,
        expected=found.asked,
        extra=card.extra,
        vision=card.vision,
        model=card.model,
        cluster=card.cluster if card.dataset.from_file else options.cluster or card.cluster,
    )


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


def _check_samples(path: Path, samples: Samples, options: Options) -> None:
    if options.task not in (None, samples.task):
        raise UsageError(f"holds answers to {samples.task}, not {options.task}", place=path, remedy="leave --task out")
    if samples.task not in TASKS:
        raise UsageError(f"holds answers to {samples.task!r}", place=path, remedy=f"name a sample file of {', '.join(TASKS)}")


def _score_as_captions(path: Path, options: Options) -> Judged | CaptionRun:
    """Scores a file that names images; an error says that this makes it one of captions."""
    try:
        return _score_named(path, None, "sarlang_cap", options)
    except (DatasetNotFoundError, PredictionsError) as error:
        problem = f"{error.problem} (image_id and prediction in {path.name} make captions)"
        raise type(error)(problem, place=error.place, remedy=f"{error.remedy}; answers are named by question_id") from error


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
    part, setting = _part(folder, task), Setting(cluster=options.cluster or "image")
    protocol = options.protocol or "strict"
    card = None
    if samples is not None:
        card = _card_of_run(path, task, folder)
        part, setting = _as_run(part, setting, samples, card, options.cluster)
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
    else:
        _check_dataset(samples, card, folder)
    return card


def _check_dataset(path: Path, card: AnyScorecard, folder: DatasetFolder) -> None:
    if card.dataset.sha256 != folder.sha256:
        problem = f"belongs to a run on dataset {card.dataset.label}, not on {folder.kind}:{folder.sha256[:12]}"
        raise UsageError(problem, place=path, remedy="name the dataset of the run with --dataset")


def _as_run(
    part: Part, setting: Setting, samples: Samples, card: AnyScorecard | None, cluster: Cluster | None
) -> tuple[Part, Setting]:
    """Part and setting as the run had them; what its samples leave out was not asked."""
    if card is not None:
        setting = replace(setting, vision=card.vision, model=card.model, cluster=cluster or card.cluster)
    extra = {**part.extra, **({"hints": "on"} if samples.hinted else {})} if card is None else card.extra
    return replace(part, extra=extra), replace(setting, partial=True)


def _check_kind(path: Path, options: Options, *, captions: bool) -> None:
    if captions and options.questions_only:
        remedy = "score it with `sarlang score`; answers to questions are named by question_id"
        raise UsageError("holds captions, which no judge decides", place=path, remedy=remedy)
    if not captions and (options.profile != "official" or options.meteor):
        raise UsageError(
            "holds answers to questions", place=path, remedy="leave --profile and --meteor out: they are for captions"
        )


def _rng(options: Options) -> np.random.Generator:
    import numpy as np

    return np.random.default_rng(options.seed)
