"""The dataset that the environment names, opened once a process, and what the tasks need of it."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from sarlang_hf.data import DATASET_VARIABLE, DatasetFolder, open_dataset
from sarlang_hf.errors import DatasetNotFoundError, UsageError
from sarlang_hf.schema import Config
from sarlang_hf.scoring.signature import DatasetRef
from sarlang_hf.tasks import views
from sarlang_hf.tasks.settings import say, vision
from sarlang_hf.tasks.views import VIEWS, Choice
from sarlang_hf.tasks.vision import Pictures

TASK_COLUMN = "task"
"""A column that every document gets, so that the functions lmms-eval calls know which task they work for."""

_ABSENT = {
    "raw": "were packaged without their unpreprocessed form",
    "rgb": "have no optical twin",
}


def folder() -> DatasetFolder:
    """The dataset that `SARLANG_DATASET` names.

    Raises:
        DatasetNotFoundError, DatasetFormatError, DatasetCorruptError: there is none, or it cannot be read.
    """
    return _folder(os.environ.get(DATASET_VARIABLE))


def dataset_ref() -> DatasetRef:
    """How scorecards name it."""
    return DatasetRef(folder().kind, folder().sha256)


def chosen(task: str) -> Choice:
    """The documents of a task.

    Raises:
        DatasetNotFoundError: the dataset has none.
    """
    return _chosen(os.environ.get(DATASET_VARIABLE), task)


def pictures(task: str) -> Pictures:
    """The images of a task as `SARLANG_VISION` has them shown."""
    return _pictures(os.environ.get(DATASET_VARIABLE), VIEWS[task].images, vision())


def documents(task: str, loaded: Any, key: str) -> Any:
    """The documents of a task out of what lmms-eval has loaded.

    Args:
        task: the task.
        loaded: a `datasets.Dataset` of all questions, or of all images with captions, of the test part.
        key: its column of ids.

    Raises:
        DatasetNotFoundError: the dataset has no such documents.
        UsageError: what was loaded comes from another dataset; an `--include_path` written for another folder would do that,
            and would part texts and images.
    """
    view, choice = VIEWS[task], chosen(task)
    if loaded[key][:] != views.texts_table(folder(), view)[key].to_pylist():
        raise UsageError(
            "lmms-eval has loaded documents that this dataset does not hold",
            place=folder().path,
            remedy="give `python -m sarlang_hf.tasks` and lmms-eval the same SARLANG_DATASET",
        )
    if choice.left_out:
        total = choice.left_out + len(choice.rows)
        say(f"{task} leaves out {choice.left_out} of {total} documents, whose images {_ABSENT[view.beside or view.images]}")
    named = loaded.add_column(TASK_COLUMN, [task] * len(loaded))
    return named if len(choice.rows) == len(loaded) else named.select(choice.rows, keep_in_memory=True)


def require_something_to_ask() -> None:
    """Makes sure that at least one task of the group can be asked.

    Raises:
        DatasetNotFoundError: the dataset has neither questions nor captions in its test part.
    """
    if all(views.lacks(folder(), task) for task in views.GROUP_TASKS):
        raise DatasetNotFoundError(
            "has neither questions nor captions in its test part",
            place=folder().path,
            remedy="build it from a source with boxes, questions or captions",
        )


@lru_cache(maxsize=4)
def _folder(source: str | None) -> DatasetFolder:
    return open_dataset(source)


@lru_cache(maxsize=32)
def _chosen(source: str | None, task: str) -> Choice:
    return views.choose(_folder(source), task)


@lru_cache(maxsize=8)
def _pictures(source: str | None, config: Config, shown: Any) -> Pictures:
    return Pictures(_folder(source), config, shown)
