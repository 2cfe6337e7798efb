"""Precision, P@k: how much of what was found is relevant?

Formula   number of relevant ids among the first k, divided by k, also where fewer than k were found
Range     0 to 1; with one relevant id at most 1 / k, so compare it only between runs on the same dataset
Empty     nothing relevant: unscored; nothing found: 0
Source    van Rijsbergen, Information Retrieval, 1979; divided by k as in trec_eval
"""

from collections.abc import Mapping, Sequence

from monitoring.evaluation.measures.base import NOTHING_RELEVANT, Id, Measurement, gains, has_relevant, unscored


def precision(qrels: Mapping[Id, int], ranking: Sequence[Id], k: int) -> Measurement:
    """Return P@k."""
    if not has_relevant(qrels):
        return unscored(NOTHING_RELEVANT)
    return Measurement(sum(1 for grade in gains(qrels, ranking, k) if grade) / k)
