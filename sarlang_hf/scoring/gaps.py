"""What the image was worth, and what the radar cost: gaps between runs of one model, found on disk.

    vision gain     a run minus the same model's run on the same task with no image, a grey one or another one (SARLANG_VISION)
    modality gap    the optical twins (`<task>_rgb`) minus the radar images, on the same questions or captions

Both are paired differences on the items that both runs have. The other run is looked for in the same run folder, then among its
siblings, lmms-eval's `<model>/<time>_sarlang`, the latest first. A sibling that cannot be read, or is still being written, is
passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.comparability import choose_metrics, signature_parts
from sarlang_hf.scoring.compare import contrast
from sarlang_hf.scoring.compare_runs import read_run
from sarlang_hf.scoring.gap import Gap, GapName
from sarlang_hf.scoring.scorecard import SCORECARD_FILE, AnyScorecard, Scorecard, read_scorecards
from sarlang_hf.scoring.signature import VISIONS

_log = logging.getLogger(__name__)

_TWIN = "_rgb"
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
        UsageError: the run's own files cannot be read.
    """
    card = read_scorecards(folder / SCORECARD_FILE).get(task)
    if card is None:
        return ()
    own: Found = (folder, card)
    beside = list(_beside(folder, card))
    gaps: list[Gap] = []
    for vision in VISIONS[1:] if card.vision == "image" else VISIONS[:1]:
        other = next((found for found in beside if found[1].vision == vision and _same_but_vision(card, found[1])), None)
        if other is not None:
            seeing, blind = (own, other) if card.vision == "image" else (other, own)
            gaps += _differences("vision_gain", blind[1].vision, seeing, blind, other[0], seed)
    twin = task.removesuffix(_TWIN) if task.endswith(_TWIN) else task + _TWIN
    other = next((found for found in beside if found[1].task == twin and _same_but_task(card, found[1])), None)
    if other is not None:
        optical, radar = (own, other) if task.endswith(_TWIN) else (other, own)
        gaps += _differences("modality_gap", radar[1].task, optical, radar, other[0], seed)
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


def _same_but_vision(card: AnyScorecard, other: AnyScorecard) -> bool:
    ignored = ("vision", "n", "cluster")
    parts, others = (
        {name: value for name, value in signature_parts(known.signature).items() if name not in ignored}
        for known in (card, other)
    )
    return card.dataset == other.dataset and parts == others


def _same_but_task(card: AnyScorecard, other: AnyScorecard) -> bool:
    return _circumstances(card) == _circumstances(other)


def _circumstances(card: AnyScorecard) -> tuple[object, ...]:
    judged = (card.protocol, card.judge) if isinstance(card, Scorecard) else (card.profile,)
    return card.task_version, card.dataset, card.vision, *judged


def _differences(name: GapName, against: str, first: Found, second: Found, beside: Path, seed: int) -> Iterator[Gap]:
    """The gaps of every metric, first minus second; none where the two runs' files do not fit."""
    try:
        runs = {side: read_run(folder, card, name=side) for side, (folder, card) in {"first": first, "second": second}.items()}
        for metric in [metric for wanted in _wanted(first[1]) for metric in choose_metrics(runs, wanted)]:
            found = contrast(runs, metric=metric, cluster=first[1].cluster, rng=np.random.default_rng(seed))
            pair = found.pairs[0]
            low, high = pair.interval or (None, None)
            yield Gap(name, against, metric, pair.difference, low, high, pair.p, found.n, found.clusters, beside.name)
    except UsageError as error:
        _log.warning("no %s against %s: %s", name.replace("_", " "), beside, error)


def _wanted(card: AnyScorecard) -> tuple[str, ...]:
    return ("acc",) if isinstance(card, Scorecard) else _CAPTION_METRICS
