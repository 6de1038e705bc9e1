"""What numbers say about people: shares of a sample, kappa, the correction of an accuracy, the effect of length."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sarlang_hf.scoring.people.agreement import Agreement, cohen_kappa
from sarlang_hf.scoring.people.correction import Population, corrected_accuracy, rogan_gladen
from sarlang_hf.scoring.people.length import length_effect
from sarlang_hf.scoring.people.sampling import Sample, allocate

Z = 1.959963984540054


def labels(both: int, first: int, second: int, neither: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two readers' labels with these cells of the table."""
    cells = [(True, True)] * both + [(True, False)] * first + [(False, True)] * second + [(False, False)] * neither
    pairs = np.array(cells)
    return pairs[:, 0], pairs[:, 1]


def textbook_se(p: NDArray[np.float64], n: int) -> float:
    """Fleiss, Cohen and Everitt 1969: the large-sample standard error of kappa, as printed."""
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    po, pe = np.trace(p), rows @ columns
    diagonal = sum(p[i, i] * ((1 - pe) - (columns[i] + rows[i]) * (1 - po)) ** 2 for i in range(2))
    off = (1 - po) ** 2 * sum(p[i, j] * (columns[i] + rows[j]) ** 2 for i in range(2) for j in range(2) if i != j)
    return math.sqrt((diagonal + off - (po * pe - 2 * pe + po) ** 2) / (n * (1 - pe) ** 4))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(0, 200), st.integers(0, 2))
def test_allocation_takes_all_that_is_wanted_and_never_more_than_there_is(sizes: list[int], total: int, at_least: int) -> None:
    if min(total, sum(sizes)) < sum(min(size, at_least) for size in sizes):
        with pytest.raises(ValueError, match="cannot give"):
            allocate(sizes, total, at_least=at_least)
        return
    shares = allocate(sizes, total, at_least=at_least)
    assert sum(shares) == min(total, sum(sizes))
    assert all(min(size, at_least) <= share <= size for share, size in zip(shares, sizes, strict=True))


def test_allocation_is_proportional_with_largest_remainders() -> None:
    assert allocate([500, 300, 190, 10], 30) == [15, 9, 6, 0]  # 15.0, 9.0, 5.7, 0.3
    assert allocate([500, 300, 190, 10], 30, at_least=2) == [13, 9, 6, 2]  # 2 each, then 22 in proportion to 498:298:188:8
    assert allocate([1, 1, 1], 2) == [1, 1, 0]


def test_kappa_of_a_table_by_hand() -> None:
    # 20 + 15 of 50 agree: 0.7; chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5.
    first, second = labels(20, 5, 10, 15)
    found = cohen_kappa(first, second)
    assert found.agreement == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)
    se = textbook_se(np.array([[15, 10], [5, 20]]) / 50, 50)
    assert (found.low, found.high) == pytest.approx((0.4 - Z * se, 0.4 + Z * se))


@given(st.tuples(*[st.integers(1, 60)] * 4))
def test_kappa_s_interval_is_the_textbook_s_for_one_stratum(cells: tuple[int, int, int, int]) -> None:
    both, first, second, neither = cells
    n = sum(cells)
    found = cohen_kappa(*labels(*cells))
    se = textbook_se(np.array([[neither, second], [first, both]]) / n, n)
    assert found.kappa is not None
    assert found.low == pytest.approx(max(-1, found.kappa - Z * se))
    assert found.high == pytest.approx(min(1, found.kappa + Z * se))


def test_kappa_of_readers_who_never_disagree_rests_on_wilson() -> None:
    found = cohen_kappa(*labels(12, 0, 0, 8))
    wilson_low = 20 / (20 + Z**2)  # of 20 out of 20
    chance = 0.6**2 + 0.4**2
    assert (found.agreement, found.kappa, found.high) == pytest.approx((1, 1, 1))
    assert found.low == pytest.approx((wilson_low - chance) / (1 - chance))


def test_kappa_is_undefined_where_both_always_say_the_same_word() -> None:
    found = cohen_kappa(*labels(9, 0, 0, 0))
    assert (found.n, found.agreement, found.kappa, found.low) == (9, 1.0, None, None)


def test_a_reader_who_never_varies_leaves_kappa_at_0_without_an_interval() -> None:
    for table in ((6, 4, 0, 0), (6, 0, 4, 0), (0, 3, 0, 7)):
        found = cohen_kappa(*labels(*table))
        assert (found.kappa, found.low, found.high) == (0.0, None, None)
        assert found.agreement == pytest.approx((table[0] + table[3]) / 10)


def test_where_nothing_is_left_to_chance_kappa_has_no_interval() -> None:
    assert cohen_kappa(*labels(0, 5, 5, 0)) == Agreement(10, 0.0, -1.0, None, None)
    # Disagreement fills a stratum: 4 items of 40 in one of two strata, weighted to 0.1.
    first, second = labels(2, 4, 0, 2)
    sample = Sample(np.array([0, 0, 1, 1, 1, 1, 0, 0]), np.array([36, 4]), np.zeros(2, np.int64))
    found = cohen_kappa(first, second, sample)
    assert found.agreement == pytest.approx(0.9)
    assert found.kappa is not None
    assert 0 < found.kappa < 1
    assert found.low is None


def test_a_weighted_kappa_is_that_of_the_population_the_sample_stands_for() -> None:
    # Stratum 0 stands for 30 items a label, stratum 1 for 2: kappa of the table blown up by that.
    first, second = labels(3, 1, 1, 5)
    strata = np.array([0, 1] * 5)
    sample = Sample(strata, np.array([150, 10]), np.zeros(2, np.int64))
    times = np.where(strata == 0, 30, 2)
    blown_up = cohen_kappa(np.repeat(first, times), np.repeat(second, times))
    found = cohen_kappa(first, second, sample)
    assert found.kappa == pytest.approx(blown_up.kappa)
    assert found.low is not None
    assert blown_up.low is not None
    assert found.low < blown_up.low  # ten labels know less than 160


def test_strata_that_nobody_has_read_are_represented_by_others_of_their_verdict() -> None:
    sample = Sample(np.array([0, 1, 2]), np.array([60, 20, 20]), np.array([1, 1, 0]))
    assert sample.shares.tolist() == [0.6, 0.2, 0.2]
    without = sample.at(np.array([True, False, True]))
    assert without.shares.tolist() == [0.8, 0.0, 0.2]
    assert without.means(np.array([1.0, 0.0])).tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("apparent", "sensitivity", "specificity", "true"),
    [
        (0.5, 0.9, 0.8, 0.3 / 0.7),
        (0.62, 0.9, 0.8, 0.6),  # 0.9 * 0.6 + 0.2 * 0.4
        (0.1, 0.9, 0.8, 0.0),  # cut: fewer are called right than the false ones alone would be
        (0.95, 0.9, 0.8, 1.0),
        (0.4, 0.5, 0.5, None),  # a coin
        (0.4, 0.2, 0.7, None),
    ],
)
def test_rogan_and_gladen_by_hand(apparent: float, sensitivity: float, specificity: float, true: float | None) -> None:
    assert rogan_gladen(apparent, sensitivity, specificity) == (None if true is None else pytest.approx(true))


def audit_of(table: dict[tuple[bool, int], tuple[int, int]], images: int = 50) -> tuple[NDArray[np.bool_], Sample, Population]:
    """Strata by (verdict, people's rights among those read): (population, read)."""
    verdicts = np.array([verdict for verdict, _ in table])
    sizes = np.array([size for size, _ in table.values()])
    read = [n for _, n in table.values()]
    strata = np.repeat(np.arange(len(table)), read)
    truth = np.concatenate([np.arange(n) < rights for (_, rights), n in zip(table, read, strict=True)])
    codes = np.repeat(np.arange(len(table)), sizes)
    population = Population(codes, np.arange(len(codes)) % images, verdicts)
    return truth, Sample(strata, sizes, verdicts.astype(np.int64)), population


def test_the_corrected_accuracy_by_hand() -> None:
    # 600 verdicts 'right', of which people call 18 of 20 right; 400 'wrong', of which 3 of 30 are right: 540 + 40 of 1000.
    found = corrected_accuracy(*audit_of({(True, 18): (600, 20), (False, 3): (400, 30)}))
    assert (found.n, found.errors, found.apparent) == (50, 5, 0.6)
    assert found.sensitivity is not None
    assert found.specificity is not None
    assert found.sensitivity.value == pytest.approx(540 / 580)
    assert found.specificity.value == pytest.approx(360 / 420)
    assert found.accuracy == pytest.approx(0.58)
    assert rogan_gladen(0.6, 540 / 580, 360 / 420) == pytest.approx(0.58)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.58 < found.high
    # The sample alone: 0.6 and 0.4 squared times p(1-p)/n of each, with the rates moved by one item.
    moved = [(2 + 2.5 / 21) / 21, (3 + 3.5 / 31) / 31]
    sample_only = math.sqrt(0.36 * moved[0] * (1 - moved[0]) / 20 + 0.16 * moved[1] * (1 - moved[1]) / 30)
    assert found.high - found.low > 2 * 2.01 * sample_only


def test_oversampled_strata_do_not_weigh_more() -> None:
    # All errors sit in a stratum of 50 of 1,000 verdicts that gave half of the sample.
    found = corrected_accuracy(*audit_of({(True, 20): (550, 20), (True, 15): (50, 30), (False, 0): (400, 10)}))
    assert found.accuracy == pytest.approx((550 + 25) / 1000)


def test_verdicts_no_better_than_chance_cannot_be_corrected() -> None:
    found = corrected_accuracy(*audit_of({(True, 5): (500, 10), (False, 5): (500, 10)}))
    assert (found.accuracy, found.low, found.high) == (None, None, None)


def test_answers_that_people_call_wrong_without_exception() -> None:
    found = corrected_accuracy(*audit_of({(True, 0): (500, 10), (False, 0): (500, 10)}))
    assert found.sensitivity is None
    assert found.accuracy == 0
    assert found.high is not None
    assert found.high > 0


def test_a_kind_of_verdict_that_nobody_has_read_is_an_error() -> None:
    truth, sample, population = audit_of({(True, 9): (500, 10), (False, 1): (500, 10)})
    read = sample.strata == 0
    with pytest.raises(ValueError, match="no verdict 'wrong' has been read"):
        corrected_accuracy(truth[read], sample.at(read), population)


def test_no_interval_for_a_single_image() -> None:
    found = corrected_accuracy(*audit_of({(True, 9): (50, 10), (False, 1): (50, 10)}, images=1))
    assert found.accuracy == pytest.approx(0.5)
    assert found.low is None


def test_the_corrected_accuracy_s_interval_holds_the_truth() -> None:
    """1,000 answers on 200 images, right with a probability that varies by image; half of the kinds have a judge that errs."""
    rng, accuracy, held, replications = np.random.default_rng(4), 0.6, 0, 300
    images = np.repeat(np.arange(200), 5)
    for _ in range(replications):
        truth = rng.random(1000) < rng.beta(5.4, 3.6, 200)[images]
        kind = rng.integers(0, 4, 1000)
        verdict = truth ^ ((rng.random(1000) < 0.15) & (kind < 2))
        names, codes = np.unique(2 * kind + verdict, return_inverse=True)
        sizes = np.bincount(codes)
        shares = allocate(sizes.tolist(), 120, at_least=2)
        rows = np.concatenate([rng.permutation(np.flatnonzero(codes == code))[:share] for code, share in enumerate(shares)])
        kinds = names % 2
        found = corrected_accuracy(truth[rows], Sample(codes[rows], sizes, kinds), Population(codes, images, kinds.astype(bool)))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= accuracy <= found.high
    assert 0.92 <= held / replications <= 0.98


def test_the_length_effect_is_mann_whitney_s_statistic_over_pairs() -> None:
    rng = np.random.default_rng(0)
    words, marked = rng.integers(1, 9, 60), rng.random(60) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a, b in itertools.product(words[marked], words[~marked])]
    found = length_effect(words, marked, [str(item) for item in range(60)])
    assert found.value == pytest.approx(np.mean(pairs))
    # One answer an image: DeLong's variance, from placements.
    table = np.array(pairs).reshape(marked.sum(), -1)
    se = math.sqrt(table.mean(axis=1).var(ddof=1) / marked.sum() + table.mean(axis=0).var(ddof=1) / (~marked).sum())
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(Z * se)


def test_the_length_effect_s_variance_counts_that_marked_and_unmarked_answers_share_images() -> None:
    """Obuchowski's variance by brute force: over images, the squared sum of what each contributes on either side."""
    rng = np.random.default_rng(3)
    images = np.repeat(np.arange(40), 4)
    words = rng.integers(1, 6, 160) + rng.integers(0, 30, 40)[images]  # long answers come together
    marked = rng.random(160) < 0.5
    beats = np.array([[(a > b) + 0.5 * (a == b) for b in words[~marked]] for a in words[marked]])
    mean, m, n = beats.mean(), int(marked.sum()), int((~marked).sum())
    above = [sum(beats[row].mean() - mean for row in np.flatnonzero(images[marked] == image)) for image in range(40)]
    below = [sum(beats[:, row].mean() - mean for row in np.flatnonzero(images[~marked] == image)) for image in range(40)]
    of_both = [len(set(images[marked].tolist())), len(set(images[~marked].tolist()))]
    parts = [count / (count - 1) * sum(each**2 for each in sums) for count, sums in zip(of_both, (above, below), strict=True)]
    shared = 40 / 39 * sum(a * b for a, b in zip(above, below, strict=True))
    variance = parts[0] / m**2 + parts[1] / n**2 + 2 * shared / (m * n)
    assert shared < -0.1 * m * n * variance  # else the test could not tell
    found = length_effect(words, marked, images)
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(Z * math.sqrt(variance))


def test_answers_that_repeat_within_an_image_tell_nothing_new() -> None:
    rng = np.random.default_rng(1)
    words, marked, images = rng.integers(1, 30, 50), rng.random(50) < 0.5, np.arange(50)
    once = length_effect(words, marked, images)
    thrice = length_effect(np.repeat(words, 3), np.repeat(marked, 3), np.repeat(images, 3))
    assert (thrice.value, thrice.low, thrice.high) == pytest.approx((once.value, once.low, once.high))
    naive = length_effect(np.repeat(words, 3), np.repeat(marked, 3), np.arange(150))
    assert naive.low is not None
    assert once.low is not None
    assert naive.low > once.low


def test_no_length_effect_without_answers_of_both_kinds() -> None:
    assert length_effect([3, 4], np.array([True, True]), ["a", "b"]).value is None
    found = length_effect([1, 2, 8, 9], np.array([False, False, True, True]), ["a", "b", "c", "d"])
    assert (found.value, found.low) == (1.0, None)  # longer throughout: the standard error says nothing
