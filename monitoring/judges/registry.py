"""All judges by name. A new judge is a file with a JUDGE, its prompt, and a line here."""

from collections.abc import Mapping

from monitoring.judges import (
    answer_correctness,
    answer_similarity,
    citation_accuracy,
    citation_accuracy_offline,
    context_relevance,
    context_relevance_offline,
    groundedness,
    groundedness_offline,
    question_toxicity,
    question_toxicity_offline,
    refusal,
    refusal_offline,
    relevance,
    relevance_offline,
    session_quality,
    session_quality_offline,
    toxicity,
    toxicity_offline,
)
from monitoring.judges.base import Judge

JUDGES: Mapping[str, Judge] = {
    judge.name: judge
    for judge in (
        groundedness_offline.JUDGE,
        relevance_offline.JUDGE,
        context_relevance_offline.JUDGE,
        citation_accuracy_offline.JUDGE,
        refusal_offline.JUDGE,
        toxicity_offline.JUDGE,
        question_toxicity_offline.JUDGE,
        session_quality_offline.JUDGE,
        answer_similarity.JUDGE,
        relevance.JUDGE,
        groundedness.JUDGE,
        context_relevance.JUDGE,
        citation_accuracy.JUDGE,
        refusal.JUDGE,
        toxicity.JUDGE,
        question_toxicity.JUDGE,
        session_quality.JUDGE,
        answer_correctness.JUDGE,
    )
}
# What evaluation runs ask. The others are about what a dataset has no doubt of (its questions), what a measure says
# already with the reference at hand (refusals, hits, the similarity of answers), or a whole conversation.
EVALUATION_JUDGES: Mapping[str, Judge] = {name: judge for name, judge in JUDGES.items() if judge.for_evaluation}
