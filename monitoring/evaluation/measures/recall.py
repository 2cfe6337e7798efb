"""Recall, R@k: how much of what is relevant was found?

Formula   number of relevant ids among the first k, divided by the number of all relevant ids
Range     0 to 1; with more than k relevant ids, 1 cannot be reached
Empty     nothing relevant: unscored; nothing found: 0
Source    van Rijsbergen, Information Retrieval, 1979; cut at k as in trec_eval
"""

from collections.abc import Mapping, Sequence

from monitoring.evaluation.measures.base import NOTHING_RELEVANT, Id, Measurement, gains, has_relevant, unscored


def recall(qrels: Mapping[Id, int], ranking: Sequence[Id], k: int) -> Measurement:
    """Return R@k."""
    if not has_relevant(qrels):
        return unscored(NOTHING_RELEVANT)
    found = sum(1 for grade in gains(qrels, ranking, k) if grade)
    return Measurement(found / sum(1 for grade in qrels.values() if grade > 0))
