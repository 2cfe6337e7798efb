"""Intervals of a difference that hold at all looks at once, so that one may look each hour and stop at any of them.

An interval for one look is wrong in one of twenty experiments at that look, and in many more at some look or other. The
intervals of a confidence sequence are wrong at any look, ever, in at most one of twenty. For a difference D with the
standard error e after n units, it is

    D -+ e x sqrt((1 + 1/u) x log((1 + u) / alpha^2))          with u = r n

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Time-uniform central limit theory and asymptotic confidence
sequences, Annals of Statistics 2024; the boundary is Robbins' normal mixture (1970). It is asymptotic: it takes D to be
nearly normal, hence the minimum of units in ratios.py. The number r is free, but must not follow from the outcome; here
the interval is narrowest at the planned number of units, where it is 1.55 times as wide as that for one look
(alpha = 0.05). As wide as that it can also be read this way: the mixture expects effects of about the size planned for.

Plans count the units of both variants together. Where the plan is made anew at each look from the spread seen by then
(units_needed in power.py), u is proportional to the information 1 / e^2, and the sequence runs on that: right also
where users come back and what is known of them grows without new users.
"""

import math
from functools import lru_cache

from scipy.special import lambertw, ndtri

from monitoring.statistics.ratios import Difference


@lru_cache(maxsize=64)
def tuned(alpha: float) -> float:
    """Return u at which the interval is narrowest: the u with u - log(1 + u) = -2 log(alpha)."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; it must be between 0 and 1.")
    return -float(lambertw(-(alpha**2) / math.e, k=-1).real) - 1


def boundary(progress: float, *, alpha: float) -> float:
    """Return how many standard errors the interval reaches to each side. `progress`: units by planned units."""
    if not progress > 0:
        raise ValueError(f"The part of the planned units is {progress}; it must be more than 0.")
    mixed = tuned(alpha) * progress
    return math.sqrt((1 + 1 / mixed) * (math.log1p(mixed) - 2 * math.log(alpha)))


def sequence_interval(difference: Difference, *, alpha: float, planned_units: float) -> tuple[float, float]:
    """Return the interval that may be looked at at any time. `planned_units`: of both variants together."""
    reach = boundary(_progress(difference, planned_units), alpha=alpha) * difference.error
    return difference.value - reach, difference.value + reach


def fixed_interval(difference: Difference, *, alpha: float) -> tuple[float, float]:
    """Return the usual interval, which holds for who looks once, at a time fixed before; for comparison only."""
    reach = float(-ndtri(alpha / 2)) * difference.error
    return difference.value - reach, difference.value + reach


def _progress(difference: Difference, planned_units: float) -> float:
    if not planned_units > 0:
        raise ValueError(f"The planned units are {planned_units}; they must be more than 0.")
    return difference.units / planned_units
