"""A figure against the same of the time before: how much it changed, and whether that is more than chance.

The interval of the difference of two rates or means comes from their own intervals (MOVER: Zou and Donner, Statistics
in Medicine 27, 2008; for two Wilson intervals it is Newcombe's method 10, Statistics in Medicine 17, 1998). A figure
without an interval, a count or a quantile, changes without a verdict.
"""

import math
from dataclasses import dataclass
from typing import Literal

Better = Literal["more", "less", "neither"]
Verdict = Literal["better", "worse", "unclear", "none"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A rate or mean with the ends of its 95 % interval and what it rests on; None: unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """`by` is the difference, or with `is_relative` the part of the earlier value by which it changed."""

    by: float
    is_relative: bool
    verdict: Verdict


def relative_change(current: float | None, before: float | None) -> Change | None:
    """Compare counts, sums and times; None where one is unknown or there was nothing before."""
    if current is None or not before:
        return None
    return Change(current / before - 1, True, "none")


def difference(current: Measured, before: Measured, *, better: Better) -> Change | None:
    """Compare rates or means; None where one is unknown. It is unclear as long as the interval of the difference holds
    zero."""
    if current.value is None or before.value is None:
        return None
    by = current.value - before.value
    ends = (current.low, current.high, before.low, before.high)
    if any(end is None for end in ends):
        return Change(by, False, "none")
    low, high, low_before, high_before = (float(end) for end in ends if end is not None)
    least = by - math.hypot(current.value - low, high_before - before.value)
    most = by + math.hypot(high - current.value, before.value - low_before)
    if least <= 0 <= most:
        return Change(by, False, "unclear")
    if better == "neither":
        return Change(by, False, "none")
    return Change(by, False, "better" if (by > 0) == (better == "more") else "worse")
