"""Several figures of one experiment: the more are looked at, the more of them differ by chance.

The primary figure decides alone and is tested at alpha. What stands beside it, secondary figures, guardrails and
further variants, shares one alpha more, by Bonferroni: each interval is at alpha / m, so that all hold at once. That
holds for figures that depend on each other, as these do: they come from the same answers.
"""


def bonferroni(alpha: float, count: int) -> float:
    """Return the alpha of each of `count` intervals, so that all of them together hold with 1 - alpha."""
    if count < 0:
        raise ValueError(f"The number of figures is {count}; it cannot be negative.")
    return alpha / max(count, 1)
