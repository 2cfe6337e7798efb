"""How much traffic an experiment takes, and the noise floor of its KPIs."""

import math
from datetime import timedelta

import numpy as np
import pytest

from monitoring.experiments.kpis import KPIS
from monitoring.experiments.noise import noise_floor, noise_floors
from monitoring.experiments.planning import Wanted, days_until, past, plan_for
from monitoring.statistics.power import planned_spread, units_needed
from monitoring.statistics.ratios import Sums
from tests.experiment_traffic import START, Unit, make_started, meet

NOW = START + timedelta(days=1)


def test_noise_floor_is_what_halves_differ_by():
    votes = np.ones(1000)
    up = (np.arange(1000) % 2).astype(float)

    floor = noise_floor(up, votes)

    # 1.96 standard errors of the difference of two shares of 500 votes, each with the variance 1/4
    assert floor == pytest.approx(1.96 * np.sqrt(0.25 / 500 + 0.25 / 500), rel=0.1)
    assert floor == noise_floor(up, votes)
    assert noise_floor(votes, votes) == 0.0


def test_noise_floor_grows_where_few_users_ask_most():
    votes = np.where(np.arange(1000) % 100 == 0, 91.0, 1.0)  # ten of them have half of all votes
    up = np.where(np.arange(1000) % 200 == 0, votes, 0.0) + (votes == 1) * (np.arange(1000) % 2)

    assert noise_floor(up, votes) > 4 * noise_floor((np.arange(1900) % 2).astype(float), np.ones(1900))


@pytest.mark.parametrize(
    ("arrived", "units", "day"),
    [
        ([(0, 50), (1, 30), (5, 20)], 80, 2),
        ([(0, 50), (1, 30), (5, 20)], 100, 6),
        ([(0, 50), (20, 28)], 99, 39),  # 21 more at 2 a day, after four weeks
        ([(0, 50), (1, 30)], 99, None),
        ([], 10, None),
    ],
)
def test_days_until_enough_have_come(arrived, units, day):
    assert days_until(arrived, units) == day


@pytest.mark.django_db
def test_plan_is_made_from_the_traffic_of_four_weeks():
    meet(make_started(), "A", [Unit(up=1)] * 30 + [Unit(down=1)] * 30 + [Unit()] * 60)
    wanted = Wanted(KPIS["up_ratio"], effect=0.1, alpha=0.05, power=0.8)
    spread = planned_spread(Sums(60, 30, 60, 30, 60, 30), is_share=True, effect=0.1)
    voters = units_needed(spread=spread, effect=0.1, alpha=0.05, power=0.8)

    plan = plan_for(wanted, past(NOW, unit="USER"))

    assert plan.units_needed == 2 * voters  # every second user votes
    assert (plan.units, plan.n, plan.present) == (120, 60, 0.5)
    assert plan.days == 28 + math.ceil((2 * voters - 120) / (120 / 14))  # all came in the last two weeks
    assert plan.noise == pytest.approx(1.96 * np.sqrt(0.25 / 30 + 0.25 / 30), rel=0.15)
    assert plan.least_effect > 0.3
    half = plan_for(Wanted(KPIS["up_ratio"], 0.1, 0.05, 0.8, traffic=0.5), past(NOW, unit="USER"))
    assert (half.units_needed, half.least_effect > plan.least_effect) == (plan.units_needed, True)


@pytest.mark.django_db
def test_too_little_traffic_plans_nothing():
    meet(make_started(), "A", [Unit(up=1)] * 5)

    plan = plan_for(Wanted(KPIS["up_ratio"], 0.1, 0.05, 0.8), past(NOW, unit="USER"))
    none = plan_for(Wanted(KPIS["relevance"], 0.1, 0.05, 0.8), past(NOW, unit="USER"))

    assert (plan.units_needed, plan.days, plan.units, plan.n) == (None, None, 5, 5.0)
    assert (none.present, none.noise, none.n) == (None, None, 0.0)
    assert noise_floors(past(NOW, unit="USER")) == {}


@pytest.mark.django_db
def test_noise_floors_of_all_kpis_with_traffic():
    meet(make_started(), "A", [Unit(up=number % 2, down=1 - number % 2, seconds=number) for number in range(40)])

    floors = noise_floors(past(NOW, unit="USER"))

    assert {"up_ratio", "total_seconds", "error_ratio"} <= floors.keys()
    assert "relevance" not in floors
    assert (floors["up_ratio"].units, floors["up_ratio"].n, floors["error_ratio"].floor) == (40, 40.0, 0.0)
    assert floors["total_seconds"].floor > 1
