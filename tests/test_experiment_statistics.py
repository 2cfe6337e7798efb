"""What experiments compute with: values by hand, what cannot be known, and what does not depend on how it is asked."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from monitoring.statistics.clusters import standard_error
from monitoring.statistics.corrections import bonferroni
from monitoring.statistics.mismatch import THRESHOLD, split_evidence
from monitoring.statistics.power import (
    drift_needed,
    effect_found,
    found_chance,
    planned_spread,
    power_of,
    units_needed,
)
from monitoring.statistics.ratios import Difference, Sums, difference
from monitoring.statistics.sequences import boundary, fixed_interval, sequence_interval, tuned


def sums_of(x, y) -> Sums:
    x, y = np.asarray(x, float), np.asarray(y, float)
    return Sums(len(x), *(float(part.sum()) for part in (x, y, x * x, y * y, x * y)))


def votes(up: int, down: int) -> Sums:
    """Users with a vote each."""
    return sums_of([1] * up + [0] * down, [1] * (up + down))


# Ratios of sums


def test_hand_computed_ratio_and_variance():
    # 4 of 10; residuals x - 0.4 y are 0.2, -0.4, 0.8, -0.6, their squares sum up to 1.2. The units are worth
    # 10^2 / 30 = 3.33 of one size: 3.33 / 2.33 x 1.2 / 10^2.
    sums = sums_of([1, 0, 2, 1], [2, 1, 3, 4])

    assert sums.ratio == 0.4
    assert sums.variance == pytest.approx(10 / 7 * 0.012)
    # With two more: share 5/12, (5/12)^2 + (7/12)^2 = 0.5139 more squares.
    assert sums.share_variance == pytest.approx(10 / 7 * (1.2 + 74 / 144) / 100)
    assert sums.effective_units == pytest.approx(100 / 30)


def test_one_answer_a_user_is_the_usual_variance_of_a_share():
    assert votes(30, 10).variance == pytest.approx(0.75 * 0.25 / 39)


def test_variance_is_that_of_drawing_units_anew():
    random = np.random.default_rng(3)
    y = 1 + random.poisson(random.lognormal(0, 1, 500))
    x = random.binomial(y, random.beta(3, 2, 500))

    error = math.sqrt(sums_of(x, y).variance)

    assert error == pytest.approx(standard_error(x.astype(float), y.astype(float), seed=1), rel=0.05)
    # By answer instead of by user it would be taken for a sixth less.
    assert math.sqrt(x.sum() / y.sum() * (1 - x.sum() / y.sum()) / y.sum()) < 0.85 * error


def test_units_without_anything_to_count_do_not_matter():
    some, more = sums_of([1, 0, 2, 1] * 25, [2, 1, 3, 4] * 25), sums_of([1, 0, 2, 1, 0] * 25, [2, 1, 3, 4, 0] * 25)

    assert (more.ratio, more.effective_units) == (some.ratio, some.effective_units)
    assert more.variance == pytest.approx(some.variance)


def test_nothing_counted_is_unknown():
    empty = Sums(0, 0, 0, 0, 0, 0)

    assert (empty.ratio, empty.variance, empty.share_variance, empty.effective_units) == (None, None, None, 0.0)
    assert sums_of([1], [2]).variance is None
    assert difference(empty, votes(50, 50)) is None


def test_hand_computed_difference():
    found = difference(votes(60, 40), votes(75, 25))

    assert found.value == pytest.approx(0.15)
    assert found.error == pytest.approx(math.sqrt(0.24 / 99 + 0.1875 / 99))
    assert (found.units_a, found.units_b, found.units) == (100, 100, 200)
    assert found.spread == pytest.approx(200 * (0.24 + 0.1875) / 99)


def test_too_few_units_are_no_difference():
    assert difference(votes(10, 9), votes(60, 40)) is None
    assert difference(votes(10, 10), votes(60, 40)) is not None


def test_one_user_with_nearly_all_answers_is_no_sample():
    crowd = sums_of([1] * 50 + [800], [2] * 50 + [1000])

    assert crowd.effective_units < 2
    assert difference(crowd, votes(60, 40)) is None


def test_no_failure_yet_is_not_certainty():
    assert difference(votes(0, 100), votes(0, 100)) is None  # of values, of which nothing is known

    found = difference(votes(0, 100), votes(0, 100), is_share=True)

    # As large as the rule of three has it (Hanley and Lippman-Hand, 1983): 3 / 100 at the most for either.
    assert fixed_interval(found, alpha=0.05)[1] == pytest.approx(0.03, abs=0.005)


# Intervals that hold at all looks


def test_boundary_by_hand():
    # u - log(1 + u) = 2 log(20) = 5.9915 for u = 8.212; there the squared boundary is 1 + u.
    assert tuned(0.05) == pytest.approx(8.212, abs=1e-3)
    assert boundary(1, alpha=0.05) == pytest.approx(math.sqrt(9.212), abs=1e-4)
    # u = 4.106: (1 + 1 / 4.106) x (log(5.106) + 5.9915) = 9.478.
    assert boundary(0.5, alpha=0.05) == pytest.approx(math.sqrt(9.478), abs=1e-3)


def test_the_interval_is_narrowest_at_the_planned_units():
    found = Difference(0.1, 0.03, 500, 500)

    widths = {
        plan: np.ptp(sequence_interval(found, alpha=0.05, planned_units=plan))
        for plan in (200, 900, 1_000, 1_100, 5_000)
    }

    assert min(widths, key=widths.get) == 1_000
    # The price of looking at any time.
    assert widths[1_000] / np.ptp(fixed_interval(found, alpha=0.05)) == pytest.approx(1.549, abs=1e-3)


def test_interval_around_the_difference():
    low, high = sequence_interval(Difference(0.1, 0.02, 400, 600), alpha=0.05, planned_units=1_000)

    assert (low, high) == (pytest.approx(0.1 - 0.0607, abs=1e-4), pytest.approx(0.1 + 0.0607, abs=1e-4))


@pytest.mark.parametrize(("alpha", "planned_units"), [(0.0, 100), (1.0, 100), (0.05, 0)])
def test_an_impossible_plan_says_so(alpha, planned_units):
    with pytest.raises(ValueError, match="must be"):
        sequence_interval(Difference(0.1, 0.02, 40, 60), alpha=alpha, planned_units=planned_units)


# Power


def test_one_look_is_the_usual_power():
    expected = norm.sf(3.0351 - 3.5) + norm.cdf(-3.0351 - 3.5)

    assert found_chance(3.5, alpha=0.05, looks=1) == pytest.approx(expected, abs=1e-3)


def test_power_is_that_of_simulated_motions():
    random = np.random.default_rng(5)
    looks, drift = 40, 3.4
    times = np.arange(1, looks + 1) / looks
    motions = np.cumsum(random.normal(drift / looks, looks**-0.5, (20_000, looks)), axis=1)
    bounds = [boundary(time, alpha=0.05) * math.sqrt(time) for time in times]

    simulated = (np.abs(motions) > bounds).any(axis=1).mean()

    assert found_chance(drift, alpha=0.05, looks=looks) == pytest.approx(simulated, abs=0.01)


def test_without_an_effect_hardly_ever_and_never_more_than_alpha():
    to_the_plan = found_chance(0.0, alpha=0.05)

    assert to_the_plan == pytest.approx(0.015, abs=0.002)
    assert to_the_plan < found_chance(0.0, until=1_000, alpha=0.05, looks=1_000) < 0.05


def test_units_needed_by_hand():
    # Two halves with a vote each, 64 % up: 0.64 x 0.36 / (1/2 x 1/2) = 0.9216; drift 3.6253 for 100 looks.
    spread = planned_spread(votes(6_400, 3_600))
    units = units_needed(spread=spread, effect=0.05, alpha=0.05, power=0.8)

    assert spread == pytest.approx(0.9216, rel=1e-3)
    assert drift_needed(alpha=0.05, power=0.8) == pytest.approx(3.625, abs=1e-3)
    assert units == pytest.approx(3.6253**2 * 0.9216 / 0.05**2, rel=1e-3)
    # Both directions are looked at.
    assert units == units_needed(spread=spread, effect=-0.05, alpha=0.05, power=0.8)


def test_plans_agree_with_each_other():
    units = units_needed(spread=0.9, effect=0.05, alpha=0.05, power=0.8)
    plan = {"spread": 0.9, "alpha": 0.05}

    assert power_of(effect=0.05, units=units, planned_units=units, **plan) == pytest.approx(0.8, abs=1e-3)
    assert power_of(effect=0.05, units=units / 2, planned_units=units, **plan) < 0.5
    assert power_of(effect=0.05, units=2 * units, planned_units=units, **plan) > 0.98
    assert effect_found(units=units, power=0.8, **plan) == pytest.approx(0.05, rel=1e-3)


def test_unequal_shares_need_more():
    assert planned_spread(votes(50, 50), share=0.1) == pytest.approx(planned_spread(votes(50, 50)) * 0.25 / 0.09)


def test_an_effect_changes_the_spread_of_a_share():
    # Of 60 % it is 0.24, of 80 % 0.16, each in half of the units; of 2 % 0.0196, of 4 % 0.0384.
    up, failures = votes(60_000, 40_000), votes(2_000, 98_000)

    assert planned_spread(up, is_share=True, effect=0.2) == pytest.approx(2 * (0.24 + 0.16), rel=1e-3)
    assert planned_spread(up, is_share=True, effect=0.2, share=0.1) == pytest.approx(0.24 / 0.9 + 0.16 / 0.1, rel=1e-3)
    assert planned_spread(failures, is_share=True, effect=0.02) == pytest.approx(2 * (0.0196 + 0.0384), rel=1e-3)
    assert planned_spread(up, effect=0.2) == planned_spread(up)


def test_what_needs_no_number_says_so():
    with pytest.raises(ValueError, match="needs no number"):
        units_needed(spread=0.9, effect=0.0, alpha=0.05, power=0.8)
    with pytest.raises(ValueError, match="power"):
        units_needed(spread=0.9, effect=0.1, alpha=0.05, power=1.0)
    assert planned_spread(Sums(0, 0, 0, 0, 0, 0)) is None


# The check of the split


def test_hand_computed_split_evidence():
    # The averaged chance of two units in the first variant is 100/200 x 101/201; the planned one 1/4.
    assert split_evidence([2, 0], [1, 1]) == pytest.approx(0.25 / (0.5 * 101 / 201))
    assert split_evidence([0, 0], [1, 1]) == 1.0


@pytest.mark.parametrize(
    ("counts", "shares"),
    [([1_100, 900], [1, 1]), ([900, 1_100], [0.5, 0.5]), ([1_720, 280], [9, 1]), ([700, 700, 900], [1, 1, 1])],
)
def test_a_wrong_split_is_found(counts, shares):
    assert split_evidence(counts, shares) < THRESHOLD


@pytest.mark.parametrize(("counts", "shares"), [([1_030, 970], [1, 1]), ([1_790, 210], [9, 1]), ([9, 1], [1, 1])])
def test_a_split_that_chance_makes_is_not(counts, shares):
    assert split_evidence(counts, shares) > THRESHOLD


@pytest.mark.parametrize(("counts", "shares"), [([1], [1]), ([1, 2], [1, 1, 1]), ([-1, 2], [1, 1]), ([1, 2], [1, 0])])
def test_an_impossible_split_says_so(counts, shares):
    with pytest.raises(ValueError, match="shares"):
        split_evidence(counts, shares)


# Several figures


def test_corrections():
    assert bonferroni(0.05, 5) == pytest.approx(0.01)
    assert bonferroni(0.05, 0) == 0.05
