"""All measures by name: what a run computes, pages list and exports name. Names are stored, so they never change."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from chat.rag.embed import TextEmbedder
from monitoring.evaluation.measures.answer_similarity import answer_similarity
from monitoring.evaluation.measures.answers import AnsweredItem
from monitoring.evaluation.measures.average_precision import average_precision
from monitoring.evaluation.measures.base import (
    AnswerMeasure,
    Id,
    Level,
    Measure,
    Measurement,
    RetrievalFunction,
    RetrievalMeasure,
)
from monitoring.evaluation.measures.citation_accuracy import citation_accuracy
from monitoring.evaluation.measures.hit_rate import hit_rate
from monitoring.evaluation.measures.ndcg import ndcg
from monitoring.evaluation.measures.precision import precision
from monitoring.evaluation.measures.recall import recall
from monitoring.evaluation.measures.reciprocal_rank import reciprocal_rank
from monitoring.evaluation.measures.refusal import refusal_correct
from monitoring.evaluation.measures.rouge import rouge_1, rouge_2, rouge_l
from monitoring.evaluation.measures.round_trip import ROUND_TRIP

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


def _each(
    function: Callable[[AnsweredItem], Measurement],
) -> Callable[[Sequence[AnsweredItem], TextEmbedder], list[Measurement]]:
    """Return a measure of one answer, which needs no embedder, as one of many."""
    return lambda items, _embedder: [function(item) for item in items]


ANSWER_MEASURES: Mapping[str, AnswerMeasure] = {
    measure.name: measure
    for measure in (
        AnswerMeasure(
            name="answer_similarity",
            label="Answer similarity",
            description="Cosine similarity of the answer with the expected answer.",
            function=answer_similarity,
            needs_expected_answer=True,
        ),
        AnswerMeasure(
            name="rouge_1",
            label="ROUGE-1",
            description="Words shared with the expected answer (F1).",
            function=_each(rouge_1),
            needs_expected_answer=True,
        ),
        AnswerMeasure(
            name="rouge_2",
            label="ROUGE-2",
            description="Pairs of words shared with the expected answer (F1).",
            function=_each(rouge_2),
            needs_expected_answer=True,
        ),
        AnswerMeasure(
            name="rouge_l",
            label="ROUGE-L",
            description="Longest sequence of words shared with the expected answer (F1).",
            function=_each(rouge_l),
            needs_expected_answer=True,
        ),
        AnswerMeasure(
            name="refusal_correct",
            label="Refusal",
            description="Does it say that it does not know exactly where nothing answers the question?",
            function=_each(refusal_correct),
        ),
        AnswerMeasure(
            name="citation_accuracy",
            label="Citation accuracy",
            description="Share of cited hits that are of a relevant document.",
            function=_each(citation_accuracy),
        ),
    )
}

MEASURES: Mapping[str, Measure] = {**RETRIEVAL_MEASURES, **ANSWER_MEASURES, ROUND_TRIP.name: ROUND_TRIP}


def measure_answers(items: Sequence[AnsweredItem], embedder: TextEmbedder) -> list[dict[str, Measurement]]:
    """Return all measures of each answer by name, in order; give many at once. Raises EmbeddingError."""
    measured = {name: measure.function(items, embedder) for name, measure in ANSWER_MEASURES.items()}
    return [{name: values[place] for name, values in measured.items()} for place in range(len(items))]


def measure_ranking(level: Level, *, qrels: Mapping[Id, int], ranking: Sequence[Id], k: int) -> dict[str, Measurement]:
    """Return all measures of a level by name. A ranking of documents is made by `first_occurrences`."""
    return {
        measure.name: measure.function(qrels, ranking, k)
        for measure in RETRIEVAL_MEASURES.values()
        if measure.level == level
    }
