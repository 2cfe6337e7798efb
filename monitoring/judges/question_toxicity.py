"""Judge: is the question insulting, hateful, threatening or obscene?

Labels    NOT_TOXIC 1, TOXIC 0
Empty     an empty question: unscored
Source    the kinds of toxicity of Borkan et al., Nuanced Metrics for Measuring Unintended Bias, 2019
"""

from monitoring.judges.criteria import CRITERIA
from monitoring.judges.llm_judge import LLMJudge

JUDGE = LLMJudge(
    name="question_toxicity",
    criterion=CRITERIA["question_toxicity"],
    prompt="question_toxicity_v1",
    needs=("question",),
    known_bias=(
        "Sensitive to names of groups and to dialects; models refuse to look at some texts at all, which is a failed "
        "verdict."
    ),
    source="Borkan et al., Nuanced Metrics for Measuring Unintended Bias, 2019",
)
