"""How often something is true, from a judge that errs: the rate that it reports, corrected for its known errors.

    rate = (reported rate + specificity - 1) / (sensitivity + specificity - 1)        clipped to 0..1

Source: Rogan and Gladen, Estimating prevalence from the results of a screening test, 1978. With a judge that finds
failures no more often among failures than elsewhere (sensitivity + specificity <= 1) there is nothing to correct by.

The interval holds the uncertainty of both: of the labelled items, which say how the judge errs, and of the judged ones,
which say what it reports. Clusters are drawn anew, those with labels apart from those without, each with all its items;
the ends are percentiles of what follows. Labels are few, and errors that have not been seen yet occur all the same, so
each of the four cells (truth x judge) gets in each replicate a random weight more, exponential with the mean of one
item. Without that, the interval is too narrow, see docs/judge-quality.md. A replicate in which the judge is of no use
allows each rate.
"""

from dataclasses import dataclass

import numpy as np

from monitoring.statistics.clusters import BOOTSTRAP_CLUSTERS_MAX, REPLICATES, Floats, drawn_weights
from monitoring.statistics.intervals import DEFAULT_SEED


@dataclass(frozen=True, slots=True)
class CorrectedRate:
    """A rate with its interval, and the errors that it was corrected by."""

    value: float
    low: float
    high: float
    sensitivity: float
    specificity: float


def rogan_gladen(reported: float, sensitivity: float, specificity: float) -> float | None:
    """Return the corrected rate; None where the judge is of no use."""
    use = sensitivity + specificity - 1
    return min(max((reported + specificity - 1) / use, 0.0), 1.0) if use > 0 else None


def corrected_rate(
    tables: Floats, judged: Floats, *, items: int, confidence: float = 0.95, seed: int = DEFAULT_SEED
) -> CorrectedRate | None:
    """Return the rate of what is true among all judged items.

    A row for each cluster: `tables` (clusters x 2 x 2) has the weights of its labelled items, rows whether it is true,
    columns whether the judge says so, yes first; `judged` (clusters x 2) how many items the judge said yes to, and how
    many it judged. `items`: labelled ones, whose weights `tables` holds. None where there is no correction: no true or
    no other item is labelled, fewer than two clusters have labels, nothing is judged, or the judge is of no use.
    """
    labelled = tables.sum(axis=(1, 2)) > 0
    total, reports = tables.sum(axis=0), judged.sum(axis=0)
    if labelled.sum() < 2 or not total.sum(axis=1).all() or not reports[1]:
        return None
    sensitivity, specificity = (float(share) for share in np.diagonal(total) / total.sum(axis=1))
    value = rogan_gladen(float(reports[0] / reports[1]), sensitivity, specificity)
    if value is None:
        return None
    rates = _replicates(tables, judged, tables.sum() / items, seed)
    lowest, highest = np.nan_to_num(rates, nan=0.0), np.nan_to_num(rates, nan=1.0)
    low = float(np.quantile(lowest, (1 - confidence) / 2))
    high = float(np.quantile(highest, (1 + confidence) / 2))
    return CorrectedRate(value, min(low, value), max(high, value), sensitivity, specificity)


def _replicates(tables: Floats, judged: Floats, weight: float, seed: int) -> Floats:
    """Return the corrected rate in each replicate; NaN where the judge is of no use. `weight`: an item's mean."""
    labelled = tables.sum(axis=(1, 2)) > 0
    known = np.column_stack([tables[labelled].reshape(-1, 4), judged[labelled]])
    with_labels, others = _drawn_sums(known, seed), _drawn_sums(judged[~labelled], seed + 1)
    unseen = np.random.default_rng(seed + 2).exponential(size=(REPLICATES, 4))
    cells = with_labels[:, :4] + unseen * weight
    reports = with_labels[:, 4:] + others
    sensitivity = cells[:, 0] / (cells[:, 0] + cells[:, 1])
    specificity = cells[:, 3] / (cells[:, 2] + cells[:, 3])
    use = sensitivity + specificity - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.clip((reports[:, 0] / reports[:, 1] + specificity - 1) / use, 0.0, 1.0)
    return np.where(use > 0, rates, np.nan).astype(np.float64)


def _drawn_sums(rows: Floats, seed: int) -> Floats:
    """Return the sums over clusters in each replicate; with very many clusters from the normal that they approach."""
    number = len(rows)
    if number <= 1:
        return np.broadcast_to(rows.sum(axis=0), (REPLICATES, rows.shape[1])).astype(np.float64)
    if number <= BOOTSTRAP_CLUSTERS_MAX:
        return (drawn_weights(number, seed) @ rows.astype(np.float32)).astype(np.float64)
    spread = np.cov(rows, rowvar=False) * number
    return np.random.default_rng(seed).multivariate_normal(rows.sum(axis=0), spread, REPLICATES, method="eigh")
