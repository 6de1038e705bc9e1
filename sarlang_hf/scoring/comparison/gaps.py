"""What the image was worth, and what the radar cost: gaps between runs of one model, found on disk.

    vision gain     a run minus the same model's run on the same task with no image, a grey one or another one (SARLANG_VISION)
    modality gap    the optical twins (`<task>_rgb`) minus the radar images, on the same questions or captions

Both are paired differences on the items that both runs have. The other run is looked for in the same run folder and among its
siblings, lmms-eval's `<model>/<time>_sarlang`: the one that answered most of the same items, so that a short trial does not hide
a whole run, and of equals the latest. A sibling that cannot be read, or is still being written, is passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.comparison.comparability import Runs, choose_metrics, require_same_frequencies, signature_parts
from sarlang_hf.scoring.comparison.compare import contrast
from sarlang_hf.scoring.comparison.runs import Run, read_run
from sarlang_hf.scoring.gap import Gap, GapName, is_optical, twin
from sarlang_hf.scoring.scorecard import SCORECARD_FILE, AnyScorecard, Scorecard, read_scorecards
from sarlang_hf.scoring.signature import VISIONS

_log = logging.getLogger(__name__)

_CAPTION_METRICS = ("rouge_l", "cider", "bleu_4")

Found = tuple[Path, AnyScorecard]


def find_gaps(folder: Path, task: str, *, seed: int = 0) -> tuple[Gap, ...]:
    """The gaps between a task's run and those beside it.

    Args:
        folder: a run folder, with scorecard and verdicts or captions already written.
        task: one of its tasks, blind or seeing, radar or optical: the sign is the same from either side.
        seed: of the bootstrap.

    Returns:
        Accuracy for questions; ROUGE_L, CIDEr and BLEU-4 of each kind for captions. Empty where there is nothing to compare.

    Raises:
        UsageError: the run's own scorecard cannot be read.
    """
    card = read_scorecards(folder / SCORECARD_FILE).get(task)
    if card is None:
        return ()
    gaps: list[Gap] = []
    for name, others in _candidates(card, list(_beside(folder, card))):
        own = _read((folder, card)) if others else None
        other = _most_in_common(own, others) if own is not None else None
        if own is not None and other is not None:
            gaps += _differences(name, own, other, seed)
    return tuple(gaps)


def _beside(folder: Path, card: AnyScorecard) -> Iterator[Found]:
    """The scorecards of the same run folder, then those of the same model in its siblings, latest first.

    Siblings without the name of a model may be anybody's.
    """
    siblings = sorted((path for path in folder.parent.glob("*_sarlang") if path != folder), key=lambda path: path.name)
    for path in (folder, *reversed(siblings)):
        try:
            cards = read_scorecards(path / SCORECARD_FILE) if (path / SCORECARD_FILE).is_file() else {}
        except (UsageError, OSError) as error:
            _log.warning("passed over a run beside this one: %s", error)
            continue
        own = path == folder
        yield from ((path, other) for other in cards.values() if own or (card.model and card.model == other.model))


def _candidates(card: AnyScorecard, beside: Sequence[Found]) -> Iterator[tuple[GapName, list[Found]]]:
    """For each gap that a run may have, the runs that may stand on its other side."""
    for vision in VISIONS[1:] if card.vision == "image" else VISIONS[:1]:
        yield "vision_gain", [found for found in beside if found[1].vision == vision and _same_but("vision", card, found[1])]
    yield "modality_gap", [found for found in beside if found[1].task == twin(card.task) and _same_but("task", card, found[1])]


def _same_but(difference: Literal["vision", "task"], card: AnyScorecard, other: AnyScorecard) -> bool:
    """Whether two scorecards agree in all that names a score but for one part, and for what is seen to later.

    `n` and `cluster` do not change what an item measures; different document frequencies (`df`) cost CIDEr alone.
    """
    ignored = (difference, "n", "cluster", "df")
    parts, others = (
        {name: value for name, value in signature_parts(known.signature).items() if name not in ignored}
        for known in (card, other)
    )
    # The label in the signature is a part of the dataset's digest, and its first part, the task, holds the version.
    return card.dataset == other.dataset and card.task_version == other.task_version and parts == others


def _most_in_common(own: Run, others: Sequence[Found]) -> Run | None:
    """The run that answered most of the items that `own` answered, the first of equals; None if none answered any."""
    mine, best, most = _answered(own), None, 0
    for found in others:
        other = _read(found)
        if other is None:
            continue
        common = len(mine & _answered(other))
        if not common:
            _log.warning("passed over %s: it has no answer in common with this run", found[0])
        if common > most:
            best, most = other, common
        if most == len(mine):
            break
    return best


def _read(found: Found) -> Run | None:
    folder, card = found
    try:
        return read_run(folder, card, name=folder.name)
    except UsageError as error:
        _log.warning("passed over %s: %s", folder, error)
        return None


def _answered(run: Run) -> set[str]:
    verdicts = {key for key, verdict in run.verdicts.items() if verdict.rule != "missing"}
    return verdicts | {key for key, row in run.captions.items() if row.answer.prediction is not None}


def _differences(name: GapName, own: Run, other: Run, seed: int) -> Iterator[Gap]:
    """The gaps of every metric; none of a metric that the two runs do not share."""
    if name == "vision_gain":
        first, second = (own, other) if own.scorecard.vision == "image" else (other, own)
        against: str = second.scorecard.vision
    else:
        first, second = (own, other) if is_optical(own.scorecard.task) else (other, own)
        against = second.scorecard.task
    runs = {"first": first, "second": second}
    for wanted in ("acc",) if isinstance(own.scorecard, Scorecard) else _CAPTION_METRICS:
        try:
            for metric in choose_metrics(runs, wanted):
                yield _gap(name, against, metric, runs, other.name, seed)
        except UsageError as error:
            _log.warning("no %s in %s beside %s: %s", name.replace("_", " "), wanted, other.name, error)


def _gap(name: GapName, against: str, metric: str, runs: Runs, beside: str, seed: int) -> Gap:
    """The first run minus the second.

    Raises:
        UsageError: the runs disagree about an item, have none in common, or CIDEr rests on different document frequencies.
    """
    if metric.endswith("_cider"):
        require_same_frequencies(runs, metric.partition("_")[0])
    found = contrast(runs, metric=metric, cluster=runs["first"].scorecard.cluster, rng=np.random.default_rng(seed))
    pair = found.pairs[0]
    low, high = pair.interval or (None, None)
    return Gap(name, against, metric, pair.difference, low, high, pair.p, found.n, found.clusters, beside)
