"""Experiments: how often the method is wrong when one looks all the time, and whether plans and splits hold.

Run: python -m bench.experiments. Measured are the product's own functions on simulated traffic
(tests/experiment_worlds.py), without a database or a server. Users have very different numbers of answers and come
back, few of them vote, one user's answers are alike, and experiments are looked at after every 50 users.
"""

# ruff: noqa: E402  the number of threads must be set before numpy is imported
import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "ragsite.settings"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # matrices are small, and processes are as many as cores

import django
import numpy as np

from monitoring.statistics.mismatch import THRESHOLD, split_evidence
from monitoring.statistics.power import planned_spread, power_of, units_needed
from monitoring.statistics.sequences import sequence_interval
from tests.experiment_worlds import ALPHA, LOOK_EVERY, World, ever_missed, planned

Map = Callable[..., Iterator[Any]]

# Each with the effect that its plan is made for.
WORLDS: dict[str, tuple[World, float]] = {
    "votes": (World("votes", 0.7), 0.08),
    "votes_nearly_all_up": (World("votes", 0.95), 0.04),
    "rare_failures": (World("failures", 0.02), 0.02),
    "rare_failures_of_few_users": (World("failures", 0.02, likeness=0.8), 0.02),
    "seconds": (World("seconds", 3.0), 0.5),
    "the_same_200_users": (World("votes", 0.7, users=200, longer=80), 0.15),
    "ten_times_longer_than_planned": (World("votes", 0.7), 0.35),
}
EFFECTS = {"votes": (0.04, 0.08, 0.16), "seconds": (0.25, 0.5, 1.0), "rare_failures": (0.01, 0.02, 0.04)}
# Of the share of votes up in users who have all their answers when they come: effect and power planned for.
PLANS = ((0.12, 0.8), (0.16, 0.8), (0.2, 0.8), (0.2, 0.5), (0.16, 0.9))
PILOT_USERS = 40_000
SPLIT_USERS = 20_000


def show(figure: str, value: float, unit: str, against: float, **beside: object) -> None:
    line = {"figure": figure, "value": round(value, 4), "unit": unit, "against": against, **beside}
    print(json.dumps(line), flush=True)


def missed_in(world: World, effect: float, experiments: int, seed: int) -> tuple[float, float]:
    """Return in which part of the experiments the truth was outside at some look: of the sequence, of the fixed one."""
    missed = [ever_missed(experiment, world.effect, effect) for experiment in world.draw(experiments, seed)]
    sequence, naive = np.mean(missed, axis=0)
    return float(sequence), float(naive)


def measure_false_alarms(run: Map, experiments: int) -> None:
    worlds, effects = zip(*WORLDS.values(), strict=True)
    found = list(run(missed_in, worlds, effects, [experiments] * len(WORLDS), range(len(WORLDS))))
    for place, figure in enumerate(("aa_false_alarm_ratio", "naive_false_alarm_ratio")):
        by_world = {name: round(both[place], 4) for name, both in zip(WORLDS, found, strict=True)}
        show(figure, max(by_world.values()), "ratio", ALPHA, n=experiments, by_world=by_world)


def measure_coverage(run: Map, experiments: int) -> None:
    cases = {
        f"{name} {effect:+g}": (World(WORLDS[name][0].kind, WORLDS[name][0].base, effect), WORLDS[name][1])
        for name, effects in EFFECTS.items()
        for effect in effects
    }
    worlds, planned_for = zip(*cases.values(), strict=True)
    missed = run(missed_in, worlds, planned_for, [experiments] * len(cases), range(100, 100 + len(cases)))
    covered = {name: round(1 - sequence, 4) for name, (sequence, _) in zip(cases, missed, strict=True)}
    show("coverage_ratio", min(covered.values()), "ratio", 1 - ALPHA, n=experiments, by_effect=covered)


def promised_and_found(effect: float, power: float, experiments: int, seed: int) -> dict[str, float]:
    """Return the power that a plan made from traffic without an experiment promises, and that which is found."""
    base = 0.6
    pilot = World("votes", base, users=PILOT_USERS, comes_back=False).all_of_control(seed)
    spread = planned_spread(pilot, is_share=True, effect=effect)
    assert spread is not None
    looks = 40
    for _ in range(5):  # the looks follow from the users, who follow a little from the looks
        plan = {"spread": spread, "effect": effect, "alpha": ALPHA, "looks": looks}
        users = units_needed(power=power, **plan)
        looks = max(1, round(users / LOOK_EVERY))
    users = looks * LOOK_EVERY
    promised = power_of(spread=spread, effect=effect, units=users, planned_units=users, alpha=ALPHA, looks=looks)
    found = 0
    for experiment in World("votes", base, effect, users=users, comes_back=False).draw(experiments, seed + 1):
        found += any(
            sequence_interval(difference, alpha=ALPHA, planned_units=planned(difference, effect))[0] > 0
            for difference in experiment
        )
    ratio = found / experiments
    return {"effect": effect, "users": users, "promised": round(promised, 3), "found": round(ratio, 3)}


def measure_power(run: Map, experiments: int) -> None:
    effects, powers = zip(*PLANS, strict=True)
    plans = list(run(promised_and_found, effects, powers, [experiments] * len(PLANS), range(200, 200 + len(PLANS))))
    worst = max(abs(plan["promised"] - plan["found"]) for plan in plans)
    show("power_error_max", worst, "ratio", 0.03, n=experiments, plans=plans)


def alarms(share: float, runs: int, seed: int) -> float:
    """Return in which part of the runs a split of 2,000 users that was planned in halves raises the alarm at a look."""
    looks = np.arange(1, 2_000 // LOOK_EVERY + 1) * LOOK_EVERY
    first = np.cumsum(np.random.default_rng(seed).binomial(LOOK_EVERY, share, (runs, len(looks))), axis=1)
    raised = [
        any(split_evidence([one, of - one], [1, 1]) < THRESHOLD for one, of in zip(counts, looks.tolist(), strict=True))
        for counts in first.tolist()
    ]
    return float(np.mean(raised))


def measure_mismatch(runs: int) -> None:
    show("mismatch_1100_900_p_value", split_evidence([1_100, 900], [1, 1]), "p-value", THRESHOLD, users=2_000)
    show("mismatch_false_alarm_ratio", alarms(0.5, runs, 300), "ratio", THRESHOLD, n=runs, users=2_000)
    show("mismatch_drawn_55_45_found_ratio", alarms(0.55, runs, 301), "ratio", 1, n=runs, users=2_000)


def measure_assignment() -> None:
    django.setup()
    from django.utils import timezone

    from chat.models import PipelineConfig
    from monitoring.experiments.assignment import Arm, Asker, Plan, Planned, assign

    arms = (Arm(1, PipelineConfig(), 5_000), Arm(2, PipelineConfig(), 10_000))

    def experiment(number: int, traffic: int) -> Planned:
        return Planned(number, "USER", "USER", f"salt-{number}", number * traffic, traffic, timezone.now(), arms)

    askers = [Asker(number, UUID(int=number), "USER") for number in range(SPLIT_USERS)]
    alone = Plan((experiment(0, 10_000),))
    first = sum((found := assign(alone, asker)) is not None and found.variant_id == 1 for asker in askers)
    show("split_error_ratio", abs(first / SPLIT_USERS - 0.5), "ratio", 0.01, n=SPLIT_USERS)
    four = Plan(tuple(experiment(number, 2_500) for number in range(4)))
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        for asker in askers:
            assign(four, asker)
        seconds.append((time.perf_counter() - begin) / SPLIT_USERS)
    show("assignment_microseconds", 1e6 * float(np.median(seconds)), "us", 20, n=SPLIT_USERS, running=4)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--experiments", type=int, default=2_000, help="for each world and plan; half as many for each effect"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        measure_false_alarms(pool.map, options.experiments)
        measure_coverage(pool.map, options.experiments // 2)
        measure_power(pool.map, options.experiments)
    measure_mismatch(1_000)
    measure_assignment()


if __name__ == "__main__":
    main()
