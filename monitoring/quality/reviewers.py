"""Do reviewers agree with each other? A judge cannot be asked to agree with them more than they do.

Formula   Cohen's kappa and agreement over the turns that two reviewers labelled, blind to each other
Interval  95 %, clustered by conversation
Empty     no turn with two labels: no figure, and the reason
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.judges.criteria import Criterion
from monitoring.quality.agreement import ONE_LABEL, tables_of
from monitoring.quality.figures import Figure, figure
from monitoring.quality.labelled import LIVE_ORIGINS, doubly_labelled
from monitoring.statistics.intervals import share_interval
from monitoring.statistics.kappa import kappa_interval

NOT_DOUBLE = "No data: no turn has the labels of two reviewers."
ONE_CONVERSATION = "All turns with two labels are of one conversation, which says nothing of others."


@dataclass(frozen=True, slots=True)
class ReviewersAgreement:
    """How well two reviewers agree. `pairs`: of labels."""

    pairs: int
    kappa: Figure
    agreement: Figure


def reviewers_agreement(criterion: Criterion, *, origins: Sequence[str] = LIVE_ORIGINS) -> ReviewersAgreement:
    """Return how well reviewers agree with each other by a criterion. One query.

    Which of the two is the first is by who labelled first; kappa of swapped pairs differs little and means the same, so
    each pair is counted both ways, half each.
    """
    found = doubly_labelled(criterion.name, origins=origins)
    pairs = [(label.first, label.second) for label in found]
    tables = tables_of(pairs, [label.conversation_id for label in found], criterion).weighted
    either_way = (tables + tables.transpose(0, 2, 1)) / 2
    counts = tables.sum(axis=(1, 2))
    return ReviewersAgreement(
        len(found),
        figure(
            kappa_interval(either_way, n=len(found)),
            otherwise=ONE_LABEL if found else NOT_DOUBLE,
            one_cluster=ONE_CONVERSATION,
        ),
        figure(
            share_interval(np.trace(tables, axis1=1, axis2=2), counts, n=len(found)),
            otherwise=NOT_DOUBLE,
            one_cluster=ONE_CONVERSATION,
        ),
    )
