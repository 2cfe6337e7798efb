"""The measures of one ranking. What is measured is the list as a user sees it: the first k hits, each standing for its
document; a document that comes again keeps its place and counts for nothing."""

from collections.abc import Mapping, Sequence

from monitoring.evaluation.measures.base import Level, Measurement, unscored
from monitoring.evaluation.measures.registry import RETRIEVAL_MEASURES, measure_ranking
from monitoring.evaluation.questions import Question
from monitoring.evaluation.retrieval import Ranking


def score_ranking(question: Question, ranking: Ranking, *, k: int, with_chunks: bool) -> dict[str, Measurement]:
    """Return all retrieval measures by name, unscored with the reason where nothing relevant is known.

    `with_chunks`: passages are known for some items of the run, so that the measures of chunks have something to say.
    """
    grades = question.document_grades
    measured = _level("document", question.unscored, qrels=grades, ranking=ranking.document_ids, k=k)
    if with_chunks:
        grades = question.chunk_grades
        measured |= _level("chunk", question.chunks_unscored, qrels=grades, ranking=ranking.chunk_ids, k=k)
    return measured


def unscored_ranking(reason: str, *, with_chunks: bool) -> dict[str, Measurement]:
    """Return all retrieval measures of an item that failed before its search was done."""
    levels: tuple[Level, ...] = ("document", "chunk") if with_chunks else ("document",)
    return {name: unscored(reason) for name, measure in RETRIEVAL_MEASURES.items() if measure.level in levels}


def _level(
    level: Level, reason: str, *, qrels: Mapping[int, int], ranking: Sequence[int], k: int
) -> dict[str, Measurement]:
    if reason:
        return {name: unscored(reason) for name, measure in RETRIEVAL_MEASURES.items() if measure.level == level}
    return measure_ranking(level, qrels=qrels, ranking=ranking, k=k)
