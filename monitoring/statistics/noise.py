"""How much of a difference is nothing but repetition: a model does not answer the same question twice the same.

From repetitions of the same config, the spread of each item's values is known, without the spread between items. The
noise floor is the size of difference between two means that these alone produce, 95 times of 100:

    t x sqrt(sum of variances of A's items / (R_A n^2) + the same of B)

where R counts the repetitions that each mean averages, n the items, and t is Student's for the items' repetitions. It
takes noise to be independent from item to item; what shifts all answers of a day together, such as another version of
the model behind a name, it does not see.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

Repetitions = Sequence[Sequence[float | None]]  # each with one value an item, in the same order


def item_means(repetitions: Repetitions) -> list[float | None]:
    """Return each item's mean over the repetitions that scored it; None where none did."""
    means: list[float | None] = []
    for values in zip(*repetitions, strict=True):
        scored = [value for value in values if value is not None]
        means.append(math.fsum(scored) / len(scored) if scored else None)
    return means


def noise_floor(*configs: Repetitions, confidence: float = 0.95) -> float | None:
    """Return the difference that repetition alone produces between the means of two configs, or of one with itself.

    One or two configs. The noise of one that was not repeated is taken to be the other's; None when neither was, so
    that nothing is known.
    """
    if len(configs) not in (1, 2):
        raise ValueError(f"The noise floor is one of 1 or 2 configs, not of {len(configs)}.")
    if len(configs) == 1:
        configs = (configs[0], configs[0])
    measured = [_item_variance(config) for config in configs]
    known = [one for one in measured if one is not None]
    if not known:
        return None
    variance = 0.0
    for config, one in zip(configs, measured, strict=True):
        item_variance, _ = one if one is not None else known[0]
        items = sum(1 for mean in item_means(config) if mean is not None)
        if items == 0:
            return None
        variance += item_variance / (items * len(config))
    freedom = min(degrees for _, degrees in known)
    return float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(variance)


def _item_variance(repetitions: Repetitions) -> tuple[float, int] | None:
    """Return the variance of an item's values, averaged over items, with its degrees of freedom."""
    squares, degrees = 0.0, 0
    for values in zip(*repetitions, strict=True):
        scored = np.asarray([value for value in values if value is not None], np.float64)
        if len(scored) > 1:
            squares += float(np.square(scored - scored.mean()).sum())
            degrees += len(scored) - 1
    return (squares / degrees, degrees) if degrees else None
