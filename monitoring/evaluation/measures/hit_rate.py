"""Hit rate, also called Success@k: is anything relevant among the first k?

Formula   1 if any of the first k ids is relevant, else 0; the mean over items is the share of questions that were met
Range     0 or 1
Empty     nothing relevant: unscored; nothing found: 0
Source    Success@k of TREC, as in `ir_measures`; "hit rate" in recommender systems
"""

from collections.abc import Mapping, Sequence

from monitoring.evaluation.measures.base import NOTHING_RELEVANT, Id, Measurement, gains, has_relevant, unscored


def hit_rate(qrels: Mapping[Id, int], ranking: Sequence[Id], k: int) -> Measurement:
    """Return Success@k."""
    if not has_relevant(qrels):
        return unscored(NOTHING_RELEVANT)
    return Measurement(float(any(gains(qrels, ranking, k))))
