"""What is sure to be more than chance, for rules that look every minute for years.

A rule that looks at an hour's rate 720 times a month, and at several rates, finds something by a 95 % interval every
day. These ends are exact (Clopper and Pearson, The use of confidence or fiducial limits, Biometrika 1934) and hold in
all but one of 100,000 looks, whatever the rate: with the usual approximations a rare event in a small sample passes far
more often than they say.
"""

from scipy.special import betaincinv, ndtri

CHANCE = 1e-5  # of an end that is wrong, in one look


def surely_at_least(successes: int, n: int, *, chance: float = CHANCE) -> float:
    """Return the rate that the true one is sure to reach, 0 to 1; 0 where nothing is counted."""
    if not 0 <= successes <= n:
        raise ValueError(f"There cannot be {successes} of {n}.")
    return float(betaincinv(successes, n - successes + 1, chance)) if successes else 0.0


def mean_surely_at_least(mean: float, standard_error: float, *, chance: float = CHANCE) -> float:
    """Return what a mean of many is sure to reach; by the normal distribution, so not for fewer than some 30."""
    return mean + float(ndtri(chance)) * standard_error
