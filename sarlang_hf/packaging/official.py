"""The counts that the paper prints, and how a dataset folder's counts differ from them.

Table 6 decides whether released texts are complete (dataset kind `official`). Two of its cells, complex and concise captions
of the training split, are compared but not required: the released training file mixes the kinds and does not say which is
which, so ours are inferred from the wording (`texts.infer`); their sum must agree. The same holds for Table 4, whose question
types are inferred.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sarlang_hf.packaging.manifest import Counts
from sarlang_hf.schema import (
    APPLICATION_OF_TYPE,
    APPLICATIONS,
    CAPTION_KINDS,
    SPLITS,
    Application,
    CaptionKind,
    SourceName,
    Split,
)

IMAGES_OF_SOURCE: dict[SourceName, int] = {
    "spacenet6": 3_311,
    "dfc2023": 5_222,
    "openearthmap_sar": 4_813,
    "sardet100k": 104_985,
}
"""Table 1, '# SAR Image'."""

IMAGES: dict[Split, int] = {"train": 103_834, "test": 14_497}
"""Section 4.1.1: images of SARLANG-1M-VQA, which are all images."""

CAPTIONED_IMAGES: dict[Split, int] = {"train": 9_341, "test": 4_005}
"""Section 4.1.1: images of SARLANG-1M-Cap, which are those of the three sources with optical twins."""

CAPTIONS: dict[CaptionKind, dict[Split, int]] = {
    "complex": {"train": 14_481, "test": 6_190},
    "concise": {"train": 17_487, "test": 7_492},
}
"""Table 6."""

QUESTIONS: dict[Split, int] = {"train": 955_372, "test": 125_255}
"""Table 6."""

TEXTS_OF_APPLICATION: dict[Application, int] = {
    "image_description": 45_650,
    "object_identification": 484_620,
    "object_classification": 132_525,
    "instance_counting": 117_382,
    "region_referring": 221_450,
    "object_positioning": 106_171,
    "others": 18_479,
}
"""Table 4."""

SCREENING: dict[str, str] = {
    "missing_twin": "SAR image without optical twin, so there is nothing to transfer texts from",
    "missing_image": "optical image, or texts, without the SAR image",
    "mostly_nodata": "almost no radar pixels (strip border)",
    "in_both_tracks": "second copy of a DFC2023 tile that lies in both tracks",
    "left_over": "released image that no text names",
}
"""Reject reasons by which we follow the paper's 'images with incomplete or missing information were removed' (section 3.2),
with what each means. The paper gives no rule."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One of the paper's counts beside ours. `must_match` is off where ours is inferred from the wording of the texts."""

    what: str
    reference: str
    ours: int
    paper: int
    must_match: bool

    @property
    def excess(self) -> int:
        """How many more we have; negative where we have less."""
        return self.ours - self.paper


@dataclass(frozen=True, slots=True)
class SourceDifference:
    """A source's number of images beside Table 1's; how many images we left out, and texts with them, by reason."""

    source: SourceName
    ours: int
    paper: int
    left_out: dict[str, int]
    texts_left_out: dict[str, int]


def official_differences(counts: Counts) -> list[Difference]:
    """Every count of Tables 1, 4, 6 and section 4.1.1 beside that of a manifest (`Manifest.counts`)."""
    return [*_images(counts), *_texts(counts), *_applications(counts)]


def mismatches(differences: Iterable[Difference]) -> list[Difference]:
    """Those that must match and do not."""
    return [difference for difference in differences if difference.must_match and difference.excess]


def meets_table_6(counts: Counts) -> bool:
    """Whether the texts are all there: Table 6 is met, but for the two cells that are inferred."""
    return not mismatches(_texts(counts))


def source_differences(counts: Counts, left_out: Iterable[tuple[str, str, int]]) -> list[SourceDifference]:
    """Table 1 beside our images, source by source.

    Args:
        counts: `Manifest.counts`.
        left_out: (image id, reason, number of its texts) of every line of `rejects.jsonl`.
    """
    images: defaultdict[str, Counter[str]] = defaultdict(Counter)
    texts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for image_id, reason, number in left_out:
        source = image_id.partition("/")[0]
        images[source][reason] += 1
        texts[source][reason] += number
    return [
        SourceDifference(
            source,
            _count(counts, "images", [source]),
            paper,
            left_out=dict(sorted(images[source].items())),
            texts_left_out={reason: number for reason, number in sorted(texts[source].items()) if number},
        )
        for source, paper in IMAGES_OF_SOURCE.items()
    ]


def difference_lines(differences: Sequence[Difference]) -> list[str]:
    """The differences as an aligned table in plain text, with a heading."""
    heading = ("", "ours", "paper", "difference", "", "")
    rows = [(d.what, f"{d.ours:,}", f"{d.paper:,}", _signed(d.excess), _verdict(d), d.reference) for d in differences]
    return _aligned([heading, *rows])


def source_lines(differences: Sequence[SourceDifference]) -> list[str]:
    """Images by source as an aligned table in plain text; what was left out stands behind, reason by reason.

    A line below says how many texts went with it, if any did: as many are lacking beside Table 6.
    """
    heading = ("source", "ours", "Table 1", "difference", "left out")
    rows = [(d.source, f"{d.ours:,}", f"{d.paper:,}", _signed(d.ours - d.paper), _left_out(d)) for d in differences]
    lost = sum(number for difference in differences for number in difference.texts_left_out.values())
    explained = [f"{_texts_of(lost)} went with images that were left out"] if lost else []
    return [*_aligned([heading, *rows]), *explained]


def _images(counts: Counts) -> list[Difference]:
    by_source = [
        Difference(f"images of {source}", "Table 1", _count(counts, "images", [source]), paper, must_match=True)
        for source, paper in IMAGES_OF_SOURCE.items()
    ]
    paired = [source for source in IMAGES_OF_SOURCE if source != "sardet100k"]
    for split in SPLITS:
        ours = _count(counts, "images", None, [split])
        by_source.append(Difference(f"images, {split}", "section 4.1.1", ours, IMAGES[split], must_match=True))
        ours = _count(counts, "images", paired, [split])
        what = f"images of the SAR-optical sources, {split}"
        by_source.append(Difference(what, "section 4.1.1", ours, CAPTIONED_IMAGES[split], must_match=True))
    return by_source


def _texts(counts: Counts) -> list[Difference]:
    rows = [
        Difference(
            f"{kind} captions, {split}",
            "Table 6" if split == "test" else "Table 6 (kind inferred)",
            _count(counts, "captions", [kind], [split]),
            CAPTIONS[kind][split],
            must_match=split == "test",
        )
        for split in SPLITS
        for kind in CAPTION_KINDS
    ]
    captions = sum(by_split["train"] for by_split in CAPTIONS.values())
    ours = _count(counts, "captions", None, ["train"])
    rows.append(Difference("captions, train", "Table 6 (sum)", ours, captions, must_match=True))
    for split in SPLITS:
        ours = _count(counts, "questions", None, [split])
        rows.append(Difference(f"questions, {split}", "Table 6", ours, QUESTIONS[split], must_match=True))
    return rows


def _applications(counts: Counts) -> list[Difference]:
    ours: Counter[Application] = Counter({"image_description": _count(counts, "captions")})
    for question_type, application in APPLICATION_OF_TYPE.items():
        ours[application] += _count(counts, "questions", [question_type])
    return [
        Difference(
            f"application {application}",
            "Table 4 (type inferred)",
            ours[application],
            TEXTS_OF_APPLICATION[application],
            must_match=False,
        )
        for application in APPLICATIONS
    ]


def _count(counts: Counts, what: str, names: Sequence[str] | None = None, splits: Sequence[Split] = SPLITS) -> int:
    """Sum over splits and names; all names where none are given."""
    by_split = (counts.get(what, {}).get(split, {}) for split in splits)
    return sum(number for numbers in by_split for name, number in numbers.items() if names is None or name in names)


def _signed(number: int) -> str:
    return f"{number:+,}" if number else "0"


def _verdict(difference: Difference) -> str:
    if not difference.must_match:
        return "for information"
    return "differs" if difference.excess else "agrees"


def _left_out(difference: SourceDifference) -> str:
    texts = {reason: f" ({_texts_of(number)})" for reason, number in difference.texts_left_out.items()}
    return ", ".join(f"{reason} {number:,}{texts.get(reason, '')}" for reason, number in difference.left_out.items()) or "-"


def _texts_of(number: int) -> str:
    return "1 text" if number == 1 else f"{number:,} texts"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns padded to equal width: the first and those with words to the left, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(_padded(cell, width, index) for index, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]


def _padded(cell: str, width: int, index: int) -> str:
    return cell.rjust(width) if index in {1, 2, 3} else cell.ljust(width)
