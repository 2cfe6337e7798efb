"""Average precision, AP@k: precision at each relevant id, so that early ones count more. Its mean over items is MAP.

Formula   sum of P@r over the ranks r up to k that hold a relevant id, divided by the number of all relevant ids
Range     0 to 1; with one relevant id it is the reciprocal rank
Empty     nothing relevant: unscored; nothing found: 0
Source    Harman, Overview of the first TREC conference, 1993; cut at k as in trec_eval's map_cut
"""

from collections.abc import Mapping, Sequence

from monitoring.evaluation.measures.base import NOTHING_RELEVANT, Id, Measurement, gains, has_relevant, unscored


def average_precision(qrels: Mapping[Id, int], ranking: Sequence[Id], k: int) -> Measurement:
    """Return AP@k."""
    if not has_relevant(qrels):
        return unscored(NOTHING_RELEVANT)
    found, total = 0, 0.0
    for rank, grade in enumerate(gains(qrels, ranking, k), start=1):
        if grade:
            found += 1
            total += found / rank
    return Measurement(total / sum(1 for grade in qrels.values() if grade > 0))
