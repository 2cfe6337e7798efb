"""Judge: does the answer answer the question, as far as one who sees the hits, and no reference, can tell?

Labels    RELEVANT 1, PARTLY_RELEVANT 0.5, NON_RELEVANT 0
Source    labels of the LLM Zoomcamp's online judge; that one saw question and answer only and agreed with a judge that
          knew the reference by a kappa of 0.22, which is why this one sees the hits too
"""

from monitoring.judges.criteria import CRITERIA
from monitoring.judges.llm_judge import LLMJudge

JUDGE = LLMJudge(
    name="relevance",
    criterion=CRITERIA["relevance"],
    prompt="relevance_v1",
    known_bias=(
        "Lenient with answers that are fluent and wrong, since it knows no reference; prefers long answers, and those "
        "of its own model family."
    ),
    source="Zheng et al., Judging LLM-as-a-Judge, 2023",
    for_evaluation=True,
)
