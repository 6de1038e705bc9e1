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
from typing import IO

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.errors import UsageError
from sarlang_hf.scoring.captions.java_runtime import java_command, java_died, toolkit_folder
from sarlang_hf.scoring.captions.profiles import References, prepare

_METEOR_JAR = "meteor-1.5.jar"
_METEOR_ARGUMENTS = ("-Xmx2G", "-jar", _METEOR_JAR, "-", "-", "-stdio", "-l", "en", "-norm")
_SPICE_JAR = "spice-1.0.jar"
_SPICE_MODELS = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")
_FIELD_END = "|||"


@dataclass(frozen=True, slots=True, eq=False)
class JavaScores:
    """A metric x100: of the corpus, and (n,) of each item."""

    value: float
    items: NDArray[np.float64]


def meteor(predictions: Sequence[str], references: References) -> JavaScores:
    """METEOR 1.5 (English, `-norm`): identical to pycocoevalcap 1.2. The corpus value is METEOR's own, not the items' mean.

    Args:
        predictions: one text an image.
        references: one or more texts an image.

    Raises:
        UsageError: as `score` with profile `coco`; or METEOR ends without a result.
    """
    folder = toolkit_folder("meteor", _METEOR_JAR)
    command = java_command(*_METEOR_ARGUMENTS)
    texts, wanted = prepare(predictions, references, "coco")
    with tempfile.TemporaryFile() as log, _started(command, folder, log) as process:
        try:
            numbers = _converse(process, texts, wanted)
        except (BrokenPipeError, ValueError) as error:
            process.kill()
            log.seek(0)
            raise java_died("METEOR", process.wait(), log.read().decode(errors="replace")) from error
    return JavaScores(value=100 * numbers[-1], items=100 * np.array(numbers[:-1]))


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


def _converse(process: subprocess.Popen[str], texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """METEOR's protocol: a line `SCORE` an item, answered by its statistics; all of them as one line `EVAL`, answered by a
    score an item and the corpus's. Raises ValueError where it ends early.
    """
    statistics = []
    for text, wanted in zip(texts, references, strict=True):
        _say(process, ["SCORE", *(_field(reference) for reference in wanted), _field(text)])
        statistics.append(_answer(process))
    _say(process, ["EVAL", *statistics])
    return [float(_answer(process)) for _ in range(len(texts) + 1)]


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
            first use, which is not done unasked; or SPICE ends without a result.
    """
    folder = toolkit_folder("spice", _SPICE_JAR)
    _check_models(folder / "lib")
    java_command()
    texts, wanted = prepare(predictions, references, "coco")
    scorer = import_module("pycocoevalcap.spice.spice").Spice()
    try:
        _, of_items = scorer.compute_score(dict(enumerate(wanted)), {item: [text] for item, text in enumerate(texts)})
    except subprocess.CalledProcessError as error:
        raise java_died("SPICE", error.returncode, "its own messages stand above") from error
    items = 100 * np.array([of_item["All"]["f"] for of_item in of_items], dtype=np.float64)
    return JavaScores(value=float(np.nanmean(items)) if not np.isnan(items).all() else math.nan, items=items)


def _check_models(folder: Path) -> None:
    missing = [name for name in _SPICE_MODELS if not (folder / name).is_file()]
    if missing:
        problem = f"SPICE's parser models are not here: {', '.join(missing)}"
        remedy = "fetch them once (384 MB from nlp.stanford.edu): python -m pycocoevalcap.spice.get_stanford_models"
        raise UsageError(problem, place=folder, remedy=remedy)
