"""How many turns fail, as the judge reports it and corrected for how the judge errs, each with its 95 % interval.

The correction is Rogan and Gladen's (monitoring.statistics.rogan_gladen), by the labelled turns weighted to all judged
ones (weighting.py). Disputed turns are no part of it: it counts failures that reviewers agree on.
"""

from dataclasses import dataclass

import numpy as np

from monitoring.judges.criteria import Criterion
from monitoring.quality.figures import NO_LABELS, Figure, figure
from monitoring.quality.weighting import Basis, Judged, Weighted
from monitoring.statistics.clusters import Floats
from monitoring.statistics.intervals import Interval, share_interval
from monitoring.statistics.rogan_gladen import corrected_rate


@dataclass(frozen=True, slots=True)
class FailureRate:
    """The share of judged turns that fail. `sensitivity` and `specificity`: weighted, as the correction uses them."""

    reported: Figure
    corrected: Figure
    judged: int
    labels: int = 0  # that the correction rests on
    basis: Basis | None = None
    sensitivity: float | None = None
    specificity: float | None = None


def correct(judged: Judged, weighted: Weighted, criterion: Criterion) -> FailureRate:
    """Return the reported and the corrected rate."""
    places = {conversation_id: place for place, conversation_id in enumerate(judged.counts)}
    counts = np.asarray(list(judged.counts.values()), np.float64).reshape(-1, 2)
    reported = figure(
        share_interval(counts[:, 0], counts[:, 1], n=judged.total),
        otherwise="No data: it has judged no turn.",
        one_cluster="All judged turns are of one conversation, which says nothing of others.",
    )
    if not weighted.turns:
        return FailureRate(reported, Figure(None, weighted.reason or NO_LABELS), judged.total)
    tables = np.zeros((len(places), 2, 2))
    for turn, weight in zip(weighted.turns, weighted.weights, strict=True):
        cell = int(not criterion.is_failing(turn.reviewer_label)), int(not criterion.is_failing(turn.judge_label))
        tables[places[turn.conversation_id]][cell] += weight
    found = corrected_rate(tables, counts, items=len(weighted.turns))
    labels = len(weighted.turns)
    if found is None:
        return FailureRate(reported, Figure(None, _why_not(tables)), judged.total, labels, weighted.basis)
    conversations = int((tables.sum(axis=(1, 2)) > 0).sum())
    corrected = Figure(Interval(found.value, found.low, found.high, labels, conversations))
    return FailureRate(reported, corrected, judged.total, labels, weighted.basis, found.sensitivity, found.specificity)


def _why_not(tables: Floats) -> str:
    """Return why there is no correction."""
    failing, others = tables.sum(axis=0)
    if not failing.sum():
        return "No labelled turn is failing, so it is not known how many of these the judge finds."
    if not others.sum():
        return "All labelled turns are failing, so it is not known how many others the judge calls failing."
    if (tables.sum(axis=(1, 2)) > 0).sum() < 2:
        return "All labelled turns are of one conversation, which says nothing of others."
    return (
        f"Sensitivity ({failing[0] / failing.sum():.3f}) and specificity ({others[1] / others.sum():.3f}) add up to no "
        "more than 1: it calls as many good turns failing as failing ones, which nothing can correct."
    )
