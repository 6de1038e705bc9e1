import pytest
from question_tiles import box_at, tile_with

from sarlang_hf.texts.positions import common_position, offsets_by_category, on_side, position


@pytest.mark.parametrize(
    ("du", "dv", "expected", "why"),
    [
        (0.0, 0.0, "center", "the middle"),
        (0.22, -0.22, "center", "a corner of the centre field, clear of its edge"),
        (0.24, 0.0, None, "within 0.02 inside the centre's edge"),
        (0.26, 0.0, None, "within 0.02 outside the centre's edge"),
        (0.0, -0.245, None, "the same at the upper edge"),
        (0.28, 0.0, "right", "clear of the centre"),
        (-0.28, 0.1, "left", ""),
        (0.1, -0.28, "top", ""),
        (0.28, 0.49, "bottom", "the larger offset decides"),
        (0.40, 0.39, None, "on the diagonal between right and bottom"),
        (-0.40, 0.39, None, "on the diagonal between left and bottom"),
        (0.40, 0.37, "right", "0.03 off the diagonal"),
        (-0.37, -0.40, "top", "0.03 off the diagonal"),
        (0.1, 0.1, "center", "the diagonal does not matter within the centre"),
    ],
)
def test_position_of_one_box(du, dv, expected, why):
    assert position((du, dv)) == expected, why


LEFT, RIGHT, CENTER, UNCLEAR = (-0.4, 0.0), (0.4, 0.0), (0.0, 0.0), (0.4, 0.4)


@pytest.mark.parametrize(
    ("offsets", "expected", "why"),
    [
        ([LEFT], "left", "one of one"),
        ([UNCLEAR], None, "the only box has no position"),
        ([LEFT, LEFT, RIGHT], "left", "two of three"),
        ([LEFT, RIGHT], None, "half is not most"),
        ([LEFT, LEFT, RIGHT, CENTER], None, "the most frequent, but only half"),
        ([LEFT, LEFT, UNCLEAR], "left", "two of three, one unclear"),
        ([LEFT, UNCLEAR], None, "an unclear box counts in the total"),
    ],
)
def test_most_means_strictly_more_than_half(offsets, expected, why):
    assert common_position(offsets) == expected, why


@pytest.mark.parametrize(
    ("offsets", "side", "expected", "why"),
    [
        ([(-0.25, 0.3)], "left", True, "a quarter past the middle"),
        ([(-0.24, 0.3)], "left", None, "past the middle, but not beyond the centre"),
        ([(0.01, 0.3)], "left", None, "hardly past the middle on the other side"),
        ([(0.02, 0.3)], "left", False, "clearly on the other side"),
        ([(0.4, 0.0), (0.3, 0.0)], "left", False, "all on the other side"),
        ([(0.4, 0.0), (-0.1, 0.0)], "left", None, "one of them is not"),
        ([(0.4, 0.0), (-0.3, 0.0)], "left", True, "one is enough"),
        ([(0.0, -0.3)], "top", True, "up is negative"),
        ([(0.0, -0.3)], "bottom", False, ""),
        ([(0.0, 0.3)], "bottom", True, ""),
        ([(0.3, 0.0)], "right", True, ""),
    ],
)
def test_object_on_a_side(offsets, side, expected, why):
    assert on_side(offsets, side) is expected, why


def test_offsets_are_relative_to_each_axis_of_a_tile_that_is_not_square():
    tile = tile_with(box_at("ship", 0.5, 0.25), width=1024, height=512)
    assert offsets_by_category(tile, {"ship"}) == {"ship": [(-0.25, -0.25)]}
