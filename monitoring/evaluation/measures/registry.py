"""All measures by name: what a run computes, pages list and exports name. Names are stored, so they never change."""

from collections.abc import Iterable, Mapping, Sequence

from monitoring.evaluation.measures.average_precision import average_precision
from monitoring.evaluation.measures.base import Id, Level, Measurement, RetrievalFunction, RetrievalMeasure
from monitoring.evaluation.measures.hit_rate import hit_rate
from monitoring.evaluation.measures.ndcg import ndcg
from monitoring.evaluation.measures.precision import precision
from monitoring.evaluation.measures.recall import recall
from monitoring.evaluation.measures.reciprocal_rank import reciprocal_rank

# name, label, what it says of a question, function
_RETRIEVAL: tuple[tuple[str, str, str, RetrievalFunction], ...] = (
    ("hit_rate", "Hit rate", "Is anything relevant among the first k?", hit_rate),
    ("mrr", "MRR", "1 / rank of the first relevant one, 0 if it is not among the first k.", reciprocal_rank),
    ("ndcg", "nDCG", "Are the best on top, compared with the best possible order?", ndcg),
    ("precision", "Precision", "Share of relevant ones among the first k.", precision),
    ("recall", "Recall", "Share of all relevant ones that is among the first k.", recall),
    ("map", "MAP", "Mean of the precision at each relevant one.", average_precision),
)


def _at(level: Level) -> Iterable[RetrievalMeasure]:
    is_chunk = level == "chunk"
    for name, label, description, function in _RETRIEVAL:
        yield RetrievalMeasure(
            name=f"chunk_{name}" if is_chunk else name,
            label=f"{label} of chunks" if is_chunk else label,
            description=description,
            level=level,
            function=function,
        )


RETRIEVAL_MEASURES: Mapping[str, RetrievalMeasure] = {
    measure.name: measure for measure in (*_at("document"), *_at("chunk"))
}


def measure_ranking(level: Level, *, qrels: Mapping[Id, int], ranking: Sequence[Id], k: int) -> dict[str, Measurement]:
    """Return all measures of a level by name. A ranking of documents is made by `first_occurrences`."""
    return {
        measure.name: measure.function(qrels, ranking, k)
        for measure in RETRIEVAL_MEASURES.values()
        if measure.level == level
    }
