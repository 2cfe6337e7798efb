"""Cohen's kappa of two raters, with an interval that items of one cluster depend on each other in.

    kappa = (agreement - agreement by chance) / (1 - agreement by chance)

where chance draws both labels from what each rater gives in all (Cohen, A coefficient of agreement for nominal scales,
1960). It comes from a table of counts, one for each cluster: rows are the first rater's labels, columns the second's.

The interval is Student's on Fisher's scale, atanh(kappa), which stretches near 1, where kappa is skewed; its standard
error is that of a bootstrap of whole clusters. Percentiles of the same bootstrap are too narrow, and the bootstrap of t
misses where kappa is large and one label rare. Where a label is so rare that few items or none have it, all of these
see too little spread; the step is then that of independent items with UNSEEN more, spread evenly over the table, as
Agresti and Coull do for a share (1998). Two raters who never differ have no spread at all; how many differences can
hide in so few items is taken from the interval of their agreement. docs/judge-quality.md says what it covers.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from monitoring.statistics.clusters import BOOTSTRAP_CLUSTERS_MAX, Floats, drawn_weights, effective_clusters
from monitoring.statistics.intervals import DEFAULT_SEED, Interval, share_interval

_EQUAL = 1e-12
_LEAST_FREEDOM = 0.1
_MOST = 0.999_999  # atanh is infinite at 1
UNSEEN = 4.0  # items
MAX_STEP = 8.0  # on Fisher's scale: tanh of it is 1


def kappa_of(table: Floats) -> float | None:
    """Return the kappa of a table of counts; None where it has none: no items, or both give one and the same label."""
    value = float(kappas(table[np.newaxis])[0])
    return value if math.isfinite(value) else None


def kappas(tables: Floats) -> Floats:
    """Return the kappa of each of several tables; NaN where it has none."""
    items = tables.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        agreement = np.trace(tables, axis1=1, axis2=2) / items
        chance = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1) / items**2
        values = (agreement - chance) / (1 - chance)
    return np.where(1 - chance > _EQUAL, values, np.nan).astype(np.float64)


def kappa_interval(tables: Floats, *, n: int, confidence: float = 0.95, seed: int = DEFAULT_SEED) -> Interval | None:
    """Return kappa over all clusters' tables (clusters x labels x labels), with its interval; None where it has none.

    `n`: items. Without an interval where all items are of one cluster.
    """
    counts = tables.sum(axis=(1, 2))
    tables, counts = tables[counts > 0], counts[counts > 0]
    total = tables.sum(axis=0)
    value, number = kappa_of(total), len(tables)
    if value is None:
        return None
    if number < 2:
        return Interval(value, None, None, n, number)
    quantile = float(stdtrit(max(effective_clusters(counts) - 1, _LEAST_FREEDOM), (1 + confidence) / 2))
    if 1 - value < _EQUAL:
        agreement = share_interval(np.trace(tables, axis1=1, axis2=2), counts, n=n, confidence=confidence, seed=seed)
        hidden = 1 - agreement.low if agreement and agreement.low is not None else 1.0
        chance = float((total.sum(axis=1) * total.sum(axis=0)).sum() / total.sum() ** 2)
        return Interval(value, max(-1.0, 1 - hidden / (1 - chance)), 1.0, n, number)
    held = min(max(value, -_MOST), _MOST)
    seen = _standard_error(tables, total, seed) / (1 - held**2)
    step = min(quantile * max(seen, _least_error(total * n / total.sum())), MAX_STEP)
    return Interval(value, math.tanh(math.atanh(held) - step), math.tanh(math.atanh(held) + step), n, number)


def _standard_error(tables: Floats, total: Floats, seed: int) -> float:
    """Return the standard error of kappa: by a bootstrap of clusters, or with very many by what it approaches."""
    number = len(tables)
    flat = tables.reshape(number, -1)
    if number > BOOTSTRAP_CLUSTERS_MAX:
        spread = math.sqrt(float(np.square(flat @ _gradient(total).ravel()).sum()))
    else:
        drawn = drawn_weights(number, seed) @ flat.astype(np.float32)
        spread = float(np.nanstd(kappas(drawn.astype(np.float64).reshape(-1, *total.shape))))
    return spread * math.sqrt(number / (number - 1))


def _least_error(total: Floats) -> float:
    """Return the standard error on Fisher's scale, for independent items with a few more that nobody has seen."""
    smoothed = total + UNSEEN / total.size
    items = smoothed.sum()
    shares, slopes = smoothed / items, _gradient(smoothed) * items
    variance = float((shares * slopes**2).sum() - (shares * slopes).sum() ** 2) / items
    value = float(kappas(smoothed[np.newaxis])[0])
    return math.sqrt(max(variance, 0.0)) / (1 - min(abs(value), _MOST) ** 2)


def _gradient(table: Floats) -> NDArray[np.float64]:
    """Return by how much kappa changes with each cell of a table."""
    items = table.sum()
    rows, columns = table.sum(axis=1) / items, table.sum(axis=0) / items
    agreement, chance = np.trace(table) / items, rows @ columns
    by_agreement = (np.eye(len(table)) - agreement) / items
    by_chance = (columns[:, np.newaxis] + rows[np.newaxis] - 2 * chance) / items
    changes = (by_agreement * (1 - chance) - by_chance * (1 - agreement)) / (1 - chance) ** 2
    return np.asarray(changes, np.float64)
