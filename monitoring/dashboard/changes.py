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
FEW = 10  # a figure that rests on fewer is no measure for another


@dataclass(frozen=True, slots=True)
class Measured:
    """A rate or mean with the ends of its 95 % interval and what it rests on; None: unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """`by` is the difference, or with `is_relative` the part of the earlier value by which it changed; None where there
    is too little to say by how much, so that the earlier value itself says more."""

    by: float | None
    is_relative: bool
    verdict: Verdict


def relative_change(current: float | None, before: float | None, *, rests_on: int) -> Change | None:
    """Compare counts, sums and times; None where one is unknown, or nothing is as it was. `rests_on`: how many there
    are of what the comparison stands on, before for counts and sums, of the fewer for times."""
    if current is None or before is None or current == before == 0:
        return None
    return Change(None if rests_on < FEW or not before else current / before - 1, True, "none")


def difference(current: Measured, before: Measured, *, better: Better) -> Change | None:
    """Compare rates or means; None where one is unknown. It is unclear as long as the interval of the difference holds
    zero. One that rests on few is compared with nothing."""
    if current.value is None or before.value is None:
        return None
    if any(one.n is not None and one.n < FEW for one in (current, before)):
        return Change(None, False, "none")
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
