"""The shapes that a world is drawn in: one number for each turn, session or user."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Rng: TypeAlias = np.random.Generator


def lognormal(rng: Rng, median: Any, sigma: Any, size: int) -> Floats:
    """Draw `size` positive numbers around a median; sigma is that of their logarithm."""
    return np.asarray(median * np.exp(sigma * rng.standard_normal(size)), np.float64)


def happens(rng: Rng, probability: Any, size: int) -> Bools:
    """Draw whether each of `size` things happens."""
    return np.asarray(rng.random(size) < probability, np.bool_)
