from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarlang_hf.scoring.comparison import unjudged
from sarlang_hf.scoring.comparison.unjudged import completions
from sarlang_hf.scoring.resampling import cluster_codes
from sarlang_hf.scoring.uncertainty import Interval, clustered_interval, two_sided_p

# An item is a difference between two runs, (least, most), in one of up to four images.
Item = tuple[int, tuple[int, int]]
BOUNDS = [(-1, -1), (0, 0), (1, 1), (-1, 0), (0, 1), (-1, 1)]
items = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(BOUNDS)), min_size=2, max_size=7).filter(
    lambda drawn: len({image for image, _ in drawn}) > 1
)


def every_completion(drawn: list[Item]) -> list[Interval]:
    images = [image for image, _ in drawn]
    ranges = [range(least, most + 1) for _, (least, most) in drawn]
    return [clustered_interval(values, images) for values in product(*ranges)]


def bound(drawn: list[Item]) -> unjudged.Completions:
    codes, count = cluster_codes([image for image, _ in drawn])
    least, most = np.array([ends for _, ends in drawn], dtype=float).T
    return completions(least, most, codes, count)


@pytest.mark.parametrize("steps", [2, 256])
@given(drawn=items)
def test_no_verdicts_lead_beyond_the_bounds(steps, drawn):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unjudged, "_STEPS", steps)
        found = bound(drawn)
    least, most = found.interval()
    for known in every_completion(drawn):
        assert two_sided_p(known.mean, known.se, known.clusters) <= found.largest_p() + 1e-9
        assert least - 1e-9 <= known.low
        assert known.high <= most + 1e-9


@given(items)
def test_the_largest_error_of_a_mean_exceeds_the_true_one_by_a_part_of_one_image(drawn):
    found, images = bound(drawn), [image for image, _ in drawn]
    scale = len(drawn) ** 2 * (found.clusters - 1) / found.clusters
    open_in = [sum(most - least for image, (least, most) in drawn if image == one) for one in set(images)]
    assert np.array_equal(found.low, found.high)
    for mean, se in zip(found.low, found.se, strict=True):
        true = max(known.se for known in every_completion(drawn) if abs(known.mean - mean) < 1e-9)
        excess = scale * (se**2 - true**2)
        assert -1e-9 <= excess <= max(open_in) ** 2 / 4 + 1e-9
        if max(open_in) <= 1:
            assert excess == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("unclear", "one_image"), [(5, 0.0791), (9, 0.1565)])
def test_a_judge_who_finds_one_image_right_makes_the_p_value_larger_than_at_either_extreme(unclear, one_image):
    """Six images of ten questions, one right in each: all of the unclear ones wrong or right, every image is like the others."""
    images = np.repeat(np.arange(6), 10)
    least = np.tile([1.0] + [0.0] * 9, 6)
    most = np.tile([1.0] * (1 + unclear) + [0.0] * (9 - unclear), 6)
    apart = clustered_interval(np.where(images == 0, most, least), images)
    assert two_sided_p(apart.mean, apart.se, 6) == pytest.approx(one_image, abs=5e-5)
    found = completions(least, most, images, 6)
    assert one_image <= found.largest_p() < 1.15 * one_image
    assert found.alike
    assert found.interval()[0] <= apart.low


def test_images_that_may_turn_out_alike_have_at_least_the_p_value_of_the_sign_test():
    """Large and equal differences: t finds them beyond doubt at both extremes, and has nothing to say in between."""
    images = np.repeat(np.arange(5), 100)
    least, most = np.ones(500), np.ones(500)
    least[0] = 0
    assert completions(least, most, images, 5).largest_p() == 2**-4


def test_many_unjudged_answers_are_taken_in_steps_that_cover_all_means():
    rng = np.random.default_rng(0)
    images = rng.integers(40, size=2000)
    least = rng.integers(-1, 2, size=2000).astype(float)
    most = np.minimum(1, least + rng.integers(0, 3, size=2000))
    found = completions(least, most, *cluster_codes(images))
    assert len(found.se) == 256
    assert (found.low[0], found.high[-1]) == (least.mean(), most.mean())
    assert np.allclose(found.low[1:], found.high[:-1] + 1 / 2000)
    for end, se in ((least, found.se[0]), (most, found.se[-1])):
        assert clustered_interval(end, images).se <= se < 1.1 * clustered_interval(end, images).se
