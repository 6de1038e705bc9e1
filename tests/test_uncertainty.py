from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sarlang_hf.scoring import captions, resampling
from sarlang_hf.scoring.multiple import rank_ranges
from sarlang_hf.scoring.uncertainty import (
    bleu_interval,
    cluster_weights,
    clustered_interval,
    holm,
    minimum_detectable_difference,
    paired_bootstrap,
    t_quantile,
    t_two_sided_p,
    two_way_interval,
    wilson,
)


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


@pytest.mark.parametrize("degrees", [1, 2, 29, 14_496])
def test_quantiles_and_p_values_are_students(degrees):
    assert t_quantile(0.975, degrees) == pytest.approx(stats.t.ppf(0.975, degrees))
    for statistic in (-40.0, -1.3, 0.0, 0.7, 6.0):
        assert t_two_sided_p(statistic, degrees) == pytest.approx(2 * stats.t.sf(abs(statistic), degrees))


# What two runs answered to 8 questions a picture: pictures differ in difficulty, in both runs by themselves.
def two_equal_runs(rng: np.random.Generator, images: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    clusters = np.repeat(np.arange(images), 8)
    first, second = ((rng.random(images * 8) < rng.beta(7 / 6, 7 / 6, images)[clusters]).astype(float) for _ in range(2))
    return first, second, clusters


def test_bootstrap_interval_is_that_of_a_loop_over_drawn_images():
    first, second, clusters = two_equal_runs(np.random.default_rng(5), 12)
    first, second, clusters = first[:-5], second[:-5], clusters[:-5]  # images of different sizes
    found = paired_bootstrap(first, second, clusters, resamples=200, rng=np.random.default_rng(6))
    rng, means = np.random.default_rng(6), []
    for _ in range(200):
        drawn = [row for image in rng.integers(12, size=12, dtype=np.int32) for row in np.flatnonzero(clusters == image)]
        means.append(first[drawn].mean() - second[drawn].mean())
    tail = stats.norm.cdf(-math.sqrt(12 / 11) * stats.t.ppf(0.975, 11))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [tail, 1 - tail])))
    assert found.mean == pytest.approx(first.mean() - second.mean())
    assert (found.n, found.clusters) == (91, 12)


def test_one_question_per_image_is_the_usual_paired_t_test():
    rng = np.random.default_rng(7)
    first, second = rng.random(40), rng.random(40) + 0.1
    found = paired_bootstrap(first, second, np.arange(40), rng=rng)
    assert found.p == pytest.approx(stats.ttest_rel(first, second).pvalue)


def test_exchanging_the_runs_turns_the_difference_round():
    first, second, clusters = two_equal_runs(np.random.default_rng(8), 30)
    one = paired_bootstrap(first, second, clusters, rng=np.random.default_rng(1))
    other = paired_bootstrap(second, first, clusters, rng=np.random.default_rng(1))
    assert (other.mean, other.low, other.high) == pytest.approx((-one.mean, -one.high, -one.low))
    assert other.p == pytest.approx(one.p)


def test_equal_runs_are_called_different_as_seldom_as_promised():
    rng = np.random.default_rng(9)
    runs, covered, clustered, naive = 500, 0, 0, 0
    for _ in range(runs):
        first, second, clusters = two_equal_runs(rng, 30)
        found = paired_bootstrap(first, second, clusters, resamples=400, rng=rng)
        covered += found.low <= 0 <= found.high
        clustered += found.p < 0.05
        naive += stats.ttest_rel(first, second).pvalue < 0.05
    assert 0.02 <= clustered / runs <= 0.08  # 0.05 within 3 standard errors of the simulation
    assert 0.92 <= covered / runs <= 0.98
    assert naive / runs > 0.15


def test_runs_with_the_same_answers_do_not_differ():
    found = paired_bootstrap([1, 0, 1], [1, 0, 1], ["a", "b", "b"], rng=np.random.default_rng(0))
    assert (found.mean, found.low, found.high, found.p, found.se) == (0, 0, 0, 1, 0)


@pytest.mark.parametrize(("clusters", "p"), [(["a", "b"], 0.5), (["a", "a", "b", "c"], 0.25), (list(range(20)), 2.0**-19)])
def test_a_difference_that_never_varies_has_the_p_value_of_the_sign_test(clusters, p):
    ones = np.full(len(clusters), 0.1)
    found = paired_bootstrap(ones * 3, ones, clusters, rng=np.random.default_rng(0))
    assert found.p == p == stats.binomtest(len(set(clusters)), len(set(clusters))).pvalue
    assert (found.low, found.high) == pytest.approx((0.2, 0.2))


def test_a_single_image_allows_no_test():
    found = paired_bootstrap([1, 1], [0, 1], ["a", "a"], rng=np.random.default_rng(0))
    assert (found.mean, found.low, found.high, found.p, found.se) == (0.5, None, None, None, None)


@pytest.mark.parametrize(
    ("first", "second", "clusters", "message"),
    [([], [], [], "non-empty"), ([1.0], [1.0, 0.0], [0], "paired"), ([1.0, math.nan], [0.0, 0.0], [0, 1], "value 1")],
)
def test_runs_that_cannot_be_paired_are_refused(first, second, clusters, message):
    with pytest.raises(ValueError, match=message):
        paired_bootstrap(first, second, clusters, rng=np.random.default_rng(0))


def test_weights_count_draws_with_replacement_and_do_not_depend_on_chunks(monkeypatch):
    whole = np.concatenate(list(cluster_weights(7, resamples=3000, rng=np.random.default_rng(0))))
    monkeypatch.setattr(resampling, "_CHUNK_BYTES", 8 * 7 * 11)
    chunks = list(cluster_weights(7, resamples=3000, rng=np.random.default_rng(0)))
    assert len(chunks) == math.ceil(3000 / 11)
    assert (np.concatenate(chunks) == whole).all()
    assert (whole.sum(axis=1) == 7).all()
    # A multinomial of 7 draws over 7: mean 1, variance 1 - 1/7, covariance -1/7.
    assert whole.mean(axis=0) == pytest.approx(np.ones(7), abs=0.06)
    assert np.cov(whole.T) == pytest.approx(np.eye(7) - 1 / 7, abs=0.1)
    for clusters, resamples in ((0, 10), (10, 0)):
        with pytest.raises(ValueError, match="needs clusters and resamples"):
            next(cluster_weights(clusters, resamples=resamples, rng=np.random.default_rng(0)))


def test_bleu_interval_is_that_of_a_loop_over_drawn_images():
    rng = np.random.default_rng(10)
    words = ["a", "ship", "near", "the", "coast", "with", "two", "cars", "on", "a", "bridge"]
    texts = [[" ".join(rng.choice(words, rng.integers(3, 12))) for _ in range(40)] for _ in range(2)]
    clusters = np.sort(rng.integers(0, 9, 40))
    statistics = captions.score(*texts).bleu_statistics
    found = bleu_interval(statistics, clusters.tolist(), resamples=60, rng=np.random.default_rng(11))
    again, scores = np.random.default_rng(11), []
    for _ in range(60):
        drawn = [row for image in again.integers(9, size=9, dtype=np.int32) for row in np.flatnonzero(clusters == image)]
        scores.append(captions.score(*([side[row] for row in drawn] for side in texts)).bleu)
    tail = stats.norm.cdf(-math.sqrt(9 / 8) * stats.t.ppf(0.975, 8))
    assert found.low == pytest.approx(np.quantile(scores, tail, axis=0))
    assert found.high == pytest.approx(np.quantile(scores, 1 - tail, axis=0))
    assert found.se == pytest.approx(np.std(scores, axis=0, ddof=1))


def test_bleu_of_a_single_image_has_no_interval():
    statistics = captions.score(["a ship", "two ships"], ["a ship", "two boats"]).bleu_statistics
    assert np.isnan(np.concatenate(bleu_interval(statistics, ["a", "a"], rng=np.random.default_rng(0)))).all()
    with pytest.raises(ValueError, match="2 rows of statistics but 1 clusters"):
        bleu_interval(statistics, ["a"], rng=np.random.default_rng(0))


@pytest.mark.parametrize(("k", "n"), [(0, 30), (1, 3), (19, 30), (30, 30), (4000, 125_255)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_wilsons_interval_is_scipys(k, n, level):
    expected = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert wilson(k, n, level) == pytest.approx((expected.low, expected.high))


def test_wilsons_interval_of_63_percent_at_30_questions():
    assert wilson(19, 30) == pytest.approx((0.455, 0.781), abs=5e-4)


@pytest.mark.parametrize(("k", "n"), [(1, 0), (0, 0), (-1, 5), (6, 5)])
def test_what_is_no_share_is_refused(k, n):
    with pytest.raises(ValueError, match="no share"):
        wilson(k, n)


ratings = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=25)


@given(ratings)
def test_two_way_error_adds_both_clusterings_and_takes_off_the_cells(rated):
    values, questions, raters = ([float(row[part]) for row in rated] for part in range(3))
    if len(set(questions)) == 1 or len(set(raters)) == 1:
        assert two_way_interval(values, questions, raters).se is None
        return
    cells = [f"{question} {rater}" for question, rater in zip(questions, raters, strict=True)]
    by_question, by_rater, by_cell = (
        standard_error_by_pairs(values, groups) ** 2  # type: ignore[arg-type]
        for groups in (questions, raters, cells)
    )
    both = by_question + by_rater - by_cell
    found = two_way_interval(values, questions, raters)
    assert found.se == pytest.approx(math.sqrt(max(both, by_question, by_rater)), abs=1e-6)
    levels = min(len(set(questions)), len(set(raters)))
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, levels - 1) * found.se)


def test_intervals_over_questions_and_raters_cover_where_those_over_questions_do_not():
    # 30 questions, 3 raters; difficulty and skill each normal, answers logistic around 0.4.
    rng = np.random.default_rng(12)
    truth = (1 / (1 + np.exp(-(0.4 + rng.normal(size=400_000) * math.hypot(1, 0.8))))).mean()
    questions, raters = np.repeat(np.arange(30), 3), np.tile(np.arange(3), 30)
    runs, both, questions_alone = 300, 0, 0
    for _ in range(runs):
        log_odds = 0.4 + rng.normal(size=30)[questions] + 0.8 * rng.normal(size=3)[raters]
        answers = rng.random(90) < 1 / (1 + np.exp(-log_odds))
        two_way, one_way = two_way_interval(answers, questions, raters), clustered_interval(answers, questions)
        both += two_way.low <= truth <= two_way.high
        questions_alone += one_way.low <= truth <= one_way.high
    assert both / runs >= 0.93
    assert questions_alone / runs < 0.8


def test_holms_correction_by_hand():
    # 3 x 0.01, 2 x 0.03, and 1 x 0.04, which may not fall below 0.06.
    assert holm([0.04, 0.01, None, 0.03]) == pytest.approx([0.06, 0.03, None, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([None]) == [None]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.5))
def test_holms_correction_rejects_what_his_procedure_rejects(pvalues, level):
    rejected: set[int] = set()
    for step, row in enumerate(sorted(range(len(pvalues)), key=lambda row: pvalues[row])):
        if (len(pvalues) - step) * pvalues[row] > level:
            break
        rejected.add(row)
    assert {row for row, p in enumerate(holm(pvalues)) if p is not None and p <= level} == rejected


def test_ranks_are_ranges_where_runs_cannot_be_told_apart():
    winners = {("a", "b"): "a", ("a", "c"): None, ("b", "c"): None}
    assert rank_ranges(["a", "b", "c"], winners) == {"a": (1, 2), "b": (2, 3), "c": (1, 3)}


def test_detectable_difference_of_many_images_is_millers():
    assert minimum_detectable_difference(0.01, 10**7) == pytest.approx((1.959964 + 0.841621) * 0.01, abs=1e-7)
    with pytest.raises(ValueError, match="single cluster"):
        minimum_detectable_difference(0.01, 0)


def test_a_detectable_difference_is_found_four_times_in_five():
    rng = np.random.default_rng(13)
    runs, images, spread = 600, 20, 0.3
    truth = minimum_detectable_difference(spread / math.sqrt(images), images - 1)
    found = sum(stats.ttest_1samp(rng.normal(truth, spread, images), 0).pvalue < 0.05 for _ in range(runs))
    assert 0.75 <= found / runs <= 0.85
