"""The noise floor of each KPI: how large a difference is between two halves of the same traffic.

Units of the last weeks are divided in two at random, a few hundred times, as an experiment without any difference would
divide them. The difference that 95 of 100 of these do not exceed is the noise floor: what is smaller than that cannot
be seen in so much traffic, and is nothing to be glad or sorry about.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from monitoring.experiments.counting import Floats, Traffic, unit_values

SPLITS = 200
SEED = 1
MINIMUM_UNITS = 20  # with fewer, halves say nothing
_AT_ONCE = 4_000_000  # draws that are in memory together


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """In the KPI's own unit. `units` that had something to count, and `n`: how much."""

    floor: float
    units: int
    n: float


def noise_floors(traffic: Traffic) -> Mapping[str, NoiseFloor]:
    """Return the noise floor of each KPI for which there is enough traffic. One query; the same data give the same."""
    floors = {}
    for kpi, (x, y) in unit_values(traffic).items():
        if len(x) >= MINIMUM_UNITS and (floor := noise_floor(x, y)) is not None:
            floors[kpi] = NoiseFloor(floor, len(x), float(y.sum()))
    return floors


def noise_floor(x: Floats, y: Floats, *, splits: int = SPLITS, seed: int = SEED) -> float | None:
    """Return the difference between random halves of units that 95 % of the splits do not exceed; None where halves
    have nothing to compare."""
    random = np.random.default_rng(seed)
    both = np.column_stack([x, y])
    differences: list[float] = []
    for _ in range(0, splits, step := max(1, _AT_ONCE // len(x))):
        drawn = random.random((min(step, splits - len(differences)), len(x))) < 0.5
        first = drawn @ both
        second = both.sum(axis=0) - first
        with np.errstate(divide="ignore", invalid="ignore"):
            differences += np.abs(first[:, 0] / first[:, 1] - second[:, 0] / second[:, 1]).tolist()
    found = np.asarray(differences)
    found = found[np.isfinite(found)]
    return float(np.quantile(found, 0.95)) if len(found) else None
