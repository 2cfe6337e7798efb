"""Reciprocal rank, RR@k: how far down is the first relevant id? Its mean over items is MRR.

Formula   1 / rank of the first relevant id among the first k, 0 if there is none
Range     0 to 1: 1 at rank 1, 0.5 at rank 2, 0.33 at rank 3
Empty     nothing relevant: unscored; nothing found: 0
Source    Kantor and Voorhees, The TREC-5 Confusion Track, 2000
"""

from collections.abc import Mapping, Sequence

from monitoring.evaluation.measures.base import NOTHING_RELEVANT, Id, Measurement, gains, has_relevant, unscored


def reciprocal_rank(qrels: Mapping[Id, int], ranking: Sequence[Id], k: int) -> Measurement:
    """Return RR@k."""
    if not has_relevant(qrels):
        return unscored(NOTHING_RELEVANT)
    ranks = (rank for rank, grade in enumerate(gains(qrels, ranking, k), start=1) if grade)
    return Measurement(1 / rank if (rank := next(ranks, None)) else 0.0)
