"""Two configs on the same items: by how much they differ, and how likely chance alone makes such a difference.

Both see the same questions, so each question is compared with itself, which is far more precise than two means. The
interval of the mean difference is that of means, on the scale -1 to 1. The p-value is

- McNemar's exact test where each value is 0 or 1 and each document has one item: of the items that differ, half would
  be won by chance (McNemar, 1947; a binomial test);
- Wilcoxon's signed-rank test on the sum of differences of each document otherwise (Wilcoxon, 1945). Items of one
  document are not independent, documents are; with one item a document it is the ordinary test. Documents whose
  differences sum up to 0 say nothing of the direction and are left out; up to 50 others the test is exact.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitoring.statistics.clusters import Floats, cluster_sums
from monitoring.statistics.intervals import DEFAULT_SEED, Interval, mean_interval

MCNEMAR = "exact McNemar"
WILCOXON = "Wilcoxon signed-rank"
# Up to so many documents that differ, the signed-rank test counts; beyond, the normal approximation is as good.
EXACT_MAX = 50
# Sums that are nearer to each other than the last digits of this are the same: 0.1 + 0.2 ties with 0.3.
_DECIMALS = 10


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Candidate minus baseline, over the items that both have a value for."""

    difference: Interval
    baseline: float  # mean
    candidate: float
    p_value: float  # two-sided
    test: str
    won: int  # items on which the candidate is higher
    lost: int
    tied: int


def paired_difference(
    *,
    baseline: Sequence[float | None],
    candidate: Sequence[float | None],
    clusters: Sequence[Hashable],
    confidence: float = 0.95,
    seed: int = DEFAULT_SEED,
) -> PairedDifference | None:
    """Compare values of the same items, in the same order; None when no item has both.

    Repetitions of an item are averaged first, see `item_means` of noise.py.
    """
    if not len(baseline) == len(candidate) == len(clusters):
        raise ValueError(
            f"There are {len(baseline)} values of the baseline, {len(candidate)} of the candidate and {len(clusters)} "
            "clusters; each item needs all three."
        )
    pairs = [
        (before, after, cluster)
        for before, after, cluster in zip(baseline, candidate, clusters, strict=True)
        if before is not None and after is not None
    ]
    differences = [after - before for before, after, _ in pairs]
    paired_clusters = [cluster for _, _, cluster in pairs]
    interval = mean_interval(differences, paired_clusters, confidence=confidence, seed=seed, scale=(-1.0, 1.0))
    if interval is None:
        return None
    rounded = np.round(differences, _DECIMALS).astype(np.float64)
    won, lost = int((rounded > 0).sum()), int((rounded < 0).sum())
    if interval.clusters == interval.n and all({before, after} <= {0, 1} for before, after, _ in pairs):
        from scipy.stats import binomtest  # takes a second to load, which only comparisons wait for

        test = MCNEMAR
        p_value = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
    else:
        test = WILCOXON
        sums, _ = cluster_sums(rounded, paired_clusters)
        p_value = _signed_rank(sums)
    return PairedDifference(
        difference=replace(interval, unscored=len(clusters) - len(pairs)),
        baseline=math.fsum(before for before, _, _ in pairs) / len(pairs),
        candidate=math.fsum(after for _, after, _ in pairs) / len(pairs),
        p_value=p_value,
        test=test,
        won=won,
        lost=lost,
        tied=len(pairs) - won - lost,
    )


def _signed_rank(sums: Floats) -> float:
    """Return the two-sided p-value. scipy is exact only where no two differences are as large as each other, and hits
    are nearly all so; with few documents the distribution over all orders of signs is counted here."""
    from scipy.stats import rankdata, wilcoxon  # likewise

    sums = np.round(sums, _DECIMALS).astype(np.float64)
    sums = sums[sums != 0]
    if len(sums) > EXACT_MAX:
        return float(wilcoxon(sums, method="asymptotic").pvalue)
    doubled = np.rint(2 * rankdata(np.abs(sums))).astype(np.int64)  # ties have halves
    chances = np.ones(1)  # of each sum of the ranks that are positive
    for rank in doubled:
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    positive = int(doubled[sums > 0].sum())
    return min(1.0, 2 * float(min(chances[: positive + 1].sum(), chances[positive:].sum())))
