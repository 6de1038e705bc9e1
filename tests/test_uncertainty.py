from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sarlang_hf.scoring.uncertainty import clustered_interval


def standard_error_by_pairs(values: list[float], clusters: list[int]) -> float:
    """Miller 2024, equation 4, written out over all pairs of items of one cluster, with the C / (C - 1) correction."""
    n, count = len(values), len(set(clusters))
    mean = math.fsum(values) / n
    total = 0.0
    for first in range(n):
        for second in range(n):
            if clusters[first] == clusters[second]:
                total += (values[first] - mean) * (values[second] - mean)
    return math.sqrt(max(0.0, count / (count - 1) * total / n**2))


items = st.lists(st.tuples(st.floats(-10, 10).map(lambda value: round(value, 3)), st.integers(0, 4)), min_size=2, max_size=20)


@given(items)
def test_standard_error_is_equation_4_over_all_pairs(pairs):
    values, clusters = [value for value, _ in pairs], [cluster for _, cluster in pairs]
    if len(set(clusters)) > 1:
        interval = clustered_interval(values, clusters)
        assert interval.se == pytest.approx(standard_error_by_pairs(values, clusters), abs=1e-6)
        assert interval.mean == pytest.approx(sum(values) / len(values), abs=1e-9)


def test_two_images_with_answers_all_right_and_all_wrong():
    # Deviations sum to +1 and -1: sqrt(2/1 * (1 + 1)) / 4 = 0.5; t(0.975, 1) = 12.7062.
    interval = clustered_interval([1, 1, 0, 0], ["a", "a", "b", "b"])
    assert (interval.mean, interval.se, interval.n, interval.clusters) == (0.5, 0.5, 4, 2)
    assert interval.high == pytest.approx(0.5 + 12.7062 * 0.5, abs=1e-4)
    assert interval.low == pytest.approx(0.5 - 12.7062 * 0.5, abs=1e-4)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_one_question_per_image_is_the_usual_t_interval(level):
    values = np.random.default_rng(1).random(17)
    interval = clustered_interval(values, np.arange(17), level=level)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(level)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_repeating_every_question_adds_no_information():
    values = np.random.default_rng(2).random(12)
    once = clustered_interval(values, np.arange(12))
    often = clustered_interval(np.repeat(values, 7), np.repeat(np.arange(12), 7))
    assert often.se == pytest.approx(once.se)
    assert (often.n, often.clusters) == (84, 12)


def test_names_and_order_of_the_clusters_do_not_matter():
    rng = np.random.default_rng(3)
    values, codes = rng.random(30), rng.integers(0, 6, 30)
    named = [f"sardet100k/{code:04d}" for code in codes]
    shuffle = rng.permutation(30)
    plain = clustered_interval(values, codes)
    assert clustered_interval(values, named) == plain
    mixed = clustered_interval(values[shuffle], codes[shuffle])
    assert (mixed.low, mixed.high) == pytest.approx((plain.low, plain.high))


def test_intervals_cover_the_truth_as_often_as_they_claim():
    # 40 images, 10 questions each, image difficulty Beta(7/6, 7/6): intra-image correlation 1 / (a + b + 1) = 0.3, truth 0.5.
    rng = np.random.default_rng(4)
    images, each, runs = 40, 10, 600
    clusters = np.repeat(np.arange(images), each)
    clustered = naive = 0
    for _ in range(runs):
        answers = rng.random(images * each) < np.repeat(rng.beta(7 / 6, 7 / 6, images), each)
        honest = clustered_interval(answers, clusters)
        blind = clustered_interval(answers, np.arange(images * each))
        clustered += honest.low <= 0.5 <= honest.high
        naive += blind.low <= 0.5 <= blind.high
    assert 0.925 <= clustered / runs <= 0.975  # 0.95 within 2.8 standard errors of the simulation
    assert naive / runs < 0.8


def test_a_single_image_has_no_error_bar():
    interval = clustered_interval([1.0, 0.0, 1.0], ["a", "a", "a"])
    assert interval.mean == pytest.approx(2 / 3)
    assert (interval.se, interval.low, interval.high, interval.n, interval.clusters) == (None, None, None, 3, 1)


@pytest.mark.parametrize(
    ("values", "clusters", "level", "message"),
    [
        ([], [], 0.95, "non-empty"),
        ([[1.0]], [[0]], 0.95, "non-empty"),
        ([1.0, math.nan], [0, 1], 0.95, "value 1 is not finite"),
        ([math.inf], [0], 0.95, "value 0 is not finite"),
        ([1.0, 0.0], [0], 0.95, "2 values but 1 clusters"),
        ([1.0, 0.0], [0, 1], 95, "level"),
        ([1.0, 0.0], [0, 1], 0.0, "level"),
    ],
)
def test_input_without_a_meaning_is_refused(values, clusters, level, message):
    with pytest.raises(ValueError, match=message):
        clustered_interval(values, clusters, level=level)
