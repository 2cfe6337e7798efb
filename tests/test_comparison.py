"""Comparing two configs: values by hand, noise, correction, and how often chance is taken for a difference."""

import numpy as np
import pytest
from scipy.stats import wilcoxon

from monitoring.statistics.comparison import compare, decide, holm
from monitoring.statistics.noise import item_means, noise_floor
from monitoring.statistics.paired import MCNEMAR, WILCOXON, paired_difference


def test_hits_of_independent_items_are_compared_by_mcnemar():
    # 8 won, 2 lost: 2 x (1 + 10 + 45) / 1024.
    baseline = [0.0] * 8 + [1.0] * 2 + [1.0] * 10
    candidate = [1.0] * 8 + [0.0] * 2 + [1.0] * 10

    paired = paired_difference(baseline=baseline, candidate=candidate, clusters=range(20))

    assert (paired.won, paired.lost, paired.tied) == (8, 2, 10)
    assert (paired.test, paired.p_value) == (MCNEMAR, pytest.approx(112 / 1024))
    assert (paired.baseline, paired.candidate) == (0.6, 0.9)
    assert paired.difference.value == pytest.approx(0.3)


def test_graded_values_are_compared_by_wilcoxon():
    # Five differences, all upwards, of different sizes: 2 of 2^5 orders of signs are as extreme.
    paired = paired_difference(baseline=[0.1] * 5, candidate=[0.2, 0.3, 0.4, 0.5, 0.7], clusters=range(5))

    assert (paired.test, paired.p_value) == (WILCOXON, pytest.approx(2 / 32))


def test_wilcoxon_with_ties_by_hand():
    # Differences +1 +1 +1 -2 have the ranks 2, 2, 2 and 4; the positive ones add up to 6. Of the 16 orders of signs 8
    # add up to 6 or more: the 4 with at least one 2 (7), or all three 2 without it (1). Twice 8 of 16 is 1.
    paired = paired_difference(baseline=[0.5] * 4, candidate=[0.6, 0.6, 0.6, 0.3], clusters=range(4))

    assert paired.p_value == 1.0


def test_exact_wilcoxon_agrees_with_scipy():
    generator = np.random.default_rng(2)
    for count in (1, 6, 20, 50):
        baseline, candidate = generator.random((2, count))
        paired = paired_difference(baseline=baseline.tolist(), candidate=candidate.tolist(), clusters=range(count))

        assert paired.p_value == pytest.approx(wilcoxon(candidate - baseline, method="exact").pvalue)


def test_exact_and_approximate_wilcoxon_meet():
    values = [0.1 if place % 3 else -0.1 for place in range(51)]

    exact, approximate = (
        paired_difference(baseline=[0.5] * count, candidate=[0.5 + v for v in values[:count]], clusters=range(count))
        for count in (50, 51)
    )

    assert exact.p_value == pytest.approx(approximate.p_value, abs=0.02)


def test_items_of_one_document_are_one_observation_of_the_test():
    # As independent items 20 won of 20; but there are four documents, so that 2 of 2^4 orders are as extreme.
    paired = paired_difference(
        baseline=[0.0] * 20, candidate=[1.0] * 20, clusters=[document for document in "abcd" for _ in range(5)]
    )

    assert (paired.test, paired.p_value) == (WILCOXON, pytest.approx(2 / 16))
    assert (paired.difference.n, paired.difference.clusters) == (20, 4)


def test_items_without_both_values_are_left_out_and_counted():
    paired = paired_difference(baseline=[0.0, None, 1.0, 0.5], candidate=[1.0, 1.0, None, 0.5], clusters="abcd")

    assert (paired.won, paired.lost, paired.tied) == (1, 0, 1)
    assert (paired.difference.n, paired.difference.unscored) == (2, 2)


def test_nothing_in_common_has_no_difference():
    assert paired_difference(baseline=[None, 1.0], candidate=[1.0, None], clusters="ab") is None
    assert paired_difference(baseline=[], candidate=[], clusters=[]) is None


def test_equal_results_have_no_difference_and_still_an_interval():
    paired = paired_difference(baseline=[1.0, 0.0] * 10, candidate=[1.0, 0.0] * 10, clusters=range(20))

    assert (paired.p_value, paired.tied, paired.difference.value) == (1.0, 20, 0.0)
    assert paired.difference.low < 0 < paired.difference.high


def test_rounding_errors_are_ties():
    paired = paired_difference(baseline=[0.1 + 0.2] * 3, candidate=[0.3] * 3, clusters=range(3))

    assert (paired.won, paired.lost, paired.tied, paired.p_value) == (0, 0, 3, 1.0)


def test_lengths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="1 values of the baseline, 2 of the candidate and 2"):
        paired_difference(baseline=[1.0], candidate=[1.0, 0.0], clusters="ab")


def test_holm_by_hand():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == {
        "a": pytest.approx(0.03),  # second of four: x 3
        "b": pytest.approx(0.06),  # last: x 1, but not less than the one before
        "c": pytest.approx(0.06),  # third: x 2
        "d": pytest.approx(0.02),  # smallest: x 4
    }
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_means_over_repetitions_leave_out_what_is_unscored():
    assert item_means([[1.0, None, None], [0.0, 0.5, None]]) == [0.5, 0.5, None]


def test_noise_floor_by_hand():
    # Two repetitions of four items; one item changes: variance 0.5 of one item, 0.125 on average. Each mean of two
    # repetitions has 0.125 / 8, the difference 0.03125; t for 4 degrees of freedom is 2.776.
    repeats = [[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]

    assert noise_floor(repeats) == pytest.approx(2.776 * 0.03125**0.5, abs=1e-3)


def test_the_noise_of_a_config_that_was_not_repeated_is_that_of_the_other():
    repeats = [[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]

    floor = noise_floor(repeats, [[1.0, 0.0, 1.0, 1.0]])

    assert floor == pytest.approx(2.776 * (0.125 / 8 + 0.125 / 4) ** 0.5, abs=1e-3)


def test_without_repetitions_the_noise_is_unknown():
    assert noise_floor([[1.0, 0.0]]) is None
    assert noise_floor([[1.0, None], [None, 1.0]]) is None
    assert noise_floor([]) is None


def test_a_config_that_repeats_itself_exactly_has_no_noise():
    assert noise_floor([[1.0, 0.5], [1.0, 0.5]]) == 0.0


def test_noise_floor_is_passed_by_chance_5_times_of_100():
    generator = np.random.default_rng(3)
    ability = generator.uniform(0.2, 1.0, 80)

    above = 0
    for _ in range(1000):
        first, second = (generator.random((2, 3, 80)) < ability).astype(float)
        difference = abs(first.mean() - second.mean())
        above += difference > noise_floor(first.tolist(), second.tolist())

    assert 25 <= above <= 75


def make_paired(gain, count=200):
    baseline = [0.5 + 0.01 * (place % 7) for place in range(count)]
    candidate = [value + gain + 0.02 * (place % 3 - 1) for place, value in enumerate(baseline)]
    return paired_difference(baseline=baseline, candidate=candidate, clusters=range(count))


def test_a_certain_difference_is_better_or_worse():
    assert decide(make_paired(0.05), 0.001, None)[0] == "better"
    assert decide(make_paired(-0.05), 0.001, None)[0] == "worse"
    assert decide(make_paired(0.05), 0.001, None, higher_is_better=False)[0] == "worse"


@pytest.mark.parametrize(
    ("gain", "p_value", "floor", "reason"),
    [
        (0.0, 0.001, None, "includes 0"),
        (0.05, 0.051, None, "chance alone"),
        (0.05, 0.001, 0.06, "repeating one config"),
    ],
)
def test_each_doubt_alone_makes_it_no_difference(gain, p_value, floor, reason):
    outcome, why = decide(make_paired(gain), p_value, floor)

    assert outcome == "no difference"
    assert reason in why


def test_one_document_decides_nothing():
    paired = paired_difference(baseline=[0.0] * 30, candidate=[1.0] * 30, clusters=["a"] * 30)

    assert decide(paired, 0.001, None) == (
        "no difference",
        "all items depend on one document, which says nothing of others",
    )


def make_results(generator, ability, documents):
    """Values of five measures that depend on each other, as one config would get them; documents differ."""
    luck = ability[documents] + generator.normal(0, 0.25, len(documents))
    ranks = np.clip(np.round((1 - luck) * 6) + 1, 1, 9)
    found = ranks <= 5
    return {
        "hit_rate": found.astype(float).tolist(),
        "mrr": np.where(found, 1 / ranks, 0.0).tolist(),
        "ndcg": np.where(found, 1 / np.log2(ranks + 1), 0.0).tolist(),
        "answer_similarity": np.clip(luck + generator.normal(0, 0.1, len(documents)), 0, 1).tolist(),
        "groundedness": (generator.random(len(documents)) < np.clip(luck, 0, 1)).astype(float).tolist(),
    }


def test_a_config_against_itself_is_no_difference_in_95_of_100_runs():
    generator = np.random.default_rng(11)
    ability, documents = generator.uniform(0.3, 1.0, 40), generator.integers(0, 40, 200)

    clean = 0
    for _ in range(200):
        first, second = (make_results(generator, ability, documents) for _ in range(2))
        compared = compare(baseline=first, candidate=second, clusters=documents.tolist())
        clean += all(comparison.outcome == "no difference" for comparison in compared.values())

    assert clean >= 190


def test_a_planted_difference_is_found():
    generator = np.random.default_rng(12)
    ability, documents = generator.uniform(0.3, 0.9, 40), generator.integers(0, 40, 200)

    found = 0
    for _ in range(50):
        first = make_results(generator, ability, documents)
        second = make_results(generator, ability + 0.15, documents)
        compared = compare(baseline=first, candidate=second, clusters=documents.tolist())
        found += compared["mrr"].outcome == "better"
        assert not any(comparison.outcome == "worse" for comparison in compared.values())

    assert found >= 45


def test_noise_hides_a_difference_that_it_may_have_made():
    values = {"mrr": [0.4 + 0.001 * place for place in range(100)]}
    better = {"mrr": [value + 0.02 + 0.0001 * (place % 5) for place, value in enumerate(values["mrr"])]}

    sure = compare(baseline=values, candidate=better, clusters=range(100), noise_floors={"mrr": 0.005})
    unsure = compare(baseline=values, candidate=better, clusters=range(100), noise_floors={"mrr": 0.05})

    assert (sure["mrr"].outcome, unsure["mrr"].outcome) == ("better", "no difference")
    assert unsure["mrr"].noise_floor == 0.05


def test_a_measure_that_one_of_them_lacks_is_left_out():
    compared = compare(
        baseline={"mrr": [1.0, 0.5], "rouge_l": [0.1, 0.2], "map": [None, None]},
        candidate={"mrr": [1.0, 0.5], "map": [1.0, 1.0]},
        clusters="ab",
    )

    assert [*compared] == ["mrr"]


@pytest.mark.parametrize("size", [1, 4])
def test_intervals_of_differences_hold_the_truth_as_often_as_they_say(size):
    generator = np.random.default_rng(13)
    documents = np.repeat(np.arange(60), size)

    held = 0
    for _ in range(1000):
        # Most items tie, 15 % are won and 5 % lost, by document as much as by item.
        latent = (generator.standard_normal(60)[documents] + generator.standard_normal(60 * size)) / np.sqrt(2)
        baseline = (latent < -1.0364).astype(float) * -1 + 1
        candidate = np.where(latent > 1.6449, 0.0, 1.0)
        paired = paired_difference(
            baseline=baseline.tolist(), candidate=candidate.tolist(), clusters=documents.tolist()
        )
        held += paired.difference.low <= 0.10 <= paired.difference.high

    assert 930 <= held <= 970
