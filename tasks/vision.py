"""What a model is shown of a document: its image, or one of three inputs that hide it (`SARLANG_VISION`).

    image      the image
    none       no image at all
    grey       a grey image of the same size, every pixel 128
    shuffled   the image of another test image of the same source; a grey one where the source has no other

What a model scores without the image is what its language prior is worth; the difference is the vision gain.

The shuffle is a derangement: the test images of a source stand in a circle, in the order of the BLAKE2b hash of a fixed seed
and their ids, and each gets the next one. No random number, no order of rows or shards and no choice of questions enters it,
so that two runs, and a task and its lite form, show the same wrong image.
"""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable

from PIL import Image

from sarlang_hf.data import DatasetFolder, ImageStore
from sarlang_hf.schema import Config
from sarlang_hf.scoring.signature import Vision

SHUFFLE_SEED = "sarlang-vision-0"
_MID_GREY = (128, 128, 128)


class Pictures:
    """The images of a config's test part as a model is shown them; threads may share it.

    Args:
        folder: the dataset.
        config: where the images come from.
        vision: which of the four inputs to give.
    """

    def __init__(self, folder: DatasetFolder, config: Config, vision: Vision) -> None:
        self._vision = vision
        self._rows: dict[str, int] = {}
        self._images: ImageStore | None = None
        if vision != "none":
            self._rows = folder.image_rows(config, "test")
            self._images = folder.images("test", config)
        self._partners = derangement(self._rows) if vision == "shuffled" else {}

    def of(self, image_id: str) -> list[Image.Image]:
        """What is shown for an image: one RGB image, or nothing.

        Raises:
            DatasetCorruptError: a shard is damaged.
        """
        if self._images is None:
            return []
        shown = self._partners.get(image_id, image_id)
        if self._vision == "grey" or (self._vision == "shuffled" and shown == image_id):
            return [_grey(self._images.bytes(self._rows[image_id]))]
        return [self._images.image(self._rows[shown]).convert("RGB")]


def derangement(image_ids: Iterable[str]) -> dict[str, str]:
    """The image that stands in for each, by the rule above; an image alone in its source maps to itself."""
    circles: defaultdict[str, list[str]] = defaultdict(list)
    for image_id in sorted(image_ids, key=_rank):
        circles[image_id.partition("/")[0]].append(image_id)
    return {
        image_id: following
        for circle in circles.values()
        for image_id, following in zip(circle, [*circle[1:], circle[0]], strict=True)
    }


def _rank(image_id: str) -> tuple[bytes, str]:
    return hashlib.blake2b(f"{SHUFFLE_SEED}\x1f{image_id}".encode(), digest_size=8).digest(), image_id


def _grey(data: bytes) -> Image.Image:
    """A grey image of the size that the header of an image file tells."""
    with Image.open(io.BytesIO(data)) as image:
        return Image.new("RGB", image.size, _MID_GREY)
