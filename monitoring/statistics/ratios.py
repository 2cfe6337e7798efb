"""Figures of an experiment as ratios of sums over its units, and by how much two variants differ.

Answers of one user belong together, and users have different numbers of them, so the spread of a figure is that between
units, not between answers. The figure R = sum(x) / sum(y), of a unit's numerator x and denominator y, has the variance

    n / (n - 1) x sum((x - R y)^2) / sum(y)^2

(the delta method: Deng, Knoblich and Lu, Applying the delta method in metric analytics, KDD 2018). It needs six sums
and no row. n are the effective units, as R follows most those who have most to count; units without anything to count
add nothing.

Where few votes are given, all can be the same, and the formula sees no spread at all. For shares two votes more are
counted in the spread, one up and one not, as Agresti and Caffo do for the difference of two proportions (Simple and
effective confidence intervals, 2000). The difference stays as observed.
"""

import math
from dataclasses import dataclass

# Of units with something to count, in each variant: with fewer, the spread that is estimated is no ground for anything.
MINIMUM_UNITS = 20.0


@dataclass(frozen=True, slots=True)
class Sums:
    """Over the units of one variant: their number, and sums of x, y, their squares and their product."""

    units: int
    x: float
    y: float
    xx: float
    yy: float
    xy: float

    @property
    def ratio(self) -> float | None:
        """The figure; None where nothing is counted."""
        return self.x / self.y if self.y > 0 else None

    @property
    def effective_units(self) -> float:
        """How many units with equally much to count are worth as much: one with half of all answers is most of them.
        Source: Kish, Survey Sampling, 1965."""
        return self.y**2 / self.yy if self.yy > 0 else 0.0

    @property
    def variance(self) -> float | None:
        """Of the ratio; None where no more than one unit has something to count."""
        return self._variance(0.0)

    @property
    def share_variance(self) -> float | None:
        """Of a ratio of some to all that is counted (0 <= x <= y for each unit), with two more; see above."""
        share = (self.x + 1) / (self.y + 2)
        return self._variance(share**2 + (1 - share) ** 2)

    def _variance(self, more: float) -> float | None:
        ratio = self.ratio
        units = self.effective_units
        if ratio is None or units <= 1:
            return None
        # Rounding can leave a little less than nothing.
        squares = max(self.xx - 2 * ratio * self.xy + ratio**2 * self.yy, 0.0) + more
        return units / (units - 1) * squares / self.y**2


@dataclass(frozen=True, slots=True)
class Difference:
    """Variant less control, with its standard error (more than 0) and the units of both."""

    value: float
    error: float
    units_a: int  # of the control
    units_b: int  # of the variant

    @property
    def units(self) -> int:
        """Both variants together, which is what plans count."""
        return self.units_a + self.units_b

    @property
    def spread(self) -> float:
        """The variance that the difference would have with one unit in all; divided by units, it is the present one."""
        return self.error**2 * self.units


def difference(control: Sums, variant: Sums, *, is_share: bool = False) -> Difference | None:
    """Return by how much the variant's figure is above the control's; None where nothing can be said of it yet.

    That is: a figure is undefined, fewer than MINIMUM_UNITS effective units have something to count in either variant,
    or no spread was seen. `is_share`: a unit's x is a part of its y, as votes up are of votes.
    """
    if control.ratio is None or variant.ratio is None:
        return None
    if min(control.effective_units, variant.effective_units) < MINIMUM_UNITS:
        return None
    variances = [sums.share_variance if is_share else sums.variance for sums in (control, variant)]
    error = math.sqrt(math.fsum(one for one in variances if one is not None))
    if None in variances or error <= 0:
        return None
    return Difference(variant.ratio - control.ratio, error, control.units, variant.units)
