"""Normalised discounted cumulative gain, nDCG@k: are the best ids on top, where the grades say how good each is?

Formula   DCG = sum over ranks r up to k of grade(r) / log2(r + 1); nDCG = DCG / the DCG of the best possible ranking
Range     0 to 1: 1 when nothing could stand better
Empty     nothing relevant: unscored; nothing found: 0
Source    Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002; linear gain as in trec_eval
"""

from collections.abc import Mapping, Sequence
from math import log2

from monitoring.evaluation.measures.base import NOTHING_RELEVANT, Id, Measurement, gains, has_relevant, unscored


def ndcg(qrels: Mapping[Id, int], ranking: Sequence[Id], k: int) -> Measurement:
    """Return nDCG@k."""
    if not has_relevant(qrels):
        return unscored(NOTHING_RELEVANT)
    best = sorted((grade for grade in qrels.values() if grade > 0), reverse=True)[:k]
    return Measurement(_dcg(gains(qrels, ranking, k)) / _dcg(best))


def _dcg(grades: Sequence[int]) -> float:
    return sum(grade / log2(rank + 1) for rank, grade in enumerate(grades, start=1))
