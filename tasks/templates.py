"""Writes the YAML that lmms-eval reads: the templates of this folder with the dataset filled in.

    <cache folder>/tasks/<digest of the content>/{sarlang.yaml, sarlang_vqa.yaml, ..., sarlang_vqa.template, ...}

`data_files` names the shards of the test part alone, by absolute path, and of captions only the columns without pixels:
loading them copies neither an image nor the training part into the `datasets` cache. The dataset's checksum and what the model
is shown stand in `metadata`, which enters the key of lmms-eval's response cache: `--use_cache` looks at no image, and would
otherwise give a blind run the answers of a sighted one.

A task that the dataset cannot be asked is not written. The folder's name is the digest of what it holds, so any number of
processes may write it at the same time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from sarlang_hf.data import DatasetFolder
from sarlang_hf.files import cache_folder, write_atomically
from sarlang_hf.schema import Config
from sarlang_hf.tasks.dataset import folder, require_something_to_ask
from sarlang_hf.tasks.settings import check_settings, say, vision
from sarlang_hf.tasks.views import GROUP, GROUP_TASKS, VIEWS, lacks

TEMPLATES = Path(__file__).parent


def write_tasks(asked: str = GROUP) -> Path:
    """The folder of the filled-in YAML files for the dataset that the environment names.

    Args:
        asked: the task or group that is wanted. The group goes without the part that the dataset lacks, with a message.

    Raises:
        DatasetNotFoundError: there is no dataset, or it cannot be asked that task.
        UsageError: the environment asks for a protocol, a judge, hints or inputs that do not exist.
        OutputError: the cache folder cannot be written.
    """
    check_settings()
    dataset = folder()
    if asked == GROUP:
        require_something_to_ask()
        _tell_what_is_left_out(dataset)
    else:
        missing = lacks(dataset, asked)
        if missing is not None:
            raise missing
    return write_files(filled(dataset), cache_folder() / "tasks")


def filled(dataset: DatasetFolder) -> dict[str, str]:
    """The templates by file name, of every task that can be asked (a JSON list is YAML too)."""
    impossible = [task for task in VIEWS if lacks(dataset, task)]
    values = {
        "$test_questions": _shards(dataset, "vqa_questions"),
        "$test_captions": _shards(dataset, "cap"),
        "$dataset": json.dumps(dataset.sha256[:12]),
        "$vision": vision(),
    }
    files = {}
    for path in sorted((*TEMPLATES.glob("*.yaml"), *TEMPLATES.glob("*.template"))):
        if path.suffix == ".template" or path.stem not in impossible:
            files[path.name] = _filled(path.read_text(encoding="utf-8"), values)
    files[f"{GROUP}.yaml"] = _without_members(files[f"{GROUP}.yaml"], impossible)
    return files


def write_files(files: Mapping[str, str], root: Path) -> Path:
    """Writes the files into `root/<digest of the files>` unless they stand there already."""
    content = json.dumps(files, sort_keys=True).encode()
    written = root / hashlib.blake2b(content, digest_size=8).hexdigest()
    for name, text in files.items():
        path = written / name
        data = text.encode()
        if not path.is_file() or path.read_bytes() != data:
            write_atomically(path, data)
    return written


def _shards(dataset: DatasetFolder, config: Config) -> str:
    paths = dataset.files(config, "test") if dataset.has(config, "test") else []
    return json.dumps([str(path.absolute()) for path in paths])


def _filled(text: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


def _without_members(group: str, impossible: list[str]) -> str:
    lost = {f"  - {task}" for task in impossible}
    return "".join(line for line in group.splitlines(keepends=True) if line.rstrip() not in lost)


def _tell_what_is_left_out(dataset: DatasetFolder) -> None:
    for task in GROUP_TASKS:
        missing = lacks(dataset, task)
        if missing is not None:
            say(f"the group leaves out {task}: {missing}")
