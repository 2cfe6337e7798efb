"""What an experiment says from its traffic: figures, split, progress, verdict."""

from datetime import timedelta

import pytest
from django.core.cache import cache

from monitoring.experiments.drafts import GuardrailDraft
from monitoring.experiments.kpis import KPIS
from monitoring.experiments.lifecycle import stop
from monitoring.experiments.results import latest_results, results
from monitoring.models import Experiment
from monitoring.reports.judge_errors import JudgeError, store_judge_errors
from monitoring.statistics.power import units_needed
from monitoring.statistics.ratios import Sums, difference
from monitoring.statistics.sequences import sequence_interval
from tests.experiment_traffic import LATER, START, Unit, make_started, meet
from tests.experimented import make_draft, variant
from tests.factories import make_config
from tests.quality_rows import make_version
from tests.reported import score

pytestmark = pytest.mark.django_db

LIKED, DISLIKED = Unit(up=1), Unit(down=1)


def liked(share: float, units: int = 80) -> list[Unit]:
    """Users with one vote each, so many of them up."""
    return [LIKED] * round(share * units) + [DISLIKED] * round((1 - share) * units)


def test_a_liked_variant_wins():
    experiment = make_started()
    meet(experiment, "A", liked(0.4))
    meet(experiment, "B", liked(0.8))

    found = results(experiment, LATER)

    [other] = found.others
    one = other.comparisons[0]
    assert (one.kpi.name, one.role, one.alpha) == ("up_ratio", "primary", 0.05)
    assert (one.control, one.value, one.control_units, one.units, one.n) == (0.4, 0.8, 80, 80, 80)
    assert one.difference == pytest.approx(0.4)
    assert 0 < one.low < one.fixed_low < 0.4 < one.fixed_high < one.high
    assert (found.verdict.kind, found.verdict.variant_id) == ("better", variant(experiment, "B").pk)
    assert found.verdict.text.startswith("“B” answers are liked more: 80")
    assert [(each.name, each.units, each.got, each.share) for each in found.variants] == [
        ("A", 80, 0.5, 0.5),
        ("B", 80, 0.5, 0.5),
    ]
    assert (found.mismatch.p_value, found.mismatch.is_raised) == (1.0, False)
    assert (found.days, found.is_novel, found.control.verdict) == (9.0, False, None)
    assert found.control.values["up_ratio"] == 0.4


def test_the_interval_is_that_of_the_sequence_at_the_units_planned_for():
    experiment = make_started(smallest_effect=0.1)
    meet(experiment, "A", liked(0.5))
    meet(experiment, "B", liked(0.6))
    by_hand = difference(Sums(80, 40, 80, 40, 80, 40), Sums(80, 48, 80, 48, 80, 48), is_share=True)
    planned = units_needed(spread=by_hand.spread, effect=0.1, alpha=0.05, power=0.8)

    [other] = results(experiment, LATER).others

    one = other.comparisons[0]
    assert (one.low, one.high) == pytest.approx(sequence_interval(by_hand, alpha=0.05, planned_units=planned))
    assert other.power.units_needed == planned
    assert (other.power.units, other.power.days_left) == (160, -(-9 * (planned - 160) // 160))
    assert 0 < other.power.power_now < 0.3
    assert other.verdict.kind == "undecided"
    assert other.verdict.text.startswith(f"Not enough traffic: about {other.power.days_left} days more.")


def test_figures_of_a_kind_share_one_alpha():
    experiment = make_started(
        configs=[make_config(), make_config(), make_config()],
        shares=[4000, 3000, 3000],
        guardrails=[GuardrailDraft("error_ratio", 0.01), GuardrailDraft("total_seconds")],
    )
    meet(experiment, "A", liked(0.5, 20))

    others = results(experiment, LATER).others

    alphas = {one.kpi.name: (one.role, one.alpha) for one in others[1].comparisons}
    assert len(others) == 2
    assert alphas.keys() == KPIS.keys()
    assert alphas["up_ratio"] == ("primary", 0.025)
    assert alphas["error_ratio"] == alphas["total_seconds"] == ("guardrail", 0.0125)
    assert alphas["refusal_ratio"] == ("secondary", 0.05 / 22)


def test_without_traffic_nothing_is_zero():
    draft, running = make_draft(), make_started()

    assert results(draft, LATER).verdict.kind == "draft"
    found = results(running, LATER)
    [other] = found.others
    assert found.verdict.kind == "no_data"
    assert (other.got, other.units, found.mismatch.p_value, other.power.units_needed) == (None, 0, None, None)
    assert {
        value for one in other.comparisons for value in (one.control, one.value, one.difference, one.low, one.fixed_low)
    } == {None}


def test_few_units_have_no_interval_and_early_days_no_verdict():
    experiment = make_started(minimum_units=100)
    meet(experiment, "A", liked(0.5, 10))
    meet(experiment, "B", liked(0.5, 10))

    found = results(experiment, START + timedelta(days=2))

    one = found.others[0].comparisons[0]
    assert (one.difference, one.low, one.high, one.fixed_low) == (0.0, None, None, None)
    assert (found.verdict.kind, found.is_novel) == ("early", True)
    assert found.verdict.text == (
        "Too early to say: 2 of at least 7 days and 10 of at least 100 users in each variant."
    )


def test_a_wrong_split_blocks_the_verdict():
    experiment = make_started()
    meet(experiment, "A", liked(0.2, 100))
    meet(experiment, "B", liked(0.9, 40))

    found = results(experiment, LATER)

    assert found.mismatch.is_raised
    assert found.mismatch.p_value < 0.01
    assert found.verdict.kind == "invalid"
    assert "“B” got 40 of 140 instead of about 70" in found.verdict.text


def test_a_broken_guardrail_comes_before_a_win():
    experiment = make_started(guardrails=[GuardrailDraft("total_seconds", 0.5), GuardrailDraft("error_ratio", 0.1)])
    meet(experiment, "A", [Unit(up=number % 2, down=1, seconds=1 + number % 3) for number in range(60)])
    meet(experiment, "B", [Unit(up=2, seconds=4 + number % 3) for number in range(60)])

    found = results(experiment, LATER)

    states = {one.kpi.name: (one.state, one.margin) for _, one in found.guardrails}
    assert states == {"total_seconds": ("broken", 0.5), "error_ratio": ("kept", 0.1)}
    assert found.verdict.kind == "harmful"
    assert found.verdict.text.startswith("“B” does harm: answers take longer: ")
    assert found.others[0].comparisons[0].is_better


def test_two_variants_that_are_the_same_should_not_differ():
    config = make_config()
    experiment = make_started(configs=[config, config], is_aa=True)
    meet(experiment, "A", liked(0.5))
    meet(experiment, "B", liked(0.55))

    assert results(experiment, LATER).verdict.kind == "same"


def test_failing_shares_are_corrected_for_how_the_judge_errs():
    experiment = make_started()
    version = make_version(standing="PROVEN")
    for name, failing in (("A", 20), ("B", 10)):
        for number, turn in enumerate(meet(experiment, name, [Unit()] * 40)):
            score(turn, version, *(("UNSUPPORTED", 0.0) if number < failing else ("SUPPORTED", 1.0)))
    store_judge_errors([JudgeError(version.pk, False, 0.8, 0.9, 40.0, 60.0)])

    found = results(experiment, LATER)

    one = found.others[0].compared("groundedness_failing")
    assert (one.control, one.value, one.difference) == (0.5, 0.25, -0.25)
    assert one.corrected.control == pytest.approx((0.5 - 0.1) / 0.7)
    assert one.corrected.value == pytest.approx((0.25 - 0.1) / 0.7)
    assert one.corrected.difference == pytest.approx(-0.25 / 0.7)
    assert one.corrected.low < one.low / 0.7 < one.high / 0.7 < one.corrected.high
    assert found.others[0].compared("up_ratio").corrected is None
    [judge] = found.judges
    assert (judge.criterion, judge.judge, judge.is_proven, judge.verdicts) == (
        "groundedness",
        "groundedness_offline",
        True,
        80,
    )


def test_what_is_asked_after_the_stop_says_nothing():
    experiment = make_started()
    meet(experiment, "A", liked(0.5, 20))
    stop(experiment=experiment)
    Experiment.objects.filter(pk=experiment.pk).update(stopped_at=START + timedelta(days=3))
    experiment.refresh_from_db()
    meet(experiment, "A", liked(0.5, 20), at=LATER)

    found = results(experiment, LATER + timedelta(days=1))

    assert found.days == 3.0
    assert found.others[0].compared("up_ratio").control_units == 20


def test_one_look_takes_few_queries_and_pages_remember_it(django_assert_num_queries):
    experiment = make_started()
    meet(experiment, "A", liked(0.5, 20))
    with django_assert_num_queries(4):
        results(experiment, LATER)
    cache.clear()

    first = latest_results(experiment)

    with django_assert_num_queries(1):
        assert latest_results(experiment) == first
