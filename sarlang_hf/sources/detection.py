"""What the sources with COCO annotations share: one annotated image becomes one tile."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sarlang_hf.errors import ImageFault
from sarlang_hf.schema import Box, SourceName, Split, Tile
from sarlang_hf.sources.base import fit_box
from sarlang_hf.sources.coco_json import CocoAnnotation, CocoImage
from sarlang_hf.sources.files import is_file


@dataclass(frozen=True, slots=True)
class DetectionSet:
    """What the images of one annotation file have in common.

    Attributes:
        source: name in the source column.
        prefix: put before the file's stem in the image id (`ssdd/`).
        split: part of the dataset, None to leave it to the build.
        root: the source folder.
        folder: where the image files lie, below `root`.
        categories: our category for every category id of the file; None drops objects of that category.
        license: terms of the images.
        redistributable: whether those terms allow passing the images on.
    """

    source: SourceName
    prefix: str
    split: Split | None
    root: Path
    folder: Path
    categories: Mapping[int, str | None]
    license: str
    redistributable: bool

    def stem(self, image: CocoImage) -> str:
        return self.prefix + unicodedata.normalize("NFC", str(PurePosixPath(image.file_name).with_suffix("")))

    def fault(self, image: CocoImage, reason: str, problem: str, *, place: str, remedy: str) -> ImageFault:
        image_id = f"{self.source}/{self.stem(image)}"
        return ImageFault(problem, place=place, remedy=remedy, reason=reason, image_id=image_id, root=self.root)


def tile_of(image: CocoImage, found_in: DetectionSet, *, optical: Path | None = None) -> Tile | ImageFault:
    """The tile of one annotated image, or the fault that makes the image unusable.

    Args:
        image: the image and its annotations.
        found_in: what it shares with the other images of its annotation file.
        optical: the optical twin's file, if there is one; it comes under the same terms.

    Raises:
        SourceError: the image folder may not be searched.
    """
    path = found_in.folder / image.file_name
    try:
        _check_image(image, path, found_in)
        fitted = [_fit(annotation, image, found_in) for annotation in image.annotations if _is_kept(annotation, found_in)]
    except ImageFault as fault:
        return fault
    return Tile(
        source=found_in.source,
        stem=found_in.stem(image),
        split=found_in.split,
        path=path,
        root=found_in.root,
        record=image.record,
        width=image.width,
        height=image.height,
        boxes=tuple(box for box, _ in fitted),
        clipped_boxes=sum(clipped for _, clipped in fitted),
        license=found_in.license,
        redistributable=found_in.redistributable,
        optical=optical,
        optical_license=found_in.license if optical else "",
        optical_redistributable=found_in.redistributable if optical else False,
    )


def _check_image(image: CocoImage, path: Path, found_in: DetectionSet) -> None:
    if not is_file(path):
        problem = f"image {path.relative_to(found_in.root).as_posix()} is absent"
        remedy = "restore the file or skip it with --on-error skip"
        raise found_in.fault(image, "missing_image", problem, place=image.record, remedy=remedy)
    if image.width <= 0 or image.height <= 0:
        problem = f"size {image.width}x{image.height} is no image size"
        raise found_in.fault(image, "bad_size", problem, place=image.record, remedy="mend width and height")


def _is_kept(annotation: CocoAnnotation, found_in: DetectionSet) -> bool:
    """False for objects of a category that the user drops; they need not be sound."""
    categories, number = found_in.categories, annotation.category_id
    return number not in categories or categories[number] is not None


def _fit(annotation: CocoAnnotation, image: CocoImage, found_in: DetectionSet) -> tuple[Box, bool]:
    """The box of one object, and whether it had to be clipped."""
    category = found_in.categories.get(annotation.category_id)
    if category is None:
        known = ", ".join(str(number) for number in sorted(found_in.categories))
        problem = f"unknown category id {annotation.category_id} (known: {known})"
        remedy = "list it under categories or skip with --on-error skip"
        raise found_in.fault(image, "unknown_category", problem, place=annotation.record, remedy=remedy)
    if annotation.crowd:
        problem = "a crowd annotation stands for an unknown number of objects"
        remedy = "annotate the objects one by one or skip with --on-error skip"
        raise found_in.fault(image, "crowd_box", problem, place=annotation.record, remedy=remedy)
    fitted = fit_box(annotation.bbox, category, image.width, image.height)
    if isinstance(fitted, str):
        remedy = "mend the box or skip the image with --on-error skip"
        raise found_in.fault(image, "bad_box", fitted, place=annotation.record, remedy=remedy)
    return fitted
