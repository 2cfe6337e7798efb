"""Judge: are the hits about the question?

Labels    RELEVANT 1, PARTLY_RELEVANT 0.5, NON_RELEVANT 0
Empty     no hits, or an empty question: unscored
Source    context relevance of Es et al., RAGAS, 2023; graded as passages are in TREC
"""

from monitoring.judges.criteria import CRITERIA
from monitoring.judges.llm_judge import LLMJudge

JUDGE = LLMJudge(
    name="context_relevance",
    criterion=CRITERIA["context_relevance"],
    prompt="context_relevance_v1",
    needs=("question", "hits"),
    known_bias=("Lenient with hits that share the words of the question. Sees only the beginning of very long hits."),
    source="Es et al., RAGAS, 2023 (context relevance)",
)
