"""Several figures of one experiment: the more are looked at, the more of them differ by chance.

The primary figure decides alone and is tested at alpha. What stands beside it, secondary figures, guardrails and
further variants, shares one alpha more: intervals by Bonferroni (each at alpha / m, so that all hold at once),
decisions by Holm's method on p-values that hold at all looks (sequence_p_value), which finds no less. Both hold for
figures that depend on each other, as these do: they come from the same answers.
"""

from collections.abc import Mapping

from monitoring.statistics.comparison import holm


def bonferroni(alpha: float, count: int) -> float:
    """Return the alpha of each of `count` intervals, so that all of them together hold with 1 - alpha."""
    if count < 0:
        raise ValueError(f"The number of figures is {count}; it cannot be negative.")
    return alpha / max(count, 1)


def surely_different(p_values: Mapping[str, float], alpha: float) -> frozenset[str]:
    """Return the names whose difference is more than chance, by Holm's method: any wrong one with chance alpha."""
    return frozenset(name for name, p_value in holm(p_values).items() if p_value < alpha)
