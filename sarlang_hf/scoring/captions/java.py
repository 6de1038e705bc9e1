"""METEOR and SPICE: programs of the COCO toolkit, for comparison with papers that report them. SARLANG-1M reports neither.

Texts are prepared as in profile `coco` (PTB tokenizer, lower case, all references of an image), which is how these metrics are
used everywhere.
"""

from __future__ import annotations

import contextlib
import math
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.captions.java_runtime import java_command, java_died, toolkit_folder
from sarlang_hf.scoring.captions.profiles import References, prepare
from sarlang_hf.scoring.resampling import cluster_codes, cluster_sums, percentiles, resampled_sums

_METEOR_JAR = "meteor-1.5.jar"
_METEOR_ARGUMENTS = ("-Xmx2G", "-jar", _METEOR_JAR, "-", "-", "-stdio", "-l", "en", "-norm")
_SPICE_JAR = "spice-1.0.jar"
_SPICE_MODELS = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")
_FIELD_END = "|||"
_WRITABLE = "install pycocoevalcap where this user may write, with free space: python -m venv, then pip install into it"


@dataclass(frozen=True, slots=True, eq=False)
class JavaScores:
    """A metric x100: of the corpus, and (n,) of each item; METEOR's 95% interval where clusters were given."""

    value: float
    items: NDArray[np.float64]
    interval: tuple[float, float] | None = None


def meteor(
    predictions: Sequence[str],
    references: References,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    rng: np.random.Generator | None = None,
) -> JavaScores:
    """METEOR 1.5 (English, `-norm`): identical to pycocoevalcap 1.2. The corpus value is METEOR's own, not the items' mean.

    It comes from sums of statistics, as BLEU does; its interval is likewise that of the cluster bootstrap, for which METEOR
    itself scores the sums of every resample.

    Args:
        predictions: one text an image.
        references: one or more texts an image.
        clusters: (n,) cluster of each item; None, or a single cluster, gives no interval.
        rng: draws the bootstrap; fresh if None.

    Raises:
        UsageError: as `score` with profile `coco`; or METEOR ends without a result.
    """
    folder = toolkit_folder("meteor", _METEOR_JAR)
    command = java_command(*_METEOR_ARGUMENTS)
    texts, wanted = prepare(predictions, references, "coco")
    with tempfile.TemporaryFile() as log, _started(command, folder, log) as process:
        try:
            statistics = [_statistics(process, text, of_item) for text, of_item in zip(texts, wanted, strict=True)]
            numbers = _evaluate(process, statistics)
            interval = None if clusters is None else _interval(process, statistics, clusters, rng or np.random.default_rng())
        except (BrokenPipeError, ValueError) as error:
            process.kill()
            log.seek(0)
            raise java_died("METEOR", process.wait(), log.read().decode(errors="replace")) from error
    return JavaScores(value=100 * numbers[-1], items=100 * np.array(numbers[:-1]), interval=interval)


@contextlib.contextmanager
def _started(command: Sequence[str], folder: Path, log: IO[bytes]) -> Iterator[subprocess.Popen[str]]:
    """A running Java program that does not outlive the block, whatever happens in it."""
    process = subprocess.Popen(  # noqa: S603  (our own command line)
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, encoding="utf-8", errors="replace"
    )
    try:
        yield process
    finally:
        process.kill()
        with contextlib.suppress(BrokenPipeError):  # what was not sent yet has no reader any more
            process.communicate()


def _statistics(process: subprocess.Popen[str], text: str, references: Sequence[str]) -> str:
    """METEOR's protocol: a line `SCORE` an item is answered by its statistics. Raises ValueError where it ends early."""
    _say(process, ["SCORE", *(_field(reference) for reference in references), _field(text)])
    return _answer(process)


def _evaluate(process: subprocess.Popen[str], statistics: Sequence[str]) -> list[float]:
    """A line `EVAL` with the statistics of items is answered by a score an item and the corpus's."""
    _say(process, ["EVAL", *statistics])
    return [float(_answer(process)) for _ in range(len(statistics) + 1)]


def _interval(
    process: subprocess.Popen[str],
    statistics: Sequence[str],
    clusters: Sequence[Any] | NDArray[Any],
    rng: np.random.Generator,
) -> tuple[float, float] | None:
    """Of the corpus value x100: statistics add up, so each resample is a line of sums for METEOR to score."""
    codes, count = cluster_codes(clusters)
    if count == 1:
        return None
    values = np.array([line.split() for line in statistics], float)
    # Columns 0 and 1 are the words of prediction and reference, the last three the chunks and the words matched on either side.
    # METEOR adds up a caption that is its reference word by word as one without chunks.
    perfect = (values[:, -3] == 1) & (values[:, -2:] == values[:, :2]).all(axis=1)
    values[perfect, -3] = 0
    totals = resampled_sums(cluster_sums(values, codes, count), rng=rng)
    estimates = np.array(_evaluate(process, [" ".join(map(str, row)) for row in totals.tolist()])[:-1])
    low, high = percentiles(estimates, count)
    return 100 * float(low), 100 * float(high)


def _field(text: str) -> str:
    return text.replace(_FIELD_END, "").replace("  ", " ")


def _say(process: subprocess.Popen[str], fields: Sequence[str]) -> None:
    if process.stdin is not None:
        process.stdin.write(f" {_FIELD_END} ".join(fields) + "\n")
        process.stdin.flush()


def _answer(process: subprocess.Popen[str]) -> str:
    answer = process.stdout.readline() if process.stdout is not None else ""
    if not answer:
        raise ValueError("no answer")
    return answer.strip()


def spice(predictions: Sequence[str], references: References) -> JavaScores:
    """SPICE (Anderson et al. 2016) as pycocoevalcap 1.2 runs it; items without any scene graph are left out of the mean.

    Args:
        predictions: one text an image.
        references: one or more texts an image.

    Raises:
        UsageError: as `score` with profile `coco`; the parser's models are not there: the package would fetch 384 MB at the
            first use, which is not done unasked; its folder cannot be written; or SPICE ends without a result.
    """
    folder = toolkit_folder("spice", _SPICE_JAR)
    _check_models(folder / "lib")
    java_command()
    texts, wanted = prepare(predictions, references, "coco")
    try:
        scorer = import_module("pycocoevalcap.spice.spice").Spice()
        _, of_items = scorer.compute_score(dict(enumerate(wanted)), {item: [text] for item, text in enumerate(texts)})
    except subprocess.CalledProcessError as error:
        raise java_died("SPICE", error.returncode, "its own messages stand above") from error
    except OSError as error:
        problem = f"SPICE keeps its files beside its code and cannot: {error.strerror or error}"
        raise UsageError(problem, place=folder, remedy=_WRITABLE) from error
    items = 100 * np.array([of_item["All"]["f"] for of_item in of_items], dtype=np.float64)
    return JavaScores(value=float(np.nanmean(items)) if not np.isnan(items).all() else math.nan, items=items)


def _check_models(folder: Path) -> None:
    missing = [name for name in _SPICE_MODELS if not (folder / name).is_file()]
    if missing:
        problem = f"SPICE's parser models are not here: {', '.join(missing)}"
        remedy = "fetch them once (384 MB from nlp.stanford.edu): python -m pycocoevalcap.spice.get_stanford_models"
        raise UsageError(problem, place=folder, remedy=remedy)
