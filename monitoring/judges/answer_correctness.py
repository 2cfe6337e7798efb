"""Judge: does the answer say what the expected answer says?

Labels    good 1, bad 0
Source    labels of the LLM Zoomcamp's offline judge; it reasons before it labels
"""

from monitoring.judges.criteria import CRITERIA
from monitoring.judges.llm_judge import LLMJudge

JUDGE = LLMJudge(
    name="answer_correctness",
    criterion=CRITERIA["answer_correctness"],
    prompt="answer_correctness_v1",
    needs_reference=True,
    known_bias=(
        "Only as right as the expected answer: a correct answer that the reference does not know is called bad. "
        "Prefers answers of its own model family."
    ),
    source="Zheng et al., Judging LLM-as-a-Judge, 2023 (reference-guided grading)",
    for_evaluation=True,
)
