"""The label plan and the corrected rate: by hand, by simulation, and what is said where there is none."""

import numpy as np
import pytest

from monitoring.judges.criteria import CRITERIA
from monitoring.models import Flag
from monitoring.quality.agreement import measure_agreement
from monitoring.quality.corrected import correct
from monitoring.quality.labelled import labelled_turns
from monitoring.quality.plan import Rates, half_widths, plan_labels
from monitoring.quality.planning import label_plan
from monitoring.quality.weighting import judged_turns, weigh
from monitoring.statistics.rogan_gladen import rogan_gladen
from tests.factories import make_turn
from tests.quality_rows import label_turns, make_verdict, make_version

GROUNDEDNESS = CRITERIA["groundedness"]
GOOD, BAD = "SUPPORTED", "UNSUPPORTED"
# A judge that calls 100 of 1,000 turns failing; 80 of these are, and 40 of the others.
RATES = Rates(failing_share=0.1, failing_if_called=0.8, failing_if_not=0.04 / 0.9)


def test_rates_by_hand():
    assert RATES.sensitivity == pytest.approx(80 / 120)
    assert RATES.specificity == pytest.approx(860 / 880)
    # agreement 0.94; by chance 0.1 x 0.12 + 0.9 x 0.88
    assert RATES.kappa == pytest.approx((0.94 - 0.804) / (1 - 0.804))


@pytest.mark.parametrize("called, others", [(60, 300), (150, 150)])
def test_half_widths_are_those_of_simulated_labels(called, others):
    random = np.random.default_rng(4)
    p = random.binomial(called, RATES.failing_if_called, 20_000) / called
    q = random.binomial(others, RATES.failing_if_not, 20_000) / others
    f = RATES.failing_share
    truly = f * p + (1 - f) * q
    sensitivity = f * p / truly
    specificity = (1 - f) * (1 - q) / (1 - truly)
    chance = f * truly + (1 - f) * (1 - truly)
    kappa = (f * p + (1 - f) * (1 - q) - chance) / (1 - chance)

    simulated = {"sensitivity": sensitivity, "specificity": specificity, "kappa": kappa}

    for name, half_width in half_widths(RATES, called, others).items():
        spread = np.std(simulated[name])
        assert half_width == pytest.approx(1.96 * spread, rel=0.15), name


def test_a_plan_reaches_what_is_asked_for_and_not_with_fewer():
    plan = plan_labels(RATES, 0.1)

    assert max(plan.half_widths.values()) == pytest.approx(0.1, rel=0.02)
    assert all(
        max(half_widths(RATES, share * 0.9 * plan.total, (1 - share) * 0.9 * plan.total).values()) > 0.1
        for share in np.linspace(0.05, 0.95, 19)
    )


def test_half_the_width_takes_four_times_the_labels():
    assert plan_labels(RATES, 0.05).total == pytest.approx(4 * plan_labels(RATES, 0.1).total, rel=0.02)


def test_labels_of_conversations_count_less():
    clustered = Rates(RATES.failing_share, RATES.failing_if_called, RATES.failing_if_not, design_effect=2.0)

    assert plan_labels(clustered, 0.1).total == pytest.approx(2 * plan_labels(RATES, 0.1).total, rel=0.02)


@pytest.mark.parametrize("half_width", [0.0, 1.0, -0.1])
def test_a_half_width_is_between_0_and_1(half_width):
    with pytest.raises(ValueError, match="between 0 and 1"):
        plan_labels(RATES, half_width)


def test_the_formula_of_rogan_and_gladen():
    assert rogan_gladen(0.2, 0.8, 0.9) == pytest.approx(1 / 7)
    assert rogan_gladen(0.05, 0.8, 0.9) == 0.0  # it reports less than its false alarms alone
    assert rogan_gladen(0.95, 0.8, 0.9) == 1.0
    assert rogan_gladen(0.2, 0.4, 0.6) is None


# From rows


def _plan(version, half_width=0.1):
    turns = labelled_turns(version).turns
    agreement = measure_agreement(turns, GROUNDEDNESS)
    return label_plan(turns, judged_turns(version, GROUNDEDNESS), agreement, GROUNDEDNESS, half_width)


def _rate(version):
    judged = judged_turns(version, GROUNDEDNESS)
    return correct(judged, weigh(labelled_turns(version).turns, judged, GROUNDEDNESS), GROUNDEDNESS)


@pytest.mark.django_db
def test_a_plan_says_how_many_more_of_which_kind():
    version = make_version()
    label_turns(version, [(BAD, BAD)] * 4 + [(GOOD, BAD)] + [(GOOD, GOOD)] * 9 + [(BAD, GOOD)])

    found = _plan(version)

    assert (found.has_called, found.has_others, found.assumed) == (5, 10, False)
    assert found.more_called == found.plan.called - 5
    assert found.more_others == found.plan.others - 10
    assert found.rates.failing_share == pytest.approx(1 / 3)


@pytest.mark.django_db
def test_a_plan_without_labels_says_that_it_assumes():
    version = make_version()
    for label in (BAD, GOOD, GOOD):
        make_verdict(make_turn(), version, label)

    assert _plan(version).assumed
    assert _plan(version).plan is not None


@pytest.mark.django_db
def test_without_two_kinds_of_verdicts_there_is_no_plan_but_a_reason():
    version = make_version()
    assert "judged nothing" in _plan(version).reason

    make_verdict(make_turn(), version, GOOD)

    assert _plan(version).plan is None
    assert "not failing" in _plan(version).reason


@pytest.mark.django_db
def test_the_corrected_rate_stands_beside_the_reported_one():
    version = make_version()
    label_turns(version, [(BAD, BAD)] * 8 + [(BAD, GOOD)] * 2 + [(GOOD, BAD)] * 2 + [(GOOD, GOOD)] * 18)
    conversation_of_others = [make_turn() for _ in range(10)]
    for turn in conversation_of_others:
        make_verdict(turn, version, GOOD)

    rate = _rate(version)

    assert rate.reported.interval.value == pytest.approx(10 / 40)
    # of the 10 called failing 8 are; of the 30 others 2 of 20 labelled ones are, so 3
    assert rate.basis == "strata"
    assert rate.corrected.interval.value == pytest.approx(11 / 40)
    assert rate.sensitivity == pytest.approx(8 / 11)
    assert rate.specificity == pytest.approx(27 / 29)
    assert rate.corrected.interval.low < 11 / 40 < rate.corrected.interval.high


@pytest.mark.django_db
def test_the_random_sample_alone_is_used_once_it_has_enough():
    version = make_version()
    drawn = label_turns(version, [(BAD, BAD)] * 10 + [(GOOD, GOOD)] * 15 + [(GOOD, BAD)] * 5)
    label_turns(version, [(BAD, GOOD)] * 20)
    Flag.objects.bulk_create(Flag(turn=turn, reason=Flag.Reason.SAMPLE, weight=50.0) for turn in drawn)

    rate = _rate(version)

    assert (rate.basis, rate.labels) == ("sample", 30)
    assert rate.sensitivity == pytest.approx(1.0)
    assert rate.specificity == pytest.approx(0.75)


@pytest.mark.django_db
def test_a_judge_of_no_use_corrects_nothing():
    version = make_version()
    label_turns(version, [(BAD, GOOD)] * 5 + [(BAD, BAD)] * 5 + [(GOOD, BAD)] * 6 + [(GOOD, GOOD)] * 4)

    rate = _rate(version)

    assert rate.corrected.interval is None
    assert "add up to no more than 1" in rate.corrected.reason
    assert rate.reported.interval is not None


@pytest.mark.django_db
@pytest.mark.parametrize(
    "pairs, reason",
    [
        ([], "No data"),
        ([(GOOD, GOOD)] * 3, "No labelled turn is failing"),
        ([(BAD, BAD)] * 3, "All labelled turns are failing"),
    ],
)
def test_what_is_missing_for_a_correction_is_said(pairs, reason):
    version = make_version()
    label_turns(version, pairs)

    assert reason in _rate(version).corrected.reason


@pytest.mark.django_db
def test_a_kind_of_turns_without_labels_is_not_taken_to_be_like_others():
    version = make_version()
    label_turns(version, [(BAD, BAD)] * 3 + [(GOOD, BAD)] * 3)
    make_verdict(make_turn(), version, GOOD)

    reason = _rate(version).corrected.reason

    assert reason.startswith("None of the 1 turns of unflagged conversations that the judge calls not failing")
