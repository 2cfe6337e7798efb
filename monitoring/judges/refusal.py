"""Judge: does the answer answer, or does it only say that it cannot?

Labels    ANSWERED 1, REFUSED 0
Empty     an empty answer: unscored
Source    Rajpurkar, Jia and Liang, Know What You Don't Know, 2018 (unanswerable questions)
"""

from monitoring.judges.criteria import CRITERIA
from monitoring.judges.llm_judge import LLMJudge

JUDGE = LLMJudge(
    name="refusal",
    criterion=CRITERIA["refusal"],
    prompt="refusal_v1",
    known_bias=("Unsure of answers that refuse and then give advice. Whether a refusal is right it does not say."),
    source="Rajpurkar, Jia and Liang, Know What You Don't Know, 2018",
)
