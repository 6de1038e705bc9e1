"""What the sources with COCO annotations share: one annotated image becomes one tile."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from sarlang_hf.errors import ImageFault
from sarlang_hf.schema import Box, SourceName, Split, Tile
from sarlang_hf.sources.base import fit_box
from sarlang_hf.sources.coco_json import CocoImage


def tile_of(
    image: CocoImage,
    *,
    source: SourceName,
    prefix: str,
    split: Split | None,
    folder: Path,
    categories: Mapping[int, str | None],
    license: str,  # noqa: A002 (the dataset's own column name)
    redistributable: bool,
    optical: Path | None = None,
) -> Tile | ImageFault:
    """The tile of one annotated image, or the fault that makes the image unusable.

    Args:
        image: the image and its annotations.
        source: name in the source column.
        prefix: put before the file's stem in the image id (`ssdd/`).
        split: part of the dataset, None to leave it to the build.
        folder: where the image files lie.
        categories: our category for every category id of the file; None drops objects of that category.
        license: terms of the image.
        redistributable: whether those terms allow passing the image on.
        optical: the optical twin's file, if there is one.
    """
    stem = prefix + unicodedata.normalize("NFC", str(PurePosixPath(image.file_name).with_suffix("")))
    image_id = f"{source}/{stem}"

    def fault(reason: str, problem: str, place: str, remedy: str) -> ImageFault:
        return ImageFault(problem, place=place, remedy=remedy, reason=reason, image_id=image_id)

    path = folder / image.file_name
    if not path.is_file():
        return fault("missing_image", f"image {path} is absent", image.record, "restore the file or skip it with --on-error skip")
    if image.width <= 0 or image.height <= 0:
        return fault("bad_size", f"size {image.width}x{image.height} is no image size", image.record, "mend width and height")
    boxes: list[Box] = []
    clipped = 0
    for annotation in image.annotations:
        if annotation.category_id not in categories:
            known = ", ".join(str(number) for number in sorted(categories))
            problem = f"unknown category id {annotation.category_id} (known: {known})"
            return fault("unknown_category", problem, annotation.record, "list it under categories or skip with --on-error skip")
        category = categories[annotation.category_id]
        if category is None:
            continue
        if annotation.crowd:
            problem = "a crowd annotation stands for an unknown number of objects"
            return fault("crowd_box", problem, annotation.record, "annotate the objects one by one or skip with --on-error skip")
        fitted = fit_box(annotation.bbox, category, image.width, image.height)
        if isinstance(fitted, str):
            return fault("bad_box", fitted, annotation.record, "mend the box or skip the image with --on-error skip")
        boxes.append(fitted[0])
        clipped += fitted[1]
    return Tile(
        source=source,
        stem=stem,
        split=split,
        path=path,
        record=image.record,
        width=image.width,
        height=image.height,
        boxes=tuple(boxes),
        clipped_boxes=clipped,
        license=license,
        redistributable=redistributable,
        optical=optical,
    )
