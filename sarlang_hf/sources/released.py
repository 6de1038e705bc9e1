"""SARLANG-1M as its authors released it: preprocessed images, originals, optical twins and texts.

Wei et al. 2025, arXiv 2504.03254; dataset repository YiminJimmy/SARLANG-1M on the Hugging Face Hub.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sarlang_hf.errors import ImageFault, SourceError
from sarlang_hf.imaging.decode import UndecodableError
from sarlang_hf.schema import APPLICATION_OF_TYPE, Caption, CaptionKind, Question, Tile, text_ids
from sarlang_hf.sources.base import SIMULATION_MARKER, register
from sarlang_hf.sources.files import is_file, require_folder, require_readable
from sarlang_hf.sources.image_header import size_in_header
from sarlang_hf.sources.released_folders import image_folders, text_files
from sarlang_hf.sources.released_join import Joined, NamedImage, Text, joined
from sarlang_hf.sources.released_stems import OPTICAL_TERMS, ORIGINALS, SIMULATED, TERMS, facts_of, source_of
from sarlang_hf.sources.released_variants import Size, check_twin, original_header
from sarlang_hf.texts.infer import infer_caption_kind, infer_type

_SKIP = "or leave such images out with --on-error skip"
_FETCH = f"fetch it again, {_SKIP}"
_WITHOUT = f"fetch it again, move it away to build without it, {_SKIP}"


@register("released")
class Released:
    """The released files, in any layout that `released_folders` and any spelling that `released_csv` and `released_json` know.

    Every image that a text names becomes a tile of the split of its texts, passed on byte for byte; its source is told by the
    form of its name (`released_stems`). Images and texts are matched by stem: texts may say .png where the file is .jpg.
    Released images that no text names are screened (reason `left_over`; the paper's 13,346 are those with texts, of 13,433).

    Question types and topics, and the kind of training captions, are inferred from the wording (`texts.infer`). There are no
    boxes, and nothing is asked beyond the released questions. Texts that occur twice are kept twice.

    An original or optical twin beside an image must have its size and pixels that can be read, by its header; otherwise the
    image is a fault. Coordinates and ground sample distance are the original's, where its file has them; coordinates else the
    file name's. Images of SARDet-100K have neither original nor twin.

    SARDet-100K's images are not part of the release: they are looked for in the image folder, then in `sardet`.

    Terms: no licence covers the texts; the images keep the terms of their four sources.
    """

    terms = (
        "SARLANG-1M as released by its authors (Wei et al. 2025, arXiv 2504.03254). No licence covers its questions and "
        "captions, so they may not be passed on; its images keep the terms of their sources. Question types and the kind of "
        "training captions are inferred from the wording."
    )

    def __init__(self, root: str | Path, *, sardet: str | Path | None = None) -> None:
        """Finds the files.

        Args:
            root: the folder of the released files.
            sardet: SARDet-100K's own tree, if its images are not in the released image folder.

        Raises:
            SourceError: no text file, no image folder, or a text file that cannot be read.
        """
        self.root = Path(root).absolute()  # an interrupted build may be continued from another working folder
        self.sardet = Path(sardet).absolute() if sardet else None
        require_folder(self.root, what="SARLANG-1M")
        if self.sardet:
            require_folder(self.sardet, what="SARDet-100K")
        self._texts = text_files(self.root)
        self._folders = image_folders(self.root, self.sardet)
        for path in self._text_paths():
            require_readable(path)
        self.name = "released"
        self.simulated = is_file(self.root / SIMULATION_MARKER)

    def inputs(self) -> dict[str, Path]:
        texts = {path.relative_to(self.root).as_posix(): path for path in self._text_paths()}
        folders = {folder.path: None for folder in self._folders}
        outermost = [path for path in folders if folders.keys().isdisjoint(path.parents)]
        return texts | {self._folder_name(path): path for path in outermost}

    def parameters(self) -> dict[str, Any]:
        """Which text files were read, which were only held to the same number of rows, and which were left alone."""
        parts = self._texts.parts
        read, checked = [part.path for part in parts], [part.twin for part in parts if part.twin]
        lists = {"texts": read, "same_number_of_rows": checked, "unknown_texts": self._texts.unknown}
        return {what: [path.relative_to(self.root).as_posix() for path in paths] for what, paths in lists.items()}

    def tiles(self) -> Iterator[Tile | ImageFault]:
        with joined(self._texts.parts, self._folders) as found:
            self._require_sardet(found)
            for place in found.repeated_headers:
                problem, remedy = "this row repeats the header of the file and is no text", "remove the row"
                yield self._screened("repeated_header", problem, "released", place=place, remedy=remedy)
            for image in found.images():
                yield self._item(image)
            for stem, path in found.left_over():
                problem, remedy = "no caption and no question names this image", "nothing needs to be done"
                yield self._screened("left_over", problem, _image_id(stem), place=str(path), remedy=remedy)

    def _text_paths(self) -> list[Path]:
        return [path for part in self._texts.parts for path in (part.path, part.twin) if path]

    def _folder_name(self, folder: Path) -> str:
        if folder.is_relative_to(self.root):
            return folder.relative_to(self.root).as_posix()
        return f"sardet/{folder.relative_to(self.sardet or folder).as_posix()}"

    def _require_sardet(self, found: Joined) -> None:
        """Without this, a user who forgot SARDet-100K would hear of one image of 104,985."""
        images = Counter(there for stem, there in found.named() if source_of(stem) == "sardet100k")
        if images[False] and not images[True]:
            problem = f"the texts name {images[False]:,} images of SARDet-100K, and none of them is here"
            remedy = "give SARDet-100K with --sardet, copy its images into SARimages/, or move the SARVQA1 files away"
            raise SourceError(problem, place=self.root, remedy=remedy)

    def _item(self, image: NamedImage) -> Tile | ImageFault:
        try:
            if image.problem:
                problem, place = image.problem
                raise self._loss(image, "bad_text", problem, f"mend this row, {_SKIP}", place=place)
            path = self._path(image)
            with self._header_of(image, "image", path, _FETCH):
                size = size_in_header(path)
            return self._with_twin(self._with_original(self._tile(image, path, size), image), image)
        except ImageFault as fault:
            return fault

    def _tile(self, image: NamedImage, path: Path, size: Size) -> Tile:
        facts, image_id = facts_of(image.stem), _image_id(image.stem)
        terms = SIMULATED if self.simulated else TERMS[facts.source]
        return Tile(
            source=facts.source,
            stem=image.stem,
            split=image.split,
            path=path,
            root=self.root,
            record=image.record,
            width=size[0],
            height=size[1],
            boxes=(),
            license=terms.license,
            redistributable=terms.redistributable,
            boxes_complete=False,
            scene=facts.scene,
            place=facts.place,
            country=facts.country,
            lat=facts.lat,
            lon=facts.lon,
            sensor=facts.sensor,
            captions=_captions(image_id, image.texts),
            questions=_questions(image_id, image.texts),
        )

    def _with_original(self, tile: Tile, image: NamedImage) -> Tile:
        source, path = source_of(image.stem), next(iter(image.of_role("original")), None)
        if path is None or source not in ORIGINALS:
            return tile
        with self._header_of(image, "original", path, _WITHOUT):
            header = original_header(path, (tile.width, tile.height))
        lat, lon = (tile.lat, tile.lon) if header.lat is None else (header.lat, header.lon)
        return replace(tile, original=path, radar=ORIGINALS[source], lat=lat, lon=lon, gsd_m=header.gsd_m)

    def _with_twin(self, tile: Tile, image: NamedImage) -> Tile:
        facts, path = facts_of(image.stem), next(iter(image.of_role("optical")), None)
        if path is None or facts.source not in OPTICAL_TERMS:
            return tile
        with self._header_of(image, "optical twin", path, _WITHOUT):
            check_twin(path, (tile.width, tile.height))
        terms, sensor = (SIMULATED, "") if self.simulated else (OPTICAL_TERMS[facts.source], facts.optical_sensor)
        return replace(
            tile,
            optical=path,
            optical_license=terms.license,
            optical_redistributable=terms.redistributable,
            optical_sensor=sensor,
        )

    def _path(self, image: NamedImage) -> Path:
        """The image file; of several with its stem in one folder, the one that the texts name."""
        found = image.of_role("image")
        named = [path for path in found if path.name in image.names] if len(found) > 1 else found
        if len(named) == 1:
            return named[0]
        name = min(image.names)
        if found:
            names = " and ".join(path.name for path in found)
            problem, remedy = f"image {name} may be {names}", f"keep one of the two files, {_SKIP}"
            raise self._loss(image, "ambiguous_image", problem, remedy)
        only = "; only its original is there" if image.of_role("original") else ""
        texts = "1 text names it" if image.count == 1 else f"{image.count:,} texts name it"
        problem, remedy = f"image {name} is absent{only}; {texts}", f"fetch it, {_SKIP}"
        raise self._loss(image, "missing_image", problem, remedy)

    @contextmanager
    def _header_of(self, image: NamedImage, what: str, path: Path, remedy: str) -> Iterator[None]:
        """Turns what a header lacks into a fault that names the file."""
        try:
            yield
        except UndecodableError as error:
            raise self._loss(image, error.reason, f"{what} {self._folder_name(path)} {error}", remedy) from error

    def _loss(self, image: NamedImage, reason: str, problem: str, remedy: str, *, place: str = "") -> ImageFault:
        """The fault of an image, with which its texts go."""
        return ImageFault(
            problem,
            place=place or image.record,
            remedy=remedy,
            reason=reason,
            image_id=_image_id(image.stem),
            root=self.root,
            texts=image.count,
        )

    def _screened(self, reason: str, problem: str, image_id: str, *, place: str, remedy: str) -> ImageFault:
        return ImageFault(problem, place=place, remedy=remedy, reason=reason, image_id=image_id, root=self.root, screened=True)


def _image_id(stem: str) -> str:
    return f"{source_of(stem)}/{stem}"


def _questions(image_id: str, texts: Sequence[Text]) -> tuple[Question, ...]:
    asked = [(text.text, text.answer) for text in texts if text.kind == "question"]
    questions = []
    for question_id, (question, answer) in zip(text_ids(image_id, asked), asked, strict=True):
        inferred = infer_type(question, answer)
        application = APPLICATION_OF_TYPE[inferred.type]
        questions.append(Question(question_id, question, answer, inferred.type, application, inferred.topic, "", "released"))
    return tuple(questions)


def _captions(image_id: str, texts: Sequence[Text]) -> tuple[Caption, ...]:
    described = [(text.text, _kind(text)) for text in texts if text.kind != "question"]
    ids = text_ids(image_id, described)
    return tuple(Caption(caption_id, text, kind, "released") for caption_id, (text, kind) in zip(ids, described, strict=True))


def _kind(text: Text) -> CaptionKind:
    """As its file says; for the training file, as the wording says."""
    match text.kind:
        case "complex" | "concise" as kind:
            return kind
        case _:
            return infer_caption_kind(text.text)
