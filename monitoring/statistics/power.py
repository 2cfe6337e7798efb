"""How much traffic an experiment needs, and how surely it finds an effect, when it is looked at all the time.

On the scale of planned units, s = n / planned, the difference over its standard error times sqrt(s) is a Brownian
motion with drift (Jennison and Turnbull, Group sequential methods, 1999: the canonical joint distribution)

    drift = effect / sqrt(spread / planned)

and the effect is found when the motion leaves the boundary of the confidence sequence at a look. The chance of that is
computed by recursion from look to look (Armitage, McPherson and Rowe, Repeated significance tests, 1969).

"Spread" is the variance that a difference would have with one unit in all: `Difference.spread` where it runs,
`planned_spread` before. Units are those of both variants together.
"""

import math
from functools import lru_cache

import numpy as np

from monitoring.statistics.ratios import Sums
from monitoring.statistics.sequences import boundary

LOOKS = 100  # with three times as many, the power is one point higher
_CELLS = 8  # a standard deviation of the way between two looks; the power is then right to 0.001
_TAIL = 7  # standard deviations that are followed
_MOST_DRIFT = 50.0


def planned_spread(control: Sums, *, share: float = 0.5, is_share: bool = False, effect: float = 0.0) -> float | None:
    """Return the spread to expect from units without an experiment; None where they do not show one.

    `share`: the variant's part of the units of both, 0 to 1. `effect`: of the variant, with its sign; it changes the
    spread of a figure that counts some of all (`is_share`), which is largest at a half: from 2 to 4 % failures it
    nearly doubles, from 60 to 80 % thumbs up it falls by a third.
    """
    if not 0 < share < 1:
        raise ValueError(f"The share is {share}; it must be between 0 and 1.")
    variance = control.share_variance if is_share else control.variance
    if not variance:
        return None
    grown = _growth(control, effect) if is_share else 1.0
    return variance * control.units * (1 / (1 - share) + grown / share)


def _growth(control: Sums, effect: float) -> float:
    """Return the variance p (1 - p) of a share with the effect, by that without it. No share is taken to be all or
    nothing."""
    one = 1 / (control.y + 2)
    before = (control.x + 1) * one
    after = min(max(before + effect, one), 1 - one)
    return after * (1 - after) / (before * (1 - before))


def units_needed(*, spread: float, effect: float, alpha: float, power: float, looks: int = LOOKS) -> int:
    """Return how many units of both variants together find the effect with that chance, in so many looks at most.

    The same number is to be given to `sequence_interval` as the planned units.
    """
    if effect == 0 or spread <= 0:
        raise ValueError(f"An effect of {effect} with a spread of {spread} needs no number of units.")
    return max(2, math.ceil(drift_needed(alpha=alpha, power=power, looks=looks) ** 2 * spread / effect**2))


def effect_found(*, spread: float, units: int, alpha: float, power: float, looks: int = LOOKS) -> float:
    """Return the smallest effect that so many units, when planned for, find with that chance."""
    return drift_needed(alpha=alpha, power=power, looks=looks) * math.sqrt(spread / units)


def power_of(
    *, spread: float, effect: float, units: float, alpha: float, planned_units: float, looks: int = LOOKS
) -> float:
    """Return the chance, 0 to 1, that an experiment planned for `planned_units` finds the effect within `units`."""
    drift = abs(effect) / math.sqrt(spread / planned_units)
    return found_chance(drift, until=units / planned_units, alpha=alpha, looks=looks)


@lru_cache(maxsize=256)
def drift_needed(*, alpha: float, power: float, looks: int = LOOKS) -> float:
    """Return the drift that leaves the boundary with that chance by the planned units."""
    if not alpha < power < 1:
        raise ValueError(f"The power is {power}; it must be between alpha ({alpha}) and 1.")
    from scipy.optimize import brentq  # takes a quarter of a second to load, and nothing else needs it

    return float(brentq(lambda drift: found_chance(drift, alpha=alpha, looks=looks) - power, 0, _MOST_DRIFT, xtol=1e-4))


def found_chance(drift: float, *, until: float = 1.0, alpha: float, looks: int = LOOKS) -> float:
    """Return the chance that the motion is outside of the boundary at one of `looks` equal steps up to `until`."""
    if looks < 1 or not until > 0:
        raise ValueError(f"There are {looks} looks until {until}; both must be more than 0.")
    step = until / looks
    deviation = math.sqrt(step)
    width = deviation / _CELLS
    times = step * np.arange(1, looks + 1)
    bounds = np.asarray([boundary(time, alpha=alpha) * math.sqrt(time) for time in times])
    half = math.ceil(bounds[-1] / width) + 1
    places = width * np.arange(-half, half + 1)
    # How far the motion goes from one look to the next, in cells; enough of them for the drift and the tails.
    reach = math.ceil((_TAIL * deviation + drift * step) / width)
    way = (width * np.arange(-reach, reach + 1) - drift * step) / deviation
    jump = np.exp(-np.square(way) / 2) / (_CELLS * math.sqrt(2 * math.pi))
    inside = np.zeros(len(places))
    inside[half] = 1.0
    for bound in bounds:
        inside = np.convolve(inside, jump)[reach:-reach]
        # A cell through which the boundary goes counts with its part inside.
        inside *= np.clip((bound - np.abs(places)) / width + 0.5, 0.0, 1.0)
    return float(min(max(1 - inside.sum(), 0.0), 1.0))
