"""Items that belong together, counted as one observation: how far a mean would move with other documents.

Questions about one document succeed and fail together, so a thousand questions about fifty documents say as much as
fifty observations and a little. What is drawn anew is therefore whole clusters, with all their items.
"""

from collections.abc import Hashable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# With so many the standard error is off by 1 / sqrt(2 x 2,000) = 1.6 %.
REPLICATES = 2_000
# From here on the formula is used that the bootstrap approaches: drawing would take long and change no digit shown.
BOOTSTRAP_CLUSTERS_MAX = 2_000

Floats = NDArray[np.float64]


def cluster_sums(values: Floats, clusters: Sequence[Hashable]) -> tuple[Floats, Floats]:
    """Return for each cluster the sum of its values and their number."""
    numbers: dict[Hashable, int] = {}
    places = np.fromiter((numbers.setdefault(cluster, len(numbers)) for cluster in clusters), np.intp, len(values))
    return np.bincount(places, values).astype(np.float64), np.bincount(places).astype(np.float64)


def standard_error(sums: Floats, counts: Floats, *, seed: int) -> float:
    """Return the standard error of the mean over all items, by a bootstrap of clusters; two clusters at least.

    The factor C / (C - 1) takes out that C drawn from C vary less than C new ones would.
    """
    number = len(sums)
    mean = sums.sum() / counts.sum()
    # What each cluster has above the mean: exactly as good, and precise also in single precision.
    surplus = sums - counts * mean
    if number > BOOTSTRAP_CLUSTERS_MAX:
        spread = np.sqrt(np.square(surplus).sum()) / counts.sum()
    else:
        drawn = drawn_weights(number, seed) @ np.column_stack([surplus, counts]).astype(np.float32)
        spread = np.std(drawn[:, 0].astype(np.float64) / drawn[:, 1])
    return float(spread * np.sqrt(number / (number - 1)))


def effective_clusters(counts: Floats) -> float:
    """Return how many clusters of one size are worth as much: one with half of all items is most of the evidence.
    Source: Kish, Survey Sampling, 1965; as degrees of freedom: Carter, Schnepel and Steigerwald, 2017."""
    return float(counts.sum() ** 2 / np.square(counts).sum())


@lru_cache(maxsize=4)
def drawn_weights(number: int, seed: int) -> NDArray[np.float32]:
    """Return how often each cluster is drawn in each replicate (replicates x clusters), as all measures of a run share
    it: at most 16 MB for BOOTSTRAP_CLUSTERS_MAX clusters."""
    drawn = np.random.default_rng(seed).integers(0, number, size=(REPLICATES, number))
    drawn += np.arange(REPLICATES)[:, np.newaxis] * number
    counts = np.bincount(drawn.ravel(), minlength=REPLICATES * number)
    return counts.reshape(REPLICATES, number).astype(np.float32)
