"""Whether units were split as planned. Where not, something loses units of one variant, and no figure can be trusted.

The test may be looked at at any time: the counts' likelihood, averaged over all splits that a Dirichlet distribution
around the planned one makes likely, against that of the planned split; one over it is a p-value at all looks at once.
Source: Lindon and Malek, Anytime-valid inference for multinomial count data, NeurIPS 2022. The average weighs splits
that are off by some points; any split that is off is found in the end.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

THRESHOLD = 0.01  # of the p-value: below it no verdict is given
# The splits that are averaged over are those that so many units would have by chance: with 200, off by 3.5 points.
CONCENTRATION = 200.0


def split_evidence(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return the p-value of the split: the smaller, the surer it is that units were not split by `shares`.

    `counts` has the units of each variant, `shares` their planned parts, on any scale. 1 where nothing was counted.
    """
    if len(counts) != len(shares) or len(counts) < 2:
        raise ValueError(f"There are {len(counts)} counts and {len(shares)} shares; two or more of both are needed.")
    if min(counts) < 0 or min(shares) <= 0:
        raise ValueError(f"Counts {list(counts)} and shares {list(shares)} must not be negative, and shares not 0.")
    found = np.asarray(counts, np.float64)
    planned = np.asarray(shares, np.float64) / math.fsum(shares)
    prior = CONCENTRATION * planned
    averaged = (
        gammaln(CONCENTRATION) - gammaln(CONCENTRATION + found.sum()) + (gammaln(prior + found) - gammaln(prior)).sum()
    )
    return float(np.exp(min(0.0, (found * np.log(planned)).sum() - averaged)))
