"""Judge: did the whole conversation give the user what they came for?

Labels    GOOD 1, MIXED 0.5, BAD 0
Inputs    all earlier exchanges as history, the last one as question and answer; no hits
Empty     no question: unscored
Source    user satisfaction estimation: Lin et al., Interpretable User Satisfaction Estimation, 2024
"""

from monitoring.judges.criteria import CRITERIA
from monitoring.judges.llm_judge import LLMJudge

JUDGE = LLMJudge(
    name="session_quality",
    criterion=CRITERIA["session_quality"],
    prompt="session_quality_v1",
    needs=("question",),
    known_bias=(
        "Takes thanks for success and silence for satisfaction, and cannot see that a fluent answer is wrong. Of very "
        "long conversations it sees the end."
    ),
    source="Lin et al., Interpretable User Satisfaction Estimation, 2024",
)
