"""The paper's counts, and what a dataset folder is told about its own."""

from __future__ import annotations

import copy

import pytest

from sarlang_hf.packaging.manifest import Counts
from sarlang_hf.packaging.official import (
    CAPTIONED_IMAGES,
    CAPTIONS,
    IMAGES,
    IMAGES_OF_SOURCE,
    QUESTIONS,
    SCREENING,
    TEXTS_OF_APPLICATION,
    difference_lines,
    meets_table_6,
    mismatches,
    official_differences,
    source_differences,
    source_lines,
)


def paper() -> Counts:
    """Counts of a build of all that the paper describes. Its split of the three small sources is not printed: ours is made up."""
    questions = {"object_identification": 484_620, "object_classification": 132_525, "instance_counting": 117_382,
                 "region_referring": 221_450, "object_positioning": 106_171, "general_inquiry": 18_479}  # fmt: skip
    test = {"object_identification": 100_000, "region_referring": 25_255}
    return {
        "images": {
            "train": {"sardet100k": 94_493, "spacenet6": 2_317, "dfc2023": 3_655, "openearthmap_sar": 3_369},
            "test": {"sardet100k": 10_492, "spacenet6": 994, "dfc2023": 1_567, "openearthmap_sar": 1_444},
        },
        "captions": {"train": {"complex": 14_481, "concise": 17_487}, "test": {"complex": 6_190, "concise": 7_492}},
        "questions": {"train": {name: number - test.get(name, 0) for name, number in questions.items()}, "test": test},
    }


def test_the_papers_tables_add_up() -> None:
    """The paper prints these sums: 118,331 images, 45,650 captions, 1,080,627 questions, 1,126,277 texts."""
    assert sum(IMAGES_OF_SOURCE.values()) == sum(IMAGES.values()) == 118_331
    assert sum(CAPTIONED_IMAGES.values()) == 118_331 - IMAGES_OF_SOURCE["sardet100k"] == 13_346
    captions = sum(number for by_split in CAPTIONS.values() for number in by_split.values())
    assert captions == TEXTS_OF_APPLICATION["image_description"] == 45_650
    assert sum(QUESTIONS.values()) == 1_080_627
    assert sum(TEXTS_OF_APPLICATION.values()) == captions + 1_080_627 == 1_126_277
    assert sum(CAPTIONS[kind]["train"] for kind in CAPTIONS) == 31_968  # section 4.1.1
    assert sum(CAPTIONS[kind]["test"] for kind in CAPTIONS) == 13_682


def test_the_papers_own_counts_do_not_differ() -> None:
    differences = official_differences(paper())
    assert [difference.what for difference in differences if difference.excess] == []
    assert meets_table_6(paper())


def test_an_empty_build_differs_by_everything() -> None:
    assert all(difference.excess == -difference.paper for difference in official_differences({}))
    assert not meets_table_6({})


@pytest.mark.parametrize(
    ("what", "split", "name", "by", "differing", "official"),
    [
        ("questions", "test", "region_referring", 1, ["questions, test"], False),
        ("captions", "test", "complex", -1, ["complex captions, test"], False),
        ("captions", "train", "concise", 1, ["captions, train"], False),
        ("images", "test", "spacenet6", -1,
         ["images of spacenet6", "images, test", "images of the SAR-optical sources, test"], True),
        ("images", "train", "sardet100k", -7, ["images of sardet100k", "images, train"], True),
    ],
)  # fmt: skip
def test_one_text_or_image_too_many_or_too_few(
    what: str, split: str, name: str, by: int, differing: list[str], official: bool
) -> None:
    counts = copy.deepcopy(paper())
    counts[what][split][name] += by
    found = mismatches(official_differences(counts))
    assert [difference.what for difference in found] == differing
    assert {difference.excess for difference in found} == {by}
    assert meets_table_6(counts) == official


def test_inferred_kinds_and_types_are_compared_but_not_required() -> None:
    """The released files tell neither: a caption or question that we file elsewhere must not make the texts unofficial."""
    counts = paper()
    counts["captions"]["train"] = {"complex": 14_381, "concise": 17_587}
    counts["questions"]["train"]["general_inquiry"] += 500
    counts["questions"]["train"]["object_classification"] -= 500
    differing = {d.what: d.excess for d in official_differences(counts) if d.excess}
    assert differing == {
        "complex captions, train": -100,
        "concise captions, train": 100,
        "application object_classification": -500,
        "application others": 500,
    }
    assert not mismatches(official_differences(counts))
    assert meets_table_6(counts)


def test_a_foreign_source_does_not_hide_a_missing_one() -> None:
    counts = paper()
    counts["images"]["test"]["paired"] = counts["images"]["test"].pop("spacenet6")
    assert {difference.what for difference in mismatches(official_differences(counts))} == {
        "images of spacenet6",
        "images of the SAR-optical sources, test",
    }


def test_differences_as_text() -> None:
    counts = paper()
    counts["questions"]["test"]["region_referring"] -= 1_255
    lines = difference_lines(official_differences(counts))
    assert len({line.index("Table 6") for line in lines if "Table 6" in line}) == 1  # columns stand below each other
    [line] = [line for line in lines if line.startswith("questions, test")]
    assert line.split() == ["questions,", "test", "124,000", "125,255", "-1,255", "differs", "Table", "6"]
    [line] = [line for line in lines if line.startswith("questions, train")]
    assert line.split()[2:] == ["955,372", "955,372", "0", "agrees", "Table", "6"]
    [line] = [line for line in lines if line.startswith("application others")]
    assert "for information" in line
    assert "Table 4 (type inferred)" in line


def test_what_was_left_out_stands_beside_table_1() -> None:
    counts = paper()
    counts["images"]["train"]["spacenet6"] -= 3
    left_out = [
        ("spacenet6/a", "mostly_nodata", 0),
        ("spacenet6/b", "missing_twin", 0),
        ("spacenet6/c", "missing_twin", 0),
        ("dfc2023/track1/d", "missing_twin", 0),
        ("released", "repeated_header", 0),
    ]
    found = {difference.source: difference for difference in source_differences(counts, left_out)}
    assert (found["spacenet6"].ours, found["spacenet6"].paper) == (3_308, 3_311)
    assert found["spacenet6"].left_out == {"missing_twin": 2, "mostly_nodata": 1}
    assert found["dfc2023"].left_out == {"missing_twin": 1}
    assert found["sardet100k"].left_out == {}
    heading, first, *others = source_lines(source_differences(counts, left_out))
    assert len(others) == 3
    assert heading.split() == ["source", "ours", "Table", "1", "difference", "left", "out"]
    assert first.split() == ["spacenet6", "3,308", "3,311", "-3", "missing_twin", "2,", "mostly_nodata", "1"]


def test_a_gap_in_the_texts_is_explained_by_the_images_that_were_left_out() -> None:
    left_out = [
        ("sardet100k/1", "missing_image", 1_000),
        ("sardet100k/2", "missing_image", 5),
        ("sardet100k/3", "left_over", 0),
        ("dfc2023/SV_a", "bad_text", 1),
    ]
    found = source_differences(paper(), left_out)
    by_source = {difference.source: difference.texts_left_out for difference in found}
    assert by_source == {
        "spacenet6": {},
        "dfc2023": {"bad_text": 1},
        "openearthmap_sar": {},
        "sardet100k": {"missing_image": 1_005},
    }
    *table, explained = source_lines(found)
    assert [line for line in table if line.endswith("  bad_text 1 (1 text)")]
    assert [line for line in table if line.endswith("  left_over 1, missing_image 2 (1,005 texts)")]
    assert explained == "1,006 texts went with images that were left out"


def test_screening_reasons_say_what_they_mean() -> None:
    assert set(SCREENING) == {"missing_twin", "missing_image", "mostly_nodata", "in_both_tracks", "left_over"}
    assert all(SCREENING.values())
