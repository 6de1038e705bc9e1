"""Writes the YAML that lmms-eval reads: the templates of this folder with the place of the dataset filled in.

    <cache folder>/tasks/<digest of the content>/{sarlang,sarlang_vqa,sarlang_vqa_lite}.yaml

`data_files` names the question shards of the test part alone, by absolute path: loading them copies neither an image nor the
training part into the `datasets` cache. The folder's name is the digest of what it holds, so any number of processes may write
it at the same time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from sarlang_hf.data import open_dataset
from sarlang_hf.files import cache_folder, write_atomically
from sarlang_hf.tasks.settings import check_settings

TEMPLATES = Path(__file__).parent
PLACEHOLDER = "$test_questions"


def write_tasks() -> Path:
    """The folder of the filled-in YAML files for the dataset that the environment names.

    Raises:
        DatasetNotFoundError: there is no dataset, or it has no test questions.
        UsageError: the environment asks for a protocol, a judge or hints that do not exist.
        OutputError: the cache folder cannot be written.
    """
    check_settings()
    return write_files(filled(open_dataset().files("vqa_questions", "test")), cache_folder() / "tasks")


def filled(shards: list[Path]) -> dict[str, str]:
    """The templates by file name, with the question shards filled in (a JSON list is YAML too)."""
    paths = json.dumps([str(shard.absolute()) for shard in shards])
    return {path.name: path.read_text(encoding="utf-8").replace(PLACEHOLDER, paths) for path in sorted(TEMPLATES.glob("*.yaml"))}


def write_files(files: Mapping[str, str], root: Path) -> Path:
    """Writes the files into `root/<digest of the files>` unless they stand there already."""
    content = json.dumps(files, sort_keys=True).encode()
    folder = root / hashlib.blake2b(content, digest_size=8).hexdigest()
    for name, text in files.items():
        path = folder / name
        data = text.encode()
        if not path.is_file() or path.read_bytes() != data:
            write_atomically(path, data)
    return folder
