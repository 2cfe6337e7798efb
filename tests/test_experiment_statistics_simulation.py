"""Simulated experiments with a known truth: are intervals as often wrong as they say, looked at all the time?

Random, but seeded: the same each time. bench/experiments.py has more of them and more worlds.
"""

import numpy as np
import pytest

from monitoring.statistics.mismatch import THRESHOLD, split_evidence
from monitoring.statistics.sequences import sequence_interval
from tests.experiment_worlds import ALPHA, World, ever_missed, planned

EXPERIMENTS = 150
WORLDS = [
    pytest.param(World("votes", 0.7, users=1_000), 0.1, id="few vote, and come back"),
    pytest.param(World("seconds", 3.0, users=1_000), 0.6, id="some are slow"),
    pytest.param(World("failures", 0.1, users=200, longer=20, likeness=0.01), 0.05, id="the same users all the time"),
]


@pytest.mark.parametrize(("world", "effect"), WORLDS)
def test_nothing_is_found_where_nothing_is(world, effect):
    missed = np.array([ever_missed(experiment, 0.0, effect) for experiment in world.draw(EXPERIMENTS, seed=1)])
    sequence, naive = missed.mean(axis=0)

    assert sequence <= ALPHA
    assert naive > 2 * ALPHA


def test_the_effect_is_in_the_intervals_at_all_looks():
    world = World("votes", 0.65, effect=0.15, users=1_000)

    missed = [ever_missed(experiment, 0.15, 0.1)[0] for experiment in world.draw(EXPERIMENTS, seed=2)]

    assert np.mean(missed) <= ALPHA


def test_a_planted_effect_is_found_as_often_as_promised():
    world = World("votes", 0.6, effect=0.2, users=1_200, comes_back=False)
    found, chances = 0, []
    for experiment in world.draw(EXPERIMENTS, seed=3):
        plans = [planned(difference, 0.2) for difference in experiment]
        reached = next((place for place, plan in enumerate(plans) if experiment[place].units >= plan), None)
        chances.append(reached is not None)
        looks = list(zip(experiment, plans, strict=True))[: None if reached is None else reached + 1]
        found += any(
            sequence_interval(difference, alpha=ALPHA, planned_units=plan)[0] > 0 for difference, plan in looks
        )

    assert np.mean(chances) > 0.9  # the plan is reached with the users there are
    assert found / EXPERIMENTS == pytest.approx(0.8, abs=0.08)


def test_halves_raise_no_alarm_at_any_look():
    random = np.random.default_rng(4)
    first = np.cumsum(random.binomial(50, 0.5, (250, 40)), axis=1)
    alarms = [
        any(split_evidence([count, 50 * look - count], [1, 1]) < THRESHOLD for look, count in enumerate(run, start=1))
        for run in first.tolist()
    ]

    assert np.mean(alarms) <= 0.01
