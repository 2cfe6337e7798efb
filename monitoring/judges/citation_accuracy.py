"""Judge: does each citation lead to a hit that supports its sentence? It lists those that do not.

Labels    CORRECT 1, PARTLY_CORRECT 0.5, WRONG 0
Empty     an answer without citations: unscored, whether one is missing is another question
Source    citation precision of Liu, Zhang and Liang, Evaluating Verifiability in Generative Search Engines, 2023
"""

from monitoring.judges.criteria import CRITERIA
from monitoring.judges.llm_judge import LLMJudge

JUDGE = LLMJudge(
    name="citation_accuracy",
    criterion=CRITERIA["citation_accuracy"],
    prompt="citation_accuracy_v1",
    needs=("answer", "citations"),
    lists=("wrong",),
    known_bias=(
        "Lenient with a citation of a hit on the same subject that does not say it, and confused by many citations in "
        "one answer."
    ),
    source="Liu, Zhang and Liang, Evaluating Verifiability in Generative Search Engines, 2023",
)
