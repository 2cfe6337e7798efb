"""How many more labels a judge needs, and which: so many of turns that it calls failing, so many of others.

Failing turns are rare, so that labelling turns at random mostly says how the judge does on good ones. Labelling more of
those that it calls failing costs nothing in truth, as long as weights make up for it (weighting.py). The arithmetic is
that of two samples: with the share f of turns that the judge calls failing (known of all judged turns), and the shares
p and q of failing turns among those that it calls failing and among the others (known from labels so far),

    odds of sensitivity = f p / ((1 - f) q)               variance of its log: (1 - p) / (a p) + (1 - q) / (b q)
    odds of specificity = (1 - f) (1 - q) / (f (1 - p))   variance of its log: p / (a (1 - p)) + q / (b (1 - q))
    kappa               = a function of f, p and q        variance: slopes squared, times p (1 - p) / a, q (1 - q) / b

for a labels of the ones and b of the others; the half-width is 1.96 standard errors, times sensitivity (1 -
sensitivity) for the log odds. a and b are the fewest in all that bring each half-width down to what is asked for. Turns
of one conversation say less than as many alone, by the design effect; that is the labels' so far.

Source: the delta method; Cochran, Sampling Techniques, 1977, on strata.
"""

import math
from dataclasses import dataclass

import numpy as np

CONFIDENT = 1.96
SHARES = tuple(np.linspace(0.02, 0.98, 97))  # of all labels that are of turns called failing, to choose from
SLOPE_STEP = 1e-6


@dataclass(frozen=True, slots=True)
class Rates:
    """What a plan rests on. `failing_share`: of judged turns that the judge calls failing; `failing_if_called` and
    `failing_if_not`: shares of turns that people call failing among these and among the others, all within 0..1;
    `design_effect`: how many turns of conversations say as much as one alone."""

    failing_share: float
    failing_if_called: float
    failing_if_not: float
    design_effect: float = 1.0

    @property
    def sensitivity(self) -> float:
        found = self.failing_share * self.failing_if_called
        return found / (found + (1 - self.failing_share) * self.failing_if_not)

    @property
    def specificity(self) -> float:
        left = (1 - self.failing_share) * (1 - self.failing_if_not)
        return left / (left + self.failing_share * (1 - self.failing_if_called))

    @property
    def kappa(self) -> float:
        return _kappa(self.failing_share, self.failing_if_called, self.failing_if_not)


@dataclass(frozen=True, slots=True)
class Plan:
    """Labels wanted in all, of turns that the judge calls failing and of others, and how near that brings each."""

    called: int
    others: int
    half_widths: dict[str, float]  # of sensitivity, specificity and kappa

    @property
    def total(self) -> int:
        return self.called + self.others


def half_widths(rates: Rates, called: float, others: float) -> dict[str, float]:
    """Return half of each 95 % interval with so many labels."""
    p, q, effect = rates.failing_if_called, rates.failing_if_not, rates.design_effect
    by_called, by_others = _slopes(rates)
    spreads = {
        "sensitivity": rates.sensitivity
        * (1 - rates.sensitivity)
        * math.sqrt((1 - p) / (called * p) + (1 - q) / (others * q)),
        "specificity": rates.specificity
        * (1 - rates.specificity)
        * math.sqrt(p / (called * (1 - p)) + q / (others * (1 - q))),
        "kappa": math.sqrt(by_called**2 * p * (1 - p) / called + by_others**2 * q * (1 - q) / others),
    }
    return {name: CONFIDENT * spread * math.sqrt(effect) for name, spread in spreads.items()}


def plan_labels(rates: Rates, half_width: float) -> Plan:
    """Return the fewest labels with which sensitivity, specificity and kappa are known to +/- `half_width`."""
    if not 0 < half_width < 1:
        raise ValueError(f"A half-width is between 0 and 1, not {half_width}.")
    # All half-widths shrink by the root of the labels, so that with each share the number follows from one label.
    needed = [max(half_widths(rates, share, 1 - share).values()) ** 2 / half_width**2 for share in SHARES]
    best = int(np.argmin(needed))
    called = math.ceil(needed[best] * SHARES[best])
    others = math.ceil(needed[best] * (1 - SHARES[best]))
    return Plan(called, others, half_widths(rates, called, others))


def _kappa(failing_share: float, p: float, q: float) -> float:
    """Return kappa of failing or not."""
    truly = failing_share * p + (1 - failing_share) * q
    agreement = failing_share * p + (1 - failing_share) * (1 - q)
    chance = failing_share * truly + (1 - failing_share) * (1 - truly)
    return (agreement - chance) / (1 - chance)


def _slopes(rates: Rates) -> tuple[float, float]:
    """Return by how much kappa changes with each of the two shares of failing turns."""
    f, p, q = rates.failing_share, rates.failing_if_called, rates.failing_if_not
    by_called = (_kappa(f, p + SLOPE_STEP, q) - _kappa(f, p - SLOPE_STEP, q)) / (2 * SLOPE_STEP)
    by_others = (_kappa(f, p, q + SLOPE_STEP) - _kappa(f, p, q - SLOPE_STEP)) / (2 * SLOPE_STEP)
    return by_called, by_others
