"""Which documents of the test part each task asks about, and where their images come from.

| task | documents | images |
|---|---|---|
| `sarlang_vqa` | all questions | `vqa` |
| `sarlang_vqa_lite` | about 2,000 of them (`tasks.lite`) | `vqa` |
| `sarlang_vqa_raw`, `_pre` | the released ones on OpenEarthMap-SAR | `raw`: without preprocessing; `vqa`: with it |
| `sarlang_vqa_rgb` | those on images with an optical twin | `rgb` |
| `sarlang_cap` | all images with a caption | `cap` |
| `sarlang_cap_complex`, `_concise` | those with a caption of that kind | `cap` |
| `sarlang_cap_raw`, `_pre`, `_rgb` | as above | `raw`, `cap`, `rgb` |

`_raw` and `_pre` are Tables 10 and 11 of the paper, `_rgb` is the optical half of its Figure 1. The tables compare equal sets:
where a dataset has images without preprocessing at all, `_pre` asks about those images alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sarlang_hf.data import DatasetFolder
from sarlang_hf.errors import DatasetNotFoundError
from sarlang_hf.schema import CAPTION_KINDS, CaptionKind, Config, SourceName
from sarlang_hf.tasks.lite import select

Integers = npt.NDArray[np.int64]
Texts = Literal["vqa_questions", "cap"]

GROUP = "sarlang"

_BUILD_OPTION: dict[Config, str] = {
    "vqa_questions": "a source with boxes or questions",
    "cap": "a source with captions, or `--captions template`",
    "raw": "`--with-raw`",
    "rgb": "`--with-rgb` and a source with optical twins",
}
_SOURCE_OPTION: dict[Texts, str] = {
    "vqa_questions": "`--released`: no other source has questions on it",
    "cap": "`--openearthmap-sar` or `--released`",
}


@dataclass(frozen=True, slots=True)
class View:
    """What a task asks about.

    Attributes:
        texts: the config that holds its questions or captions.
        images: the config that holds its images.
        source: the one source it is about; None for all.
        beside: a config that another task shows the same documents with: what it lacks is left out here too, unless the dataset
            has none of them there.
        lite: whether it asks a stratified part only.
        kinds: which captions it scores.
    """

    texts: Texts
    images: Config
    source: SourceName | None = None
    beside: Config | None = None
    lite: bool = False
    kinds: tuple[CaptionKind, ...] = CAPTION_KINDS


@dataclass(frozen=True, slots=True)
class Choice:
    """The documents of a task.

    Attributes:
        rows: (n,) int64, ascending: rows of the questions of the test part, or of its images with captions.
        left_out: documents that the task would ask about if their images were there.
        extra: what names the choice in the signature.
    """

    rows: Integers
    left_out: int = 0
    extra: Mapping[str, str] = field(default_factory=dict)


VIEWS: dict[str, View] = {
    "sarlang_vqa": View("vqa_questions", "vqa"),
    "sarlang_vqa_lite": View("vqa_questions", "vqa", lite=True),
    "sarlang_vqa_raw": View("vqa_questions", "raw", source="openearthmap_sar"),
    "sarlang_vqa_pre": View("vqa_questions", "vqa", source="openearthmap_sar", beside="raw"),
    "sarlang_vqa_rgb": View("vqa_questions", "rgb"),
    "sarlang_cap": View("cap", "cap"),
    "sarlang_cap_complex": View("cap", "cap", kinds=("complex",)),
    "sarlang_cap_concise": View("cap", "cap", kinds=("concise",)),
    "sarlang_cap_raw": View("cap", "raw", source="openearthmap_sar"),
    "sarlang_cap_pre": View("cap", "cap", source="openearthmap_sar", beside="raw"),
    "sarlang_cap_rgb": View("cap", "rgb"),
}

QUESTION_TASKS = tuple(task for task, view in VIEWS.items() if view.texts == "vqa_questions")
CAPTION_TASKS = tuple(task for task, view in VIEWS.items() if view.texts == "cap")
GROUP_TASKS = ("sarlang_vqa", "sarlang_cap")


def lacks(folder: DatasetFolder, task: str) -> DatasetNotFoundError | None:
    """Why a dataset cannot be asked a task, as far as its list of files tells; None if it can.

    The images of the `vqa` config are not asked for: a model that sees none runs without them.
    """
    view = VIEWS[task]
    for config in (view.texts, view.images):
        if config != "vqa" and not folder.has(config, "test"):
            problem = f"has no test split of config {config!r}, which {task} needs"
            remedy = _texts_option(view) if config == view.texts else _BUILD_OPTION[config]
            return DatasetNotFoundError(problem, place=folder.path, remedy=f"build it with {remedy}")
    return None


def choose(folder: DatasetFolder, task: str) -> Choice:
    """The documents of a task.

    Raises:
        DatasetNotFoundError: the dataset has none.
    """
    missing = lacks(folder, task)
    if missing is not None:
        raise missing
    view = VIEWS[task]
    table = texts_table(folder, view)
    wanted = _wanted(table, view)
    there = wanted & _with_images(folder, view, table)
    if not there.any():
        raise _nothing_to_ask(folder, task, wanted_any=bool(wanted.any()))
    if view.beside is not None and folder.has(view.beside, "test"):
        shared = there & _held(folder, view.beside, table)
        there = shared if shared.any() else there
    if view.lite:
        part = select(table)
        return Choice(part.rows, extra={"lite": part.digest})
    return Choice(np.flatnonzero(there), left_out=int((wanted & ~there).sum()))


def texts_table(folder: DatasetFolder, view: View) -> pa.Table:
    """The questions of the test part, or its images with their captions, with the columns a choice is made by."""
    if view.texts == "cap":
        return folder.captions("test", ["image_id", "source", "captions"])
    return folder.questions("test", ["question_id", "image_id", "source", "type"])


def _wanted(table: pa.Table, view: View) -> npt.NDArray[np.bool_]:
    wanted = np.ones(table.num_rows, dtype=bool)
    if view.source is not None:
        wanted &= np.asarray(table["source"].to_pylist(), dtype=object) == view.source
    if view.texts == "cap":
        held = [{caption["kind"] for caption in captions} for captions in table["captions"].to_pylist()]
        wanted &= np.array([not kinds.isdisjoint(view.kinds) for kinds in held], dtype=bool)
    return wanted


def _with_images(folder: DatasetFolder, view: View, table: pa.Table) -> npt.NDArray[np.bool_]:
    """Whether the image of each document is in the config that the task shows; `vqa` and `cap` hold all by construction."""
    if view.images in ("vqa", "cap"):
        return np.ones(table.num_rows, dtype=bool)
    return _held(folder, view.images, table)


def _held(folder: DatasetFolder, config: Config, table: pa.Table) -> npt.NDArray[np.bool_]:
    """Whether the image of each document is in a config."""
    present = folder.image_rows(config, "test")
    return np.array([image_id in present for image_id in table["image_id"].to_pylist()], dtype=bool)


def _nothing_to_ask(folder: DatasetFolder, task: str, *, wanted_any: bool) -> DatasetNotFoundError:
    view = VIEWS[task]
    problem, remedy = f"holds none of the images of {task} in config {view.images!r}", _BUILD_OPTION.get(view.images, "")
    if not wanted_any:
        text = "question" if view.texts == "vqa_questions" else f"{' or '.join(view.kinds)} caption"
        about = "" if view.source is None else f" on {view.source}"
        problem = f"has no {text}{about} in its test part, which {task} needs"
        remedy = _texts_option(view)
    return DatasetNotFoundError(problem, place=folder.path, remedy=f"build it with {remedy}")


def _texts_option(view: View) -> str:
    return _BUILD_OPTION[view.texts] if view.source is None else _SOURCE_OPTION[view.texts]
