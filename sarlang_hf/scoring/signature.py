"""What names a number: task and version, how it was judged or measured, on which data, over how many items.

    sarlang_vqa@1.0|protocol=strict|judge=gpt-4o-mini-2024-07-18|prompt=1f0c2a9b|metric=acc|unit=question|cluster=image|
    data=simulated:1a2b3c4d5e6f|vision=none|hints=on|n=8740/8740

Numbers are comparable where their signatures differ in nothing that matters: `sarlang compare` says what does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.schema import DatasetKind

TASK_VERSION = "1.0"
"""Version of the tasks, prompts included: the lmms-eval tasks and `sarlang score` ask the same questions."""

Cluster = Literal["image", "place", "row"]
"""What items are dependent within: an image; a city or region (an image of its own where none is known); or nothing, where a
file of answers names no images."""

Vision = Literal["image", "none", "grey", "shuffled"]
"""What the model was shown: the image, nothing, a grey one, or another test image of the same source."""

CLUSTERS: tuple[Cluster, ...] = get_args(Cluster)
VISIONS: tuple[Vision, ...] = get_args(Vision)


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """What was asked about. Not a path: scorecards are shared.

    Attributes:
        kind: the kind of the dataset; `custom` for a file of answers that carries its own references.
        sha256: of the dataset's manifest.json, or of the questions and references of such a file.
        from_file: whether it is such a file.
    """

    kind: DatasetKind
    sha256: str
    from_file: bool = False

    @property
    def label(self) -> str:
        """As signatures name it, 'simulated:1a2b3c4d5e6f' or 'file:1a2b3c4d5e6f'."""
        return f"{'file' if self.from_file else self.kind}:{self.sha256[:12]}"


def signature(task: str, task_version: str, parts: Mapping[str, str]) -> str:
    """Joins the parts of a signature in their order. A part without a name ('') stands as it is."""
    named = (f"{name}={value}" if name else value for name, value in parts.items())
    return "|".join((f"{task}@{task_version}", *named))


def cluster_keys(image_ids: Sequence[str], places: Sequence[str], cluster: Cluster) -> Sequence[str]:
    """The cluster of each item: its place if those are asked for and one is known, else its image."""
    if cluster != "place":
        return image_ids
    # The separator keeps a place apart from an image that happens to bear its name.
    return [f"place\x1f{place}" if place else image for image, place in zip(image_ids, places, strict=True)]


def number_keys(keys: Sequence[str]) -> NDArray[np.int64]:
    """(n,) numbers, equal for equal keys, in the order in which these come first; several times as fast as sorting texts."""
    number: dict[str, int] = {}
    return np.fromiter((number.setdefault(key, len(number)) for key in keys), dtype=np.int64, count=len(keys))
